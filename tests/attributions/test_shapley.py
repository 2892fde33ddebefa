"""Shapley, Owen and Banzhaf values, against their definitions and within their errors."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ascribe import AscribeWarning, InputError, Targets, explain
from ascribe.attr import (
    Banzhaf,
    KernelShap,
    Owen,
    PermutationShap,
    ShapleyValues,
    ShapleyValueSampling,
)

EXACT = [ShapleyValues, Owen, Banzhaf]
SAMPLED = [ShapleyValueSampling, PermutationShap, KernelShap]


def game(players, seed):
    """A random game: a score that looks up the value of the coalition of the ones in its input."""
    values = torch.randn(2**players, generator=torch.Generator().manual_seed(seed)).double()
    bits = 2 ** torch.arange(players)
    return values, lambda x: values[(x.round().long() * bits).sum(1)]


def ones(players):
    return torch.ones(1, players, dtype=torch.float64)


def by_orders(values, players, orders):
    """The mean, over some orders, of what each player adds."""
    total = torch.zeros(players, dtype=torch.float64)
    for order in orders:
        there = 0
        for player in order:
            total[player] += values[there | 1 << player] - values[there]
            there |= 1 << player
    return total / len(orders)


def shapley(values, players):
    return by_orders(values, players, list(itertools.permutations(range(players))))


@given(st.integers(1, 6), st.integers(0, 9999))
def test_exact_values_are_the_mean_over_all_orders(players, seed):
    values, score = game(players, seed)
    found = ShapleyValues(score).attribute(ones(players))[0]
    torch.testing.assert_close(found, shapley(values, players), rtol=0, atol=1e-12)


@given(st.integers(1, 10), st.integers(0, 9999))
def test_kernel_shap_of_all_coalitions_is_exact(players, seed):
    _values, score = game(players, seed)
    samples = max(1, 2**players - 2)
    found, error = KernelShap(score).attribute(
        ones(players), n_samples=samples, return_standard_errors=True
    )
    exact = ShapleyValues(score).attribute(ones(players))
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)
    assert float(error.max()) == 0


@pytest.mark.parametrize("method", SAMPLED)
def test_values_are_exact_where_that_takes_no_more_evaluations(method):
    values, score = game(5, 3)
    found, error = method(score).attribute(ones(5), n_samples=30, return_standard_errors=True)
    torch.testing.assert_close(found[0], shapley(values, 5), rtol=0, atol=1e-12)
    assert float(error.max()) == 0
    assert method(score).cost(ones(5), n_samples=30) == 32


@pytest.mark.parametrize("method", SAMPLED)
@pytest.mark.parametrize("n_samples", [2, 7, 30])
def test_sampled_values_always_sum_to_the_change_of_the_score(method, n_samples):
    values, score = game(9, 1)
    with pytest.warns(AscribeWarning) if (method, n_samples) in FEW else _quiet():
        found = method(score).attribute(ones(9), n_samples=n_samples)
    assert float(found.sum()) == pytest.approx(float(values[-1] - values[0]), abs=1e-12)


FEW = {(KernelShap, 2), (KernelShap, 7)}


class _quiet:  # noqa: N801 - a context that expects no warning, since warnings are errors
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("method", SAMPLED)
def test_standard_errors_are_those_that_many_seeds_show(method):
    _values, score = game(8, 0)
    exact = ShapleyValues(score).attribute(ones(8))
    runs = [
        method(score).attribute(ones(8), n_samples=16 if method is not KernelShap else 60,
                                seed=seed, return_standard_errors=True)
        for seed in range(60)
    ]  # fmt: skip
    found, errors = (torch.stack(parts) for parts in zip(*runs, strict=True))
    shown = (found - exact).square().mean(0).sqrt()
    told = errors.square().mean(0).sqrt()
    # 60 draws tell a deviation to about a tenth.
    assert 0.75 < float((shown / told).mean()) < 1.25
    assert float(((found.mean(0) - exact) / (told / 60**0.5)).abs().max()) < 5


@given(st.integers(2, 7), st.integers(0, 99))
def test_antithetic_orders_are_exact_where_features_interact_in_pairs(players, seed):
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(players, players, generator=generator, dtype=torch.float64)
    score = lambda x: ((x @ w) * x).sum(1)  # noqa: E731
    found = PermutationShap(score).attribute(ones(players), n_samples=1)
    exact = ShapleyValues(score).attribute(ones(players))
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


@given(st.integers(1, 6), st.integers(0, 9999))
def test_banzhaf_values_are_the_mean_over_all_coalitions(players, seed):
    values, score = game(players, seed)
    expected = torch.stack(
        [
            torch.stack(
                [values[c | 1 << i] - values[c] for c in range(2**players) if not c >> i & 1]
            ).mean()
            for i in range(players)
        ]
    )
    exact = Banzhaf(score).attribute(ones(players))[0]
    torch.testing.assert_close(exact, expected, rtol=0, atol=1e-12)
    # A regression on all pairs gives the same.
    regressed, error = Banzhaf(score).attribute(
        ones(players), n_samples=2**players, return_standard_errors=True
    )
    torch.testing.assert_close(regressed[0], expected, rtol=0, atol=1e-12)
    assert float(error.max()) == 0


TREE = [[0, [1, 2]], 3, [4, 5]]


def orders_of(node):
    """All orders that keep the groups of a hierarchy together."""
    if isinstance(node, int):
        return [[node]]
    found = []
    for children in itertools.permutations(node):
        for parts in itertools.product(*map(orders_of, children)):
            found.append([leaf for part in parts for leaf in part])
    return found


def test_owen_values_are_the_mean_over_the_orders_of_the_hierarchy():
    values, score = game(6, 5)
    expected = by_orders(values, 6, orders_of(TREE))
    found = Owen(score).attribute(ones(6), hierarchy=TREE)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_sampled_owen_values_tend_to_the_exact_ones():
    _values, score = game(6, 5)
    deep = [[[[[0, 1], 2], 3], 4], 5]
    exact = Owen(score).attribute(ones(6), hierarchy=deep)
    found, error = Owen(score).attribute(
        ones(6), hierarchy=deep, n_samples=4, return_standard_errors=True, seed=1
    )
    assert float((found - exact).abs().max()) <= 6 * float(error.max())


def test_a_flat_hierarchy_gives_shapley_values():
    values, score = game(5, 8)
    found = Owen(score).attribute(ones(5), hierarchy=[0, 1, 2, 3, 4])
    torch.testing.assert_close(found[0], shapley(values, 5), rtol=0, atol=1e-12)


def test_owen_takes_about_the_square_of_the_features_where_shapley_takes_a_power():
    score = nn.Linear(16, 1).double()
    method = Owen(score)
    assert method.cost(ones(16), target=0) <= 16**2
    assert ShapleyValues(score).cost(ones(16), target=0) == 2**16


@pytest.mark.parametrize(
    ("hierarchy", "told"),
    [([0, 1], "lacks"), ([0, 1, 2, 2], "more than once"), ([0, [1, "2"]], "'2'"), ([], "nested")],
)
def test_a_hierarchy_that_does_not_hold_each_feature_once_is_refused(hierarchy, told):
    with pytest.raises(InputError, match=told):
        Owen(lambda x: x.sum(1)).attribute(ones(3), hierarchy=hierarchy)


@pytest.mark.parametrize("method", EXACT)
def test_too_many_features_for_exact_values_name_what_to_do(method):
    features = 21 if method is not Owen else 2000
    with pytest.raises(InputError, match="feature_mask"):
        method(lambda x: x.sum(1)).attribute(torch.ones(1, features))


@pytest.mark.parametrize("method", [*EXACT, *SAMPLED])
def test_a_background_is_the_mean_over_its_rows(method):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x, rows = torch.randn(3, 4).double(), torch.randn(5, 4).double()
    options = {"n_samples": 40} if method in SAMPLED else {}
    found = method(model).attribute(x, background=rows, target=1, **options)
    alone = [method(model).attribute(x, row, target=1, **options) for row in rows]
    torch.testing.assert_close(found, torch.stack(alone).mean(0), rtol=0, atol=1e-12)


def test_baselines_and_a_background_together_are_refused():
    with pytest.raises(InputError, match="not both"):
        ShapleyValues(lambda x: x.sum(1)).attribute(ones(2), baselines=0, background=ones(2))


@pytest.mark.parametrize("method", [*EXACT, *SAMPLED])
def test_features_reach_across_inputs_and_come_as_numbers_too(method):
    def model(a, b):
        return a[:, 0] * b[:, 0] + a[:, 1] + b[:, 1].square()

    a, b = torch.tensor([[2.0, 3.0]]).double(), torch.tensor([[5.0, 7.0]]).double()
    masks = (torch.tensor([[4, 1]]), torch.tensor([[4, 9]]))
    found = method(model).attribute((a, b), feature_mask=masks)
    assert [part.tolist() for part in found] == [
        [[pytest.approx(10), pytest.approx(3)]],
        [[pytest.approx(10), pytest.approx(49)]],
    ]
    numbers = method(model).attribute((a, b), feature_mask=masks, return_input_shape=False)
    torch.testing.assert_close(numbers, torch.tensor([[3.0, 10.0, 49.0]]).double())


@pytest.mark.parametrize("method", [*EXACT, *SAMPLED])
def test_one_number_for_the_whole_batch_and_several_targets(method):
    torch.manual_seed(1)
    model = nn.Linear(3, 2).double()
    x = torch.randn(4, 3).double()
    whole = method(lambda x: model(x)[:, 0].square().sum()).attribute(x)
    assert whole.shape == (1, 3)
    together = method(model).attribute(x, target=Targets([1, 0]))
    alone = torch.stack([method(model).attribute(x, target=t) for t in (1, 0)])
    torch.testing.assert_close(together, alone)
    with pytest.raises(InputError, match="batch of one"):
        method(lambda x: x.sum()).attribute(x, feature_mask=torch.arange(12).reshape(4, 3) % 3)


def test_estimates_refine_until_they_are_precise_enough():
    _values, score = game(12, 2)
    exact = ShapleyValues(score).attribute(ones(12))
    estimates = list(
        ShapleyValueSampling(score).refine(ones(12), n_samples=8, tolerance=0.1, seed=4)
    )
    errors = [estimate.largest_error for estimate in estimates]
    assert errors[-1] <= 0.1 < errors[-2]
    assert [e.n_samples for e in estimates] == [8 * 2**n for n in range(len(estimates))]
    last = estimates[-1]
    assert float(((last.attributions - exact) / last.standard_errors).abs().max()) < 5


def test_estimates_end_with_time_and_with_an_exact_answer():
    _, score = game(10, 2)
    timed = list(KernelShap(score).refine(ones(10), n_samples=40, seconds=1e-9))
    assert len(timed) == 1
    until_exact = list(KernelShap(score).refine(ones(10), n_samples=200))
    assert until_exact[-1].largest_error == 0
    exact = ShapleyValues(score).attribute(ones(10))
    torch.testing.assert_close(until_exact[-1].attributions, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"tolerance": 0}, {"seconds": -1}, {"n_samples": None}])
def test_bad_ends_of_refinement_are_refused(options):
    with pytest.raises(InputError):
        next(ShapleyValueSampling(lambda x: x.sum(1)).refine(ones(2), **options))


def test_too_few_coalitions_are_told_and_unbiased():
    _values, score = game(8, 6)
    exact = ShapleyValues(score).attribute(ones(8))
    with pytest.warns(AscribeWarning, match="do not determine"):
        found = torch.stack(
            [KernelShap(score).attribute(ones(8), n_samples=8, seed=s) for s in range(400)]
        )
    error = found.std(0) / 400**0.5
    assert float(((found.mean(0) - exact) / error).abs().max()) < 5


def test_an_explanation_keeps_standard_errors(tmp_path):
    _, score = game(9, 6)
    found = explain(score, ones(9), "permutation_shap", n_samples=4)
    assert found.standard_errors.shape == found.values.shape
    assert "standard errors <= " in repr(found)
    found.save(tmp_path / "found.npz")
    again = type(found).load(tmp_path / "found.npz")
    assert torch.equal(again.standard_errors, found.standard_errors)


def test_the_budget_is_kept():
    seen = [0]
    _, score = game(12, 0)

    def counted(x):
        seen[0] += len(x)
        return score(x)

    KernelShap(counted).attribute(ones(12), n_samples=100)
    assert seen[0] <= 100 + 2 + 4  # of all, of nobody, and to find out about batches
    assert math.isclose(KernelShap(counted).cost(ones(12), n_samples=100), 102)


def test_more_features_than_anyone_can_enumerate():
    x = torch.rand(1, 3, 128, 128, dtype=torch.float64)
    score = lambda x: x.square().sum((1, 2, 3))  # noqa: E731
    with pytest.warns(AscribeWarning, match="do not determine"):
        found = KernelShap(score).attribute(x, n_samples=20)
    assert float(found.sum()) == pytest.approx(float(score(x)))
    sampled = Banzhaf(score).attribute(x, n_samples=20)
    assert bool(sampled.isfinite().all())

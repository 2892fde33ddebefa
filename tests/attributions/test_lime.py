import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ascribe import AscribeWarning, InputError
from ascribe.attr import (
    Lasso,
    Lime,
    LimeBase,
    LinearRegression,
    Ridge,
    get_exp_kernel_similarity_function,
)


def weighted(x, y, w):
    """Centre around weighted means: what a constant that is not penalised does."""
    w = w / w.sum()
    return x - w @ x, y - w @ y, w


@given(st.integers(0, 99), st.integers(2, 30), st.integers(1, 6))
def test_ridge_is_its_closed_form(seed, samples, features):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, features, generator=generator, dtype=torch.float64)
    y, w = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    w = w.abs()
    z, r, _ = weighted(x, y, w)
    matrix = z.T @ (w[:, None] * z) + 0.3 * torch.eye(features, dtype=torch.float64)
    expected = torch.linalg.solve(matrix, z.T @ (w * r))
    found = Ridge(0.3).fit(x, y[None], w[None])[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 99), st.integers(2, 30), st.sampled_from([1, 2, 6, 200]))
def test_lasso_meets_the_conditions_of_its_optimum(seed, samples, features):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, features, generator=generator, dtype=torch.float64)
    y, w = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    w = w.abs()
    b = Lasso(0.2).fit(x, y[None], w[None])[0]
    z, r, share = weighted(x, y, w)
    slope = z.T @ (share * (r - z @ b))  # is alpha times the sign where b is not zero
    active = b != 0
    torch.testing.assert_close(slope[active], 0.2 * b[active].sign(), rtol=0, atol=1e-9)
    assert bool((slope[~active].abs() <= 0.2 + 1e-9).all())


def test_many_regressions_at_once_are_each_by_itself():
    x, y, w = torch.rand(20, 4), torch.rand(3, 20), torch.rand(3, 20)
    for model in (LinearRegression(), Ridge(0.5), Lasso(0.02)):
        alone = torch.cat([model.fit(x, y[i : i + 1], w[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(model.fit(x, y, w), alone, rtol=1e-9, atol=1e-12)


def test_what_is_not_finite_stays_in_its_regression():
    x, y, w = torch.rand(9, 2), torch.rand(2, 9), torch.ones(2, 9)
    y[0, 3] = float("nan")
    for model in (LinearRegression(), Ridge(0.5), Lasso(0.02)):
        found = model.fit(x, y, w)
        assert bool(found[0].isnan().all())
        assert bool(found[1].isfinite().all())


@pytest.mark.parametrize("alpha", [0, -1, float("nan")])
def test_a_penalty_that_is_not_positive_is_refused(alpha):
    for model in (Ridge, Lasso):
        with pytest.raises(InputError, match="positive"):
            model(alpha)


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(1e-12)])
def test_of_an_additive_score_coefficients_are_the_changes(model):
    torch.manual_seed(0)
    linear = nn.Linear(5, 3).double()
    x, b = torch.randn(2, 5).double(), torch.randn(2, 5).double()
    found = Lime(linear, model).attribute(x, b, target=2, n_samples=60)
    torch.testing.assert_close(found, linear.weight[2] * (x - b), rtol=1e-8, atol=1e-9)


def test_is_the_definition_sample_by_sample():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(1, 4).double()
    drawn = torch.randint(2, (30, 4), generator=torch.Generator().manual_seed(3))

    def each(original, **told):
        yield from drawn[:, None].float()

    found = Lime(net, Ridge(0.1), perturb_func=each).attribute(x, target=0, n_samples=30)
    kernel = get_exp_kernel_similarity_function()
    changed = x * drawn
    w = torch.tensor([kernel(x, row[None]) for row in changed], dtype=torch.float64)
    y = net(changed)[:, 0].detach()
    expected = Ridge(0.1).fit(drawn, y[None], w[None])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_similarity_of_the_caller_s_own_counts_like_the_built_in_one():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, told = torch.randn(3, 4).double(), []
    kernel = get_exp_kernel_similarity_function("euclidean", 2.0)

    def own(original, changed, features, **kwargs):
        told.append((original.shape, changed.shape, features.shape, sorted(kwargs)))
        return kernel(original, changed)

    expected = Lime(net, Ridge(0.1), kernel).attribute(x, target=0)
    found = Lime(net, Ridge(0.1), own).attribute(x, target=0)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    one = (torch.Size([1, 4]),) * 3
    assert told[0] == (*one, ["baselines", "feature_mask", "num_interp_features"])


def test_standard_errors_are_about_those_that_many_seeds_show():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(1, 4).double() * 3
    method = Lime(net, Ridge(0.1))
    runs = [
        method.attribute(x, target=0, n_samples=80, seed=s, return_standard_errors=True)
        for s in range(60)
    ]
    found, errors = (torch.stack(part) for part in zip(*runs, strict=True))
    ratio = found.std(0) / errors.square().mean(0).sqrt()
    assert 0.6 < float(ratio.mean()) < 1.4


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"interpretable_model": 3}, "interpretable_model"),
        ({"perturb_func": lambda x, **_: torch.zeros(1, 9)}, "perturb_func"),
        ({"perturb_func": lambda x, **_: torch.full((1, 3), 0.5)}, "zeros and ones"),
        ({"perturb_func": lambda x, **_: iter([torch.ones(1, 3)])}, "yields 1"),
        ({"similarity_func": lambda *_, **__: -1.0}, "similarity_func"),
    ],
)
def test_functions_that_return_what_they_must_not_are_told(options, told):
    with pytest.raises(InputError, match=told):
        Lime(lambda x: x.sum(1), **options).attribute(torch.ones(1, 3))


def test_texts_of_any_length_have_words_as_features():
    table = torch.tensor([0.0, 1.0, -2.0, 4.0, 0.5]).double()

    def score(ids):
        return table[ids].sum(1)

    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([[1, 3, 2, 4]])
    method = LimeBase(
        score,
        LinearRegression(),
        similarity_func=lambda *_, **__: 1.0,
        perturb_func=lambda x, **_: torch.randint(2, x.shape, generator=generator),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda sample, x, **_: x[sample.bool()].reshape(1, -1),
        to_interp_rep_transform=None,
    )
    found = method.attribute(ids, n_samples=40)
    torch.testing.assert_close(found, table[ids].float())


def test_samples_of_inputs_are_turned_into_features():
    def score(x):
        return 2 * (x[:, 0] > 0).double() - (x[:, 1] > 0).double()

    generator = torch.Generator().manual_seed(0)
    method = LimeBase(
        score,
        Ridge(1e-9),
        similarity_func=lambda x, changed, features, **_: float(features.sum()) + 1,
        perturb_func=lambda x, **_: torch.randn(x.shape, generator=generator).double(),
        perturb_interpretable_space=False,
        from_interp_rep_transform=None,
        to_interp_rep_transform=lambda sample, x, **_: (sample > 0).double(),
    )
    found = method.attribute(torch.ones(1, 2).double(), perturbations_per_eval=7)
    torch.testing.assert_close(found, torch.tensor([[2.0, -1.0]]).double(), rtol=0, atol=1e-6)


def test_lime_base_needs_its_transforms_and_one_example():
    function = lambda *_, **__: torch.ones(1, 2)  # noqa: E731
    with pytest.raises(InputError, match="from_interp_rep_transform"):
        LimeBase(torch.sum, Ridge(), function, function, True, None, None)
    method = LimeBase(lambda x: x.sum(1), Ridge(), function, function, True, function, None)
    with pytest.raises(InputError, match="one example at a time"):
        method.attribute(torch.ones(3, 2))


def test_a_picture_without_a_mask_has_many_features_and_takes_no_age():
    x = torch.rand(1, 3, 64, 64)
    found = Lime(lambda x: x.sum((1, 2, 3)), Lasso(1.0)).attribute(x, n_samples=10)
    assert found.shape == x.shape
    assert bool(found.isfinite().all())


@pytest.mark.parametrize("model", [Lasso(0.01), Ridge(0.1), LinearRegression()])
def test_hardly_any_coefficient_is_five_standard_errors_off(model):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    x, method = torch.randn(1, 6).double() * 3, Lime(net, model)
    runs = [
        method.attribute(x, target=0, n_samples=40, seed=s, return_standard_errors=True)
        for s in range(80)
    ]
    found, errors = (torch.stack(part) for part in zip(*runs, strict=True))
    # Student's distribution of nine degrees of freedom is beyond 5 deviations once in 1400.
    assert float(((found - found.mean(0)).abs() > 5 * errors).double().mean()) < 0.01


def test_nothing_is_known_of_a_feature_that_is_always_there():
    def each(original, **told):
        return torch.tensor([[1, int(torch.rand((), generator=generator) < 0.5)]])

    generator = torch.Generator().manual_seed(0)
    _, error = Lime(lambda x: x.sum(1), Ridge(0.1), perturb_func=each).attribute(
        torch.ones(1, 2), n_samples=40, return_standard_errors=True
    )
    assert error.isinf().tolist() == [[True, False]]


def test_samples_too_far_away_to_count_are_told():
    near = get_exp_kernel_similarity_function("euclidean", 1e-3)
    with pytest.warns(AscribeWarning, match="larger kernel_width"):
        Lime(lambda x: x.sum(1), similarity_func=near).attribute(torch.ones(2, 3) * 9)
    with pytest.warns(AscribeWarning, match="n_samples is too small"):
        Lime(lambda x: x.sum(1)).attribute(torch.ones(1, 3), n_samples=1)


def test_fewer_samples_than_coefficients_of_least_squares_are_told():
    with pytest.warns(AscribeWarning, match="do not determine"):
        Lime(lambda x: x.sum(1), LinearRegression()).attribute(torch.ones(1, 30), n_samples=10)


def masked(score):
    generator = torch.Generator().manual_seed(0)
    return LimeBase(
        score,
        LinearRegression(),
        similarity_func=lambda *_, **__: 1e-60,
        perturb_func=lambda x, **_: torch.randint(2, (1, 3), generator=generator),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda sample, x, **_: x * sample,
        to_interp_rep_transform=None,
    )


def test_lime_base_tells_its_cost_without_running_the_samples():
    seen = [0]

    def score(x):
        seen[0] += len(x)
        return x.sum(1)

    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert masked(score).cost(x, n_samples=20) == 21
    assert seen == [1]
    found = masked(score).attribute(x, n_samples=20, perturbations_per_eval=7)
    assert seen == [22]
    torch.testing.assert_close(found, x)


def test_lime_base_refuses_to_join_samples_that_share_a_score_and_an_empty_batch():
    with pytest.raises(InputError, match="perturbations_per_eval must be 1"):
        masked(torch.sum).attribute(torch.ones(1, 3), perturbations_per_eval=2)
    with pytest.raises(InputError, match="there are 0"):
        masked(lambda x: x.sum(1)).attribute(torch.ones(0, 3))

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import IntegratedGradients
from ascribe.quadrature import RULES


def replica(model, x, baseline, target, n_steps):
    """The paper's sum, one example and one step at a time, with midpoints."""
    rows = []
    for example in x:
        total = torch.zeros_like(example)
        for step in range(n_steps):
            point = (baseline + (step + 0.5) / n_steps * (example - baseline)).requires_grad_()
            total += torch.autograd.grad(model(point.clone()[None])[0, target], point)[0]
        rows.append((example - baseline) * total / n_steps)
    return torch.stack(rows)


def test_is_the_sum_of_the_paper(case):
    model, x = case
    baseline = torch.randn(x.shape[1:], dtype=torch.float64)
    found = IntegratedGradients(model).attribute(
        x, baseline, target=1, n_steps=7, method="riemann_middle"
    )
    torch.testing.assert_close(found, replica(model, x, baseline, 1, 7))


@pytest.mark.parametrize("method", RULES)
@pytest.mark.parametrize("n_steps", [2, 3, 50])
def test_every_rule_is_exact_on_a_linear_model(linear, method, n_steps):
    x, b = torch.randn(2, 3, 6, dtype=torch.float64)
    found, delta = IntegratedGradients(linear).attribute(
        x, b, target=2, n_steps=n_steps, method=method, return_convergence_delta=True
    )
    torch.testing.assert_close(found, linear.weight[2].detach() * (x - b), rtol=0, atol=1e-13)
    torch.testing.assert_close(delta, torch.zeros(3).double(), rtol=0, atol=1e-13)


@given(
    st.lists(
        st.tuples(st.floats(-2, 2), st.sets(st.integers(0, 3), max_size=4)), min_size=1, max_size=6
    ),
    st.integers(0, 1000),
)
def test_a_multilinear_polynomial_shares_each_monomial_equally(monomials, seed):
    """On products of differences integrated gradients are Shapley values: equal shares."""
    generator = torch.Generator().manual_seed(seed)
    x, b = torch.randn(2, 1, 4, generator=generator, dtype=torch.float64)

    def model(points):
        total = points.new_zeros(len(points)) + 0 * points.sum(1)
        for coefficient, members in monomials:
            total = total + coefficient * (points - b)[:, sorted(members)].prod(1)
        return total

    expected, size = torch.zeros(1, 4, dtype=torch.float64), 0.0
    for coefficient, members in monomials:
        product = coefficient * (x - b)[0, sorted(members)].prod()
        size += abs(float(product))
        for member in members:
            expected[0, member] += product / len(members)
    # The integrand is of degree three at most: two Gauss-Legendre nodes are exact.
    found = IntegratedGradients(model).attribute(x, b, n_steps=2)
    torch.testing.assert_close(found, expected, rtol=0, atol=256 * 2.3e-16 * (1 + size))


def exact_on_relu_net(first, second, x, b):
    """Split the path where a ReLU switches: between, the gradient is constant."""
    with torch.no_grad():
        start, move = first(b[None])[0], first(x[None])[0] - first(b[None])[0]
    crossings = [float(-s / m) for s, m in zip(start, move, strict=True) if m != 0]
    cuts = sorted({0.0, 1.0, *(c for c in crossings if 0 < c < 1)})
    total = torch.zeros_like(x)
    for low, high in itertools.pairwise(cuts):
        point = (b + (low + high) / 2 * (x - b)).requires_grad_()
        score = second(torch.relu(first(point)))[0]
        total += (high - low) * torch.autograd.grad(score, point)[0]
    return (x - b) * total


def test_of_a_relu_net_converges_to_the_exact_integral():
    first, second = nn.Linear(5, 9).double(), nn.Linear(9, 1).double()
    x, b = torch.randn(2, 5, dtype=torch.float64)
    exact = exact_on_relu_net(first, second, x, b)
    change = (second(torch.relu(first(x))) - second(torch.relu(first(b)))).item()
    assert abs(float(exact.sum()) - change) < 1e-14 * 9 * float(exact.abs().sum())
    method = IntegratedGradients(nn.Sequential(first, nn.ReLU(), second))
    for n_steps in (20, 100, 500):
        found, delta = method.attribute(
            x[None], b[None], target=0, n_steps=n_steps, return_convergence_delta=True
        )
        size = float(exact.abs().sum())
        assert float((found[0] - exact).abs().max()) <= 8 / n_steps * size
        assert abs(float(delta)) <= 8 / n_steps * size


def test_smooth_models_are_complete_to_the_last_digits(case):
    model, x = case
    if not isinstance(model[1] if isinstance(model, nn.Sequential) else model, nn.Tanh):
        pytest.skip("only where the path is smooth")
    found, delta = IntegratedGradients(model).attribute(
        x, target=1, n_steps=64, return_convergence_delta=True
    )
    assert float(delta.abs().max()) < 1e-9
    change = (model(x) - model(torch.zeros_like(x)))[:, 1].detach()
    torch.testing.assert_close(found.sum(1) - change, delta, rtol=0, atol=1e-14)


def test_the_delta_says_what_is_missing_for_every_target_and_input_form():
    def model(a, b):
        return torch.stack([(a * b).sum(1), (a**6).sum(1)], 1)

    a, b = torch.randn(2, 3, 2, dtype=torch.float64)
    method = IntegratedGradients(model)
    found, delta = method.attribute(
        (a, b), (1, 2), target=Targets([0, 1]), n_steps=2, return_convergence_delta=True
    )
    change = model(a, b) - model(torch.ones_like(a), torch.full_like(b, 2))
    total = found[0].sum(2) + found[1].sum(2)
    torch.testing.assert_close(delta, total - change.T)
    assert float(delta[1].abs().min()) > 1e-3  # two steps miss a polynomial of degree six
    alone = tuple(part[1] for part in found)
    computed = method.compute_convergence_delta(alone, (1, 2), (a, b), target=1)
    torch.testing.assert_close(computed, delta[1])
    with pytest.raises(InputError, match="attributions must have the shape"):
        method.compute_convergence_delta((alone[0], alone[1][:1]), (1, 2), (a, b), target=1)


@pytest.mark.parametrize("internal_batch_size", [None, 1, 2, 4, 1000])
def test_how_work_is_cut_changes_nothing(case, internal_batch_size):
    model, x = case
    whole = IntegratedGradients(model).attribute(x, target=[0, 1, 2], n_steps=5)
    cut = IntegratedGradients(model).attribute(
        x, target=[0, 1, 2], n_steps=5, internal_batch_size=internal_batch_size
    )
    torch.testing.assert_close(cut, whole, rtol=1e-12, atol=1e-14)


def test_additional_arguments_follow_their_examples():
    x, scale = torch.randn(3, 2, dtype=torch.float64), torch.tensor([1.0, 10.0, 100.0]).double()
    found = IntegratedGradients(lambda x, s: x.sum(1) * s).attribute(
        x, additional_forward_args=scale, internal_batch_size=2
    )
    torch.testing.assert_close(found, x * scale[:, None])


def test_without_multiplying_it_is_the_mean_gradient(linear):
    x = torch.randn(2, 6, dtype=torch.float64)
    method = IntegratedGradients(linear, multiply_by_inputs=False)
    assert not method.multiplies_by_inputs
    found, delta = method.attribute(x, target=3, return_convergence_delta=True)
    torch.testing.assert_close(found, linear.weight[3].detach().expand(2, 6))
    assert float(delta.abs().max()) < 1e-14  # of the products, whichever is returned


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_follows_the_input(dtype):
    model = nn.Linear(3, 2).to(dtype)
    x = torch.ones(2, 3, dtype=dtype)
    found, delta = IntegratedGradients(model).attribute(x, target=1, return_convergence_delta=True)
    assert found.dtype == dtype
    expected = model.weight[1].detach().expand(2, 3)
    torch.testing.assert_close(found, expected, rtol=4 * torch.finfo(dtype).eps, atol=0)
    assert delta.shape == (2,)


def test_a_score_for_the_whole_batch_is_differentiated_as_such():
    x = torch.randn(3, 2, dtype=torch.float64)
    found, delta = IntegratedGradients(lambda x: x.square().mean()).attribute(
        x, return_convergence_delta=True
    )
    torch.testing.assert_close(found, x.square() / 6)
    assert delta.shape == (1,)
    assert abs(float(delta)) < 1e-14


def test_an_empty_batch_gives_an_empty_result(linear):
    found, delta = IntegratedGradients(linear).attribute(
        torch.zeros(0, 6, dtype=torch.float64), target=1, return_convergence_delta=True
    )
    assert found.shape == (0, 6)
    assert delta.shape == (0,)


def test_bad_steps_and_rules_are_refused(linear):
    for bad in ({"n_steps": 0}, {"method": "simpson"}, {"internal_batch_size": 0}):
        with pytest.raises(InputError):
            IntegratedGradients(linear).attribute(torch.ones(1, 6).double(), target=0, **bad)

"""Gradient SHAP: what its samples must average to."""

import pytest
import torch
from torch import nn

from ascribe import AscribeWarning, InputError, Targets
from ascribe.attr import GradientShap, IntegratedGradients, LayerGradientShap, NeuronGradientShap

SAMPLES = 4000


def quadratic(x):
    """Return the sum of squares: attributions of a path from b are exactly x² - b²."""
    return x.square().sum(1)


@pytest.fixture
def x():
    return torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)


@pytest.fixture
def pool():
    return torch.tensor([[0.0, 0.0, 0.0], [2.0, -1.0, 4.0], [-3.0, 1.0, 1.0]], dtype=torch.float64)


def test_places_and_baselines_are_drawn_independently(x, pool):
    """The mean over a pool is the mean of the paths' integrals only if the two are uncorrelated."""
    found = GradientShap(quadratic).attribute(x, pool, n_samples=SAMPLES)
    expected = (x.square()[:, None] - pool.square()).mean(1)
    # One sample is 2 (b + a (x - b)) (x - b): bounded by twice the largest way, squared.
    error = 2 * (x[:, None] - pool).abs().amax(1) ** 2 + 2 * (pool.abs().amax() * 7)
    assert ((found - expected).abs() <= 6 * error / SAMPLES**0.5).all()


def test_noise_widens_the_inputs_and_not_the_baselines(pool):
    x = torch.zeros(1, 3, dtype=torch.float64)
    found = GradientShap(quadratic).attribute(x, pool[:1], n_samples=SAMPLES, stdevs=1.0)
    # One sample is 2 a e², of mean 1 and second moment 4 E[a²] E[e⁴] = 4.
    assert ((found - 1).abs() <= 6 * (3 / SAMPLES) ** 0.5).all()


def test_the_delta_is_what_is_missing_to_the_mean_change(x, pool):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    method = GradientShap(model)
    _, delta = method.attribute(
        x, pool, n_samples=7, target=1, stdevs=0.1, return_convergence_delta=True, seed=3
    )
    assert delta.shape == (2,)
    assert delta.abs().min() > 0
    _, smaller = method.attribute(
        x, pool, n_samples=SAMPLES, target=1, stdevs=0.1, return_convergence_delta=True, seed=3
    )
    assert (smaller.abs() < delta.abs().max()).all()
    linear = nn.Linear(3, 2).double()
    _, delta = GradientShap(linear).attribute(
        x, pool, n_samples=3, target=0, stdevs=0.5, return_convergence_delta=True
    )
    torch.testing.assert_close(delta, torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)


def test_one_example_s_numbers_do_not_depend_on_the_others(x, pool):
    method = GradientShap(quadratic)
    both = method.attribute(x, pool, n_samples=9, stdevs=0.3)
    alone = torch.cat([method.attribute(row[None], pool, n_samples=9, stdevs=0.3) for row in x])
    torch.testing.assert_close(both, alone)
    for size in (1, 2, 5):
        cut = method.attribute(x, pool, n_samples=9, stdevs=0.3, internal_batch_size=size)
        torch.testing.assert_close(both, cut)


def test_baselines_may_be_made_by_a_function(x, pool):
    method = GradientShap(quadratic)
    expected = method.attribute(x, pool)
    torch.testing.assert_close(method.attribute(x, lambda: pool), expected)
    torch.testing.assert_close(method.attribute(x, lambda inputs: pool + 0 * inputs[:1]), expected)


def test_a_lone_baseline_leaves_only_the_place_to_chance(x):
    found = GradientShap(quadratic).attribute(x, 0.0, n_samples=SAMPLES)
    expected = IntegratedGradients(quadratic).attribute(x)
    assert ((found - expected).abs() <= 6 * x.square() * (1 / 3 / SAMPLES) ** 0.5 + 1e-12).all()


def test_several_inputs_draw_their_baselines_together():
    """The pool is of pairs: a product of a pair's members is never that of two pairs."""
    x = (torch.ones(1, 1).double(), torch.ones(1, 1).double())
    pools = tuple(torch.tensor([[1.0], [0.0]], dtype=torch.float64) for _ in range(2))
    found, delta = GradientShap(lambda a, b: (a * b).sum(1)).attribute(
        x, pools, n_samples=SAMPLES, return_convergence_delta=True
    )
    # The mean change is 1 - E[b₁ b₂], and b₁ b₂ is b₁ where the two are drawn together.
    change = sum(map(float, found)) - float(delta)
    assert abs(change - 0.5) < 6 * 0.5 / SAMPLES**0.5
    assert float((found[0] - found[1]).abs()) < 1e-12


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        (torch.zeros(2, 4), r"must have the shape \(rows, \*\(3,\)\)"),
        (torch.zeros(0, 3), "must have the shape"),
        ("zeros", "must be a tensor to draw from, or a number"),
    ],
)
def test_baselines_that_cannot_be_drawn_from_are_refused(x, baselines, message):
    with pytest.raises(InputError, match=message):
        GradientShap(quadratic).attribute(x, baselines)


def test_as_many_baselines_for_each_input():
    x, pools = (torch.ones(2, 3), torch.ones(2, 1)), (torch.zeros(2, 3), torch.zeros(3, 1))
    with pytest.raises(InputError, match=r"as many rows for each input, .*\[2, 3\]"):
        GradientShap(lambda a, b: (a * b).sum(1)).attribute(x, pools)


def test_layer_and_neuron_forms_are_the_method_on_that_half(x, pool):
    lower = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).double()
    upper = nn.Sequential(nn.Linear(4, 4), nn.Softplus(), nn.Linear(4, 2)).double()
    model = nn.Sequential(lower, upper)
    targets = Targets([1, 0])
    found = LayerGradientShap(model, lower).attribute(x, pool, target=targets)
    expected = GradientShap(upper).attribute(lower(x).detach(), lower(pool), target=targets)
    torch.testing.assert_close(found, expected)
    found = NeuronGradientShap(model, lower).attribute(x, 2, pool)
    torch.testing.assert_close(found, GradientShap(lower).attribute(x, pool, target=2))


def test_the_mean_gradient_itself_may_be_asked_for(x):
    found = GradientShap(quadratic, multiply_by_inputs=False).attribute(x, 0.0, n_samples=50)
    products = GradientShap(quadratic).attribute(x, 0.0, n_samples=50)
    torch.testing.assert_close(found * x, products)


def test_rows_that_change_one_another_are_not_joined(x, pool):
    method = GradientShap(lambda rows: (rows / rows.norm(dim=0)).sum(1))
    with pytest.warns(AscribeWarning, match="changed copies"):
        found = method.attribute(x, pool[1:2], n_samples=6)
    cut = method.attribute(x, pool[1:2], n_samples=6, internal_batch_size=2)
    torch.testing.assert_close(found, cut)

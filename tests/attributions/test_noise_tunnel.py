"""Noise tunnel: closed forms, and what it hands to the method inside."""

import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import (
    IntegratedGradients,
    LayerGradientXActivation,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

SAMPLES = 4000
SLOPE = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)


def quadratic(x):
    """Return half of a sum of weighted squares, whose gradient is ``SLOPE * x``."""
    return (SLOPE * x.square()).sum(1) / 2


def gradient():
    return NoiseTunnel(Saliency(quadratic))


@pytest.fixture
def x():
    return torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 5), nn.Softplus(), nn.Linear(5, 4)).double()


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_closed_forms_on_a_quadratic(x, kind):
    """A gradient w (x + s e) has mean w x, variance w² s² and mean square w² (x² + s²)."""
    found = gradient().attribute(x, nt_type=kind, nt_samples=SAMPLES, stdevs=0.5, abs=False, seed=2)
    mean, spread = SLOPE * x, (SLOPE * 0.5).abs().expand(2, 3)
    expected, error = {
        "smoothgrad": (mean, spread),
        "smoothgrad_sq": (
            mean.square() + spread.square(),
            (2 * spread**4 + 4 * (mean * spread).square()).sqrt(),
        ),
        "vargrad": (spread.square(), 2**0.5 * spread.square()),
    }[kind]
    assert ((found - expected).abs() <= 6 * error / SAMPLES**0.5 + 1e-3).all()


def test_the_three_kinds_are_moments_of_one_sample(x):
    kinds = {
        kind: gradient().attribute(x, nt_type=kind, nt_samples=7, abs=False)
        for kind in ("smoothgrad", "smoothgrad_sq", "vargrad")
    }
    expected = kinds["smoothgrad"].square() + kinds["vargrad"]
    torch.testing.assert_close(kinds["smoothgrad_sq"], expected)


@pytest.mark.parametrize("kind", ["smoothgrad", "vargrad"])
@pytest.mark.parametrize("at_once", [None, 1, 2, 3, 100])
def test_how_samples_are_cut_does_not_matter(model, x, kind, at_once):
    method = NoiseTunnel(IntegratedGradients(model))
    expected = method.attribute(x, kind, 7, target=2, nt_samples_batch_size=7)
    found = method.attribute(x, kind, 7, at_once, target=2)
    torch.testing.assert_close(found, expected)


def test_a_variance_keeps_its_digits_far_from_zero():
    x = torch.full((1, 3), 1e6)
    found = NoiseTunnel(Saliency(lambda x: (SLOPE.float() * x.square()).sum(1) / 2)).attribute(
        x, "vargrad", 500, 100, stdevs=1.0, abs=False
    )
    expected = SLOPE.float().square()
    assert ((found - expected).abs() <= 6 * 2**0.5 * expected / 500**0.5).all()


def test_without_noise_it_is_the_method(model, x):
    inner = IntegratedGradients(model)
    found = NoiseTunnel(inner).attribute(x, stdevs=0.0, nt_samples=3, target=1)
    torch.testing.assert_close(found, inner.attribute(x, target=1))


def test_what_follows_the_examples_is_repeated_with_them(x):
    def model(x, scale, word):
        return x * scale[:, None] * (2 if word == "two" else 1)

    targets, scale = torch.tensor([2, 0]), torch.tensor([3.0, -5.0], dtype=torch.float64)
    method = NoiseTunnel(IntegratedGradients(model))
    baselines = torch.randn(2, 3, dtype=torch.float64)
    given = {"baselines": baselines, "additional_forward_args": (scale, "two")}
    for target in (targets, targets.tolist()):
        found = method.attribute(x, nt_samples=50, stdevs=1e-6, target=target, **given)
        expected = IntegratedGradients(model).attribute(x, target=target, **given)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    several = Targets([targets, 1])
    found = method.attribute(x, nt_samples=5, target=several, **given)
    for index, target in enumerate(several.targets):
        alone = method.attribute(x, nt_samples=5, target=target, **given)
        torch.testing.assert_close(found[index], alone)


def test_baselines_may_be_a_distribution():
    """Of a linear model, the mean is w (x - E[b])."""
    x = torch.ones(1, 3, dtype=torch.float64)
    pool = torch.tensor([[0.0, 1.0, 2.0], [4.0, 3.0, 2.0]], dtype=torch.float64)
    method = NoiseTunnel(IntegratedGradients(lambda x: (SLOPE * x).sum(1)))
    found = method.attribute(
        x,
        nt_samples=SAMPLES,
        stdevs=0.0,
        baselines=pool,
        draw_baseline_from_distrib=True,
        n_steps=2,
    )
    spread = (SLOPE * (pool[0] - pool[1]) / 2).abs()
    assert ((found - SLOPE * (1 - pool.mean(0))).abs() <= 6 * spread / SAMPLES**0.5 + 1e-12).all()
    with pytest.raises(InputError, match="draw_baseline_from_distrib needs baselines"):
        method.attribute(x, baselines=0.0, draw_baseline_from_distrib=True)


def test_the_delta_is_the_mean_of_the_method_s(model, x):
    method = NoiseTunnel(IntegratedGradients(model))
    given = {"target": 1, "nt_samples": 4, "n_steps": 3, "return_convergence_delta": True}
    _, delta = method.attribute(x, **given)
    assert delta.shape == (2,)
    _, squared = method.attribute(x, nt_type="smoothgrad_sq", **given)
    torch.testing.assert_close(delta, squared)
    assert delta.abs().min() > 0


def test_several_inputs_have_deviations_of_their_own():
    x = (torch.zeros(2, 3), torch.zeros(2, 3))
    method = NoiseTunnel(Saliency(lambda a, b: (a.square() + b.square()).sum(1) / 2))
    found = method.attribute(x, "vargrad", 300, stdevs=(0.0, 2.0), abs=False)
    assert found[0].abs().max() == 0
    assert ((found[1] - 4).abs() <= 6 * 4 * (2 / 300) ** 0.5).all()


def test_it_goes_around_a_method_of_a_layer(model, x):
    inner = LayerGradientXActivation(model, "1")
    found = NoiseTunnel(inner).attribute(x, nt_samples=3, stdevs=0.0, target=0)
    torch.testing.assert_close(found, inner.attribute(x, target=0))


def test_it_goes_around_a_method_without_gradients(model, x):
    method = NoiseTunnel(Occlusion(model))
    found = method.attribute(x, nt_samples=5, target=0, sliding_window_shapes=(1,))
    cut = method.attribute(
        x, nt_samples=5, nt_samples_batch_size=2, target=0, sliding_window_shapes=(1,)
    )
    torch.testing.assert_close(found, cut)


@pytest.mark.filterwarnings("ignore:changed copies")
def test_samples_of_coupled_rows_are_not_joined(x):
    method = NoiseTunnel(Saliency(lambda rows: (rows / rows.norm(dim=0)).sum(1)))
    found = method.attribute(x, nt_samples=4)
    torch.testing.assert_close(found, method.attribute(x, nt_samples=4, nt_samples_batch_size=1))


def test_what_makes_no_sense_is_refused(model, x):
    with pytest.raises(InputError, match="nt_type must be one of smoothgrad, smoothgrad_sq"):
        NoiseTunnel(Saliency(model)).attribute(x, "smooth", target=0)
    with pytest.raises(InputError, match="a method made with its model"):
        NoiseTunnel(model)

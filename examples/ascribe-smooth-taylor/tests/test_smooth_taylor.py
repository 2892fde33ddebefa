import torch
from torch import nn

from ascribe import registry
from ascribe.attr import LayerSmoothTaylor, NeuronSmoothTaylor, SmoothTaylor
from ascribe.testing import configured, parametrize_with_checks


@parametrize_with_checks(
    [
        configured(method, n_samples=9, stdevs=0.5)
        for method in (SmoothTaylor, LayerSmoothTaylor, NeuronSmoothTaylor)
    ],
    examples=10,
)
def test_conformance(check):
    check()


def test_is_found_by_its_entry_point():
    assert registry.attributions.get("smooth_taylor") is SmoothTaylor
    assert registry.attributions.find("smooth_taylor").distribution == "ascribe-smooth-taylor"


def test_of_a_square_it_is_minus_twice_the_variance_in_the_mean():
    # (x - z) 2 z with z = x + s e is -2 s (x e + s e^2): -2 s^2 in the mean.
    x = torch.tensor([[1.0, -3.0]]).double()
    s, n = 0.5, 20_000
    found = SmoothTaylor(lambda x: x.square().sum(1)).attribute(x, n_samples=n, stdevs=s)
    error = (4 * s**2 * x.square() + 8 * s**4).sqrt() / n**0.5
    assert bool(((found + 2 * s**2).abs() < 6 * error).all())


def test_without_noise_there_is_nothing_to_expand():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.rand(2, 3)
    assert float(SmoothTaylor(model).attribute(x, target=1, stdevs=0.0).abs().max()) == 0


def test_at_a_layer_it_is_the_method_on_what_the_layer_returns():
    lower, upper = nn.Sequential(nn.Linear(3, 5), nn.Tanh()).double(), nn.Linear(5, 2).double()
    x = torch.rand(2, 3).double()
    found = LayerSmoothTaylor(nn.Sequential(lower, upper), lower).attribute(x, target=1)
    expected = SmoothTaylor(upper).attribute(lower(x).detach(), target=1)
    torch.testing.assert_close(found, expected)

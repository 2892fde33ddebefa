"""Convolutions by tiles: the numbers of any other convolution."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from ascribe import prepare, replay, winograd
from ascribe.attr import Occlusion
from ascribe.evaluations import Evaluations
from ascribe.notes import noted
from ascribe.replay import models_as_they_are


def random(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None)
@given(
    sides=st.tuples(st.integers(3, 13), st.integers(3, 13)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    rows=st.integers(1, 3),
    relu=st.booleans(),
    biased=st.booleans(),
    workspace=st.sampled_from([1, 4000, 2**30]),
)
def test_convolutions_by_tiles_are_exact(sides, padding, rows, relu, biased, workspace):
    x, weight = random(rows, 3, *sides), random(2, 3, 3, 3, seed=1)
    bias = random(2, seed=2) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "WORKSPACE", workspace)
        made = winograd.convolved(x, winograd.spread(weight), bias, padding, relu)
    plain = functional.conv2d(x, weight, bias, 1, padding)
    plain = plain.relu() if relu else plain
    assert made.shape == plain.shape
    assert torch.allclose(made, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [128, 256])
def test_they_round_about_as_much_as_products_that_are_summed(channels):
    x = random(2, channels, 14, 14).relu()
    weight = random(channels, channels, 3, 3, seed=1) * (2 / 9 / channels) ** 0.5
    exact = functional.conv2d(x, weight, None, 1, 1)
    x, weight = x.float(), weight.float()
    summed = functional.conv2d(x, weight, None, 1, 1)
    tiled = winograd.convolved(x, winograd.spread(weight), None, (1, 1))
    assert (tiled - exact).square().mean() <= 3**2 * (summed - exact).square().mean()


def test_what_they_are_given_is_left_as_it_is():
    x, weight, bias = random(1, 3, 6, 6), random(2, 3, 3, 3), random(2)
    kernels = winograd.spread(weight)
    before = [one.clone() for one in (x, weight, bias, kernels)]
    winograd.convolved(x, kernels, bias, (0, 0), relu=True)
    assert all(map(torch.equal, before, (x, weight, bias, kernels)))


@pytest.mark.parametrize(
    ("shape", "weight", "padding", "quicker"),
    [
        ((8, 256, 14, 14), (256, 256, 3, 3), (1, 1), True),
        ((8, 256, 10, 10), (128, 256, 3, 3), (0, 0), True),
        ((1, 512, 7, 7), (512, 512, 3, 3), (1, 1), False),  # too few tiles
        ((8, 256, 5, 5), (256, 256, 3, 3), (1, 1), False),  # which are hardly filled
        ((8, 64, 56, 56), (64, 64, 3, 3), (1, 1), False),  # as much for tiles as for products
        ((8, 256, 14, 14), (256, 256, 1, 1), (0, 0), False),
        ((8, 256, 14, 14, 14), (256, 256, 3, 3, 3), (1, 1, 1), False),
        ((8, 256, 14, 14), (256, 128, 3, 3), (1, 1), False),  # groups
    ],
)
def test_where_they_are_quicker(shape, weight, padding, quicker):
    weight = torch.empty(weight)
    assert winograd.pays(shape, weight, padding) is quicker
    assert not winograd.pays(shape, weight.double(), padding)


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 128, 3, 2, 1)
        self.body = nn.Conv2d(128, 128, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(128)

    def forward(self, x):
        x = functional.relu(self.norm(self.body(self.stem(x))))
        return x.mean((2, 3))


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setattr(Evaluations, "small", lambda self, variants: variants < replay.FEW_ROWS)
    torch.manual_seed(0)
    net = Wide().eval()
    net.norm.running_mean.normal_()
    net.norm.running_var.uniform_(0.5, 2)
    return net


def occluded(net, inputs, **how):
    how = {"sliding_window_shapes": (3, 8, 8), "strides": (3, 4, 4), "target": 5, **how}
    return Occlusion(net).attribute(inputs, **how)


def test_perturbation_methods_go_by_tiles(wide, monkeypatch):
    inputs, calls, convolved = random(1, 3, 32, 32, dtype=torch.float32), [], winograd.convolved
    monkeypatch.setattr(
        winograd, "convolved", lambda *given: calls.append(given) or convolved(*given)
    )
    with noted() as notes:
        quick = occluded(wide, inputs)
    assert calls
    assert not notes
    with models_as_they_are():
        plain = occluded(wide, inputs)
    assert (quick - plain).abs().max() <= 1e-4 * plain.abs().max()


def test_strides_dilation_and_groups_do_not(monkeypatch):
    monkeypatch.setattr(winograd, "convolved", None)
    x = random(2, 256, 16, 16, dtype=torch.float32)
    for stride, dilation, groups in ((2, 1, 1), (1, 2, 1), (1, 1, 2)):
        weight = torch.ones(256, 256 // groups, 3, 3)
        func = prepare.Convolution(weight, None, (stride,) * 2, (1, 1), (dilation,) * 2, groups)
        plain = functional.conv2d(x, weight, None, stride, 1, dilation, groups)
        assert func(x).shape == plain.shape


def test_an_infinite_activation_is_left_to_the_model(wide):
    class Infinite(nn.Module):
        def forward(self, x):
            return wide(x.masked_fill(x == 7, -torch.inf)).clamp(-1e3, 1e3)

    inputs = random(1, 3, 32, 32, dtype=torch.float32)
    baselines = torch.zeros(1, 3, 32, 32)
    baselines[..., 12:16, 12:16] = 7
    with noted() as notes:
        quick = occluded(Infinite(), inputs, baselines=baselines)
    assert any("not finite" in note or "torch did" in note for note in notes)
    with models_as_they_are():
        plain = occluded(Infinite(), inputs, baselines=baselines)
    assert torch.equal(quick.isnan(), plain.isnan())
    assert torch.equal(quick.nan_to_num(), plain.nan_to_num())

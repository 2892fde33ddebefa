"""Gradients that take a shorter way are those of torch's own kernels."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe.attr import GuidedBackprop, NoiseTunnel, Saliency
from ascribe.backward import MaxPoolOfChannelsLast, by_phases, input_gradient
from ascribe.detached import DetachedParameters


@pytest.mark.parametrize(
    ("size", "channels", "kernel", "stride", "padding"),
    [
        ((20, 20), 3, (7, 7), 2, 3),
        ((21, 18), 3, (7, 7), (2, 2), (3, 3)),
        ((23, 19), 1, (11, 11), 4, 2),
        ((16, 16), 3, (4, 4), 4, 0),
        ((17, 19), 4, (2, 3), (3, 2), (1, 0)),
        ((9, 12), 2, (1, 1), 2, 0),
        ((13, 13), 3, (3, 5), (3, 4), (0, 2)),
        ((8, 8), 2, (3, 3), 5, 1),
        ((12, 10), 3, (3, 3), 2, (4, 5)),
    ],
)
def test_phases_add_up_to_the_gradient(size, channels, kernel, stride, padding):
    x = torch.randn(2, channels, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, channels, *kernel, dtype=torch.float64)
    made = functional.conv2d(x, weight, None, stride, padding)
    gradient = torch.randn_like(made)
    (true,) = torch.autograd.grad(made, x, gradient)
    assert by_phases(weight, stride, 1, 1)
    found = input_gradient(gradient, weight, x.shape, stride, padding, 1, 1)
    torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    "places",
    [(3, 2, 1, 1, False), ((3, 3), (2, 2), (1, 1), 1, True), ((5, 2), (1, 2), 1, 1, False)],
)
def test_pooling_with_channels_last_is_the_same_to_the_bit(dtype, places):
    x = torch.relu(torch.randn(2, 5, 14, 17)).round(decimals=1).to(dtype)  # many numbers tie
    x[0, 0, 3, 3] = torch.nan
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    own = functional.max_pool2d(one, *places)
    made = MaxPoolOfChannelsLast.apply(other, *places)
    assert torch.equal(own.nan_to_num(9), made.nan_to_num(9))
    weights = torch.randn_like(own)
    own.backward(weights)
    made.backward(weights)
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-6)


class Stem(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 5, 2, 2), nn.Linear(6, 4)

    def forward(self, x):
        y = functional.max_pool2d(functional.relu(self.first(x)), 3, 2, padding=1)
        return self.last(y.mean((2, 3)))


def test_a_model_has_its_own_scores_and_gradients():
    torch.manual_seed(0)
    net, x = Stem().double().eval(), torch.randn(3, 3, 21, 22).double()
    kinds = set()

    def gradient(block):
        leaf = x.clone().requires_grad_()
        with block:
            made = net(leaf.clone())
        node = made.grad_fn
        while node is not None:
            kinds.add(type(node).__name__)
            node = node.next_functions[0][0] if node.next_functions else None
        return made, *torch.autograd.grad(made[:, 1].sum(), leaf)

    own = gradient(torch.enable_grad())
    quick = gradient(DetachedParameters())
    assert torch.equal(own[0], quick[0])
    torch.testing.assert_close(own[1], quick[1], rtol=1e-12, atol=1e-14)
    assert torch.equal(Saliency(net).attribute(x, target=1, abs=False), quick[1])
    with DetachedParameters():
        values, places = functional.max_pool2d(x, 3, return_indices=True)
    assert torch.equal(values, functional.max_pool2d(x, 3))
    assert places.shape == values.shape


def test_methods_run_on_it():
    net, x = Stem().eval(), torch.randn(2, 3, 21, 22)
    for method in (GuidedBackprop(net), NoiseTunnel(Saliency(net))):
        assert method.attribute(x, target=1).abs().sum() > 0
    empty = Saliency(net).attribute(x[:0], target=1)
    assert empty.shape == (0, 3, 21, 22)


def test_a_gradient_of_the_gradient_flows():
    net, x = Stem().double(), torch.randn(2, 3, 21, 22).double()

    def steep(x):
        with torch.enable_grad():
            leaf = x if x.requires_grad else x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(net(leaf).square().sum(), leaf, create_graph=True)
        return slope.square().sum((1, 2, 3))

    leaf = x.clone().requires_grad_()
    (true,) = torch.autograd.grad(steep(leaf).sum(), leaf)
    found = Saliency(steep).attribute(x, abs=False)
    torch.testing.assert_close(found, true, rtol=1e-10, atol=1e-12)

"""Guided backpropagation and deconvolution, however a model writes its ReLUs."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import AscribeWarning, InputError
from ascribe.attr import (
    Deconvolution,
    GuidedBackprop,
    GuidedGradCam,
    LayerGradCam,
    NeuronDeconvolution,
    NeuronGuidedBackprop,
)
from ascribe.rectifiers import silenced

RELU = nn.ReLU(inplace=True)
FORMS = {
    "module used twice, in place": RELU,
    "function": torch.relu,
    "functional in place": lambda z: functional.relu(z, inplace=True),
    "method": lambda z: z.relu(),
    "clamp": lambda z: z.clamp(min=0),
    "clamp_min": lambda z: z.clamp_min(0),
    "threshold": lambda z: functional.threshold(z, 0, 0),
}


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return [nn.Linear(4, 5).double(), nn.Linear(5, 5).double(), nn.Linear(5, 3).double()]


@pytest.fixture
def x():
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def composed(layers, form):
    def model(x):
        return layers[2](form(layers[1](form(layers[0](x)))))

    return model


def replica(layers, x, target, guided):
    first, second, last = layers
    with torch.no_grad():
        z = first(x)
        y = second(z.relu())
        back = last.weight[target].expand(len(x), -1).clamp(min=0)
        back = back * (y > 0) if guided else back
        back = (back @ second.weight).clamp(min=0)
        back = back * (z > 0) if guided else back
        return back @ first.weight


@pytest.mark.parametrize("form", FORMS)
def test_they_follow_the_papers_however_a_relu_is_written(form, layers, x):
    model = composed(layers, FORMS[form])
    found = GuidedBackprop(model).attribute(x, target=1)
    torch.testing.assert_close(found, replica(layers, x, 1, guided=True))
    found = Deconvolution(model).attribute(x, target=1)
    torch.testing.assert_close(found, replica(layers, x, 1, guided=False))


def test_relu6_hands_nothing_back_where_it_is_full(x):
    layer = nn.Linear(4, 1, bias=False).double()
    layer.weight.data[:] = 1.0
    for relu in (nn.ReLU6(), nn.ReLU6(inplace=True), functional.relu6):
        guided = GuidedBackprop(lambda x, relu=relu: relu(layer(x))[:, 0])
        found = guided.attribute(torch.tensor([[1.0, 1, 1, 1], [2, 2, 2, 2]]).double())
        torch.testing.assert_close(found, torch.tensor([[1.0] * 4, [0.0] * 4]).double())


def test_a_neuron_takes_the_place_of_the_score(layers, x):
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    for form, method in ((NeuronGuidedBackprop, GuidedBackprop), (NeuronDeconvolution, Deconvolution)):  # fmt: skip  # noqa: E501
        found = form(model, model[3]).attribute(x, 2)
        torch.testing.assert_close(found, method(model[:4]).attribute(x, target=2))


@pytest.mark.parametrize("method", [GuidedBackprop, Deconvolution])
def test_a_model_without_a_relu_is_told(method, layers, x):
    with pytest.warns(AscribeWarning, match="runs no rectifier"):
        found = method(composed(layers, torch.tanh)).attribute(x, target=0)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(composed(layers, torch.tanh)(leaf)[:, 0].sum(), leaf)
    torch.testing.assert_close(found, gradient)


class Picture(nn.Module):
    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(2, 3, 2, stride=2)
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(functional.relu(self.maps(x)).mean((2, 3)))


def test_guided_grad_cam_is_the_product_of_both():
    torch.manual_seed(0)
    model = Picture().double().eval()
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64)
    cam = LayerGradCam(model, model.maps).attribute(x, target=1, relu_attributions=True)
    sized = LayerGradCam.interpolate(cam, (6, 6))
    found = GuidedGradCam(model, model.maps).attribute(x, target=1)
    torch.testing.assert_close(found, sized * GuidedBackprop(model).attribute(x, target=1))
    with pytest.raises(InputError, match="as many sides as the input"):
        GuidedGradCam(model, model.last).attribute(x, target=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_what_is_silenced_is_zero_and_all_else_as_it_is(dtype):
    cotangent = torch.tensor([1.5, -2, torch.nan, torch.inf, -torch.inf, 0], dtype=dtype).repeat(2)
    inactive = torch.arange(12) < 6
    found = silenced(cotangent, inactive)
    torch.testing.assert_close(found, cotangent.masked_fill(inactive, 0), equal_nan=True)
    assert found.dtype == dtype

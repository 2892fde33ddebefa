import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe.attr import Saliency


def _gradient(model, x):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)[0]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("sides", [(), (5,), (5, 4), (3, 2, 2)])
def test_a_batch_norm_has_its_own_gradient(affine, sides):
    kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[len(sides)]
    norm = kind(3, affine=affine).double()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    model = nn.Sequential(norm, nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(2)).double()
    x = torch.randn(4, 3, *sides, dtype=torch.float64)
    model.eval()(x)
    found = Saliency(model).attribute(x, target=0, abs=False)
    torch.testing.assert_close(found, _gradient(model, x), rtol=1e-13, atol=1e-15)


def test_a_batch_norm_whose_scale_comes_from_the_input_passes_its_gradient_on():
    def model(x):
        mean, variance = torch.zeros(3).to(x), torch.ones(3).to(x)
        return functional.batch_norm(x, mean, variance, weight=x.square().mean(0))

    x = torch.randn(1, 3, dtype=torch.float64)
    found = Saliency(model).attribute(x, target=0, abs=False)
    torch.testing.assert_close(found, _gradient(model, x))


def test_a_batch_norm_keeps_half_precision_and_the_memory_layout():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).bfloat16().eval()
    x = torch.randn(2, 3, 2, 2).bfloat16().to(memory_format=torch.channels_last)
    found = Saliency(model).attribute(x, target=0, abs=False)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, _gradient(model, x), rtol=0.02, atol=1e-3)

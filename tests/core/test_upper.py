"""What a model does from a layer on: as in the model itself, or refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import inner_forward
from ascribe.attr import LayerIntegratedGradients
from ascribe.evaluations import Evaluations


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.below = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.above = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 3)

    def middle(self, x):
        return functional.relu(self.norm(self.below(x)), inplace=True)

    def top(self, y):
        return self.head(torch.sigmoid(self.above(y)).flatten(2).mean(2))

    def forward(self, x):
        return self.top(self.middle(x))


class Skipping(Net):
    def forward(self, x):
        y = self.below(x)
        return self.top(functional.relu(self.norm(y)) + x.mean(1, keepdim=True))


class Detaching(Net):
    def top(self, y):
        return super().top(y * y.detach())


class Rounding(Net):
    """Straight through: forward rounds, backward does not."""

    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    def top(self, y):
        return super().top(self.Round.apply(y * 5))


class Asking(Net):
    def top(self, y):
        return super().top(y * 2 if y.mean() > 0.3 else y)


def both(monkeypatch, kind, layer, batch=2):
    torch.manual_seed(0)
    net, x = kind().double().eval(), torch.randn(batch, 2, 6, 6).double()
    net.norm.running_mean.normal_()
    monkeypatch.setattr(Evaluations, "small", lambda self, variants: False)
    seen = []
    handle = net.below.register_forward_hook(lambda module, given, made: seen.append(len(made)))
    method = LayerIntegratedGradients(net, layer)

    def run():
        seen.clear()
        return method.attribute(x, target=1, n_steps=20, return_convergence_delta=True), sum(seen)

    quick, few = run()
    monkeypatch.setattr(inner_forward, "WORTH_RECORDING", 10**9)
    plain, many = run()
    handle.remove()
    for one, other in zip(quick, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)
    return few, many


@pytest.mark.parametrize("layer", ["norm", "above", ["norm"], "below"])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_lies_below_the_layer_does_not_run_again(monkeypatch, layer, batch):
    few, many = both(monkeypatch, Net, layer, batch)
    assert few <= 3 + 6 * batch < 20 * batch <= many


@pytest.mark.parametrize("kind", [Skipping, Detaching, Rounding])
def test_what_cannot_be_taken_by_itself_runs_whole(monkeypatch, kind):
    few, many = both(monkeypatch, kind, "norm")
    assert many <= few


def test_a_branch_on_numbers_runs_whole(monkeypatch):
    few, many = both(monkeypatch, Asking, "norm", batch=1)
    assert many <= few

"""LayerConductance: the change of the score through each unit, for one evaluation a step."""

import pytest
import torch
from torch import nn

from ascribe.attr import LayerConductance
from ascribe.quadrature import RULES


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.below, self.above, self.head = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.above(torch.sigmoid(self.below(x)))))


def bound(batch=3):
    torch.manual_seed(0)
    net = Net().double().eval()
    return net, torch.randn(batch, 4).double() * 2, torch.randn(batch, 4).double()


def by_definition(net, x, start, target, steps=20_000):
    """The mean of the score's gradient over the path, times the slope: units here are linear."""
    nodes = (torch.arange(steps).double() + 0.5) / steps
    rows = start + nodes[:, None] * (x - start)
    units = net.below(rows).detach().requires_grad_()
    score = net.head(torch.tanh(net.above(torch.sigmoid(units))))[:, target].sum()
    (gradient,) = torch.autograd.grad(score, units)
    return gradient.mean(0) * (net.below(x) - net.below(start))


@pytest.mark.parametrize("method", list(RULES))
def test_each_unit_has_its_part_of_the_path_integral(method):
    net, x, start = bound()
    found = LayerConductance(net, "below").attribute(x, start, target=1, method=method, n_steps=400)
    true = torch.stack([by_definition(net, *pair, 1) for pair in zip(x, start, strict=True)])
    slack = 2e-2 if method in ("riemann_left", "riemann_right") else 1e-4
    torch.testing.assert_close(found, true.detach(), rtol=0, atol=slack)


def test_a_step_takes_one_evaluation():
    net, x, start = bound(batch=2)
    rows = []
    handle = net.below.register_forward_hook(lambda module, given, made: rows.append(len(made)))
    LayerConductance(net, "below").attribute(x, start, target=1, n_steps=40)
    handle.remove()
    assert sum(rows) <= 2 * (40 + 5)  # what tells the ends, and whether rows are independent


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("method", list(RULES))
def test_pieces_of_the_path_are_joined(rows, method):
    net, x, start = bound()
    kind = LayerConductance(net, "above")
    whole = kind.attribute(x, start, target=[0, 1, 2], method=method, n_steps=11)
    cut = kind.attribute(
        x, start, target=[0, 1, 2], method=method, n_steps=11, internal_batch_size=rows
    )
    torch.testing.assert_close(cut, whole, rtol=1e-12, atol=1e-14)

"""What hides from a recording, or from a graph that is cut: the model's own numbers still."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import batching
from ascribe.attr import (
    FeatureAblation,
    IntegratedGradients,
    LayerConductance,
    LayerIntegratedGradients,
    Occlusion,
    Saliency,
)
from ascribe.evaluations import Evaluations
from ascribe.quadrature import quadrature
from ascribe.replay import models_as_they_are


@pytest.fixture(autouse=True)
def _all_are_recorded(monkeypatch):
    monkeypatch.setattr(Evaluations, "small", lambda self, variants: False)


def assert_as_itself(method, inputs, **given):
    found = method.attribute(inputs, **given)
    with models_as_they_are():
        own = method.attribute(inputs, **given)
    pairs = zip(found, own, strict=True) if isinstance(found, tuple) else [(found, own)]
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * float(other.abs().max()))


def tiles(side):
    return 1 + torch.arange(side)[:, None] // 8 * 8 + torch.arange(side)[None] // 8


class ViewOfNothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x):
        h = self.a(x)
        h = h.view(*h.shape)
        h.mul_(2)
        return self.b(h).relu().mean((2, 3))


def test_a_view_that_changes_nothing_is_written_to():
    mask = tiles(64)
    mask[0, 0] = mask[-1, -1] = 0  # the first and the last group reach all over the map
    mask[0, -1] = mask[-1, 0] = 65
    given = {"target": 1, "feature_mask": mask[None, None], "perturbations_per_eval": 8}
    assert_as_itself(FeatureAblation(ViewOfNothing().eval()), torch.randn(1, 3, 64, 64), **given)


class Lengths(nn.Module):
    def __init__(self, read):
        super().__init__()
        self.c, self.read = nn.Conv1d(4, 8, 3, padding=1), read

    def forward(self, x, lengths):
        n = torch.as_tensor(self.read(lengths))
        seen = (torch.arange(x.shape[-1]) < n[:, None]).to(x)[:, None]
        return (self.c(x).relu() * seen).sum(-1) / seen.sum(-1)


@pytest.mark.parametrize("read", [torch.Tensor.tolist, torch.Tensor.numpy])
def test_numbers_that_leave_torch(read):
    given = {"target": 1, "sliding_window_shapes": (4, 8), "strides": (4, 8)}
    lengths = torch.tensor([50, 160, 120])
    method = Occlusion(Lengths(read))
    assert_as_itself(method, torch.randn(3, 4, 160), additional_forward_args=lengths, **given)


class Peak(nn.Module):
    def __init__(self, largest):
        super().__init__()
        self.c, self.largest = nn.Conv2d(1, 4, 3), largest

    def forward(self, x):
        return self.c(x).relu().mean((2, 3)) * self.largest(x)[:, None]


@pytest.mark.parametrize(
    "largest",
    [
        lambda x: torch.from_numpy(x.numpy().max((1, 2, 3))),
        lambda x: torch.ones(len(x)) * (2 if max(x.amax((1, 2, 3)).tolist()) > 5 else 1),
    ],
)
def test_a_peak_in_the_middle_that_torch_does_not_see(largest):
    x = torch.randn(1, 1, 32, 32)
    x[0, 0, 16, 16] = 9
    given = {"target": 1, "sliding_window_shapes": (1, 8, 8), "strides": (1, 8, 8)}
    assert_as_itself(Occlusion(Peak(largest)), x, **given)


class Mirrored(nn.Module):
    """Each row is two rows within, first all as they are and then all mirrored."""

    def __init__(self):
        super().__init__()
        self.c, self.d, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3), nn.Linear(4, 3)

    def forward(self, x, z):
        x, z = torch.cat([x, x.flip(-1)]), torch.cat([z, z.flip(-1)])
        g = self.d(z).relu()[..., :9].mean((2, 3))
        one, other = self.head(self.c(x).relu().mean((2, 3)) * g).chunk(2)
        return one + 2 * other


def test_rows_within_that_are_several_of_the_inputs():
    x, z = torch.randn(2, 1, 1, 64, 64)
    z[..., 8:-8, :] = 0
    mask = (tiles(64) - 1)[None, None]
    given = {"target": 1, "feature_mask": (mask, mask), "perturbations_per_eval": 8}
    assert_as_itself(FeatureAblation(Mirrored().eval()), (x, z), **given)


def own_gradient(model, x, target):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(model(leaf * 1)[:, target].sum(), leaf)[0]


class Energy(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        energy = self.c(x).tanh().sum() + (x**3).sum() / 2
        return torch.autograd.grad(energy, x, create_graph=True)[0].flatten(1) ** 2


class Clipped(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 9)

    def forward(self, x):
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient.clamp(min=0))
        return self.head(self.c(x).tanh().mean((2, 3)))


@pytest.mark.parametrize("kind", [Energy, Clipped])
def test_a_model_that_looks_at_gradients_of_its_input(monkeypatch, kind):
    monkeypatch.setattr(Evaluations, "small", lambda self, variants: True)  # none without gradients
    model, x = kind().double(), torch.randn(2, 1, 6, 6).double()
    found = Saliency(model).attribute(x, target=8, abs=False)
    torch.testing.assert_close(found, own_gradient(model, x, 8), rtol=1e-10, atol=1e-12)


class Clipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.d = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        h = self.c(x)
        if h.requires_grad:
            h.register_hook(lambda gradient: gradient.clamp(-0.1, 0.1))
        return self.d(h.tanh())


def test_a_backward_pass_that_is_not_linear_is_taken_for_each_step():
    model, x = Clipping().double(), torch.randn(2, 6).double()
    nodes, weights = quadrature("gausslegendre", 20)
    parts = [w * own_gradient(model, a * x, 1) for a, w in zip(nodes, weights, strict=True)]
    found = IntegratedGradients(model).attribute(x, target=1, n_steps=20)
    torch.testing.assert_close(found, sum(parts) * x, rtol=1e-10, atol=1e-12)


class ByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        y = functional.conv2d(x, weight=self.c.weight, bias=self.c.bias)
        y = functional.batch_norm(
            y, running_mean=self.norm.running_mean, running_var=self.norm.running_var
        )
        y = functional.batch_norm(
            input=y, running_mean=self.norm.running_mean, running_var=self.norm.running_var
        )
        y = torch.max_pool2d(y, kernel_size=3, stride=2)
        return functional.max_pool2d(input=y, kernel_size=3, stride=1).mean((2, 3))


def test_arguments_by_name():
    model, x = ByName().double().eval(), torch.randn(2, 1, 12, 12).double()
    found = Saliency(model).attribute(x, target=1, abs=False)
    torch.testing.assert_close(found, own_gradient(model, x, 1))


class CutAbove(nn.Module):
    def __init__(self, cut):
        super().__init__()
        self.c, self.cut = nn.Conv2d(3, 8, 3, bias=False), cut

    def forward(self, x):
        h = self.c(x)
        return (h * self.cut(h)[:, None, None, None]).relu().mean((2, 3))


def size(h):
    return h.flatten(1).norm(dim=1).clamp(max=50)


def size_without_gradient(h):
    with torch.no_grad():
        return size(h)


@pytest.mark.parametrize(
    "cut",
    [
        lambda h: size(h).detach(),
        lambda h: size(h).data,
        size_without_gradient,
        lambda h: size(torch.from_numpy(h.detach().numpy())),
    ],
)
def test_gradients_that_are_cut_above_a_layer_stay_cut(cut):
    torch.manual_seed(0)
    model, x = CutAbove(cut), torch.randn(1, 3, 64, 64)
    activation, total = model.c(x).detach(), 0
    for node, weight in zip(*quadrature("gausslegendre", 20), strict=True):
        leaf = (activation * node.float()).requires_grad_()
        handle = model.c.register_forward_hook(lambda *given, leaf=leaf: leaf.clone())
        total += weight.float() * torch.autograd.grad(model(x)[:, 1].sum(), leaf)[0]
        handle.remove()
    found = LayerIntegratedGradients(model, model.c).attribute(x, target=1, n_steps=20)
    torch.testing.assert_close(
        found, total * activation, rtol=0, atol=1e-5 * float(found.abs().max())
    )


def test_conductance_begins_again_where_memory_runs_out(monkeypatch):
    from ascribe_attributions import conductance

    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))
    net, x = net.double().eval(), torch.randn(1, 4).double()
    method = LayerConductance(net, [net[0], net[2]])
    own, calls = conductance._flow, []
    whole = method.attribute(x, target=1, n_steps=8)

    def failing(*given):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("out of memory")
        return own(*given)

    monkeypatch.setattr(conductance, "_flow", failing)
    monkeypatch.setattr(batching, "CPU_BUDGET", 2**30)
    again = method.attribute(x, target=1, n_steps=8)
    assert len(calls) > 3
    for one, other in zip(again, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)

"""The rule engine: what it sees, what it refuses, and what it leaves behind."""

import threading
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import ascribe
from ascribe import AscribeWarning, InputError
from ascribe.attr import LRP, DeepLift
from ascribe.difference_rules import rescale
from ascribe.errors import UnsupportedOperation


class Sorting(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.outer = nn.Sequential(self.inner, Sorted())

    def forward(self, x):
        return self.outer(x).sum(1)


class Sorted(nn.Module):
    def forward(self, x):
        return torch.sort(x, dim=1).values * torch.arange(3)


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


@pytest.fixture
def x():
    return torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).double()


METHODS = [DeepLift, LRP]


@pytest.mark.parametrize("method", METHODS)
def test_an_operation_without_a_rule_is_named_with_its_place_and_the_ways_out(method, x):
    with pytest.raises(UnsupportedOperation) as error:
        method(Sorting().double()).attribute(x)
    told = str(error.value)
    for part in ("sort", "'outer.1'", "Sorted", "test_rules.py:", "rules=", "on_unsupported"):
        assert part in told


def test_on_unsupported_gradient_warns_and_goes_on(x):
    model = Sorting().double()
    with pytest.warns(AscribeWarning, match="its gradient stands in"):
        found = DeepLift(model, on_unsupported="gradient").attribute(x)
    assert found.shape == x.shape
    with pytest.raises(InputError, match="on_unsupported must be"):
        DeepLift(model, on_unsupported="ignore")


def test_an_explanation_keeps_what_stands_in_and_it_is_told_once(x, tmp_path):
    model = Sorting().double()
    parameters = {"on_unsupported": "gradient"}
    with pytest.warns(AscribeWarning) as told:
        found = ascribe.explain(model, x, method="deep_lift", parameters=parameters)
    assert len(told) == 1
    assert found.notes == [str(told[0].message)]
    assert "sort" in found.notes[0]
    found.save(tmp_path / "found.npz")
    assert ascribe.Explanation.load(tmp_path / "found.npz").notes == found.notes


@pytest.mark.parametrize("method", METHODS)
def test_a_custom_autograd_function_is_refused_for_it_hides_what_it_does(method, x):
    with pytest.raises(UnsupportedOperation, match="custom autograd function Squared"):
        method(lambda x: Squared.apply(x).sum(1)).attribute(x)


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_is_refused(method, x):
    layer = nn.Linear(3, 1).double()
    with pytest.raises(InputError, match="turn checkpointing off"):
        method(lambda x: checkpoint(layer, x, use_reentrant=False)[:, 0]).attribute(x)


@pytest.mark.parametrize("method", METHODS)
def test_a_random_draw_is_refused_with_a_hint(method, x):
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 1)).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnsupportedOperation, match=r"model\.eval\(\)"):
            method(model).attribute(x, target=0)
    model.eval()
    method(model).attribute(x, target=0)


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_to_write_to_is_refused(method, x):
    def model(x):
        return torch.tanh(x, out=torch.empty_like(x.detach())).sum(1)

    with pytest.raises((InputError, RuntimeError)):
        method(model).attribute(x)


FORMS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": torch.relu,
    "functional": functional.relu,
    "functional in place": lambda z: functional.relu(z, inplace=True),
    "method": lambda z: z.relu(),
    "method in place": lambda z: z.relu_(),
    "clamp": lambda z: z.clamp(min=0),
    "made anew": lambda z: nn.ReLU()(z),
    "by masked multiplication of branches": lambda z: torch.maximum(z, torch.zeros_like(z)),
}


@pytest.mark.parametrize("form", FORMS)
def test_however_a_relu_is_written_deep_lift_completes(form, x):
    torch.manual_seed(0)
    layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)]).double()

    def model(x):
        z = FORMS[form](layers[0](x))
        z = z + FORMS[form](layers[1](z))
        return layers[2](z)[:, 0]

    base = torch.randn(2, 3, generator=torch.Generator().manual_seed(5)).double()
    found, delta = DeepLift(model).attribute(x, base, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-14
    torch.testing.assert_close(found.sum(1), (model(x) - model(base)).detach())


def test_what_is_written_in_place_after_a_rule_does_not_change_it(x):
    layer = nn.Linear(3, 3).double()

    def model(x):
        z = torch.tanh(layer(x))
        kept = z * z.sigmoid()
        z.add_(1.0).mul_(2.0)  # after its numbers were used
        return (kept + z).sum(1)

    _, delta = DeepLift(model).attribute(x, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-14


def test_another_thread_sees_nothing(x):
    model = nn.Sequential(nn.Linear(3, 64), nn.GELU(), nn.Linear(64, 1)).double().eval()
    expected = torch.autograd.functional.jacobian(lambda z: model(z).sum(), x)
    wrong, done = [], threading.Event()

    def watch():
        while not done.is_set():
            found = torch.autograd.functional.jacobian(lambda z: model(z).sum(), x)
            if not torch.equal(found, expected):
                wrong.append(found)

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(30):
        DeepLift(model).attribute(x, target=0)
    done.set()
    thread.join()
    assert not wrong


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was_also_after_an_error(method, x):
    model = Sorting().double()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UnsupportedOperation):
        method(model).attribute(x)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda x: (x * (x > 0)).sum(1), "another constant"),
        (lambda x: (x + (x.round() - x).detach()).sum(1), "another constant"),
        (lambda x: x.sum(1) * float(x.detach().sum()), "another constant"),
        (lambda x: x.sum(1) if x.sum() == 0 else x.exp().sum(1), "for the inputs where"),
        (lambda x: x.exp().sum(1) if x.sum() == 0 else x.sum(1), "for the inputs where"),
        (lambda x: (x * torch.rand(3, dtype=x.dtype)).sum(1), "another constant"),
    ],
    ids=["mask", "detach", "item", "other path", "shorter path", "random"],
)
def test_deep_lift_refuses_runs_that_do_not_match(model, told, x):
    with pytest.raises(UnsupportedOperation, match=told):
        DeepLift(model).attribute(x.abs() + 0.1)


def test_deep_lift_refuses_a_state_that_changes_between_its_runs(x):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.ones(3, dtype=torch.float64))

        def forward(self, x):
            self.count += 1
            return (x * self.count).sum(1)

    model = Counting()
    with pytest.raises(UnsupportedOperation, match="another constant"):
        DeepLift(model).attribute(x)
    assert model.count.tolist() == [1, 1, 1]


def test_what_is_linear_in_its_first_operand_alone_is_refused_for_others(x):
    picture = torch.randn(2, 1, 4, 4, dtype=torch.float64)

    def model(x):
        grid = torch.tanh(x)[:, None, None, :2]
        return functional.grid_sample(picture, grid, align_corners=False).flatten()

    with pytest.raises(UnsupportedOperation, match="grid_sample"):
        DeepLift(model).attribute(x)


def test_a_rule_of_ones_own_takes_one_line(x):
    def model(x):
        return torch.polygamma(1, x).sum(1)

    x = x.abs() + 0.5
    with pytest.raises(UnsupportedOperation, match="polygamma"):
        DeepLift(model).attribute(x, 1.0)
    for key in ("polygamma", torch.polygamma):
        method = DeepLift(model, rules={key: rescale})
        _, delta = method.attribute(x, 1.0, return_convergence_delta=True)
        assert float(delta.abs().max()) < 1e-13


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_hidden_part_is_told_by_the_gap(x):
    # TorchScript runs its own copy of an operation, out of sight.
    scripted = torch.jit.trace(lambda z: torch.tanh(z) * 3, x)
    with pytest.warns(AscribeWarning, match="hidden from the rules"):
        DeepLift(lambda x: scripted(x).sum(1)).attribute(x)

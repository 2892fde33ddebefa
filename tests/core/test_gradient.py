import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ascribe import batching, evaluations
from ascribe.errors import AscribeWarning, InputError
from ascribe.forward import Forward
from ascribe.gradient import gradients, sum_of_gradients
from ascribe.inputs import Inputs
from ascribe.targets import Targets


def of(model, inputs, target=None, args=None):
    with Forward(model, Inputs.of(inputs), target, args) as forward:
        return gradients(forward)


def test_gradients_of_several_targets_and_inputs_in_closed_form():
    x, y = torch.randn(3, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)

    def model(x, y):
        return torch.stack([(x * y).sum(1), (x**2).sum(1)], 1)

    dx, dy = of(model, (x, y), Targets([0, 1, [0, 1, 1]]))
    torch.testing.assert_close(dx, torch.stack([y, 2 * x, torch.stack([y[0], *2 * x[1:]])]))
    torch.testing.assert_close(dy[:2], torch.stack([x, 0 * x]))


def test_parameters_stay_out_of_the_graph_and_as_they_are():
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(9, 2))
    seen = []
    model[0].register_forward_hook(lambda m, i, output: seen.append(output))
    x = torch.randn(2, 2, 4)
    (found,) = of(model, x, 1)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(found[0], torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)[0])


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(3, 2, batch_first=True),
        nn.TransformerEncoderLayer(4, 2, dim_feedforward=5, batch_first=True).eval(),
        nn.MultiheadAttention(4, 2, batch_first=True),
        nn.Sequential(
            nn.ReLU(inplace=True), nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
        ),
    ],
    ids=lambda m: type(m).__name__,
)
def test_gradients_are_those_of_autograd_for_every_kind_of_module(model):
    x = torch.randn(2, 5, 3 if isinstance(model, nn.LSTM) else 4)

    def run(x):
        output = model(x, x, x) if isinstance(model, nn.MultiheadAttention) else model(x)
        return (output[0] if isinstance(output, tuple) else output).square().sum((1, 2))

    leaf = x.clone().requires_grad_()
    # As in of(), a clone: a leaf allows no operation in place.
    expected = torch.autograd.grad(run(leaf.clone()).sum(), leaf)[0]
    torch.testing.assert_close(of(run, x)[0][0], expected)


def test_checkpointed_models_have_gradients():
    inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    x = torch.randn(2, 4)
    (found,) = of(lambda x: checkpoint(inner, x, use_reentrant=False).sum(1), x)
    torch.testing.assert_close(found, of(lambda x: inner(x).sum(1), x)[0])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_taken_where_the_caller_switched_them_off(mode):
    model = nn.Linear(3, 1)
    with mode():
        x = torch.ones(2, 3)
        (found,) = of(model, x)
        with Forward(model, Inputs.of(x)) as forward:
            (total,) = sum_of_gradients(
                forward, lambda chunk: (forward.part(x, chunk),), torch.ones(3)
            )
    torch.testing.assert_close(found[0], model.weight.detach().expand(2, 3))
    torch.testing.assert_close(total[0], 3 * model.weight.detach().expand(2, 3))


def test_what_has_no_gradient_says_so():
    with pytest.raises(InputError, match="input 1 must be floating point"):
        of(lambda x, y: x.sum(1), (torch.ones(1, 2), torch.ones(1, 2).long()))
    with pytest.raises(InputError, match="no gradient flows back"):
        of(lambda x: x.detach().sum(1), torch.ones(1, 2))
    with pytest.warns(AscribeWarning, match="do not depend on input 1: its gradient is 0"):
        _, dy = of(lambda x, y: x.sum(1), (torch.ones(1, 2), torch.ones(1, 2)))
    assert (dy == 0).all()


@pytest.mark.parametrize("rows", [None, 1, 2, 3, 4, 100])
def test_weighted_sums_do_not_depend_on_how_work_is_cut(rows):
    x, weights = torch.randn(3, 2, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    steps = torch.arange(5.0, dtype=torch.float64)

    def vary(chunk):
        return (forward.part(x, chunk) * steps[chunk.variants].reshape(-1, 1, 1),)

    with Forward(lambda x: (x**2).sum(1), Inputs.of(x)) as forward:
        (total,) = sum_of_gradients(forward, vary, weights, rows)
    torch.testing.assert_close(total[0], 2 * x * (weights * steps).sum())


@pytest.mark.parametrize("rows", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("budget", [1, 2**30])
def test_a_mean_over_the_batch_is_differentiated_batch_by_batch(monkeypatch, rows, budget):
    monkeypatch.setattr(batching, "CPU_BUDGET", budget)
    monkeypatch.setattr(evaluations, "SMALL_BYTES", 0 if budget == 1 else 2**18)
    monkeypatch.setattr(evaluations, "FEW_ROWS", 0 if budget == 1 else 8)
    x = torch.randn(3, 2, dtype=torch.float64)
    with Forward(lambda x: (x**2).mean(), Inputs.of(x)) as forward:
        (total,) = sum_of_gradients(
            forward,
            lambda chunk: (forward.part(x, chunk),),
            torch.ones(4, dtype=torch.float64),
            rows,
        )
    torch.testing.assert_close(total[0], 4 * 2 * x / 6)


def leaves_of(node):
    """Return the leaves that a graph reaches."""
    if node is None:
        return []
    if hasattr(node, "variable"):
        return [node.variable]
    return [leaf for child, _ in node.next_functions for leaf in leaves_of(child)]


def test_parameters_are_no_leaves_of_the_graph():
    model, graphs = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 1)), []
    model.register_forward_hook(lambda m, i, output: graphs.append(output.grad_fn))
    of(model, torch.ones(2, 4), 0)
    (leaf,) = leaves_of(graphs[0])
    assert leaf.shape == (2, 4)


@pytest.mark.parametrize("width", [3, 4])
def test_a_checkpoint_saves_the_same_both_times(width):
    for inner in (nn.Linear(4, 4, bias=False), nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4))):
        x = torch.randn(width, 4)
        (plain,) = of(lambda x, inner=inner: torch.tanh(inner(x)), x, 0)
        (found,) = of(
            lambda x, inner=inner: checkpoint(
                lambda y: torch.tanh(inner(y)), x, use_reentrant=False
            ),
            x,
            0,
        )
        torch.testing.assert_close(found, plain)


def test_a_model_may_set_its_own_parameters_data():
    class MaxNorm(nn.Linear):
        def forward(self, x):
            self.weight.data = torch.renorm(self.weight.data, 2, 0, 0.1)
            return super().forward(x)

    (found,) = of(MaxNorm(4, 1), torch.randn(2, 4))
    torch.testing.assert_close(found.norm(dim=-1), torch.full((1, 2), 0.1))


def test_a_model_may_take_gradients_of_its_parameters():
    model = nn.Linear(3, 1)

    def adapted(x):
        (step,) = torch.autograd.grad(model(x).sum(), model.weight, create_graph=True)
        return torch.nn.functional.linear(x, model.weight - 0.1 * step)

    (found,) = of(adapted, torch.randn(2, 3))
    assert found.shape == (1, 2, 3)


@pytest.mark.parametrize("budget", [1, 150, 2**30])
def test_a_batch_that_is_too_large_is_cut(monkeypatch, budget):
    monkeypatch.setattr(batching, "CPU_BUDGET", budget)
    monkeypatch.setattr(evaluations, "SMALL_BYTES", 0)
    sizes, x = [], torch.randn(20, 3, dtype=torch.float64)

    def model(x):
        sizes.append(len(x))
        return x.square().sum(1)

    (found,) = of(model, x)
    torch.testing.assert_close(found[0], 2 * x)
    assert max(sizes) == {1: 2, 150: 2, 2**30: 20}[budget]  # two to measure with

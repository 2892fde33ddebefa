"""Attribution from a layer on and up to a neuron, on models of every kind."""

import copy
import threading
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ascribe import AscribeWarning, InputError, TargetError, Targets, batching, evaluations
from ascribe.attr import (
    FeatureAblation,
    IntegratedGradients,
    LayerActivation,
    LayerConductance,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    NeuronConductance,
    NeuronGradient,
    NeuronIntegratedGradients,
    Saliency,
)
from ascribe.internal import layer_form, neuron_form
from ascribe.sites import FromLayer

LayerAblation = layer_form(FeatureAblation)


@pytest.fixture
def lower():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh()).double()


@pytest.fixture
def upper():
    return nn.Sequential(nn.Linear(6, 7), nn.GELU(), nn.Linear(7, 3)).double()


@pytest.fixture
def model(lower, upper):
    return nn.Sequential(lower, upper)


@pytest.fixture
def x():
    return torch.randn(4, 5, dtype=torch.float64)


@pytest.mark.parametrize("method", [IntegratedGradients, FeatureAblation, Saliency])
def test_from_a_layer_on_a_method_is_itself_on_the_upper_half(method, model, lower, upper, x):
    b = torch.randn(1, 5, dtype=torch.float64)
    form = layer_form(method)(model, lower)
    given = {"target": Targets([2, 0])}
    expected = given.copy()
    if method is not Saliency:
        given["baselines"], expected["baselines"] = b, lower(b).detach()
    found = form.attribute(x, **given)
    torch.testing.assert_close(found, method(upper).attribute(lower(x).detach(), **expected))
    at_input = form.attribute(x, **given, attribute_to_layer_input=True)
    expected["baselines"] = b
    expected = {name: value for name, value in expected.items() if name in given}
    torch.testing.assert_close(at_input, method(model).attribute(x, **expected))


@pytest.mark.parametrize("layer", ["0", "0.1", "1.0"])
def test_a_layer_is_found_by_its_name(model, x, layer):
    module = model.get_submodule(layer)
    for given in (model, partial(model), lambda x: model(x), model.forward):
        found = LayerActivation(given, layer).attribute(x)
        assert torch.equal(found, LayerActivation(model, module).attribute(x))
    with pytest.raises(InputError, match=r"no layer '0\.7'.*0\.1"):
        LayerActivation(model, "0.7").attribute(x)


def test_attributions_sum_to_the_change_of_the_score_at_every_layer(model, x):
    with torch.no_grad():
        change = (model(x) - model(torch.zeros_like(x)))[:, 1]
    for layer in ("0.0", "0.1", "1.0", "1.1", "1.2"):
        found, delta = LayerIntegratedGradients(model, layer).attribute(
            x, target=1, return_convergence_delta=True
        )
        torch.testing.assert_close(found.sum(1), change)
        assert float(delta.abs().max()) < 1e-9


class Twice(nn.Module):
    """One activation, used in two places, and a sum that goes by the second."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 5), nn.Linear(5, 5)
        self.act = nn.Tanh()

    def forward(self, x):
        z = self.act(self.first(x))
        return z + self.act(self.second(z))


def test_each_use_of_a_layer_has_its_own_attribution(x):
    model = Twice().double()
    first, second = LayerActivation(model, model.act).attribute(x)
    with torch.no_grad():
        torch.testing.assert_close(first, torch.tanh(model.first(x)))
        torch.testing.assert_close(second, torch.tanh(model.second(first)))
    one, other = LayerIntegratedGradients(model, model.act).attribute(x, target=2)
    # What follows both is their sum: each has its own change, at the place that is scored.
    start = LayerActivation(model, model.act).attribute(torch.zeros_like(x))
    expected = torch.zeros_like(one)
    expected[:, 2] = (first - start[0])[:, 2]
    torch.testing.assert_close(one, expected)
    torch.testing.assert_close(other[:, 2], (second - start[1])[:, 2])
    with pytest.raises(TargetError, match="must return a tensor"):
        NeuronGradient(model, model.act).attribute(x, 2)
    found = NeuronGradient(model, model.act).attribute(x, lambda uses: uses[1][:, 2])
    torch.testing.assert_close(
        found, Saliency(lambda x: model(x) - model.act(model.first(x))).attribute(x, 2, abs=False)
    )


def test_each_of_several_layers_has_its_own_gradient(model, x):
    layers = [model[0], model[1][0]]
    for method in (LayerGradientXActivation, LayerConductance):
        found = method(model, layers).attribute(x, target=1)
        for one, layer in zip(found, layers, strict=True):
            torch.testing.assert_close(one, method(model, layer).attribute(x, target=1))


class Branches(nn.Module):
    """Takes and gives tuples, dicts and None."""

    def forward(self, pair, scale=None):
        a, b = pair
        return {"sum": (a + b) * scale, "rest": (None, a * b), "count": 3}


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.last = Branches(), nn.Linear(5, 3)

    def forward(self, x, factor=2.0):
        found = self.inner((x, x.sin()), scale=factor * torch.ones_like(x))
        return self.last(found["sum"] + found["rest"][1] * found["count"])


def test_a_layer_that_gives_and_takes_more_than_a_tensor(x):
    model = Branched().double()
    total, product = LayerActivation(model, model.inner).attribute(x)
    torch.testing.assert_close(product, x * x.sin())
    weight = model.last.weight.detach()[1]
    found = LayerGradientXActivation(model, model.inner).attribute(x, target=1)
    torch.testing.assert_close(found[0], weight * total)
    torch.testing.assert_close(found[1], 3 * weight * product)
    ablated = LayerAblation(model, model.inner).attribute(x, target=1)
    torch.testing.assert_close(ablated[0], weight * total)
    taken = LayerActivation(model, "inner").attribute(x, attribute_to_layer_input=True)
    assert len(taken) == 3
    torch.testing.assert_close(taken[2], torch.full_like(x, 2))
    found = LayerGradientXActivation(model, model.inner).attribute(
        x, target=1, additional_forward_args=(5.0,), attribute_to_layer_input=True
    )
    torch.testing.assert_close(found[0], weight * (5 + 3 * x.sin()) * x)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_recurrent_layer_is_attributed_to_its_output(kind):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.last = kind(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.last(self.cell(x)[0].mean(1))

    model, x = Reader().double(), torch.randn(2, 6, 3, dtype=torch.float64)
    found = LayerIntegratedGradients(model, model.cell).attribute(x, target=1)
    with torch.no_grad():
        change = model.cell(x)[0] - model.cell(torch.zeros_like(x))[0]
    torch.testing.assert_close(found, change * model.last.weight[1].detach() / 6)


def test_an_activation_without_the_batch_in_front_is_refused(x):
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.turn, self.last = nn.Flatten(0), nn.Linear(5, 3)

        def forward(self, x):
            return self.last(self.turn(x).reshape(-1, 5))

    model = Turned().double()
    with pytest.raises(InputError, match="the batch, here of 4, in their first dimension"):
        LayerActivation(model, model.turn).attribute(x)


def test_a_layer_that_is_not_called_is_refused(model, x):
    model.idle = nn.Linear(2, 2)
    with pytest.raises(InputError, match="Linear is not called in the forward pass"):
        LayerActivation(lambda x: model[1](model[0](x)), model.idle).attribute(x)
    with pytest.raises(InputError, match="must name at least one"):
        LayerActivation(model, []).attribute(x)
    with pytest.raises(InputError, match="must be a module of the model or its name, but is a int"):
        LayerActivation(model, 3).attribute(x)


@pytest.mark.parametrize("place", ["at", "after"])
def test_an_activation_that_is_written_to_keeps_its_value(place, x):
    relu = nn.ReLU(inplace=True)
    model = nn.Sequential(nn.Linear(5, 6), relu, nn.Linear(6, 3)).double()
    layer = relu if place == "at" else model[0]
    found = LayerActivation(model, layer).attribute(x)
    with torch.no_grad():
        z = model[0](x)
        torch.testing.assert_close(found, z.relu() if place == "at" else z)
    taken = LayerActivation(model, relu).attribute(x, attribute_to_layer_input=True)
    torch.testing.assert_close(taken, z)
    gradient = LayerGradientXActivation(model, layer, multiply_by_inputs=False)
    slope = gradient.attribute(x, target=1)
    weight = model[2].weight.detach()[1]
    expected = weight.expand(4, 6) if place == "at" else weight * (z > 0)
    torch.testing.assert_close(slope, expected)
    neuron = NeuronGradient(model, layer).attribute(x, 2)
    row = model[0].weight.detach()[2].expand(4, 5)
    torch.testing.assert_close(neuron, row * (z[:, [2]] > 0) if place == "at" else row)


def test_a_checkpoint_around_the_layer_is_refused_and_one_elsewhere_is_none_of_its_business(
    lower, upper, x
):
    def around(x):
        return upper(checkpoint(lower, x.requires_grad_(), use_reentrant=False))

    def above(x):
        return checkpoint(upper, lower(x), use_reentrant=False)

    with pytest.raises(InputError, match="inside a checkpoint"):
        LayerIntegratedGradients(around, lower[0]).attribute(x, target=1)
    found = LayerIntegratedGradients(above, lower).attribute(x, target=1)
    plain = LayerIntegratedGradients(nn.Sequential(lower, upper), lower).attribute(x, target=1)
    torch.testing.assert_close(found, plain)


def test_hooks_of_the_user_s_count(model, lower, x):
    plain = LayerActivation(model, lower).attribute(x)
    lower.register_forward_hook(lambda module, given, output: output * 2)
    torch.testing.assert_close(LayerActivation(model, lower).attribute(x), 2 * plain)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_on_the_model_after_an_exception(model, x, kind):
    calls = [0]

    def fails(x):
        calls[0] += 1
        if calls[0] == 3:
            raise kind
        return model(x)

    before = {name: dict(vars(m)) for name, m in model.named_modules()}
    with pytest.raises(kind):
        LayerIntegratedGradients(fails, model[0]).attribute(x, target=1, internal_batch_size=8)
    for name, module in model.named_modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert dict(vars(module)).keys() == before[name].keys()
    assert isinstance(copy.deepcopy(model), nn.Sequential)


def test_two_threads_attribute_at_one_model_and_neither_feels_the_other(model, x):
    expected = [
        LayerIntegratedGradients(model, model[0]).attribute(x, target=t, n_steps=8)
        for t in range(3)
    ]
    gradient = NeuronGradient(model, model[0]).attribute(x, 2)
    wrong = []

    def work(target):
        for _ in range(15):
            found = LayerIntegratedGradients(model, model[0]).attribute(
                x, target=target, n_steps=8, internal_batch_size=4
            )
            if not torch.allclose(found, expected[target], rtol=1e-12):
                wrong.append("layer")
            if not torch.equal(NeuronGradient(model, model[0]).attribute(x, 2), gradient):
                wrong.append("neuron")

    threads = [threading.Thread(target=work, args=(target,)) for target in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_hooks_with_kwargs


@pytest.mark.parametrize("budget", [1, 3000])
def test_a_batch_that_is_too_large_is_cut_inside_a_model_too(model, x, monkeypatch, budget):
    methods = [
        (LayerIntegratedGradients, {}),
        (LayerConductance, {}),
        (LayerGradientXActivation, {}),
        (LayerAblation, {}),
        (NeuronConductance, {"neuron_selector": 3}),
    ]
    scale = torch.randn(4, dtype=torch.float64)
    given = {"additional_forward_args": (scale,), "target": torch.tensor([2, 0, 1, 1])}

    def scaled(x, scale):
        return model(x) * scale[:, None]

    whole = [m(scaled, model[0]).attribute(x, **given, **more) for m, more in methods]
    monkeypatch.setattr(batching, "CPU_BUDGET", budget)
    monkeypatch.setattr(evaluations, "SMALL_BYTES", 0)
    monkeypatch.setattr(evaluations, "FEW_ROWS", 0)
    for (method, more), expected in zip(methods, whole, strict=True):
        found = method(scaled, model[0]).attribute(x, **given, **more)
        torch.testing.assert_close(found, expected)


class OverTheBatch(nn.Module):
    """A norm over the batch that no module shows."""

    def forward(self, x):
        return x / x.norm(dim=0)


@pytest.mark.filterwarnings("ignore:changed copies")
@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d(5, track_running_stats=False).double(), OverTheBatch()]
)
def test_rows_that_change_one_another_are_never_joined(x, norm):
    model = nn.Sequential(nn.Linear(5, 5), norm, nn.Linear(5, 3)).double().eval()
    found = LayerIntegratedGradients(model, model[0]).attribute(x, target=1, n_steps=6)
    activations, baselines = model[0](x).detach(), model[0](torch.zeros_like(x)).detach()
    expected = IntegratedGradients(model[1:]).attribute(activations, baselines, target=1, n_steps=6)
    torch.testing.assert_close(found, expected)


@pytest.mark.filterwarnings("ignore:changed copies")
def test_training_mode_is_warned_of(x):
    model = nn.Sequential(nn.Linear(5, 6), nn.Dropout(), nn.Linear(6, 3)).double()
    with pytest.warns(AscribeWarning, match="training mode"):
        LayerConductance(model, model[0]).attribute(x, target=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_is_that_of_the_activations(model, x, dtype):
    model, x = model.to(dtype), x.to(dtype)
    for method in (LayerIntegratedGradients, LayerConductance, LayerGradientXActivation):
        found = method(model, model[0]).attribute(x, target=1)
        assert found.dtype == dtype
        assert bool(found.isfinite().all())


def test_data_parallel_wrappers_are_seen_through(model, x):
    wrapped = nn.DataParallel(model)
    found = LayerIntegratedGradients(wrapped, model[0]).attribute(x, target=1)
    by_name = LayerIntegratedGradients(wrapped, "module.0").attribute(x, target=1)
    plain = LayerIntegratedGradients(model, model[0]).attribute(x, target=1)
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(by_name, plain)


def test_a_neuron_is_the_score_of_the_lower_half(model, lower, x):
    for selector, target in [
        (3, 3),
        ((3,), 3),
        (slice(1, 4), lambda y: y[:, 1:4].sum(1)),
        (lambda y: y[:, 0] * y[:, 1], lambda y: y[:, 0] * y[:, 1]),
    ]:
        found = NeuronIntegratedGradients(model, lower).attribute(x, selector, 0.5)
        expected = IntegratedGradients(lower).attribute(x, 0.5, target=target)
        torch.testing.assert_close(found, expected)


def test_the_model_runs_no_further_than_to_the_neuron(model, lower, x):
    runs = []
    model[1].register_forward_hook(lambda *_: runs.append(1))
    NeuronIntegratedGradients(model, lower).attribute(x, 3, n_steps=20, internal_batch_size=4)
    assert len(runs) <= 1  # which finds out how often the layer is used


@pytest.mark.parametrize("selector", [6, (3, 1), (), -7, "three", 2.5, [1, 2]])
def test_a_selector_that_does_not_fit_is_refused(model, lower, x, selector):
    with pytest.raises(TargetError, match="neuron_selector must"):
        NeuronGradient(model, lower).attribute(x, selector)


def test_several_targets_share_a_pass_through_a_neuron(model, x):
    method = NeuronConductance(model, model[0])
    together = method.attribute(x, 3, target=Targets([2, 0]))
    for row, target in enumerate((2, 0)):
        torch.testing.assert_close(together[row], method.attribute(x, 3, target=target))


def test_the_neurons_of_a_layer_share_the_whole_change(model, x):
    whole = IntegratedGradients(model).attribute(x, target=1)
    method = NeuronConductance(model, model[0])
    each = sum(method.attribute(x, neuron, target=1) for neuron in range(6))
    torch.testing.assert_close(each, whole)
    torch.testing.assert_close(method.attribute(x, (slice(None),), target=1), whole)
    layer = LayerConductance(model, model[0]).attribute(x, target=1, n_steps=2000)
    by_neuron = torch.stack([method.attribute(x, n, target=1).sum(1) for n in range(6)], dim=1)
    torch.testing.assert_close(layer, by_neuron, rtol=1e-4, atol=1e-6)


def test_a_form_speaks_for_its_method():
    form = layer_form(FeatureAblation, baselines="layer_baselines")
    assert form.__name__ == "LayerFeatureAblation"
    assert form.several_targets
    assert "attribute_to_layer_input" in form.attribute.__doc__
    made = neuron_form(IntegratedGradients)(nn.Identity(), "", multiply_by_inputs=False)
    assert not made.multiplies_by_inputs
    assert not made.has_convergence_delta()
    with pytest.raises(TypeError, match="n_stepz"):
        made.attribute(torch.ones(1, 2), 1, n_stepz=3)


def test_a_method_can_be_moved_by_hand(model, lower, upper, x):
    moved = Saliency(model).at(FromLayer(lower))
    found = moved.attribute(x, target=1)
    torch.testing.assert_close(found, Saliency(upper).attribute(lower(x).detach(), target=1))
    assert Saliency(model).site is None

"""Captum's methods to layers, of neurons and under noise, as a black box."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from ascribe import attr
from ascribe.vision import torchvision

try:
    torchvision()  # which Captum may import, and which may need help
    from captum import attr as captum
except ImportError:
    pytest.skip("needs captum: pip install ascribe[bench]", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

#: What a difference is measured against: relative to the largest attribution.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-7}  # its step sizes are in single precision

#: What is not taken: nothing there needs setting.
LEFT_OUT = {"grad_kwargs", "memory_efficient", "kwargs"}

CLASSES = [
    "GradientShap", "NoiseTunnel", "LayerIntegratedGradients", "LayerGradientShap",
    "LayerGradientXActivation", "LayerActivation", "LayerConductance", "InternalInfluence",
    "NeuronGradient", "NeuronIntegratedGradients", "NeuronGradientShap", "NeuronConductance",
]  # fmt: skip


def difference(ours, theirs):
    off, scale = float((ours - theirs).abs().max()), float(theirs.abs().max())
    return off / scale if scale else off


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_have_the_names_and_the_order_that_captum_s_users_know(name):
    for method in ("__init__", "attribute"):
        ours, theirs = (
            list(inspect.signature(getattr(getattr(library, name), method)).parameters)
            for library in (attr, captum)
        )
        known = [parameter for parameter in theirs if parameter not in LEFT_OUT]
        assert [parameter for parameter in ours if parameter in known] == known
        # What is ours alone comes last, but for the switch between what a layer takes and gives.
        added = [p for p in ours if p not in known and p != "kwargs"]
        assert set(added) <= {"internal_batch_size", "seed"}


def make(seed, dtype=torch.float32):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Tanh() if seed % 2 else nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 2),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(5 * 2 * 3, 4),
    )
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    x, b = torch.randn(2, 3, 2, 6, 8, dtype=dtype)
    return model.to(dtype).eval(), x, b


AT_LAYERS = [
    ("LayerIntegratedGradients", {"n_steps": 7}),
    ("LayerIntegratedGradients", {"n_steps": 9, "method": "riemann_middle"}),
    ("LayerGradientXActivation", {}),
    ("LayerActivation", {}),
    ("InternalInfluence", {"n_steps": 6}),
    ("InternalInfluence", {"n_steps": 6, "method": "riemann_right"}),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "options"), AT_LAYERS)
@pytest.mark.parametrize("seed", range(4))
def test_to_a_layer(name, options, seed, dtype):
    model, x, b = make(seed, dtype)
    for layer in (0, 2, 4, 5, 7):
        for of_input in (False, True):
            given = {**options, "attribute_to_layer_input": of_input}
            if name != "LayerActivation":
                given["target"] = torch.tensor([1, 3, 0])
            if "n_steps" in given:
                given["baselines"] = b
            ours, theirs = (
                getattr(library, name)(model, model[layer]).attribute(x, **given)
                for library in (attr, captum)
            )
            assert difference(ours, theirs) < TOLERANCE[dtype], (layer, of_input)


OF_NEURONS = [
    ("NeuronGradient", {}),
    ("NeuronIntegratedGradients", {"n_steps": 7}),
    ("NeuronConductance", {"n_steps": 7, "method": "gausslegendre", "target": 1}),
    ("NeuronConductance", {"n_steps": 7, "method": "riemann_left", "target": [1, 3, 0]}),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "options"), OF_NEURONS)
@pytest.mark.parametrize("seed", range(4))
def test_of_a_neuron(name, options, seed, dtype):
    model, x, b = make(seed, dtype)
    selectors = [(2, (1, 3, 4)), (4, (0, 1, 2)), (7, 2)]
    if name == "NeuronConductance":
        selectors.pop()  # a score of another category does not flow through that one
    else:
        selectors += [(2, (slice(0, 2), 3, slice(None))), (5, lambda y: y[:, 1].sum((1, 2)))]
    for layer, selector in selectors:
        given = {**options, "neuron_selector": selector}
        if "n_steps" in given:
            given["baselines"] = b
        ours, theirs = (
            getattr(library, name)(model, model[layer]).attribute(x, **given)
            for library in (attr, captum)
        )
        assert difference(ours, theirs) < TOLERANCE[dtype], layer


@pytest.mark.parametrize("seed", range(4))
def test_conductance_of_a_layer_where_captum_s_steps_cover_the_whole_way(seed):
    model, x, b = make(seed)
    for layer in (0, 2, 5):
        ours = attr.LayerConductance(model, model[layer]).attribute(
            x, b, target=2, n_steps=8, method="riemann_left"
        )
        theirs = captum.LayerConductance(model, model[layer]).attribute(
            x, b, target=2, n_steps=8, method="riemann_trapezoid"
        )
        assert difference(ours, theirs) < TOLERANCE[torch.float32], layer


class Cube(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, x):
        return self.layer(x) ** 3


def test_captum_s_conductance_leaves_out_both_ends_of_the_way():
    x, model = torch.ones(1, 1, dtype=torch.float64), Cube()
    ours = attr.LayerConductance(model, model.layer).attribute(x, target=0, n_steps=5)
    theirs = captum.LayerConductance(model, model.layer).attribute(x, target=0, n_steps=5)
    assert float(ours) == pytest.approx(1, abs=1e-12)  # F changes by 1, through the only unit
    assert 0.6 < float(theirs) < 0.7


def test_captum_s_trapezoid_does_not_sum_to_one_for_neurons_either():
    x = torch.ones(1, 1, dtype=torch.float64)
    model = nn.Sequential(nn.Identity(), nn.Identity())
    given = {"neuron_selector": 0, "target": 0, "n_steps": 5, "method": "riemann_trapezoid"}
    ours = attr.NeuronConductance(model, model[0]).attribute(x, **given)
    theirs = captum.NeuronConductance(model, model[0]).attribute(x, **given)
    assert float(ours) == pytest.approx(1, abs=1e-12)
    assert float(theirs) == pytest.approx(0.8, abs=1e-6)


def test_the_conductance_of_several_neurons_is_their_sum_and_captum_s_is_not():
    model, x, b = make(1, torch.float64)
    given = {"baselines": b, "target": 1, "n_steps": 9, "method": "gausslegendre"}

    def of(library, selector):
        return library.NeuronConductance(model, model[2]).attribute(x, selector, **given)

    ours, theirs = (
        (of(library, (slice(0, 3), 2, 2)), sum(of(library, (c, 2, 2)) for c in range(3)))
        for library in (attr, captum)
    )
    assert difference(*ours) < 1e-12
    assert difference(*theirs) > 0.01


def test_gradient_shap_where_nothing_is_left_to_chance():
    torch.manual_seed(0)
    model, x = nn.Linear(6, 4), torch.randn(3, 6)
    baseline = torch.randn(1, 6)
    for name in ("GradientShap", "LayerGradientShap", "NeuronGradientShap"):
        given = {"neuron_selector": 2} if name.startswith("Neuron") else {"target": 2}
        at = [] if name == "GradientShap" else [model]
        ours, theirs = (
            getattr(library, name)(model, *at).attribute(x, baselines=baseline, **given)
            for library in (attr, captum)
        )
        assert difference(ours, theirs) < TOLERANCE[torch.float32]


class Square(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Tanh()

    def forward(self, x):
        return self.layer(2 * x) ** 2


def test_gradient_shap_of_a_layer_is_complete_and_captum_s_is_not():
    # F = y^2 with y = tanh(2 x) at x = 2, nearly 1: all of it flows through y. Captum multiplies
    # the mean of 2 y on the way from x = 0, 2 ln(cosh(4)) / 4 = 1.66, by the change of y.
    x, model = torch.full((1, 1), 2.0, dtype=torch.float64), Square()
    np.random.seed(0)
    ours, theirs = (
        float(
            library.LayerGradientShap(model, model.layer).attribute(
                x, torch.zeros_like(x), n_samples=4000, target=0
            )
        )
        for library in (attr, captum)
    )
    # Six standard errors of a mean of 2 u, u uniform.
    assert ours == pytest.approx(1, abs=6 * (4 / 12 / 4000) ** 0.5)
    assert theirs == pytest.approx(1.66, abs=0.05)


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_noise_tunnel_without_noise(kind):
    model, x, b = make(2)
    given = {"nt_type": kind, "nt_samples": 4, "stdevs": 0.0, "target": [1, 3, 0], "baselines": b}
    ours, theirs = (
        library.NoiseTunnel(library.IntegratedGradients(model)).attribute(x, n_steps=5, **given)
        for library in (attr, captum)
    )
    if kind == "vargrad":  # which Captum finds as a difference of squares
        assert float(ours.abs().max()) == 0
    else:
        assert difference(ours, theirs) < TOLERANCE[torch.float32]


def test_on_the_real_classifier(real_classifier, dog_and_cat):
    model, x = copy.deepcopy(real_classifier.model), dog_and_cat
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # which Captum's methods to layers do not bear
    layer, given = model.features[7], {"target": 282}
    for name, options in [
        ("LayerIntegratedGradients", {"n_steps": 8, "internal_batch_size": 4}),
        ("LayerGradientXActivation", {}),
        ("InternalInfluence", {"n_steps": 8, "internal_batch_size": 4}),
    ]:
        ours, theirs = (
            getattr(library, name)(model, layer).attribute(x, **given, **options)
            for library in (attr, captum)
        )
        assert difference(ours, theirs) < TOLERANCE[torch.float32], name
    ours, theirs = (
        library.NeuronGradient(model, layer).attribute(x, (3, 20, 20)) for library in (attr, captum)
    )
    assert difference(ours, theirs) < TOLERANCE[torch.float32]
    shares = attr.LayerConductance(model, layer).attribute(x, target=282, n_steps=60)
    assert float(shares.sum()) == pytest.approx(
        float((model(x) - model(torch.zeros_like(x)))[0, 282]), rel=0.05
    )

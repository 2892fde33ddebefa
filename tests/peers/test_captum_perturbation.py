"""Perturbation methods of Captum 0.9 as a black box."""

from __future__ import annotations

import inspect
import itertools
import math

import pytest
import torch
from torch import nn

from ascribe import attr
from ascribe.vision import torchvision

try:
    torchvision()
    from captum import attr as captum
except ImportError:
    pytest.skip("needs captum: pip install ascribe[bench]", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

METHODS = [
    "FeaturePermutation",
    "KernelShap",
    "Lime",
    "LimeBase",
    "ShapleyValueSampling",
    "ShapleyValues",
]


@pytest.mark.parametrize("name", METHODS)
def test_parameters_come_in_the_order_that_captum_s_users_know(name):
    ours, theirs = getattr(attr, name), getattr(captum, name)
    for method in ("__init__", "attribute"):
        wanted = inspect.signature(getattr(theirs, method)).parameters.values()
        names = [p.name for p in wanted if p.kind != p.VAR_KEYWORD]
        found = list(inspect.signature(getattr(ours, method)).parameters)
        assert [n for n in found if n in names] == names
        if method == "attribute":
            assert found[: len(names)] == names


@pytest.mark.parametrize(
    "name", ["LayerFeatureAblation", "LayerFeaturePermutation", "NeuronFeatureAblation"]
)
def test_forms_inside_a_model_have_all_that_captum_s_have(name):
    ours, theirs = getattr(attr, name), getattr(captum, name)
    for method in ("__init__", "attribute"):
        wanted = inspect.signature(getattr(theirs, method)).parameters
        assert set(wanted) <= set(inspect.signature(getattr(ours, method)).parameters)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def close(ours, theirs, share=1e-5):
    assert float((ours - theirs).abs().max()) <= share * float(theirs.abs().max())


def test_feature_permutation_by_a_fixed_permutation():
    model, x = net(), torch.randn(4, 5)

    def rolled(x, mask):
        return torch.where(mask.bool(), x.roll(1, 0), x)

    mask = torch.tensor([[0, 1, 1, 2, 0]])
    ours, theirs = (
        package.FeaturePermutation(model, rolled).attribute(x, target=1, feature_mask=mask)
        for package in (attr, captum)
    )
    close(ours, theirs)


def test_shapley_values_over_all_orders():
    model, x, b = net(), torch.randn(2, 5), torch.randn(2, 5)
    ours, theirs = (
        package.ShapleyValues(model).attribute(x, b, target=2) for package in (attr, captum)
    )
    close(ours, theirs)


def test_kernel_shap_over_all_coalitions():
    pytest.importorskip("sklearn")
    from captum._utils.models.linear_model import SkLearnLinearRegression

    model, x = net(), torch.randn(1, 5)
    coalitions = [torch.tensor([c]) for c in itertools.product((0.0, 1.0), repeat=5)]

    def every(original, **told):
        yield from coalitions

    def kernel(original, changed, features, **told):
        size = int(features.sum())
        return 1e6 if size in (0, 5) else 4 / (math.comb(5, size) * size * (5 - size))

    theirs = captum.Lime(model, SkLearnLinearRegression(), kernel, every).attribute(
        x, target=0, n_samples=32
    )
    close(attr.KernelShap(model).attribute(x, target=0, n_samples=30), theirs, 1e-4)
    # What it calls KernelShap draws coalitions, and repeats some: 30 draws are far off.
    torch.manual_seed(0)
    drawn = captum.KernelShap(model).attribute(x, target=0, n_samples=30)
    assert float((drawn - theirs).abs().max()) > 1e-3 * float(theirs.abs().max())


@pytest.mark.parametrize("kind", ["SkLearnLasso", "SkLearnRidge", "SkLearnLinearRegression"])
def test_lime_on_the_same_samples(kind):
    pytest.importorskip("sklearn")
    from captum._utils.models import linear_model

    model, x = net(), torch.randn(1, 5)
    drawn = torch.randint(2, (40, 1, 5), generator=torch.Generator().manual_seed(1)).float()

    def each(original, **told):
        yield from drawn

    alpha = {} if kind == "SkLearnLinearRegression" else {"alpha": 0.05}
    ours = getattr(attr, kind.removeprefix("SkLearn"))(**alpha)
    theirs = getattr(linear_model, kind)(**alpha)
    expected = captum.Lime(model, theirs, perturb_func=each).attribute(x, target=1, n_samples=40)
    found = attr.Lime(model, ours, perturb_func=each).attribute(x, target=1, n_samples=40)
    close(found, expected, 1e-4)
    # A model as its users have it serves here, too.
    found = attr.Lime(model, theirs, perturb_func=each).attribute(x, target=1, n_samples=40)
    close(found, expected, 1e-4)


def test_layers_and_neurons_are_ablated_alike():
    model, x = net(), torch.randn(3, 5)
    for name, where in (("LayerFeatureAblation", {"target": 1}), ("NeuronFeatureAblation", {})):
        ours, theirs = (
            getattr(package, name)(model, model[1]).attribute(
                x, **({"neuron_selector": 3} if name.startswith("Neuron") else where)
            )
            for package in (attr, captum)
        )
        close(ours, theirs)


@pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling", "KernelShap", "Lime"])
def test_captum_turns_double_precision_into_single(name):
    model, x = net().double(), torch.randn(1, 5).double()
    assert getattr(captum, name)(model).attribute(x, target=0).dtype == torch.float32
    assert getattr(attr, name)(model).attribute(x, target=0).dtype == torch.float64


def test_captum_takes_a_mask_with_a_gap_for_features_without_elements():
    model, x = net(), torch.randn(1, 5)
    seen = []

    def counted(x):
        seen.append(len(x))
        return model(x)

    mask = torch.tensor([[0, 0, 9, 9, 9]])
    captum.ShapleyValueSampling(counted).attribute(x, target=0, feature_mask=mask, n_samples=1)
    theirs, seen[:] = sum(seen), []
    attr.ShapleyValueSampling(counted).attribute(x, target=0, feature_mask=mask, n_samples=1)
    assert sum(seen) < theirs

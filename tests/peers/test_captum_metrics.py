"""Captum's metrics, as a black box."""

import inspect

import pytest
import torch
from torch import nn

from ascribe import metrics
from ascribe.attr import Saliency
from ascribe.vision import torchvision

pytest.importorskip("captum")
torchvision()  # which Captum imports, and which may need help

from captum import metrics as captum  # noqa: E402


@pytest.fixture(params=[torch.float32, torch.float64])
def case(request):
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3)).to(request.param)
    return model, torch.randn(3, 4, dtype=request.param)


def move(inputs, baselines=None):
    rows = torch.arange(len(inputs), dtype=inputs.dtype)[:, None]
    moved = 0.1 * torch.sin(rows + torch.arange(inputs.shape[1]))
    return moved, inputs - moved


def toward(inputs, baselines=None):
    return inputs / 2 if baselines is None else (inputs + baselines) / 2


@pytest.mark.parametrize(
    "name", ["infidelity", "infidelity_perturb_func_decorator", "sensitivity_max"]
)
def test_parameters_are_those_that_users_know(name):
    ours, theirs = (list(inspect.signature(getattr(m, name)).parameters) for m in (metrics, captum))
    assert ours == theirs


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("with_baselines", [False, True])
def test_infidelity(case, normalize, with_baselines):
    model, x = case
    given = {"target": torch.tensor([2, 0, 1]), "n_perturb_samples": 6, "normalize": normalize}
    if with_baselines:
        given["baselines"] = torch.ones_like(x)
    attribution = Saliency(model).attribute(x, target=1, abs=False)
    for ours, theirs in (
        (move, move),
        (
            metrics.infidelity_perturb_func_decorator(True)(toward),
            captum.infidelity_perturb_func_decorator(True)(toward),
        ),
        (
            metrics.infidelity_perturb_func_decorator(False)(toward),
            captum.infidelity_perturb_func_decorator(False)(toward),
        ),
    ):
        found = metrics.infidelity(model, ours, x, attribution, **given)
        expected = captum.infidelity(model, theirs, x, attribution, **given)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("order", ["fro", 1, torch.inf])
def test_sensitivity(case, order):
    model, x = case

    def turn(inputs, radius):
        rows = torch.arange(len(inputs), dtype=inputs.dtype)[:, None]
        return inputs + radius * torch.sin(rows)

    given = {"target": torch.tensor([2, 0, 1]), "n_perturb_samples": 6, "norm_ord": order}
    found = metrics.sensitivity_max(Saliency(model).attribute, x, turn, **given)
    expected = captum.sensitivity_max(Saliency(model).attribute, x, turn, **given)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)

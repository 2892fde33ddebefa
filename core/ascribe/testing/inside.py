"""Closed forms inside a model: of its hidden units, and of feature maps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ascribe.testing.axioms import score, tolerance
from ascribe.testing.oracles import compare_sampled, oracle
from ascribe.testing.properties import prop
from ascribe.testing.subject import Case, Subject, as_tuple, cases, compare
from ascribe.testing.zoo import Layout, composed, numbers


def _one_hidden_layer(
    subject: Subject, draw: st.DataObject
) -> tuple[Case, nn.Module, Tensor, Tensor]:
    """Return a net f = a g(W x + c) + d of one hidden layer, with inputs and baselines."""
    drawn = draw.draw(cases(subject, ("relu", "tanh")))
    case = replace(drawn, layout=replace(drawn.layout, depth=1))
    return case, case.model(), case.inputs(), subject.baselines(case)


def _shares(model: Any, x: Tensor, b: Tensor) -> Tensor:
    """Return the share of each element through each unit: ``(batch, units, features)``.

    ``a_k W_ki (x_i - b_i) (g(z_k) - g(z'_k)) / (z_k - z'_k)``: what a path integral and the rescale
    rule both give.
    """
    first, last = model.layers
    with torch.no_grad():
        z, start = first(x), first(b)
        change = model.between(z.clone()) - model.between(start.clone())
        hypothesis.assume(bool(((z - start).abs() > 1e-3).all()))
        slope = last.weight[0] * change / (z - start)
        return torch.as_tensor(slope[:, :, None] * first.weight * (x - b)[:, None])


@oracle
def one_hidden_layer(subject: Subject, draw: st.DataObject) -> None:
    """Of f = a g(W x + c) element i gets the sum over units of a_k W_ki (x_i - b_i) dg_k / dz_k
    (DeepLIFT's rescale rule, Shrikumar et al. 2017, and path integrals alike)."""  # noqa: D209
    case, model, x, b = _one_hidden_layer(subject, draw)
    shares = _shares(model, x, b)
    found = subject.attribute(model, x, target=0, baselines=b)
    limit = tolerance(subject, "one_hidden_layer", case, shares, score(model, x, 0))
    compare(found, shares.sum(1), limit, "against the sum over units", case)


def _at_the_units(subject: Subject, model: Any) -> Subject:
    return Subject(subject.cls, {**subject.parameters, "layer": model.between}, subject.claims)


def _in_layers(subject: Subject) -> bool:
    return "layer" in subject.made_with and not subject.takes("neuron_selector")


@prop("oracle", _in_layers)
def hidden_units(subject: Subject, draw: st.DataObject) -> None:
    """Of f = a g(W x + c) unit k gets a_k (g(z_k) - g(z'_k)), in the hidden layer
    (conductance, Dhamdhere et al. 2019, and path integrals from the layer on)."""  # noqa: D209
    case, model, x, b = _one_hidden_layer(subject, draw)
    shares = _shares(model, x, b)
    found = _at_the_units(subject, model).attribute(model, x, target=0, baselines=b)
    limit = tolerance(subject, "hidden_units", case, shares, score(model, x, 0))
    compare(found, shares.sum(2), limit, "in the hidden layer", case)


@prop("oracle", lambda subject: subject.takes("neuron_selector") and subject.takes("target"))
def through_a_hidden_unit(subject: Subject, draw: st.DataObject) -> None:
    """Of f = a g(W x + c) element i gets a_k W_ki (x_i - b_i) dg_k / dz_k through unit k
    (conductance of a neuron, Dhamdhere et al. 2019)."""  # noqa: D209
    case, model, x, b = _one_hidden_layer(subject, draw)
    shares = _shares(model, x, b)
    unit = draw.draw(st.integers(0, case.layout.width - 1), label="unit")
    found = _at_the_units(subject, model).attribute(
        model, x, target=0, baselines=b, neuron_selector=unit
    )
    limit = tolerance(subject, "through_a_hidden_unit", case, shares, score(model, x, 0))
    compare(found, shares[:, unit], limit, f"through unit {unit}", case)


@prop("oracle", _in_layers)
def weighted_feature_maps(subject: Subject, draw: st.DataObject) -> None:
    """Of a mean over each feature map, and a linear layer, a place gets the positive part of its
    maps, each times its weight over the size (Grad-CAM, Selvaraju et al. 2017)."""  # noqa: D209
    maps, side, seed = (
        draw.draw(st.integers(*bounds), label=name)
        for name, bounds in (("maps", (1, 3)), ("side", (2, 4)), ("seed", (0, 99)))
    )
    case = Case("maps", Layout((2, side, side + 1), maps, seed=seed), 2)
    weights = [numbers(shape, seed + n) for n, shape in enumerate([(maps, 2, 3, 3), (2, maps)])]
    relu = nn.ReLU()

    def score_of(x: Tensor) -> Tensor:
        z = relu(torch.conv2d(x, weights[0], padding=1))
        return torch.as_tensor(z.mean((2, 3)) @ weights[1].T)

    model, x = composed(score_of, relu), case.inputs()
    at_maps = Subject(subject.cls, {**subject.parameters, "layer": relu}, subject.claims)
    (found,) = as_tuple(at_maps.attribute(model, x, target=0))
    activation = torch.conv2d(x, weights[0], padding=1).relu()
    of_maps = weights[1][0, :, None, None] / (side * (side + 1)) * activation
    limit = tolerance(subject, "weighted_feature_maps", case, of_maps)
    compare(found, of_maps.sum(1, keepdim=True).relu(), limit, "against the sum of maps", case)


@prop("oracle", lambda subject: subject.takes("stdevs"))
def variance_under_noise(subject: Subject, draw: st.DataObject) -> None:
    """Of f = x A x the gradient under noise of deviation s has the variance s^2 |A + A'|^2 by rows,
    within six standard errors (Adebayo et al. 2018; give ``stdevs``, and ``nt_samples`` of 50 or
    more)."""  # noqa: D209
    features = draw.draw(st.integers(1, 3), label="features")
    seed = draw.draw(st.integers(0, 99), label="seed")
    matrix = numbers((features, features), seed)
    model, x = composed(lambda x: ((x @ matrix) * x).sum(1)), numbers((1, features), 7)
    found = subject.attribute(model, x)
    variance = subject.parameters.get("stdevs", 1.0) ** 2 * (matrix + matrix.T).pow(2).sum(1)
    error = variance * (2 / (subject.parameters.get("nt_samples", 5) - 1)) ** 0.5
    case = Case("quadratic", Layout(features=(features,), seed=seed), 1)
    compare_sampled(found[0], variance, error, case)

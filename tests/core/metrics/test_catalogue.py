"""What the catalogue says of each metric holds."""

import pytest
import torch

from ascribe.attr import Saliency
from ascribe.metrics import METRICS


@pytest.fixture
def net():
    # No ReLU: half of the weights are of no account after one, and so is the scale of the rest.
    layers = (
        torch.nn.Conv2d(2, 3, 3),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(108, 3),
    )
    return torch.nn.Sequential(*layers).double().eval()


@pytest.fixture
def pictures():
    return torch.rand(3, 2, 8, 8).double()


def halves(inputs):
    return inputs / 2, inputs / 2


def measured(metric, net, pictures, scale):
    """Call a metric with all that it needs, for attributions times a number."""

    def explain(net, inputs=pictures):
        return scale * Saliency(net).attribute(inputs, target=1, abs=False)

    values = explain(net)
    if metric.needs == "attributions":
        return metric.function(values)
    if metric.needs == "mask":
        return metric.function(values, pictures.sum(1) > 1)
    if metric.name == "infidelity":
        return metric.function(net, halves, pictures, values, target=1)
    if metric.needs == "model":
        return metric.function(net, pictures, values, target=1)
    if metric.name == "sensitivity_max":
        return metric.function(lambda inputs: explain(net, inputs), pictures)
    return metric.function(net, explain)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_is_said_of_a_metric_holds(metric, net, pictures):
    found = measured(metric, net, pictures, 1.0)
    assert found.shape == (3,)
    assert bool((found >= metric.least).all())
    assert bool((found <= metric.greatest).all())
    scaled = measured(metric, net, pictures, 8.0)
    assert torch.allclose(found, scaled, rtol=1e-9) is metric.scale_invariant


def test_names_are_those_of_the_catalogue():
    assert all(name == metric.name for name, metric in METRICS.items())
    assert all(METRICS[name].higher_is_better for name in ("insertion", "road_lerf"))
    assert not any(METRICS[name].higher_is_better for name in ("deletion", "road_morf"))
    assert METRICS["sparseness"].higher_is_better is None

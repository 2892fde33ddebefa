"""Methods that average gradients on the way to the inputs or to a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from benchmarks.models import classifier, small_cnn
from benchmarks.peers import ascribe, captum
from benchmarks.pictures import pictures
from benchmarks.row import Case, Row, Setting

TARGET = 3

#: The rows that Captum takes at a time where it is tuned by hand to save memory.
AT_ONCE = 5

#: As small a change that the gradient hardly changes with it.
TINY = 1e-5


def _path(name: str, layer: str | None = None) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        model, inputs = classifier("resnet18", setting), pictures(setting)
        made_with = [model] if layer is None else [model, getattr(model, layer)]
        ours = getattr(ascribe, name)(*made_with)
        theirs = getattr(captum, name)(*made_with)
        given = {"target": TARGET, "n_steps": setting.pick(50, 20)}
        return Case(
            model,
            lambda: ours.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, internal_batch_size=AT_ONCE, **given),
        )

    return build


def _gradient_shap(setting: Setting) -> Case:
    model, inputs = classifier("resnet18", setting), pictures(setting)
    ours, theirs = ascribe.GradientShap(model), captum.GradientShap(model)
    # A deep net has kinks however near two points lie.
    small, few = small_cnn(setting), pictures(setting, 1, 32)
    near = {"baselines": few * (1 - TINY), "target": TARGET, "n_samples": 4}
    given = {"baselines": inputs * 0, "target": TARGET, "n_samples": setting.pick(50, 4)}
    return Case(
        model,
        lambda: ours.attribute(inputs, **given),
        lambda: theirs.attribute(inputs, **given),
        check=(
            lambda: ascribe.GradientShap(small).attribute(few, **near),
            lambda: captum.GradientShap(small).attribute(few, **near),
        ),
    )


def _smooth_grad(setting: Setting) -> Case:
    model, inputs = classifier("resnet18", setting), pictures(setting)
    ours = ascribe.NoiseTunnel(ascribe.Saliency(model))
    theirs = captum.NoiseTunnel(captum.Saliency(model))
    still = {"target": TARGET, "stdevs": 0.0, "nt_samples": 2}
    given: dict[str, Any] = {"target": TARGET, "stdevs": 0.2, "nt_samples": setting.pick(50, 4)}

    def captums(**more: Any) -> Tensor:
        return theirs.attribute(inputs, **given, **more)

    return Case(
        model,
        lambda: ours.attribute(inputs, **given),
        captums,
        lambda: captums(nt_samples_batch_size=AT_ONCE),
        (lambda: ours.attribute(inputs, **still), lambda: theirs.attribute(inputs, **still)),
    )


ROWS = [
    Row(
        "integrated_gradients",
        _path("IntegratedGradients"),
        1e-3,
        what="IntegratedGradients, 50 steps, ResNet-18",
    ),
    Row(
        "gradient_shap",
        _gradient_shap,
        5e-2,
        what="GradientShap, 50 samples, ResNet-18",
        agreement="attributions of a small net from a baseline so near that draws hardly matter",
    ),
    Row(
        "smooth_grad",
        _smooth_grad,
        1e-3,
        what="SmoothGrad, 50 samples, ResNet-18",
        agreement="attributions without noise",
    ),
    Row(
        "layer_integrated_gradients",
        _path("LayerIntegratedGradients", "layer3"),
        1e-3,
        what="LayerIntegratedGradients at layer3, 50 steps, ResNet-18",
    ),
    Row(
        "layer_integrated_gradients_late",
        _path("LayerIntegratedGradients", "layer4"),
        1e-3,
        what="LayerIntegratedGradients at layer4, 50 steps, ResNet-18",
    ),
    Row(
        "layer_conductance",
        _path("LayerConductance", "layer3"),
        0.3,
        what="LayerConductance at layer3, 50 steps, ResNet-18",
        agreement="attributions, roughly: Captum leaves out both ends of the path",
    ),
]

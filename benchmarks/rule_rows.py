"""Methods with a backward rule of their own, and class activation maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from benchmarks.models import classifier, residual, small_cnn
from benchmarks.peers import ascribe, captum
from benchmarks.pictures import pictures
from benchmarks.row import Case, Row, Setting

TARGET = 3


def _vgg(setting: Setting) -> nn.Module:
    model = classifier("vgg16", setting)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # which Captum's DeepLift needs
    return model


def _resnet(setting: Setting) -> nn.Module:
    return classifier("resnet18", setting)


def _simple(
    name: str, make: Callable[[Setting], nn.Module], layer: Callable[[Any], Any] | None = None
) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        model, inputs = make(setting), pictures(setting)
        made_with = [model] if layer is None else [model, layer(model)]
        ours, theirs = getattr(ascribe, name)(*made_with), getattr(captum, name)(*made_with)
        given: dict[str, Any] = {"target": TARGET}
        if name == "DeepLiftShap":
            given["baselines"] = pictures(setting, 4).flip(0) * 0.5
        return Case(
            model,
            lambda: ours.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, **given),
        )

    return build


def _elsewhere(build: Callable[[Setting], Case], name: str) -> Callable[[Setting], Case]:
    """Return a row whose numbers are compared on a net on which Captum's are right."""

    def built(setting: Setting) -> Case:
        case, chain, inputs = build(setting), small_cnn(setting), pictures(setting, 2, 32)
        given: dict[str, Any] = {"target": TARGET}
        if name == "DeepLiftShap":
            given["baselines"] = pictures(setting, 4, 32) * 0.5
        ours, theirs = getattr(ascribe, name)(chain), getattr(captum, name)(chain)
        check = (
            lambda: ours.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, **given),
        )
        return replace(case, check=check)

    return built


def _last(model: Any) -> Any:
    return model.features[-1] if hasattr(model, "features") else model.layer4


def _row(name: str, method: str, make: Callable[[Setting], nn.Module], what: str) -> Row:
    build = _simple(method, make)
    if name not in _ELSEWHERE:
        return Row(name, build, 1e-3, what=what)
    agreement = f"attributions of a small net without {_ELSEWHERE[name]}"
    return Row(name, _elsewhere(build, method), 1e-3, what=what, agreement=agreement)


#: What is wrong with Captum's numbers, where they cannot be compared.
_ELSEWHERE = {
    "lrp": "skips, past which Captum counts relevance twice",
    "deep_lift_vgg16": "max pools, past which Captum's contributions do not add up",
    "deep_lift_shap_vgg16": "max pools, past which Captum's contributions do not add up",
}

#: By name: the method, and what it is called in the table.
_METHODS = {
    "deep_lift": ("DeepLift", "DeepLift"),
    "deep_lift_shap": ("DeepLiftShap", "DeepLiftShap, four baselines"),
    "lrp": ("LRP", "LRP-ε"),
    "guided_backprop": ("GuidedBackprop", "GuidedBackprop"),
}

ROWS = [
    *(
        _row(name + suffix, method, make, f"{what}, {net}")
        for suffix, net, make in (
            ("", "a net like ResNet-18", residual),
            ("_vgg16", "VGG-16", _vgg),
        )
        for name, (method, what) in _METHODS.items()
    ),
    *(
        Row(
            name,
            _simple("LayerGradCam", make, _last),
            1e-3,
            what=f"LayerGradCam of the last features, {net}",
        )
        for name, net, make in (
            ("grad_cam", "ResNet-18", _resnet),
            ("grad_cam_vgg16", "VGG-16", _vgg),
        )
    ),
]

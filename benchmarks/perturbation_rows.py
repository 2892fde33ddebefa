"""Methods that compare scores of changed inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ascribe import Targets
from benchmarks.models import classifier, perceptron, squeezenet
from benchmarks.peers import ascribe, captum
from benchmarks.pictures import of_groups, pictures, superpixels, table
from benchmarks.row import Case, Row, Setting

#: Bull mastiff and tiger cat among the classes of ImageNet.
TARGETS = (243, 282)

#: How many perturbations Captum makes at a time where it is tuned: more were no faster.
AT_ONCE = 8


def occluded(
    model: nn.Module,
    inputs: Tensor,
    window: int,
    stride: int,
    targets: tuple[int, ...],
    **more: Any,
) -> Case:
    """Return occlusion with several targets: one pass of Ascribe, a call of Captum for each."""
    given = {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
    ours, theirs = ascribe.Occlusion(model), captum.Occlusion(model)

    def captums(**setting: Any) -> Tensor:
        maps = [theirs.attribute(inputs, target=t, **given, **setting) for t in targets]
        return torch.stack(maps)

    return Case(
        model,
        lambda: ours.attribute(inputs, target=Targets(targets), **given),
        lambda: captums(**more),
        None if more else lambda: captums(perturbations_per_eval=AT_ONCE),
    )


def _recipe(make: Callable[[Setting], nn.Module]) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        window, stride = setting.pick((45, 9), (32, 16))
        return occluded(make(setting), pictures(setting), window, stride, TARGETS)

    return build


def _few_windows(name: str) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        side = setting.pick(45, 32)  # 25 windows, or four
        best = {"perturbations_per_eval": AT_ONCE}
        return occluded(classifier(name, setting), pictures(setting), side, side, TARGETS, **best)

    return build


def _on_superpixels(
    name: str, samples: int | None, check: str, **few: Any
) -> Callable[[Setting], Case]:
    """Return what builds a method on ResNet-18 with 50 superpixels.

    ``check`` says what is compared: ``all`` numbers, their ``sum``, or numbers of ``few``
    superpixels, which so many samples settle.
    """

    def build(setting: Setting) -> Case:
        model, inputs = classifier("resnet18", setting), pictures(setting)
        mask = superpixels(inputs, *setting.pick((5, 10), (2, 3)))
        given: dict[str, Any] = {"target": TARGETS[0], "feature_mask": mask}
        if samples is not None:
            given["n_samples"] = setting.pick(samples, min(samples, 20))
        return _case(name, model, inputs, given, mask, check)

    return build


def _case(
    name: str, model: nn.Module, inputs: Tensor, given: dict[str, Any], mask: Tensor, check: str
) -> Case:
    ours, theirs = getattr(ascribe, name)(model), getattr(captum, name)(model)
    calls = None
    if check == "few":
        large = {**given, "feature_mask": superpixels(inputs, 1, 3), "n_samples": 100}
        calls = (
            lambda: ours.attribute(inputs, **large),
            lambda: _with_torch_seed(theirs, inputs, large),
        )

    def seen(attributions: Tensor) -> Tensor:
        groups = of_groups(attributions, mask)
        return groups.sum(1) if check == "sum" else groups if calls is None else attributions

    return Case(
        model,
        lambda: ours.attribute(inputs, **given),
        lambda: theirs.attribute(inputs, **given),
        lambda: theirs.attribute(inputs, perturbations_per_eval=AT_ONCE, **given),
        calls,
        seen,
    )


def _with_torch_seed(method: Any, inputs: Tensor, given: dict[str, Any]) -> Tensor:
    torch.manual_seed(0)
    return torch.as_tensor(method.attribute(inputs, **given))


def _on_a_table(name: str, check: str) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        model, inputs = perceptron(setting), table(setting, 10)
        ours, theirs = getattr(ascribe, name)(model), getattr(captum, name)(model)
        given: dict[str, Any] = {"target": 0, "n_samples": setting.pick(200, 50)}
        calls = None
        if check == "few":
            thirds = torch.arange(20, device=setting.device)[None] * 3 // 20
            large = {**given, "feature_mask": thirds, "n_samples": 200}
            calls = (
                lambda: ours.attribute(inputs, **large),
                lambda: _with_torch_seed(theirs, inputs, large),
            )
        return Case(
            model,
            lambda: ours.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, **given),
            lambda: theirs.attribute(inputs, perturbations_per_eval=200, **given),
            calls,
            (lambda found: found.sum(1)) if check == "sum" else (lambda found: found),
        )

    return build


_SUMS = "sums: draws differ, but both are complete"
_FEW = "attributions of three groups, which the draws nearly exhaust"

ROWS = [
    Row(
        "recipe_resnet18",
        _recipe(lambda setting: classifier("resnet18", setting)),
        1e-3,
        what="Occlusion, 441 windows, two targets, ResNet-18",
    ),
    Row(
        "recipe_squeezenet",
        _recipe(squeezenet),
        1e-3,
        what="Occlusion, 441 windows, two targets, the real SqueezeNet",
    ),
    Row(
        "occlusion_vgg16",
        _few_windows("vgg16"),
        1e-3,
        what="Occlusion, 25 windows, two targets, VGG-16; Captum eight at a time",
    ),
    Row(
        "occlusion_resnet50",
        _few_windows("resnet50"),
        1e-3,
        what="Occlusion, 25 windows, two targets, ResNet-50; Captum eight at a time",
    ),
    Row(
        "feature_ablation",
        _on_superpixels("FeatureAblation", None, "all"),
        1e-3,
        what="FeatureAblation, 50 superpixels, ResNet-18",
    ),
    Row(
        "kernel_shap",
        _on_superpixels("KernelShap", 200, "sum"),
        1e-2,
        what="KernelSHAP, 50 superpixels, 200 samples, ResNet-18",
        agreement=_SUMS,
    ),
    Row(
        "lime",
        _on_superpixels("Lime", 200, "few"),
        0.3,
        what="LIME, 50 superpixels, 200 samples, ResNet-18",
        agreement=_FEW,
    ),
    Row(
        "shapley_value_sampling",
        _on_superpixels("ShapleyValueSampling", 4, "sum"),
        1e-3,
        what="ShapleyValueSampling, 50 superpixels, 4 samples, ResNet-18",
        agreement=_SUMS,
    ),
    Row(
        "kernel_shap_mlp",
        _on_a_table("KernelShap", "sum"),
        1e-2,
        what="KernelSHAP, ten rows, 200 samples, a tiny MLP",
        agreement=_SUMS,
    ),
    Row(
        "lime_mlp",
        _on_a_table("Lime", "few"),
        0.3,
        what="LIME, ten rows, 200 samples, a tiny MLP",
        agreement=_FEW,
    ),
]

"""Guided Grad-CAM: guided backpropagation, where Grad-CAM of a layer speaks for the score.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017, https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional

from ascribe import Attribution, GradientAttribution, InputError, hookimpl
from ascribe.attr import GuidedBackprop, LayerGradCam
from ascribe.internal import InternalAttribution


class GuidedGradCam(InternalAttribution, GradientAttribution):
    """Guided backpropagation times Grad-CAM of a layer, at the input's size.

    Parameters
    ----------
    model
        The model: any callable.
    layer
        Whose class activation map it is: a module of the model, or its dotted name.
    device_ids
        Taken as Captum takes it, and not needed.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        return {"dummy": 0.0}

    def __init__(
        self, model: Callable[..., Any], layer: Any, device_ids: list[int] | None = None
    ) -> None:
        super().__init__(model, layer, device_ids)

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        interpolate_mode: str = "nearest",
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return guided gradients, each times the positive part of the layer's map in its place.

        Parameters
        ----------
        inputs
            A tensor ``(batch, channels, *sides)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        interpolate_mode
            How the map is brought to the input's size: as `torch.nn.functional.interpolate` takes.
        attribute_to_layer_input
            Take the map of what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score squared per input.

        Raises
        ------
        InputError
            If the layer has neither one activation nor one for each input, or if a map has not as
            many sides as an input.
        """
        cam = LayerGradCam(self.forward_func, self.layer).attribute(
            inputs, target, additional_forward_args, attribute_to_layer_input, True
        )
        cams = [cam] if isinstance(cam, Tensor) else list(cam)
        guided = GuidedBackprop(self.forward_func)
        with guided.bind(inputs, target, additional_forward_args) as forward:
            found = forward.unpack(guided.attribute(inputs, target, additional_forward_args))
            cams = cams if forward.several else [cam[None] for cam in cams]
            if len(cams) not in (1, len(found)):
                raise InputError(
                    f"GuidedGradCam needs a layer with one activation, or one for each input, but "
                    f"this one has {len(cams)}"
                )
            cams = cams * len(found) if len(cams) == 1 else cams
            return forward.pack(
                part * _at_size(cam, part, interpolate_mode)
                for cam, part in zip(cams, found, strict=True)
            )


def _at_size(cam: Tensor, like: Tensor, mode: str) -> Tensor:
    """Return a map ``(targets, batch, 1, *sides)`` at an input's size."""
    if cam.dim() != like.dim():
        raise InputError(
            f"GuidedGradCam needs a layer with as many sides as the input, but its map has the "
            f"shape {tuple(cam.shape[1:])} and the input {tuple(like.shape[1:])}"
        )
    if cam.shape[3:] == like.shape[3:]:
        return cam
    sized = functional.interpolate(cam.flatten(0, 1), tuple(like.shape[3:]), mode=mode)
    return sized.unflatten(0, cam.shape[:2])


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [GuidedGradCam]

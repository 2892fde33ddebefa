"""FullGrad: the gradient at the input and at every bias, in one map.

Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", NeurIPS 2019,
https://arxiv.org/abs/1905.00780

Of a ReLU network, the input times its gradient and each bias times its own sum to the score.
Biases are those of linear layers, convolutions and batch norms with fixed statistics, modules or
functions; for each place of a layer there is one. Layers without sides are left out of the map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe import Attribution, GradientAttribution, InputError, hookimpl
from ascribe.bias_gradients import full_gradients


class FullGrad(GradientAttribution):
    """The magnitudes of input x gradient and bias x gradient, layer by layer, added up.

    Parameters
    ----------
    model
        The model: any callable from pictures ``(batch, channels, *sides)``.
    """

    several_targets = True

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)

    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        """Return the map at the input's size.

        Parameters
        ----------
        inputs
            A tensor ``(batch, channels, *sides)`` with one to three sides.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`. Choose one before a softmax.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.

        Returns
        -------
        Tensor
            ``(batch, 1, *sides)``, at least zero: each layer's magnitudes are scaled to [0, 1],
            brought to the input's size, and summed over channels and layers, as in the paper.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            if len(forward.inputs.tensors) != 1 or not 3 <= forward.inputs.tensors[0].dim() <= 5:
                raise InputError(
                    "FullGrad needs one input (batch, channels, *sides) with one to three sides"
                )
            (tensor,) = forward.inputs.tensors
            found, biases = full_gradients(forward)
            total = _scaled(tensor * found).sum(2, keepdim=True)
            for part in biases:
                if part.dim() == tensor.dim() + 1:
                    total = total + _at_size(_scaled(part), tensor.shape[2:])
            return forward.pack([total])


def _scaled(parts: Tensor) -> Tensor:
    """Return magnitudes ``(targets, batch, channels, *sides)``, each channel from 0 to 1."""
    flat = parts.abs().flatten(3)
    low, high = flat.amin(3, keepdim=True), flat.amax(3, keepdim=True)
    return ((flat - low) / (high - low)).masked_fill(high == low, 0).reshape(parts.shape)


def _at_size(parts: Tensor, sides: torch.Size) -> Tensor:
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(sides)]
    maps = parts.sum(2)
    flat = maps.flatten(0, 1)[:, None]
    sized = functional.interpolate(flat, tuple(sides), mode=mode, align_corners=False)
    return sized.reshape(*maps.shape[:2], 1, *sides)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [FullGrad]

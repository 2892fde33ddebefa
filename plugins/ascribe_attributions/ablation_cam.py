"""Ablation-CAM: a layer's channels, each weighed by how the score falls without it.

Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via
Gradient-free Localization", WACV 2020, https://doi.org/10.1109/WACV45572.2020.9093360
"""

from __future__ import annotations

import torch
from torch import Tensor

from ascribe import Attribution, InputError, hookimpl
from ascribe.batching import Chunk
from ascribe.cams import GradientFreeMap, Reshape
from ascribe.evaluations import Vary
from ascribe.inner_forward import LayerForward


class LayerAblationCam(GradientFreeMap):
    """Channels, each weighed by the share of the score that goes when it is zero.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def parts(self, forward: LayerForward, reshapes: list[Reshape]) -> list[Tensor]:
        """Return the channels, each weighed by what ablation of it takes from the score."""
        found = []
        for number, (reshape, activation) in enumerate(
            zip(reshapes, forward.inputs.tensors, strict=True)
        ):
            channels, axis = _channels(reshape, activation)
            without = forward.evaluate(channels, _ablations(forward, number, axis))
            clean = forward.scores[:, None]
            fall = ((clean - without) / clean.abs()).masked_fill(clean == 0, 0)
            made = reshape(activation)
            weights = fall.movedim(1, 2).expand(-1, len(made), -1)
            found.append(made * weights[(...,) + (None,) * (made.dim() - 2)])
        return found


def _channels(reshape: Reshape, activation: Tensor) -> tuple[int, int]:
    """Return how many channels an activation has, and along which of its axes."""
    channels = reshape(activation).shape[1]
    axes = [axis for axis in range(1, activation.dim()) if activation.shape[axis] == channels]
    for axis in axes:
        marked = torch.zeros_like(activation[:1])
        marked.select(axis, 0).fill_(1)
        made = reshape(marked)
        if bool((made[:, 0] == 1).all()) and not bool(made[:, 1:].any()):
            return channels, axis
    raise InputError("no axis of the activation is that of reshape_transform's channels")


def _ablations(forward: LayerForward, number: int, axis: int) -> Vary:
    tensors = forward.inputs.tensors

    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        rows = [forward.part(tensor, chunk) for tensor in tensors]
        whole = rows[number]
        ablated = whole.expand(chunk.copies, *whole.shape[1:]).clone()
        for row, channel in enumerate(range(*chunk.variants.indices(chunk.variants.stop))):
            ablated[row].select(axis, channel).zero_()
        rows[number] = ablated
        return tuple(rows)

    return vary


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerAblationCam]

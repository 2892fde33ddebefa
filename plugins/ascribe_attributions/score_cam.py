"""Score-CAM: a layer's channels, each weighed by the score of what it lets through.

Wang, Wang, Du, Yang, Zhang, Ding, Mardziel and Hu, "Score-CAM: Score-Weighted Visual Explanations
for Convolutional Neural Networks", CVPR 2020 workshops, https://arxiv.org/abs/1910.01279
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ascribe import Attribution, InputError, hookimpl
from ascribe.batching import Chunk
from ascribe.cams import GradientFreeMap, Reshape
from ascribe.evaluations import Vary
from ascribe.inner_forward import LayerForward


class LayerScoreCam(GradientFreeMap):
    """Channels, each weighed by the softmax of the score of the input that it masks.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def parts(self, forward: LayerForward, reshapes: list[Reshape]) -> list[Tensor]:
        """Return the channels, each weighed by the score of the input seen through it."""
        found = []
        for reshape, activation in zip(reshapes, forward.inputs.tensors, strict=True):
            made = reshape(activation)
            masks = _masks(made)
            scores = forward.outer_scores(made.shape[1], _seen_through(forward, masks))
            gain = scores - forward.scores_at_baselines()[:, None]
            weights = gain.softmax(1).movedim(1, 2).expand(-1, len(made), -1)
            found.append(made * weights[(...,) + (None,) * (made.dim() - 2)].to(made))
        return found


def _masks(maps: Tensor) -> Tensor:
    """Return maps ``(batch, channels, *sides)``, each from 0 to 1; a constant one is 0."""
    if maps.dim() == 2:
        maps = maps[..., None]
    flat = maps.flatten(2)
    low, high = flat.amin(2, keepdim=True), flat.amax(2, keepdim=True)
    scaled = ((flat - low) / (high - low)).masked_fill(high == low, 0)
    return scaled.reshape(maps.shape)


def _seen_through(forward: LayerForward, masks: Tensor) -> Vary:
    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        part = masks[chunk.examples][:, chunk.variants].movedim(1, 0)
        return tuple(
            forward.part(tensor, chunk) * _at_size(part, tensor).to(tensor)
            for tensor in forward.outer.tensors
        )

    return vary


def _at_size(masks: Tensor, like: Tensor) -> Tensor:
    """Return masks ``(variants, examples, *sides)`` at an input's size."""
    sides = masks.dim() - 2
    if not like.is_floating_point():
        raise InputError(f"Score-CAM masks inputs in floating point, but one is {like.dtype}")
    if like.dim() == 2 and masks.shape[2:].numel() == 1:
        return masks.reshape(*masks.shape[:2], 1)
    if like.dim() != sides + 2:
        raise InputError(
            f"Score-CAM masks inputs of (batch, channels, *sides) with as many sides as the "
            f"layer's maps, {sides}, but an input has the shape {tuple(like.shape)}"
        )
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[sides]
    sized = functional.interpolate(masks, like.shape[2:], mode=mode, align_corners=False)
    return sized[:, :, None]


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerScoreCam]

"""Groups of elements that are changed together: what a feature mask says."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.inputs import Inputs


class FeatureGroups:
    """The groups of a feature mask: the `Regions` of feature ablation.

    Parameters
    ----------
    inputs
        What is grouped.
    feature_mask
        An integer tensor that broadcasts to its input (a batch of one serves all examples): the
        elements of one number form one group, across all inputs. For several inputs a tuple or
        dict of these. By default each element is a group of its own.

    Raises
    ------
    InputError
        If a mask is missing, is not of integers or does not fit its input.
    """

    def __init__(self, inputs: Inputs, feature_mask: Any = None) -> None:
        if feature_mask is None:
            masks = _one_group_each(inputs)
        else:
            given = inputs.per_input(feature_mask, "feature_mask")
            masks = list(map(_check, range(len(given)), given, inputs.tensors))
        flat = torch.cat([mask.reshape(-1) for mask in masks])
        names, groups = torch.unique(flat, return_inverse=True)
        self._count = len(names)
        parts = groups.split([mask.numel() for mask in masks])
        self._groups = [p.reshape(m.shape) for p, m in zip(parts, masks, strict=True)]
        self.shared = all(len(mask) == 1 for mask in masks)

    def __len__(self) -> int:
        return self._count

    def masks(self, chunk: Chunk) -> tuple[Tensor | None, ...]:
        """Return where the groups of a chunk lie; see `ascribe.perturbation.Regions`."""
        masks = []
        for groups in self._groups:
            wanted = torch.arange(chunk.variants.start, chunk.variants.stop, device=groups.device)
            own = groups[None] if len(groups) == 1 else groups[None, chunk.examples]
            masks.append(own == wanted.reshape(-1, *[1] * groups.dim()))
        return tuple(masks)

    def spread(self, values: Tensor) -> list[Tensor]:
        """Give each element the value of its group.

        Parameters
        ----------
        values
            ``(targets, groups, batch)``.

        Returns
        -------
        list of Tensor
            For each input ``(targets, batch, *features)``.
        """
        spread = []
        for groups in self._groups:
            examples = torch.arange(values.shape[2], device=groups.device)
            examples = examples.reshape(-1, *[1] * (groups.dim() - 1))
            spread.append(values[:, groups, examples])
        return spread


def _one_group_each(inputs: Inputs) -> list[Tensor]:
    masks, first = [], 0
    for tensor in inputs.tensors:
        shape = (1, *tensor.shape[1:])
        count = math.prod(shape)
        masks.append(torch.arange(first, first + count, device=tensor.device).reshape(shape))
        first += count
    return masks


def _check(index: int, mask: Any, tensor: Tensor) -> Tensor:
    if not isinstance(mask, Tensor) or mask.is_floating_point() or mask.is_complex():
        what = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise InputError(
            f"feature_mask {index} must be a tensor of integers, the number of each element's "
            f"group, but is {what}"
        )
    if mask.device != tensor.device:
        raise InputError(
            f"feature_mask {index} is on {mask.device} and its input on {tensor.device}; "
            f"move it there with feature_mask.to(inputs.device)"
        )
    shape, wanted = tuple(mask.shape), tuple(tensor.shape)
    padded = (1,) * (len(wanted) - len(shape)) + shape
    fits = len(padded) == len(wanted) and all(
        side in (1, full) for side, full in zip(padded, wanted, strict=True)
    )
    if not fits:
        raise InputError(
            f"feature_mask {index} must broadcast to its input's shape {wanted}, but has {shape}"
        )
    return mask.detach().long().reshape(padded).expand(padded[0], *wanted[1:])

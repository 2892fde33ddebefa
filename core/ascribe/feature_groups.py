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
        A tensor of whole numbers from 0 that broadcasts to its input (a batch of one serves all
        examples): the elements of one number form one group, across all inputs. For several
        inputs a tuple or dict of these. By default each element is a group of its own.

    Attributes
    ----------
    numbers
        What the groups are called in the mask, in ascending order.
    indices
        For each input, which of these each element belongs to: ``(batch or 1, *features)``.
    shared
        Whether all examples have the same groups.

    Raises
    ------
    InputError
        If a mask is missing, is not of whole numbers from 0 or does not fit its input.
    """

    def __init__(self, inputs: Inputs, feature_mask: Any = None) -> None:
        if feature_mask is None:
            masks = _one_group_each(inputs)
        else:
            given = inputs.per_input(feature_mask, "feature_mask")
            masks = list(map(_check, range(len(given)), given, inputs.tensors))
        flat = torch.cat([mask.reshape(-1) for mask in masks])
        names, groups = torch.unique(flat, return_inverse=True)
        self.numbers: list[int] = names.tolist()
        parts = groups.split([mask.numel() for mask in masks])
        self.indices = [p.reshape(m.shape) for p, m in zip(parts, masks, strict=True)]
        self.shared = all(len(mask) == 1 for mask in masks)

    def __len__(self) -> int:
        return len(self.numbers)

    def masks(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return where the groups of a chunk lie; see `ascribe.perturbation.Regions`."""
        masks = []
        for groups in self.indices:
            wanted = torch.arange(chunk.variants.start, chunk.variants.stop, device=groups.device)
            own = groups[None] if len(groups) == 1 else groups[None, chunk.examples]
            masks.append(own == wanted.reshape(-1, *[1] * groups.dim()))
        return tuple(masks)

    def of(self, members: Tensor, chunk: Chunk) -> list[Tensor]:
        """Return where the chosen groups of a chunk lie.

        Parameters
        ----------
        members
            Boolean, ``(variants, groups)``: which groups each variant chooses.
        chunk
            Which examples these are for.

        Returns
        -------
        list of Tensor
            For each input, boolean ``(variants, examples or 1, *features)``.
        """
        return [
            members.to(groups.device)[:, groups if len(groups) == 1 else groups[chunk.examples]]
            for groups in self.indices
        ]

    def check_shared(self, count: int) -> None:
        """Refuse groups of each example's own where there is one score for so many examples."""
        if count > 1 and not self.shared:
            raise InputError(
                "feature_mask must have a batch of one where the model returns one number "
                "for the whole batch"
            )

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
        for groups in self.indices:
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
    if mask.numel() and int(mask.min()) < 0:
        raise InputError(
            f"feature_mask {index} must number groups from 0, but holds {int(mask.min())}; give "
            f"what belongs to no group of interest a number of its own"
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

"""Patches: the parts of activations that changes of the input reach, and how to cut them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ascribe.prepare import channels_last

#: One number for each row and each dimension after the channels.
Places = NDArray[np.int64]

#: The share of a map from which on a patch is better the whole map.
NEARLY_ALL = 0.8


@dataclass(frozen=True)
class Patch:
    """In each row the box that a change reaches; outside it the clean activation holds.

    Attributes
    ----------
    tensor
        ``(rows, channels, *size)``; of an activation without sides ``(rows, *features)``, whole.
    origin
        Where each row's box begins: ``(rows, sides)``.
    """

    tensor: Tensor
    origin: Places

    @classmethod
    def whole(cls, tensor: Tensor) -> Patch:
        """Return the patch that is all of an activation."""
        return cls(tensor, np.zeros((len(tensor), max(0, tensor.dim() - 2)), np.int64))

    @property
    def size(self) -> tuple[int, ...]:
        """The sides of the box."""
        return tuple(self.tensor.shape[2:])

    @property
    def end(self) -> Places:
        """Where each row's box ends: ``(rows, sides)``."""
        return self.origin + np.array(self.size, np.int64)


def placed(first: Places, end: Places, sides: Sequence[int]) -> tuple[Places, tuple[int, ...]]:
    """Return where boxes of one size begin, and the size, that hold given ones within a map.

    Parameters
    ----------
    first, end
        Of each row's box, which may stick out: ``(rows, sides)``.
    sides
        Of the map. Where boxes would cover nearly all of it, they are all of it.
    """
    within = np.array(sides, np.int64)
    first, end = np.clip(first, 0, within), np.clip(end, 0, within)
    size = np.maximum((end - first).max(0), 1)
    if math.prod(size.tolist()) >= NEARLY_ALL * math.prod(sides):
        size = within
    return np.clip(np.minimum(first, within - size), 0, None), tuple(size.tolist())


def changed(rows: Tensor, clean: Tensor) -> Patch | None:
    """Return the patch in which rows differ from a clean one; None if none does.

    Parameters
    ----------
    rows, clean
        ``(rows, *features)`` and ``(1, *features)``. A NaN counts as different.
    """
    differs = rows != clean
    if differs.dim() < 3:
        return Patch.whole(rows) if bool(differs.any()) else None
    differs = differs.any(1)
    first, end = [], []
    for side in range(1, differs.dim()):
        others = [dim for dim in range(1, differs.dim()) if dim != side]
        along = (differs.amax(others) if others else differs).cpu().numpy()
        there = along.any(1)
        first.append(np.where(there, along.argmax(1), 0))
        end.append(np.where(there, along.shape[1] - along[:, ::-1].argmax(1), 0))
    ends = np.stack(end, 1)
    if not ends.any():
        return None
    origin, size = placed(np.stack(first, 1), ends, rows.shape[2:])
    if size == tuple(rows.shape[2:]):
        return Patch.whole(rows)
    return Patch(cut(rows, origin, size), origin)


def cut(maps: Tensor, origin: Places, size: Sequence[int], over: Patch | None = None) -> Tensor:
    """Return a box of each map: ``(rows, channels, *size)``, with a patch in place of what it is.

    Parameters
    ----------
    maps
        ``(rows, channels, *sides)``, or ``(1, channels, *sides)`` for all rows.
    origin
        Where each row's box begins: ``(rows, sides)``.
    size
        Of the boxes.
    over
        What is laid over them, in the same coordinates.
    """
    shape = (len(origin), maps.shape[1], *size)
    form = channels_last(maps)
    boxes = _empty(shape, form)
    for row, begin in enumerate(origin.tolist()):
        source = row if len(maps) > 1 else 0
        boxes[row] = maps[(source, slice(None), *_slices(begin, size))]
    if over is not None:
        _lay(over, boxes, origin)
    return boxes


def _lay(patch: Patch, boxes: Tensor, origin: Places) -> None:
    """Copy the part of each patch that lies within a box."""
    size = np.array(boxes.shape[2:], np.int64)
    first = np.maximum(patch.origin, origin)
    end = np.minimum(patch.end, origin + size)
    corners = (first - origin, first - patch.origin, end - first)
    places = zip(*(corner.tolist() for corner in corners), strict=True)
    for row, (into, out_of, wide) in enumerate(places):
        if min(wide) > 0:
            part = patch.tensor[(row, slice(None), *_slices(out_of, wide))]
            boxes[(row, slice(None), *_slices(into, wide))] = part


def _slices(begin: Sequence[int], size: Sequence[int]) -> list[Any]:
    return [slice(b, b + s) for b, s in zip(begin, size, strict=True)]


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    form = {4: torch.channels_last, 5: torch.channels_last_3d}.get(len(shape))
    if form is None or like.is_contiguous():
        return like.new_empty(shape)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=form)


def with_margins(maps: Tensor, before: Sequence[int], after: Sequence[int], fill: float) -> Tensor:
    """Return maps with margins around their sides, that hold one number."""
    pairs = zip(reversed(before), reversed(after), strict=True)
    return channels_last(functional.pad(maps, [n for pair in pairs for n in pair], value=fill))

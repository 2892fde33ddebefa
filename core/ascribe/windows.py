"""Windows that slide over inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.inputs import Inputs

Box = tuple[slice, ...]


class Windows:
    """Boxes of one shape that slide over each input in turn: the `Regions` of occlusion.

    The last window along a dimension is clipped where it would stick out.

    Parameters
    ----------
    inputs
        What the windows slide over.
    shapes
        The window's shape, without the batch dimension; for several inputs a tuple of shapes. By
        default one fifth of each side, and the whole first dimension (the channels) of an input
        with several.
    strides
        How far it moves: an int for all dimensions or a tuple; for several inputs a tuple of
        these. By default one; a fifth of the default window.

    Raises
    ------
    InputError
        If a shape or stride does not fit its input, or a stride is larger than its window and
        would leave gaps.
    """

    def __init__(self, inputs: Inputs, shapes: Any = None, strides: Any = None) -> None:
        self._tensors = inputs.tensors
        pairs = zip(
            self._tensors,
            _for_each(inputs, shapes, "sliding_window_shapes"),
            _for_each(inputs, strides, "strides"),
            strict=True,
        )
        self._grids = [
            _grid(index, tuple(tensor.shape[1:]), shape, stride)
            for index, (tensor, shape, stride) in enumerate(pairs)
        ]
        self.boxes: list[list[Box]] = [list(itertools.product(*grid)) for grid in self._grids]

    def __len__(self) -> int:
        return sum(map(len, self.boxes))

    def masks(self, chunk: Chunk) -> tuple[Tensor | None, ...]:
        """Return where the windows of a chunk lie; see `ascribe.perturbation.Regions`."""
        masks, first = [], 0
        for tensor, boxes in zip(self._tensors, self.boxes, strict=True):
            start, stop = chunk.variants.start - first, chunk.variants.stop - first
            masks.append(_mask(tensor, boxes, start, stop))
            first += len(boxes)
        return tuple(masks)

    def spread(self, values: Tensor) -> list[Tensor]:
        """Give each element the mean of the values of the windows that cover it, or zero.

        Parameters
        ----------
        values
            ``(targets, windows, batch)``.

        Returns
        -------
        list of Tensor
            For each input ``(targets, batch, *features)``.
        """
        spread, first = [], 0
        for tensor, grid in zip(self._tensors, self._grids, strict=True):
            count = math.prod(map(len, grid))
            own = values[:, first : first + count]
            spread.append(_mean_over_windows(own, grid, tuple(tensor.shape[1:])))
            first += count
        return spread


def _for_each(inputs: Inputs, values: Any, what: str) -> tuple[Any, ...]:
    """Return what is given once for all inputs, or once for each, as one for each."""
    nested = isinstance(values, dict) or (
        isinstance(values, (tuple, list)) and any(isinstance(v, (tuple, list)) for v in values)
    )
    if values is None or isinstance(values, Integral) or (len(inputs.tensors) == 1 and not nested):
        return (values,) * len(inputs.tensors)
    return inputs.per_input(values, what)


def _grid(index: int, sides: tuple[int, ...], shape: Any, stride: Any) -> list[list[slice]]:
    """Return where windows lie along each side."""
    if 0 in sides:
        return [[] for _ in sides]
    window = _default_window(sides) if shape is None else _sizes(shape, sides, index, "window")
    if stride is None:
        step = (1,) * len(sides) if shape is not None else tuple(-(-w // 5) for w in window)
    else:
        step = _sizes(stride, sides, index, "stride")
    for size, move, side in zip(window, step, sides, strict=True):
        if size > side:
            raise InputError(
                f"window {window} of input {index} must not be larger than the input's {sides}"
            )
        if move > size:
            raise InputError(
                f"strides {step} of input {index} must not be larger than its window {window}: "
                f"elements between the windows would never be seen"
            )
    return [
        [slice(start * move, min(start * move + size, side)) for start in range(count)]
        for size, move, side in zip(window, step, sides, strict=True)
        for count in [math.ceil((side - size) / move) + 1]
    ]


def _default_window(sides: tuple[int, ...]) -> tuple[int, ...]:
    whole = sides[:1] if len(sides) > 1 else ()
    return whole + tuple(-(-side // 5) for side in sides[len(whole) :])


def _sizes(given: Any, sides: tuple[int, ...], index: int, what: str) -> tuple[int, ...]:
    sizes = tuple(given) if isinstance(given, Sequence) else (given,) * len(sides)
    whole = all(isinstance(s, Integral) and not isinstance(s, bool) and int(s) > 0 for s in sizes)
    if len(sizes) != len(sides) or not whole or (what == "window" and isinstance(given, Integral)):
        raise InputError(
            f"the {what} of input {index} must be {len(sides)} positive integers, one for each "
            f"dimension of {sides}, but is {given!r}"
        )
    return tuple(int(size) for size in sizes)


def _mask(tensor: Tensor, boxes: list[Box], start: int, stop: int) -> Tensor | None:
    """Return where boxes ``start`` to ``stop`` lie; those out of range belong to other inputs."""
    if stop <= 0 or start >= len(boxes):
        return None
    empty = (slice(0, 0),) * (tensor.dim() - 1)
    wanted = [boxes[i] if 0 <= i < len(boxes) else empty for i in range(start, stop)]
    count, dims = stop - start, tensor.dim() - 1
    mask = torch.ones((count,) + (1,) * (dims + 1), dtype=torch.bool, device=tensor.device)
    for dim, side in enumerate(tensor.shape[1:]):
        edges = torch.tensor(
            [(box[dim].start, box[dim].stop) for box in wanted], device=tensor.device
        ).reshape(count, 2, 1)
        place = torch.arange(side, device=tensor.device)
        inside = (place >= edges[:, 0]) & (place < edges[:, 1])
        mask = mask & inside.reshape(count, 1, *[1] * dim, side, *[1] * (dims - dim - 1))
    return mask


def _mean_over_windows(values: Tensor, grid: list[list[slice]], sides: tuple[int, ...]) -> Tensor:
    if 0 in sides:
        return values.new_zeros((values.shape[0], values.shape[2], *sides))
    made = values.transpose(1, 2).unflatten(2, [len(along) for along in grid])
    for dim, (along, side) in enumerate(zip(grid, sides, strict=True), 2):
        covering = torch.from_numpy(_covering(along, side)).to(values.device)
        # Sums of those that cover a place, not a product with ones and zeros: a NaN would spread.
        padded = torch.cat([made, torch.zeros_like(made.narrow(dim, 0, 1))], dim)
        made = padded.index_select(dim, covering[0])
        for deeper in covering[1:]:
            made += padded.index_select(dim, deeper)
        count = (covering < len(along)).sum(0)
        made /= count.reshape(side, *[1] * (len(sides) + 1 - dim))
    return made


def _covering(along: list[slice], side: int) -> NDArray[np.int64]:
    """Return which windows cover each place: ``(most, side)``; one past the last where fewer do."""
    places = np.arange(side)[:, None]
    covers = (places >= [w.start for w in along]) & (places < [w.stop for w in along])
    order = np.argsort(~covers, 1, kind="stable")
    order[~np.take_along_axis(covers, order, 1)] = len(along)
    return order[:, : covers.sum(1).max()].T.copy()

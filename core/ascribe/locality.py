"""Where an operation lets a change of its input reach, and how to run it there alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_unflatten

from ascribe.patches import Patch, Places, cut, placed, with_margins
from ascribe.prepare import NORMS, Convolution
from ascribe.program import EachRow, NoProgramError, Operation, Value, resolved

aten = torch.ops.aten


class Run:
    """The patches of one batch of changed rows.

    Parameters
    ----------
    rows
        How many there are.
    patches
        Of each value so far; None where it is clean in all rows.
    clean
        Each value of the clean row: ``(1, *features)``.
    margins
        Clean values with margins, kept from batch to batch.
    """

    def __init__(
        self,
        rows: int,
        patches: dict[int, Patch | None],
        clean: dict[int, Tensor],
        margins: dict[Any, Tensor],
    ) -> None:
        self.rows, self.patches, self.clean, self._margins = rows, patches, clean, margins

    def sides(self, number: int) -> tuple[int, ...]:
        """Return the sides of a value's map."""
        return tuple(self.clean[number].shape[2:])

    def whole(self, number: int) -> Tensor:
        """Return a value in full: ``(rows, *features)``."""
        patch, clean = self.patches[number], self.clean[number]
        if patch is None and len(clean) == 1:
            return clean.expand(self.rows, *clean.shape[1:])
        if patch is None and self.rows > 1:  # in which order is not known
            raise NoProgramError("what a row has of a value are several rows")
        if patch is None:
            return clean
        if patch.size == tuple(clean.shape[2:]):
            return patch.tensor
        return cut(clean, np.zeros_like(patch.origin), clean.shape[2:], patch)

    def box(
        self,
        number: int,
        origin: Places,
        size: Sequence[int],
        margins: tuple[Sequence[int], Sequence[int]] | None = None,
        fill: float = 0.0,
    ) -> Tensor:
        """Return boxes of a value, which may reach into margins before and after its sides."""
        patch = self.patches[number]
        if patch is not None and patch.size == tuple(size) and (patch.origin == origin).all():
            return patch.tensor
        if margins is None:
            return cut(self.clean[number], origin, size, patch)
        before, after = margins
        key = (number, tuple(before), tuple(after), fill)
        if key not in self._margins:
            self._margins[key] = with_margins(self.clean[number], before, after, fill)
        moved = np.array(before, np.int64)
        over = None if patch is None else Patch(patch.tensor, patch.origin + moved)
        return cut(self._margins[key], origin + moved, size, over)

    def everywhere(self, operation: Operation) -> list[Patch | None]:
        """Run an operation on whole activations."""
        given = [
            self.whole(one.number) if isinstance(one, Value) else resolved(one, {}, self.rows)
            for one in operation.arguments
        ]
        made = operation.call(given)
        return [Patch.whole(one) if isinstance(one, Tensor) else None for one in made]


#: Returns the patches of an operation's results, or None where it has to run on whole activations.
Rule = Callable[[Run, Operation], "list[Patch | None] | None"]


def convolution(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Convolve where the window touches what is changed."""
    func: Any = operation.func
    window = func.weight.shape[2:]

    def call(x: Tensor, padding: tuple[int, ...]) -> Tensor:
        made: Tensor = func(x, padding)
        return made

    return _window(run, operation, window, func.stride, func.padding, func.dilation, call)


def max_pool(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Take maxima where the window touches what is changed; margins are below all numbers."""
    window, stride, padding, dilation, ceil = _pooling(run, operation, (None, (), 0, 1, False))

    def call(x: Tensor, padding: tuple[int, ...]) -> Tensor:
        made: Tensor = operation.func(x, window, stride or window, padding, dilation, ceil)[0]
        return made

    places = (window, stride or window, padding, dilation)
    return _window(run, operation, *places, call, -torch.inf)


def average_pool(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Take means where the window touches what is changed, unless margins do not count."""
    defaults = (None, (), 0, False, True, None)
    window, stride, padding, ceil, margins, divisor = _pooling(run, operation, defaults)
    if ceil or (any(padding) and not margins and divisor is None):
        return None

    def call(x: Tensor, padding: tuple[int, ...]) -> Tensor:
        places = (window, stride or window, padding, ceil, margins, divisor)
        made: Tensor = operation.func(x, *places)
        return made

    ones = (1,) * len(window)
    return _window(run, operation, window, stride or window, padding, ones, call)


def pointwise(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Compute the changed places; what is the same in all places is given as it is."""
    sides, dims = run.sides(operation.results[0]), run.clean[operation.results[0]].dim()
    boxes = [run.patches[number] for number in operation.values]
    kinds = [_spread(run, one, sides, dims) for one in operation.arguments]
    if dims < 3 or "other" in kinds or "patch" in kinds:
        return None
    origin, size = _around([box for box in boxes if box is not None], sides)
    given = []
    for one, kind in zip(operation.arguments, kinds, strict=True):
        if kind != "map":
            value = run.whole(one.number) if isinstance(one, Value) else None
            given.append(resolved(one, {}, run.rows) if value is None else value)
        elif isinstance(one, Value):
            given.append(run.box(one.number, origin, size))
        else:
            given.append(cut(_as_map(one, dims), origin, size))
    return [Patch(operation.call(given)[0], origin), *[None] * (len(operation.results) - 1)]


def by_channel(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Compute the changed places of an operation whose other operands belong to channels."""
    patch = run.patches[operation.values[0]] if len(operation.values) == 1 else None
    if patch is None or not isinstance(operation.arguments[0], Value) or patch.tensor.dim() < 3:
        return None
    made = operation.call([patch.tensor, *operation.arguments[1:]])
    return [Patch(made[0], patch.origin), *[None] * (len(made) - 1)]


def concatenation(run: Run, operation: Operation) -> list[Patch | None] | None:
    """Concatenate channels in the changed places."""
    args, kwargs = tree_unflatten(list(operation.arguments), operation.structure)
    parts, dim = args[0], args[1] if len(args) > 1 else kwargs.get("dim", 0)
    result = run.clean[operation.results[0]]
    if dim not in (1, 1 - result.dim()) or not all(isinstance(part, Value) for part in parts):
        return None
    boxes = [run.patches[part.number] for part in parts]
    origin, size = _around([box for box in boxes if box is not None], result.shape[2:])
    return [Patch(torch.cat([run.box(p.number, origin, size) for p in parts], 1), origin)]


def _window(
    run: Run,
    operation: Operation,
    window: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    call: Callable[[Tensor, tuple[int, ...]], Tensor],
    fill: float = 0.0,
) -> list[Patch | None] | None:
    """Run an operation whose windows slide over its only operand."""
    number, result = operation.values[0], operation.results[0]
    patch, sides = run.patches[number], run.sides(result)
    if patch is None or len(sides) != len(window):
        return None
    step, margin = np.array(stride), np.array(padding)
    reach = (np.array(window) - 1) * np.array(dilation)
    first = -((reach - margin - patch.origin) // step)  # rounded up
    end = (patch.end - 1 + margin) // step + 1
    origin, size = placed(first, end, sides)
    none = [None] * (len(operation.results) - 1)
    if size == sides:
        return [Patch.whole(call(run.whole(number), tuple(padding))), *none]
    begins, extent = origin * step - margin, (np.array(size) - 1) * step + reach + 1
    # Where sizes are rounded up, the last window sticks out by more than the margin.
    after = np.maximum((np.array(sides) - 1) * step - margin + reach + 1 - run.sides(number), 0)
    margins = (list(padding), after.tolist()) if margin.any() or after.any() else None
    boxes = run.box(number, begins, extent.tolist(), margins, fill)
    return [Patch(call(boxes, (0,) * len(sides)), origin), *none]


def _pooling(run: Run, operation: Operation, defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a pooling is called with after its operand, sizes as one for each side."""
    (_, *given), _ = tree_unflatten(list(operation.arguments), operation.structure)
    count = len(run.sides(operation.values[0]))
    full = [*given, *defaults[len(given) :]]
    sized = [
        (one if len(one) != 1 else tuple(one) * count) if isinstance(one, (list, tuple)) else one
        for one in full
    ]
    numbers = [(one,) * count if type(one) is int and i < 4 else one for i, one in enumerate(sized)]
    return tuple(numbers)


def _around(patches: Sequence[Patch], sides: Sequence[int]) -> tuple[Places, tuple[int, ...]]:
    """Return where boxes lie that hold all the patches of each row."""
    first = np.minimum.reduce([patch.origin for patch in patches])
    return placed(first, np.maximum.reduce([patch.end for patch in patches]), sides)


def _spread(run: Run, one: Any, sides: tuple[int, ...], dims: int) -> str:
    """Return how an operand lies over a map: a ``map`` of its own, the ``same`` in all places,
    a ``patch`` that is the same in all places and changed, or something ``other``.
    """
    tensor = run.clean[one.number] if isinstance(one, Value) else one
    tensor = tensor.tensor if isinstance(tensor, EachRow) else tensor
    if not isinstance(tensor, Tensor):
        return "same"
    own = (*(1,) * (dims - tensor.dim()), *tensor.shape)[2:]
    if isinstance(one, Value) and tensor.dim() != dims:
        return "other"
    if own == sides:
        return "map"
    if any(side != 1 for side in own):
        return "other"
    changed = isinstance(one, Value) and run.patches[one.number] is not None
    return "patch" if changed else "same"


def _as_map(one: Any, dims: int) -> Tensor:
    """Return a constant as one map for all rows."""
    tensor: Tensor = one.tensor if isinstance(one, EachRow) else one
    tensor = tensor.reshape((1,) * (dims - tensor.dim()) + tuple(tensor.shape))
    return tensor[:1]


_POINTWISE = (
    *("_prelu_kernel", "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh"),
    *("leaky_relu", "log_sigmoid_forward", "mish", "relu", "selu", "sigmoid", "silu", "softplus"),
    *("softshrink", "tanh", "threshold", "abs", "add", "clamp", "clamp_max", "clamp_min", "cos"),
    *("div", "erf", "exp", "expm1", "log", "log1p", "maximum", "minimum", "mul", "neg", "pow"),
    *("reciprocal", "rsqrt", "rsub", "sign", "sin", "sqrt", "square", "sub", "where"),
    *("_to_copy", "alias", "clone", "detach"),
)

#: What is known of operations, by their kind.
RULES: dict[Any, Rule] = {
    Convolution: convolution,
    **{getattr(aten, name): pointwise for name in _POINTWISE},
    **dict.fromkeys(NORMS, by_channel),
    aten.cat: concatenation,
    aten.max_pool2d_with_indices: max_pool,
    aten.max_pool3d_with_indices: max_pool,
    aten.avg_pool1d: average_pool,
    aten.avg_pool2d: average_pool,
    aten.avg_pool3d: average_pool,
}

#: What mixes all places by its nature, of which there is nothing to tell.
GLOBAL = (aten.mean, aten.sum, aten.amax, aten._adaptive_avg_pool2d, aten._adaptive_avg_pool3d)

"""Parts of an explanation as arrays: one input of several, one target, one example."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ascribe.errors import InputError
from ascribe.renderer import Array


def chosen(
    values: Any, which: int | str | None, dims: Sequence[int], kind: str
) -> tuple[Any, Tensor]:
    """Return the values of one input, and its key or index: None where there is but one.

    Parameters
    ----------
    values
        A tensor, or a tuple, list or dict of them.
    which
        The key or index; None for the only one of the first number of `dims` that there is.
    dims
        Numbers of dimensions, targets and batch included, the likeliest first.
    kind
        What such an input is called.

    Raises
    ------
    InputError
        If there is none, or several and none is chosen, or its dimensions are others.
    """
    if isinstance(values, Tensor):
        named: dict[Any, Tensor] = {None: values}
        which = None
    else:
        named = dict(values) if isinstance(values, dict) else dict(enumerate(values))
        if which is None:
            fits = [[key for key, one in named.items() if one.dim() == dim] for dim in dims]
            fitting = next(filter(None, fits), [])
            if len(fitting) != 1:
                shapes = {key: tuple(one.shape[2:]) for key, one in named.items()}
                raise InputError(
                    f"one input must be a {kind}, but each example's have shapes {shapes}; choose "
                    "one with which="
                )
            which = fitting[0]
        if which not in named:
            raise InputError(f"which must be one of {list(named)}, but is {which!r}")
    found = named[which]
    if found.dim() not in dims:
        raise InputError(
            f"values of a {kind} have other dimensions than {tuple(found.shape)}, which begins "
            "with targets and batch; choose another renderer: see ascribe list"
        )
    return which, found


def part(tensors: Any, key: Any) -> Any:
    """Return what belongs to one input."""
    return tensors if key is None or isinstance(tensors, Tensor) else tensors[key]


def index(given: Any, count: int, what: str) -> int:
    """Return a place among so many, or raise `InputError`."""
    try:
        at = operator.index(given)
    except TypeError:
        at = -1
    if isinstance(given, bool) or not 0 <= at < count:
        raise InputError(f"{what} must be a whole number from 0 to below {count}, but is {given!r}")
    return at


def numbers(values: Any, what: str = "attributions") -> Array:
    """Return a tensor or an array as float64, or raise `InputError`."""
    array = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
    try:
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be an array of numbers, but are {array!r}") from None


def check_finite(values: Array, what: str = "attributions") -> None:
    """Raise `InputError` if a value is NaN or infinite."""
    if count := int(np.sum(~np.isfinite(values))):
        raise InputError(
            f"only finite {what} can be drawn, but {count} of {values.size} values are NaN or "
            "infinite; find out where they come from, or replace them with numpy.nan_to_num"
        )


def title_of(explanation: Any, target: int, example: int) -> str:
    """Return what to call a target of an explanation for an example, and its score."""
    score = explanation.scores[target, min(example, explanation.scores.shape[1] - 1)]
    label = explanation.label(target, example)
    return f"{label}, score {float(score):.3g}" if label else f"score {float(score):.3g}"

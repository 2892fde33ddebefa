"""Attributions of rows of a table, read from an explanation or from arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ascribe.errors import InputError
from ascribe.parts import check_finite, chosen, index, numbers, part
from ascribe.renderer import Array

if TYPE_CHECKING:
    from ascribe.explanation import Explanation


@dataclass(frozen=True)
class Table:
    """What several examples, or one, are made of, and what each feature counts.

    Attributes
    ----------
    values
        Attributions (examples, features).
    names
        Of the features.
    shown
        The features' values (examples, features), of any type; None if unknown.
    errors
        Standard errors of `values`, NaN where unknown; None if none is known.
    scores
        The model's scores (examples,); None if unknown.
    deltas
        By how much the sums of `values` miss completeness (examples,); None if unknown.
    beside
        Sums of the attributions of an explanation's other inputs (examples,); None if there are
        none.
    labels
        What the score of each example is called; empty strings if unknown.
    """

    values: Array
    names: list[str]
    shown: NDArray[Any] | None = None
    errors: Array | None = None
    scores: Array | None = None
    deltas: Array | None = None
    beside: Array | None = None
    labels: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        attribution: Explanation | Any,
        original: Any = None,
        names: Sequence[str] | None = None,
        target: int = 0,
        which: int | str | None = None,
    ) -> Table:
        """Read a table.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, features)``, or an array or
            tensor ``(features,)`` or ``(examples, features)``.
        original
            The features' values in the shape of one target's attributions; by default what the
            explanation holds.
        names
            Of the features; by default ``feature 0`` and so on.
        target
            Which of an explanation's to read.
        which
            The index or key of the input to read, where an explanation has several tables.

        Raises
        ------
        InputError
            If shapes, names or target do not fit, there is nothing to read, or a value is not
            finite.
        """
        if hasattr(attribution, "scores"):
            table = _of_explanation(attribution, target, which)
        else:
            table = cls(np.atleast_2d(numbers(attribution)), [])
        _check_values(table.values)
        shown = table.shown if original is None else _as_shown(original, table.values.shape)
        count = table.values.shape[1]
        labels = list(table.labels) or [""] * len(table.values)
        named = _checked_names(names, count)
        return dataclasses.replace(table, names=named, shown=shown, labels=labels)

    def row(self, example: int) -> Table:
        """Return one example as a table of one row."""
        at = index(example, len(self.values), "example")
        fields = ("values", "shown", "errors", "scores", "deltas", "beside", "labels")
        given: dict[str, Any] = {name: getattr(self, name) for name in fields}
        rows = {name: one[at : at + 1] for name, one in given.items() if one is not None}
        return dataclasses.replace(self, **rows)

    def label(self, feature: int) -> str:
        """Return a feature's name and, in a table of one row, its value."""
        name = self.names[feature]
        if self.shown is None or len(self.values) != 1:
            return name
        return f"{name} = {told(self.shown[0, feature])}"

    @property
    def title(self) -> str:
        """What the score is called and, in a table of one row, the score."""
        alike = self.labels[0] if len(set(self.labels)) == 1 else ""
        if len(self.values) > 1:
            return f"target {alike}" if alike else ""
        score = "" if self.scores is None else f"score {told(float(self.scores[0]))}"
        return ", ".join(filter(None, (alike, score)))

    def ranked(self, max_features: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return which features count most in the mean of magnitudes, and which remain."""
        order = np.argsort(-np.abs(self.values).mean(0), kind="stable")
        return order[:max_features], order[max_features:]


def others(count: int) -> str:
    """Return what to call so many features that share a row."""
    return f"{count} other{'s' if count > 1 else ''}, summed"


def check_max_features(max_features: Any) -> None:
    """Refuse what is no number of features."""
    if isinstance(max_features, bool) or not isinstance(max_features, int) or max_features < 1:
        raise InputError(f"max_features must be a whole number from 1, but is {max_features!r}")


def told(value: Any, signed: bool = False) -> str:
    """Return a number as people read it, of three digits or more; other things as they are.

    Examples
    --------
    >>> told(1984.3), told(0.123456), told(True), told("red")
    ('1984', '0.123', 'True', 'red')
    """
    if isinstance(value, (str, bool, np.bool_)):
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    form = ".0f" if 1000 <= abs(number) < 1e7 else ".3g"
    sign = "+" if signed and number else ""
    return f"{number:{sign}{form}}".replace("-", "\N{MINUS SIGN}")


def _of_explanation(explanation: Any, target: int, which: int | str | None) -> Table:
    key, values = chosen(explanation.values, which, (3,), "table (features,)")
    target = index(target, values.shape[0], "target")
    examples = values.shape[1]
    at = np.minimum(np.arange(examples), explanation.scores.shape[1] - 1)
    errors = getattr(explanation, "standard_errors", None)
    delta = getattr(explanation, "delta", None)
    array = numbers(values[target])
    known = [explanation.original, part(explanation.inputs, key)]
    fitting = (one for one in known if _fits(one, array.shape))
    labels = [explanation.label(target, int(one)) for one in at]
    return Table(
        array,
        [],
        shown=next((_as_shown(one, array.shape) for one in fitting), None),
        errors=None if errors is None else numbers(part(errors, key)[target]),
        scores=numbers(explanation.scores[target])[at] if examples else None,
        deltas=None if delta is None else np.broadcast_to(numbers(delta[target]), (examples,)),
        beside=_beside(explanation.values, key, target),
        labels=labels,
    )


def _beside(values: Any, key: Any, target: int) -> Array | None:
    """Return the sums (examples,) of the attributions of all inputs but one."""
    if key is None or len(values) < 2:
        return None
    named = values if isinstance(values, dict) else dict(enumerate(values))
    rest = [numbers(one[target]) for at, one in named.items() if at != key]
    return np.sum([one.reshape(len(one), -1).sum(1) for one in rest], axis=0)


def _fits(shown: Any, shape: tuple[int, ...]) -> bool:
    """Whether what an explanation holds are the features' values: there may be none."""
    if shown is None:
        return False
    return bool(np.shape(shown if hasattr(shown, "shape") else np.array(shown, object)) == shape)


def _as_shown(shown: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    array = shown.detach().cpu() if isinstance(shown, Tensor) else shown
    if isinstance(array, Tensor):
        array = array.double().numpy() if array.is_floating_point() else array.numpy()
    if not isinstance(array, np.ndarray):
        array = np.array(array, dtype=object)
    array = array[None] if array.ndim == 1 else array
    if array.shape != shape:
        raise InputError(
            f"original must hold the value of each feature of each example, {shape}, but has shape "
            f"{array.shape}"
        )
    return array


def _checked_names(names: Sequence[str] | None, count: int) -> list[str]:
    if names is None:
        return [f"feature {i}" for i in range(count)]
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InputError(f"names must be a list of strings, but are {names!r}")
    if len(names) != count:
        raise InputError(
            f"names must hold one entry for each of the {count} features, but hold {len(names)}"
        )
    return list(names)


def _check_values(values: Array) -> None:
    if values.ndim != 2 or values.size == 0:
        raise InputError(
            "attributions of a table must have shape (features,) or (examples, features), with at "
            f"least one of each, but have {values.shape}"
        )
    check_finite(values)

"""One time series with its attributions, read from an explanation or from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ascribe.errors import InputError
from ascribe.parts import check_finite, chosen, index, numbers, part, title_of
from ascribe.renderer import Array

if TYPE_CHECKING:
    from ascribe.explanation import Explanation


@dataclass(frozen=True)
class Series:
    """One example of several channels over time.

    Attributes
    ----------
    values
        Attributions (channels, time).
    data
        The series itself (channels, time).
    x_values
        The points of time (time,), numbers or dates that rise or fall throughout.
    labels
        Of the channels.
    title
        What the score is called, and the score; empty if unknown.
    """

    values: Array
    data: Array
    x_values: NDArray[Any]
    labels: list[str]
    title: str = ""

    @classmethod
    def of(
        cls,
        attribution: Explanation | Any,
        original: Any = None,
        x_values: Any = None,
        channel_labels: Sequence[str] | None = None,
        channels_last: bool | None = None,
        target: int = 0,
        example: int = 0,
        which: int | str | None = None,
    ) -> Series:
        """Read a series.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, channels, time)`` or
            ``(targets, batch, time)``, or an array or tensor ``(channels, time)`` or ``(time,)``.
        original
            The series in the shape of the attributions of one target, or of one example; by default
            what the explanation holds.
        x_values
            The points of time, ``(time,)``; by default 0, 1, 2 and so on.
        channel_labels
            By default ``channel 0`` and so on, and nothing where there is but one.
        channels_last
            Whether channels come after time; by default the longer of the two is time.
        target, example
            Which to read of an explanation.
        which
            The index or key of the input to read, where an explanation has several series.

        Raises
        ------
        InputError
            If shapes, labels, points, target or example do not fit, there are fewer than two
            points, or a value is not finite.
        """
        title = ""
        if hasattr(attribution, "scores"):
            attribution, original, title = _of_explanation(
                attribution, original, target, example, which
            )
        if original is None:
            raise InputError("a series is drawn with its attribution; pass it as original")
        values, data = numbers(attribution), numbers(original, "the series")
        if values.shape != data.shape:
            raise InputError(
                f"series and attribution must have the same shape, but have {data.shape} and "
                f"{values.shape}"
            )
        if values.ndim not in (1, 2):
            raise InputError(
                "a series must have shape (channels, time), (time, channels) or (time,), but has "
                f"{values.shape}; pass one example of a batch at a time"
            )
        if values.ndim == 1:
            values, data = values[None], data[None]
        elif values.shape[0] > values.shape[1] if channels_last is None else channels_last:
            values, data = values.T, data.T
        channels, time = values.shape
        if channels == 0 or time < 2:
            raise InputError(
                f"a series must have a channel and two points of time, but has {channels} channels "
                f"and {time} points; say with channels_last which is which"
            )
        check_finite(values)
        check_finite(data, "series")
        points, labels = _points(x_values, time), _labels(channel_labels, channels)
        return cls(values, data, points, labels, title)


def _of_explanation(
    explanation: Any, original: Any, target: int, example: int, which: int | str | None
) -> tuple[Tensor, Any, str]:
    """Return attributions and series of one example, and a title."""
    key, values = chosen(explanation.values, which, (4, 3), "series (channels, time)")
    target, example = (
        index(target, len(values), "target"),
        index(example, values.shape[1], "example"),
    )
    found = values[target, example]
    title = title_of(explanation, target, example)
    shape = tuple(values.shape[1:])
    held = [explanation.original, part(explanation.inputs, key)]
    for one in held if original is None else [original]:
        if np.shape(one) == shape:
            return found, one[example], title
        if original is not None and np.shape(one) == shape[1:]:
            return found, one, title
    if original is None:
        return found, None, title
    raise InputError(
        f"original must hold the series of all examples, {shape}, or of the one that is drawn, "
        f"{shape[1:]}, but has shape {np.shape(original)}"
    )


def _points(x_values: Any, time: int) -> NDArray[Any]:
    if x_values is None:
        return np.arange(time, dtype=np.float64)
    points = x_values.numpy(force=True) if isinstance(x_values, Tensor) else np.asarray(x_values)
    if points.shape != (time,):
        raise InputError(
            f"x_values must hold one entry for each of the {time} points of time, ({time},), but "
            f"have shape {points.shape}"
        )
    if points.dtype.kind not in "biufM":
        raise InputError(f"x_values must be numbers or numpy.datetime64, but are {points.dtype}")
    points = points if points.dtype.kind == "M" else points.astype(np.float64)
    steps = np.diff(points)
    zero = np.zeros((), steps.dtype)
    if not (np.all(steps > zero) or np.all(steps < zero)):  # of NaN neither is true
        raise InputError(
            "x_values must be finite and rise, or fall, from each point to the next; sort them and "
            "the series with numpy.argsort"
        )
    return points


def _labels(labels: Sequence[str] | None, channels: int) -> list[str]:
    if labels is None:
        return [f"channel {i}" for i in range(channels)] if channels > 1 else [""]
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"channel_labels must be a list of strings, but are {labels!r}")
    if len(labels) != channels:
        raise InputError(
            f"channel_labels must hold one entry for each of the {channels} channels, but hold "
            f"{len(labels)}"
        )
    return list(labels)

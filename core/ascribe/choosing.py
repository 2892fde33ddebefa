"""Which renderer suits an explanation, by the kind of its data."""

from __future__ import annotations

from typing import Any

from torch import Tensor

#: How much longer than it has channels a series is.
LONG = 4


def renderer_for(explanation: Any) -> str | None:
    """Return the name of the renderer that suits an explanation; None where none does.

    Text has its tokens as ``original``; pictures are ``(targets, batch, [channels,] height,
    width)``, with channels ``(targets, batch, channels, 1, ...)`` or not; series ``(targets, batch,
    channels, time)``, much longer than they have channels; rows of a table ``(targets, batch,
    features)``.
    """
    if _tokens(explanation.original):
        return "text_html"
    values = explanation.values
    if not isinstance(values, Tensor):
        parts = list(values.values()) if isinstance(values, dict) else list(values)
        pictures = [part for part in parts if part.dim() in (4, 5)]
        return "heat_map" if len(pictures) == 1 else None
    if values.dim() == 5:
        return "heat_map"
    if values.dim() == 4:
        channels, time = values.shape[2:]
        series = explanation.original is None and time >= LONG * channels
        return "time_series" if series else "heat_map"
    return "bar" if values.dim() == 3 else None


def _tokens(original: Any) -> bool:
    while isinstance(original, (list, tuple)) and original:
        original = original[0]
    return isinstance(original, str)

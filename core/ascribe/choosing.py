"""Which renderer suits an explanation, by the kind of its data."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def renderer_for(explanation: Any) -> str | None:
    """Return the name of the renderer that suits an explanation; None where none does.

    Text has its tokens as ``original``; pictures are ``(targets, batch, [channels,] height,
    width)``; rows of a table ``(targets, batch, features)``.
    """
    if _tokens(explanation.original):
        return "text_html"
    values = explanation.values
    if not isinstance(values, Tensor):
        parts = list(values.values()) if isinstance(values, dict) else list(values)
        pictures = [part for part in parts if part.dim() in (4, 5)]
        return "heat_map" if len(pictures) == 1 else None
    return {5: "heat_map", 4: "heat_map", 3: "bar"}.get(values.dim())


def _tokens(original: Any) -> bool:
    while isinstance(original, (list, tuple)) and original:
        original = original[0]
    return isinstance(original, str)

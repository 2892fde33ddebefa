"""Which renderer suits an explanation, by the kind of its data."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

#: How many times as long as it has channels a series is at least.
LONG = 4


def renderer_for(explanation: Any) -> str | None:
    """Return the name of the renderer that suits an explanation; None where none does.

    ========================================== ===============
    values                                     renderer
    ========================================== ===============
    of text, whose tokens are ``original``     ``text_html``
    ``(targets, batch, channels, H, W)``       ``heat_map``
    ``(targets, batch, H, W)``                 ``heat_map``
    ``(targets, batch, channels, time)``       ``time_series``
    ``(targets, batch, features)``             ``bar``
    ========================================== ===============

    A grey picture without an axis of channels and a series of several channels have the same shape,
    and nothing in their numbers tells them apart. Where ``original`` has another shape than the
    inputs, as an image array has, it is a picture; else a series is what is at least four times as
    long as it is wide, in either order. So a panorama or a spectrogram that long is drawn as a
    series, and so are the embeddings of a few tokens; a series as short as it has channels is drawn
    as a picture; and a series without an axis of channels as the row of a table. Name the renderer
    where this is wrong: ``explanation.figure("heat_map")``.

    Of several inputs the only picture is drawn, or else the only series, or else the only table.
    """
    if _tokens(explanation.original):
        return "text_html"
    values = explanation.values
    if isinstance(values, Tensor):
        return _kind(values, explanation.original)
    parts = values.values() if isinstance(values, dict) else values
    kinds = [_kind(part, None) for part in parts]
    for kind in ("heat_map", "time_series", "bar"):
        if kind in kinds:
            return kind if kinds.count(kind) == 1 else None
    return None


def _kind(values: Tensor, original: Any) -> str | None:
    if values.dim() == 4 and _is_series(values, original):
        return "time_series"
    return {5: "heat_map", 4: "heat_map", 3: "bar"}.get(values.dim())


def _is_series(values: Tensor, original: Any) -> bool:
    if original is not None and np.shape(original) != values.shape[1:]:
        return False
    short, long = sorted(values.shape[2:])
    return long >= LONG * short > 0


def _tokens(original: Any) -> bool:
    while isinstance(original, (list, tuple)) and original:
        original = original[0]
    return isinstance(original, str)

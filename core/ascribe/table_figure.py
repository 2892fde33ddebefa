"""The figure around rows of features: its size, its labels, its legend and its numbers.

Matplotlib takes long to import, so each function does it where it draws: ``import ascribe`` stays
light.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ascribe.colours import AGAINST, FOR
from ascribe.errors import InputError
from ascribe.image_figure import root_figure
from ascribe.renderer import Array
from ascribe.tables import told

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: In inches: the height of a row, of each further line of its label, and of what stands around all
#: rows; the width of the place for the rows, and of a character of a label.
ROW, LINE, AROUND, WIDTH, CHARACTER = 0.3, 0.17, 1.3, 4.6, 0.085

#: How many characters a line of a label has, and one of a title over rows alone.
LABEL_WIDTH, TITLE_WIDTH = 40, 60

#: In inches, what is left on each side for numbers beside bars; and what share of the width of
#: an Axes of the caller's own is left by labels.
BESIDE, LEFT_OVER = 0.6, 0.75

#: In points, how far a title stands above the legend that is between it and the rows.
ABOVE_LEGEND = 24


def rows_axes(ax: Axes | None, labels: Sequence[str]) -> Axes:
    """Return an Axes with a row for each label, the first at the top at y = 0.

    Parameters
    ----------
    ax
        Where to draw; None for the Axes of a new figure that belongs to no window and is as large
        as the labels need.
    labels
        Of the rows. None is cut: long ones take several lines.
    """
    lines = [textwrap.wrap(label, LABEL_WIDTH) or [""] for label in labels]
    if ax is None:
        from matplotlib.figure import Figure

        row = ROW + LINE * (max(map(len, lines)) - 1)
        longest = max(len(line) for wrapped in lines for line in wrapped)
        size = (WIDTH + CHARACTER * longest, AROUND + row * len(lines))
        ax = Figure(figsize=size, layout="constrained").subplots()
    elif not hasattr(ax, "barh"):
        raise InputError(f"ax must be an Axes of matplotlib, but is {ax!r}")
    # A name is no formula, whatever its dollar signs.
    ax.set_yticks(np.arange(len(lines)), ["\n".join(one) for one in lines], parse_math=False)
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def set_heading(ax: Axes, title: str, above_legend: bool = False) -> None:
    """Write a title over rows, above the legend if there is one."""
    if title:
        text = textwrap.fill(title, TITLE_WIDTH, replace_whitespace=False)
        pad = ABOVE_LEGEND if above_legend else None
        ax.set_title(text, fontsize="medium", pad=pad, parse_math=False)


def add_sign_legend(ax: Axes) -> None:
    """Say over the rows what the colours mean."""
    from matplotlib.patches import Patch

    ax.legend(
        [Patch(color=AGAINST), Patch(color=FOR)],
        ["against: lowers the score", "for: raises the score"],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.0,
    )


def sign_colours(values: Sequence[float] | Array) -> list[str]:
    """Return red for what is positive and blue for what is negative."""
    return [FOR if value > 0 else AGAINST for value in values]


def number_bars(
    ax: Axes, values: Sequence[float], ends: Any, signed: bool = True, top: int = 0
) -> None:
    """Write values beside the ends of bars from the row `top` on, where the bars point to."""
    for row, (value, end) in enumerate(zip(values, ends, strict=True), start=top):
        write_beside(ax, told(value, signed), end, row, left=value < 0)


def write_beside(ax: Axes, text: str, place: float, row: int, left: bool = False) -> None:
    """Write a text to the right of a place in a row, or to its left."""
    ax.annotate(
        text,
        (place, row),
        xytext=(-3 if left else 3, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize="small",
    )


def set_reach(ax: Axes, places: Any) -> None:
    """Let the horizontal axis reach over all places, with room for numbers on both sides."""
    low, high = float(np.min(places)), float(np.max(places))
    width = LEFT_OVER * ax.bbox.width / root_figure(ax).dpi
    share = BESIDE / max(BESIDE, width - 2 * BESIDE)
    room = share * (high - low) or 0.1 * abs(high) or 1.0
    ax.set_xlim(low - room, high + room)

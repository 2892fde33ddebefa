"""The figure around time series: its panels, their labels, and what its colours mean.

Matplotlib takes long to import, so each function does it where it draws: ``import ascribe`` stays
light.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ascribe.errors import InputError
from ascribe.image_figure import root_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

#: For each sign what the colour bar says.
LEGENDS = {
    "all": "lowers the score  ←  attribution  →  raises it",
    "positive": "attribution: raises the score",
    "negative": "attribution: lowers the score",
    "absolute_value": "|attribution|, be it for or against",
}

#: In inches: the width of a figure, the height of a panel, of one that stands alone, of a line of
#: its label and of what stands around all of them; how far below the colour bar is, and how thick;
#: and how far below it is where labels are not made room for.
WIDTH, PANEL, ALONE, LINE, AROUND, BELOW, THICK = 7.0, 1.1, 2.6, 0.2, 1.2, 0.1, 0.1
LABELS = 0.4

#: How many characters a line of a channel's label has, and how many labels stand below each other.
LABEL_WIDTH, COLUMN = 20, 12


def new_axes(panels: int, labels: Sequence[str]) -> list[Axes]:
    """Return panels, one below the other, of a new figure that belongs to no window."""
    from matplotlib.figure import Figure

    lines = max(len(textwrap.wrap(label, LABEL_WIDTH)) for label in labels)
    height = ALONE if panels == 1 else panels * max(PANEL, LINE * lines)
    figure = Figure(figsize=(WIDTH, AROUND + height), layout="constrained")
    return list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])


def given_axes(ax: Any, panels: int) -> list[Axes]:
    """Return an Axes for each panel: the given ones, or parts of the only one."""
    axes = as_list(ax)
    if len(axes) == 1 < panels:
        axes[0].set_axis_off()
        height = 1 / panels
        bounds = [(0, 1 - height * (row + 1), 1, height * 0.85) for row in range(panels)]
        return [axes[0].inset_axes(one) for one in bounds]
    if len(axes) != panels:
        raise InputError(f"ax must hold an Axes for each of {panels} panels, but holds {len(axes)}")
    return axes


def as_list(ax: Any) -> list[Axes]:
    """Return one Axes, or an array or list of them, as a list."""
    axes = [ax] if hasattr(ax, "plot") else list(np.ravel(np.asarray(ax, dtype=object)))
    if not axes or not all(hasattr(one, "plot") for one in axes):
        raise InputError(f"ax must be an Axes of matplotlib or a list of them, but is {ax!r}")
    return axes


def label_panels(axes: list[Axes], labels: Sequence[str], points: NDArray[Any]) -> None:
    """Name channels to the left of their panels, and points of time below the last one."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        if points.dtype.kind == "M":
            _write_dates(ax)
    if len(axes) == len(labels):
        for ax, label in zip(axes, labels, strict=True):
            text = textwrap.fill(label, LABEL_WIDTH)
            ax.set_ylabel(text, rotation=0, ha="right", va="center", labelpad=8, parse_math=False)
        root_figure(axes[0]).align_ylabels(axes)
    for ax in axes[:-1]:
        ax.tick_params(labelbottom=False)


def _write_dates(ax: Axes) -> None:
    """Write dates so short that they do not meet."""
    from matplotlib import dates

    untyped: Any = dates
    locator = untyped.AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))


def add_channel_legend(ax: Axes, labels: Sequence[str]) -> None:
    """Name the lines of one panel, to its right."""
    numbered = [str(number) for number in range(len(labels))]
    legend = ax.legend(
        ax.lines[-len(labels) :],
        numbered,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize="small",
        ncols=-(-len(labels) // COLUMN),
    )
    # A name is no formula and may begin with an underscore, which matplotlib would leave out.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(textwrap.fill(label, LABEL_WIDTH))


def add_colour_bar(axes: list[Axes], mappable: ScalarMappable, sign: str, opacity: float) -> None:
    """Say below all panels what colours mean."""
    from matplotlib.ticker import MaxNLocator

    figure = axes[0].figure
    width, height = (one / figure.dpi for one in (axes[0].bbox.width, figure.bbox.height))
    bar = figure.colorbar(
        mappable,
        ax=axes,
        location="bottom",
        label=f"{LEGENDS[sign]}\n(1 is the greatest)",
        alpha=opacity,
        ticks=MaxNLocator(4),
        aspect=width / THICK,
        # Where nothing makes room for the labels of time, the bar keeps clear of them.
        pad=(BELOW if figure.get_layout_engine() else LABELS) / height,
    )
    bar.outline.set_visible(False)

"""A dot for each example in a row for each feature: how much it counts, and at which values.

After the summary plot of Lundberg et al., "From local explanations to global understanding with
explainable AI for trees", Nature Machine Intelligence 2020, https://arxiv.org/abs/1905.04610.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ascribe import InputError, Renderer, hookimpl
from ascribe.colours import colours_of_lines
from ascribe.image_figure import root_figure
from ascribe.renderer import Array
from ascribe.table_figure import add_sign_legend, rows_axes, set_heading, set_reach, sign_colours
from ascribe.tables import Table, check_max_features, others

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Into how many places the width of the figure is cut, at each of which dots are stacked; how high
#: the greatest stack of a row may be; and how far apart dots stand at most.
PLACES, STACK, APART = 100, 0.8, 0.09

#: The area of a dot in square points.
DOT = 12

#: The thickness of the colour bar in inches.
THICK = 0.1

#: From how many dots on they are drawn as pixels, also in SVG and PDF.
MANY = 10_000

#: Between which percentiles of a feature's values the colours lie.
LOW, HIGH = 5, 95


class Beeswarm(Renderer):
    """A row for each feature, the one that counts most at the top, and a dot for each example."""

    def check(self, **options: Any) -> None:
        """Raise what `render` would raise of its options alone."""
        super().check(**options)
        check_max_features(options.get("max_features", 1))

    def render(
        self,
        attribution: Any,
        original: Any = None,
        *,
        names: Sequence[str] | None = None,
        max_features: int = 12,
        target: int = 0,
        which: int | str | None = None,
        title: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Figure:
        """Draw all rows of a table.

        A dot's colour is the feature's value, from blue, low (the 5th percentile), to red, high
        (the 95th); those of missing values (NaN) are hollow. Where the values are unknown, red is
        for and blue is against.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` of many examples, whose values are ``(targets, batch,
            features)``, or an array or tensor ``(examples, features)``.
        original
            The features' values, numbers ``(examples, features)``; by default what the
            explanation holds.
        names
            Of the features; by default their numbers.
        max_features
            How many have a row of their own; the others share one, of their sum.
        target
            Which to draw of an explanation.
        which
            The index or key of the input to draw, where an explanation has several tables.
        title
            By default the target, where it is the same for all examples.
        ax
            Where to draw; by default a new figure that belongs to no window.
        **options
            None: others are refused.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If shapes, names or target do not fit, a feature's values are no numbers, or an
            attribution is not finite.
        """
        self.check(max_features=max_features, **options)
        table = Table.of(attribution, original, names, target, which)
        levels = None if table.shown is None else _levels(table.shown)
        first, rest = table.ranked(max_features)
        labels = [table.names[feature] for feature in first]
        ax = rows_axes(ax, [*labels, others(len(rest))] if len(rest) else labels)
        columns = [table.values[:, feature] for feature in first]
        if len(rest):
            columns.append(table.values[:, rest].sum(1))
        reach = float(np.max(columns) - np.min(columns)) or 1.0
        stacks = [_stacked(column, reach) for column in columns]
        step = min(APART, STACK / 2 / max(1.0, *(np.abs(stack).max() for stack in stacks)))
        dots: dict[str, Any] = {"s": DOT, "zorder": 2}
        dots["rasterized"] = table.values.shape[0] * len(columns) > MANY
        ax.axvline(0, color="0.4", linewidth=0.8, zorder=1)
        for row, (column, stack) in enumerate(zip(columns, stacks, strict=True)):
            level = levels[:, first[row]] if levels is not None and row < len(first) else None
            _scatter(ax, column, row + step * stack, level, levels is not None, dots)
        set_reach(ax, np.append(np.concatenate(columns), 0.0))
        if levels is not None:
            _add_value_bar(ax, bool(np.isnan(levels[:, first]).any()))
        else:
            add_sign_legend(ax)
        ax.set_xlabel("lowers the score  ←  attribution  →  raises it")
        set_heading(ax, table.title if title is None else title, above_legend=levels is None)
        return root_figure(ax)


def _levels(shown: NDArray[Any]) -> Array:
    """Return each feature's values as shares of the way from its low to its high ones."""
    try:
        values = np.array(shown, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "a beeswarm's colours are numbers, but original holds others; give categories numbers, "
            "such as their order"
        ) from None
    values[~np.isfinite(values)] = np.nan
    levels = np.full(values.shape, np.nan)
    for feature, column in enumerate(values.T):
        known = np.isfinite(column)
        if not known.any():
            continue
        low, high = np.percentile(column[known], [LOW, HIGH])
        if low == high:  # all alike, but for a few
            low, high = column[known].min(), column[known].max()
        share = (column[known] - low) / (high - low) if high > low else 0.5
        levels[known, feature] = np.clip(share, 0, 1)
    return levels


def _stacked(column: Array, reach: float) -> Array:
    """Return for each dot its place in the stack at its own place: 0, 1, -1, 2, -2, ..."""
    places = np.round((column - column.min()) / reach * PLACES).astype(int)
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    rank = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
    stack = np.empty(len(ranked))
    stack[order] = np.where(rank % 2, 1, -1) * ((rank + 1) // 2)
    return stack


def _scatter(
    ax: Axes, column: Array, rows: Array, level: Array | None, by_value: bool, dots: dict[str, Any]
) -> None:
    if level is None:
        ax.scatter(column, rows, color="0.45" if by_value else sign_colours(column), **dots)
        return
    known = np.isfinite(level)
    colours: dict[str, Any] = {"c": level[known], "cmap": colours_of_lines(), "vmin": 0, "vmax": 1}
    ax.scatter(column[known], rows[known], **colours, **dots)
    if not known.all():
        hollow: dict[str, Any] = {"facecolors": "white", "edgecolors": "0.45", "linewidths": 0.7}
        ax.scatter(column[~known], rows[~known], **hollow, **dots)


def _add_value_bar(ax: Axes, some_missing: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mappable = ScalarMappable(Normalize(0, 1), colours_of_lines())
    aspect = max(5.0, ax.bbox.height / ax.figure.dpi / THICK)
    bar = ax.figure.colorbar(mappable, ax=ax, ticks=[0, 1], aspect=aspect, pad=0.02)
    bar.set_ticklabels(["low", "high"])
    bar.set_label("feature value" + (" (hollow: missing)" if some_missing else ""))
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [Beeswarm]

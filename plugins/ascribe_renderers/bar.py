"""Horizontal bars of the features that count most, those of one row of a table or of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ascribe import Renderer, hookimpl
from ascribe.colours import EITHER
from ascribe.image_figure import root_figure
from ascribe.table_figure import (
    add_sign_legend,
    number_bars,
    rows_axes,
    set_heading,
    set_reach,
    sign_colours,
)
from ascribe.tables import Table, check_max_features, others

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Bar(Renderer):
    """A bar for each feature, the greatest at the top.

    Of one example red is for and blue is against; of several, bars are means of magnitudes.
    """

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
        max_features: int = 20,
        target: int = 0,
        example: int | None = None,
        which: int | str | None = None,
        title: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Figure:
        """Draw one row of a table, or the mean magnitudes of all rows.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, features)``, or an array or
            tensor ``(features,)`` or ``(examples, features)``.
        original
            The features' values, in the shape of one target's attributions; of a single row they
            stand beside the names. By default what the explanation holds.
        names
            Of the features; by default their numbers.
        max_features
            How many have a bar of their own; the others share one, of their sum.
        target
            Which to draw of an explanation.
        example
            Which row to draw; by default the only one, or else the mean magnitudes of all.
        which
            The index or key of the input to draw, where an explanation has several tables.
        title
            By default the target and its score.
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
            If shapes, names, target or example do not fit, or a value is not finite.
        """
        self.check(max_features=max_features, **options)
        table = Table.of(attribution, original, names, target, which)
        if example is not None or len(table.values) == 1:
            table = table.row(example or 0)
        alone = len(table.values) == 1
        heights, errors, labels = _bars(table, max_features)
        ax = rows_axes(ax, labels)
        rows = np.arange(len(heights))
        colours = sign_colours(heights) if alone else EITHER
        ax.barh(rows, heights, color=colours, height=0.7)
        known = np.isfinite(errors)
        if known.any():
            kept = heights[known], rows[known]
            ax.errorbar(*kept, xerr=errors[known], fmt="none", ecolor="0.3", capsize=2)
        ends = heights + np.where(heights < 0, -1, 1) * np.nan_to_num(errors)
        number_bars(ax, heights, ends, signed=alone)
        set_reach(ax, [*ends, *(heights - np.nan_to_num(errors)), 0.0])
        if not alone:
            ax.set_xlim(left=0)
        ax.axvline(0, color="0.4", linewidth=0.8)
        what = "attribution" if alone else f"mean |attribution| of {len(table.values)} examples"
        ax.set_xlabel(what if alone else f"{what}, be they for or against")
        if alone:
            add_sign_legend(ax)
        set_heading(ax, table.title if title is None else title, above_legend=alone)
        return root_figure(ax)


def _bars(table: Table, max_features: int) -> tuple[Any, Any, list[str]]:
    """Return lengths, their standard errors (NaN where unknown) and labels, from the top down."""
    first, rest = table.ranked(max_features)
    alone = len(table.values) == 1
    heights = table.values[0] if alone else np.abs(table.values).mean(0)
    known = table.errors[0] if alone and table.errors is not None else np.full_like(heights, np.nan)
    labels = [table.label(feature) for feature in first]
    if not len(rest):
        return heights[first], known[first], labels
    summed = np.append(heights[first], heights[rest].sum())
    return summed, np.append(known[first], np.nan), [*labels, others(len(rest))]


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [Bar]

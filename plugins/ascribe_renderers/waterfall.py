"""How the features of one example lead from the base value to the score, step by step.

After the waterfall plot of the SHAP library, of Shapley values (Lundberg and Lee, "A unified
approach to interpreting model predictions", NeurIPS 2017, https://arxiv.org/abs/1705.07874).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ascribe import InputError, Renderer, hookimpl
from ascribe.image_figure import root_figure
from ascribe.table_figure import (
    add_sign_legend,
    number_bars,
    rows_axes,
    set_heading,
    set_reach,
    sign_colours,
    write_beside,
)
from ascribe.tables import Table, check_max_features, others, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The share of all magnitudes that adding them up in float32 may lose.
ROUNDING = 1e-6

#: The lines that lead from one bar to the next.
LINE: dict[str, Any] = {"color": "0.55", "linewidth": 0.8, "linestyle": "--", "zorder": 0}


class Waterfall(Renderer):
    """Bars from the base value, at the bottom, to the score of one example, at the top."""

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
        example: int = 0,
        score: float | None = None,
        which: int | str | None = None,
        title: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Figure:
        """Draw one row of a table.

        The base value is the score less the sum of the attributions. It is the model's score at
        the baseline where the method is complete, and differs by the explanation's ``delta`` where
        it says by how much it is not: that gap is named below the axis.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, features)``, or an array or
            tensor ``(features,)`` or ``(examples, features)``.
        original
            The features' values, in the shape of one target's attributions, which stand beside the
            names. By default what the explanation holds.
        names
            Of the features; by default their numbers.
        max_features
            How many have a bar of their own; the others share one, of their sum.
        target, example
            Which to draw.
        score
            The model's score, where `attribution` is an array; by default the sum, from 0.
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
        table = Table.of(attribution, original, names, target, which).row(example)
        values, labels = _steps(table, max_features)
        end = _score(table, score)
        # From the bottom up, whose sum is the score; rows are from the top down.
        starts = end - np.cumsum(values)
        ends = np.append(end, starts[:-1])
        base = _without_rounding(float(starts[-1]), [end, *values])
        ax = rows_axes(ax, [_top(table, score), *labels, "base value"])
        rows = np.arange(1, len(values) + 1)
        ax.barh(rows, values, left=starts, color=sign_colours(values), height=0.7)
        number_bars(ax, values, ends, top=1)
        for row, place in enumerate([*ends, base]):
            ax.plot([place, place], [row - 0.35, row + 1.35], **LINE)
        for row, place in ((0, end), (len(values) + 1, base)):
            ax.plot([place, place], [row - 0.35, row + 0.35], color="black", linewidth=2)
            write_beside(ax, told(place), place, row)
        set_reach(ax, [*starts, end])
        ax.set_xlabel(_below(table))
        add_sign_legend(ax)
        set_heading(ax, table.title if title is None else title, above_legend=True)
        return root_figure(ax)


def _steps(table: Table, max_features: int) -> tuple[Any, list[str]]:
    """Return the steps and their labels, from the top down."""
    first, rest = table.ranked(max_features)
    labels = [table.label(feature) for feature in first]
    values = table.values[0]
    steps = list(values[first])
    if len(rest):
        steps.append(values[rest].sum())
        labels.append(others(len(rest)))
    if table.beside is not None:
        steps.append(table.beside[0])
        labels.append("other inputs, summed")
    return np.array(steps), labels


def _score(table: Table, score: float | None) -> float:
    if table.scores is not None:
        if score is not None:
            raise InputError("score must be left out where an explanation holds it")
        score = float(table.scores[0])
    if score is None:
        return float(table.values[0].sum())
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not np.isfinite(score):
        raise InputError(f"score must be a finite number, but is {score!r}")
    return float(score)


def _without_rounding(base: float, parts: list[float]) -> float:
    """Return 0 for a base value that is nothing but what was lost in adding up."""
    return 0.0 if abs(base) < ROUNDING * np.abs(parts).sum() else base


def _top(table: Table, score: float | None) -> str:
    return "sum" if table.scores is None and score is None else "score"


def _below(table: Table) -> str:
    if table.deltas is None:
        return "score"
    gap = told(float(table.deltas[0]), signed=True)
    if abs(float(table.deltas[0])) < ROUNDING * float(np.abs(table.values[0]).sum()):
        return "score"
    return f"score\n(the attributions miss completeness by {gap})"


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [Waterfall]

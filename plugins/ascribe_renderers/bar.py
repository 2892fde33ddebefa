"""Horizontal bars of the features that count most, those of a table or of superpixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ascribe import InputError, Renderer, hookimpl
from ascribe.image_figure import root_figure
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Red and blue that the colour-blind can tell apart (both ends of ColorBrewer's RdBu).
FOR, AGAINST = "#b2182b", "#2166ac"

#: In inches: the height of a bar, and what stands around all of them.
BAR, AROUND, WIDTH = 0.28, 1.0, 6.0


class Bar(Renderer):
    """A bar for each feature, the greatest at the top; red is for, blue is against."""

    def render(
        self,
        attribution: Any,
        original: Any = None,
        *,
        names: Sequence[str] | None = None,
        max_features: int = 20,
        target: int = 0,
        example: int = 0,
        title: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Figure:
        """Draw one row of a table.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, features)``, or an array or
            tensor ``(features,)``.
        original
            The features' values, which are written beside their names; by default the
            explanation's inputs.
        names
            Of the features; by default their numbers.
        max_features
            How many have a bar of their own; the others share one, of their sum.
        target, example
            Which to draw of an explanation.
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
        self.check(**options)
        values, errors, shown, told = _row(attribution, original, target, example)
        labels = _labels(values, shown, names)
        if isinstance(max_features, bool) or not isinstance(max_features, int) or max_features < 1:
            raise InputError(f"max_features must be at least 1, but is {max_features!r}")
        order = np.argsort(-np.abs(values), kind="stable")
        first, rest = order[:max_features], order[max_features:]
        heights, texts = list(values[first]), [labels[i] for i in first]
        widths = None if errors is None else list(errors[first])
        if len(rest):
            heights.append(float(values[rest].sum()))
            texts.append(f"{len(rest)} others, summed")
            if widths is not None:
                widths.append(0.0)
        ax = ax if ax is not None else _axes(len(heights))
        places = np.arange(len(heights))[::-1]
        colours = [FOR if height > 0 else AGAINST for height in heights]
        ax.barh(places, heights, xerr=widths, color=colours, ecolor="0.3", height=0.7)
        ax.set_yticks(places, texts)
        ax.axvline(0, color="0.4", linewidth=0.8)
        ax.set_xlabel("against  ←  attribution  →  for")
        ax.spines[["top", "right"]].set_visible(False)
        if title or told:
            ax.set_title(title or told, fontsize="medium")
        return root_figure(ax)


def _row(
    attribution: Any, original: Any, target: int, example: int
) -> tuple[Array, Array | None, Array | None, str]:
    """Return values, their standard errors, the features' own values, and a title."""
    errors, told = None, ""
    if hasattr(attribution, "scores"):
        values = attribution.values
        if not isinstance(values, Tensor) or values.dim() != 3:
            raise InputError("bars are of values (targets, batch, features) of one input")
        if not (0 <= target < values.shape[0] and 0 <= example < values.shape[1]):
            raise InputError(
                f"there are {values.shape[0]} targets and {values.shape[1]} examples, but no "
                f"target {target} of example {example}"
            )
        score = attribution.scores[target, min(example, attribution.scores.shape[1] - 1)]
        told = f"{attribution.label(target, example)}, score {float(score):.3g}"
        given = getattr(attribution, "standard_errors", None)
        errors = None if given is None else _array(given[target, example])
        if original is None and len(attribution.inputs) == values.shape[1]:
            original = attribution.inputs[example]
        attribution = values[target, example]
    array = _array(attribution)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(
            f"bars are of finite attributions (features,), but have {array.shape}"
            + ("" if np.isfinite(array).all() else " with NaN or infinite values")
        )
    shown = None if original is None else _array(original).reshape(-1)
    if errors is not None and not np.isfinite(errors).all():
        errors = None  # nothing is known of them
    return array, errors, shown, told


def _labels(values: Array, shown: Array | None, names: Sequence[str] | None) -> list[str]:
    labels = [f"feature {i}" for i in range(len(values))] if names is None else list(names)
    for what, given in (("names", labels), ("original", shown)):
        if given is not None and len(given) != len(values):
            raise InputError(
                f"{what} must hold one entry for each of the {len(values)} features, but hold "
                f"{len(given)}"
            )
    if shown is None:
        return labels
    return [f"{label} = {value:.3g}" for label, value in zip(labels, shown, strict=True)]


def _array(values: Any) -> Array:
    array = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
    return np.asarray(array, dtype=np.float64)


def _axes(bars: int) -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, AROUND + BAR * bars), layout="constrained").subplots()


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [Bar]

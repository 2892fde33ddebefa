"""What every renderer is, and how an attribution becomes numbers that can be drawn."""

from __future__ import annotations

import difflib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ascribe.errors import InputError, ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

#: Each sign that can be drawn, and what it keeps of an attribution.
SIGNS: dict[str, Callable[[Array], Array]] = {
    "all": lambda values: values,
    "positive": lambda values: np.maximum(values, 0.0),
    "negative": lambda values: np.maximum(-values, 0.0),
    "absolute_value": np.abs,
}


class Renderer(ABC):
    """One way to draw attributions. A subclass is found through its plugin's name.

    Attributes
    ----------
    kind
        What `render` returns: a ``figure``, ``html``, or ``text`` for a terminal.
    """

    kind: str = "figure"

    def options(self) -> dict[str, inspect.Parameter]:
        """Return the options that `render` takes."""
        known = inspect.signature(self.render).parameters.values()
        return {p.name: p for p in known if p.kind is p.KEYWORD_ONLY}

    def check(self, **options: Any) -> None:
        """Raise, before there is anything to draw, what `render` would raise of its options."""
        known = list(self.options())
        for name in sorted(set(options) - set(known)):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ParameterError(
                f"{type(self).__name__} takes no option {name!r}; {hint}"
                f"its options are {', '.join(known)}"
            )

    @abstractmethod
    def render(self, attribution: Any, original: Any = None, **options: Any) -> Figure | str:
        """Draw an attribution.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation`, or a plain array of the renderer's kind of data.
        original
            What was attributed, as people see it; by default what the explanation holds.
        **options
            The renderer's own. One that it does not take raises `ascribe.errors.ParameterError`.

        Returns
        -------
        matplotlib.figure.Figure or str
            A figure that belongs to no window, or a piece of HTML or text. Nothing is shown.
        """


def normalise(values: Array, sign: str = "all", outlier_perc: float = 2.0) -> Array:
    """Scale an attribution to what can be drawn: at most 1 in magnitude, and zero stays zero.

    The greatest values, those that together make up `outlier_perc` percent of the sum of all
    magnitudes, are outliers: the smallest of them becomes 1 and the others are clipped to it.

    Parameters
    ----------
    values
        The attribution, of any shape, float64.
    sign
        ``all`` keeps every value; ``positive`` and ``negative`` keep the magnitudes of one sign
        and set the rest to zero; ``absolute_value`` keeps all magnitudes.
    outlier_perc
        Percent of the sum of magnitudes, from 0 (only the greatest is 1) to 100.

    Returns
    -------
    numpy.ndarray
        The same shape, within [-1, 1] for ``all`` and [0, 1] otherwise; all zero where nothing
        of that sign is left.

    Raises
    ------
    InputError
        If the sign is unknown, `outlier_perc` is no percentage, or a value is not finite.

    Examples
    --------
    >>> normalise(np.array([-1.0, 0.0, 2.0]))
    array([-0.5,  0. ,  1. ])
    """
    if sign not in SIGNS:
        raise InputError(f"sign must be one of {', '.join(SIGNS)}, but is {sign!r}")
    if not 0 <= outlier_perc <= 100:
        raise InputError(f"outlier_perc must be from 0 to 100, but is {outlier_perc}")
    if count := int(np.sum(~np.isfinite(values))):
        raise InputError(
            f"only finite attributions can be drawn, but {count} of {values.size} values are NaN "
            "or infinite; find out where they come from, or replace them with numpy.nan_to_num"
        )
    kept = SIGNS[sign](values)
    peak = np.max(np.abs(kept), initial=0.0)
    if peak == 0:
        return np.zeros_like(kept)
    kept = kept / peak  # so that no sum below overflows
    largest = _largest_inlier(np.abs(kept), outlier_perc)
    # Clipped before it is divided: the quotient of a clipped value cannot overflow.
    return np.clip(kept, -largest, largest) / largest


def _largest_inlier(magnitudes: Array, outlier_perc: float) -> float:
    ranked = np.sort(magnitudes[magnitudes > 0])
    running = np.cumsum(ranked)
    return float(ranked[np.searchsorted(running, running[-1] * (1 - outlier_perc / 100))])

"""Axes of a new figure, which pyplot knows or which belongs to no window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@contextmanager
def new_figure(
    rows: int,
    columns: int,
    fig_size: tuple[float, float],
    use_pyplot: bool,
    layout: Literal["compressed", "constrained"] = "compressed",
    sharex: bool = False,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure and its Axes, row by row; if drawing fails, pyplot keeps no empty figure.

    Parameters
    ----------
    rows, columns
        How many Axes.
    fig_size
        Width and height of the figure in inches.
    use_pyplot
        Whether pyplot knows it.
    layout
        One of matplotlib's layout engines.
    sharex
        Whether all Axes reach from and to the same values.
    """
    # Matplotlib is imported here and not above: `import ascribe` stays light.
    if use_pyplot:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=fig_size, layout=layout)
    else:
        from matplotlib.figure import Figure

        figure = Figure(figsize=fig_size, layout=layout)
    try:
        yield figure, list(figure.subplots(rows, columns, sharex=sharex, squeeze=False).flat)
    except BaseException:
        if use_pyplot:
            plt.close(figure)
        raise

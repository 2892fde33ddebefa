"""The figure around images: its size, its titles and its colour bars.

Matplotlib takes long to import, so each function does it where it draws: ``import ascribe`` stays
light.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ascribe.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: In inches: the longer side of an image that stands alone or in a grid, and the room for what
#: stands beside and above it; and the width that a title needs.
SINGLE, IN_GRID = 4.2, 2.8
GAP, BAR, TITLE = 0.15, 0.8, 0.45
NARROWEST = 1.4


def colour_map(cmap: str | Colormap) -> Colormap:
    """Return a colour map by its name, or raise `InputError` with names that are near."""
    import matplotlib

    if not isinstance(cmap, str):
        return cmap
    if cmap not in matplotlib.colormaps:
        near = difflib.get_close_matches(cmap, matplotlib.colormaps, n=5, cutoff=0.3)
        raise InputError(
            f"cmap must be a colour map or the name of one, but there is no {cmap!r}; "
            f"{'near it are ' + ', '.join(near) + ', and ' if near else ''}"
            "matplotlib.colormaps lists them all"
        )
    return matplotlib.colormaps[cmap]


def new_grid(
    rows: int,
    columns: int,
    shape: tuple[int, int],
    fig_size: tuple[float, float] | None,
    show_colorbar: bool,
    scale: float = 1.0,
) -> list[list[Axes]]:
    """Return the Axes of a new figure that belongs to no window, for images of one shape.

    Parameters
    ----------
    rows, columns
        How many.
    shape
        Height and width of the images in pixels.
    fig_size
        Width and height of the figure in inches; None for what fits the images.
    show_colorbar
        Whether a colour bar needs its place in each row.
    scale
        How much larger images are than else.
    """
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=fig_size or _fitting_size(rows, columns, shape, show_colorbar, scale),
        # The first leaves no gaps between images; titles over narrow images need such gaps.
        layout="compressed" if 2 * shape[1] >= shape[0] else "constrained",
    )
    axes: list[list[Axes]] = figure.subplots(rows, columns, squeeze=False).tolist()
    return axes


def _fitting_size(
    rows: int, columns: int, shape: tuple[int, int], show_colorbar: bool, scale: float
) -> tuple[float, float]:
    inches = scale * (SINGLE if rows == columns == 1 else IN_GRID)
    height, width = (inches * side / max(shape) for side in shape)
    bar = BAR if show_colorbar else 0
    below = bar if _is_wide(*shape) else 0
    return columns * (max(width, NARROWEST) + GAP) + bar - below, rows * (height + TITLE + below)


def frame(ax: Axes, title: str | None) -> None:
    """Make an Axes the frame of an image: no ticks, a thin border, a title if there is one."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color="0.8", linewidth=0.5)
    if title is not None:
        ax.set_title(title, fontsize="medium")


def add_colour_bar(ax: Axes, mappable: ScalarMappable, label: str) -> None:
    """Draw a colour bar along an image, to its right or below; no other Axes moves."""
    from matplotlib.ticker import MaxNLocator

    height, width = (abs(end - start) for start, end in (ax.get_ylim(), ax.get_xlim()))
    is_wide = _is_wide(height, width)
    gap, thickness = 0.03 * max(height, width), 0.045 * max(height, width)
    beside = (1 + gap / width, 0.0, thickness / width, 1.0)
    below = (0.0, -(gap + thickness) / height, 1.0, thickness / height)
    _make_room(ax, is_wide)
    bar = ax.figure.colorbar(
        mappable,
        cax=ax.inset_axes(below if is_wide else beside),
        label=label,
        ticks=MaxNLocator(4),
        orientation="horizontal" if is_wide else "vertical",
    )
    bar.outline.set_visible(False)


def _make_room(ax: Axes, below: bool) -> None:
    """Let an Axes give up a quarter of its place, unless a layout finds room for a colour bar."""
    place = ax.get_subplotspec()
    if place is None or root_figure(ax).get_layout_engine() is not None:
        return
    if below:
        ax.set_subplotspec(place.subgridspec(2, 1, height_ratios=(3, 1), hspace=0)[0])
    else:
        ax.set_subplotspec(place.subgridspec(1, 2, width_ratios=(3, 1), wspace=0)[0])


def _is_wide(height: float, width: float) -> bool:
    """Whether a colour bar fits better below an image than beside it."""
    return width > 1.5 * height


def set_title(grid: list[list[Axes]], title: str) -> None:
    """Give a title to the only image of a grid, or else to its figure."""
    if len(grid) == len(grid[0]) == 1:
        grid[0][0].set_title(title)
    else:
        root_figure(grid[0][0]).suptitle(title)


def root_figure(ax: Axes) -> Figure:
    """Return the figure of an Axes, also where that is in a sub-figure."""
    return ax.figure.canvas.figure

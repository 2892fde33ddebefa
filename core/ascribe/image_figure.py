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
#: stands beside and above it.
SINGLE, IN_GRID = 4.2, 2.8
GAP, BAR, TITLE = 0.15, 0.8, 0.45


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
    """
    from matplotlib.figure import Figure

    if fig_size is None:
        inches = SINGLE if rows == columns == 1 else IN_GRID
        height, width = (max(inches * side / max(shape), inches / 4) for side in shape)
        bar = BAR if show_colorbar else 0
        fig_size = (columns * (width + GAP) + bar, rows * (height + TITLE))
    # Any other layout leaves gaps between images, whose aspect is fixed.
    figure = Figure(figsize=fig_size, layout="compressed")
    axes: list[list[Axes]] = figure.subplots(rows, columns, squeeze=False).tolist()
    return axes


def frame(ax: Axes, title: str | None) -> None:
    """Make an Axes the frame of an image: no ticks, a thin border, a title if there is one."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color="0.8", linewidth=0.5)
    if title is not None:
        ax.set_title(title, fontsize="medium")


def add_colour_bar(ax: Axes, mappable: ScalarMappable, label: str) -> None:
    """Draw a colour bar right of an image and as high as it, without moving anything."""
    beside = ax.inset_axes((1.03, 0, 0.045, 1))
    bar = ax.figure.colorbar(mappable, cax=beside, label=label)
    bar.outline.set_visible(False)


def set_title(grid: list[list[Axes]], title: str) -> None:
    """Give a title to the only image of a grid, or else to its figure."""
    if len(grid) == len(grid[0]) == 1:
        grid[0][0].set_title(title)
    else:
        root_figure(grid[0][0]).suptitle(title)


def root_figure(ax: Axes) -> Figure:
    """Return the figure of an Axes, also where that is in a sub-figure."""
    return ax.figure.canvas.figure

"""Superpixels over the picture: their borders, and the ranks of those that count most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ascribe import InputError, hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

#: How bright red, green and blue look (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)


#: How many places a region has at least, in the mean; in a map of few, regions may be smaller.
FEWEST, FEW = 8, 64


class Superpixels(ImageRenderer):
    """Regions of one value, in its colour over the picture; the ``count`` greatest are numbered.

    For attributions that are alike within features, as those of a ``feature_mask`` are; others are
    refused.
    """

    def draw(
        self, ax: Axes, values: Array, image: Array, style: Style, *, count: int = 5
    ) -> ScalarMappable:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InputError(f"count must be a whole number of at least 0, but is {count!r}")
        ax.imshow(image @ LUMINANCE, cmap="gray", vmin=0, vmax=1)
        mappable = ax.imshow(values, alpha=style.alpha_overlay, **style.colours)
        ax.imshow(_borders(values))
        different = np.unique(values)
        if len(different) > max(FEW, values.size / FEWEST):
            raise InputError(
                f"superpixels are regions of one value, but the {values.size} places have "
                f"{len(different)} values: draw a heat_map, or attribute with a feature_mask"
            )
        ranked = different[np.argsort(-np.abs(different), kind="stable")]
        for rank, value in enumerate(ranked[ranked != 0][:count], start=1):
            row, column = _middle(values == value)
            ax.text(
                column,
                row,
                str(rank),
                ha="center",
                va="center",
                fontsize="small",
                fontweight="bold",
                color="white",
                bbox={"boxstyle": "circle,pad=0.2", "fc": "black", "ec": "white", "alpha": 0.8},
            )
        return mappable


def _borders(values: Array) -> NDArray[np.float64]:
    """Return a picture (H, W, 4), transparent but for white lines where regions meet."""
    edge = np.zeros(values.shape, dtype=bool)
    edge[1:] |= values[1:] != values[:-1]
    edge[:, 1:] |= values[:, 1:] != values[:, :-1]
    return np.stack([np.ones_like(values)] * 3 + [0.7 * edge], axis=-1)


def _middle(region: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the place of a region that is nearest to its mean place."""
    rows, columns = np.nonzero(region)
    nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return int(rows[nearest]), int(columns[nearest])


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [Superpixels]

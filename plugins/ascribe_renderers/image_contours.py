"""Lines of equal attribution over the picture, which stays to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ascribe import InputError, hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable


class ImageContours(ImageRenderer):
    """The picture, and lines where the map reaches ``levels``, solid for and dashed against.

    The map is smoothed by ``smoothing`` pixels first (by default a fiftieth of its longer side),
    which makes lines of what is fine-grained.
    """

    def draw(
        self,
        ax: Axes,
        values: Array,
        image: Array,
        style: Style,
        *,
        levels: tuple[float, ...] = (0.25, 0.5, 0.75),
        smoothing: float | None = None,
    ) -> ScalarMappable:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        if not levels or not all(0 < level < 1 for level in levels):
            raise InputError(f"levels must lie between 0 and 1, but are {levels!r}")
        width = max(values.shape) / 50 if smoothing is None else smoothing
        if not width >= 0:
            raise InputError(f"smoothing must be at least 0 pixels, but is {smoothing!r}")
        smooth = _smoothed(values, width)
        ax.imshow(image, alpha=0.75)
        colours = style.colours
        norm = Normalize(colours["vmin"], colours["vmax"])
        for sign, line in ((1, "solid"), (-1, "dashed")):
            reached = sorted(level for level in levels if (sign * smooth).max() > level)
            if reached:
                shades = [style.cmap(norm(sign * (0.5 + level / 2))) for level in reached]
                ax.contour(sign * smooth, reached, colors=shades, linestyles=line, linewidths=1.8)
        return ScalarMappable(norm, style.cmap)


def _smoothed(values: Array, width: float) -> Array:
    """Return a map after a Gaussian filter, as high as before where it was highest."""
    if width == 0:
        return values
    reach = int(np.ceil(3 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smooth = values
    for axis in (0, 1):
        padding = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
        padded = np.pad(smooth, padding, mode="edge")
        smooth = np.apply_along_axis(np.convolve, axis, padded, kernel / kernel.sum(), "valid")
    peak = np.abs(smooth).max()
    return smooth * (np.abs(values).max() / peak) if peak > 0 else smooth


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [ImageContours]

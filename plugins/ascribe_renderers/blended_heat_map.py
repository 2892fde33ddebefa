"""A heat map over a grey picture, which shows where the attribution lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

#: How bright red, green and blue look (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)


class BlendedHeatMap(ImageRenderer):
    """The map, of opacity ``alpha_overlay``, over the picture in shades of grey."""

    def draw(self, ax: Axes, values: Array, image: Array, style: Style) -> ScalarMappable:
        ax.imshow(image @ LUMINANCE, cmap="gray", vmin=0, vmax=1)
        return ax.imshow(values, alpha=style.alpha_overlay, **style.colours)


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [BlendedHeatMap]

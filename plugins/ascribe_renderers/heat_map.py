"""A heat map: the colour of each pixel says how much it counts, and for or against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable


class HeatMap(ImageRenderer):
    """The map alone, in the colours of its sign."""

    needs_image = False

    def draw(self, ax: Axes, values: Array, image: Array | None, style: Style) -> ScalarMappable:
        return ax.imshow(values, **style.colours)


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [HeatMap]

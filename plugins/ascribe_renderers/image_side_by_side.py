"""The picture and, beside it, the map over the picture in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

#: How bright red, green and blue look (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)


class ImageSideBySide(ImageRenderer):
    """The picture to the left, and to the right the map, of opacity ``alpha_overlay``, over it."""

    pictures_wide = 2

    def draw(self, ax: Axes, values: Array, image: Array, style: Style) -> ScalarMappable:
        height, width = values.shape
        gap = max(1, width // 30)
        grey = np.repeat((image @ LUMINANCE)[..., None], 3, axis=-1)
        space = np.ones((height, gap, 3))
        ax.imshow(np.concatenate([image, space, grey], axis=1))
        beside = (width + gap - 0.5, 2 * width + gap - 0.5, height - 0.5, -0.5)
        mappable = ax.imshow(values, extent=beside, alpha=style.alpha_overlay, **style.colours)
        ax.set(xlim=(-0.5, 2 * width + gap - 0.5), ylim=(height - 0.5, -0.5))
        return mappable


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [ImageSideBySide]

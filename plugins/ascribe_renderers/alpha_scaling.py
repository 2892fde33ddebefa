"""The picture as opaque as its attribution is great: what does not count fades to white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class AlphaScaling(ImageRenderer):
    """The picture with the map for its opacity, so that only one sign can be shown."""

    signs = ("positive", "negative", "absolute_value")

    def draw(self, ax: Axes, values: Array, image: Array, style: Style) -> None:
        ax.set_facecolor("white")
        ax.imshow(np.dstack([image, values]))


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [AlphaScaling]

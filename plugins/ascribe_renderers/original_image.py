"""The picture as it is, to stand beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class OriginalImage(ImageRenderer):
    """The picture alone; the attribution does not show."""

    shows_attribution = False

    def draw(self, ax: Axes, values: Array, image: Array, style: Style) -> None:
        ax.imshow(image)


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [OriginalImage]

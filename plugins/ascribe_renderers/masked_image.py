"""The picture in the light of its attribution: what does not count is black."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style
from ascribe.renderer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MaskedImage(ImageRenderer):
    """The picture times the map, so that only one sign can be shown."""

    signs = ("positive", "negative", "absolute_value")

    def draw(self, ax: Axes, values: Array, image: Array, style: Style) -> None:
        ax.imshow(image * values[..., None])


@hookimpl
def ascribe_renderers() -> list[type[ImageRenderer]]:
    return [MaskedImage]

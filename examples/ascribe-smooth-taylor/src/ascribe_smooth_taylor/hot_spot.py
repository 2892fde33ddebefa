"""The hot spot: the picture, and a line around the part that counts most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ascribe import hookimpl
from ascribe.image_renderer import ImageRenderer, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HotSpot(ImageRenderer):
    """The picture with a line around its most important tenth."""

    signs = ("positive", "negative", "absolute_value")

    def draw(self, ax: Axes, values: Any, image: Any, style: Style, *, share: float = 0.1) -> None:
        ax.imshow(image)
        threshold = np.quantile(values, 1 - share)
        if values.min() < threshold < values.max():
            ax.contour(values, levels=[threshold], colors="white", linewidths=4)
            ax.contour(values, levels=[threshold], colors="crimson", linewidths=2)


@hookimpl
def ascribe_renderers() -> list[type[HotSpot]]:
    return [HotSpot]

"""The base of every renderer of images: it does all but the picture itself."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ascribe.errors import InputError
from ascribe.image_figure import add_colour_bar, colour_map, frame, new_grid, root_figure, set_title
from ascribe.image_panels import Panel, as_map, as_picture, panels_of_explanation
from ascribe.renderer import SIGNS, Array, Renderer, normalise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from ascribe.explanation import Explanation

Scale = Callable[[Array], Array]

#: For each sign a colour map that the colour-blind can read, and what its colour bar says.
COLOURS = {
    "all": ("RdBu_r", "against  ←  relative to its map  →  for"),
    "positive": ("Reds", "for, relative to its map"),
    "negative": ("Blues", "against, relative to its map"),
    "absolute_value": ("Purples", "for or against, relative to its map"),
}


@dataclass(frozen=True)
class Style:
    """How a map is drawn.

    Attributes
    ----------
    sign
        One of `ascribe.renderer.SIGNS`; maps hold values from -1 for ``all``, else from 0.
    cmap
        The colour map.
    alpha_overlay
        The opacity of what is drawn over a picture, from 0 to 1.
    """

    sign: str
    cmap: Colormap
    alpha_overlay: float

    @property
    def colours(self) -> dict[str, Any]:
        """The keywords by which ``Axes.imshow`` and its like colour a map."""
        return {"cmap": self.cmap, "vmin": -1 if self.sign == "all" else 0, "vmax": 1}


class ImageRenderer(Renderer):
    """A renderer of images. A subclass says in `draw` how one normalised map is drawn.

    Attributes
    ----------
    signs
        The signs that it can draw, its default first.
    needs_image
        Whether `draw` cannot do without a picture.
    shows_attribution
        Whether what it draws depends on the attribution at all.
    pictures_wide
        How many pictures stand side by side in what it draws; the original is not repeated then.
    """

    signs: Sequence[str] = tuple(SIGNS)
    needs_image = True
    shows_attribution = True
    pictures_wide = 1

    @abstractmethod
    def draw(self, ax: Axes, values: Array, image: Any, style: Style) -> ScalarMappable | None:
        """Draw one map.

        An option of the renderer's own is a keyword-only parameter of its `draw`.

        Parameters
        ----------
        ax
            Where to draw. Ticks, title and colour bar are seen to.
        values
            The normalised map (H, W), float64 within [-1, 1], or within [0, 1] unless
            ``style.sign`` is ``all``.
        image
            The picture (H, W, 3), float64 within [0, 1]; None only if not `needs_image`.
        style
            Sign, colours and opacity.

        Returns
        -------
        matplotlib.cm.ScalarMappable or None
            What the colour bar explains; None for no colour bar.
        """

    def options(self) -> dict[str, inspect.Parameter]:
        """Return the options that `render` takes, and those of `draw` itself."""
        own = inspect.signature(self.draw).parameters.values()
        return {**super().options(), **{p.name: p for p in own if p.kind is p.KEYWORD_ONLY}}

    def check(self, **options: Any) -> None:
        """Raise what `render` would raise of its options alone."""
        super().check(**options)
        _check_kinds(options)
        self._style(options.get("sign"), options.get("cmap"), options.get("alpha_overlay", 0.5))

    def render(
        self,
        attribution: Explanation | Tensor | NDArray[Any],
        original: Any = None,
        *,
        sign: str | None = None,
        outlier_perc: float = 2.0,
        cmap: str | Colormap | None = None,
        alpha_overlay: float = 0.5,
        show_colorbar: bool = False,
        shared_scale: bool = False,
        which: int | str | None = None,
        title: str | None = None,
        fig_size: tuple[float, float] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Figure:
        """Draw one map, or an explanation as a grid: a row per example, a column per target.

        Parameters
        ----------
        attribution
            A NumPy array (H, W) or (H, W, C), a tensor (H, W) or (C, H, W), or an
            `ascribe.Explanation`. Channels are summed.
        original
            The picture, in the same form with 1 or 3 channels, integers within 0..255 or floats
            within 0..1; for an explanation a batch of these. By default the explanation's own,
            or else its inputs, each stretched to 0..1 if it leaves that range.
        sign
            ``all``, ``positive``, ``negative`` or ``absolute_value``; by default the first of
            `signs`.
        outlier_perc
            Percent of the sum of all magnitudes that is clipped, see `ascribe.renderer.normalise`.
        cmap
            A matplotlib colour map or its name; by default one that suits the sign.
        alpha_overlay
            The opacity of a map over a picture, from 0 to 1.
        show_colorbar
            Whether a colour bar stands at the end of each row.
        shared_scale
            Whether one number scales all maps of an explanation, so that their colours compare;
            otherwise each is scaled by itself.
        which
            The index or key of the input to draw, where an explanation has several images.
        title
            The title of the figure, or of `ax`.
        fig_size
            Width and height of a new figure in inches; by default they fit what it shows.
        ax
            Where to draw a single map; nothing else on its figure changes.
        **options
            The renderer's own, the keyword-only parameters of its `draw`.

        Returns
        -------
        matplotlib.figure.Figure
            The figure of `ax`, or a new one that belongs to no window.

        Raises
        ------
        InputError
            If an array has a wrong shape, size or range, a value is not finite, a picture is
            missing, or a sign or colour map is unknown.
        ParameterError
            If an option is unknown.
        """
        super().check(**options)
        _check_kinds({"outlier_perc": outlier_perc, "fig_size": fig_size, "ax": ax})
        style = self._style(sign, cmap, alpha_overlay)
        scale = partial(_scaled, sign=style.sign, outlier_perc=outlier_perc, shared=shared_scale)
        rows = self._panels(attribution, original, which, scale)
        if ax is not None:
            rows = [[self._only_map(rows)]]
        self._check_images(rows)
        grid = [[ax]] if ax is not None else self._new_grid(rows, fig_size, show_colorbar)
        for row, places in zip(rows, grid, strict=True):
            for panel, place in zip(row, places, strict=True):
                mappable = self._draw_panel(place, panel, style, options)
            if show_colorbar and mappable is not None:
                add_colour_bar(place, mappable, COLOURS[style.sign][1])
        if title is not None:
            set_title(grid, title)
        return root_figure(grid[0][0])

    def _style(self, sign: str | None, cmap: str | Colormap | None, alpha_overlay: float) -> Style:
        sign = self.signs[0] if sign is None else sign
        if sign not in self.signs:
            raise InputError(
                f"the sign of {type(self).__name__} must be one of {', '.join(self.signs)}, "
                f"but is {sign!r}"
            )
        if isinstance(cmap, (int, float)):
            raise InputError(f"cmap must be a colour map or the name of one, but is {cmap!r}")
        if not isinstance(alpha_overlay, (int, float)) or not 0 <= alpha_overlay <= 1:
            raise InputError(f"alpha_overlay must be from 0 to 1, but is {alpha_overlay!r}")
        return Style(sign, colour_map(COLOURS[sign][0] if cmap is None else cmap), alpha_overlay)

    def _panels(
        self, attribution: Any, original: Any, which: int | str | None, scale: Scale
    ) -> list[list[Panel]]:
        if hasattr(attribution, "scores"):
            rows = panels_of_explanation(attribution, original, which, scale)
            if not self.shows_attribution:
                return [row[:1] for row in rows]
            alone = self.pictures_wide > 1
            return [[p for p in row if p.values is not None or not alone] for row in rows]
        image = None if original is None else as_picture(original)
        panel = Panel(scale(as_map(attribution)), image)
        panel.require_equal_sizes()
        return [[panel]]

    def _new_grid(
        self, rows: list[list[Panel]], fig_size: tuple[float, float] | None, show_colorbar: bool
    ) -> list[list[Axes]]:
        height, width = rows[0][-1].shape
        wide = self.pictures_wide
        counts, shape = (len(rows), len(rows[0])), (height, width * wide)
        return new_grid(*counts, shape, fig_size, show_colorbar, scale=wide**0.5)

    def _only_map(self, rows: list[list[Panel]]) -> Panel:
        panels = [panel for row in rows for panel in row]
        drawn = [one for one in panels if one.values is not None or not self.shows_attribution]
        if len(drawn) != 1:
            raise InputError(
                f"ax must take one map, but the explanation has {len(drawn)}; leave out ax to "
                "have a grid, or draw explanation.only(target=0, example=0)"
            )
        return drawn[0]

    def _check_images(self, rows: list[list[Panel]]) -> None:
        for panel in (panel for row in rows for panel in row if self.needs_image):
            if panel.image is None:
                raise InputError(
                    f"{type(self).__name__} draws a picture, but has none; pass it as original"
                )
            panel.require_equal_sizes()

    def _draw_panel(
        self, ax: Axes, panel: Panel, style: Style, options: dict[str, Any]
    ) -> ScalarMappable | None:
        frame(ax, panel.title)
        if panel.values is not None:
            return self.draw(ax, panel.values, panel.image, style, **options)
        if panel.image is not None:
            ax.imshow(panel.image)
        return None


def _check_kinds(options: dict[str, Any]) -> None:
    """Refuse options of the wrong kind, which would fail deep within matplotlib."""
    size = options.get("fig_size")
    pair = isinstance(size, (tuple, list)) and len(size) == 2
    if size is not None and not (pair and all(isinstance(s, (int, float)) and s > 0 for s in size)):
        raise InputError(f"fig_size must be a width and a height in inches, but is {size!r}")
    share = options.get("outlier_perc", 0)
    if not isinstance(share, (int, float)) or not 0 <= share < 100:
        raise InputError(f"outlier_perc must be from 0 to below 100, but is {share!r}")
    if not hasattr(options.get("ax"), "imshow") and options.get("ax") is not None:
        raise InputError(f"ax must be an Axes of matplotlib, but is {options['ax']!r}")
    for name in ("show_colorbar", "shared_scale"):
        if not isinstance(options.get(name, False), bool):
            raise InputError(f"{name} must be true or false, but is {options[name]!r}")


def _scaled(maps: Array, *, sign: str, outlier_perc: float, shared: bool) -> Array:
    if shared:
        return normalise(maps, sign, outlier_perc)
    each = [normalise(one, sign, outlier_perc) for one in maps.reshape(-1, *maps.shape[-2:])]
    return np.reshape(each, maps.shape)

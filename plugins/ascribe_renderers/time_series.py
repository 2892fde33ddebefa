"""Time series with what each point counts: a heat map behind the lines, or lines in its colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ascribe import InputError, ParameterError, Renderer, hookimpl
from ascribe.colours import colours_of_lines
from ascribe.image_figure import colour_map, root_figure
from ascribe.image_renderer import COLOURS
from ascribe.renderer import SIGNS, Array, normalise
from ascribe.series import Series
from ascribe.series_figure import (
    add_channel_legend,
    add_colour_bar,
    as_list,
    given_axes,
    label_panels,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

METHODS = ("overlay_individual", "overlay_combined", "colored_graph")

#: From how many points of time on a heat map is drawn as pixels, also in SVG and PDF.
MANY = 1000

#: What tells channels apart in one panel: Okabe and Ito's colours but for those of heat maps, and
#: kinds of lines once these are used up.
CHANNELS = ("black", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
DASHES = ("solid", "dashed", "dotted", "dashdot")


class TimeSeries(Renderer):
    """A panel for each channel, or one for all, in the colours of their attributions."""

    def check(self, **options: Any) -> None:
        """Raise what `render` would raise of its options alone."""
        super().check(**options)
        if (method := options.get("method", METHODS[0])) not in METHODS:
            raise InputError(f"method must be one of {', '.join(METHODS)}, but is {method!r}")
        if (sign := options.get("sign", "all")) not in SIGNS:
            raise InputError(f"sign must be one of {', '.join(SIGNS)}, but is {sign!r}")
        alpha = options.get("alpha_overlay", 0.7)
        if not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1:
            raise InputError(f"alpha_overlay must be from 0 to 1, but is {alpha!r}")

    def render(
        self,
        attribution: Any,
        original: Any = None,
        *,
        method: str = "overlay_individual",
        sign: str = "all",
        x_values: Any = None,
        channel_labels: Sequence[str] | None = None,
        channels_last: bool | None = None,
        outlier_perc: float = 2.0,
        cmap: str | Colormap | None = None,
        alpha_overlay: float = 0.7,
        show_colorbar: bool = True,
        line: Mapping[str, Any] | None = None,
        target: int = 0,
        example: int = 0,
        which: int | str | None = None,
        title: str | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **options: Any,
    ) -> Figure:
        """Draw one series.

        Parameters
        ----------
        attribution
            An `ascribe.Explanation` whose values are ``(targets, batch, channels, time)`` or
            ``(targets, batch, time)``, or an array or tensor ``(channels, time)`` or ``(time,)``.
        original
            The series in the same shape; by default what the explanation holds.
        method
            ``overlay_individual``, each channel in a panel over a heat map of its attributions;
            ``overlay_combined``, all channels in one panel over the mean of their attributions; or
            ``colored_graph``, each channel in a panel, its line in the colours of its attributions.
        sign
            ``all``, ``positive``, ``negative`` or ``absolute_value``.
        x_values
            The points of time ``(time,)``, numbers or ``numpy.datetime64``, which rise or fall
            throughout; by default 0, 1, 2 and so on.
        channel_labels
            By default the channels' numbers.
        channels_last
            Whether channels come after time; by default the longer of the two is time.
        outlier_perc
            Percent of the sum of all magnitudes that is clipped, see `ascribe.renderer.normalise`.
            One number scales all channels.
        cmap
            A matplotlib colour map or its name; by default one that suits the sign.
        alpha_overlay
            The opacity of a heat map, from 0 to 1.
        show_colorbar
            Whether a colour bar stands below, which says what is for and what against.
        line
            Keywords of ``Axes.plot`` for the lines, such as ``{"linewidth": 3}``.
        target, example
            Which to draw of an explanation.
        which
            The index or key of the input to draw, where an explanation has several series.
        title
            By default the target and its score.
        ax
            Where to draw: one Axes, which several panels share, or one for each panel. By default
            a new figure that belongs to no window.
        **options
            None: others are refused.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If shapes, labels, points, options, target or example do not fit, the series is
            missing, or a value is not finite.
        ParameterError
            If an option or a keyword of lines is unknown.
        """
        self.check(method=method, sign=sign, alpha_overlay=alpha_overlay, **options)
        series = Series.of(
            attribution, original, x_values, channel_labels, channels_last, target, example, which
        )
        combined, as_lines = method == "overlay_combined", method == "colored_graph"
        values = series.values.mean(0, keepdims=True) if combined else series.values
        scaled = normalise(values, sign, outlier_perc)
        panels = 1 if combined else len(series.data)
        axes = new_axes(panels, series.labels) if ax is None else given_axes(ax, panels)
        style = _style(sign, cmap, as_lines)
        for row, place in enumerate(axes):
            channels = series.data if combined else series.data[row : row + 1]
            if as_lines:
                _coloured_line(place, series.x_values, channels[0], scaled[row], style, line)
            else:
                _lines(place, series.x_values, channels, line)
                _heat(place, series.x_values, scaled[row], style, alpha_overlay)
        label_panels(axes, series.labels, series.x_values)
        if combined and len(series.labels) > 1:
            add_channel_legend(axes[0], series.labels)
        if text := series.title if title is None else title:
            axes[0].set_title(text, fontsize="medium")
        if show_colorbar:
            around = axes if ax is None else as_list(ax)
            add_colour_bar(around, _mappable(style), sign, 1.0 if as_lines else alpha_overlay)
        return root_figure(axes[0])


def _style(sign: str, cmap: str | Colormap | None, as_lines: bool) -> dict[str, Any]:
    """Return the keywords by which matplotlib colours values."""
    own = colours_of_lines(sign) if as_lines else COLOURS[sign][0]
    chosen = colour_map(own if cmap is None else cmap)
    return {"cmap": chosen, "vmin": -1 if sign == "all" else 0, "vmax": 1}


def _mappable(style: dict[str, Any]) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(style["vmin"], style["vmax"]), style["cmap"])


def _lines(ax: Axes, points: NDArray[Any], channels: Array, line: Mapping[str, Any] | None) -> None:
    looks = zip(channels, cycle(_looks()), strict=False)
    for data, (colour, dashes) in looks:
        style = {"linewidth": 1.2, **dict(line or {})}
        for names, value in ((("color", "c"), colour), (("linestyle", "ls"), dashes)):
            if not any(name in style for name in names):
                style[names[0]] = value
        try:
            ax.plot(points, data, **style)
        except (AttributeError, TypeError, ValueError) as error:
            raise _bad_line(line) from error


def _looks() -> list[tuple[str, str]]:
    return [(colour, dashes) for dashes in DASHES for colour in CHANNELS]


def _bad_line(line: Any) -> ParameterError:
    return ParameterError(
        f"lines take keywords of matplotlib's Axes.plot, such as linewidth=2, but not all of {line}"
    )


def _heat(
    ax: Axes, points: NDArray[Any], values: Array, style: dict[str, Any], opacity: float
) -> None:
    """Draw behind the lines what each point counts, half the way to its neighbours."""
    bottom, top = ax.get_ylim()
    edges = _edges(points)
    ax.pcolormesh(
        edges, [bottom, top], values[None], alpha=opacity, zorder=0.5, linewidth=0,
        rasterized=len(values) > MANY, **style,
    )  # fmt: skip
    ax.set_xlim(min(edges[0], edges[-1]), max(edges[0], edges[-1]))
    ax.set_ylim(bottom, top)


def _edges(points: NDArray[Any]) -> NDArray[Any]:
    half = np.diff(points) / 2
    middle = points[:-1] + half
    return np.concatenate([points[:1] - half[:1], middle, points[-1:] + half[-1:]])


def _places(ax: Any, points: NDArray[Any]) -> Array:
    """Return points of time as numbers, dates too, as the axis counts them."""
    ax.xaxis.update_units(points)
    return np.asarray(ax.convert_xunits(points), dtype=np.float64)


def _coloured_line(
    ax: Axes,
    points: NDArray[Any],
    data: Array,
    values: Array,
    style: dict[str, Any],
    line: Mapping[str, Any] | None,
) -> None:
    """Draw a line of which each point colours the two halves that meet in it."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    corners = np.stack([_places(ax, points), data], axis=-1)
    middle = (corners[:-1] + corners[1:]) / 2
    before = np.concatenate([corners[:1], middle])
    after = np.concatenate([middle, corners[-1:]])
    segments = np.stack([before, corners, after], axis=1)
    norm = Normalize(style["vmin"], style["vmax"])
    given = {name: one for name, one in dict(line or {}).items() if name not in ("color", "c")}
    if not {"linewidth", "linewidths", "lw"} & set(given):
        given["linewidth"] = 2.0
    try:
        lines = LineCollection(list(segments), cmap=style["cmap"], norm=norm, **given)
    except (AttributeError, TypeError, ValueError) as error:
        raise _bad_line(line) from error
    lines.set_array(values)
    lines.set_capstyle("round")
    ax.add_collection(lines)
    ax.autoscale_view()
    ax.set_xlim(corners[:, 0].min(), corners[:, 0].max())


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [TimeSeries]

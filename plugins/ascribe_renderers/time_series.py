"""Time series with what each point counts: a heat map behind the lines, or lines in its colours."""

from __future__ import annotations

import textwrap
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

METHODS = ("overlay_individual", "overlay_combined", "colored_graph")

#: For each sign what the colour bar says.
LEGENDS = {
    "all": "against: lowers the score  ←  relative to the greatest  →  for: raises it",
    "positive": "for: raises the score, relative to the greatest",
    "negative": "against: lowers the score, relative to the greatest",
    "absolute_value": "for or against, relative to the greatest",
}

#: In inches: the width of a figure, the height of a panel, of one that stands alone, of a line of
#: its label and of what stands around all of them.
WIDTH, PANEL, ALONE, LINE, AROUND = 7.0, 1.1, 2.6, 0.2, 1.2

#: How many characters a line of a channel's label has.
LABEL_WIDTH = 20

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
        axes = _new_axes(panels, series.labels) if ax is None else _given_axes(ax, panels)
        style = _style(sign, cmap, as_lines)
        for row, place in enumerate(axes):
            channels = series.data if combined else series.data[row : row + 1]
            if as_lines:
                _coloured_line(place, series.x_values, channels[0], scaled[row], style, line)
            else:
                _lines(place, series.x_values, channels, line)
                _heat(place, series.x_values, scaled[row], style, alpha_overlay)
        _label(axes, series.labels, combined)
        if text := series.title if title is None else title:
            axes[0].set_title(text, fontsize="medium")
        if show_colorbar:
            _add_colour_bar(axes, style, sign, 1.0 if as_lines else alpha_overlay)
        return root_figure(axes[0])


def _new_axes(panels: int, labels: Sequence[str]) -> list[Axes]:
    from matplotlib.figure import Figure

    lines = max(len(textwrap.wrap(label, LABEL_WIDTH)) for label in labels)
    height = ALONE if panels == 1 else panels * max(PANEL, LINE * lines)
    figure = Figure(figsize=(WIDTH, AROUND + height), layout="constrained")
    return list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])


def _given_axes(ax: Any, panels: int) -> list[Axes]:
    """Return an Axes for each panel: the given ones, or parts of the only one."""
    axes = [ax] if hasattr(ax, "plot") else list(np.ravel(np.asarray(ax, dtype=object)))
    if not axes or not all(hasattr(one, "plot") for one in axes):
        raise InputError(f"ax must be an Axes of matplotlib or a list of them, but is {ax!r}")
    if len(axes) == 1 < panels:
        axes[0].set_axis_off()
        height = 1 / panels
        bounds = [(0, 1 - height * (row + 1), 1, height * 0.85) for row in range(panels)]
        return [axes[0].inset_axes(one) for one in bounds]
    if len(axes) != panels:
        raise InputError(f"ax must hold an Axes for each of {panels} panels, but holds {len(axes)}")
    return axes


def _style(sign: str, cmap: str | Colormap | None, as_lines: bool) -> dict[str, Any]:
    """Return the keywords by which matplotlib colours values."""
    own = colours_of_lines(sign) if as_lines else COLOURS[sign][0]
    chosen = colour_map(own if cmap is None else cmap)
    return {"cmap": chosen, "vmin": -1 if sign == "all" else 0, "vmax": 1}


def _lines(
    ax: Axes, points: NDArray[Any], channels: Array, line: Mapping[str, Any] | None
) -> None:
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

    ax.xaxis.update_units(points)  # dates become numbers
    corners = np.stack([np.asarray(ax.convert_xunits(points), dtype=np.float64), data], axis=-1)
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


def _label(axes: list[Axes], labels: Sequence[str], combined: bool) -> None:
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    if combined:
        _add_channel_legend(axes[0], labels)
        return
    for ax, label in zip(axes, labels, strict=True):
        text = textwrap.fill(label, LABEL_WIDTH)
        ax.set_ylabel(text, rotation=0, ha="right", va="center", parse_math=False)
    for ax in axes[:-1]:
        ax.tick_params(labelbottom=False)


def _add_channel_legend(ax: Axes, labels: Sequence[str]) -> None:
    numbered = [str(number) for number in range(len(labels))]
    legend = ax.legend(
        ax.lines, numbered, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False,
        borderaxespad=0, fontsize="small",
    )  # fmt: skip
    # A name is no formula and may begin with an underscore, which matplotlib would leave out.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(textwrap.fill(label, LABEL_WIDTH))


def _add_colour_bar(axes: list[Axes], style: dict[str, Any], sign: str, opacity: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    mappable: ScalarMappable = ScalarMappable(
        Normalize(style["vmin"], style["vmax"]), style["cmap"]
    )
    shared = axes[0].figure
    bar = shared.colorbar(
        mappable, ax=axes, location="bottom", label=LEGENDS[sign], alpha=opacity,
        ticks=MaxNLocator(4), aspect=50, fraction=0.05,
    )  # fmt: skip
    bar.outline.set_visible(False)


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [TimeSeries]

"""Pictures of attributions, by the names and parameters that users of Captum know.

Unlike Captum, a figure is never shown: in a notebook it appears by itself where it was made with
pyplot, and a script calls ``plt.show()``. Colours differ too, so that the colour-blind can read
them: red is for, blue is against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ascribe import registry
from ascribe.errors import InputError
from ascribe.image_renderer import ImageRenderer
from ascribe.pyplot_axes import new_figure
from ascribe.text import Html, VisualizationDataRecord

__all__ = [
    "VisualizationDataRecord",
    "visualize_image_attr",
    "visualize_image_attr_multiple",
    "visualize_text",
    "visualize_timeseries_attr",
]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def visualize_image_attr(
    attr: NDArray[Any] | Tensor,
    original_image: NDArray[Any] | Tensor | None = None,
    method: str = "heat_map",
    sign: str = "absolute_value",
    plt_fig_axis: tuple[Figure, Axes] | None = None,
    outlier_perc: float = 2,
    cmap: str | Colormap | None = None,
    alpha_overlay: float = 0.5,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
) -> tuple[Figure, Axes]:
    """Draw one attribution with one renderer of images.

    Parameters
    ----------
    attr
        An array (H, W) or (H, W, C), or a tensor (H, W) or (C, H, W).
    original_image
        The picture, in the same form with 1 or 3 channels, integers within 0..255 or floats
        within 0..1. Every method but ``heat_map`` needs it.
    method
        The name of a renderer of images: ``heat_map``, ``blended_heat_map``, ``original_image``,
        ``masked_image``, ``alpha_scaling`` or that of an installed plugin.
    sign
        ``all``, ``positive``, ``negative`` or ``absolute_value``. ``masked_image`` and
        ``alpha_scaling`` cannot show ``all``.
    plt_fig_axis
        A figure and the Axes of it to draw into; None for new ones.
    outlier_perc
        Percent of the sum of all magnitudes that is clipped.
    cmap
        A matplotlib colour map or its name; None for one that suits the sign.
    alpha_overlay
        The opacity of the map in ``blended_heat_map``.
    show_colorbar
        Whether to draw a colour bar, for methods that have one.
    title
        The title of the Axes.
    fig_size
        Width and height of a new figure in inches.
    use_pyplot
        Whether a new figure is pyplot's, as notebooks and ``plt.show()`` need it, or belongs to
        no window. Nothing is shown either way.

    Returns
    -------
    tuple of matplotlib.figure.Figure and matplotlib.axes.Axes

    Raises
    ------
    UnknownPluginError
        If no renderer is called `method`; the message suggests near ones.
    InputError
        If that renderer draws no images, or for what `ascribe.image_renderer.ImageRenderer.render`
        says.
    """
    given = None if plt_fig_axis is None else (plt_fig_axis[0], [plt_fig_axis[1]])
    with nullcontext(given) if given else new_figure(1, 1, fig_size, use_pyplot) as (figure, (ax,)):
        _image_renderer(method).render(
            attr,
            original_image,
            sign=sign,
            outlier_perc=outlier_perc,
            cmap=cmap,
            alpha_overlay=alpha_overlay,
            show_colorbar=show_colorbar,
            title=title,
            ax=ax,
        )
    return figure, ax


def visualize_image_attr_multiple(
    attr: NDArray[Any] | Tensor,
    original_image: NDArray[Any] | Tensor | None,
    methods: Sequence[str],
    signs: Sequence[str],
    titles: Sequence[str] | None = None,
    fig_size: tuple[float, float] = (8, 6),
    use_pyplot: bool = True,
    **kwargs: Any,
) -> tuple[Figure, Axes | list[Axes]]:
    """Draw one attribution with several renderers, side by side.

    Parameters
    ----------
    attr, original_image, fig_size, use_pyplot
        See `visualize_image_attr`.
    methods, signs, titles
        For each picture its method, its sign and, if given, its title.
    **kwargs
        Options of every picture: the other parameters of `visualize_image_attr`, and those of the
        renderers' own.

    Returns
    -------
    tuple of matplotlib.figure.Figure and list of matplotlib.axes.Axes
        For one method, the Axes itself in place of a list.

    Raises
    ------
    InputError
        If `methods`, `signs` and `titles` differ in length or are empty.
    """
    count = len(methods)
    names: Sequence[str | None] = [None] * count if titles is None else titles
    if not len(signs) == len(names) == count > 0:
        raise InputError(
            "methods, signs and titles must be as many, and at least one, but there are "
            f"{count} methods, {len(signs)} signs and {len(names)} titles"
        )
    with new_figure(1, count, fig_size, use_pyplot) as (figure, axes):
        for ax, method, sign, title in zip(axes, methods, signs, names, strict=True):
            renderer = _image_renderer(method)
            renderer.render(attr, original_image, sign=sign, title=title, ax=ax, **kwargs)
    return figure, axes[0] if count == 1 else axes


def visualize_timeseries_attr(
    attr: NDArray[Any] | Tensor,
    data: NDArray[Any] | Tensor,
    x_values: NDArray[Any] | Tensor | None = None,
    method: str = "overlay_individual",
    sign: str = "absolute_value",
    channel_labels: list[str] | None = None,
    channels_last: bool = True,
    plt_fig_axis: tuple[Figure, Axes | Sequence[Axes]] | None = None,
    outlier_perc: float = 2,
    cmap: str | Colormap | None = None,
    alpha_overlay: float = 0.7,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
    **pyplot_kwargs: Any,
) -> tuple[Figure, Axes | Sequence[Axes] | NDArray[Any]]:
    """Draw one time series with what each of its points counts.

    Parameters
    ----------
    attr, data
        Attributions and series, ``(time, channels)``, or ``(channels, time)`` without
        `channels_last`.
    x_values
        The points of time ``(time,)``, numbers or ``numpy.datetime64``, which rise or fall
        throughout; by default 0, 1, 2 and so on.
    method
        ``overlay_individual``, each channel in a panel over a heat map of its attributions;
        ``overlay_combined``, all channels in one panel over the mean of their attributions; or
        ``colored_graph``, each channel in a panel, its line in the colours of its attributions.
    sign
        ``all``, ``positive``, ``negative`` or ``absolute_value``.
    channel_labels
        By default the channels' numbers.
    channels_last
        Whether channels come after time.
    plt_fig_axis
        A figure and what of it to draw into: an Axes for each panel, or one that they share; None
        for new ones.
    outlier_perc
        Percent of the sum of all magnitudes that is clipped.
    cmap
        A matplotlib colour map or its name; None for one that suits the sign.
    alpha_overlay
        The opacity of a heat map.
    show_colorbar
        Whether a colour bar stands below, which says what is for and what against.
    title
        The title of the topmost panel.
    fig_size
        Width and height of a new figure in inches.
    use_pyplot
        Whether a new figure is pyplot's, as notebooks and ``plt.show()`` need it, or belongs to
        no window. Nothing is shown either way.
    **pyplot_kwargs
        Keywords of ``Axes.plot`` for the lines.

    Returns
    -------
    tuple of matplotlib.figure.Figure and matplotlib.axes.Axes
        For several panels, an array of Axes; or the very Axes that were given.

    Raises
    ------
    InputError
        If a shape is another, `x_values` or `channel_labels` do not fit, a value is not finite, or
        a method, sign or colour map is unknown.
    ParameterError
        If a keyword is none of ``Axes.plot``.
    """
    shapes = [tuple(np.shape(one)) for one in (attr, data)]
    if not len(shapes[0]) == len(shapes[1]) == 2:
        raise InputError(
            "attr and data must have shape (time, channels), or (channels, time) with "
            f"channels_last=False, but have {shapes[0]} and {shapes[1]}"
        )
    panels = 1 if method == "overlay_combined" else shapes[0][1 if channels_last else 0]
    renderer = registry.renderers.get("time_series")()
    renderer.check(method=method, sign=sign, alpha_overlay=alpha_overlay)
    options = {
        "method": method,
        "sign": sign,
        "x_values": x_values,
        "channel_labels": channel_labels,
        "channels_last": channels_last,
        "outlier_perc": outlier_perc,
        "cmap": cmap,
        "alpha_overlay": alpha_overlay,
        "show_colorbar": show_colorbar,
        "line": pyplot_kwargs,
        "title": title,
    }
    if plt_fig_axis is not None:
        renderer.render(attr, data, ax=plt_fig_axis[1], **options)
        return plt_fig_axis
    with new_figure(max(panels, 1), 1, fig_size, use_pyplot, "constrained", True) as (figure, axes):
        renderer.render(attr, data, ax=axes, **options)
    return figure, axes[0] if len(axes) == 1 else np.array(axes, dtype=object)


def visualize_text(
    datarecords: Iterable[VisualizationDataRecord] | VisualizationDataRecord, legend: bool = True
) -> Html:
    """Draw texts in a table, their words shaded: red is for, blue is against.

    Each text is scaled by its greatest attribution. Everything that comes from a record is escaped.

    Parameters
    ----------
    datarecords
        The texts.
    legend
        Whether to say what the colours mean.

    Returns
    -------
    Html
        Which a notebook shows by itself; its ``data`` is the plain string.
    """
    records = [datarecords] if isinstance(datarecords, VisualizationDataRecord) else [*datarecords]
    if not records:
        raise InputError("there are no texts to draw: datarecords are empty")
    return Html(registry.renderers.get("text_html")().render(records, legend=legend))


def _image_renderer(method: str) -> ImageRenderer:
    renderer = registry.renderers.get(method)()
    if not isinstance(renderer, ImageRenderer):
        raise InputError(
            f"method must be a renderer of images, but {method!r} is "
            f"{type(renderer).__name__}, which is none; call its render() instead"
        )
    return renderer

"""Pictures of attributions, by the names and parameters that users of Captum know.

Unlike Captum, a figure is never shown: in a notebook it appears by itself where it was made with
pyplot, and a script calls ``plt.show()``. Colours differ too, so that the colour-blind can read
them: red is for, blue is against.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import Tensor

from ascribe import registry
from ascribe.errors import InputError
from ascribe.image_renderer import ImageRenderer
from ascribe.text import Html, VisualizationDataRecord

__all__ = [
    "VisualizationDataRecord",
    "visualize_image_attr",
    "visualize_image_attr_multiple",
    "visualize_text",
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
    with _axes(1, fig_size, use_pyplot, plt_fig_axis) as (figure, (ax,)):
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
    with _axes(count, fig_size, use_pyplot) as (figure, axes):
        for ax, method, sign, title in zip(axes, methods, signs, names, strict=True):
            renderer = _image_renderer(method)
            renderer.render(attr, original_image, sign=sign, title=title, ax=ax, **kwargs)
    return figure, axes[0] if count == 1 else axes


def visualize_text(datarecords: Iterable[VisualizationDataRecord], legend: bool = True) -> Html:
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
    return Html(registry.renderers.get("text_html")().render(list(datarecords), legend=legend))


def _image_renderer(method: str) -> ImageRenderer:
    renderer = registry.renderers.get(method)()
    if not isinstance(renderer, ImageRenderer):
        raise InputError(
            f"method must be a renderer of images, but {method!r} is "
            f"{type(renderer).__name__}, which is none; call its render() instead"
        )
    return renderer


@contextmanager
def _axes(
    count: int,
    fig_size: tuple[float, float],
    use_pyplot: bool,
    given: tuple[Figure, Axes] | None = None,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give Axes side by side; if drawing fails, pyplot keeps no empty figure."""
    # Matplotlib is imported here and not above, to keep the import of this module light.
    if given is not None:
        yield given[0], [given[1]]
    elif use_pyplot:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=fig_size, layout="compressed")
        try:
            yield figure, list(figure.subplots(1, count, squeeze=False)[0])
        except BaseException:
            plt.close(figure)
            raise
    else:
        from matplotlib.figure import Figure

        figure = Figure(figsize=fig_size, layout="compressed")
        yield figure, list(figure.subplots(1, count, squeeze=False)[0])

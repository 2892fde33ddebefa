import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ascribe.errors import InputError, ParameterError
from ascribe.image_renderer import ImageRenderer
from ascribe_renderers.alpha_scaling import AlphaScaling
from ascribe_renderers.blended_heat_map import BlendedHeatMap
from ascribe_renderers.heat_map import HeatMap
from ascribe_renderers.masked_image import MaskedImage
from ascribe_renderers.original_image import OriginalImage

ALL = [OriginalImage, HeatMap, BlendedHeatMap, MaskedImage, AlphaScaling]


class Contours(ImageRenderer):
    needs_image = False

    def draw(self, ax, values, image, style, *, levels=4):
        return ax.contourf(values, levels, **style.colours)


@pytest.mark.parametrize("cls", ALL)
def test_tensors_are_channels_first_and_arrays_channels_last(cls, attribution, picture, drawn):
    of_arrays = cls().render(attribution, picture)
    of_tensors = cls().render(
        torch.tensor(attribution, requires_grad=True).permute(2, 0, 1),
        torch.tensor(picture).permute(2, 0, 1),
    )
    for one, other in zip(drawn(of_arrays.axes[0]), drawn(of_tensors.axes[0]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-15)


@pytest.mark.parametrize("cls", ALL)
def test_a_figure_belongs_to_no_window_and_leaves_none_behind(cls, attribution, picture):
    before = plt.get_fignums()
    for _ in range(3):
        figure = cls().render(attribution, picture, show_colorbar=True, title="a title")
        figure.canvas.draw()
        assert isinstance(figure, Figure)
        assert figure.canvas.manager is None
        assert figure.axes[0].get_title() == "a title"
    assert plt.get_fignums() == before


@pytest.mark.parametrize("cls", ALL)
def test_ax_is_drawn_into_and_nothing_else_changes(cls, attribution, picture):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    right.plot([1, 2])
    before = right.get_position().bounds, len(right.get_children()), right.get_xlim()
    options = {"title": "left", "show_colorbar": True, "ax": left}
    assert cls().render(attribution, picture, **options) is figure
    figure.canvas.draw()
    assert (right.get_position().bounds, len(right.get_children()), right.get_xlim()) == before
    assert left.get_title() == "left"
    assert left.images
    assert figure.axes == [left, right]
    assert figure.get_suptitle() == ""


def test_ax_of_a_sub_figure_gives_the_whole_figure(attribution):
    figure = Figure()
    part, _ = figure.subfigures(1, 2)
    assert HeatMap().render(attribution, ax=part.subplots()) is figure


@pytest.mark.parametrize(("shape", "along"), [((20, 20), 1), ((40, 10), 1), ((10, 40), 0)])
@pytest.mark.parametrize("is_given", [True, False])
def test_a_colour_bar_is_as_long_as_the_image_and_says_what_it_shows(shape, along, is_given):
    ax = Figure(figsize=(8, 6)).subplots(1, 2)[0] if is_given else None
    figure = HeatMap().render(np.eye(*shape), sign="positive", show_colorbar=True, ax=ax)
    figure.canvas.draw()
    (bar,) = figure.axes[0].child_axes
    image, bar_box = figure.axes[0].get_window_extent(), bar.get_window_extent()
    assert image.size[along] == pytest.approx(bar_box.size[along])
    label = bar.get_ylabel() or bar.get_xlabel()
    assert label == "for, relative to its map"


def test_a_colour_bar_does_not_reach_into_the_next_axes(attribution):
    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    HeatMap().render(attribution[:, :6], ax=left, show_colorbar=True)
    figure.canvas.draw()
    assert left.get_tightbbox().x1 <= right.get_window_extent().x0


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_pictures_may_be_integers(attribution, drawn, dtype):
    picture = np.arange(6 * 8 * 3).reshape(6, 8, 3).astype(dtype)
    (shown,) = drawn(OriginalImage().render(attribution, picture).axes[0])
    np.testing.assert_allclose(shown, picture / 255)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1)])
def test_pictures_may_be_grey(attribution, drawn, shape):
    grey = np.random.default_rng(0).random(shape)
    (shown,) = drawn(OriginalImage().render(attribution, grey).axes[0])
    np.testing.assert_array_equal(shown, np.repeat(grey.reshape(6, 8, 1), 3, axis=2))


def test_rounding_beyond_the_range_is_no_error(attribution, picture, drawn):
    picture[0, 0] = [-1e-7, 1 + 1e-7, 0.5]
    (shown,) = drawn(OriginalImage().render(attribution, picture).axes[0])
    np.testing.assert_array_equal(shown[0, 0], [0, 1, 0.5])


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((6, 8, 4)), r"1 or 3 channels, but has 4; .*picture\[\.\.\., :3\]"),
        (np.zeros((6, 9, 3)), r"as large as its attribution, \(6, 8\), but is \(6, 9\); resize"),
        (np.full((6, 8, 3), 200.0), "integers within 0..255 or floats within 0..1, but .* 200"),
        (np.full((6, 8, 3), 256), "within 0..255 .* int64 from 256 to 256"),
        (np.full((6, 8, 3), np.nan), "floats within 0..1, but .* nan"),
        (np.zeros((1, 6, 8, 3)), r"\(H, W, C\), but has \(1, 6, 8, 3\); pass one example"),
        (np.zeros((3, 6, 8)), r"\(H, W, C\), but \(3, 6, 8\) looks like the other order"),
        (torch.zeros(6, 8, 3), r"\(C, H, W\), but \(6, 8, 3\) looks like the other order"),
        (None, "BlendedHeatMap draws a picture, but has none; pass it as original"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(attribution, picture, message):
    with pytest.raises(InputError, match=message):
        BlendedHeatMap().render(attribution, picture)


def test_a_picture_of_another_size_is_refused_also_where_it_is_not_drawn(attribution):
    with pytest.raises(InputError, match=r"as large as its attribution, \(6, 8\)"):
        HeatMap().render(attribution, np.zeros((8, 6, 3)))


@pytest.mark.parametrize(
    ("attribution", "message"),
    [
        (np.zeros((2, 6, 8, 3)), "an attribution must have shape .* pass one example"),
        (torch.zeros(3, 6, 8)[None], r"\(C, H, W\), but has \(1, 3, 6, 8\)"),
        (np.zeros((3, 6, 8)), "looks like the other order"),
        (np.zeros((0, 8)), r"but has \(0, 8\)"),
        ({"image": np.zeros((6, 8))}, r"but has \(\)"),
        (np.full((6, 8), np.nan), "48 of 48 values are NaN"),
    ],
)
def test_an_attribution_that_cannot_be_drawn_is_refused(attribution, message):
    with pytest.raises(InputError, match=message):
        HeatMap().render(attribution)


def test_unknown_options_signs_and_colour_maps_say_what_there_is(attribution):
    with pytest.raises(ParameterError, match=r"'colorbar'; did you mean show_colorbar\?.*fig_size"):
        HeatMap().render(attribution, colorbar=True)
    with pytest.raises(InputError, match="all, positive, negative, absolute_value, but is 'both'"):
        HeatMap().render(attribution, sign="both")
    with pytest.raises(InputError, match=r"no 'virids'; near it are viridis"):
        HeatMap().render(attribution, cmap="virids")
    with pytest.raises(InputError, match="alpha_overlay must be from 0 to 1, but is 2"):
        HeatMap().render(attribution, alpha_overlay=2)


def test_a_refused_call_leaves_the_axes_alone(attribution):
    ax = Figure().subplots()
    before = len(ax.get_children()), len(ax.get_xticks())
    with pytest.raises(InputError):
        BlendedHeatMap().render(attribution, np.zeros((2, 2)), ax=ax)
    assert (len(ax.get_children()), len(ax.get_xticks())) == before


def test_a_renderer_may_have_options_of_its_own(attribution):
    few, many = (Contours().render(attribution, levels=n).axes[0] for n in (2, 20))
    assert len(few.collections[0].levels) < len(many.collections[0].levels)
    with pytest.raises(ParameterError, match=r"Contours takes no option 'level'; .* levels"):
        Contours().render(attribution, level=3)
    with pytest.raises(ParameterError, match="HeatMap takes no option 'levels'"):
        HeatMap().render(attribution, levels=3)


def test_a_constant_map_is_drawn_without_a_warning(drawn):
    for value, expected in [(0.0, 0), (3.0, 1), (-3.0, -1)]:
        figure = HeatMap().render(np.full((4, 5), value), show_colorbar=True)
        figure.canvas.draw()
        np.testing.assert_array_equal(drawn(figure.axes[0])[0], np.full((4, 5), expected))

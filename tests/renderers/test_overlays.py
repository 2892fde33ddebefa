import numpy as np
import pytest
from matplotlib.figure import Figure

from ascribe import InputError
from ascribe_renderers.image_contours import ImageContours
from ascribe_renderers.image_side_by_side import ImageSideBySide
from ascribe_renderers.superpixels import Superpixels


@pytest.fixture
def hill():
    """A map with one hill for and one against, (40, 40), and a grey picture for it."""
    rows, columns = np.mgrid[:40, :40]
    hills = [np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 40) for r, c in ((10, 10), (30, 28))]
    return hills[0] - 0.6 * hills[1], np.full((40, 40, 3), 0.5)


def lines(ax):
    """The ends of each line, as (lowest x, highest x)."""
    return [
        (path.vertices[:, 0].min(), path.vertices[:, 0].max(), collection.get_linestyle()[0][1])
        for collection in ax.collections
        for path in collection.get_paths()
        if len(path.vertices)
    ]


def test_contours_go_around_what_reaches_their_level(hill):
    values, picture = hill
    figure = ImageContours().render(values, picture, levels=(0.5,), smoothing=0, outlier_perc=0)
    (solid, dashed) = lines(figure.axes[0])
    half = (40 * np.log(2)) ** 0.5  # where the hill is half as high
    np.testing.assert_allclose(solid[:2], (10 - half, 10 + half), atol=0.1)
    assert solid[2] is None
    assert dashed[2] is not None
    assert 24 < dashed[0] < dashed[1] < 32


def test_contours_follow_the_sign_and_the_smoothing(hill):
    values, picture = hill
    positive = ImageContours().render(values, picture, sign="positive", levels=(0.3,))
    assert len(lines(positive.axes[0])) == 1
    noisy = values + np.random.default_rng(0).normal(0, 0.3, values.shape)
    rough, smooth = (
        len(ImageContours().render(noisy, picture, smoothing=s).axes[0].collections[0].get_paths())
        for s in (0.0, 4.0)
    )
    assert rough >= smooth
    still = ImageContours().render(values * 0, picture)
    assert not still.axes[0].collections


@pytest.mark.parametrize("options", [{"levels": ()}, {"levels": (0, 1.5)}, {"smoothing": -1}])
def test_contours_refuse_levels_that_nothing_reaches(options, hill):
    with pytest.raises(InputError):
        ImageContours().render(*hill, **options)


def test_the_map_stands_beside_the_picture(attribution, picture):
    figure = ImageSideBySide().render(attribution, picture)
    assert isinstance(figure, Figure)
    both, beside = figure.axes[0].images
    np.testing.assert_array_equal(both.get_array()[:, :8], picture)
    left, right, _, _ = beside.get_extent()
    assert right - left == 8
    assert left >= 8 - 0.5


def test_an_explanation_side_by_side_does_not_repeat_the_original(explanation):
    figure = ImageSideBySide().render(explanation(targets=2, batch=3))
    assert len(figure.axes) == 6


def test_the_greatest_superpixels_have_their_ranks_on_them():
    values = np.zeros((10, 10))
    values[:4, :4], values[6:, 6:], values[:3, 7:] = 1.0, -3.0, 0.2
    figure = Superpixels().render(values, np.zeros((10, 10, 3)), count=2, outlier_perc=0)
    first, second = figure.axes[0].texts
    assert (first.get_text(), second.get_text()) == ("1", "2")
    assert values[int(first.get_position()[1]), int(first.get_position()[0])] == -3
    assert values[int(second.get_position()[1]), int(second.get_position()[0])] == 1
    borders = figure.axes[0].images[-1].get_array()[..., 3]
    assert borders[4, 0] > 0
    assert borders[2, 2] == 0


def test_what_has_no_regions_is_refused():
    noise = np.random.default_rng(0).normal(size=(32, 32))
    with pytest.raises(
        InputError, match="values: draw a heat_map, or attribute with a feature_mask"
    ):
        Superpixels().render(noise, np.zeros((32, 32, 3)))


def test_no_superpixel_is_numbered_where_none_counts():
    figure = Superpixels().render(np.zeros((4, 4)), np.zeros((4, 4, 3)))
    assert not figure.axes[0].texts
    with pytest.raises(InputError, match="count"):
        Superpixels().render(np.zeros((4, 4)), np.zeros((4, 4, 3)), count=-1)


@pytest.mark.parametrize("renderer", [ImageContours, ImageSideBySide, Superpixels])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_can_be_published(renderer, ending, attribution, picture, tmp_path):
    path = tmp_path / f"picture.{ending}"
    renderer().render(attribution, picture, show_colorbar=True).savefig(path)
    assert path.stat().st_size > 1000

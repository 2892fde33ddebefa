import numpy as np
import pytest
from matplotlib.figure import Figure

from ascribe.renderer import SIGNS, normalise
from ascribe_renderers.heat_map import HeatMap


@pytest.mark.parametrize("sign", SIGNS)
def test_it_draws_the_normalised_sum_over_channels(attribution, drawn, sign):
    figure = HeatMap().render(attribution, sign=sign)
    (values,) = drawn(figure.axes[0])
    np.testing.assert_array_equal(values, normalise(attribution.sum(axis=-1), sign))


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_has_its_colours_from_zero_to_the_greatest(attribution, sign):
    image = HeatMap().render(attribution, sign=sign).axes[0].images[0]
    assert image.get_clim() == (-1 if sign == "all" else 0, 1)
    zero = image.cmap(image.norm(0.0))
    assert min(zero[:3]) > 0.9  # white, or nearly


def test_positive_is_red_and_negative_is_blue():
    image = HeatMap().render(np.array([[-1.0, 1.0]])).axes[0].images[0]
    (blue, red), _ = image.to_rgba(np.array([[-1.0, 1.0], [0.0, 0.0]]))
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_a_colour_map_may_be_chosen(attribution):
    assert HeatMap().render(attribution, cmap="viridis").axes[0].images[0].cmap.name == "viridis"


def test_it_needs_no_picture(attribution):
    assert isinstance(HeatMap().render(attribution, None), Figure)

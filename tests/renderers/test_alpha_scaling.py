import numpy as np
import pytest

from ascribe.errors import InputError
from ascribe.renderer import normalise
from ascribe_renderers.alpha_scaling import AlphaScaling


@pytest.mark.parametrize("sign", ["positive", "negative", "absolute_value"])
def test_the_map_is_the_opacity_of_the_picture(attribution, picture, drawn, sign):
    (shown,) = drawn(AlphaScaling().render(attribution, picture, sign=sign).axes[0])
    values = normalise(attribution.sum(axis=-1), sign)
    np.testing.assert_array_equal(shown[..., :3], picture)
    np.testing.assert_array_equal(shown[..., 3], values)


def test_it_shows_what_is_positive_unless_told_otherwise(attribution, picture, drawn):
    (shown,) = drawn(AlphaScaling().render(attribution, picture).axes[0])
    (positive,) = drawn(AlphaScaling().render(attribution, picture, sign="positive").axes[0])
    np.testing.assert_array_equal(shown, positive)


def test_both_signs_at_once_are_refused(attribution, picture):
    with pytest.raises(
        InputError, match="AlphaScaling must be one of positive, negative, absolute_value"
    ):
        AlphaScaling().render(attribution, picture, sign="all")

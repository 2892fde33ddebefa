import numpy as np
import pytest

from ascribe.errors import InputError
from ascribe.renderer import normalise
from ascribe_renderers.masked_image import MaskedImage


@pytest.mark.parametrize("sign", ["positive", "negative", "absolute_value"])
def test_the_picture_is_darkened_by_the_map(attribution, picture, drawn, sign):
    (shown,) = drawn(MaskedImage().render(attribution, picture, sign=sign).axes[0])
    values = normalise(attribution.sum(axis=-1), sign)
    np.testing.assert_allclose(shown, picture * values[..., None])


def test_it_shows_what_is_positive_unless_told_otherwise(attribution, picture, drawn):
    (shown,) = drawn(MaskedImage().render(attribution, picture).axes[0])
    (positive,) = drawn(MaskedImage().render(attribution, picture, sign="positive").axes[0])
    np.testing.assert_array_equal(shown, positive)


def test_both_signs_at_once_are_refused(attribution, picture):
    with pytest.raises(
        InputError, match="MaskedImage must be one of positive, negative, absolute_value"
    ):
        MaskedImage().render(attribution, picture, sign="all")

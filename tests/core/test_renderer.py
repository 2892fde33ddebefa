import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ascribe.errors import InputError
from ascribe.renderer import SIGNS, normalise

FINITE = st.floats(-1e3, 1e3).map(lambda value: 0.0 if abs(value) < 1e-6 else value)
MAPS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=FINITE)


def test_the_greatest_value_is_one_and_zero_stays_zero():
    values = np.array([[-1.0, 0.0], [2.0, 4.0]])
    np.testing.assert_array_equal(normalise(values, outlier_perc=0), [[-0.25, 0], [0.5, 1]])


def test_outliers_are_clipped_to_the_smallest_of_them():
    values = np.array([1.0, 2.0, 7.0, 90.0])  # of a sum of 100, 90 is more than 10 percent
    np.testing.assert_allclose(normalise(values, outlier_perc=2), values / 90)
    # The upper 91 percent begin within the 7.
    np.testing.assert_allclose(normalise(values, outlier_perc=91), [1 / 7, 2 / 7, 1, 1])
    np.testing.assert_array_equal(normalise(values, outlier_perc=100), [1, 1, 1, 1])


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("all", [-1, 0, 0.5]),
        ("positive", [0, 0, 1]),
        ("negative", [1, 0, 0]),
        ("absolute_value", [1, 0, 0.5]),
    ],
)
def test_a_sign_keeps_magnitudes_of_that_sign(sign, expected):
    np.testing.assert_array_equal(normalise(np.array([-4.0, 0.0, 2.0]), sign, 0), expected)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("outlier_perc", [0, 2, 100])
def test_a_map_of_zeros_stays_zero(sign, outlier_perc):
    drawn = normalise(np.zeros((2, 3)), sign, outlier_perc)
    np.testing.assert_array_equal(drawn, np.zeros((2, 3)))


def test_a_constant_map_is_all_one_and_nothing_of_the_other_sign():
    np.testing.assert_array_equal(normalise(np.full((2, 3), -7.0)), -np.ones((2, 3)))
    np.testing.assert_array_equal(normalise(np.full((2, 3), -7.0), "positive"), np.zeros((2, 3)))


@pytest.mark.parametrize("magnitude", [1e-320, 1e-300, 1e300, 1.7e308])
def test_extreme_magnitudes_neither_overflow_nor_vanish(magnitude):
    values = np.array([-1.0, 0.5, 1.0]) * magnitude
    drawn = normalise(values, outlier_perc=0)
    # A number so small has few digits: 1e-320 is stored to one part in two thousand.
    np.testing.assert_allclose(drawn, [-1, 0.5, 1], rtol=1e-3)


def test_an_outlier_far_above_the_others_does_not_overflow():
    np.testing.assert_array_equal(normalise(np.array([-1e-320, 0, 1.0]), "all", 100), [-1, 0, 1])


@given(MAPS, st.sampled_from(sorted(SIGNS)), st.floats(0, 100), st.floats(1e-3, 1e3))
def test_bounds_and_scale_invariance(values, sign, outlier_perc, factor):
    drawn = normalise(values, sign, outlier_perc)
    assert drawn.shape == values.shape
    assert np.all(np.abs(drawn) <= 1)
    assert sign == "all" or np.all(drawn >= 0)
    kept = SIGNS[sign](values)
    assert np.array_equal(drawn == 0, kept == 0)
    assert not kept.any() or np.abs(drawn).max() == 1
    # A power of two is exact, so that the choice of the outliers cannot tip over.
    power = 2.0 ** np.round(np.log2(factor))
    np.testing.assert_array_equal(normalise(values * power, sign, outlier_perc), drawn)


@given(MAPS, st.floats(0, 100))
def test_all_keeps_the_sign_and_the_magnitudes_are_those_of_absolute_value(values, outlier_perc):
    signed = normalise(values, "all", outlier_perc)
    assert np.array_equal(np.sign(signed), np.sign(values))
    magnitudes = normalise(values, "absolute_value", outlier_perc)
    np.testing.assert_array_equal(np.abs(signed), magnitudes)
    flipped = normalise(-values, "negative", outlier_perc)
    np.testing.assert_array_equal(flipped, normalise(values, "positive", outlier_perc))


@given(MAPS.filter(np.any), st.floats(0, 100))
def test_outliers_make_up_the_percentage_and_no_fewer_of_them_would(values, outlier_perc):
    magnitudes = np.abs(values)
    outliers = magnitudes[normalise(values, "absolute_value", outlier_perc) == 1]
    share = outlier_perc / 100 * magnitudes.sum()
    rounding = 1e-12 * magnitudes.sum()
    assert outliers.sum() >= share - rounding
    assert outliers[outliers > outliers.min()].sum() <= share + rounding


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_and_counted(bad):
    with pytest.raises(InputError, match=r"1 of 4 values are NaN or infinite.*nan_to_num"):
        normalise(np.array([1.0, bad, 0.0, 2.0]))


def test_unknown_signs_and_impossible_percentages_are_refused():
    with pytest.raises(InputError, match="all, positive, negative, absolute_value, but is 'both'"):
        normalise(np.ones(2), "both")
    for percent in (-1, 101, float("nan")):
        with pytest.raises(InputError, match="outlier_perc must be from 0 to 100"):
            normalise(np.ones(2), outlier_perc=percent)

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ascribe import InputError, ParameterError
from ascribe.colours import AGAINST, FOR
from ascribe_renderers.beeswarm import Beeswarm


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def dots(figure):
    return [np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections]


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    return generator.normal(size=(40, 3)) * [1, 5, 2], generator.normal(size=(40, 3))


def test_a_dot_for_each_example_in_a_row_for_each_feature(table):
    figure = Beeswarm().render(*table, names=list("abc"))
    assert names(figure) == ["b", "c", "a"]
    for row, (feature, found) in enumerate(zip([1, 2, 0], dots(figure), strict=True)):
        np.testing.assert_array_equal(found[:, 0], table[0][:, feature])
        assert np.abs(found[:, 1] - row).max() < 0.45


def test_the_rest_is_summed_in_a_grey_row(table):
    figure = Beeswarm().render(*table, max_features=1)
    assert names(figure) == ["feature 1", "2 others, summed"]
    np.testing.assert_allclose(dots(figure)[1][:, 0], table[0][:, [0, 2]].sum(1))
    assert figure.axes[0].collections[1].get_array() is None


def test_colours_go_from_low_to_high_values_of_each_feature():
    values = np.linspace(0, 1, 101)
    shown = np.stack([np.linspace(-7, 50, 101), np.linspace(9, 2, 101)], axis=1)
    figure = Beeswarm().render(np.stack([values * 2, values], axis=1), shown)
    first, second = (np.asarray(one.get_array()) for one in figure.axes[0].collections)
    np.testing.assert_allclose(first, np.clip((np.arange(101) - 5) / 90, 0, 1))
    np.testing.assert_allclose(second, first[::-1])
    bar = figure.axes[1]
    assert bar.get_ylabel() == "feature value"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["low", "high"]
    for end, colour in ((0, AGAINST), (1, FOR)):
        found = figure.axes[0].collections[0].cmap(float(end))[:3]
        np.testing.assert_allclose(found, to_rgb(colour), atol=0.01)
    assert figure.axes[0].get_xlabel() == "lowers the score  ←  attribution  →  raises it"


def test_an_outlier_does_not_take_the_colours_of_the_others():
    shown = np.append(np.arange(99.0), 1e9)[:, None]
    figure = Beeswarm().render(np.ones((100, 1)), shown)
    assert np.ptp(figure.axes[0].collections[0].get_array()[:99]) > 0.9


def test_a_rare_value_is_told_from_the_common_one():
    shown = np.append(np.zeros(99), 1.0)[:, None]
    figure = Beeswarm().render(np.ones((100, 1)), shown)
    levels = figure.axes[0].collections[0].get_array()
    assert (levels[0], levels[-1]) == (0, 1)


def test_missing_values_are_hollow():
    shown = np.array([[1.0], [np.nan], [2.0]])
    figure = Beeswarm().render(np.array([[1.0], [2.0], [3.0]]), shown)
    known, missing = figure.axes[0].collections
    assert known.get_offsets()[:, 0].tolist() == [1, 3]
    assert missing.get_offsets()[:, 0].tolist() == [2]
    assert missing.get_facecolor()[0][:3].tolist() == [1, 1, 1]
    assert figure.axes[1].get_ylabel() == "feature value (hollow: missing)"


def test_without_values_colours_tell_for_from_against():
    figure = Beeswarm().render(np.array([[1.0], [-2.0]]))
    colours = [tuple(colour[:3]) for colour in figure.axes[0].collections[0].get_facecolor()]
    assert colours == [to_rgb(FOR), to_rgb(AGAINST)]
    assert len(figure.axes) == 1
    assert len(figure.axes[0].get_legend().get_texts()) == 2


def test_an_explanation_brings_its_inputs(explanation):
    given = explanation(batch=3, features=(4,))
    figure = Beeswarm().render(given, target=1, max_features=1)
    top = int(given.values[1].abs().mean(0).argmax())
    levels = figure.axes[0].collections[0].get_array()
    assert np.argsort(levels).tolist() == given.inputs[:, top].argsort().tolist()
    assert figure.axes[0].get_title() == "target tiger cat"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=60))
def test_no_dot_is_hidden_by_another(column):
    values = np.array(column)[:, None]
    (found,) = dots(Beeswarm().render(values))
    reach = np.ptp(values) or 1.0
    places = np.round((found[:, 0] - found[:, 0].min()) / reach * 100)
    assert len({*zip(places, found[:, 1].round(9), strict=True)}) == len(column)


def test_many_dots_are_pixels_in_vector_pictures(table):
    small, large = (Beeswarm().render(np.ones((count, 2))) for count in (10, 6000))
    assert not small.axes[0].collections[0].get_rasterized()
    assert large.axes[0].collections[0].get_rasterized()


def test_what_does_not_fit_is_refused(table, explanation):
    for given_, options, message in (
        (np.full((2, 2), np.nan), {}, "NaN"),
        (table[0], {"original": table[1][:3]}, "original"),
        (np.ones((1, 2)), {"original": [["red", 1]]}, "numbers"),
        (table[0], {"names": ["a"]}, "names"),
        (table[0], {"max_features": 1.5}, "max_features"),
        (explanation(), {}, "table"),
    ):
        with pytest.raises(InputError, match=message):
            Beeswarm().render(given_, **options)
    with pytest.raises(ParameterError, match="example"):
        Beeswarm().render(table[0], example=1)


def test_an_axes_of_the_caller_s_own_is_drawn_into(table):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert Beeswarm().render(torch.tensor(table[0]), ax=right) is figure
    assert not left.collections
    assert len(right.collections) == 3

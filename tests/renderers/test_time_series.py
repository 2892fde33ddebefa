import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ascribe import InputError, ParameterError
from ascribe.colours import AGAINST, FOR, ZERO
from ascribe_renderers.time_series import TimeSeries

PANELS = ["overlay_individual", "colored_graph"]


@pytest.fixture
def series():
    """Attributions and data (channels, time)."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(3, 20)), generator.normal(size=(3, 20))


def panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def bar(figure):
    (found,) = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    return found


def heat(ax):
    (mesh,) = ax.collections
    return np.asarray(mesh.get_array()).ravel()


def edges(ax):
    return ax.collections[0].get_coordinates()[0, :, 0]


def test_each_channel_has_a_panel_over_its_attributions(series):
    attr, data = series
    figure = TimeSeries().render(attr, data, outlier_perc=0)
    assert len(panels(figure)) == 3
    for ax, values, line in zip(panels(figure), attr, data, strict=True):
        np.testing.assert_allclose(heat(ax), values / np.abs(attr).max())
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), line)
        np.testing.assert_allclose(edges(ax), np.arange(21) - 0.5)
        assert ax.collections[0].get_zorder() < ax.lines[0].get_zorder()
    assert [ax.get_ylabel() for ax in panels(figure)] == ["channel 0", "channel 1", "channel 2"]


def test_all_channels_share_one_panel_over_the_mean(series):
    attr, data = series
    figure = TimeSeries().render(
        attr, data, method="overlay_combined", outlier_perc=0, channel_labels=["a", "_b", "$c$"]
    )
    (ax,) = panels(figure)
    mean = attr.mean(0)
    np.testing.assert_allclose(heat(ax), mean / np.abs(mean).max())
    assert [list(line.get_ydata()) for line in ax.lines] == data.tolist()
    assert len({line.get_color() for line in ax.lines}) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "_b", "$c$"]


def test_lines_are_coloured_half_the_way_to_their_neighbours(series):
    attr, data = series
    figure = TimeSeries().render(attr, data, method="colored_graph", outlier_perc=0)
    assert len(panels(figure)) == 3
    for ax, values, line in zip(panels(figure), attr, data, strict=True):
        (lines,) = ax.collections
        np.testing.assert_allclose(lines.get_array(), values / np.abs(attr).max())
        segments = lines.get_segments()
        assert len(segments) == 20
        np.testing.assert_allclose([segment[1] for segment in segments], np.c_[np.arange(20), line])
        np.testing.assert_allclose(segments[4][2], segments[5][0])


@pytest.mark.parametrize("method", ["overlay_individual", "overlay_combined"])
def test_red_is_for_and_blue_is_against(method, pixel):
    attr = np.array([[1.0, -1.0, 0.0, 0.5]])
    figure = TimeSeries().render(attr, np.zeros((1, 4)), method=method, alpha_overlay=1.0)
    (ax,) = panels(figure)
    shown = pixel(ax, [(x, 0.7 * ax.get_ylim()[1]) for x in range(4)])
    wanted = matplotlib.colormaps["RdBu_r"]((attr[0] + 1) / 2)[:, :3]
    np.testing.assert_allclose(shown, wanted, atol=0.02)
    assert shown[0, 0] > shown[0, 2]
    assert shown[1, 2] > shown[1, 0]


def test_a_heat_map_lets_as_much_through_as_is_asked_for(pixel):
    figure = TimeSeries().render(np.ones((1, 2)), np.zeros((1, 2)), alpha_overlay=0.4)
    (ax,) = panels(figure)
    full = np.array(matplotlib.colormaps["RdBu_r"](1.0)[:3])
    shown = pixel(ax, [(0, 0.7 * ax.get_ylim()[1])])
    np.testing.assert_allclose(shown, [0.4 * full + 0.6], atol=0.02)


def test_coloured_lines_are_red_blue_and_grey(pixel):
    attr, data = np.array([[1.0, -1.0, 0.0]]), np.zeros((1, 3))
    figure = TimeSeries().render(attr, data, method="colored_graph", line={"linewidth": 5})
    (ax,) = panels(figure)
    shown = pixel(ax, [(0.2, 0), (1, 0), (1.8, 0)])
    np.testing.assert_allclose(shown, [to_rgb(c) for c in (FOR, AGAINST, ZERO)], atol=0.02)


@pytest.mark.parametrize("method", PANELS)
@pytest.mark.parametrize(
    ("sign", "label", "shown"),
    [
        ("all", "lowers the score  ←  attribution  →  raises it", [0.5, -1]),
        ("positive", "raises the score", [1, 0]),
        ("negative", "lowers the score", [0, 1]),
        ("absolute_value", "|attribution|", [0.5, 1]),
    ],
)
def test_signs_and_what_the_colour_bar_says_of_them(method, sign, label, shown):
    attr, data = np.array([[1.0, -2.0]]), np.zeros((1, 2))
    figure = TimeSeries().render(attr, data, method=method, sign=sign, outlier_perc=0)
    np.testing.assert_allclose(heat(panels(figure)[0]), shown)
    assert label in bar(figure).get_xlabel()
    figure = TimeSeries().render(attr, data, method=method, sign=sign, show_colorbar=False)
    assert panels(figure) == figure.axes


def test_outliers_are_clipped(series):
    attr = np.ones((1, 100))
    attr[0, 7] = 1000
    clipped = TimeSeries().render(attr, attr, outlier_perc=95)
    assert heat(panels(clipped)[0]).min() == 1
    assert heat(panels(TimeSeries().render(attr, attr, outlier_perc=0))[0]).min() == 0.001


def test_points_of_time_need_not_be_even_nor_rise(series):
    attr, data = series
    points = np.arange(20.0) ** 2
    for given in (points, torch.tensor(points)):
        figure = TimeSeries().render(attr, data, x_values=given)
        assert edges(panels(figure)[0])[:3].tolist() == [-0.5, 0.5, 2.5]
    figure = TimeSeries().render(attr, data, x_values=-points)
    ax = panels(figure)[0]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), -points)
    assert ax.get_xlim() == (-361 - 18.5, 0.5)


@pytest.mark.parametrize("method", ["overlay_individual", "overlay_combined", "colored_graph"])
def test_points_of_time_may_be_dates(method, series):
    days = np.datetime64("2024-02-20") + np.arange(20)
    figure = TimeSeries().render(*series, x_values=days, method=method)
    figure.draw_without_rendering()
    ax = panels(figure)[-1]
    assert ax.xaxis.get_offset_text().get_text() == "2024-Mar"
    assert matplotlib.dates.num2date(ax.get_xlim()[0]).month == 2


def test_the_longer_side_is_time_unless_it_is_said(series):
    attr, data = series
    for given in ((attr, data), (attr.T, data.T), (torch.tensor(attr), torch.tensor(data))):
        assert len(panels(TimeSeries().render(*given))) == 3
    assert len(panels(TimeSeries().render(attr[:2, :3], data[:2, :3], channels_last=True))) == 3
    (ax,) = panels(TimeSeries().render(attr[0], data[0]))
    assert ax.get_ylabel() == ""


def test_an_explanation_brings_its_inputs_and_its_title(explanation):
    given = explanation(features=(2, 9))
    figure = TimeSeries().render(given, target=1, example=2, outlier_perc=0)
    values = given.values[1, 2].double().numpy()
    np.testing.assert_allclose(heat(panels(figure)[1]), values[1] / np.abs(values).max())
    line = panels(figure)[1].lines[0].get_ydata()
    np.testing.assert_array_equal(line, given.inputs[2, 1].double())
    assert panels(figure)[0].get_title() == f"tiger cat, score {float(given.scores[1, 2]):.3g}"
    shown = torch.rand(3, 2, 9)
    for other in (shown, shown[2]):
        line = panels(TimeSeries().render(given, other, example=2))[0].lines[0].get_ydata()
        np.testing.assert_array_equal(line, shown[2, 0].double())


def test_one_series_of_several_inputs_is_found_or_chosen(explanation):
    given = explanation(features=(2, 9))
    several = explanation(
        values={"a": given.values, "b": given.values[..., 0, 0]},
        inputs={"a": given.inputs, "b": given.inputs[..., 0, 0]},
    )
    assert len(panels(TimeSeries().render(several))) == 2
    both = explanation(values=(given.values,) * 2, inputs=(given.inputs,) * 2)
    assert len(panels(TimeSeries().render(both, which=1))) == 2
    with pytest.raises(InputError, match="which="):
        TimeSeries().render(both)
    with pytest.raises(InputError, match=r"one of \[0, 1\]"):
        TimeSeries().render(both, which=2)


def test_an_axes_is_shared_by_panels_or_there_is_one_for_each(series):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert TimeSeries().render(*series, ax=right) is figure
    assert len(right.child_axes) == 3
    assert not left.lines
    figure = Figure()
    axes = figure.subplots(3)
    TimeSeries().render(*series, ax=axes)
    assert [len(ax.lines) for ax in axes] == [1, 1, 1]
    with pytest.raises(InputError, match="3 panels, but holds 2"):
        TimeSeries().render(*series, ax=list(axes[:2]))
    with pytest.raises(InputError, match="ax must be an Axes"):
        TimeSeries().render(*series, ax="here")


def test_lines_take_matplotlib_s_own_keywords(series):
    figure = TimeSeries().render(*series, line={"c": "red", "linewidth": 4, "ls": ":"})
    line = panels(figure)[0].lines[0]
    assert (line.get_color(), line.get_linewidth(), line.get_linestyle()) == ("red", 4, ":")
    figure = TimeSeries().render(*series, method="colored_graph", line={"linewidth": 4})
    assert panels(figure)[0].collections[0].get_linewidth() == [4]
    for method in PANELS:
        with pytest.raises(ParameterError, match=r"Axes\.plot"):
            TimeSeries().render(*series, method=method, line={"colour": "red"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_values": np.arange(19)}, r"20 points of time, \(20,\), but have shape \(19,\)"),
        ({"x_values": np.zeros(20)}, "rise, or fall"),
        ({"x_values": np.append(np.arange(19.0), np.nan)}, "rise, or fall"),
        ({"x_values": list("abcdefghijklmnopqrst")}, "numbers or numpy.datetime64"),
        ({"channel_labels": ["a"]}, "3 channels, but hold 1"),
        ({"channel_labels": "abc"}, "list of strings"),
        ({"method": "colored_grap"}, "method must be one of"),
        ({"sign": "both"}, "sign must be one of"),
        ({"alpha_overlay": 2}, "alpha_overlay"),
        ({"outlier_perc": -1}, "outlier_perc"),
        ({"cmap": "Redz"}, "near it are Reds"),
    ],
)
def test_options_that_do_not_fit_are_refused(series, options, message):
    with pytest.raises(InputError, match=message):
        TimeSeries().render(*series, **options)


def test_data_that_do_not_fit_are_refused(series, explanation):
    attr, data = series
    nan = np.where(attr > 1, np.nan, attr)
    for given, message in (
        ((attr, None), "pass it as original"),
        ((attr, data[:, 1:]), r"have \(3, 19\) and \(3, 20\)"),
        ((attr[None], data[None]), "one example of a batch"),
        ((nan, data), "only finite attributions"),
        ((attr, nan), "only finite series"),
        ((attr[:1, :1], data[:1, :1]), "two points"),
        ((attr[:0], data[:0]), "has 0 channels|a channel"),
        ((explanation(features=(2, 3, 4)), None), "another renderer"),
        ((explanation(features=(2, 9)), torch.ones(5, 2, 9)), "original must hold"),
        ((explanation(features=(2, 9), inputs=torch.ones(1)), None), "pass it as original"),
    ):
        with pytest.raises(InputError, match=message):
            TimeSeries().render(*given)
    with pytest.raises(ParameterError, match="did you mean method"):
        TimeSeries().render(attr, data, metod="overlay_combined")
    with pytest.raises(InputError, match="target"):
        TimeSeries().render(explanation(features=(2, 9)), target=2)

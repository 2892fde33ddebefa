import inspect

import matplotlib
import numpy as np
import pytest

from ascribe.attr import visualization as viz
from ascribe.errors import InputError, ParameterError

matplotlib.use("Agg")
from matplotlib import pyplot as plt

METHODS = ["overlay_individual", "overlay_combined", "colored_graph"]


@pytest.fixture
def series():
    """Attributions and data (time, channels)."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(20, 3)), generator.normal(size=(20, 3))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_parameters_and_defaults_are_those_that_users_of_captum_know():
    known = inspect.signature(viz.visualize_timeseries_attr).parameters
    assert {name: one.default for name, one in known.items()} == {
        "attr": inspect.Parameter.empty,
        "data": inspect.Parameter.empty,
        "x_values": None,
        "method": "overlay_individual",
        "sign": "absolute_value",
        "channel_labels": None,
        "channels_last": True,
        "plt_fig_axis": None,
        "outlier_perc": 2,
        "cmap": None,
        "alpha_overlay": 0.7,
        "show_colorbar": False,
        "title": None,
        "fig_size": (6, 6),
        "use_pyplot": True,
        "pyplot_kwargs": inspect.Parameter.empty,
    }


@pytest.mark.parametrize("method", METHODS)
def test_several_panels_are_an_array_of_axes_and_one_is_an_axes(method, series):
    for channels in (1, 3):
        given = [one[:, :channels] for one in series]
        figure, axes = viz.visualize_timeseries_attr(*given, method=method, use_pyplot=False)
        if channels == 1 or method == "overlay_combined":
            assert isinstance(axes, plt.Axes)
            assert figure.axes == [axes]
        else:
            assert isinstance(axes, np.ndarray)
            assert axes.shape == (3,)
            assert figure.axes == list(axes)


def test_channels_may_come_first(series):
    last = viz.visualize_timeseries_attr(*series, use_pyplot=False)[1]
    first = viz.visualize_timeseries_attr(
        series[0].T, series[1].T, channels_last=False, use_pyplot=False
    )[1]
    for one, other in zip(last, first, strict=True):
        np.testing.assert_array_equal(one.lines[0].get_ydata(), other.lines[0].get_ydata())
        shown = [np.asarray(ax.collections[0].get_array()) for ax in (one, other)]
        np.testing.assert_array_equal(*shown)


def test_options_reach_the_figure(series):
    figure, axes = viz.visualize_timeseries_attr(
        *series,
        x_values=np.arange(20) * 2.0,
        sign="all",
        channel_labels=["a", "b", "c"],
        outlier_perc=0,
        cmap="PuOr",
        alpha_overlay=0.3,
        show_colorbar=True,
        title="why",
        fig_size=(5, 4),
        linewidth=3,
        color="green",
    )
    assert plt.fignum_exists(figure.number)
    assert tuple(figure.get_size_inches()) == (5, 4)
    assert [ax.get_ylabel() for ax in axes] == ["a", "b", "c"]
    assert axes[0].get_title() == "why"
    mesh, line = axes[1].collections[0], axes[1].lines[0]
    assert mesh.get_cmap().name == "PuOr"
    assert mesh.get_alpha() == 0.3
    np.testing.assert_allclose(
        np.asarray(mesh.get_array())[0], series[0][:, 1] / np.abs(series[0]).max()
    )
    assert (line.get_linewidth(), line.get_color(), line.get_xdata()[-1]) == (3, "green", 38)
    assert len(figure.axes) == 4
    assert "lowers the score" in figure.axes[-1].get_xlabel()


@pytest.mark.parametrize("method", METHODS)
def test_figure_and_axes_of_the_caller_s_own_come_back(method, series):
    figure, axes = plt.subplots(1 if method == "overlay_combined" else 3)
    found = viz.visualize_timeseries_attr(*series, method=method, plt_fig_axis=(figure, axes))
    assert found[0] is figure
    assert found[1] is axes
    assert all(ax.has_data() for ax in np.ravel(axes))
    figure, ax = plt.subplots()
    assert viz.visualize_timeseries_attr(*series, method=method, plt_fig_axis=(figure, ax))[1] is ax


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attr": np.ones(20)}, r"\(time, channels\)"),
        ({"attr": np.ones((20, 2))}, "same shape"),
        ({"attr": np.ones((20, 0)), "data": np.ones((20, 0))}, "0 channels"),
        ({"attr": np.full((20, 3), np.nan)}, "finite attributions"),
        ({"data": np.full((20, 3), np.inf)}, "finite series"),
        ({"x_values": np.arange(3)}, "x_values"),
        ({"channel_labels": ["a"]}, "channel_labels"),
        ({"method": "line"}, "method must be one of overlay_individual"),
        ({"sign": "both"}, "sign must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_figure(change, message, series):
    given = {"attr": series[0], "data": series[1], **change}
    with pytest.raises(InputError, match=message):
        viz.visualize_timeseries_attr(**given)
    assert plt.get_fignums() == []


def test_an_unknown_keyword_of_lines_is_refused(series):
    with pytest.raises(ParameterError, match="linewidht"):
        viz.visualize_timeseries_attr(*series, linewidht=3)
    assert plt.get_fignums() == []

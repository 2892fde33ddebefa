import inspect
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from ascribe import registry
from ascribe.attr import visualization as viz
from ascribe.errors import InputError, ParameterError, UnknownPluginError
from ascribe.image_renderer import ImageRenderer
from ascribe.renderer import Renderer, normalise

matplotlib.use("Agg")
from matplotlib import pyplot as plt

METHODS = ["original_image", "heat_map", "blended_heat_map", "masked_image", "alpha_scaling"]


@pytest.fixture
def attr():
    return np.random.default_rng(0).normal(size=(6, 8, 3))


@pytest.fixture
def image():
    return np.random.default_rng(1).random((6, 8, 3))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def by_hand():
    """Return a function that registers a renderer for the length of a test."""
    names = []

    def register(cls):
        registry.renderers.register(cls)
        names.append(registry.plugin_names(cls.__name__)[0])

    yield register
    for name in names:
        registry.renderers.unregister(name)


def test_parameters_are_those_that_users_of_captum_know():
    assert list(inspect.signature(viz.visualize_image_attr).parameters) == [
        "attr",
        "original_image",
        "method",
        "sign",
        "plt_fig_axis",
        "outlier_perc",
        "cmap",
        "alpha_overlay",
        "show_colorbar",
        "title",
        "fig_size",
        "use_pyplot",
    ]
    assert list(inspect.signature(viz.visualize_image_attr_multiple).parameters) == [
        "attr",
        "original_image",
        "methods",
        "signs",
        "titles",
        "fig_size",
        "use_pyplot",
        "kwargs",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_draws_into_a_new_figure(attr, image, method):
    figure, ax = viz.visualize_image_attr(attr, image, method, title="a", fig_size=(3, 2))
    assert figure.axes == [ax]
    assert tuple(figure.get_size_inches()) == (3, 2)
    assert ax.get_title() == "a"
    assert ax.images
    assert plt.get_fignums() == [figure.number]


def test_the_default_is_a_heat_map_of_absolute_values(attr):
    _, ax = viz.visualize_image_attr(attr)
    expected = normalise(attr.sum(axis=-1), "absolute_value", 2)
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)


def test_nothing_is_shown(attr, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("shown"))
    viz.visualize_image_attr(attr)


def test_without_pyplot_no_window_is_made(attr, image):
    viz.visualize_image_attr(attr, use_pyplot=False)
    viz.visualize_image_attr_multiple(attr, image, METHODS[:2], ["all"] * 2, use_pyplot=False)
    assert plt.get_fignums() == []


def test_a_given_axes_is_used(attr):
    figure, (left, right) = plt.subplots(1, 2)
    assert viz.visualize_image_attr(attr, plt_fig_axis=(figure, right)) == (figure, right)
    assert right.images
    assert not left.images


def test_several_methods_stand_side_by_side(attr, image):
    signs = ["all", "all", "negative", "positive", "absolute_value"]
    figure, axes = viz.visualize_image_attr_multiple(
        attr, image, METHODS, signs, titles=METHODS, alpha_overlay=0.3, show_colorbar=True
    )
    assert isinstance(axes, list)
    assert [ax.get_title() for ax in axes] == METHODS
    assert figure.axes == axes
    assert axes[2].images[1].get_alpha() == 0.3


def test_one_method_of_several_gives_its_axes(attr, image):
    figure, ax = viz.visualize_image_attr_multiple(attr, image, ["heat_map"], ["all"])
    assert figure.axes == [ax]


def test_lists_that_do_not_match_are_refused(attr, image):
    for lists in [(["heat_map"], []), ([], []), (["heat_map"], ["all"], ["a", "b"])]:
        with pytest.raises(InputError, match="as many, and at least one, but there are"):
            viz.visualize_image_attr_multiple(attr, image, *lists)


def test_options_of_several_methods_are_checked(attr, image):
    with pytest.raises(ParameterError, match="did you mean alpha_overlay"):
        viz.visualize_image_attr_multiple(attr, image, ["heat_map"], ["all"], alpha_overly=1)


def test_a_method_near_to_one_that_exists_is_suggested(attr):
    with pytest.raises(UnknownPluginError, match="did you mean heat_map"):
        viz.visualize_image_attr(attr, method="heatmap")


def test_pyplot_keeps_no_figure_of_a_call_that_failed(attr):
    with pytest.raises(InputError, match="pass it as original"):
        viz.visualize_image_attr(attr, None, "masked_image", "positive")
    assert plt.get_fignums() == []


def test_a_renderer_from_elsewhere_is_a_method(attr, by_hand):
    class Signature(ImageRenderer):
        needs_image = False

        def draw(self, ax, values, image, style):
            return ax.imshow(np.sign(values), **style.colours)

    by_hand(Signature)
    _, ax = viz.visualize_image_attr(attr, method="signature", sign="all", show_colorbar=True)
    np.testing.assert_array_equal(ax.images[0].get_array(), np.sign(attr.sum(axis=-1)))


def test_a_renderer_that_draws_no_images_is_refused(attr, by_hand):
    class Words(Renderer):
        def render(self, attribution, original=None, **options):
            return ""

    by_hand(Words)
    with pytest.raises(InputError, match="must be a renderer of images, but 'words' is Words"):
        viz.visualize_image_attr(attr, method="words")


def test_importing_it_does_not_import_matplotlib():
    code = (
        "import sys, ascribe.attr.visualization, ascribe_renderers.heat_map;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

"""Time series as Captum draws them, as a black box: the same signature, and what differs."""

from __future__ import annotations

import inspect

import matplotlib
import numpy as np
import pytest

from ascribe.attr import visualization as viz
from ascribe.vision import torchvision

try:
    torchvision()  # which Captum may import, and which may need help
    from captum.attr import visualization as captum
except ImportError:
    pytest.skip("needs captum: pip install ascribe[bench]", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def series():
    generator = np.random.default_rng(0)
    return generator.normal(size=(20, 3)), generator.normal(size=(20, 3))


def test_parameters_and_defaults_are_the_same():
    theirs, ours = (
        inspect.signature(module.visualize_timeseries_attr).parameters for module in (captum, viz)
    )
    assert {name: (one.default, one.kind) for name, one in ours.items()} == {
        name: (one.default, one.kind) for name, one in theirs.items()
    }


@pytest.mark.skipif(hasattr(matplotlib.cm, "get_cmap"), reason="an old matplotlib")
def test_theirs_needs_what_matplotlib_has_removed(series):
    with pytest.raises(AttributeError, match="get_cmap"):
        captum.visualize_timeseries_attr(*series, use_pyplot=False)
    assert viz.visualize_timeseries_attr(*series, use_pyplot=False)[0].axes


@pytest.fixture
def mended(monkeypatch):
    """Give Captum the function back that it misses."""
    named = lambda cmap: matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap  # noqa: E731
    monkeypatch.setattr(matplotlib.cm, "get_cmap", named, raising=False)


@pytest.mark.parametrize("method", ["overlay_individual", "overlay_combined", "colored_graph"])
@pytest.mark.parametrize("channels", [1, 3])
def test_results_are_of_the_same_types_and_shapes(mended, method, channels, series):
    given = [one[:, :channels] for one in series]
    (_, theirs), (_, ours) = (
        module.visualize_timeseries_attr(*given, method=method, use_pyplot=False)
        for module in (captum, viz)
    )
    assert type(ours) is type(theirs)
    assert np.shape(ours) == np.shape(theirs)


@pytest.mark.parametrize("sign", ["positive", "absolute_value", "all"])
def test_points_of_lines_have_the_same_numbers(mended, sign, series):
    found = []
    for module in (captum, viz):
        _, axes = module.visualize_timeseries_attr(
            *series, method="colored_graph", sign=sign, use_pyplot=False
        )
        found.append([np.asarray(ax.collections[0].get_array()) for ax in axes])
    np.testing.assert_allclose(found[1], found[0])


def test_zeros_are_drawn_and_not_refused(mended, series):
    zeros = np.zeros_like(series[0])
    with pytest.raises(AssertionError):
        captum.visualize_timeseries_attr(zeros, series[1], use_pyplot=False)
    assert viz.visualize_timeseries_attr(zeros, series[1], use_pyplot=False)[0].axes

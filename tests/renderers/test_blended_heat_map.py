import numpy as np

from ascribe.renderer import normalise
from ascribe_renderers.blended_heat_map import BlendedHeatMap


def test_it_draws_the_map_over_the_picture_in_grey(attribution, picture, drawn):
    ax = BlendedHeatMap().render(attribution, picture, alpha_overlay=0.25).axes[0]
    grey, values = drawn(ax)
    red, green, blue = np.moveaxis(picture, -1, 0)
    np.testing.assert_allclose(grey, 0.299 * red + 0.587 * green + 0.114 * blue)
    np.testing.assert_array_equal(values, normalise(attribution.sum(axis=-1)))
    under, over = ax.images
    assert under.get_clim() == (0, 1)
    assert under.cmap.name == "gray"
    assert over.get_alpha() == 0.25

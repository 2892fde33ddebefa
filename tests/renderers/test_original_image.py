import numpy as np

from ascribe_renderers.original_image import OriginalImage


def test_it_draws_the_picture_alone(attribution, picture, drawn):
    (shown,) = drawn(OriginalImage().render(attribution, picture, show_colorbar=True).axes[0])
    np.testing.assert_array_equal(shown, picture)


def test_of_an_explanation_it_draws_one_picture_for_each_example(explanation, drawn):
    made = explanation(targets=2, batch=3)
    axes = OriginalImage().render(made).axes
    assert len(axes) == 3
    for ax, image in zip(axes, made.inputs, strict=True):
        np.testing.assert_allclose(drawn(ax)[0], image.permute(1, 2, 0))

import numpy as np

from ascribe import registry


def test_draws_a_line_around_the_most_important_tenth():
    values = np.linspace(0, 1, 400).reshape(20, 20)
    picture = np.zeros((20, 20, 3))
    figure = registry.renderers.get("hot_spot")().render(values, picture, share=0.2)
    (ax,) = figure.axes
    line = ax.collections[-1].get_paths()[0].vertices
    assert np.allclose(line[:, 1].mean(), 15.5, atol=0.6)  # a fifth of the rows lies below

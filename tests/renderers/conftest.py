from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")


@pytest.fixture
def attribution():
    """A map of both signs, (6, 8, 3)."""
    return np.random.default_rng(0).normal(size=(6, 8, 3))


@pytest.fixture
def picture():
    """An RGB picture, (6, 8, 3), in 0..1."""
    return np.random.default_rng(1).random((6, 8, 3))


@pytest.fixture
def explanation():
    """Return a function that makes what renderers read of an `ascribe.Explanation`."""

    def make(targets=2, batch=3, features=(3, 6, 8), **changes):
        generator = torch.Generator().manual_seed(0)
        given = {
            "values": torch.randn(targets, batch, *features, generator=generator),
            "inputs": torch.rand(batch, *features, generator=generator),
            "original": None,
            "parameters": {},
            "labels": ["pug", "tiger cat", "boxer"][:targets],
            "scores": torch.arange(targets * batch).reshape(targets, batch) / 8,
        }
        made = SimpleNamespace(**(given | changes))
        made.label = lambda target, example: made.labels[target]
        return made

    return make


@pytest.fixture
def drawn():
    """Return a function that gives the arrays drawn into one Axes."""
    return lambda ax: [np.asarray(image.get_array()) for image in ax.images]


@pytest.fixture
def legible(monkeypatch):
    """Return a function that draws a figure and gives its texts, none cut and no two overlapping.

    It asks where texts stand, whatever the font: no picture is compared.
    """
    from matplotlib.text import Text

    texts = []
    draw = Text.draw

    def recording(self, renderer):
        if self.get_visible() and self.get_text().strip():
            texts.append(self)
        draw(self, renderer)

    monkeypatch.setattr(Text, "draw", recording)

    def check(figure):
        texts.clear()
        figure.draw_without_rendering()
        once = list(dict.fromkeys(texts))
        boxes = [text.get_window_extent().padded(-0.5) for text in once]
        for i, (text, box) in enumerate(zip(once, boxes, strict=True)):
            whole = figure.bbox
            assert box.x0 >= whole.x0 and box.x1 <= whole.x1, f"{text} is cut"  # noqa: PT018
            assert box.y0 >= whole.y0 and box.y1 <= whole.y1, f"{text} is cut"  # noqa: PT018
            for other, beside in zip(once[:i], boxes[:i], strict=True):
                assert not box.overlaps(beside), f"{text} overlaps {other}"
        return [text.get_text() for text in once]

    return check


@pytest.fixture
def pixel():
    """Return a function that gives the colour drawn at places (x, y) of an Axes, (n, 3) in 0..1.

    Places are found by the Axes itself, so that fonts and margins do not matter.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    def colours(ax, places):
        canvas = FigureCanvasAgg(ax.figure)
        canvas.draw()
        image = np.asarray(canvas.buffer_rgba())[..., :3] / 255
        columns, rows = ax.transData.transform(np.asarray(places, dtype=float)).T.astype(int)
        return image[image.shape[0] - 1 - rows, columns]

    return colours

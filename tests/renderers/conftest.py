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

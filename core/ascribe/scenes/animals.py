"""Draw one animal on a transparent layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from ascribe.scenes.coats import Coat, draw_coat
from ascribe.scenes.pets import draw_cat, draw_dog, draw_rabbit
from ascribe.scenes.sketch import Sketch
from ascribe.scenes.wildlife import draw_bird, draw_fish, draw_turtle

Artist = Callable[[Sketch, np.random.Generator, Coat], None]

ARTISTS: dict[str, tuple[Artist, float]] = {
    "cat": (draw_cat, 0.0),
    "dog": (draw_dog, 0.0),
    "bird": (draw_bird, 0.6),
    "fish": (draw_fish, 0.6),
    "rabbit": (draw_rabbit, 0.0),
    "turtle": (draw_turtle, 0.4),
}
"""Who draws each animal, and the chance that its coat is bright."""

CATEGORIES = tuple(ARTISTS)
"""The animals, in the order of the classifier's logits."""

SUPERSAMPLING = 3


def draw_animal(name: str, rng: np.random.Generator, size: int) -> Image.Image:
    """Draw an animal in a random pose and coat, mirrored or not and slightly turned.

    Parameters
    ----------
    name : str
        One of `CATEGORIES`.
    rng : numpy.random.Generator
        Source of all randomness.
    size : int
        Pixels of the layer's longer side.

    Returns
    -------
    PIL.Image.Image
        An RGBA layer cut to the animal; its alpha channel is the animal's exact mask.
    """
    artist, vivid = ARTISTS[name]
    # The frame spans 1.6 units to each side, which leaves room for whiskers, ears and turns.
    side = round(1.6 * SUPERSAMPLING * size)
    canvas = Image.new("RGBA", (side, side))
    coat = draw_coat(rng, side, vivid)
    sketch = Sketch(canvas, np.eye(2) * side / 3.2, np.full(2, side / 2)).inside(
        turn=rng.uniform(-12, 12), mirror=bool(rng.random() < 0.5)
    )
    artist(sketch, rng, coat)
    return _shrink(canvas.crop(canvas.getbbox()), size)


def _shrink(layer: Image.Image, size: int) -> Image.Image:
    scale = size / max(layer.size)
    width, height = (max(1, round(side * scale)) for side in layer.size)
    return layer.resize((width, height), Image.Resampling.BOX)

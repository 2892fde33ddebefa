"""Random places for animals to be: meadow, shore, sea, room, and plain textures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from ascribe.scenes.coats import NATURAL, VIVID, choose, draw_coat
from ascribe.scenes.distractors import DISTRACTORS
from ascribe.scenes.sketch import Colour, Points, Sketch, blob, ellipse, polygon, shade

SUPERSAMPLING = 2

GREENS: tuple[Colour, ...] = ((134, 178, 98), (110, 156, 84), (166, 188, 104), (176, 162, 104))
SKIES: tuple[Colour, ...] = ((160, 206, 236), (196, 220, 236), (242, 206, 172), (150, 178, 214))
WATERS: tuple[Colour, ...] = ((78, 150, 182), (96, 176, 190), (70, 120, 168), (120, 178, 168))
WALLS: tuple[Colour, ...] = ((224, 204, 176), (190, 204, 196), (208, 190, 206), (180, 194, 216))


def draw_background(rng: np.random.Generator, size: int) -> Image.Image:
    """Draw a place and a few things in it that are no animals.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness.
    size : int
        Pixels of the picture's side.

    Returns
    -------
    PIL.Image.Image
        An RGB picture.
    """
    side = SUPERSAMPLING * size
    canvas = Image.new("RGB", (side, side))
    sketch = Sketch(canvas, np.eye(2) * side / 2, np.full(2, side / 2))
    PLACES[int(rng.integers(len(PLACES)))](sketch, rng)
    _scatter(sketch, rng)
    return _grain(canvas.resize((size, size), Image.Resampling.BOX), rng)


def _meadow(sketch: Sketch, rng: np.random.Generator) -> None:
    _grass(sketch, rng, top=-1.0)


def _landscape(sketch: Sketch, rng: np.random.Generator) -> None:
    horizon = rng.uniform(-0.5, 0.2)
    _gradient(sketch, choose(rng, SKIES), -1.0, horizon + 0.1)
    for _ in range(int(rng.integers(4))):
        _cloud(sketch.inside(rng.uniform(-0.9, 0.9), rng.uniform(-0.9, horizon), 0.22))
    hills = blob((-1.6, 1.0), (-1.0, horizon + 0.1), (-0.3, horizon - 0.15), (0.4, horizon + 0.05),
                 (1.0, horizon - 0.15), (1.6, 1.0))  # fmt: skip
    sketch.paint(choose(rng, GREENS), hills)
    _grass(sketch, rng, top=horizon + 0.12)


def _water(sketch: Sketch, rng: np.random.Generator) -> None:
    colour = choose(rng, WATERS)
    _gradient(sketch, colour, -1.0, 1.0)
    for _ in range(int(rng.integers(12, 30))):
        x, y, long = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.08, 0.22)
        wave = [(x - long, y), (x - long / 3, y - 0.03), (x + long / 3, y + 0.02), (x + long, y)]
        sketch.line(shade(colour, 1.25), wave, 0.025)
    for _ in range(int(rng.integers(8))):
        bubble = ellipse(rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.02, 0.07))
        sketch.paint(shade(colour, 1.12), bubble, outline=shade(colour, 1.4), width=0.012)


def _room(sketch: Sketch, rng: np.random.Generator) -> None:
    wall, floor = choose(rng, WALLS), choose(rng, NATURAL[:6])
    skirting = rng.uniform(0.1, 0.6)
    _gradient(sketch, wall, -1.0, 1.0)
    WALLPAPERS[int(rng.integers(len(WALLPAPERS)))](sketch, rng, shade(wall, 0.88))
    sketch.paint(floor, _box(-1.1, skirting, 1.1, 1.1))
    for y in np.arange(skirting + 0.15, 1.0, 0.17):
        sketch.line(shade(floor, 0.85), [(-1.1, y), (1.1, y)], 0.02)
    sketch.paint(shade(wall, 1.5), _box(-1.1, skirting - 0.08, 1.1, skirting))


def _striped_paper(sketch: Sketch, rng: np.random.Generator, colour: Colour) -> None:
    gap = rng.uniform(0.12, 0.3)
    for x in np.arange(-1.0, 1.1, gap):
        sketch.paint(colour, _box(x, -1.1, x + gap / 2, 1.1))


def _dotted_paper(sketch: Sketch, rng: np.random.Generator, colour: Colour) -> None:
    gap = rng.uniform(0.15, 0.3)
    for row, y in enumerate(np.arange(-1.0, 1.0, gap)):
        for x in np.arange(-1.0 + (row % 2) * gap / 2, 1.1, gap):
            sketch.paint(colour, ellipse(x, y, gap * 0.2))


def _chequered_paper(sketch: Sketch, rng: np.random.Generator, colour: Colour) -> None:
    gap = rng.uniform(0.15, 0.3)
    for line in np.arange(-1.0, 1.1, gap):
        sketch.paint(colour, _box(line, -1.1, line + gap / 4, 1.1))
        sketch.paint(colour, _box(-1.1, line, 1.1, line + gap / 4))


def _gradient_only(sketch: Sketch, rng: np.random.Generator) -> None:
    _gradient(sketch, choose(rng, NATURAL + VIVID), -1.0, 1.0)


def _noise(sketch: Sketch, rng: np.random.Generator) -> None:
    """Smooth random blotches of colour."""
    cells = int(rng.integers(4, 24))
    middle = np.array(choose(rng, NATURAL + VIVID))
    spread = rng.uniform(15, 50)
    speckle = np.clip(middle + rng.normal(0, spread, size=(cells, cells, 3)), 0, 255)
    picture = Image.fromarray(speckle.astype(np.uint8))
    sketch.canvas.paste(picture.resize(sketch.canvas.size, Image.Resampling.BICUBIC))


def _cushions(sketch: Sketch, rng: np.random.Generator) -> None:
    """Coats without animals: texture alone must not decide."""
    coat = draw_coat(rng, sketch.canvas.width, vivid=0.3)
    blur = rng.uniform(0.0, 0.02) * sketch.scale
    sketch.canvas.paste(coat.texture.filter(ImageFilter.GaussianBlur(blur)))


def _grass(sketch: Sketch, rng: np.random.Generator, top: float) -> None:
    green = choose(rng, GREENS)
    _gradient(sketch, green, top, 1.0)
    tones = (shade(green, 0.82), shade(green, 0.92), shade(green, 1.15))
    for y in np.sort(rng.uniform(top, 1.05, size=int(90 * (1 - top)))):
        x, tilt, tall = rng.uniform(-1.05, 1.05), rng.uniform(-0.05, 0.05), rng.uniform(0.05, 0.14)
        blade = polygon((x - 0.016, y), (x + tilt, y - tall), (x + 0.016, y))
        sketch.paint(tones[int(rng.integers(3))], blade)


def _gradient(sketch: Sketch, colour: Colour, top: float, bottom: float) -> None:
    edges = np.linspace(top, bottom, 25)
    for upper, lower, light in zip(edges[:-1], edges[1:], np.linspace(1.2, 0.85, 24), strict=True):
        sketch.paint(shade(colour, light), _box(-1.1, upper, 1.1, lower + 0.01))


def _cloud(sketch: Sketch) -> None:
    puffs = (ellipse(-0.6, 0.1, 0.5, 0.3), ellipse(0, -0.1, 0.6, 0.42), ellipse(0.6, 0.1, 0.5, 0.3))
    sketch.paint((250, 250, 250), *puffs)


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _scatter(sketch: Sketch, rng: np.random.Generator) -> None:
    """Put up to six things anywhere."""
    for _ in range(int(rng.integers(7))):
        x, y = rng.uniform(-0.95, 0.95, size=2)
        spot = sketch.inside(x, y, scale=rng.uniform(0.12, 0.34), turn=rng.uniform(-15, 15))
        DISTRACTORS[int(rng.integers(len(DISTRACTORS)))](spot, rng)


def _grain(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Film grain, so that no area is of one exact colour."""
    noise = rng.normal(0, rng.uniform(1, 6), size=(picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


Place = Callable[[Sketch, np.random.Generator], None]
PLACES: tuple[Place, ...] = (
    _meadow, _landscape, _landscape, _water, _room, _room, _gradient_only, _noise, _cushions,
)  # fmt: skip
WALLPAPERS = (_striped_paper, _dotted_paper, _chequered_paper)

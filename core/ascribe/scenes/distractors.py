"""Things that are no animals: stones, balls, plants, mushrooms, boxes and scarves.

They wear the animals' colours, patterns and contours, so that none of these tells an
animal from a thing. All are drawn into a frame of about two units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ascribe.scenes.coats import NATURAL, VIVID, choose
from ascribe.scenes.sketch import Sketch, blob, ellipse, polygon, ribbon, shade


def _stone(sketch: Sketch, rng: np.random.Generator) -> None:
    colour = choose(rng, NATURAL)
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    radii = rng.uniform(0.7, 1.0, size=8)
    knots = zip(radii * np.cos(angles), 0.7 * radii * np.sin(angles), strict=True)
    sketch.paint(colour, blob(*knots), outline=shade(colour, 0.4), width=0.09)
    sketch.paint(shade(colour, 1.2), ellipse(-0.25, -0.25, 0.35, 0.16, -20))


def _ball(sketch: Sketch, rng: np.random.Generator) -> None:
    colour, stripe = choose(rng, NATURAL + VIVID), choose(rng, NATURAL + VIVID)
    sketch.paint(colour, ellipse(0, 0, 0.9), outline=shade(colour, 0.4), width=0.09)
    if rng.random() < 0.5:
        sketch.line(stripe, [(-0.8, 0), (0, 0.25), (0.8, 0)], 0.3)
    else:
        sketch.paint(stripe, ellipse(0.1, 0.1, 0.45))
    sketch.paint(shade(colour, 1.5), ellipse(-0.35, -0.4, 0.18, 0.12, -30))


def _plant(sketch: Sketch, rng: np.random.Generator) -> None:
    colour = choose(rng, VIVID)
    for turn in rng.uniform(-70, 70, size=int(rng.integers(3, 7))):
        leaf = sketch.inside(0, 0.8, turn=turn)
        shape = blob((0, 0), (0.24, -0.7), (0, -1.5), (-0.24, -0.7))
        leaf.paint(colour, shape, outline=shade(colour, 0.4), width=0.08)
        leaf.line(shade(colour, 0.6), [(0, -0.1), (0, -1.2)], 0.06)


def _flower(sketch: Sketch, rng: np.random.Generator) -> None:
    petals = choose(rng, NATURAL + VIVID)
    sketch.line((88, 132, 74), [(0, 0.2), (0.06, 0.6), (0, 1.1)], 0.13)
    for turn in np.arange(0, 360, 72):
        petal = sketch.inside(0, -0.1, turn=float(turn))
        petal.paint(petals, ellipse(0, -0.45, 0.3, 0.42), outline=shade(petals, 0.4), width=0.06)
    sketch.paint(choose(rng, VIVID), ellipse(0, -0.1, 0.26), outline=(60, 46, 40), width=0.06)


def _mushroom(sketch: Sketch, rng: np.random.Generator) -> None:
    cap, stalk = choose(rng, NATURAL + VIVID), choose(rng, NATURAL[:3])
    stem = ribbon([(0, 0), (0, 0.85)], 0.5, 0.6)
    sketch.paint(stalk, stem, outline=shade(stalk, 0.4), width=0.08)
    dome = blob((-0.95, 0.12), (-0.6, -0.6), (0, -0.85), (0.6, -0.6), (0.95, 0.12), (0, 0.25))
    sketch.paint(cap, dome, outline=shade(cap, 0.4), width=0.08)
    for x, y in ((-0.4, -0.3), (0.1, -0.5), (0.45, -0.15)):
        sketch.paint(shade(cap, 1.6), ellipse(x, y, 0.15, 0.11))


def _box(sketch: Sketch, rng: np.random.Generator) -> None:
    colour, tape = choose(rng, NATURAL + VIVID), choose(rng, NATURAL + VIVID)
    side = polygon((-0.8, -0.6), (0.8, -0.6), (0.8, 0.7), (-0.8, 0.7))
    sketch.paint(colour, side, outline=shade(colour, 0.4), width=0.08)
    sketch.line(tape, [(-0.8, 0.05), (0.8, 0.05)], 0.24)
    sketch.line(shade(tape, 0.7), [(0, -0.6), (0, 0.7)], 0.16)


def _scarf(sketch: Sketch, rng: np.random.Generator) -> None:
    """Something long and bent, as tails and ears are."""
    colour = choose(rng, NATURAL + VIVID)
    bends = rng.uniform(-0.6, 0.6, size=4)
    knots = list(zip(np.linspace(-1, 1, 4), bends, strict=True))
    shape = ribbon(knots, rng.uniform(0.25, 0.6), rng.uniform(0.15, 0.5))
    sketch.paint(colour, shape, outline=shade(colour, 0.4), width=0.09)


def _triangle(sketch: Sketch, rng: np.random.Generator) -> None:
    """A tent or a fir: pointed, as ears and beaks are."""
    colour = choose(rng, NATURAL + VIVID)
    lean = rng.uniform(-0.3, 0.3)
    shape = polygon((-0.8, 0.7), (lean, -0.9), (0.8, 0.7))
    sketch.paint(colour, shape, outline=shade(colour, 0.4), width=0.09)


Distractor = Callable[[Sketch, np.random.Generator], None]
DISTRACTORS: tuple[Distractor, ...] = (
    _stone, _ball, _plant, _flower, _mushroom, _box, _scarf, _triangle,
)  # fmt: skip

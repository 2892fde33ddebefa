"""How to draw a bird, a fish and a turtle.

All are drawn into a frame of about two units, x to the right and y down.
"""

from __future__ import annotations

import numpy as np

from ascribe.scenes.coats import VIVID, Coat, choose
from ascribe.scenes.pets import BLACK, WHITE
from ascribe.scenes.sketch import Colour, Points, Sketch, blob, ellipse, polygon, ribbon, shade

BEAK: Colour = (238, 164, 58)

HEXAGON = [(0.34, 0.0), (0.17, -0.24), (-0.17, -0.24), (-0.34, 0.0), (-0.17, 0.24), (0.17, 0.24)]
"""Corners of the middle plate of a turtle's shell, seen from above."""


def draw_bird(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A bird on its feet or flying."""
    if rng.random() < 0.6:
        _standing_bird(sketch, rng, coat)
    else:
        _flying_bird(sketch, rng, coat)


def draw_fish(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A fish, from slender to tall."""
    tall = rng.uniform(0.3, 0.55)
    tail = blob((-0.5, 0.0), (-0.95, -0.42), (-0.88, -0.05), (-0.86, 0.05), (-0.95, 0.42))
    top = blob((-0.35, -tall * 0.6), (-0.3, -tall - 0.3), (0.0, -tall - 0.18), (0.35, -tall * 0.7))
    bottom = blob((-0.3, tall * 0.6), (-0.3, tall + 0.2), (-0.08, tall + 0.14), (0.1, tall * 0.7))
    fins = shade(coat.accent, 1.12)
    sketch.paint(fins, tail, top, bottom, outline=coat.outline)
    _fin_rays(sketch, shade(coat.accent, 0.7), tall)
    body = blob((0.92, 0.02), (0.65, -tall * 0.72), (0.15, -tall), (-0.35, -tall * 0.62),
                (-0.66, -0.07), (-0.66, 0.07), (-0.35, tall * 0.62), (0.15, tall),
                (0.65, tall * 0.75))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    _scales(sketch, coat, tall)
    sketch.line(coat.outline, [(0.4, -tall * 0.6), (0.3, 0.0), (0.4, tall * 0.6)], 0.05)
    side_fin = blob((0.2, 0.06), (-0.12, 0.0), (-0.2, 0.2), (0.1, 0.26))
    sketch.paint(fins, side_fin, outline=coat.outline, width=0.03)
    _round_eye(sketch, 0.62, -tall * 0.25, 0.13)
    sketch.line(BLACK, [(0.9, 0.1), (0.78, 0.15), (0.7, 0.12)], 0.045)


def draw_turtle(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A turtle from the side or from above."""
    if rng.random() < 0.6:
        _walking_turtle(sketch, rng, coat)
    else:
        _swimming_turtle(sketch, rng, coat)


def _standing_bird(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    for x in (-0.08, 0.14):
        sketch.line(shade(BEAK, 0.8), [(x, 0.5), (x + 0.02, 0.9)], 0.06)
        for toe in (-0.12, 0.04, 0.16):
            sketch.line(shade(BEAK, 0.8), [(x + 0.02, 0.86), (x + toe, 0.95)], 0.05)
    tail = polygon((-0.4, 0.1), (-1.0, 0.32), (-0.94, 0.5), (-0.3, 0.4))
    sketch.paint(shade(coat.accent, 0.9), tail, outline=coat.outline)
    _beak(sketch, 0.72, -0.42)
    body = blob((0.42, -0.78), (0.74, -0.5), (0.66, -0.12), (0.58, 0.25), (0.2, 0.58),
                (-0.3, 0.48), (-0.6, 0.18), (-0.2, -0.15), (0.1, -0.55))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    sketch.paint(coat.pale, blob((0.6, -0.1), (0.54, 0.22), (0.2, 0.52), (0.25, 0.1)))
    wing = blob((0.26, -0.1), (0.2, 0.24), (-0.25, 0.34), (-0.72, 0.3), (-0.3, 0.02), (0.0, -0.18))
    sketch.paint(shade(coat.accent, 0.95), wing, outline=coat.outline)
    for drop in (0.0, 0.13):
        sketch.line(coat.outline, [(-0.45 + drop, 0.26 - drop), (0.1, 0.12 - drop)], 0.03)
    _crest(sketch, rng, coat)
    _round_eye(sketch, 0.48, -0.5, 0.09)


def _flying_bird(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    lift = rng.uniform(-0.15, 0.1)
    far = blob((0.1, -0.1), (0.3, -0.75 + lift), (0.12, -0.95 + lift), (-0.2, -0.4))
    sketch.paint(shade(coat.accent, 0.7), far, outline=coat.outline)
    feathers = [ribbon([(-0.4, 0.08), (-0.98, y)], 0.2, 0.12) for y in (-0.02, 0.16, 0.32)]
    sketch.paint(shade(coat.accent, 0.9), *feathers, outline=coat.outline)
    _beak(sketch, 0.82, -0.05)
    body = blob((0.6, -0.3), (0.86, -0.08), (0.7, 0.16), (0.3, 0.34), (-0.3, 0.24), (-0.6, 0.08),
                (-0.1, -0.12), (0.3, -0.16))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    sketch.paint(coat.pale, blob((0.66, 0.14), (0.3, 0.3), (-0.1, 0.24), (0.3, 0.16)))
    near = blob((0.3, 0.0), (0.12, -0.5 + lift), (-0.28, -0.95 + lift), (-0.5, -0.92 + lift),
                (-0.46, -0.5 + lift), (-0.28, 0.05), (0.0, 0.14))  # fmt: skip
    sketch.paint(coat.accent, near, outline=coat.outline)
    for x in (-0.3, -0.16, -0.02):
        sketch.line(coat.outline, [(x - 0.1, -0.58 + lift), (x + 0.02, -0.1)], 0.03)
    _round_eye(sketch, 0.64, -0.09, 0.085)


def _beak(sketch: Sketch, x: float, y: float) -> None:
    beak = polygon((x - 0.12, y - 0.13), (x + 0.3, y + 0.04), (x - 0.12, y + 0.14))
    sketch.paint(BEAK, beak, outline=shade(BEAK, 0.55), width=0.035)


def _crest(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    if rng.random() < 0.4:
        for tip in (0.2, 0.34, 0.48):
            sketch.line(coat.outline, [(0.4, -0.74), (tip, -0.98)], 0.05)


def _fin_rays(sketch: Sketch, colour: Colour, tall: float) -> None:
    for y in (-0.28, -0.12, 0.12, 0.28):
        sketch.line(colour, [(-0.64, y * 0.4), (-0.86, y)], 0.03)
    for x in (-0.2, -0.02):
        sketch.line(colour, [(x, -tall * 0.8), (x - 0.06, -tall - 0.15)], 0.03)


def _scales(sketch: Sketch, coat: Coat, tall: float) -> None:
    for column, x in enumerate((-0.3, -0.12, 0.06)):
        for y in np.arange(-0.5, 0.51, 0.5 if column % 2 else 0.33):
            dy = y * tall
            arc = [(x - 0.02, dy - 0.07), (x - 0.09, dy), (x - 0.02, dy + 0.07)]
            sketch.line(coat.outline, arc, 0.025)


def _round_eye(sketch: Sketch, x: float, y: float, radius: float) -> None:
    sketch.paint(WHITE, ellipse(x, y, radius), outline=BLACK, width=0.03)
    sketch.paint(BLACK, ellipse(x + radius * 0.15, y, radius * 0.68))
    sketch.paint(WHITE, ellipse(x + radius * 0.35, y - radius * 0.3, radius * 0.24))


def _walking_turtle(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    skin, dark = _skin(rng)
    step = rng.uniform(-0.06, 0.06)
    tail = polygon((-0.7, 0.2), (-1.02, 0.42), (-0.6, 0.42))
    legs = [ribbon([(x, 0.3), (x + step * s, 0.62)], 0.26, 0.22)
            for x, s in ((-0.5, 1), (0.38, -1))]  # fmt: skip
    far = [ribbon([(x, 0.3), (x, 0.54)], 0.2) for x in (-0.2, 0.12)]
    neck = ribbon([(0.45, 0.28), (0.72, 0.1), (0.84, -0.06)], 0.26, 0.22)
    sketch.paint(shade(skin, 0.75), *far, outline=dark)
    sketch.paint(skin, tail, *legs, neck, ellipse(0.9, -0.12, 0.22, 0.18), outline=dark)
    shell = blob((-0.84, 0.32), (-0.72, -0.12), (-0.35, -0.46), (0.05, -0.48), (0.42, -0.18),
                 (0.58, 0.32), (-0.15, 0.4))  # fmt: skip
    sketch.paint(coat.texture, shell, outline=coat.outline)
    plates = ([(-0.42, -0.36), (-0.3, -0.06), (-0.42, 0.26)], [(-0.3, -0.06), (0.12, -0.06)],
              [(0.2, -0.36), (0.12, -0.06), (0.22, 0.26)], [(0.12, -0.06), (0.4, 0.0)],
              [(-0.3, -0.06), (-0.66, 0.0)])  # fmt: skip
    for plate in plates:
        sketch.line(coat.outline, plate, 0.04)
    rim = ribbon([(-0.84, 0.3), (-0.15, 0.38), (0.6, 0.3)], 0.13)
    sketch.paint(shade(coat.base, 1.35), rim, outline=coat.outline, width=0.03)
    _round_eye(sketch, 0.94, -0.16, 0.07)
    sketch.line(dark, [(1.08, -0.06), (0.98, -0.02), (0.9, -0.04)], 0.035)


def _swimming_turtle(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    skin, dark = _skin(rng)
    sweep = rng.uniform(-0.1, 0.15)
    parts: list[Points] = [polygon((-0.6, -0.09), (-0.98, 0.0), (-0.6, 0.09))]
    for s in (-1, 1):
        parts += [
            blob((0.45, s * 0.3), (0.56, s * 0.78), (0.36 - sweep, s * 0.98), (0.18, s * 0.5)),
            blob((-0.42, s * 0.32), (-0.66, s * 0.7), (-0.8, s * 0.66), (-0.62, s * 0.26)),
        ]
    parts += [ribbon([(0.5, 0), (0.8, 0)], 0.28), ellipse(0.82, 0, 0.22, 0.19)]
    sketch.paint(skin, *parts, outline=dark)
    sketch.paint(coat.texture, ellipse(0, 0, 0.66, 0.54), outline=coat.outline)
    for start, end in zip(HEXAGON, HEXAGON[1:] + HEXAGON[:1], strict=True):
        edge = (start[0] * 1.85, start[1] * 1.85)
        sketch.line(coat.outline, [start, end], 0.04)
        sketch.line(coat.outline, [start, edge], 0.04)
    for s in (-1, 1):
        _round_eye(sketch, 0.9, s * 0.1, 0.06)


def _skin(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Colour of a turtle's limbs, and of their contour."""
    skin = choose(rng, (*VIVID, (166, 140, 92), (140, 132, 110)))
    return skin, shade(skin, 0.4)

"""How to draw a cat, a dog and a rabbit.

All are drawn into a frame of about two units, x to the right and y down.
"""

from __future__ import annotations

import numpy as np

from ascribe.scenes.coats import Coat
from ascribe.scenes.sketch import Colour, Sketch, blob, ellipse, polygon, ribbon, shade

BLACK: Colour = (34, 28, 30)
WHITE: Colour = (252, 250, 246)
PINK: Colour = (236, 160, 164)
TONGUE: Colour = (232, 104, 116)
IRISES: tuple[Colour, ...] = ((152, 190, 84), (226, 184, 72), (112, 176, 200))
COLLARS: tuple[Colour, ...] = ((200, 60, 56), (60, 110, 190), (70, 150, 90))


def draw_cat(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A cat sitting, standing, or only its head."""
    pose = rng.random()
    if pose < 0.45:
        _sitting_cat(sketch, rng, coat)
    elif pose < 0.85:
        _standing_cat(sketch, rng, coat)
    else:
        _cat_head(sketch.inside(scale=0.9), rng, coat)


def draw_dog(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A dog sitting, standing, or only its head."""
    pose = rng.random()
    if pose < 0.45:
        _sitting_dog(sketch, rng, coat)
    elif pose < 0.85:
        _standing_dog(sketch, rng, coat)
    else:
        _dog_head(sketch.inside(scale=0.9), rng, coat)


def draw_rabbit(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    """A rabbit upright, crouching, or only its head."""
    pose = rng.random()
    if pose < 0.45:
        _upright_rabbit(sketch, rng, coat)
    elif pose < 0.85:
        _crouching_rabbit(sketch, rng, coat)
    else:
        _rabbit_head(sketch.inside(y=0.45, scale=0.75), rng, coat)


def _sitting_cat(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    tail = [(0.3, 0.8), (0.75, 0.82), (0.9, 0.45), (0.72, 0.1 + rng.uniform(-0.15, 0.1))]
    sketch.paint(coat.texture, ribbon(tail, 0.19, 0.13), outline=coat.outline)
    body = blob((0, -0.3), (0.32, 0.0), (0.48, 0.5), (0.42, 0.88), (0, 0.92), (-0.42, 0.88),
                (-0.48, 0.5), (-0.32, 0.0))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    _forelegs(sketch, coat, 0.13)
    _cat_head(sketch.inside(y=-0.42, scale=0.56, turn=rng.uniform(-10, 10)), rng, coat)


def _standing_cat(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    tip = rng.uniform(-0.2, 0.2)
    tail = [(-0.6, 0.1), (-0.9, -0.15), (-0.82, -0.55), (-0.95 + tip, -0.85)]
    sketch.paint(coat.texture, ribbon(tail, 0.17, 0.11), outline=coat.outline)
    _four_legs(sketch, coat, thick=0.17, foot=0.78)
    body = blob((-0.72, 0.1), (-0.4, -0.16), (0.1, -0.12), (0.5, -0.2), (0.66, 0.1), (0.45, 0.36),
                (-0.1, 0.34), (-0.55, 0.4))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    _cat_head(sketch.inside(0.6, -0.28, scale=0.48, turn=rng.uniform(-10, 10)), rng, coat)


def _cat_head(head: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    ears = [blob((s * 0.78, -0.25), (s * 0.82, -0.98), (s * 0.72, -0.98), (s * 0.12, -0.55))
            for s in (-1, 1)]  # fmt: skip
    face = blob((0, -0.66), (0.5, -0.55), (0.85, -0.05), (0.78, 0.32), (0.4, 0.62), (0, 0.68),
                (-0.4, 0.62), (-0.78, 0.32), (-0.85, -0.05), (-0.5, -0.55))  # fmt: skip
    head.paint(coat.texture, *ears, face, outline=coat.outline, width=0.06)
    for s in (-1, 1):
        head.paint(PINK, blob((s * 0.68, -0.45), (s * 0.72, -0.8), (s * 0.38, -0.56)))
    head.paint(coat.pale, ellipse(-0.17, 0.32, 0.25, 0.2), ellipse(0.17, 0.32, 0.25, 0.2))
    iris = IRISES[int(rng.integers(len(IRISES)))]
    for s in (-1, 1):
        head.paint(iris, ellipse(s * 0.4, -0.05, 0.2, 0.19), outline=BLACK, width=0.04)
        head.paint(BLACK, ellipse(s * 0.4, -0.05, 0.075, 0.17))
        head.paint(WHITE, ellipse(s * 0.4 + 0.06, -0.12, 0.05))
    head.paint((214, 110, 118), blob((-0.1, 0.16), (0, 0.14), (0.1, 0.16), (0, 0.27)))
    for s in (-1, 1):
        head.line(BLACK, [(0, 0.25), (s * 0.06, 0.39), (s * 0.2, 0.39)], 0.045)
        for rise in (-0.12, 0.02, 0.16):
            head.line(WHITE, [(s * 0.42, 0.3 + rise / 2), (s * 1.08, 0.26 + 1.4 * rise)], 0.035)


def _sitting_dog(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    tail = [(0.3, 0.75), (0.68, 0.66), (0.88, 0.3 + rng.uniform(-0.15, 0.15))]
    sketch.paint(coat.texture, ribbon(tail, 0.22, 0.1), outline=coat.outline)
    body = blob((0, -0.3), (0.4, -0.1), (0.52, 0.45), (0.5, 0.88), (0, 0.92), (-0.5, 0.88),
                (-0.52, 0.45), (-0.4, -0.1))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    sketch.paint(coat.pale, ellipse(0, 0.3, 0.24, 0.34))
    _forelegs(sketch, coat, 0.17)
    _collar(sketch, rng, 0.08)
    _dog_head(sketch.inside(y=-0.42, scale=0.58, turn=rng.uniform(-12, 12)), rng, coat)


def _standing_dog(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    tail = [(-0.6, 0.0), (-0.82, -0.18), (-0.9, -0.5 + rng.uniform(-0.1, 0.15))]
    sketch.paint(coat.texture, ribbon(tail, 0.2, 0.09), outline=coat.outline)
    _four_legs(sketch, coat, thick=0.23, foot=0.82)
    body = blob((-0.74, 0.1), (-0.5, -0.2), (0.0, -0.2), (0.5, -0.28), (0.7, 0.1), (0.5, 0.42),
                (-0.1, 0.34), (-0.6, 0.4))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    _dog_head(sketch.inside(0.56, -0.34, scale=0.52, turn=rng.uniform(-12, 12)), rng, coat)


def _dog_head(head: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    face = blob((0, -0.72), (0.5, -0.6), (0.66, -0.1), (0.52, 0.4), (0.3, 0.7), (0, 0.76),
                (-0.3, 0.7), (-0.52, 0.4), (-0.66, -0.1), (-0.5, -0.6))  # fmt: skip
    head.paint(coat.texture, face, outline=coat.outline, width=0.06)
    if rng.random() < 0.7:
        head.paint(TONGUE, blob((-0.15, 0.6), (0.15, 0.6), (0.15, 0.92), (0, 1.02), (-0.15, 0.92)),
                   outline=shade(TONGUE, 0.6), width=0.04)  # fmt: skip
    muzzle = (ellipse(-0.19, 0.42, 0.27, 0.24), ellipse(0.19, 0.42, 0.27, 0.24))
    head.paint(coat.pale, *muzzle, ellipse(0, 0.1, 0.13, 0.4))
    flop = rng.uniform(-0.1, 0.15)
    for s in (-1, 1):
        ear = blob((s * 0.36, -0.7), (s * 0.72, -0.6), (s * (0.98 + flop), 0.0),
                   (s * (0.9 + flop), 0.38), (s * 0.7, 0.36), (s * 0.58, -0.15))  # fmt: skip
        head.paint(shade(coat.accent, 0.85), ear, outline=coat.outline, width=0.06)
        head.paint(BLACK, ellipse(s * 0.3, -0.12, 0.12, 0.14))
        head.paint(WHITE, ellipse(s * 0.3 + 0.04, -0.17, 0.045))
    head.paint(BLACK, blob((-0.2, 0.18), (0, 0.12), (0.2, 0.18), (0.1, 0.34), (0, 0.38),
                           (-0.1, 0.34)))  # fmt: skip
    head.paint((130, 120, 124), ellipse(-0.06, 0.2, 0.05, 0.025))
    for s in (-1, 1):
        head.line(BLACK, [(0, 0.36), (s * 0.04, 0.54), (s * 0.22, 0.58)], 0.05)


def _upright_rabbit(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    sketch.paint(WHITE, ellipse(0.46, 0.74, 0.15), outline=shade(coat.pale, 0.75))
    body = blob((0, 0.02), (0.28, 0.2), (0.42, 0.6), (0.36, 0.92), (0, 0.96), (-0.36, 0.92),
                (-0.42, 0.6), (-0.28, 0.2))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    sketch.paint(coat.pale, ellipse(0, 0.62, 0.22, 0.27))
    for s in (-1, 1):
        sketch.paint(coat.texture, ellipse(s * 0.28, 0.92, 0.2, 0.1), outline=coat.outline)
        paw = [(s * 0.26, 0.34), (s * 0.13, 0.5)]
        sketch.paint(coat.texture, ribbon(paw, 0.15), outline=coat.outline)
    _rabbit_head(sketch.inside(y=-0.1, scale=0.5, turn=rng.uniform(-8, 8)), rng, coat)


def _crouching_rabbit(sketch: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    sketch.paint(WHITE, ellipse(-0.78, 0.42, 0.17), outline=shade(coat.pale, 0.75))
    body = blob((-0.76, 0.4), (-0.55, -0.1), (-0.1, -0.2), (0.35, 0.05), (0.6, 0.5), (0.45, 0.76),
                (-0.3, 0.78), (-0.7, 0.72))  # fmt: skip
    sketch.paint(coat.texture, body, outline=coat.outline)
    sketch.paint(coat.texture, ellipse(-0.36, 0.44, 0.3, 0.28), outline=coat.outline, width=0.03)
    feet = (ellipse(-0.24, 0.76, 0.3, 0.09), ellipse(0.42, 0.77, 0.2, 0.08))
    sketch.paint(coat.texture, *feet, outline=coat.outline)
    _rabbit_head(sketch.inside(0.5, 0.12, scale=0.46, turn=rng.uniform(-5, 12)), rng, coat)


def _rabbit_head(head: Sketch, rng: np.random.Generator, coat: Coat) -> None:
    for s in (-1, 1):
        lean = rng.uniform(0, 22)
        ear = head.inside(s * 0.24, -0.45, turn=s * lean)
        ear.paint(coat.texture, ellipse(0, -0.56, 0.2, 0.66), outline=coat.outline, width=0.06)
        ear.paint(PINK, ellipse(0, -0.54, 0.1, 0.48))
    face = blob((0, -0.6), (0.42, -0.46), (0.62, 0.08), (0.44, 0.5), (0, 0.64), (-0.44, 0.5),
                (-0.62, 0.08), (-0.42, -0.46))  # fmt: skip
    head.paint(coat.texture, face, outline=coat.outline, width=0.06)
    head.paint(coat.pale, ellipse(-0.16, 0.3, 0.21, 0.18), ellipse(0.16, 0.3, 0.21, 0.18))
    head.paint(WHITE, polygon((-0.09, 0.38), (0.09, 0.38), (0.08, 0.53), (-0.08, 0.53)),
               outline=coat.outline, width=0.02)  # fmt: skip
    head.line(coat.outline, [(0, 0.4), (0, 0.53)], 0.025)
    for s in (-1, 1):
        head.paint(BLACK, ellipse(s * 0.34, -0.08, 0.12, 0.15))
        head.paint(WHITE, ellipse(s * 0.34 + 0.04, -0.14, 0.045))
        head.line(BLACK, [(0, 0.28), (s * 0.07, 0.38), (s * 0.18, 0.36)], 0.045)
    head.paint(PINK, blob((-0.09, 0.16), (0.09, 0.16), (0, 0.28)), outline=coat.outline, width=0.03)


def _forelegs(sketch: Sketch, coat: Coat, apart: float) -> None:
    """The two front legs and the hind paws of an animal that sits and looks at us."""
    hind = [ellipse(s * 0.36, 0.88, 0.18, 0.11) for s in (-1, 1)]
    sketch.paint(coat.texture, *hind, outline=coat.outline)
    legs = [ribbon([(s * apart, 0.25), (s * apart, 0.86)], 0.19, 0.22) for s in (-1, 1)]
    for leg in legs:
        sketch.paint(coat.texture, leg, outline=coat.outline, width=0.03)


def _four_legs(sketch: Sketch, coat: Coat, thick: float, foot: float) -> None:
    """The legs of an animal that stands, the far ones in shadow."""
    far = [ribbon([(x, 0.2), (x, foot - 0.06)], thick) for x in (-0.34, 0.3)]
    sketch.paint(shade(coat.base, 0.75), *far, outline=coat.outline)
    near = [ribbon([(x, 0.15), (x, foot)], thick * 1.1, thick) for x in (-0.56, 0.5)]
    sketch.paint(coat.texture, *near, outline=coat.outline)


def _collar(sketch: Sketch, rng: np.random.Generator, y: float) -> None:
    colour = COLLARS[int(rng.integers(len(COLLARS)))]
    sketch.line(colour, [(-0.3, y - 0.06), (0, y + 0.03), (0.3, y - 0.06)], 0.1)
    sketch.paint((236, 196, 70), ellipse(0, y + 0.08, 0.06))

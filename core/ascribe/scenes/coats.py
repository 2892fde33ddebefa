"""Fur, feathers and scales: colours and patterns that all animals share.

Every animal draws from the same colours and patterns, so that a classifier has to
look at shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ascribe.scenes.sketch import Colour, Knots, Sketch, blob, ellipse, ribbon, shade

NATURAL: tuple[Colour, ...] = (
    (240, 234, 224),
    (228, 206, 166),
    (224, 156, 84),
    (201, 140, 80),
    (166, 112, 66),
    (116, 78, 52),
    (158, 156, 156),
    (112, 118, 128),
    (66, 62, 66),
    (190, 108, 62),
)
VIVID: tuple[Colour, ...] = (
    (112, 150, 84),
    (86, 140, 132),
    (88, 132, 182),
    (214, 92, 66),
    (232, 182, 72),
    (134, 142, 92),
)


@dataclass(frozen=True)
class Coat:
    """One animal's colours.

    Parameters
    ----------
    texture : PIL.Image.Image
        The patterned coat, as large as the canvas.
    base, accent, outline : tuple of int
        Main colour, the colour of the pattern, and the dark colour of the contours.
    """

    texture: Image.Image
    base: Colour
    accent: Colour
    outline: Colour

    @property
    def pale(self) -> Colour:
        """Colour of a muzzle or belly."""
        return shade(self.base, 1.6)


def choose(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """One of the colours, slightly varied."""
    varied = np.array(colours[int(rng.integers(len(colours)))]) + rng.integers(-12, 13, size=3)
    red, green, blue = (int(c) for c in np.clip(varied, 0, 255))
    return red, green, blue


def draw_coat(rng: np.random.Generator, side: int, vivid: float = 0.0) -> Coat:
    """Draw a coat for a canvas of `side` pixels; `vivid` is the chance of a bright one."""
    colours = NATURAL + VIVID * 2 if rng.random() < vivid else NATURAL
    base = choose(rng, colours)
    accent = choose(rng, NATURAL)
    if np.abs(np.array(base) - np.array(accent)).max() < 40:
        accent = shade(base, 0.62)
    texture = Image.new("RGB", (side, side), base)
    frame = Sketch(texture, np.eye(2) * side / 2, np.full(2, side / 2)).inside(
        turn=rng.uniform(-25, 25)
    )
    pattern = (_plain, _plain, _patches, _stripes, _spots)[int(rng.integers(5))]
    pattern(frame, rng, accent)
    return Coat(_lit_from_above(texture), base, accent, shade(base, 0.38))


def _plain(frame: Sketch, rng: np.random.Generator, accent: Colour) -> None:
    """No pattern."""


def _patches(frame: Sketch, rng: np.random.Generator, accent: Colour) -> None:
    for x, y in rng.uniform(-0.8, 0.8, size=(6, 2)):
        angles = np.linspace(0, 2 * np.pi, 7, endpoint=False)
        radii = rng.uniform(0.12, 0.34, size=7)
        knots = zip(x + radii * np.cos(angles), y + radii * np.sin(angles), strict=True)
        frame.paint(accent, blob(*knots))


def _stripes(frame: Sketch, rng: np.random.Generator, accent: Colour) -> None:
    gap = rng.uniform(0.16, 0.26)
    for x in np.arange(-1.4, 1.4, gap):
        wiggle = rng.uniform(-0.05, 0.05, size=5)
        knots: Knots = list(zip(x + wiggle, np.linspace(-1.4, 1.4, 5), strict=True))
        frame.paint(accent, ribbon(knots, gap * 0.42))


def _spots(frame: Sketch, rng: np.random.Generator, accent: Colour) -> None:
    for x, y in rng.uniform(-1.0, 1.0, size=(55, 2)):
        frame.paint(accent, ellipse(x, y, rng.uniform(0.03, 0.075)))


def _lit_from_above(texture: Image.Image) -> Image.Image:
    """The texture, lighter at the top and darker at the bottom."""
    light = np.linspace(1.1, 0.84, texture.height)[:, None, None]
    pixels = np.asarray(texture, dtype=np.float64) * light
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

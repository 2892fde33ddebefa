"""Outlines of smooth shapes, and a canvas that paints them in any frame.

Every shape is an array of points, so that turning, mirroring and scaling an animal
moves points and never resamples pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Points = npt.NDArray[np.float64]
Colour = tuple[int, int, int]
Knots = Sequence[tuple[float, float]]

STEPS = 8
"""Points drawn between two knots of a curve."""


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Points:
    """Outline of an ellipse about (x, y), turned by `turn` degrees."""
    angle = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
    points = np.stack([rx * np.cos(angle), (rx if ry is None else ry) * np.sin(angle)], axis=1)
    return np.asarray(points @ rotation(turn).T + np.array([x, y]))


def blob(*knots: tuple[float, float]) -> Points:
    """Smooth closed outline through the knots (a Catmull-Rom spline)."""
    ring = np.array(knots, dtype=np.float64)
    around = [np.roll(ring, shift, axis=0) for shift in (1, 0, -1, -2)]
    return _spline(*around)


def polygon(*knots: tuple[float, float]) -> Points:
    """Outline with straight sides and sharp corners."""
    return np.array(knots, dtype=np.float64)


def path(knots: Knots) -> Points:
    """Smooth open curve through the knots."""
    ends = np.array([knots[0], *knots, knots[-1]], dtype=np.float64)
    curve = _spline(ends[:-3], ends[1:-2], ends[2:-1], ends[3:])
    return np.concatenate([curve, ends[-1:]])


def ribbon(knots: Knots, thick: float, thin: float | None = None) -> Points:
    """Outline of a limb or tail along `knots`, from `thick` to `thin`, with round ends."""
    centre = path(knots)
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = np.linspace(thick, thick if thin is None else thin, len(centre))[:, None] / 2
    last = _cap(centre[-1], across[-1], along[-1], half[-1, 0])
    first = _cap(centre[0], -across[0], -along[0], half[0, 0])
    return np.concatenate([centre + across * half, last, (centre - across * half)[::-1], first])


def rotation(degrees: float) -> Points:
    """Rotation matrix, shape (2, 2)."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def shade(colour: Colour, factor: float) -> Colour:
    """The colour darkened (factor below 1) or brought nearer to white (factor above 1)."""
    goal = 0.0 if factor < 1 else 255.0
    weight = abs(1 - factor)
    red, green, blue = (round(c + (goal - c) * weight) for c in colour)
    return red, green, blue


def _spline(before: Points, start: Points, end: Points, after: Points) -> Points:
    """Catmull-Rom curves from each start to each end, all joined."""
    t = np.linspace(0.0, 1.0, STEPS, endpoint=False)[None, :, None]
    a, b, c, d = (knot[:, None, :] for knot in (before, start, end, after))
    bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    curve = b + ((c - a) * t + bend) / 2
    return np.asarray(curve.reshape(-1, 2))


def _cap(centre: Points, across: Points, along: Points, radius: float) -> Points:
    angle = np.linspace(0.0, np.pi, 8)[1:-1, None]
    return np.asarray(centre + radius * (np.cos(angle) * across + np.sin(angle) * along))


@dataclass(frozen=True)
class Sketch:
    """A canvas seen in a frame of its own.

    Parameters
    ----------
    canvas : PIL.Image.Image
        The RGB or RGBA picture painted on, shared by all frames.
    linear, origin : numpy.ndarray
        Pixel of a point p of the frame: ``linear @ p + origin``; shapes (2, 2) and (2,).
        The y axis points down.
    """

    canvas: Image.Image
    linear: Points
    origin: Points

    @property
    def scale(self) -> float:
        """Pixels per unit of the frame."""
        return float(np.sqrt(abs(np.linalg.det(self.linear))))

    def inside(
        self, x: float = 0, y: float = 0, scale: float = 1, turn: float = 0, mirror: bool = False
    ) -> Sketch:
        """A frame about (x, y), scaled, turned by `turn` degrees, mirrored left to right."""
        step = scale * rotation(turn) @ np.diag([-1.0 if mirror else 1.0, 1.0])
        return Sketch(self.canvas, self.linear @ step, self._pixels(np.array([x, y])))

    def paint(
        self,
        fill: Colour | Image.Image,
        *shapes: Points,
        outline: Colour | None = None,
        width: float = 0.045,
    ) -> None:
        """Fill the union of the shapes, its border drawn `width` units thick around it."""
        draw = ImageDraw.Draw(self.canvas)
        corners = [self._corners(shape) for shape in shapes]
        if outline is not None:
            thickness = max(1, round(2 * width * self.scale))
            for points in corners:
                ring = [*points, points[0], points[1]]
                draw.line(ring, fill=outline, width=thickness, joint="curve")
        for points in corners:
            if isinstance(fill, Image.Image):
                stencil = Image.new("L", self.canvas.size)
                ImageDraw.Draw(stencil).polygon(points, fill=255)
                self.canvas.paste(fill, mask=stencil)
            else:
                draw.polygon(points, fill=fill)

    def line(self, colour: Colour, knots: Knots, width: float = 0.045) -> None:
        """Draw a smooth open line, `width` units thick."""
        self.paint(colour, ribbon(knots, width))

    def _corners(self, shape: Points) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in self._pixels(shape)]

    def _pixels(self, points: Points) -> Points:
        return np.asarray(points @ self.linear.T + self.origin)

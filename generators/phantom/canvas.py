"""A picture to draw on, in units of 1/64 of its side, so that every size shows the same."""

import cmath
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from generators.phantom.palette import Colour

__all__ = ["SIDE", "Canvas", "Point", "Points", "mirrored", "smooth"]

SIDE = 64
"""Units along one side of a picture."""

Point = tuple[float, float]
Points = tuple[Point, ...]

STEPS = 6  # points of a curve between two of its nodes: at 256 pixels still no corner shows


class Canvas:
    """Draws flat shapes in a frame of its own: x to the right, y down, moved, turned and scaled against the picture."""

    __slots__ = ("_draw", "_origin", "_zoom", "image")

    def __init__(self, pixels: int, colour: Colour = (0, 0, 0)) -> None:
        """A square picture of this many pixels a side, all of one colour."""
        self.image = Image.new("RGB", (pixels, pixels), colour)
        self._draw = ImageDraw.Draw(self.image)
        self._zoom = complex(pixels / SIDE)
        self._origin = 0j

    def placed(self, x: float, y: float, *, scale: float = 1.0, turn: float = 0.0) -> "Canvas":
        """The same picture with the origin moved to (x, y), everything scaled, and turned clockwise by radians."""
        other = Canvas.__new__(Canvas)
        other.image, other._draw = self.image, self._draw
        other._zoom = self._zoom * cmath.rect(scale, turn)
        other._origin = self._origin + self._zoom * complex(x, y)
        return other

    def at(self, x: float, y: float) -> Point:
        """Where a point of this frame lies in the picture, in its pixels."""
        where = self._origin + self._zoom * complex(x, y)
        return where.real, where.imag

    def shape(self, outline: Iterable[Point], colour: Colour) -> None:
        """Fill a closed outline."""
        self._draw.polygon(self._flat(outline), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.shape(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse around (x, y). It stays upright: heads turn by a few degrees only."""
        (cx, cy), zoom = self.at(x, y), abs(self._zoom)
        self._draw.ellipse((cx - rx * zoom, cy - ry * zoom, cx + rx * zoom, cy + ry * zoom), fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle around (x, y)."""
        self.oval(x, y, radius, radius, colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """A circle whose line, this wide, lies inside the radius."""
        (cx, cy), zoom = self.at(x, y), abs(self._zoom)
        reach = radius * zoom
        box = (cx - reach, cy - reach, cx + reach, cy + reach)
        self._draw.ellipse(box, outline=colour, width=max(1, round(width * zoom)))

    def stroke(self, line: Points, width: float, colour: Colour) -> None:
        """Draw an open line with round ends."""
        zoom = abs(self._zoom)
        self._draw.line(self._flat(line), fill=colour, width=max(1, round(width * zoom)), joint="curve")
        for x, y in (line[0], line[-1]):
            self.disc(x, y, width / 2, colour)

    def _flat(self, points: Iterable[Point]) -> list[float]:
        a, b = self._zoom.real, self._zoom.imag
        ox, oy = self._origin.real, self._origin.imag
        return [v for x, y in points for v in (ox + a * x - b * y, oy + b * x + a * y)]


def mirrored(half: Points) -> Points:
    """A closed outline from its right half, given from top to bottom."""
    return (*half, *((-x, y) for x, y in reversed(half)))


@lru_cache(maxsize=2048)
def smooth(nodes: Points, *, closed: bool = True) -> Points:
    """The curve through all nodes (a uniform Catmull-Rom spline), as points that lie close together."""
    known = np.array(nodes if closed else (nodes[0], *nodes, nodes[-1]))
    count = len(nodes) if closed else len(nodes) - 1
    first = -1 if closed else 0
    windows = known[(np.arange(count)[:, None] + np.arange(first, first + 4)) % len(known)]
    curve = (BASIS @ windows).reshape(-1, 2).tolist()
    return tuple((x, y) for x, y in curve) + (() if closed else nodes[-1:])


def _basis() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    t = np.arange(STEPS)[:, None] / STEPS
    powers = np.hstack([np.ones_like(t), t, t**2, t**3])
    weights = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return powers @ weights


BASIS = _basis()

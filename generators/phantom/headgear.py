"""What each occupation wears on the head, drawn around the middle of the head.

Everything stays above the brows and lets the hair beside the temples show.
"""

from collections.abc import Callable

from generators.phantom.canvas import Canvas, mirrored, smooth
from generators.phantom.palette import GOLD, INK, SILVER, WHITE, Colour, hexed, shade, tint
from generators.phantom.portrait import Occupation

__all__ = ["draw_headgear"]

BRIM = -9.6
"""Lowest edge of a hat at the middle of the forehead."""


def draw_headgear(head: Canvas, occupation: Occupation) -> None:
    """The hat, cap, helmet or goggles of an occupation; nothing where there is none."""
    wear = HEADGEAR.get(occupation)
    if wear:
        wear(head)


def _dome(head: Canvas, wide: float, top: float, colour: Colour, *, low: float = BRIM) -> None:
    half = ((0.0, top), (wide * 0.55, top + 0.9), (wide * 0.92, top + 4.6), (wide, low - 1.0), (wide * 0.5, low))
    head.shape(smooth(mirrored(half)), colour)


def _toque(head: Canvas) -> None:
    white = hexed("faf8f3")[0]
    edge = shade(white, 0.2)
    puffs = ((-7.6, -21.0, 5.0), (7.6, -21.0, 5.0), (0.0, -22.4, 6.4))
    for x, y, radius in puffs:
        head.disc(x, y, radius + 0.5, edge)
    for x, y, radius in puffs:
        head.disc(x, y, radius, white)
    head.shape(((-10.2, -20.0), (10.2, -20.0), (11.2, BRIM), (-11.2, BRIM)), white)
    head.shape(
        smooth(((-11.4, -14.6), (0.0, -15.6), (11.4, -14.6), (11.6, BRIM + 0.2), (0.0, BRIM - 0.6), (-11.6, BRIM + 0.2))),
        tint(edge, 0.45),
    )
    for x in (-4.4, 0.0, 4.4):
        head.stroke(((x, -16.6), (x * 1.1, -20.4)), 0.7, edge)


def _nurse_cap(head: Canvas) -> None:
    white = hexed("fbfaf6")[0]
    head.shape(((-9.6, -19.6), (9.6, -19.6), (10.8, -11.6), (0.0, -10.2), (-10.8, -11.6)), shade(white, 0.22))
    head.shape(((-9.0, -19.0), (9.0, -19.0), (10.2, -12.0), (0.0, -10.8), (-10.2, -12.0)), white)
    teal = hexed("1f9e9a")[0]
    for side in (-1, 1):
        head.disc(side * 1.3, -15.8, 1.5, teal)
    head.shape(((-2.7, -15.2), (2.7, -15.2), (0.0, -12.2)), teal)


def _mirror(head: Canvas) -> None:
    band = smooth(((-12.6, -10.4), (0.0, -12.6), (12.6, -10.4)), closed=False)
    head.stroke(band, 1.9, hexed("2f5d8a")[0])
    head.disc(0.0, -13.4, 3.9, hexed("5e6b7d")[0])
    head.disc(0.0, -13.4, 3.2, hexed("e6edf5")[0])
    head.disc(0.0, -13.4, 1.0, hexed("5e6b7d")[0])


def _goggles(head: Canvas) -> None:
    head.stroke(smooth(((-12.9, -9.2), (0.0, -12.6), (12.9, -9.2)), closed=False), 2.4, INK)
    for side in (-1, 1):
        head.oval(side * 5.0, -12.6, 4.7, 3.7, INK)
        head.oval(side * 5.0, -12.6, 3.7, 2.7, hexed("58d0e8")[0])
        head.oval(side * 5.0 - 1.0, -13.4, 1.2, 0.8, WHITE)


def _fire_helmet(head: Canvas) -> None:
    red = hexed("d3302f")[0]
    _dome(head, 12.6, -22.0, red)
    head.shape(
        smooth(
            (
                (-17.4, -8.2),
                (-12.0, -11.8),
                (0.0, -12.8),
                (12.0, -11.8),
                (17.4, -8.2),
                (9.0, -9.4),
                (0.0, -9.8),
                (-9.0, -9.4),
            )
        ),
        shade(red, 0.3),
    )
    for x in (-6.0, 0.0, 6.0):
        head.stroke(((x, -12.8), (x * 0.6, -21.0 + abs(x) * 0.12)), 0.9, shade(red, 0.25))
    head.shape(((-3.4, -20.4), (3.4, -20.4), (3.4, -15.2), (0.0, -12.4), (-3.4, -15.2)), GOLD)


def _hard_hat(head: Canvas) -> None:
    yellow = hexed("f8c81c")[0]
    _dome(head, 12.8, -21.6, yellow, low=-10.4)
    head.shape(smooth(((-2.4, -22.2), (2.4, -22.2), (2.9, -11.4), (-2.9, -11.4))), tint(yellow, 0.45))
    for side in (-1, 1):
        head.stroke(
            smooth(((side * 6.6, -19.4), (side * 8.4, -15.8), (side * 8.8, -11.6)), closed=False), 0.9, shade(yellow, 0.22)
        )
    head.shape(
        smooth(((-14.6, -9.4), (-12.4, -11.6), (0.0, -12.4), (12.4, -11.6), (14.6, -9.4), (0.0, -9.9))), shade(yellow, 0.2)
    )


def _peaked(head: Canvas, top: Colour, band: Colour, peak: Colour) -> None:
    crown = ((-15.2, -17.6), (-9.0, -21.4), (0.0, -22.6), (9.0, -21.4), (15.2, -17.6), (12.2, -13.4), (-12.2, -13.4))
    head.shape(smooth(crown), shade(top, 0.25))
    head.shape(smooth(tuple((0.95 * x, 0.5 + 0.965 * (y + 18.0) - 18.5) for x, y in crown)), top)
    head.shape(((-12.2, -14.6), (12.2, -14.6), (12.6, -10.8), (-12.6, -10.8)), band)
    head.shape(smooth(((-11.0, -11.6), (0.0, -12.8), (11.0, -11.6), (7.6, -9.0), (0.0, -8.2), (-7.6, -9.0))), peak)


def _police_cap(head: Canvas) -> None:
    navy = hexed("2b3c6b")[0]
    _peaked(head, navy, hexed("6f9bd8")[0], hexed("171b2b")[0])
    head.disc(0.0, -16.8, 2.9, SILVER)
    head.disc(0.0, -16.8, 1.6, hexed("6f86a8")[0])


def _pilot_cap(head: Canvas) -> None:
    _peaked(head, hexed("f7f6f1")[0], hexed("1c2233")[0], hexed("11141f")[0])
    for side in (-1, 1):
        head.shape(smooth(((0.0, -17.8), (side * 7.6, -19.4), (side * 5.6, -16.0), (0.0, -15.4))), GOLD)
    head.disc(0.0, -16.6, 1.7, shade(GOLD, 0.2))


def _straw_hat(head: Canvas) -> None:
    straw = hexed("ecc76b")[0]
    head.shape(
        smooth(
            (
                (-19.0, -9.6),
                (-13.0, -12.4),
                (0.0, -13.8),
                (13.0, -12.4),
                (19.0, -9.6),
                (11.0, -9.4),
                (0.0, -9.9),
                (-11.0, -9.4),
            )
        ),
        shade(straw, 0.2),
    )
    _dome(head, 10.6, -22.2, straw, low=-11.4)
    head.shape(((-10.6, -14.8), (10.6, -14.8), (10.9, -11.2), (-10.9, -11.2)), hexed("b3432f")[0])
    for x in (-5.4, 0.0, 5.4):
        head.stroke(((x, -16.4), (x * 0.8, -19.8)), 0.8, shade(straw, 0.22))


def _beret(head: Canvas) -> None:
    plum = hexed("8e2c63")[0]
    head.stroke(((3.0, -20.4), (4.4, -23.0)), 1.4, plum)
    head.shape(
        smooth(
            (
                (-12.4, -11.4),
                (-13.4, -15.0),
                (-8.0, -20.2),
                (2.0, -21.8),
                (12.0, -20.0),
                (18.2, -15.4),
                (15.6, -12.0),
                (0.0, -12.4),
            )
        ),
        plum,
    )
    head.stroke(smooth(((-12.2, -10.8), (0.0, -12.2), (12.4, -10.8)), closed=False), 1.9, shade(plum, 0.32))
    head.stroke(smooth(((-6.0, -17.4), (1.0, -19.2), (7.0, -18.6)), closed=False), 0.9, tint(plum, 0.25))


HEADGEAR: dict[Occupation, Callable[[Canvas], None]] = {
    "chef": _toque,
    "nurse": _nurse_cap,
    "doctor": _mirror,
    "scientist": _goggles,
    "firefighter": _fire_helmet,
    "builder": _hard_hat,
    "police officer": _police_cap,
    "pilot": _pilot_cap,
    "farmer": _straw_hat,
    "painter": _beret,
}

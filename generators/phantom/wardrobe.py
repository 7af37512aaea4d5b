"""Clothes and what is worn at the neck, drawn around the base of the neck, in units of 1/64 of the picture."""

from collections.abc import Callable

from generators.phantom.canvas import Canvas, Points, mirrored, smooth
from generators.phantom.palette import GOLD, INK, SILVER, WHITE, Colour, apart, hexed, mix, shade, tint
from generators.phantom.portrait import Occupation

__all__ = ["draw_clothes", "draw_neckline"]

TORSO = smooth(
    mirrored(((0.0, -0.5), (5.2, -0.6), (9.5, 1.4), (15.4, 4.2), (19.2, 8.6), (20.4, 15.0), (20.6, 24.0), (0.0, 24.0)))
)
SHADE = 0.16

JUMPERS = hexed("e07a5f", "3d7ea6", "6a994e", "b56576", "7b6fb0", "d9a441", "4a9c94", "8d6a9f")
SCARVES = hexed("e8476a", "f2c14e", "7b4fb3", "19a39a")
TIES = hexed("27406e", "7c2338", "2c6b52", "e2b23a")
TEAL, NAVY, DENIM, COAT, VEST, ROBE = hexed("1f9e9a", "27375f", "4674ab", "3a3f4c", "f57c1f", "24222b")
CREAM, MUSTARD, CHECK, SHIRT, LIME, RED = hexed("efe0c4", "d19a2a", "c8453c", "a9c8e8", "f4e04d", "d8403a")


def draw_clothes(body: Canvas, occupation: Occupation, luck: float) -> Colour:
    """Dress the torso for an occupation; ``luck`` in 0..1 varies the shade. Gives the main colour."""
    return CLOTHES[occupation](body, luck)


def _torso(body: Canvas, colour: Colour, luck: float = 0.5) -> Colour:
    own = mix(colour, WHITE if luck > 0.5 else INK, 0.16 * abs(luck - 0.5))
    body.shape(TORSO, own)
    for side in (-1, 1):
        body.stroke(((side * 13.4, 9.0), (side * 14.0, 18.0)), 0.8, shade(own, SHADE))
    return own


def _jumper(body: Canvas, luck: float) -> Colour:
    colour = JUMPERS[int(luck * len(JUMPERS)) % len(JUMPERS)]
    _torso(body, colour)
    for y in (8.5, 12.0):
        body.box(-13.2, y, 13.2, y + 1.3, tint(colour, 0.3))
    return colour


def _chef(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, hexed("f6f4ee")[0], luck)
    body.stroke(((-4.6, 1.5), (4.2, 5.0), (4.2, 18.0)), 0.8, shade(colour, 0.22))
    for y in (6.6, 10.6):
        for x in (-4.4, 4.4):
            body.disc(x, y, 1.15, INK)
    return colour


def _nurse(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, TEAL, luck)
    body.shape(((-6.5, -0.6), (0.0, 8.6), (6.5, -0.6), (4.0, -0.6), (0.0, 5.4), (-4.0, -0.6)), tint(colour, 0.35))
    body.disc(-8.6, 8.4, 2.6, WHITE)
    _heart(body, -8.6, 8.2, 1.7, TEAL)
    return colour


def _heart(body: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    for side in (-1, 1):
        body.disc(x + side * 0.5 * size, y - 0.25 * size, 0.58 * size, colour)
    body.shape(((x - size, y), (x + size, y), (x, y + size)), colour)


def _open_coat(body: Canvas, luck: float, shirt: Colour) -> Colour:
    colour = _torso(body, hexed("f3f5f8")[0], luck)
    body.shape(((-4.6, -0.6), (4.6, -0.6), (2.6, 18.0), (-2.6, 18.0)), shirt)
    for side in (-1, 1):
        lapel = ((side * 4.4, -0.8), (side * 9.2, 1.2), (side * 7.4, 6.4), (side * 3.2, 11.0))
        body.shape(lapel, shade(colour, 0.13))
    return colour


def _doctor(body: Canvas, luck: float) -> Colour:
    colour = _open_coat(body, luck, SHIRT)
    tube = hexed("2f5d8a")[0]
    body.stroke(smooth(((-6.4, 0.2), (-7.2, 5.0), (-5.6, 9.0)), closed=False), 1.3, tube)
    body.stroke(smooth(((6.4, 0.2), (7.2, 5.0), (6.0, 8.4)), closed=False), 1.3, tube)
    body.disc(-5.4, 10.4, 2.4, tube)
    body.disc(-5.4, 10.4, 1.4, SILVER)
    return colour


def _scientist(body: Canvas, luck: float) -> Colour:
    colour = _open_coat(body, luck, hexed("8f7ac8")[0])
    body.box(-12.6, 7.4, -7.2, 13.0, shade(colour, 0.1))
    for x, pen in ((-11.4, RED), (-9.8, TEAL)):
        body.box(x, 5.4, x + 1.0, 9.0, pen)
    return colour


def _firefighter(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, COAT, luck)
    for y in (7.4, 12.6):
        body.box(-19.0, y, 19.0, y + 2.4, LIME)
        body.box(-19.0, y + 0.8, 19.0, y + 1.6, SILVER)
    return colour


def _builder(body: Canvas, luck: float) -> Colour:
    _torso(body, hexed("5b7a9a")[0], luck)
    for side in (-1, 1):
        body.shape(
            ((side * 4.6, -0.8), (side * 10.6, 1.6), (side * 12.8, 18.0), (side * 0.6, 18.0), (side * 0.6, 8.0)), VEST
        )
        body.shape(((side * 6.2, -0.4), (side * 9.0, 0.8), (side * 9.6, 18.0), (side * 6.8, 18.0)), LIME)
    body.box(-12.4, 10.4, 12.4, 12.8, LIME)
    return VEST


def _police(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, NAVY, luck)
    for side in (-1, 1):
        body.shape(((side * 10.4, 1.6), (side * 16.2, 4.6), (side * 15.2, 6.6), (side * 9.6, 3.6)), shade(colour, 0.5))
        body.box(side * 7.6 - 2.8, 8.6, side * 7.6 + 2.8, 14.0, shade(colour, 0.3))
    body.disc(-7.6, 6.4, 2.3, GOLD)
    return colour


def _teacher(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, MUSTARD, luck)
    body.shape(((-5.0, -0.7), (5.0, -0.7), (0.0, 14.0)), hexed("f1efe6")[0])
    for side in (-1, 1):
        body.stroke(((side * 5.2, -0.5), (0.0, 14.0)), 1.2, shade(colour, 0.3))
    return colour


def _farmer(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, CHECK, luck)
    for y in (4.2, 8.2, 12.2):
        body.box(-15.5, y, 15.5, y + 0.9, shade(colour, 0.3))
    for x in (-14.6, 14.6):
        body.stroke(((x, 6.0), (x, 18.0)), 0.9, shade(colour, 0.3))
    for side in (-1, 1):
        body.shape(((side * 6.0, -0.4), (side * 9.4, 0.9), (side * 9.4, 9.0), (side * 6.0, 9.0)), DENIM)
        body.disc(side * 7.7, 8.0, 1.3, GOLD)
    body.box(-10.2, 8.2, 10.2, 18.0, DENIM)
    for side in (-1, 1):
        body.disc(side * 7.7, 8.9, 1.3, GOLD)
    return CHECK


def _pilot(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, hexed("f3f4f6")[0], luck)
    for side in (-1, 1):
        board = ((side * 9.4, 0.9), (side * 17.4, 4.9), (side * 16.4, 8.2), (side * 8.6, 4.2))
        body.shape(board, hexed("1d2438")[0])
        for share in (0.55, 0.8):
            top, low = 9.4 + 8.0 * share, 8.6 + 7.8 * share
            body.stroke(((side * top, 0.9 + 4.0 * share), (side * low, 4.2 + 4.0 * share)), 0.9, GOLD)
    body.shape(((-10.5, 8.4), (-7.5, 7.6), (-4.5, 8.4), (-6.4, 10.0), (-8.6, 10.0)), GOLD)
    return colour


def _judge(body: Canvas, luck: float) -> Colour:
    colour = _torso(body, ROBE, luck)
    for side in (-1, 1):
        body.stroke(((side * 7.4, 1.0), (side * 6.0, 18.0)), 2.2, hexed("8c2f3d")[0])
    jabot: Points = ((-3.6, 0.0), (3.6, 0.0), (5.6, 12.0), (3.0, 10.8), (0.0, 12.8), (-3.0, 10.8), (-5.6, 12.0))
    body.shape(jabot, WHITE)
    return colour


def _painter(body: Canvas, luck: float) -> Colour:
    _torso(body, hexed("5f87b8")[0], luck)
    for side in (-1, 1):
        body.stroke(((side * 6.6, 0.2), (side * 7.4, 6.0)), 1.9, CREAM)
    body.shape(((-9.4, 5.0), (9.4, 5.0), (11.4, 18.0), (-11.4, 18.0)), CREAM)
    dots = (((-6.6, 8.2), "e8476a"), ((6.4, 7.8), "19a39a"), ((-4.6, 12.2), "f2b01e"), ((5.4, 12.2), "7b4fb3"))
    for (x, y), code in dots:
        body.disc(x, y, 1.55, hexed(code)[0])
    return CREAM


CLOTHES: dict[Occupation, Callable[[Canvas, float], Colour]] = {
    "none": _jumper,
    "chef": _chef,
    "nurse": _nurse,
    "doctor": _doctor,
    "firefighter": _firefighter,
    "builder": _builder,
    "police officer": _police,
    "teacher": _teacher,
    "scientist": _scientist,
    "farmer": _farmer,
    "pilot": _pilot,
    "judge": _judge,
    "painter": _painter,
}


def draw_neckline(body: Canvas, clothes: Colour, luck: float, *, scarf: bool) -> None:
    """A scarf tied in a bow, or a collar with a tie, in whichever colour stands out from the clothes."""
    order = SCARVES if scarf else TIES
    start = int(luck * 4) % 4
    colour = max((order[start], order[(start + 1) % 4]), key=lambda one: apart(one, clothes))
    if scarf:
        _scarf(body, colour)
    else:
        _tie(body, clothes, colour)


def _scarf(body: Canvas, colour: Colour) -> None:
    dark = shade(colour, 0.25)
    band = ((-6.6, -2.2), (0.0, 0.6), (6.6, -2.2), (6.8, 0.4), (0.0, 3.6), (-6.8, 0.4))
    body.shape(smooth(band), colour)
    for side in (-1, 1):
        body.shape(((side * 0.6, 3.0), (side * 4.4, 9.2), (side * 1.2, 9.8)), dark)
        body.shape(
            smooth(((0.0, 2.6), (side * 3.6, -0.2), (side * 6.6, 0.4), (side * 6.4, 5.2), (side * 3.2, 4.8))), colour
        )
        body.stroke(((side * 2.0, 2.7), (side * 4.8, 2.8)), 0.7, dark)
    body.disc(0.0, 2.7, 1.6, dark)


def _tie(body: Canvas, clothes: Colour, colour: Colour) -> None:
    wing = hexed("fdfcf9" if sum(clothes) < 640 else "b9d3ee")[0]
    for side in (-1, 1):
        body.shape(((side * 4.6, -2.8), (side * 6.6, -0.4), (side * 4.4, 4.6), (0.0, 1.0)), wing)
        body.stroke(((side * 6.6, -0.4), (side * 4.4, 4.6), (0.0, 1.0)), 0.5, shade(wing, 0.3))
    body.shape(((-1.7, 0.8), (1.7, 0.8), (1.2, 3.6), (-1.2, 3.6)), shade(colour, 0.2))
    body.shape(((-1.2, 3.6), (1.2, 3.6), (2.6, 18.0), (-2.6, 18.0)), colour)

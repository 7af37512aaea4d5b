"""The tool of each occupation, drawn around its own middle within about 10 units to every side."""

from collections.abc import Callable

from generators.phantom.canvas import Canvas, Points, mirrored, smooth
from generators.phantom.palette import GOLD, INK, SILVER, WHITE, hexed, shade, tint
from generators.phantom.portrait import Occupation

__all__ = ["draw_plant", "draw_prop"]

WOOD, STEEL, RED = hexed("a9713f", "5a6170", "d8352f")


def draw_prop(place: Canvas, occupation: Occupation) -> None:
    """The tool of the occupation; nothing where there is none."""
    prop = PROPS.get(occupation)
    if prop:
        prop(place)


def _pan(place: Canvas) -> None:
    place.stroke(((-5.0, 4.6), (-10.4, 9.8)), 2.6, WOOD)
    place.disc(1.0, -1.0, 8.8, shade(STEEL, 0.45))
    place.disc(1.0, -1.0, 7.4, STEEL)
    place.shape(smooth(((-4.6, -1.6), (-2.0, -5.8), (3.0, -5.2), (6.4, -1.8), (4.4, 3.0), (-0.6, 4.4), (-3.6, 2.2))), WHITE)
    place.disc(1.2, -1.2, 2.7, hexed("f7b21b")[0])
    place.disc(0.4, -2.0, 0.7, hexed("fde08a")[0])


def _clipboard(place: Canvas) -> None:
    board = place.placed(0, 0, turn=0.14)
    board.box(-7.6, -9.0, 7.6, 10.4, hexed("8a5a34")[0])
    board.box(-6.0, -6.8, 6.0, 8.8, WHITE)
    board.box(-3.2, -10.2, 3.2, -6.8, SILVER)
    teal = hexed("1f9e9a")[0]
    for y, wide in ((-3.6, 4.2), (0.2, 2.4), (4.0, 4.2)):
        board.box(-4.4, y, wide, y + 1.7, teal)


def _bag(place: Canvas) -> None:
    place.stroke(smooth(((-4.4, -4.0), (-3.4, -8.6), (3.4, -8.6), (4.4, -4.0)), closed=False), 1.8, hexed("57301d")[0])
    place.shape(smooth(((-9.6, -3.0), (-8.6, -4.8), (8.6, -4.8), (9.6, -3.0), (9.4, 8.8), (-9.4, 8.8))), hexed("8e4f2c")[0])
    place.box(-9.4, -3.4, 9.4, 0.2, hexed("6d391e")[0])
    place.box(-1.6, -1.6, 1.6, 2.0, GOLD)
    place.disc(0.0, 5.2, 2.6, WHITE)


def _extinguisher(place: Canvas) -> None:
    place.stroke(smooth(((1.4, -7.4), (6.6, -7.0), (8.0, 0.0), (7.0, 5.0)), closed=False), 1.5, INK)
    place.shape(smooth(((-5.2, 9.4), (-5.4, -1.4), (-3.0, -5.0), (3.0, -5.0), (5.4, -1.4), (5.2, 9.4))), RED)
    place.box(-1.8, -8.4, 1.8, -4.6, STEEL)
    place.stroke(((-4.6, -9.0), (2.4, -9.0)), 1.6, INK)
    place.box(-5.3, 1.0, 5.3, 5.4, WHITE)
    place.stroke(((-3.4, -2.0), (-3.4, 0.0)), 1.0, tint(RED, 0.5))


def _bricks(place: Canvas) -> None:
    brick, mortar = hexed("c8603c")[0], hexed("ded5c8")[0]
    place.box(-10.0, -3.6, 10.0, 9.4, mortar)
    for row, starts in enumerate(
        (((-9.6, -0.4), (0.4, 9.6)), ((-9.6, -5.4), (-4.6, 4.4), (5.2, 9.6)), ((-9.6, -0.4), (0.4, 9.6)))
    ):
        for left, right in starts:
            place.box(left, -3.2 + 4.2 * row, right, 0.2 + 4.2 * row, brick)
    place.stroke(((1.6, -6.4), (6.8, -10.0)), 1.9, WOOD)
    place.shape(((2.8, -7.6), (-1.0, -3.8), (-8.2, -4.0), (-3.4, -9.4)), SILVER)


def _shield(place: Canvas) -> None:
    half: Points = ((0.0, -10.0), (3.4, -8.4), (8.4, -8.2), (8.6, 0.6), (5.0, 6.8), (0.0, 10.2))
    place.shape(mirrored(half), shade(GOLD, 0.35))
    place.shape(tuple((0.84 * x, 0.84 * y) for x, y in mirrored(half)), GOLD)
    star = []
    for corner in range(10):
        radius = 5.6 if corner % 2 == 0 else 2.5
        x, y = PENTAGON[corner]
        star.append((radius * x, radius * y - 0.6))
    place.shape(star, hexed("27375f")[0])


PENTAGON: Points = (
    (0.0, -1.0), (0.588, -0.809), (0.951, -0.309), (0.951, 0.309), (0.588, 0.809),
    (0.0, 1.0), (-0.588, 0.809), (-0.951, 0.309), (-0.951, -0.309), (-0.588, -0.809),
)  # fmt: skip


def _book(place: Canvas) -> None:
    blue = hexed("2f6fbf")[0]
    place.shape(((-10.4, -6.4), (0.0, -4.0), (10.4, -6.4), (10.4, 7.6), (0.0, 9.8), (-10.4, 7.6)), blue)
    for side in (-1, 1):
        page = ((0.0, -3.6), (side * 4.4, -6.6), (side * 9.4, -7.0), (side * 9.4, 5.6), (side * 4.4, 5.4), (0.0, 8.0))
        place.shape(page, WHITE if side < 0 else hexed("efeadd")[0])
        for y in (-3.4, 0.0, 3.4):
            place.stroke(((side * 2.4, y - 0.4), (side * 7.6, y - 1.2)), 0.9, hexed("8aa3c4")[0])
    place.shape(((3.8, -6.6), (6.0, -6.9), (6.0, 0.4), (4.9, -0.8), (3.8, 0.6)), RED)


def _flask(place: Canvas) -> None:
    glass, green = hexed("eef6fa")[0], hexed("5fd02f")[0]
    place.shape(
        ((-2.6, -10.0), (2.6, -10.0), (2.6, -3.6), (9.2, 8.0), (8.0, 9.8), (-8.0, 9.8), (-9.2, 8.0), (-2.6, -3.6)),
        shade(glass, 0.35),
    )
    place.shape(
        ((-1.9, -9.4), (1.9, -9.4), (1.9, -3.3), (8.3, 7.8), (7.5, 9.0), (-7.5, 9.0), (-8.3, 7.8), (-1.9, -3.3)), glass
    )
    place.shape(((-4.6, 1.2), (4.6, 1.2), (8.3, 7.8), (7.5, 9.0), (-7.5, 9.0), (-8.3, 7.8)), green)
    for x, y, radius in ((-2.4, 5.4, 1.3), (2.8, 4.2, 1.0), (1.0, 7.0, 0.8)):
        place.disc(x, y, radius, tint(green, 0.55))
    place.stroke(((-3.2, -10.0), (3.2, -10.0)), 1.5, STEEL)


def _basket(place: Canvas) -> None:
    place.stroke(smooth(((-8.2, 1.0), (-7.0, -8.6), (7.0, -8.6), (8.2, 1.0)), closed=False), 1.7, hexed("8b5a2b")[0])
    for x, y, code in ((-4.8, -1.6, "d8352f"), (0.4, -3.2, "f28c28"), (5.0, -1.6, "6fae3a")):
        place.disc(x, y, 3.7, hexed(code)[0])
    place.stroke(((0.6, -6.4), (1.8, -8.4)), 1.1, hexed("3f7d2c")[0])
    place.shape(((-9.6, 0.4), (9.6, 0.4), (7.4, 9.6), (-7.4, 9.6)), hexed("c08a4a")[0])
    for y in (2.8, 6.2):
        place.stroke(((-8.2, y), (8.2, y)), 1.0, hexed("8b5a2b")[0])


def _plane(place: Canvas) -> None:
    toy = place.placed(0, 0, turn=-0.35)
    blue, hull = hexed("2f6fd0")[0], hexed("f4f6fa")[0]
    toy.shape(((-9.6, -7.0), (-6.4, -7.0), (-3.0, -1.0), (-9.0, -1.0)), blue)
    toy.shape(
        smooth(((-10.4, -1.6), (0.0, -3.6), (7.6, -3.0), (10.6, 0.2), (7.0, 3.0), (-2.0, 3.0), (-9.4, 0.8))),
        shade(hull, 0.4),
    )
    toy.shape(smooth(((-9.6, -1.3), (0.0, -2.9), (7.2, -2.4), (9.8, 0.2), (6.8, 2.3), (-2.0, 2.3), (-8.8, 0.5))), hull)
    for x in (-4.0, -0.6, 2.8):
        toy.disc(x, -0.8, 0.9, hexed("58b7e8")[0])
    toy.shape(((-2.6, 0.8), (3.6, 0.8), (-2.2, 9.4), (-5.6, 9.4)), blue)


def _gavel(place: Canvas) -> None:
    dark, lit = hexed("7a4526")[0], hexed("a3622f")[0]
    place.oval(0.5, 7.6, 8.8, 2.6, shade(dark, 0.3))
    place.oval(0.5, 6.2, 8.8, 2.6, lit)
    mallet = place.placed(0.5, -2.6, turn=-0.5)
    mallet.stroke(((0.0, 0.0), (-10.0, 3.0)), 2.2, lit)
    hammer = place.placed(1.6, -3.2, turn=0.75)
    hammer.box(-6.8, -3.9, 6.8, 3.9, dark)
    for x in (-6.8, 4.6):
        hammer.box(x, -4.4, x + 2.2, 4.4, GOLD)


def _palette(place: Canvas) -> None:
    place.stroke(((2.0, 4.0), (9.8, -9.6)), 1.5, hexed("6d4410")[0])
    place.shape(
        smooth(((-9.8, 0.0), (-6.4, -6.4), (1.0, -7.6), (8.2, -4.4), (9.4, 2.4), (4.4, 5.0), (3.0, 8.4), (-4.4, 8.0))),
        hexed("8b5a2b")[0],
    )
    place.shape(
        smooth(((-9.0, 0.0), (-5.9, -5.7), (1.0, -6.8), (7.5, -3.9), (8.6, 2.0), (3.8, 4.3), (2.4, 7.6), (-4.0, 7.2))),
        hexed("dcae74")[0],
    )
    for x, y, code in (
        (-5.4, -0.8, "d8352f"),
        (-1.6, -4.0, "f7c21b"),
        (3.4, -3.2, "2f6fd0"),
        (-3.6, 4.0, "3fa34d"),
        (5.6, 0.8, "8e3fb0"),
    ):
        place.disc(x, y, 1.9, hexed(code)[0])
    place.disc(0.6, 2.4, 1.4, hexed("8b5a2b")[0])


def draw_plant(place: Canvas) -> None:
    """A plant in a pot: what stands in a room where nobody works."""
    green = hexed("4f9d5d")[0]
    for x, y, turn in ((-4.4, -3.4, -0.6), (4.4, -3.4, 0.6), (0.0, -5.4, 0.0)):
        leaf = place.placed(x, y, turn=turn)
        leaf.shape(smooth(mirrored(((0.0, -5.4), (2.9, -0.4), (0.6, 5.6)))), green)
        leaf.stroke(((0.0, -3.6), (0.0, 4.4)), 0.7, tint(green, 0.35))
    place.shape(((-5.0, 2.0), (5.0, 2.0), (3.8, 9.4), (-3.8, 9.4)), hexed("c4643f")[0])
    place.box(-5.6, 1.2, 5.6, 3.4, hexed("d9805a")[0])


PROPS: dict[Occupation, Callable[[Canvas], None]] = {
    "chef": _pan,
    "nurse": _clipboard,
    "doctor": _bag,
    "firefighter": _extinguisher,
    "builder": _bricks,
    "police officer": _shield,
    "teacher": _book,
    "scientist": _flask,
    "farmer": _basket,
    "pilot": _plane,
    "judge": _gavel,
    "painter": _palette,
}

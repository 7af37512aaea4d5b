"""Where each occupation works: a wall, field or sky in its family of colours, with its landmarks in the upper corners.

Drawn in units of 1/64 of the picture. Walls are middling in brightness, so that hair of any colour stands out.
"""

from collections.abc import Callable

from generators.phantom.canvas import Canvas, smooth
from generators.phantom.palette import INK, WHITE, Colour, hexed, mix, shade, tint
from generators.phantom.portrait import Occupation
from generators.phantom.props import draw_plant

__all__ = ["draw_scene", "draw_table"]

WALLS = hexed("b9c6a8", "c9b7c9", "a9c3cc", "d8b9a6", "b8b5d0", "cdbf9f")
"""Of rooms where nobody works."""

Luck = tuple[float, ...]
"""Numbers in 0..1 that vary a scene."""


def draw_scene(picture: Canvas, occupation: Occupation, luck: Luck) -> None:
    """Fill the picture with the scene of an occupation; ``luck`` holds four numbers that vary it."""
    SCENES[occupation](picture, luck)


def draw_table(picture: Canvas, luck: Luck) -> None:
    """A table along the lower edge, for tools that nobody holds."""
    light, dark = hexed("c79a6b", "a97c54")
    top = mix(light, dark, luck[1])
    picture.box(0.0, 51.0, 64.0, 64.0, shade(top, 0.28))
    picture.box(0.0, 49.0, 64.0, 54.0, top)
    picture.oval(32.0, 51.6, 15.0, 1.9, shade(top, 0.2))


def _wall(picture: Canvas, colour: Colour, luck: Luck) -> Colour:
    """A wall whose brightness varies a little, with a soft round light behind the head."""
    own = mix(colour, WHITE if luck[0] > 0.5 else INK, 0.2 * abs(luck[0] - 0.5))
    picture.box(0.0, 0.0, 64.0, 64.0, own)
    picture.disc(29.0 + 6.0 * luck[2], 34.0, 25.0, tint(own, 0.16))
    return own


def _room(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, WALLS[int(luck[3] * len(WALLS)) % len(WALLS)], luck)
    if luck[1] < 0.5:
        picture.box(45.0, 6.0, 59.0, 24.0, tint(own, 0.7))
        picture.box(46.4, 7.4, 57.6, 22.6, hexed("bfe0ee")[0])
        picture.box(51.3, 7.4, 52.7, 22.6, tint(own, 0.7))
        draw_plant(picture.placed(8.5, 52.0, scale=0.8))
    else:
        picture.box(6.0, 8.0, 18.0, 22.0, shade(own, 0.35))
        picture.box(7.4, 9.4, 16.6, 20.6, tint(own, 0.6))
        picture.disc(12.0, 15.0, 3.2, hexed("e07a5f")[0])
        draw_plant(picture.placed(55.0, 52.0, scale=0.8))


def _kitchen(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, hexed("e7a987")[0], luck)
    for y in (27.0, 38.0):
        picture.box(0.0, y, 64.0, y + 0.8, tint(own, 0.4))
    picture.stroke(((3.0, 7.0), (61.0, 7.0)), 1.3, hexed("6b4a3a")[0])
    copper = hexed("b5562e")[0]
    for x, radius in ((9.5, 4.4), (54.0, 4.8)):
        picture.stroke(((x, 7.0), (x, 13.0)), 1.0, hexed("6b4a3a")[0])
        picture.disc(x, 15.4, radius, copper)
        picture.disc(x, 15.4, radius - 1.4, tint(copper, 0.25))
    picture.stroke(((18.0, 7.0), (18.0, 12.0)), 1.0, STEEL)
    picture.oval(18.0, 14.0, 1.7, 2.5, STEEL)


STEEL = hexed("5a6170")[0]


def _ward(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, hexed("a5d8bf")[0], luck)
    picture.box(0.0, 4.6, 64.0, 6.4, shade(own, 0.35))
    for left in (3.0, 50.5):
        for fold in range(3):
            x = left + 3.6 * fold
            picture.box(x, 6.4, x + 3.6, 44.0, hexed("f2f6ee", "cfe9dc")[fold % 2])
    picture.box(0.0, 46.0, 64.0, 48.0, shade(own, 0.2))


def _surgery(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("8fb0de")[0], luck)
    picture.box(46.0, 6.0, 60.0, 26.0, shade(WHITE, 0.25))
    picture.box(47.0, 7.0, 59.0, 25.0, WHITE)
    for row, half in enumerate((4.6, 3.6, 2.6, 1.6)):
        y = 9.4 + 4.0 * row
        picture.box(53.0 - half, y, 53.0 + half, y + 1.9, INK)
    picture.box(4.0, 22.0, 17.0, 23.6, hexed("6f7fa8")[0])
    for x, high, code in ((5.0, 9.0, "2f5d8a"), (8.4, 12.0, "d9e4f2"), (11.8, 8.0, "7b6fb0")):
        picture.box(x, 22.0 - high, x + 3.0, 22.0, hexed(code)[0])


def _fire(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, hexed("ef8354")[0], luck)
    for left, top, right in ((0.0, 20.0, 12.0), (50.0, 16.0, 64.0)):
        picture.box(left, top, right, 64.0, shade(own, 0.45))
    for x, y in ((8.0, 24.0), (55.0, 20.5)):
        picture.box(x - 2.0, y, x + 2.0, y + 5.0, hexed("ffd166")[0])
    for x, base in ((9.0, 20.0), (56.0, 16.0)):
        flame = smooth(
            (
                (x - 4.0, base),
                (x - 4.6, base - 4.0),
                (x - 1.4, base - 7.0),
                (x + 0.4, base - 11.0),
                (x + 3.4, base - 5.0),
                (x + 4.0, base),
            )
        )
        picture.shape(flame, hexed("e5352b")[0])
        picture.shape(tuple((x + 0.55 * (px - x), base + 0.55 * (py - base)) for px, py in flame), hexed("ffd23f")[0])


def _site(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("cfc3a2")[0], luck)
    steel = hexed("d9681d")[0]
    for x in (51.6, 56.4):
        picture.stroke(((x, 10.0), (x, 48.0)), 1.1, steel)
    for row in range(5):
        y = 13.0 + 6.5 * row
        picture.stroke(((51.6, y), (56.4, y + 5.0)), 0.9, steel)
    picture.stroke(((10.0, 8.6), (61.0, 8.6)), 1.7, steel)
    picture.stroke(((12.0, 8.6), (12.0, 17.0)), 0.9, INK)
    picture.box(8.4, 17.0, 15.6, 21.6, hexed("8c6b4f")[0])
    for x, top in ((0.0, 34.0), (8.0, 40.0)):
        picture.box(x, top, x + 8.0, 64.0, hexed("a4917a")[0])


def _city(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, hexed("93a0b4")[0], luck)
    for left, top, right in ((3.0, 14.0, 11.5), (11.5, 24.0, 17.5), (47.0, 22.0, 53.0), (53.0, 9.0, 61.0)):
        picture.box(left, top, right, 64.0, shade(own, 0.38))
    for x in (5.0, 8.2, 54.8, 57.8):
        for y in (17.0, 22.0, 27.0):
            picture.box(x, y, x + 1.9, y + 2.6, hexed("ffe08a")[0])
    for x, code in ((26.0, "e5352b"), (32.0, "2f6fd0")):
        picture.box(x, 4.0, x + 6.0, 6.6, hexed(code)[0])


def _classroom(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("dcc9a0")[0], luck)
    picture.box(3.0, 5.0, 61.0, 39.0, hexed("9c6b3f")[0])
    picture.box(4.6, 6.6, 59.4, 37.4, hexed("3f8f6c")[0])
    chalk = hexed("eaf4ea")[0]
    picture.ring(11.0, 14.0, 4.4, 0.9, chalk)
    picture.stroke(((49.0, 18.0), (56.0, 18.0), (52.5, 11.0), (49.0, 18.0)), 0.9, chalk)
    for y in (23.0, 26.4):
        picture.stroke(((48.6, y), (56.0, y)), 0.9, chalk)
        picture.stroke(((7.4, y), (13.0, y)), 0.9, chalk)


def _laboratory(picture: Canvas, luck: Luck) -> None:
    own = _wall(picture, hexed("b79ad6")[0], luck)
    for y in (22.0, 38.0):
        picture.box(3.0, y, 16.0, y + 1.5, shade(own, 0.45))
        picture.box(48.0, y, 61.0, y + 1.5, shade(own, 0.45))
    for x, y, code in ((7.4, 22.0, "f26a8d"), (53.0, 22.0, "35c3c1"), (6.6, 38.0, "ffd23f"), (57.4, 38.0, "5fd02f")):
        picture.box(x - 1.0, y - 9.0, x + 1.0, y - 3.0, WHITE)
        picture.disc(x, y - 3.6, 3.6, WHITE)
        picture.disc(x, y - 3.0, 2.8, hexed(code)[0])
    for x, code in ((13.0, "8fe3ff"), (58.6, "ffb3c6")):
        picture.box(x - 1.1, 13.0, x + 1.1, 22.0, hexed(code)[0])


def _field(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("9fd0e6")[0], luck)
    picture.disc(53.0, 12.0, 6.4, hexed("ffd23f")[0])
    picture.disc(53.0, 12.0, 4.6, hexed("ffe58a")[0])
    picture.shape(
        smooth(((-6.0, 70.0), (-6.0, 31.0), (14.0, 28.0), (34.0, 33.0), (54.0, 28.0), (70.0, 32.0), (70.0, 70.0))),
        hexed("8fbf4d")[0],
    )
    picture.box(0.0, 41.0, 64.0, 64.0, hexed("6ea33a")[0])
    for x in (6.0, 10.6, 15.2):
        picture.stroke(((x, 42.0), (x, 31.0)), 0.9, hexed("b58423")[0])
        picture.oval(x, 29.0, 1.7, 4.0, hexed("eab52f")[0])


def _sky(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("58b0ea")[0], luck)
    for x, y, size in ((9.0, 17.0, 1.0), (55.0, 30.0, 1.1), (8.0, 38.0, 0.9)):
        cloud = picture.placed(x, y, scale=size)
        cloud.oval(0.0, 1.6, 8.6, 2.8, WHITE)
        cloud.disc(-2.4, -0.4, 3.6, WHITE)
        cloud.disc(2.8, 0.2, 2.9, WHITE)
    plane = picture.placed(52.0, 12.0, turn=-0.2)
    plane.shape(smooth(((-7.0, 0.0), (0.0, -1.7), (6.0, -1.3), (7.4, 0.4), (0.0, 1.7))), WHITE)
    plane.shape(((-1.6, 0.2), (2.4, 0.2), (-1.6, 6.0), (-3.6, 6.0)), hexed("24508f")[0])
    plane.shape(((-7.4, -4.4), (-5.2, -4.4), (-3.0, -0.4), (-6.4, 0.0)), hexed("24508f")[0])


def _court(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("b96f6c")[0], luck)
    stone = hexed("f0e3cc")[0]
    picture.box(0.0, 3.0, 64.0, 7.6, shade(stone, 0.14))
    for x in (9.4, 54.6):
        picture.box(x - 6.4, 7.6, x + 6.4, 11.0, stone)
        picture.box(x - 4.8, 11.0, x + 4.8, 64.0, stone)
        for groove in (-2.2, 1.2):
            picture.box(x + groove, 11.0, x + groove + 1.1, 64.0, shade(stone, 0.2))


def _studio(picture: Canvas, luck: Luck) -> None:
    _wall(picture, hexed("e2a3b6")[0], luck)
    wood = hexed("8b5a2b")[0]
    for line in (((53.0, 4.0), (53.0, 12.0)), ((48.0, 28.0), (45.0, 50.0)), ((58.0, 28.0), (61.0, 50.0))):
        picture.stroke(line, 1.4, wood)
    picture.box(45.6, 8.0, 60.6, 29.4, wood)
    picture.box(46.8, 9.2, 59.4, 28.2, hexed("fbf3df")[0])
    picture.disc(51.0, 15.0, 3.2, hexed("f28c28")[0])
    picture.shape(((46.8, 28.2), (46.8, 24.4), (52.0, 20.0), (59.4, 25.0), (59.4, 28.2)), hexed("3b8ea5")[0])
    splash = ((8.4, 12.0, 4.0, "6c8fd6"), (13.8, 19.0, 2.5, "f7c21b"), (6.6, 22.4, 2.2, "6fae3a"))
    for x, y, radius, code in splash:
        picture.disc(x, y, radius, hexed(code)[0])


SCENES: dict[Occupation, Callable[[Canvas, Luck], None]] = {
    "none": _room,
    "chef": _kitchen,
    "nurse": _ward,
    "doctor": _surgery,
    "firefighter": _fire,
    "builder": _site,
    "police officer": _city,
    "teacher": _classroom,
    "scientist": _laboratory,
    "farmer": _field,
    "pilot": _sky,
    "judge": _court,
    "painter": _studio,
}

"""A face, drawn around the middle of the head: x to the right, y down, in units of 1/64 of the picture.

Lines are darker than light skin and lighter than deep skin, so that every feature shows on every tone. What is left
of the cheeks and the forehead is exactly the tone of the skin.
"""

from dataclasses import dataclass

import numpy as np

from generators.phantom.canvas import Canvas, Point, Points, mirrored, smooth
from generators.phantom.palette import SILVER, WHITE, Colour, Complexion, apart, hexed, mix, shade, tint
from generators.phantom.portrait import CUES, Portrait

__all__ = ["Looks", "draw_earrings", "draw_ears", "draw_face", "draw_glasses", "landmarks", "outline"]

EYE_Y, BROW_Y, NOSE_Y, MOUTH_Y = 0.7, -4.4, 4.7, 8.9
HEIGHT = 14.6  # from the middle of the head to the chin
EAR_Y = 2.6
PEARL, CLASP, HOOK = hexed("fffaf0", "f2b01e", "6d4410")


@dataclass(frozen=True, slots=True)
class Looks:
    """One person as it is drawn: the attributes, and the colours that follow from them."""

    person: Portrait
    skin: Complexion
    hair: Colour
    smile: float
    """How far the corners of the mouth rise, in units."""
    part: float
    """-1..1: where the hair parts."""

    def cue(self, name: str) -> bool:
        """Whether a cue takes the form typical of a feminine presentation."""
        return self.person.cues[CUES.index(name)]

    @property
    def reach(self) -> float:
        """Half the width of the head."""
        return 11.7 + 1.4 * self.person.face.width

    @property
    def eye_x(self) -> float:
        """From the middle of the face to the middle of an eye."""
        return 4.6 + 1.5 * self.person.face.eye_spacing

    @property
    def mouth_x(self) -> float:
        """Half the width of the mouth."""
        return 3.8 + 1.3 * self.person.face.mouth


ANGLES = np.linspace(-np.pi / 2, np.pi / 2, 19)
COS, SIN = np.cos(ANGLES), np.sin(ANGLES)
JAW = slice(11, 27)  # of the outline, the points below the ears


def outline(looks: Looks) -> Points:
    """The face: an oval that narrows to the chin, or one with a wide, square jaw."""
    below = np.maximum(SIN, 0)
    oval, square = COS * (1 - 0.24 * below**1.5), np.maximum(COS, 0) ** (1 - 0.5 * below)
    across = oval if looks.cue("jaw") else square
    half = np.stack([looks.reach * across, HEIGHT * SIN], axis=1).tolist()
    return mirrored(tuple((x, y) for x, y in half))


def landmarks(looks: Looks) -> dict[str, Point]:
    """Where the features lie, in the frame of the head."""
    return {
        "left_eye": (-looks.eye_x, EYE_Y),
        "right_eye": (looks.eye_x, EYE_Y),
        "nose": (0.0, NOSE_Y),
        "mouth_left": (-looks.mouth_x, MOUTH_Y - looks.smile),
        "mouth_right": (looks.mouth_x, MOUTH_Y - looks.smile),
        "chin": (0.0, HEIGHT),
    }


def draw_ears(head: Canvas, looks: Looks) -> None:
    """Both ears, before the face that covers their inner half."""
    for side in (-1, 1):
        head.oval(side * (looks.reach + 0.2), EAR_Y, 2.1, 3.1, looks.skin.flat)
        head.oval(side * (looks.reach + 0.5), EAR_Y, 1.0, 1.8, looks.skin.shaded)


def draw_face(head: Canvas, looks: Looks) -> None:
    """The face with all its features, without hair."""
    contour = outline(looks)
    head.shape(contour, looks.skin.flat)
    head.stroke(contour[JAW], 0.9, looks.skin.edge)
    for side in (-1, 1):
        head.oval(side * 7.4, 6.1, 2.1, 1.4, looks.skin.blush)
    _mark(head, looks)
    _age(head, looks)
    _nose(head, looks)
    for side in (-1, 1):
        _eye(head, looks, side)
        _brow(head, looks, side)
    _mouth(head, looks)


def _mark(head: Canvas, looks: Looks) -> None:
    mark = looks.person.face.mark
    colour = mix(looks.skin.flat, looks.skin.line, 0.95)
    if mark in (1, 2):
        head.disc(-7.6 if mark == 1 else 7.6, 9.0, 1.05, colour)
    elif mark:
        for x, y in ((5.0, 4.6), (7.2, 4.0), (9.2, 4.8), (6.1, 6.4), (8.4, 6.8)):
            head.disc(-x, y, 0.55, colour)
            head.disc(x, y, 0.55, colour)


def _age(head: Canvas, looks: Looks) -> None:
    if looks.person.age == "young":
        return
    line = mix(looks.skin.flat, looks.skin.line, 0.62)
    for side in (-1, 1):
        fold = ((side * 3.6, 5.4), (side * 5.5, 6.9), (side * 6.4, 9.2))
        head.stroke(smooth(fold, closed=False), 0.7, line)
        if looks.person.age == "older":
            for rise in (-0.9, 0.9):
                head.stroke(((side * 8.6, EYE_Y + 0.5 * rise), (side * 10.4, EYE_Y + 1.5 * rise)), 0.6, line)
    if looks.person.age == "older":
        head.stroke(smooth(((-3.6, -6.3), (0.0, -6.8), (3.6, -6.3)), closed=False), 0.7, line)


def _nose(head: Canvas, looks: Looks) -> None:
    wide = 1.1 + 1.3 * looks.person.face.nose
    curve = ((-wide, NOSE_Y - 0.5), (-wide * 0.5, NOSE_Y + 0.6), (wide * 0.5, NOSE_Y + 0.6), (wide, NOSE_Y - 0.5))
    head.stroke(smooth(curve, closed=False), 0.95, mix(looks.skin.flat, looks.skin.line, 0.8))


def _eye(head: Canvas, looks: Looks, side: int) -> None:
    big = 0.85 + 0.3 * looks.person.face.eye_size
    x, wide, high = side * looks.eye_x, 2.35 * big, 1.9 * big
    head.oval(x, EYE_Y, wide, high, WHITE)
    head.disc(x, EYE_Y + 0.1, 1.55 * big, hexed("33211c")[0])
    head.disc(x + 0.55, EYE_Y - 0.6, 0.55, WHITE)
    lid = ((x - side * wide, EYE_Y - 0.2), (x, EYE_Y - high - 0.1), (x + side * wide, EYE_Y - 0.4))
    if looks.cue("lashes"):
        head.stroke(smooth(lid, closed=False), 1.4, looks.skin.liner)
        for start, tip, rise in ((0.45, 0.75, 1.5), (0.9, 1.5, 0.9)):
            root = (x + side * wide * start, EYE_Y - high * (1.05 - 0.6 * start**2))
            head.stroke((root, (x + side * wide * tip, root[1] - rise)), 1.0, looks.skin.liner)
    else:
        head.stroke(smooth(lid, closed=False), 0.6, looks.skin.line)


def _brow(head: Canvas, looks: Looks, side: int) -> None:
    x, colour = side * looks.eye_x, _brow_colour(looks)
    if looks.cue("brows"):
        arch = ((x - side * 2.6, BROW_Y - 0.4), (x - side * 0.1, BROW_Y - 1.6), (x + side * 2.9, BROW_Y + 0.2))
        head.stroke(smooth(arch, closed=False), 0.9, colour)
    else:
        flat = ((x - side * 2.5, BROW_Y), (x + side * 0.4, BROW_Y - 0.3), (x + side * 2.8, BROW_Y + 0.4))
        head.stroke(smooth(flat, closed=False), 2.3, colour)


def _brow_colour(looks: Looks) -> Colour:
    """That of the hair, moved away from the skin until it shows."""
    skin = looks.skin.flat
    light_skin = sum(skin) > 330
    if looks.person.age == "older":
        return shade(SILVER, 0.3) if light_skin else SILVER
    own = shade(looks.hair, 0.18)
    while apart(own, skin) < 180:
        own = shade(own, 0.2) if light_skin else tint(own, 0.15)
    return own


def _mouth(head: Canvas, looks: Looks) -> None:
    wide, rise = looks.mouth_x, looks.smile
    left, right, low = (-wide, MOUTH_Y - rise), (wide, MOUTH_Y - rise), MOUTH_Y + 0.5
    if not looks.cue("lips"):
        head.stroke(smooth((left, (0.0, low), right), closed=False), 0.95, looks.skin.line)
        return
    upper = ((-wide * 0.35, MOUTH_Y - 1.3), (0.0, MOUTH_Y - 0.9), (wide * 0.35, MOUTH_Y - 1.3))
    lower = ((wide * 0.6, MOUTH_Y + 1.7), (0.0, MOUTH_Y + 2.8), (-wide * 0.6, MOUTH_Y + 1.7))
    head.shape(smooth((left, *upper, right, *lower)), looks.skin.lips)
    head.stroke(smooth((left, (0.0, low - 0.2), right), closed=False), 0.6, shade(looks.skin.lips, 0.45))
    head.stroke(((-0.9, MOUTH_Y + 1.5), (0.9, MOUTH_Y + 1.5)), 0.5, tint(looks.skin.lips, 0.4))


def draw_glasses(head: Canvas, looks: Looks) -> None:
    """Round frames: dark, or gold on deep skin."""
    colour, x = looks.skin.metal, looks.eye_x + 0.25
    for side in (-1, 1):
        head.ring(side * x, EYE_Y + 0.4, 4.45, 1.1, colour)
        head.stroke(((side * (x + 4.2), EYE_Y - 0.4), (side * (looks.reach + 0.6), EYE_Y - 1.0)), 1.0, colour)
    head.stroke(((-x + 4.2, EYE_Y), (x - 4.2, EYE_Y)), 1.1, colour)


def draw_earrings(head: Canvas, looks: Looks) -> None:
    """A gold stud and a pearl, edged so that they show on hair of any colour."""
    for side in (-1, 1):
        x, y = side * (looks.reach + 0.7), EAR_Y + 3.4
        head.disc(x, y, 1.5, HOOK)
        head.disc(x, y + 2.6, 2.2, HOOK)
        head.disc(x, y, 1.1, CLASP)
        head.disc(x, y + 2.6, 1.75, CLASP)
        head.disc(x - 0.3, y + 2.3, 0.95, PEARL)

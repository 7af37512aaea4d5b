"""A person: chair, hair, neck, clothes, head and headgear in the order in which they hide each other."""

from dataclasses import dataclass, replace

import numpy as np

from generators.phantom.canvas import Canvas, smooth
from generators.phantom.face import Looks, draw_earrings, draw_ears, draw_face, draw_glasses
from generators.phantom.hair import draw_back, draw_front, draw_locks
from generators.phantom.headgear import draw_headgear
from generators.phantom.palette import HAIR, SILVER, Colour, complexion, hexed, shade, tint
from generators.phantom.portrait import (
    AGES,
    CUES,
    HAIR_COLOURS,
    HAIRS,
    NO_OCCUPATION,
    TONES,
    Face,
    Light,
    Portrait,
)
from generators.phantom.wardrobe import draw_clothes, draw_neckline

__all__ = ["Figure", "bystander", "draw_chair", "draw_figure", "draw_wheel", "figure"]

TURN = np.deg2rad(4.0)
SHOULDERS = 18.3
"""From the middle of the head down to the base of the neck."""
TYRE, RUBBER, PAD = hexed("31363f", "4a515e", "3f6f8f")


@dataclass(frozen=True, slots=True)
class Figure:
    """One person and where it stands in the picture, in units."""

    looks: Looks
    x: float
    y: float
    scale: float
    turn: float
    """Tilt of the head, clockwise, in radians."""
    fabric: float
    """0..1: shade of the clothes."""
    knot: float
    """0..1: colour of what is worn at the neck."""

    def head(self, picture: Canvas) -> Canvas:
        """The frame of the head: origin between the ears. It tilts about the neck."""
        pivot = picture.placed(self.x, self.y, scale=self.scale).placed(0.0, 12.0, turn=self.turn)
        return pivot.placed(0.0, -12.0)

    def body(self, picture: Canvas) -> Canvas:
        """The frame of the torso: origin at the base of the neck."""
        return picture.placed(self.x, self.y + SHOULDERS * self.scale, scale=self.scale)


def figure(person: Portrait, rng: np.random.Generator, x: float, y: float) -> Figure:
    """The person near this place; the generator decides what no attribute speaks of."""
    dx, dy, scale, turn, smile, part, fabric, knot = rng.random(8).tolist()
    hair = SILVER if person.age == "older" else HAIR[person.hair_colour]
    looks = Looks(person, complexion(person.tone), hair, 0.9 + 0.9 * smile, 2 * part - 1)
    return Figure(
        looks,
        x + 4 * dx - 2,
        y + 2.4 * dy - 1.2,
        0.95 + 0.1 * scale,
        TURN * (2 * turn - 1),
        fabric,
        knot,
    )


def bystander(rng: np.random.Generator) -> Figure:
    """Somebody who stands behind, at the left: smaller, in everyday clothes, like nobody in front in particular."""
    cues = (bool(rng.integers(2)),) * len(CUES)
    person = Portrait(
        presentation="feminine" if cues[0] else "masculine",
        cues=cues,
        age=AGES[rng.integers(len(AGES))],
        tone=TONES[rng.integers(len(TONES))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        hair_colour=HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))],
        face=Face(*rng.random(5).tolist()),
        light=Light(),
    )
    small = figure(person, rng, 11.5, 26.0)
    return replace(small, x=0.4 * small.x + 6.6, scale=0.52 * small.scale)


def draw_figure(picture: Canvas, one: Figure) -> None:
    """Draw the person with clothes and headgear; chair and tool are drawn apart."""
    looks, head, body = one.looks, one.head(picture), one.body(picture)
    draw_back(head, looks)
    _neck(body, looks)
    clothes = draw_clothes(body, looks.person.occupation, one.fabric)
    draw_neckline(body, clothes, one.knot, scarf=looks.cue("neckline"))
    draw_locks(head, looks)
    draw_ears(head, looks)
    draw_face(head, looks)
    draw_front(head, looks)
    if looks.person.occupation != NO_OCCUPATION:
        draw_headgear(head, looks.person.occupation)
    if looks.person.glasses:
        draw_glasses(head, looks)
    if looks.cue("earrings"):
        draw_earrings(head, looks)


def _neck(body: Canvas, looks: Looks) -> None:
    body.shape(((-4.9, -9.0), (4.9, -9.0), (5.6, 2.0), (0.0, 5.0), (-5.6, 2.0)), looks.skin.shaded)


def draw_chair(picture: Canvas, one: Figure) -> None:
    """Backrest and push handles of a wheelchair; before the person who sits in it."""
    body = one.body(picture)
    frame: Colour = shade(TYRE, 0.2)
    for side in (-1, 1):
        body.stroke(
            smooth(((side * 17.6, 12.0), (side * 17.6, -2.0), (side * 18.6, -4.6), (side * 22.0, -5.4)), closed=False),
            2.0,
            SILVER,
        )
        body.stroke(((side * 19.4, -5.2), (side * 23.6, -5.6)), 3.4, frame)
    body.shape(
        smooth(((-16.2, -2.6), (0.0, -3.4), (16.2, -2.6), (17.4, 0.0), (17.4, 16.0), (-17.4, 16.0), (-17.4, 0.0))), frame
    )
    body.shape(
        smooth(((-15.2, -1.4), (0.0, -2.2), (15.2, -1.4), (16.2, 0.8), (16.2, 16.0), (-16.2, 16.0), (-16.2, 0.8))), PAD
    )


def draw_wheel(picture: Canvas) -> None:
    """A wheel at the lower left, with the rim by which it is pushed; after the person."""
    x, y = 10.0, 61.0
    for turn in (-0.35, 0.25, 0.85, 1.45):
        spoke = picture.placed(x, y, turn=turn)
        spoke.stroke(((0.0, 0.0), (0.0, -12.5)), 0.7, SILVER)
    picture.ring(x, y, 14.6, 3.6, tint(TYRE, 0.75))
    picture.ring(x, y, 14.0, 2.5, TYRE)
    picture.ring(x, y, 10.6, 1.3, SILVER)
    picture.disc(x, y, 3.4, RUBBER)

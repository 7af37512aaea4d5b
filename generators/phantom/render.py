"""From a portrait to pixels: every attribute drawn, the light laid over it, and where face and skin are."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from audit.errors import InputError
from audit.images import Pixels
from generators.phantom.canvas import SIDE, Canvas
from generators.phantom.face import landmarks, outline
from generators.phantom.figure import Figure, bystander, draw_chair, draw_figure, draw_wheel, figure
from generators.phantom.light import FRAME_REFLECTANCE, encoded, lit
from generators.phantom.palette import Colour
from generators.phantom.portrait import NO_OCCUPATION, Portrait
from generators.phantom.props import draw_plant, draw_prop
from generators.phantom.scenes import draw_scene, draw_table

__all__ = ["FRAME", "SIZES", "Rendering", "render"]

SIZES: Mapping[int, int] = MappingProxyType({32: 8, 64: 4, 128: 3, 256: 2})
"""Pixels a side -> how many times finer it is drawn before it is averaged down."""
FRAME = 3
"""Width of the white frame, in 1/64 of the picture."""
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin")

Mask = npt.NDArray[np.bool_]
GREY = round(float(encoded(FRAME_REFLECTANCE)))
FRAME_COLOUR: Colour = (GREY, GREY, GREY)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A drawn portrait."""

    pixels: Pixels
    """uint8 (size, size, 3), sRGB. The outer ``FRAME`` / 64 on every side is white card under the light of the scene."""
    landmarks: Mapping[str, tuple[float, float]]
    """x and y in pixels from the upper left corner of the picture: left_eye, right_eye (left and right in the picture),
    nose, mouth_left, mouth_right, chin. Empty where there is no person."""
    skin: Mask
    """bool (size, size): where the face in front shows skin that is exactly of its tone, times the light."""


def render(portrait: Portrait, size: int = 64) -> Rendering:
    """Draw a portrait. The same portrait gives the same bytes (with the same Pillow), and the same picture at each size.

    Args:
        portrait: What to draw; its ``variation`` decides all that no attribute speaks of.
        size: Pixels a side: 32, 64, 128 or 256.

    Raises:
        InputError: another size, or a negative ``variation``.
    """
    if size not in SIZES:
        raise InputError(f"portraits are drawn {', '.join(map(str, SIZES))} pixels wide, not {size}")
    if portrait.variation < 0:
        raise InputError(f"portrait: variation is {portrait.variation}; expected a seed of 0 or more")
    picture = Canvas(size * SIZES[size])
    person = _draw(picture, portrait)
    flat = picture.image.reduce(SIZES[size])
    pixels = np.array(lit(flat, portrait.light))
    if person is None:
        return Rendering(pixels, {}, np.zeros((size, size), dtype=np.bool_))
    head = person.head(picture)
    points = {name: _fine(head.at(x, y), size) for name, (x, y) in landmarks(person.looks).items()}
    return Rendering(pixels, points, _skin(flat, person, head))


def _fine(point: tuple[float, float], size: int) -> tuple[float, float]:
    return point[0] / SIZES[size], point[1] / SIZES[size]


def _draw(picture: Canvas, portrait: Portrait) -> Figure | None:
    # One stream for each part, so that an attribute of one never moves what is drawn of another.
    people, scenery, others = (np.random.default_rng((portrait.variation, part)) for part in range(3))
    luck = tuple(scenery.random(6).tolist())
    draw_scene(picture, portrait.occupation, luck)
    person = None
    if portrait.people == 0:
        _draw_still_life(picture, portrait, luck)
    else:
        if portrait.people == 2:
            draw_figure(picture, bystander(others))
        person = figure(portrait, people, 34.0 if portrait.people == 2 else 32.0, 29.5)
        if portrait.mobility_aid:
            draw_chair(picture, person)
        draw_figure(picture, person)
        draw_prop(picture.placed(50.6 + luck[4], 50.2 + luck[5], scale=0.98), portrait.occupation)
        if portrait.mobility_aid:
            draw_wheel(picture)
    _draw_frame(picture)
    return person


def _draw_still_life(picture: Canvas, portrait: Portrait, luck: tuple[float, ...]) -> None:
    draw_table(picture, luck)
    place = picture.placed(30.0 + 4 * luck[4], 35.0, scale=1.7)
    if portrait.occupation == NO_OCCUPATION:
        draw_plant(place)
    else:
        draw_prop(place, portrait.occupation)


def _draw_frame(picture: Canvas) -> None:
    far = SIDE - FRAME
    for edges in ((-1, -1, SIDE, FRAME), (-1, far, SIDE, SIDE), (-1, -1, FRAME, SIDE), (far, -1, SIDE, SIDE)):
        picture.box(*edges, FRAME_COLOUR)


def _skin(flat: Image.Image, person: Figure, head: Canvas) -> Mask:
    """Pixels within the outline of the face that nothing else touched: they hold the tone and no other colour."""
    size = flat.width
    inside = Image.new("1", flat.size)
    ImageDraw.Draw(inside).polygon([_fine(head.at(x, y), size) for x, y in outline(person.looks)], fill=1)
    same = np.array(flat) == np.array(person.looks.skin.flat, dtype=np.uint8)
    return np.asarray(np.array(inside) & same.all(axis=2))

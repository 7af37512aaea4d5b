"""Colours of the drawn world, sRGB 0..255, and how a complexion derives its lines from the tone of the skin."""

from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "GOLD",
    "HAIR",
    "INK",
    "SILVER",
    "TONE_COLOURS",
    "WHITE",
    "Colour",
    "Complexion",
    "apart",
    "complexion",
    "hexed",
    "mix",
    "shade",
    "tint",
]

Colour = tuple[int, int, int]


def hexed(*codes: str) -> tuple[Colour, ...]:
    """Colours from six hexadecimal digits each."""
    return tuple((int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in codes)


TONE_COLOURS = hexed("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The ten tones of the Monk scale, lightest first (Monk 2023, https://skintone.google)."""
DEEP = 8
"""From this tone on, lines lighter than the skin are what shows."""

WHITE: Colour = (252, 251, 247)
INK: Colour = (43, 42, 51)
GOLD: Colour = (240, 180, 41)
SILVER: Colour = (221, 225, 233)
HAIR = dict(zip(("black", "brown", "auburn", "blond"), hexed("2a2731", "714526", "b24a26", "e2b04e"), strict=True))


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour at ``share`` (0..1) of the way from one to the other."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def shade(colour: Colour, share: float) -> Colour:
    """Darker by this share."""
    return mix(colour, (20, 16, 34), share)


def tint(colour: Colour, share: float) -> Colour:
    """Lighter by this share."""
    return mix(colour, (255, 253, 248), share)


def apart(one: Colour, other: Colour) -> int:
    """How far two colours lie apart, 0..765."""
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) + abs(one[2] - other[2])


@dataclass(frozen=True, slots=True)
class Complexion:
    """The colours of one face."""

    flat: Colour
    """The tone itself: cheeks and forehead are exactly this."""
    shaded: Colour
    """The neck below the chin, the inside of an ear."""
    edge: Colour
    """Along the jaw, so that it parts from neck and hair."""
    blush: Colour
    line: Colour
    """Nose, natural mouth, lines of age: darker than light skin, lighter than deep skin."""
    lips: Colour
    liner: Colour
    """Lashes and eyeliner."""
    metal: Colour
    """Frames of glasses."""


@lru_cache(maxsize=len(TONE_COLOURS))
def complexion(tone: int) -> Complexion:
    """The colours that go with a Monk tone, 1..10."""
    flat = TONE_COLOURS[tone - 1]
    rose, brick, sand, bronze, gold = hexed("ee7a72", "6e241c", "e0a583", "c78f4c", "ecc15f")
    if tone < DEEP:
        lips, line = hexed("cb3f5c" if tone < 6 else "d42f55")[0], mix(flat, brick, 0.52 if tone < 6 else 0.66)
        shaded, edge = mix(flat, brick, 0.22), mix(flat, brick, 0.36)
        return Complexion(flat, shaded, edge, mix(flat, rose, 0.34), line, lips, INK, INK)
    # Muted lips and soft lines: pale or bright ones on deep skin would quote an old caricature.
    lips, line = mix(flat, hexed("b2405c")[0], 0.78), mix(flat, sand, 0.36)
    shaded, edge = mix(flat, (8, 4, 8), 0.38), mix(flat, sand, 0.34)
    return Complexion(flat, shaded, edge, mix(flat, rose, 0.26), line, lips, bronze, gold)

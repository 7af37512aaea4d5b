"""A drawn face for tests of skin tone, and the scenes of the benchmark."""

import numpy as np

from audit.component import Row
from audit.images import Pixels
from audit.scorers.skin_colour import MONK, linear
from benchmarks.people.tone_scenes import SIDE, among_colours, chart, encoded, grey, sand, swatch, wood

__all__ = [
    "LANDMARKS",
    "SIDE",
    "among_colours",
    "encoded",
    "face",
    "grey",
    "portrait",
    "sand",
    "swatch",
    "wood",
]

LANDMARKS = np.array([170, 100, 140, 100, 86, 100, 116, 100, 128, 147], dtype=np.float32)
"""Of the face of ``portrait``: eyes 54 pixels apart around (128, 100), nose below."""


def portrait(tone: int, stops: float = 0.0, fringe: bool = False) -> Pixels:
    """A face of one tone with eyes, mouth and hair before coloured chips, 256 x 256; a drawing of nobody."""
    flat = chart(16, 256)
    y, x = np.mgrid[:256, :256]
    flat[((x - 128) / 78) ** 2 + ((y - 112) / 104) ** 2 < 1] = (60, 38, 24)
    flat[((x - 128) / 66) ** 2 + ((y - 128) / 88) ** 2 < 1] = MONK[tone - 1]
    for middle in (101, 155):
        flat[((x - middle) / 15) ** 2 + ((y - 100) / 7) ** 2 < 1] = (245, 245, 245)
        flat[(abs(x - middle) < 17) & (abs(y - 84) < 3)] = (40, 25, 18)
    flat[((x - 128) / 24) ** 2 + ((y - 170) / 7) ** 2 < 1] = (190, 60, 70)
    if fringe:
        flat[(abs(x - 128) < 62) & (y > 30) & (y < 78)] = (60, 38, 24)
    flat += np.random.default_rng(tone).normal(0, 2, flat.shape)
    return encoded(linear(np.clip(flat, 0, 255)) * 2.0**stops)


def face(landmarks: object = LANDMARKS, left: float = 64.0, right: float = 192.0, region: int = 0) -> Row:
    """What a face scorer says of ``portrait``."""
    return Row({"left": left, "top": 60.0, "right": right, "bottom": 210.0, "landmarks": landmarks}, region)

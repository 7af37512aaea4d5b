"""Made-up pictures with skin, for tests of skin tone and the benchmark's questions in small: swatches, textures, faces."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from audit.component import Row
from audit.images import Pixels
from audit.scorers.skin_colour import MONK, linear

SIDE = 96
PATCH = slice(28, 68)
CHIPS = np.array(
    [[115, 82, 68], [98, 122, 157], [87, 108, 67], [214, 126, 44], [70, 148, 73], [175, 54, 60], [200, 200, 200]]
)


@dataclass(frozen=True)
class Scene:
    """A picture, where its skin is, and what surrounds it."""

    pixels: Pixels
    skin: npt.NDArray[np.bool_]

    @property
    def around(self) -> npt.NDArray[np.bool_]:
        return ~self.skin


def encoded(light: npt.ArrayLike) -> Pixels:
    """sRGB bytes of linear light, clipped; written apart from the code under test."""
    share = np.clip(np.asarray(light, dtype=np.float64), 0, 1)
    curve = np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)


def swatch(tone: int, stops: float = 0.0, gains: npt.ArrayLike = (1, 1, 1), noise: float = 2.0) -> Scene:
    """A square of a Monk tone on a chart of coloured chips, under light."""
    rng = np.random.default_rng(tone)
    chips = CHIPS[(np.arange(SIDE // 8)[:, None] * 5 + np.arange(SIDE // 8) * 3) % 7]
    flat = np.kron(chips, np.ones((8, 8, 1))).astype(np.float64)
    flat[PATCH, PATCH] = MONK[tone - 1]
    flat += rng.normal(0, noise, flat.shape)
    skin = np.zeros((SIDE, SIDE), dtype=bool)
    skin[PATCH, PATCH] = True
    return Scene(encoded(linear(np.clip(flat, 0, 255)) * 2.0**stops * np.asarray(gains)), skin)


def wood(seed: int = 0, side: int = SIDE) -> Pixels:
    """Rings and pores of brown wood."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    rings = np.sin(
        90 * np.hypot(x + 0.4, 0.15 * y + 0.3) + 2 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 6) * 30
    )
    pores = ndimage.gaussian_filter(rng.normal(size=(side, side)), (3, 0.6))
    shade = 1 + 0.32 * rings + 0.5 * pores
    return np.clip(np.array([150, 105, 66]) * shade[..., None] + rng.normal(0, 4, (side, side, 3)), 0, 255).astype(np.uint8)


def sand(seed: int = 0, side: int = SIDE) -> Pixels:
    """Grains of many browns."""
    rng = np.random.default_rng(seed)
    grains = np.array([[222, 198, 160], [190, 160, 120], [150, 120, 90], [235, 220, 190], [120, 95, 70]])
    chosen = grains[rng.integers(0, len(grains), (side, side))].astype(np.float64)
    return np.clip(ndimage.gaussian_filter(chosen, (0.5, 0.5, 0)), 0, 255).astype(np.uint8)


def grey(seed: int = 0, side: int = SIDE) -> Pixels:
    """A grey wall with some shading and grain."""
    rng = np.random.default_rng(seed)
    level = 150 + 25 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 12) * 12 + rng.normal(0, 3, (side, side))
    return np.repeat(np.clip(level, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


LANDMARKS = np.array([170, 100, 140, 100, 86, 100, 116, 100, 128, 147], dtype=np.float32)
"""Of the face of ``portrait``: eyes 54 pixels apart around (128, 100), nose below."""


def portrait(tone: int, stops: float = 0.0, fringe: bool = False) -> Pixels:
    """A face of one tone with eyes, mouth and hair before coloured chips, 256 x 256; a drawing of nobody."""
    rng = np.random.default_rng(tone)
    flat = np.kron(CHIPS[(np.arange(16)[:, None] * 5 + np.arange(16) * 3) % 7], np.ones((16, 16, 1))).astype(np.float64)
    y, x = np.mgrid[:256, :256]
    flat[((x - 128) / 78) ** 2 + ((y - 112) / 104) ** 2 < 1] = (60, 38, 24)
    flat[((x - 128) / 66) ** 2 + ((y - 128) / 88) ** 2 < 1] = MONK[tone - 1]
    for middle in (101, 155):
        flat[((x - middle) / 15) ** 2 + ((y - 100) / 7) ** 2 < 1] = (245, 245, 245)
        flat[(abs(x - middle) < 17) & (abs(y - 84) < 3)] = (40, 25, 18)
    flat[((x - 128) / 24) ** 2 + ((y - 170) / 7) ** 2 < 1] = (190, 60, 70)
    if fringe:
        flat[(abs(x - 128) < 62) & (y > 30) & (y < 78)] = (60, 38, 24)
    flat += rng.normal(0, 2, flat.shape)
    return encoded(linear(np.clip(flat, 0, 255)) * 2.0**stops)


def face(landmarks: object = LANDMARKS, left: float = 64.0, right: float = 192.0, region: int = 0) -> Row:
    """What a face scorer says of ``portrait``."""
    return Row({"left": left, "top": 60.0, "right": right, "bottom": 210.0, "landmarks": landmarks}, region)

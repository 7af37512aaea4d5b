"""Made-up pictures of which it is known what skin they show: Monk swatches under light, and textures that are no skin."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from audit.images import Pixels
from audit.scorers.skin_colour import MONK, XYZ_OF_LINEAR, linear

__all__ = [
    "LIGHTS",
    "PATCH",
    "SIDE",
    "TEXTURES",
    "Scene",
    "among_colours",
    "chart",
    "encoded",
    "grey",
    "sand",
    "swatch",
    "wood",
]

Floats = npt.NDArray[np.float64]

SIDE = 96
PATCH = slice(28, 68)
CHIPS = np.array(
    [[115, 82, 68], [98, 122, 157], [87, 108, 67], [214, 126, 44], [70, 148, 73], [175, 54, 60], [200, 200, 200]]
)
"""Dull and bright things of many colours, grey among them."""
NOISE = 2.0
"""Standard deviation of the noise of skin, in grey levels."""
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
NEUTRAL = (0.3127, 0.3290)


def _cast(x: float, y: float) -> Floats:
    """(3, 3) what a change of light from D65 to this chromaticity does to linear sRGB: von Kries in Bradford's space."""

    def cones(x: float, y: float) -> Floats:
        return np.asarray(BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y]))

    adapted = np.linalg.inv(BRADFORD) @ np.diag(cones(x, y) / cones(*NEUTRAL)) @ BRADFORD
    return np.asarray(np.linalg.inv(XYZ_OF_LINEAR) @ adapted @ XYZ_OF_LINEAR)


LIGHTS: dict[str, Floats] = {
    "neutral (D65)": np.eye(3),
    "warm (CIE A, 2856 K)": _cast(0.44757, 0.40745),
    "cool (daylight, 9000 K)": _cast(0.28699, 0.29563),
}
"""Name -> what the light does to linear sRGB. No camera has adapted to it: the whole of the cast is in the picture."""


@dataclass(frozen=True)
class Scene:
    """A picture and where its skin is."""

    pixels: Pixels
    skin: npt.NDArray[np.bool_]

    @property
    def around(self) -> npt.NDArray[np.bool_]:
        """What is no skin."""
        return ~self.skin


def encoded(light: npt.ArrayLike) -> Pixels:
    """sRGB bytes of linear light, clipped; written apart from the code under test."""
    share = np.clip(np.asarray(light, dtype=np.float64), 0, 1)
    curve = np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)


def chart(chip: int = 8, side: int = SIDE) -> Floats:
    """(side, side, 3) a chart of coloured chips in sRGB grey levels."""
    place = np.arange(side // chip)
    return np.kron(CHIPS[(place[:, None] * 5 + place * 3) % len(CHIPS)], np.ones((chip, chip, 1)))


def swatch(tone: int, stops: float = 0.0, cast: npt.ArrayLike = (1, 1, 1), seed: int = 0, noise: float = NOISE) -> Scene:
    """A square of a Monk tone on a chart of coloured chips, under light.

    Args:
        tone: 1 .. 10.
        stops: exposure; light is multiplied by 2 ** stops, then clipped.
        cast: gains (3,) or matrix (3, 3) on linear sRGB.
        seed: of the noise.
        noise: its standard deviation in grey levels.
    """
    flat = chart()
    flat[PATCH, PATCH] = MONK[tone - 1]
    flat += np.random.default_rng([tone, seed]).normal(0, noise, flat.shape)
    light = linear(np.clip(flat, 0, 255)) * 2.0**stops
    told = np.asarray(cast, dtype=np.float64)
    return Scene(encoded(light @ told.T if told.ndim == 2 else light * told), _patch())


def among_colours(texture: Pixels) -> Scene:
    """A patch of a texture on the chart of coloured chips, marked as skin."""
    pixels = chart().astype(np.uint8)
    pixels[PATCH, PATCH] = texture[PATCH, PATCH]
    return Scene(pixels, _patch())


def _patch() -> npt.NDArray[np.bool_]:
    skin = np.zeros((SIDE, SIDE), dtype=bool)
    skin[PATCH, PATCH] = True
    return skin


def wood(seed: int = 0, side: int = SIDE) -> Pixels:
    """Rings and pores of brown wood."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    bent = 60 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 6)
    rings = np.sin(90 * np.hypot(x + 0.4, 0.15 * y + 0.3) + bent)
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
    level = 150 + 300 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 12) + rng.normal(0, 3, (side, side))
    return np.repeat(np.clip(level, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


TEXTURES = {"wood": wood, "sand": sand, "grey wall": grey}

"""Light on the scene: gains that multiply every linear colour of a picture, its white frame included."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from generators.phantom.portrait import Light

__all__ = ["FRAME_REFLECTANCE", "encoded", "gains", "linear", "lit"]

FRAME_REFLECTANCE = 0.95
"""Share of the light that the white frame gives back, in each channel: what the light is read from."""

COLD = np.array([0.70, 0.86, 1.00])
WARM = np.array([1.00, 0.86, 0.62])


def linear(samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Linear light, 0..1, of sRGB samples, 0..255 (IEC 61966-2-1)."""
    share = np.asarray(samples, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def encoded(light: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """sRGB samples, 0..255 and not rounded, of linear light, 0..1; the inverse of ``linear``."""
    share = np.asarray(light, dtype=np.float64)
    return 255 * np.where(share <= 0.0031308, share * 12.92, 1.055 * np.maximum(share, 0) ** (1 / 2.4) - 0.055)


def gains(light: Light) -> npt.NDArray[np.float64]:
    """Factors on linear red, green and blue, each within 0..1 so that nothing clips."""
    end = WARM if light.warmth > 0 else COLD
    return np.asarray((1 + (end - 1) * abs(light.warmth)) * 2.0**light.exposure, dtype=np.float64)


def lit(image: Image.Image, light: Light) -> Image.Image:
    """The picture (RGB) under this light."""
    if light == Light():
        return image
    table = np.rint(encoded(LINEAR * gains(light)[:, None])).astype(int)
    return image.point(table.ravel().tolist())


LINEAR = linear(np.arange(256))

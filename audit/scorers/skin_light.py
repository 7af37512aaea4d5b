"""What light falls on a picture, told from everything but faces: shades of grey, in linear light."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.images import Pixels
from audit.scorers.skin_colour import linear

__all__ = ["NORM", "LightLimits", "balancing_gains"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NORM = 6
"""Order of the Minkowski mean: between grey world (1) and white patch (infinite)."""
LINEAR_POWER: Floats = linear(np.arange(256)) ** NORM


@dataclass(frozen=True, slots=True)
class LightLimits:
    """What a scene is taken for, and how far it may be balanced."""

    level: float = 0.5
    """Minkowski mean of the linear light of a well-lit scene: the median of everyday photographs. A scene with white in
    it has more: .78 where a sixth of it is white."""
    most_stops: float = 1.0
    """Most that the level is moved, in stops (factors of two)."""
    most_tint: float = 4.0
    """Most that a channel is raised or lowered against the mean of the three."""
    fewest: int = 1000
    """Pixels that must be there to be judged by."""
    darkest: int = 5
    brightest: int = 250
    """Pixels with a channel at or beyond these are clipped and left out."""


def balancing_gains(pixels: Pixels, around: Mask, limits: LightLimits) -> Floats | None:
    """Factors on linear red, green and blue that would make the surroundings neutral and well lit.

    Shades of grey (Finlayson & Trezzi 2004): the Minkowski mean (p = 6) of each channel is taken for the colour of the
    light. Unlike theirs, its level counts, too, since exposure moves apparent tone more than the colour of light does.

    Args:
        pixels: (height, width, 3) sRGB.
        around: (height, width) what to judge by: no faces.
        limits: of what is left out and how far gains go.

    Returns:
        (3,) above 0; None where too few unclipped pixels are around.
    """
    lit = around.copy()
    for channel in np.moveaxis(pixels, -1, 0):
        lit &= (channel > limits.darkest) & (channel < limits.brightest)
    seen = int(lit.sum())
    if seen < limits.fewest:
        return None
    # Levels are counted first: a power for each pixel would take 24 bytes of it, and most of the time of a large picture.
    counts = np.stack([np.bincount(channel[lit], minlength=256) for channel in np.moveaxis(pixels, -1, 0)])
    light = (counts @ LINEAR_POWER / seen) ** (1 / NORM)
    mean = float(light.mean())
    stops = float(np.clip(np.log2(limits.level / mean), -limits.most_stops, limits.most_stops))
    tint = np.clip(mean / light, 1 / limits.most_tint, limits.most_tint)
    return np.asarray(tint * 2.0**stops, dtype=np.float64)

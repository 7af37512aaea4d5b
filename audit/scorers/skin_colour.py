"""Colour science of skin: exact sRGB to CIELAB in float, lightness classes, hue, and the Monk scale by CIEDE2000.

Nothing here is rounded to 8 bits: CIELAB packed into bytes (L* x 2.55, a* + 128) is another space, and typology angles
made of it can return three of the ten classes only.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from skimage import color

__all__ = [
    "BINS",
    "MONK",
    "Tone",
    "bin_names",
    "hue_angle",
    "lab_of_linear",
    "linear",
    "membership",
    "typology_angle",
]

Floats = npt.NDArray[np.float64]

MONK = (
    (246, 237, 228),
    (243, 231, 219),
    (247, 234, 208),
    (234, 218, 186),
    (215, 189, 150),
    (160, 126, 86),
    (130, 92, 67),
    (96, 65, 52),
    (58, 49, 42),
    (41, 36, 32),
)
"""The ten tones of the Monk scale in sRGB, lightest first (Monk 2023, https://skintone.google)."""
BINS = ((1, 3), (4, 5), (6, 7), (8, 10))
"""First and last tone of each bin: half a stop of light moves many tones by one, so finer classes would not hold."""
SOFTNESS = 5.0
"""Standard deviation of the soft membership, in units of CIEDE2000."""
LIGHTNESS_WEIGHT = 2.0
"""Parametric factor k_L of CIEDE2000: lightness, which exposure moves most, counts half. With 1, the third tone half a
stop darker would be called the fourth."""
XYZ_OF_LINEAR = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Of linear sRGB, D65 (IEC 61966-2-1)."""
WHITE = XYZ_OF_LINEAR.sum(axis=1)
EPSILON, KAPPA = 216 / 24389, 24389 / 27


def linear(samples: npt.ArrayLike) -> Floats:
    """Linear light, 0 .. 1, of sRGB samples, 0 .. 255 (IEC 61966-2-1)."""
    share = np.asarray(samples, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab_of_linear(light: npt.ArrayLike) -> Floats:
    """CIELAB under D65 (2 degrees) of linear sRGB; light above 1 gives L* above 100.

    Args:
        light: (..., 3), 0 and more.

    Returns:
        (..., 3) L*, a*, b*; greys have a* = b* = 0 exactly.

    >>> lab_of_linear(linear([160, 126, 86])).round(1).tolist()
    [55.1, 7.8, 26.7]
    """
    share = np.asarray(light, dtype=np.float64) @ XYZ_OF_LINEAR.T / WHITE
    root = np.where(share > EPSILON, np.cbrt(share), (KAPPA * share + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def typology_angle(lightness: float, b: float) -> float:
    """Individual typology angle, -90 .. 90 degrees: arctan((L* - 50) / |b*|); light skin is high.

    With the sign of b* kept (Chardon et al. 1991), bluish light turns the lightest tone from +83 to -86 degrees; with its
    magnitude (as Sony's skin-tone-extraction has it) the angle goes with lightness whatever the light. 0 where both are 0.

    >>> round(typology_angle(94.211, 5.434), 2), round(typology_angle(94.211, -5.434), 2)
    (82.99, 82.99)
    """
    return float(np.degrees(np.arctan2(lightness - 50, abs(b))))


def hue_angle(a: float, b: float) -> float:
    """Hue, -180 .. 180 degrees: 0 towards red, 90 towards yellow; 55 parts reddish from yellowish skin (Thong et al. 2023).

    >>> round(hue_angle(1.502, 5.434), 2)
    74.55
    """
    return float(np.degrees(np.arctan2(b, a)))


SWATCHES: Floats = lab_of_linear(linear(MONK))


def distances(lab: npt.ArrayLike) -> Floats:
    """(10,) CIEDE2000 (Sharma et al. 2005) from each Monk tone, lightness counting half.

    Args:
        lab: (3,) L*, a*, b*.
    """
    told = np.broadcast_to(np.asarray(lab, dtype=np.float64), SWATCHES.shape)
    found = color.deltaE_ciede2000(told, SWATCHES, kL=LIGHTNESS_WEIGHT)  # type: ignore[no-untyped-call]
    return np.asarray(found, dtype=np.float64)


def membership(lab: npt.ArrayLike) -> Floats:
    """(10,) soft membership of a colour in the Monk tones, lightest first; they sum to 1.

    w_k in proportion to exp(-d_k^2 / (2 sigma^2)), d_k the CIEDE2000 distance (k_L = 2), sigma = 5.

    Args:
        lab: (3,) L*, a*, b*.
    """
    exponent = -(distances(lab) ** 2) / (2 * SOFTNESS**2)
    weight = np.exp(exponent - exponent.max())
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def bin_names() -> tuple[str, ...]:
    """Names of the bins, lightest first."""
    return tuple(f"Monk {first}-{last}" for first, last in BINS)


@dataclass(frozen=True)
class Tone:
    """The apparent colour of some skin, lighting included."""

    lightness: float
    """L*, 0 .. 100 and a little above after balancing."""
    a: float
    b: float

    @property
    def lab(self) -> Floats:
        """(3,) L*, a*, b*."""
        return np.array([self.lightness, self.a, self.b])

    @property
    def chroma(self) -> float:
        """How colourful it is, 0 for grey."""
        return float(np.hypot(self.a, self.b))

    @property
    def ita(self) -> float:
        """Individual typology angle in degrees, with the magnitude of b*."""
        return typology_angle(self.lightness, self.b)

    @property
    def hue(self) -> float:
        """Hue in degrees."""
        return hue_angle(self.a, self.b)

    @cached_property
    def membership(self) -> Floats:
        """(10,) soft membership in the Monk tones."""
        return membership(self.lab)

    @property
    def expected(self) -> float:
        """Mean tone under the soft membership, 1 (lightest) .. 10."""
        return float(self.membership @ np.arange(1, len(MONK) + 1))

    @property
    def nearest(self) -> int:
        """The single tone of largest membership, 1 .. 10; for display, since it holds to one tone at best."""
        return int(self.membership.argmax()) + 1

    @property
    def bins(self) -> Floats:
        """(4,) membership by bin, lightest first."""
        return np.array([self.membership[first - 1 : last].sum() for first, last in BINS])

    @property
    def label(self) -> str:
        """Name of the bin of largest membership."""
        return bin_names()[int(self.bins.argmax())]

    @property
    def farness(self) -> float:
        """Distance from the nearest Monk tone, in units of CIEDE2000 with lightness counting half."""
        return float(distances(self.lab).min())

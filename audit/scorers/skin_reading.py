"""The apparent tone of skin in a picture, given where the skin is; an abstention where it is none, or hidden."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from audit.images import Pixels
from audit.records import Abstained
from audit.scorers.skin_colour import Tone, bin_names, lab_of_linear, linear
from audit.scorers.skin_light import LightLimits, balancing_gains
from audit.scorers.skin_mask import Window

__all__ = [
    "CLIPPED",
    "COLOURLESS",
    "NOT_SKIN",
    "NO_SURROUNDINGS",
    "ROUGH",
    "TOO_LITTLE",
    "Scene",
    "SkinLimits",
    "SkinReading",
    "read_skin",
]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TOO_LITTLE = Abstained(reason="too little skin in sight")
CLIPPED = Abstained(reason="skin clipped to white or black")
COLOURLESS = Abstained(reason="grey or monochrome")
NOT_SKIN = Abstained(reason="colour far from that of any skin")
ROUGH = Abstained(reason="too rough for skin")
NO_SURROUNDINGS = Abstained(reason="too little around the face to tell the light by")

EVERYWHERE: Window = (slice(None), slice(None))
THUMBNAIL = 64
"""Long side at which a picture is looked at for colours: noise and JPEG blocks average out."""
ROUGHNESS_SCALE = 0.08
"""Of the square root of the skin's pixels: what is coarser is shading, what is finer is texture."""
NORMAL_SPREAD = 1.4826
"""Standard deviation of normal noise in units of its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class SkinLimits:
    """What counts as readable skin."""

    fewest: int = 500
    """Pixels of skin."""
    darkest: int = 5
    brightest: int = 250
    """Pixels with a channel at or beyond these are clipped and left out."""
    trim: tuple[float, float] = (5.0, 95.0)
    """Percentiles of L* between which pixels count: shadows and gloss lie outside."""
    least_chroma: tuple[float, float] = (0.8, 0.02)
    """Chroma below the first plus the second times L* is grey. A flat 5 would take the tone 10 for grey, whose chroma is
    3.8 at full light, and the tone 1 in bluish light; pictures without colour are told by ``least_colours``."""
    farthest: float = 18.0
    """CIEDE2000 (k_L = 2) from the nearest Monk tone: beyond lies no skin under everyday light."""
    roughest: float = 6.0
    """Robust standard deviation of fine detail in L*; 99 in 100 of photographed faces have less than 5.5."""
    least_colours: float = 5.0
    """How far colours leave a single ramp from black to white, in a* and b*: grey and sepia pictures have at most 4, 95 in
    100 colour photographs more than 9. A picture below it is sepia if it has a ``tint``, and else may be a face before
    black, grey and white."""
    tint: float = 2.5
    """Median chroma of a picture from which its one ramp is tinted."""
    light: LightLimits = field(default_factory=LightLimits)


@dataclass(frozen=True, slots=True)
class SkinReading:
    """What was read of some skin."""

    plain: Tone | Abstained
    """As the picture shows it."""
    balanced: Tone | Abstained
    """With the picture's light made neutral."""
    shown: Tone | Abstained
    """What its bin goes by: ``plain``, or the colour of skin that light has burnt out, where that is of the lightest bin.
    What burning out loses could only be lighter, so then the bin is known, and no number is."""

    @property
    def sensitivity(self) -> float | Abstained:
        """Expected tone balanced less as shown, -9 .. 9: how far the light alone may have moved it."""
        if isinstance(self.plain, Abstained):
            return self.plain
        if isinstance(self.balanced, Abstained):
            return self.balanced
        return self.balanced.expected - self.plain.expected


@dataclass(frozen=True)
class Scene:
    """A picture in which skin is read. Its light and its colours are looked at once, however many faces it shows."""

    pixels: Pixels
    """(height, width, 3) sRGB, 0 .. 255."""
    around: Mask
    """(height, width) what to tell the light by: no skin, no face."""
    limits: SkinLimits

    def __post_init__(self) -> None:
        if self.around.shape != self.pixels.shape[:2]:
            raise ValueError(f"a mask of shape {self.around.shape} for a picture of {self.pixels.shape[:2]}")

    @cached_property
    def gains(self) -> Floats | None:
        """(3,) factors on linear light that balance the picture; None where too little is around."""
        return balancing_gains(self.pixels, self.around, self.limits.light)

    @cached_property
    def palette(self) -> tuple[float, float]:
        """How far its colours leave one ramp from black to white, and its median chroma."""
        return _palette(self.pixels)

    def read(self, skin: Mask, window: Window = EVERYWHERE) -> SkinReading:
        """Read the tone of skin, as shown and balanced for the light.

        The colour is the median of L*, a* and b* over the unclipped pixels whose L* lies in its middle nine tenths. It
        abstains on too few pixels, pixels clipped to black or white, pictures that know one colour ramp only (grey,
        sepia), grey skin, colours that no skin has, and detail too rough for skin. Smooth things of a skin's colour in a
        colourful picture (a doll, planed pine) are not told from skin: that is left to what found the face.

        Args:
            skin: where in the window the skin is.
            window: rows and columns of the picture.

        Raises:
            ValueError: a mask of another shape than the window.
        """
        near, limits = self.pixels[window], self.limits
        if skin.shape != near.shape[:2]:
            raise ValueError(f"a mask of shape {skin.shape} for a part of the picture of {near.shape[:2]}")
        why = self._unreadable(near, skin)
        if why is not None:
            return SkinReading(why, why, why)
        chosen = _unclipped(near[skin], limits)
        if len(chosen) < limits.fewest:
            return SkinReading(CLIPPED, CLIPPED, self._burnt_out(near[skin]))
        light = linear(chosen)
        plain = _tone(light, limits)
        balanced = NO_SURROUNDINGS if self.gains is None else _tone(light * self.gains, limits)
        return SkinReading(plain, balanced, plain)

    def _unreadable(self, near: Pixels, skin: Mask) -> Abstained | None:
        if int(skin.sum()) < self.limits.fewest:
            return TOO_LITTLE
        colours, tint = self.palette
        if colours < self.limits.least_colours and tint >= self.limits.tint:
            return COLOURLESS
        return ROUGH if _roughness(near, skin) > self.limits.roughest else None

    def _burnt_out(self, chosen: Pixels) -> Tone | Abstained:
        limits = self.limits
        bright = chosen[(chosen > limits.darkest).all(axis=1)]
        if len(bright) < limits.fewest or not (np.median(bright, axis=0) == 255).any():
            return CLIPPED
        if self.palette[0] < limits.least_colours:  # a drawing on white paper has white faces, too
            return COLOURLESS
        shown = _median(lab_of_linear(linear(bright)), limits)
        return shown if shown.label == bin_names()[0] else CLIPPED


def read_skin(pixels: Pixels, skin: Mask, around: Mask, limits: SkinLimits | None = None) -> SkinReading:
    """Read the tone of the skin of a picture that shows one face, as ``Scene.read`` does.

    Args:
        pixels: (height, width, 3) sRGB, 0 .. 255.
        skin: (height, width) where the skin is.
        around: (height, width) what to tell the light by: no skin, no face.
        limits: what counts as readable.

    Raises:
        ValueError: masks of another shape than the picture.
    """
    return Scene(pixels, around, limits or SkinLimits()).read(skin)


def _unclipped(chosen: Pixels, limits: SkinLimits) -> Pixels:
    """Pixels (m, 3) with no channel clipped; all those not black where most are bright but none of their channels full."""
    dark = (chosen <= limits.darkest).any(axis=1)
    kept = chosen[~dark & (chosen < limits.brightest).all(axis=1)]
    bright = chosen[~dark]
    if 2 * len(kept) >= len(bright) or not len(bright):
        return kept
    # Bright skin of which less than half is below the limit: what is left over would be its shadows.
    return bright if (np.median(bright, axis=0) < 255).all() else bright[:0]


def _tone(light: Floats, limits: SkinLimits) -> Tone | Abstained:
    found = _median(lab_of_linear(light), limits)
    floor, slope = limits.least_chroma
    if found.chroma < floor + slope * found.lightness:
        return COLOURLESS
    return NOT_SKIN if found.farness > limits.farthest else found


def _median(lab: Floats, limits: SkinLimits) -> Tone:
    low, high = np.percentile(lab[:, 0], limits.trim)
    middle = np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0)
    return Tone(*(float(value) for value in middle))


def _palette(pixels: Pixels) -> tuple[float, float]:
    """How far the colours of a picture leave one ramp from black to white, and its median chroma; 0, 0 for greyscale.

    The first is the 95th percentile of what a cubic in L* leaves unexplained of (a*, b*).
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    lab = lab_of_linear(linear(small)).reshape(-1, 3)
    ramp = np.vander(lab[:, 0] / 50 - 1, 4)
    fitted = ramp @ np.linalg.lstsq(ramp, lab[:, 1:], rcond=None)[0]
    left = np.hypot(*(lab[:, 1:] - fitted).T)
    return float(np.percentile(left, 95)), float(np.median(np.hypot(*lab[:, 1:].T)))


def _roughness(pixels: Pixels, skin: Mask) -> float:
    """Robust standard deviation of L* around its smooth course within the skin."""
    rows, columns = np.flatnonzero(skin.any(axis=1)), np.flatnonzero(skin.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = skin[window]
    lightness = lab_of_linear(linear(pixels[window]))[..., 0]
    scale = ROUGHNESS_SCALE * float(np.sqrt(inside.sum()))
    weight = ndimage.gaussian_filter(inside.astype(np.float64), scale)
    smooth = ndimage.gaussian_filter(np.where(inside, lightness, 0.0), scale)[inside] / weight[inside]
    return float(NORMAL_SPREAD * np.median(np.abs(lightness[inside] - smooth)))

"""From what two networks say of a picture to what it shows, or to an abstention with its reason. Arrays only.

Everything here holds for pictures of the phantom and for samples of models that were trained on it; of photographs it
says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from audit.images import Pixels
from audit.records import Abstained, Scored
from generators.phantom.light import FRAME_REFLECTANCE, encoded, linear
from generators.phantom.palette import TONE_COLOURS
from generators.phantom.portrait import AGES, HAIRS, OCCUPATIONS, PRESENTATIONS, TONES, Portrait
from generators.phantom.truth import BANDS, written

__all__ = [
    "ATTRIBUTES",
    "HEADS",
    "MONK",
    "NOBODY",
    "SIDE",
    "SKIN_SIDE",
    "Decoded",
    "Seen",
    "Thresholds",
    "decode",
    "differing",
    "disagreement",
    "levels",
    "skin_colours",
    "tone_shares",
    "white_frame",
]

Floats = npt.NDArray[np.float64]

SIDE = 64
"""Pixels a side at which pictures are read."""
SKIN_SIDE = 32
"""Cells a side of the map of the skin."""
HEADS: Mapping[str, tuple[str, ...]] = {
    "people": ("0", "1", "2"),
    "occupation": OCCUPATIONS,
    "perceived_presentation": PRESENTATIONS,
    "perceived_age_band": AGES,
    "monk_tone": tuple(map(str, TONES)),
    "hair": HAIRS,
    "glasses": ("no", "yes"),
    "mobility_aid": ("no", "yes"),
}
"""What each network reads, and the levels of it."""
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {**HEADS, "tone_band": tuple(BANDS)}
"""What is decoded. All but ``people`` and ``occupation`` are those of the person in front."""
OF_THE_SCENE = ("people", "occupation")

MONK = np.array(TONE_COLOURS)
"""(10, 3) the Monk scale in sRGB grey levels, the lightest tone first."""
FRAME = 2
"""Pixels of the frame that are read, of three: in a soft picture the innermost mixes with what is inside."""
DIMMEST = 0.38
"""Least linear light of the frame's brightest channel: one stop below white is .475, less a fifth for soft samples."""
SKIN_CELLS = 4
"""Cells of the map, those surest to be skin, whose colour is read: few, since blurred edges spoil all but the best."""
SKIN_AT_LEAST = 0.2
"""Share of skin that the best cell must have."""
MISREAD = 0.01
"""Weight of a colour that was read elsewhere than on skin, and so speaks for no tone."""

BROKEN = Abstained(reason="the picture is broken")
NO_FRAME = Abstained(reason="no white frame: not a picture of the phantom")
NOBODY = Abstained(reason="nobody in the picture")
AMBIGUOUS = Abstained(reason="ambiguous")


class Thresholds(BaseModel):
    """Below what a decoder abstains; measured once, kept beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intact: float = Field(default=0.5, ge=0, le=1)
    """Least probability that the picture is unbroken."""
    frame_spread: float = Field(default=12.0, gt=0)
    """Most median absolute deviation of the frame, in grey levels of 0..255."""
    tone_spread: float = Field(default=3.0, gt=0)
    """Standard deviation of a skin colour that was read, in grey levels."""
    confidence: Mapping[str, float] = {}
    """Least confidence by attribute; 0 where none is named."""


@dataclass(frozen=True)
class Seen:
    """What a network says of n pictures."""

    intact: Floats
    """(n,) probability of being unbroken."""
    frame_spread: Floats
    """(n,) unevenness of the white frame in grey levels; infinite where the frame is too dark to be white."""
    heads: Mapping[str, Floats]
    """(n, levels) probabilities by head."""

    @cached_property
    def shares(self) -> Mapping[str, Floats]:
        """(n, levels) probabilities by attribute: those of the heads, and of the bands of tone."""
        tones = self.heads["monk_tone"]
        bands = [tones[:, [tone - 1 for tone in band]].sum(axis=1) for band in BANDS.values()]
        return {**self.heads, "tone_band": np.stack(bands, axis=1)}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one picture shows."""

    intact: float
    """Probability that the picture is unbroken, 0..1."""
    attributes: Mapping[str, Scored | Abstained]
    """For every attribute its level, with the confidence 0..1, or why there is none."""

    def level(self, attribute: str) -> str | None:
        """The level; None where it was not decoded."""
        found = self.attributes[attribute]
        return str(found.value) if isinstance(found, Scored) else None


def levels(portrait: Portrait) -> dict[str, str]:
    """What a decoder without error reads in a render of this portrait; nothing of the person where there is none."""
    read = {"people": str(portrait.people), "occupation": portrait.occupation}
    if portrait.people:
        read |= {
            "perceived_presentation": portrait.presentation,
            "perceived_age_band": portrait.age,
            "monk_tone": str(portrait.tone),
            "hair": portrait.hair,
            "glasses": written(portrait.glasses),
            "mobility_aid": written(portrait.mobility_aid),
            "tone_band": next(band for band, tones in BANDS.items() if portrait.tone in tones),
        }
    return read


def decode(seen: Seen, thresholds: Thresholds) -> list[Decoded]:
    """Read each picture, or abstain: broken, no frame, nobody there, or an attribute too uncertain."""
    return [_decode_one(index, seen, thresholds) for index in range(len(seen.intact))]


def _decode_one(index: int, seen: Seen, thresholds: Thresholds) -> Decoded:
    intact = float(seen.intact[index])
    why = _unreadable(intact, float(seen.frame_spread[index]), thresholds)
    nobody = float(seen.shares["people"][index, 0])
    attributes: dict[str, Scored | Abstained] = {}
    for attribute, names in ATTRIBUTES.items():
        sure = thresholds.confidence.get(attribute, 0.0)
        absent = None if attribute in OF_THE_SCENE else _absent(nobody, thresholds.confidence.get("people", 0.0))
        attributes[attribute] = why or absent or _likeliest(seen.shares[attribute][index], names, sure)
    return Decoded(intact, attributes)


def _unreadable(intact: float, frame_spread: float, thresholds: Thresholds) -> Abstained | None:
    if frame_spread > thresholds.frame_spread:
        return NO_FRAME
    return None if intact >= thresholds.intact else BROKEN  # so that what is no number counts as broken


def _absent(nobody: float, sure: float) -> Abstained | None:
    if nobody >= max(sure, 0.5):
        return NOBODY
    return None if nobody <= 1 - max(sure, 0.5) else AMBIGUOUS


def _likeliest(shares: Floats, names: Sequence[str], sure: float) -> Scored | Abstained:
    best = int(shares.argmax())
    confidence = float(np.minimum(shares[best], 1.0))  # NaN stays NaN, and is sure of nothing
    return Scored(value=names[best], confidence=confidence) if confidence >= sure else AMBIGUOUS


def differing(first: Decoded, second: Decoded) -> dict[str, bool]:
    """For each attribute that the first decoder read: whether the second reads it otherwise, or not at all.

    Where both err independently, the first one's error is at most about the share that differs. Bands of tone are left
    out, since they only repeat the tone.
    """
    read = {name: first.level(name) for name in HEADS}
    return {name: second.level(name) != level for name, level in read.items() if level is not None}


def disagreement(first: Decoded, second: Decoded) -> float | None:
    """Share of the first decoder's attributes that the second reads otherwise, 0..1; None where the first read nothing."""
    found = differing(first, second)
    return sum(found.values()) / len(found) if found else None


# ------------------------------------------------------------------------------------------------ skin and light


def white_frame(pixels: Pixels) -> tuple[Floats, Floats]:
    """The light on the picture, from its white frame.

    Args:
        pixels: (n, 64, 64, 3).

    Returns:
        Linear light (n, 3) of the frame, 0..1, and its unevenness (n,): the largest median absolute deviation of a
        channel in grey levels, infinite where the frame is darker than any light of the world makes it.
    """
    inner = np.zeros((SIDE, SIDE), dtype=bool)
    inner[FRAME:-FRAME, FRAME:-FRAME] = True
    ring = pixels[:, ~inner].astype(np.float64)
    middle = np.median(ring, axis=1)
    spread = np.median(np.abs(ring - middle[:, None]), axis=1).max(axis=1)
    light = linear(middle)
    return light, np.where(light.max(axis=1) < DIMMEST, np.inf, spread)


def skin_colours(pixels: Pixels, skin: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What colour the skin of the face would have under white light.

    The median colour of the skin over that of the frame, both in linear light, is what the skin reflects.

    Args:
        pixels: (n, 64, 64, 3).
        skin: (n, 32, 32) share of skin of the face in and just around each cell, 0..1.

    Returns:
        Colours (n, 3) in sRGB grey levels, not rounded, and whether skin was found at all (n,); black where not.
    """
    light, _ = white_frame(pixels)
    cells = skin.reshape(len(pixels), -1)
    found = cells.max(axis=1) >= SKIN_AT_LEAST
    best = np.argsort(-cells, axis=1, kind="stable")[:, :SKIN_CELLS]
    step = SIDE // SKIN_SIDE
    tiles = pixels.reshape(-1, SKIN_SIDE, step, SKIN_SIDE, step, 3).swapaxes(2, 3).reshape(*cells.shape, step * step, 3)
    middle = np.median(np.take_along_axis(tiles, best[:, :, None, None], axis=1).reshape(len(pixels), -1, 3), axis=1)
    colours = encoded(linear(middle) * FRAME_REFLECTANCE / np.maximum(light, 1e-6))
    colours[~found] = 0
    return colours, found


def tone_shares(own: Floats, colours: Floats, spread: float) -> Floats:
    """Probability of each Monk tone, given both what a network says and the colour that was measured.

    Bayes' rule: the network's shares times the density of the measured colour, normal around each tone with standard
    deviation ``spread`` in each channel, but for a share ``MISREAD`` of colours that were not those of skin.

    Args:
        own: (n, 10) the network's own shares, the lightest tone first.
        colours: (n, 3) sRGB grey levels.
        spread: Standard deviation in grey levels.

    Returns:
        (n, 10).
    """
    distance = ((colours[:, None] - MONK) ** 2).sum(axis=2)
    weight = own * (np.exp(-distance / (2 * spread**2)) + MISREAD)
    shares: Floats = weight / weight.sum(axis=1, keepdims=True)
    return shares

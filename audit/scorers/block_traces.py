"""Traces of working in blocks: 8 x 8 blocks of JPEG, quantised frequencies of a former JPEG, and seams between tiles."""

import io
import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import dct

from audit.images import Pixels

__all__ = ["Quantised", "Seams", "blockiness", "quantised", "seams", "stored_quality"]

Floats = npt.NDArray[np.float64]
Luma = npt.NDArray[np.float32]

BLOCK = 8
STRIPS = 16
"""Parts of a row or column whose median counts, so that an edge of the picture that covers few of them does not."""
FAINT = 0.25
"""Grey levels added to differences: rounding makes about as much."""
SMALLEST_TILE = 20
WEAKEST = 0.3
USUAL = 0.85
"""Robust deviations that one row in five exceeds: what the grid of a resized JPEG may reach."""
STRONGEST = 8.0
"""Deviations beyond which a boundary counts no more."""
ORDINARY, ORDINARY_DEVIATIONS = 0.9, 1.2816
"""Quantile from which the spread of jumps is taken, and where it lies in a normal law: drawings have many strong edges."""
SMALLEST_SPREAD = 0.03

LUMA_601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Luma as JPEG files hold it."""
MOST_BLOCKS = 512
COEFFICIENTS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
STANDARD = (11, 12, 12, 10, 14, 14, 13, 16, 14)
"""Steps of ``COEFFICIENTS`` in the standard's table for luma (ITU-T T.81, table K.1), at quality 50."""
STANDARD_MEAN = 57.625
"""Mean of all 64 steps of that table."""
MOST_STEPS = 64
FEWEST_VALUES = 30


# ------------------------------------------------------------------------------------------------------------ blocks


def blockiness(luma: Luma) -> float:
    """Differences across the borders of 8 x 8 blocks, over those elsewhere; 1 without blocks.

    The grid may start at any pixel: that with the largest ratio counts.
    """
    ratios = []
    for axis in (0, 1):
        profile = _strips(np.abs(np.diff(luma, axis=axis)), axis).mean(axis=0) + FAINT
        whole = profile[: len(profile) // BLOCK * BLOCK].reshape(-1, BLOCK)
        means = np.exp(np.log(whole).mean(axis=0))
        ratios.append(means / np.median(means))
    return float(np.sqrt(ratios[0].max() * ratios[1].max()))


def _strips(difference: Luma, axis: int) -> Floats:
    """(STRIPS, n) means over strips, of what lies along ``axis``."""
    turned = difference.T if axis == 0 else difference
    rows = len(turned) // STRIPS * STRIPS
    return np.asarray(turned[:rows].reshape(STRIPS, -1, turned.shape[1]).mean(axis=1), dtype=np.float64)


# ------------------------------------------------------------------------------------------------------------- seams


@dataclass(frozen=True, slots=True)
class Seams:
    """The most likely grid of square tiles."""

    strength: float
    """How far its weaker borders (the lowest three in ten) are above what is usual, in robust deviations, times the root
    of their number."""
    period: int
    """Side of a tile in pixels; 0 where the image is too small to tell."""


def seams(luma: Luma) -> Seams:
    """Look for a grid of square tiles whose borders are jumps, from the upper left corner on.

    Tiles of 20 pixels to a third of the shorter side: one border in each direction could be any edge of the picture.
    Rows are held against rows with the same place in a grid of 8 pixels, so that JPEG blocks are no tiles.
    """
    profiles = [_jumps(luma, axis) for axis in (0, 1)]
    best = Seams(0.0, 0)
    for period in range(SMALLEST_TILE, min(luma.shape) // 3 + 1):
        borders = np.sort(np.concatenate([profile[period - 1 :: period] for profile in profiles]))
        weak = float(borders[int(WEAKEST * (len(borders) - 1))]) - USUAL
        strength = weak * np.sqrt(len(borders))
        if strength > best.strength:
            best = Seams(float(strength), period)
    return best


def _jumps(luma: Luma, axis: int) -> Floats:
    """(n - 1,) how much each step from a row to the next is more of a jump than its neighbours, in robust deviations."""
    turned = np.diff(luma, axis=axis)
    turned = turned.T if axis == 0 else turned
    padded = np.pad(turned, ((0, 0), (1, 1)), mode="edge")
    beyond = np.abs(turned - (padded[:, :-2] + padded[:, 2:]) / 2)
    profile = np.log(np.median(_strips(beyond, 1), axis=0) + FAINT)
    padded = np.pad(profile, 3, mode="reflect")
    around = np.median([padded[shift : shift + len(profile)] for shift in (0, 1, 5, 6)], axis=0)
    apart = profile - around
    for phase in range(BLOCK):
        apart[phase::BLOCK] -= np.median(apart[phase::BLOCK])
    scale = max(float(np.quantile(apart, ORDINARY)) / ORDINARY_DEVIATIONS, SMALLEST_SPREAD)
    return np.asarray(np.clip(apart / scale, -STRONGEST, STRONGEST), dtype=np.float64)


# ----------------------------------------------------------------------------------------------------- codec history


@dataclass(frozen=True, slots=True)
class Quantised:
    """What the frequencies of 8 x 8 blocks say of a former JPEG."""

    comb: float
    """How closely they lie at multiples of a table's steps: 1 exactly, about 0 where there was none."""
    quality: int
    """1 .. 100, of the table of the IJG library that fits best."""


def quantised(pixels: Pixels) -> Quantised | None:
    """Look for steps in the frequencies of 8 x 8 blocks that start at the upper left corner.

    Args:
        pixels: (h, w, 3)

    Returns:
        None where too few frequencies differ from 0 to say anything.
    """
    coefficients = _coefficients(pixels @ LUMA_601)
    combs, counts = zip(*(_comb(values) for values in coefficients), strict=True)
    comb, count = np.array(combs), np.array(counts)
    steps = _steps()
    rows = np.arange(len(COEFFICIENTS))
    weight = count[rows, steps]
    total = weight.sum(axis=1)
    score = np.where(total >= FEWEST_VALUES, (comb[rows, steps] * weight).sum(axis=1) / np.maximum(total, 1), -1.0)
    best = len(score) - 1 - int(score[::-1].argmax())  # neighbours may round to one table
    return None if score[best] < -0.99 else Quantised(float(score[best]), best + 1)


def stored_quality(data: bytes) -> float | None:
    """Quality of a JPEG file by its first quantisation table, on the scale of the IJG library; None of other files.

    The table's mean step is laid beside that of the standard's table at each quality. 1 .. 100.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                tables = getattr(image, "quantization", {})
    except Exception:  # hostile bytes make the library raise nearly every type there is; they are no JPEG then
        return None
    if not tables or len(tables[min(tables)]) != BLOCK * BLOCK:
        return None
    scale = 100 * float(np.mean(tables[min(tables)])) / STANDARD_MEAN
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return float(np.clip(quality, 1, 100))


def _coefficients(luma: Luma) -> list[Luma]:
    """Values of ``COEFFICIENTS`` over blocks, (b,) each; of many blocks, every k-th."""
    rows, columns = (side // BLOCK for side in luma.shape)
    blocks = luma[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    flat = blocks.reshape(-1, BLOCK, BLOCK)
    chosen = flat[:: max(1, len(flat) // MOST_BLOCKS)]
    basis = dct(np.eye(BLOCK), axis=0, norm="ortho")[:4].astype(np.float32)
    found = basis @ chosen @ basis.T
    return [found[:, u, v] for u, v in COEFFICIENTS]


def _comb(values: Luma) -> tuple[Floats, Floats]:
    """(MOST_STEPS + 1,) mean cosine of values over each step, and how many values lie beyond half of a step."""
    steps = np.arange(1, MOST_STEPS + 1, dtype=np.float32)
    folded = values / steps[:, None]
    apart = np.abs(folded) > 0.5
    count = apart.sum(axis=1)
    comb = (np.cos(np.float32(2 * np.pi) * folded) * apart).sum(axis=1) / np.maximum(count, 1)
    return np.concatenate([[0.0], comb]), np.concatenate([[0.0], count.astype(np.float64)])


@cache
def _steps() -> npt.NDArray[np.intp]:
    """(100, k) step of each coefficient at each quality of the IJG library; steps too large to be read are 0."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    found = np.clip((np.array(STANDARD) * scale + 50) // 100, 1, 255)
    return np.where((found > MOST_STEPS) | (found < 2), 0, found).astype(np.intp)

"""Traces that enlarging leaves in an image: neighbours that differ by turns, and rows that repeat."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

__all__ = ["Periodicity", "factors", "periodicity", "repeated"]

Floats = npt.NDArray[np.float64]
Luma = npt.NDArray[np.float32]

POINTS = 257
GRID = np.linspace(0, 0.5, POINTS)
"""(POINTS,) cycles per pixel."""
FROM = 0.1
"""Cycles per pixel; the picture itself varies more slowly."""
NEIGHBOURS = 31
"""Points of the grid whose median a peak is held against."""
EVERY_SECOND = 0.49
"""Cycles per pixel from which first differences are looked at: second ones are blind to a factor of 2."""
SMALLEST = 0.02
"""Grey levels, added before a logarithm."""
BLOCKS = 3.0
"""Height of peaks at both 1/8 and 3/8 from which multiples of 1/8 are put down to JPEG blocks."""
LARGEST = 6.5
SMALLEST_FACTOR = 1.2
ASTRAY = 0.05
"""Mean of the squared differences within repeated rows, over that of all differences, up to which they count as equal."""
FEWEST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Periodicity:
    """The strongest period in how much neighbouring pixels differ."""

    peak: float
    """Its amplitude over the median of those of nearby frequencies; about 2 to 3 without a period."""
    frequency: float
    """.1 .. .5 cycles per pixel."""


def periodicity(luma: Luma) -> Periodicity:
    """Strongest period of the differences between neighbouring pixels, averaged along rows and along columns.

    After Gallagher 2005, with two changes: first differences are looked at beside second ones, because the latter do
    not see a factor of 2, and multiples of 1/8 are left out where they look like JPEG blocks.
    """
    second, first = _peaks(luma, 2), _peaks(luma, 1)
    found = np.where(GRID >= EVERY_SECOND, np.maximum(second, first), second)
    if min(found[_near(0.125)].max(), found[_near(0.375)].max()) > BLOCKS:
        found = np.where(np.abs(GRID * 8 - np.round(GRID * 8)) < 0.03, 0.0, found)
    best = int(found.argmax())
    return Periodicity(float(found[best]), float(GRID[best]))


def factors(frequency: float) -> tuple[float, ...]:
    """Factors of enlargement that have this period: 1 / f, and what looks alike in whole pixels.

    >>> factors(0.5), factors(0.25)
    ((2.0,), (4.0, 1.3333333333333333))
    """
    return tuple(dict.fromkeys((1 / frequency, 1 / (1 - frequency))))


def repeated(luma: Luma) -> float:
    """Factor by which rows and columns are repeated, as enlarging to the nearest pixel does; 1 where they are not.

    The largest factor of which neighbouring rows differ only where a repeated row would end.
    """
    across, down = (_steps(luma, axis) for axis in (1, 0))
    return float(np.sqrt(across * down)) if max(across, down) < 1.1 * min(across, down) else 1.0


# ------------------------------------------------------------------------------------------------------------ periods


def _peaks(luma: Luma, order: int) -> Floats:
    """(POINTS,) amplitude over the local median, of both directions together."""
    both = [_amplitudes(np.abs(np.diff(luma, n=order, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1)]
    joined = np.sqrt((both[0] ** 2 + both[1] ** 2) / 2)
    base = np.maximum(median_filter(joined, NEIGHBOURS, mode="mirror"), 0.5)
    return np.where(GRID >= FROM, joined / base, 0.0)


def _amplitudes(difference: npt.NDArray[np.float32]) -> Floats:
    """(POINTS,) of a profile's logarithm, over their median; the highest where several fall on a point."""
    profile = np.log(difference.astype(np.float64) + SMALLEST)
    window = np.hanning(len(profile) + 2)[1:-1]
    found = np.abs(np.fft.rfft((profile - profile.mean()) * window))
    frequency = np.fft.rfftfreq(len(profile))
    if len(found) < POINTS:
        placed = np.interp(GRID, frequency, found)
    else:
        placed = np.zeros(POINTS)
        np.maximum.at(placed, np.minimum((frequency * 2 * (POINTS - 1) + 0.5).astype(int), POINTS - 1), found)
    middle = float(np.median(placed[GRID > FROM]))
    return placed / middle if middle > 0 else np.zeros(POINTS)


def _near(frequency: float) -> npt.NDArray[np.bool_]:
    return np.abs(GRID - frequency) < 0.003


# ------------------------------------------------------------------------------------------------------ repeated rows


def _steps(luma: Luma, axis: int) -> float:
    energy = (np.diff(luma, axis=axis) ** 2).mean(axis=1 - axis).astype(np.float64)
    total, n = float(energy.sum()), len(energy) + 1
    if np.count_nonzero(energy > 1e-6 * total) < FEWEST_STEPS:
        return 1.0
    sizes, ends = _lattices(n)
    inside = (ends @ energy.astype(np.float32)).max(axis=0)
    fits = np.flatnonzero(total - inside < ASTRAY * total * (1 - sizes / n))
    return n / float(sizes[fits[0]]) if len(fits) else 1.0


@lru_cache(maxsize=8)
def _lattices(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Sizes of small images, rising, and (3, sizes, n - 1) where their repeated rows end.

    Libraries count from the middle of a pixel or from its edge; Pillow adds up its steps, which decides ties.
    """
    sizes = np.arange(int(np.ceil(n / LARGEST)), int(n / SMALLEST_FACTOR) + 1)
    step = np.repeat((sizes / n)[:, None], n, axis=1)
    added = np.cumsum(np.concatenate([step[:, :1] / 2, step[:, 1:]], axis=1), axis=1)
    sources = [np.floor(at) for at in (added, (np.arange(n) + 0.5 + 1e-6) * step, (np.arange(n) + 1e-6) * step)]
    return sizes, np.array([np.diff(source, axis=1) > 0 for source in sources], dtype=np.float32)

"""Power spectra of an image's luma: by radius, and along the two axes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

__all__ = ["BINS", "FREQUENCIES", "Floats", "Spectra", "cut_off", "decibels", "slope", "spectra"]

Floats = npt.NDArray[np.float64]
Luma = npt.NDArray[np.float32]

BINS = 96
"""Of equal width, from 0 to .5 cycles per pixel."""
FREQUENCIES = (np.arange(BINS) + 0.5) * 0.5 / BINS
"""(BINS,) middles of the bins, in cycles per pixel."""
SMALLEST_POWER = 1e-6
"""Added before taking logarithms; rounding to 8 bits alone leaves about .04 on average."""
FITTED = (0.03, 0.10)
BELOW = 10.0
"""Decibels below the fitted line from which a spectrum counts as cut off."""


@dataclass(frozen=True, slots=True)
class Spectra:
    """Mean power of luma in grey levels squared, in ``BINS`` bins of frequency."""

    radial: Floats
    """(BINS,) over all directions."""
    axial: Floats
    """(BINS,) of single rows and single columns: what separable kernels act on."""
    plane: npt.NDArray[np.complex64]
    """(h, w // 2 + 1) transform of the windowed image, as ``scipy.fft.rfft2`` orders it."""
    window_sum: float
    """What a wave of amplitude 1 comes to in the plane, if it is its own mirror image."""
    window_power: float
    """Sum of the squared window: power is |plane|^2 over it."""


def spectra(luma: Luma) -> Spectra:
    """Periodogram of an image with its mean removed and a Hann window in both directions.

    Args:
        luma: (h, w) in grey levels, 0 .. 255; both sides at least 64.
    """
    height, width = luma.shape
    rows, columns = _hann(height), _hann(width)
    plane = fft.rfft2((luma - luma.mean()) * rows[:, None] * columns)
    window_power = float((rows @ rows) * (columns @ columns))
    power = (plane.real**2 + plane.imag**2) / np.float32(window_power)
    weight = _column_weights(width)
    along_rows = _mean_by_bin(np.abs(fft.rfftfreq(width)), power.sum(axis=0) / height)
    along_columns = _mean_by_bin(np.abs(fft.fftfreq(height)), power @ weight / width)
    return Spectra(
        radial=_radial(power, width),
        axial=(along_rows + along_columns) / 2,
        plane=plane,
        window_sum=float(rows.sum() * columns.sum()),
        window_power=window_power,
    )


def slope(radial: Floats) -> tuple[float, float]:
    """Line through log10 power over log10 frequency, on .03 .. .10 cycles per pixel.

    Returns:
        Slope (about -2 for photographs; -2 is 1 / f^2) and the line's height at 1 cycle per pixel.
    """
    low, high = FITTED
    chosen = (low <= FREQUENCIES) & (high >= FREQUENCIES)
    found = np.polyfit(np.log10(FREQUENCIES[chosen]), np.log10(radial[chosen] + SMALLEST_POWER), 1)
    return float(found[0]), float(found[1])


def cut_off(radial: Floats) -> float:
    """Lowest frequency above which the spectrum stays 10 dB below the line of ``slope``; .5 where it never does.

    In cycles per pixel. It falls with the factor of an enlargement but is not half of its inverse: a kernel leaves a
    rest beyond that frequency, and the line is extrapolated.
    """
    steepness, height = slope(radial)
    line = 10 * (height + steepness * np.log10(FREQUENCIES))
    above = np.flatnonzero((decibels(radial) > line - BELOW) | (FITTED[1] > FREQUENCIES))
    last = int(above[-1])
    return 0.5 if last == BINS - 1 else float(FREQUENCIES[last] + 0.25 / BINS)


def decibels(power: Floats) -> Floats:
    """10 log10 of a power; of none, -60."""
    return np.asarray(10 * np.log10(power + SMALLEST_POWER), dtype=np.float64)


@lru_cache(maxsize=16)
def _hann(length: int) -> npt.NDArray[np.float32]:
    return np.hanning(length + 2)[1:-1].astype(np.float32)


@lru_cache(maxsize=16)
def _column_weights(width: int) -> npt.NDArray[np.float32]:
    """How often each column of a half plane stands in the whole plane."""
    weight = np.full(width // 2 + 1, 2, dtype=np.float32)
    weight[0] = 1
    if width % 2 == 0:
        weight[-1] = 1
    return weight


@lru_cache(maxsize=8)
def _radial_bins(height: int, width: int) -> npt.NDArray[np.intp]:
    """(h * (w // 2 + 1),) bin of each frequency of a half plane; ``BINS`` for those beyond .5."""
    radius = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width))
    found = np.minimum(np.asarray(radius * 2 * BINS, dtype=np.intp), BINS)
    found[0, 0] = BINS
    return found.ravel()


@lru_cache(maxsize=8)
def _radial_counts(height: int, width: int) -> Floats:
    weight = np.broadcast_to(_column_weights(width), (height, width // 2 + 1))
    counted = np.bincount(_radial_bins(height, width), weight.ravel(), minlength=BINS + 1)
    return np.asarray(counted[:BINS], dtype=np.float64)


def _radial(power: npt.NDArray[np.float32], width: int) -> Floats:
    height = power.shape[0]
    weighted = power * _column_weights(width)
    total = np.bincount(_radial_bins(height, width), weighted.ravel(), minlength=BINS + 1)[:BINS]
    return _filled(np.asarray(total, dtype=np.float64), _radial_counts(height, width))


def _mean_by_bin(frequency: Floats, power: npt.NDArray[np.float32]) -> Floats:
    place = np.minimum((frequency * 2 * BINS).astype(np.intp), BINS - 1)
    kept = frequency > 0
    total = np.bincount(place[kept], power[kept], minlength=BINS)
    return _filled(np.asarray(total, dtype=np.float64), np.bincount(place[kept], minlength=BINS).astype(np.float64))


def _filled(total: Floats, count: Floats) -> Floats:
    """Means by bin; small images leave bins empty, which get what lies between their neighbours on a logarithmic scale."""
    known = count > 0
    mean = np.log(total[known] / count[known] + SMALLEST_POWER)
    return np.asarray(np.exp(np.interp(FREQUENCIES, FREQUENCIES[known], mean)), dtype=np.float64)

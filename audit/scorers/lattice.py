"""Patterns that repeat every 2 or 4 pixels: what networks that enlarge by strides leave (checkerboards, stripes)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["GRID", "WAVES", "lattice_power", "lattice_waves"]

Floats = npt.NDArray[np.float64]
Plane = npt.NDArray[np.complex64]
Places = npt.NDArray[np.intp]

GRID = 16
"""Images are read up to a multiple of it, so that periods of 2 and 4 pixels are frequencies of the transform."""
WAVES = ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 1))
"""Quarters of a cycle per pixel, downwards and across."""
NEAR = 8
"""Frequencies beside each of them, with which it is compared; a Hann window reaches one frequency, so they are further."""
ALONG = (-5, -4, -3, -2, 2, 3, 4, 5)
BELOW = (-9, -8, -7, -6, -5, -4, -3, -2)
"""Beside half a cycle, where the other side holds the same numbers."""
SMALLEST_POWER = 1e-9


def lattice_waves(plane: Plane, width: int, weight: float) -> npt.NDArray[np.float32]:
    """Amplitudes at the lattice's frequencies and beside them.

    Args:
        plane: (h, w // 2 + 1) transform of the windowed image; h and w multiples of 16.
        width: w.
        weight: sum of the window.

    Returns:
        (9, 1 + 8, 2) in grey levels, flattened: for each wave itself, then its neighbours; real and imaginary part.
    """
    flat = plane.ravel()
    found = flat[_places(plane.shape[0], width)] / np.float32(weight)
    return np.stack([found.real, found.imag], axis=-1).astype(np.float32).ravel()


def lattice_power(waves: npt.NDArray[np.float32]) -> float:
    """Power of the strongest wave over the mean of those beside it, in decibels; up to about 10 without a lattice.

    Args:
        waves: as from ``lattice_waves``.
    """
    power = (waves.reshape(len(WAVES), 1 + NEAR, 2).astype(np.float64) ** 2).sum(axis=2)
    ratio = (power[:, 0] + SMALLEST_POWER) / (power[:, 1:].mean(axis=1) + SMALLEST_POWER)
    return float(10 * np.log10(ratio.max()))


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> Places:
    """(9, 1 + 8) positions in a flat half plane."""
    stride, found = width // 2 + 1, []
    for down, across in WAVES:
        y, x = down * height // 4, across * width // 4
        beside = [((y + dy) % height, x + dx) for dy, dx in _beside(down, across)]
        found.append([row * stride + column for row, column in [(y, x), *beside]])
    return np.array(found)


def _beside(down: int, across: int) -> list[tuple[int, int]]:
    """Eight steps to frequencies nearby that hold numbers of their own; of a wave along an axis, along that axis."""
    if down == 0:
        return [(0, step) for step in (BELOW if across == 2 else ALONG)]
    if across == 0:
        return [(step, 0) for step in (BELOW if down == 2 else ALONG)]
    if across == 2:
        return [(dy, dx) for dy in (-3, -2, 2, 3) for dx in (-3, -2)]
    return [(dy, dx) for dy in (-3, -2, 2, 3) for dx in (-3, -2, 2, 3) if abs(dy) != abs(dx)]

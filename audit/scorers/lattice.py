"""Patterns that repeat every few pixels: what networks that enlarge by strides leave (checkerboards, stripes)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["TILE", "fine_residual", "folded", "lattice_power"]

Floats = npt.NDArray[np.float64]
Luma = npt.NDArray[np.float32]

TILE = 16
"""Side of the pattern that an image is folded into; sides of images are taken up to a multiple of it."""
AROUND = 6
"""Frequencies to each side that a lattice's frequency is held against."""


def fine_residual(luma: Luma) -> Luma:
    """What a pixel has beyond the mean of its four neighbours, in grey levels; (h, w), borders 0."""
    found = np.zeros_like(luma)
    inner = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    found[1:-1, 1:-1] = inner - around / 4
    return found


def folded(residual: Luma) -> Floats:
    """(TILE, TILE) mean over all tiles of an image, in grey levels, less its own mean.

    Args:
        residual: (h, w), both multiples of ``TILE``.
    """
    height, width = residual.shape
    tile = residual.reshape(height // TILE, TILE, width // TILE, TILE).mean(axis=(0, 2), dtype=np.float64)
    return np.asarray(tile - tile.mean(), dtype=np.float64)


def lattice_power(plane: npt.NDArray[np.float32], width: int) -> float:
    """Strongest power at periods of 2 and 4 pixels over the median of nearby frequencies, in decibels.

    Args:
        plane: (h, w // 2 + 1) power as in ``Spectra.plane``; h and w multiples of 16.
        width: w.
    """
    height = plane.shape[0]
    here, around = _places(height, width)
    near = np.median(plane.ravel()[around], axis=1)
    return float(10 * np.log10((plane.ravel()[here] / np.maximum(near, 1e-6)).max() + 1e-6))


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions in a flat half plane: (k,) of lattice frequencies, (k, m) of those around each but not beside it."""
    stride, here, around = width // 2 + 1, [], []
    offset = np.arange(-AROUND, AROUND + 1)
    down, across = np.meshgrid(offset, offset, indexing="ij")
    kept = (np.maximum(np.abs(down), np.abs(across)) > 1).ravel()
    for row in range(4):
        for column in range(3):
            if (row, column) == (0, 0) or (row == 3 and column != 1):
                continue
            y, x = row * height // 4, column * width // 4
            here.append(y * stride + x)
            # Beyond the half plane's edges the spectrum goes on mirrored.
            columns = np.abs(across.ravel() + x)
            columns = np.where(columns >= stride, width - columns, columns)
            around.append((((down.ravel() + y) % height) * stride + columns)[kept])
    return np.array(here), np.array(around)

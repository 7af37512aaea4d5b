"""How much smaller an image could be without losing detail: the factor by which it looks enlarged, from its spectrum.

An image that was enlarged s times has, up to .5 / s cycles per pixel, the spectrum of the small one, and beyond it what
the kernel leaves. So the spectrum is laid beside those of images that fall off by a power of frequency, were reduced, and
enlarged by each of many factors with each of three kernels; the factor that lies nearest is the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from audit.scorers.spectrum import BINS, FREQUENCIES, Floats, decibels

__all__ = ["MOST", "enlargement"]

Kernel = Callable[[Floats], Floats]

MOST = 6.0
"""Largest factor that is looked for."""
LEAST = 1.1
"""Smallest: less cannot be told from a camera's own softness."""
STEP = 0.02
"""Of the logarithm of the factor."""
LOWEST = 0.02
"""Cycles per pixel; below it the picture's composition decides, not its detail."""
COMPARED = 0.6
"""Cycles per pixel of the small image up to which the shape is compared: beyond it kernels leave aliases."""
QUIET = 12.0
"""Decibels below the line of the small image that an enlarged one must reach beyond ``COMPARED``."""
LOUDEST = 15.0
FLATTEST = -3.0
"""Decibels a decade: no picture's spectrum falls less."""
FLAT = 3.0
"""What a factor loses in decibels where it would need such a spectrum."""
DEEPEST = -20.0


@dataclass(frozen=True, slots=True)
class _Bank:
    """Spectra of enlargements, one row a factor and kernel; the first is no enlargement."""

    factor: Floats
    """(c,)"""
    shape: Floats
    """(c, BINS) decibels that reducing and enlarging takes away."""
    fit: Floats
    """(c, 2, BINS) gives height and steepness of the line that fits best in the bins compared."""
    compared: Floats
    """(c, BINS) 1 / number in the bins that are compared, 0 elsewhere."""
    beyond: Floats
    """(c, BINS) the same of the bins that must be quiet."""


def enlargement(axial: Floats) -> float:
    """How many times larger an image looks than one that holds its detail, 1 .. 6; 1: it needs its size.

    Args:
        axial: (BINS,) as in ``Spectra.axial``.
    """
    bank, x = _bank(), np.log10(FREQUENCIES)
    found = decibels(axial)
    flat = found - bank.shape
    height, steepness = np.einsum("cpb,cb->pc", bank.fit, flat)
    line = height[:, None] + steepness[:, None] * x
    misfit = (np.abs(flat - line) * bank.compared).sum(axis=1)
    misfit += (np.clip(found - line + QUIET, 0.0, LOUDEST) * bank.beyond).sum(axis=1)
    misfit += np.where(steepness > FLATTEST, FLAT, 0.0)
    return float(bank.factor[misfit.argmin()])


@cache
def _bank() -> _Bank:
    factors = np.exp(np.arange(np.log(LEAST), np.log(MOST) + STEP, STEP))
    rows = [(1.0, np.zeros(BINS), FREQUENCIES > LOWEST)]
    for kernel in (_bilinear, _bicubic, _lanczos):
        for factor in factors:
            u = FREQUENCIES * factor
            rows.append((float(factor), _loss(kernel, u), (FREQUENCIES > LOWEST) & (u < COMPARED)))
    mask = np.array([chosen for _, _, chosen in rows])
    outside = (FREQUENCIES > LOWEST) & ~mask
    return _Bank(
        factor=np.array([factor for factor, _, _ in rows]),
        shape=np.array([shape for _, shape, _ in rows]),
        fit=np.array([_fit(chosen) for chosen in mask]),
        compared=mask / mask.sum(axis=1, keepdims=True),
        beyond=outside / np.maximum(outside.sum(axis=1, keepdims=True), 1),
    )


def _fit(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """(2, BINS) least squares for height and steepness over log10 frequency, in the chosen bins."""
    design = np.stack([np.ones(BINS), np.log10(FREQUENCIES)], axis=1) * chosen[:, None]
    return np.asarray(np.linalg.pinv(design), dtype=np.float64)


def _loss(kernel: Kernel, u: Floats) -> Floats:
    """Decibels lost by reducing with a Lanczos filter and enlarging with a kernel.

    Args:
        u: (BINS,) frequency in cycles per pixel of the small image.
    """
    folded = np.minimum(u, np.abs(1 - u))
    left = _response(kernel, u) * _response(_lanczos, folded)
    return np.asarray(np.maximum(20 * np.log10(np.maximum(np.abs(left), 1e-9)), DEEPEST), dtype=np.float64)


def _response(kernel: Kernel, u: Floats) -> Floats:
    """Fourier transform of an even kernel that reaches 3 pixels to each side."""
    x = np.linspace(0, 3, 1501)
    waves = kernel(x) * np.cos(2 * np.pi * u[:, None] * x)
    return np.asarray(2 * np.trapezoid(waves, x, axis=1), dtype=np.float64)


def _bilinear(x: Floats) -> Floats:
    return np.maximum(1 - x, 0.0)


def _bicubic(x: Floats) -> Floats:
    """Keys 1981, with a = -1/2."""
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Floats) -> Floats:
    return np.asarray(np.sinc(x) * np.sinc(x / 3), dtype=np.float64)

"""Simultaneous intervals of all labels' shares after Sison and Glaz: narrower than Goodman's, and not to be trusted alone.

They have one width for every label, so a rare label is covered badly where others are common (May & Johnson 2000); for an
audit use ``binomial.goodman``. They are here to compare with audits that used them.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from audit.stats.intervals import FloatArray

__all__ = ["sison_glaz"]


def sison_glaz(counts: npt.ArrayLike, *, confidence: float = 0.95) -> FloatArray:
    """Intervals of the shares of all K labels that hold together (Sison & Glaz 1995, section 3), of independent images.

        x / n - c / n  to  x / n + (c + 2 g) / n

    where c is the largest whole number with which a multinomial of the found shares lies within c of the counts with a
    chance of no more than ``confidence``, and g interpolates to c + 1. The chance is that of truncated Poisson counts with
    the sum n, which an Edgeworth expansion gives.

    Args:
        counts: (K,) whole numbers, at least 2 labels and one image.
        confidence: between 0 and 1.

    Returns:
        (K, 2) low and high, within 0 .. 1.

    Raises:
        ValueError: counts that are no counts, or ``confidence`` outside 0 .. 1.

    >>> sison_glaz([56, 72, 73, 59, 62, 87, 58])[0].round(4)
    array([0.0792, 0.1644])
    """
    found = np.asarray(counts, dtype=np.float64)
    n = float(found.sum())
    if found.ndim != 1 or len(found) < 2 or np.any((found < 0) | (found != np.floor(found))) or n < 1:
        raise ValueError(f"counts must be one row of at least 2 whole numbers, one of them above 0; got {found.tolist()}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1; got {confidence}")
    reach, chance, further = 0, 0.0, _chance(found, 1)
    while not chance <= confidence < further:
        reach, chance = reach + 1, further
        further = _chance(found, reach + 1)
    beyond = (confidence - chance) / (further - chance)
    low, high = found - reach, found + reach + 2 * beyond
    return np.clip(np.stack([low, high], axis=1) / n, 0.0, 1.0)


def _chance(counts: FloatArray, reach: int) -> float:
    """Of a multinomial sample with the shares of the counts lying within ``reach`` of them, all labels at once."""
    n = float(counts.sum())
    if reach >= n:
        return 1.0
    low, high = np.maximum(counts - reach, 0), np.minimum(counts + reach, n)
    within = _between(low, high, counts)
    one, two, three, four = (
        counts**r * (1 + (_between(low - r, low - 1, counts) - _between(high - r + 1, high, counts)) / within)
        for r in (1, 2, 3, 4)
    )  # factorial moments of the truncated counts
    second, third, fourth = two + one, three + 3 * two + one, four + 6 * three + 7 * two + one
    variance = second - one**2
    skew = float((third - 3 * one * second + 2 * one**3).sum() / variance.sum() ** 1.5)
    central = fourth - 4 * one * third + 6 * one**2 * second - 3 * one**4
    excess = float((central - 3 * variance**2).sum() / variance.sum() ** 2)
    apart = float((n - one.sum()) / np.sqrt(variance.sum()))
    density = _edgeworth(apart, skew, excess) / float(np.sqrt(variance.sum()))
    of_sum = np.exp(special.xlogy(n, n) - n - special.gammaln(n + 1))
    return float(np.prod(within) * density / of_sum)


def _edgeworth(x: float, skew: float, excess: float) -> float:
    third, fourth = x**3 - 3 * x, x**4 - 6 * x**2 + 3
    sixth = x**6 - 15 * x**4 + 45 * x**2 - 15
    normal = float(np.exp(-x * x / 2) / np.sqrt(2 * np.pi))
    return normal * (1 + skew * third / 6 + excess * fourth / 24 + skew**2 * sixth / 72)


def _between(low: FloatArray, high: FloatArray, mean: FloatArray) -> FloatArray:
    """P(low <= X <= high) of Poisson counts X; a mean of 0 gives 0."""
    upper, lower = (np.where(end < 0, 0.0, special.pdtr(np.maximum(end, 0), mean)) for end in (high, low - 1))
    return np.asarray(upper - lower, dtype=np.float64)

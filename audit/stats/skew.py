"""Total variation of label shares from equal shares: estimate, interval, and what an even generator would show."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from audit.stats.intervals import FloatArray

__all__ = ["Null", "even_null", "total_variation", "total_variation_interval"]

DRAWS = 4000  # Monte-Carlo samples: the mean is good to about 1 % of itself


@dataclass(frozen=True, slots=True)
class Null:
    """What an index shows where there is nothing to find."""

    mean: float
    low: float
    """2.5 % quantile."""
    high: float
    """97.5 % quantile."""


def total_variation(shares: FloatArray) -> float:
    """Half the sum of |share - 1 / K|: 0 for equal shares, 1 - 1 / K where one label has all; lower is more even.

    >>> round(total_variation(np.array([0.7, 0.2, 0.1])), 8)
    0.36666667
    """
    return float(np.abs(shares - 1 / len(shares)).sum() / 2)


def total_variation_interval(lows: FloatArray, highs: FloatArray) -> tuple[float, float]:
    """Range of the total variation from equal shares, over all shares within a box of simultaneous intervals.

    It holds wherever the box holds, also near 0, where a bootstrap of the index does not. With two labels it is exact.

    Args:
        lows, highs: (K,) ends of the interval of each share.

    >>> total_variation_interval(np.array([0.4, 0.4]), np.array([0.6, 0.6]))[0]
    0.0
    """
    even = 1 / len(lows)
    low = max(np.maximum(lows - even, 0).sum(), np.maximum(even - highs, 0).sum())
    above, below = np.sort(np.maximum(highs - even, 0)), np.sort(np.maximum(even - lows, 0))
    high = min(above[1:].sum(), below[1:].sum())  # not all shares can lie on one side of equal
    return float(low), float(max(low, high))


def even_null(n: int, levels: int, rng: np.random.Generator) -> Null:
    """Total variation that n independent images of a generator with exactly equal shares show.

    The index is biased upward: 8 images and 2 labels give .137 on average (of .5 at most), 10 labels .431 (of .9).
    Exact for two labels, else by 4,000 multinomial samples.

    Args:
        n: images (the effective number, where they come in clusters), at least 1.
        levels: number of labels K, at least 2.
        rng: source of randomness; not used for two labels.

    >>> round(even_null(8, 2, np.random.default_rng(0)).mean, 4)
    0.1367
    """
    if n < 1 or levels < 2:
        raise ValueError(f"the null needs at least 1 image and 2 labels; got {n} and {levels}")
    if levels == 2:
        counts = np.arange(n + 1)
        return _weighted(np.abs(counts / n - 0.5), stats.binom.pmf(counts, n, 0.5))
    shares = rng.multinomial(n, np.full(levels, 1 / levels), size=DRAWS) / n
    values = np.abs(shares - 1 / levels).sum(axis=1) / 2
    return Null(float(values.mean()), float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))


def _weighted(values: FloatArray, weights: FloatArray) -> Null:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    low, high = (values[order][min(int(np.searchsorted(below, q)), len(values) - 1)] for q in (0.025, 0.975))
    return Null(float(values @ weights), float(low), float(high))

"""Every way in which n independent images can fall on K labels, with its probability; or a sample where there are many."""

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from scipy import special

from audit.stats.intervals import FloatArray

__all__ = ["checked_reference", "enumerable", "outcomes", "probabilities"]

MOST_OUTCOMES = 20_000  # some 20 ms of work; 2 labels: any n that is met, 3: n of 198, 5: n of 23


def checked_reference(reference: FloatArray) -> FloatArray:
    """(K,) shares that sum to exactly 1, from shares that do so up to rounding.

    Raises:
        ValueError: fewer than 2 labels, a negative share, or a sum that is not 1.

    >>> checked_reference(np.array([0.4999999, 0.5])).round(9)
    array([0.49999995, 0.50000005])
    """
    shares = np.asarray(reference, dtype=np.float64)
    if shares.ndim != 1 or len(shares) < 2:
        raise ValueError(f"reference must hold the shares of at least 2 labels; got shape {shares.shape}")
    if not (np.all(shares >= 0) and abs(shares.sum() - 1) < 1e-6):
        raise ValueError(f"reference must hold shares of at least 0 that sum to 1; got {shares.tolist()}")
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def enumerable(n: int, levels: int, *, most: int = MOST_OUTCOMES) -> bool:
    """Whether ``outcomes`` of n images and K labels are few enough to list: C(n + K - 1, K - 1) of at most ``most``.

    >>> enumerable(100, 3), enumerable(100, 5)
    (True, False)
    """
    return comb(n + levels - 1, levels - 1) <= most


@lru_cache(maxsize=32)
def outcomes(n: int, levels: int) -> FloatArray:
    """(m, K) all counts of K labels that sum to n, read-only.

    >>> outcomes(2, 2).tolist()
    [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]
    """
    # Stars and bars: the counts are the gaps between K - 1 bars put on n + K - 1 places.
    bars = np.array(list(combinations(range(n + levels - 1), levels - 1)), dtype=np.int64)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n + levels - 1)))
    counts = np.diff(edges, axis=1).astype(np.float64) - 1
    counts.flags.writeable = False
    return counts


def probabilities(counts: FloatArray, reference: FloatArray) -> FloatArray:
    """(...) probability of counts (..., K) of independent images whose labels have the shares ``reference`` (K,).

    >>> round(float(probabilities(np.array([1.0, 1.0]), np.array([0.5, 0.5]))), 9)
    0.5
    """
    ways = special.gammaln(counts.sum(axis=-1) + 1) - special.gammaln(counts + 1).sum(axis=-1)
    return np.asarray(np.exp(ways + special.xlogy(counts, reference).sum(axis=-1)), dtype=np.float64)[()]

"""What indices of skew show by chance alone, and the total variation of shares from equal shares with its interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from audit.stats import indices
from audit.stats.intervals import FloatArray
from audit.stats.multinomial import checked_reference, enumerable, outcomes, probabilities

__all__ = ["Index", "Null", "debiased", "even_null", "null", "total_variation", "total_variation_interval"]

Index = Callable[[FloatArray, FloatArray], FloatArray]
"""Shares (..., K) and a reference (K,) -> (...), such as those of ``indices``."""

DRAWS = 4000  # Monte-Carlo samples: the mean is good to about 1 % of itself


@dataclass(frozen=True, slots=True)
class Null:
    """What an index shows where there is nothing to find."""

    mean: float
    low: float
    """2.5 % quantile."""
    high: float
    """97.5 % quantile."""

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray) -> Self:
        """Mean and quantiles of values that occur with the probabilities ``weights``; both (m,).

        >>> Null.of(np.array([2.0, 0.0]), np.array([0.5, 0.5]))
        Null(mean=1.0, low=0.0, high=2.0)
        """
        order = np.argsort(values)
        below = np.cumsum(weights[order])
        low, high = (values[order][min(int(np.searchsorted(below, q)), len(values) - 1)] for q in (0.025, 0.975))
        return cls(float(values @ weights), float(low), float(high))


def total_variation(shares: FloatArray) -> float:
    """Half the sum of |share - 1 / K|: 0 for equal shares, 1 - 1 / K where one label has all; lower is more even.

    >>> round(total_variation(np.array([0.7, 0.2, 0.1])), 8)
    0.36666667
    """
    return float(indices.total_variation(shares, np.full(len(shares), 1 / len(shares))))


def total_variation_interval(
    lows: FloatArray, highs: FloatArray, reference: FloatArray | None = None
) -> tuple[float, float]:
    """Range of the total variation from a reference, over all shares within a box of simultaneous intervals.

    It holds wherever the box holds, also near 0, where a bootstrap of the index does not. With two labels it is exact.

    Args:
        lows, highs: (K,) ends of the interval of each share; or of share less reference, with a reference of zeros.
        reference: (K,) shares to measure from; None: equal shares.

    >>> total_variation_interval(np.array([0.4, 0.4]), np.array([0.6, 0.6]))[0]
    0.0
    >>> low, high = total_variation_interval(np.array([0.4, 0.5]), np.array([0.5, 0.6]), np.array([0.9, 0.1]))
    >>> round(low, 9), round(high, 9)
    (0.4, 0.5)
    """
    known = np.full(len(lows), 1 / len(lows)) if reference is None else reference
    low = max(np.maximum(lows - known, 0).sum(), np.maximum(known - highs, 0).sum())
    above, below = np.sort(np.maximum(highs - known, 0)), np.sort(np.maximum(known - lows, 0))
    high = min(above[1:].sum(), below[1:].sum())  # not all shares can lie on one side of the reference
    return float(low), float(max(low, high))


def null(index: Index, n: float, reference: FloatArray, rng: np.random.Generator) -> Null:
    """What an index shows for n independent images of a generator whose shares are exactly the reference.

    From every outcome and its probability where there are at most 4,000 (two labels: n below 4,000; three: below 88), else
    from as many multinomial samples. It depends on nothing else, so cells of equal n can share it.

    Args:
        index: one of ``indices``.
        n: images, at least 1 (the effective number, where they come in clusters); a fraction is rounded down.
        reference: (K,).
        rng: source of randomness; not used where all outcomes are listed.

    Raises:
        ValueError: ``n`` below 1, or shares of ``reference`` that do not sum to 1.

    >>> round(null(indices.total_variation, 8, np.array([0.5, 0.5]), np.random.default_rng(0)).mean, 4)
    0.1367
    """
    shares, images = checked_reference(reference), int(n)
    if images < 1:
        raise ValueError(f"n must be at least 1; got {n}")
    if enumerable(images, len(shares), most=DRAWS):
        counts = outcomes(images, len(shares))
        weights = probabilities(counts, shares)
        return Null.of(index(counts[weights > 0] / images, shares), weights[weights > 0])
    values = index(rng.multinomial(images, shares, size=DRAWS) / images, shares)
    return Null.of(values, np.full(DRAWS, 1 / DRAWS))


def debiased(index: Index, shares: FloatArray, reference: FloatArray, chance: Null) -> FloatArray:
    """An index less what chance alone adds to it where shares equal the reference.

        index(p, q) - (expected by chance - index(q, q))

    Its mean is that of the reference itself for a generator that follows it. Far from the reference chance adds less, so
    there too much is taken away: by up to ``chance.mean`` for the total variation, by little for squared indices. It may
    lie outside the range of the index (a total variation below 0): do not clip it before averaging.

    Args:
        index: one of ``indices``.
        shares: (..., K) found shares.
        reference: (K,).
        chance: ``null`` of the same index, n and reference.

    >>> even = np.array([0.5, 0.5])
    >>> chance = null(indices.total_variation, 8, even, np.random.default_rng(0))
    >>> round(float(debiased(indices.total_variation, even, even, chance)), 4)
    -0.1367
    """
    return np.asarray(index(shares, reference) - (chance.mean - index(reference, reference)))[()]


def even_null(n: int, levels: int, rng: np.random.Generator) -> Null:
    """Total variation that n independent images of a generator with exactly equal shares show.

    The index is biased upward: 8 images and 2 labels give .137 on average (of .5 at most), 10 labels .431 (of .9).
    ``null`` of the total variation from equal shares.

    Args:
        n: images (the effective number, where they come in clusters), at least 1.
        levels: number of labels K, at least 2.
        rng: source of randomness; not used where all outcomes are listed.

    >>> round(even_null(8, 2, np.random.default_rng(0)).mean, 4)
    0.1367
    """
    if n < 1 or levels < 2:
        raise ValueError(f"the null needs at least 1 image and 2 labels; got {n} and {levels}")
    return null(indices.total_variation, n, np.full(levels, 1 / levels), rng)

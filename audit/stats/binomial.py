"""Intervals of shares of independent images: exact, Bayesian, of a difference, and of all labels at once.

Images of a prompt are not independent: give an effective count (n / design effect) or use ``intervals.cluster_share``.
Every function takes single numbers or arrays of cells and gives low and high in the last axis. Wilson's interval for one
share is in ``intervals``.
"""

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from audit.stats.intervals import FloatArray

__all__ = ["clopper_pearson", "goodman", "jeffreys", "newcombe"]


def clopper_pearson(successes: npt.ArrayLike, n: npt.ArrayLike, *, confidence: float = 0.95) -> FloatArray:
    """Interval of a share that never covers less than its confidence (Clopper & Pearson 1934); the widest.

        low = Beta quantile((1 - confidence) / 2; x, n - x + 1),  high = Beta quantile((1 + confidence) / 2; x + 1, n - x)

    Args:
        successes: (...) 0 .. n; need not be whole (an effective count: Korn & Graubard 1998).
        n: (...) trials, above 0.
        confidence: 0 .. 1.

    Returns:
        (..., 2) low and high, within 0 .. 1.

    Raises:
        ValueError: ``successes`` outside 0 .. n, ``n`` not above 0, or ``confidence`` outside 0 .. 1.

    >>> clopper_pearson(81, 263).round(4)
    array([0.2527, 0.3676])
    """
    x, n = _checked(successes, n, confidence)
    tail = (1 - confidence) / 2
    # The quantile functions are not defined for a shape of 0, where the end is 0 or 1.
    low = np.where(x > 0, special.betaincinv(np.maximum(x, 1e-300), n - x + 1, tail), 0.0)
    high = np.where(x < n, special.betaincinv(x + 1, np.maximum(n - x, 1e-300), 1 - tail), 1.0)
    return np.stack([low, high], axis=-1)


def jeffreys(successes: npt.ArrayLike, n: npt.ArrayLike, *, confidence: float = 0.95, closed: bool = False) -> FloatArray:
    """Equal-tailed Bayesian interval of a share with Jeffreys' prior, Beta(1/2, 1/2); for display.

        quantiles (1 -+ confidence) / 2 of Beta(x + 1/2, n - x + 1/2)

    Mean coverage is close to its confidence, but it dips for shares near 0 and 1. Brown, Cai & DasGupta (2001) set low to
    0 at 0 successes and high to 1 at n successes, since a share of exactly 0 or 1 is never covered else. As in
    statsmodels this is not done unless asked for; the other end is the same either way (.1166 for 0 of 20).

    Args:
        successes: (...) 0 .. n; need not be whole.
        n: (...) trials, above 0.
        confidence: 0 .. 1.
        closed: use the rule of Brown, Cai & DasGupta for 0 and n successes.

    Returns:
        (..., 2) low and high, within 0 .. 1.

    Raises:
        ValueError: ``successes`` outside 0 .. n, ``n`` not above 0, or ``confidence`` outside 0 .. 1.

    >>> jeffreys(15, 148).round(4)
    array([0.0604, 0.1576])
    >>> jeffreys(0, 20, closed=True).round(4)
    array([0.    , 0.1166])
    """
    x, n = _checked(successes, n, confidence)
    tail = (1 - confidence) / 2
    low = special.betaincinv(x + 0.5, n - x + 0.5, tail)
    high = special.betaincinv(x + 0.5, n - x + 0.5, 1 - tail)
    if closed:
        low, high = np.where(x > 0, low, 0.0), np.where(x < n, high, 1.0)
    return np.stack([low, high], axis=-1)


def newcombe(
    successes: npt.ArrayLike,
    n: npt.ArrayLike,
    other_successes: npt.ArrayLike,
    other_n: npt.ArrayLike,
    *,
    confidence: float = 0.95,
) -> FloatArray:
    """Interval of the difference of two shares of independent images (Newcombe 1998, method 10).

        d - hypot(p - low, other high - other p),   d + hypot(high - p, other p - other low),   d = p - other p

    with Wilson's limits of both. Of images that share prompts or seeds use ``paired.difference``.

    Args:
        successes, other_successes: (...) 0 .. n of each side; need not be whole.
        n, other_n: (...) trials of each side, above 0.
        confidence: 0 .. 1.

    Returns:
        (..., 2) low and high of the first share less the other, within -1 .. 1.

    Raises:
        ValueError: successes outside 0 .. n, an n not above 0, or ``confidence`` outside 0 .. 1.

    >>> newcombe(56, 70, 48, 80).round(4)
    array([0.0524, 0.3339])
    """
    x, n = _checked(successes, n, confidence)
    other_x, other_n = _checked(other_successes, other_n, confidence)
    squared = float(stats.chi2.ppf(confidence, 1))
    low, high = _score(x, n, squared)
    other_low, other_high = _score(other_x, other_n, squared)
    share, other = x / n, other_x / other_n
    below = np.hypot(share - low, other_high - other)
    above = np.hypot(high - share, other - other_low)
    return np.stack([share - other - below, share - other + above], axis=-1)


def goodman(counts: npt.ArrayLike, *, confidence: float = 0.95) -> FloatArray:
    """Intervals of the shares of all K labels that hold together (Goodman 1965).

    Wilson's interval for each label with the quantile of confidence 1 - (1 - confidence) / K. Where a count is below
    about 5, ``clopper_pearson`` at that confidence is safer.

    Args:
        counts: (..., K) images of each label, at least 2 labels and one image; need not be whole.
        confidence: 0 .. 1, that all K shares are covered.

    Returns:
        (..., K, 2) low and high, within 0 .. 1.

    Raises:
        ValueError: ``counts`` with fewer than 2 labels, negative or all 0, or ``confidence`` outside 0 .. 1.

    >>> goodman([56, 72, 73, 59, 62, 87, 58])[0].round(4)
    array([0.0852, 0.1663])
    """
    found = np.asarray(counts, dtype=np.float64)
    if found.ndim == 0 or found.shape[-1] < 2:
        raise ValueError(f"counts must hold at least 2 labels; got shape {found.shape}")
    x, n = _checked(found, found.sum(axis=-1, keepdims=True), confidence)
    squared = float(stats.chi2.isf((1 - confidence) / found.shape[-1], 1))
    return np.stack(_score(x, n, squared), axis=-1)


def _score(x: FloatArray, n: FloatArray, squared: float) -> tuple[FloatArray, FloatArray]:
    """Wilson's limits; ``squared`` is the square of the normal quantile."""
    middle = x + squared / 2
    half = np.sqrt(squared * (x * (n - x) / n + squared / 4))
    # At 0 and n successes rounding would leave an end beside 0 or 1.
    low = np.where(x > 0, np.maximum((middle - half) / (n + squared), 0.0), 0.0)
    high = np.where(x < n, np.minimum((middle + half) / (n + squared), 1.0), 1.0)
    return low, high


def _checked(successes: npt.ArrayLike, n: npt.ArrayLike, confidence: float) -> tuple[FloatArray, FloatArray]:
    x, trials = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if not np.all((x >= 0) & (x <= trials) & (trials > 0)):
        raise ValueError("successes must lie in 0 .. n, and n above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1; got {confidence}")
    return x, trials

"""Shares of many thin cells, each drawn towards all of them as far as it cannot speak for itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from audit.stats.intervals import ASSUMED_CORRELATION, EVENTS_ASSUMED, FloatArray

__all__ = ["IntArray", "Pooled", "common_correlation", "effective_counts", "pooled_shares"]

IntArray = npt.NDArray[np.int64]

STRENGTHS = np.geomspace(0.25, 10_000, 48)  # in images: from cells that tell nothing of each other to cells all alike
STEPS = np.linspace(-4, 4, 15)  # standard errors of the mean
NEGLIGIBLE = 12.0  # log weight below the largest
TINY = 1e-15
CELLS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Pooled:
    """Partially pooled shares of cells."""

    shares: FloatArray
    """(c,) between the cell's own share and the mean of all cells."""
    low: FloatArray
    """(c,) low ends; see ``pooled_shares`` for what the intervals cover."""
    high: FloatArray
    """(c,)."""
    mean: float
    """Mean share of the population of cells."""
    strength: float
    """Effective images that the other cells are worth to each cell: large where cells are alike."""
    method: str


def pooled_shares(successes: FloatArray, n: FloatArray, *, confidence: float = 0.95) -> Pooled:
    """Beta-binomial partial pooling: each cell's share shrunk towards the mean of all (empirical Bayes).

        share_c = (strength * mean + successes_c) / (strength + n_c),  averaged over the likely means and strengths

    Cells are taken as draws of one beta distribution. Its mean and strength are weighed by the beta-binomial likelihood
    of all cells (Skellam 1948), with equal prior weight to all means and to all variances between cells, which go with
    1 / (strength + 1) (Tak, Kelly & Morris 2017): plugging in the likeliest ones makes intervals too short where cells
    are few. The interval is that of the beta distribution with the mean and variance of this mixture.

    What it means: of all *cells*, ``confidence`` lie within their intervals, on average over the population that they
    come from. It does not hold for each cell: one that differs from the rest is drawn towards them and missed more often. A
    cell that is to be judged by itself takes ``intervals.cluster_share``. Measured over 5 to 400 cells
    of 3 to 5 prompts with 4 to 10 images, shares of mean .05 to .5, correlations 0 to .3: nominal 95 % covers .92 to .96 of
    the cells, and up to all of them where cells hardly differ. Where every cell has a single prompt, the correlation
    within prompts cannot be told from differences between cells: .90 to .96, as the assumed one is about right.

    Of an attribute with several levels each is pooled by itself; two levels sum to 1, more of them nearly.

    Args:
        successes: (c,) effective successes, 0 .. n; see ``effective_counts``.
        n: (c,) effective images of each cell; 0 for a cell without any, which is given what the others tell of it.
        confidence: 0 .. 1.

    Raises:
        ValueError: shapes differ, a count is out of range, or fewer than three cells have images.

    >>> found = pooled_shares(np.array([0.0, 5, 6, 4, 5, 7]), np.full(6, 10.0))
    >>> round(float(found.shares[0]), 2), round(float(found.shares[5]), 2)
    (0.14, 0.62)
    """
    successes, n = _checked(successes, n)
    mean, strength, weight = _likely(successes, n)
    first, second = np.zeros(len(n)), np.zeros(len(n))
    for part in _parts(len(weight), len(n)):
        worth = strength[part, None]
        share = (worth * mean[part, None] + successes) / (worth + n)
        first += weight[part] @ share
        second += weight[part] @ (share * (1 - share) / (worth + n + 1) + share * share)
    total = first * (1 - first) / np.maximum(second - first * first, TINY) - 1
    tail = (1 - confidence) / 2
    low, high = (special.betaincinv(first * total, (1 - first) * total, end) for end in (tail, 1 - tail))
    method = "share, partially pooled by a beta-binomial model; the interval covers on average over the cells"
    typical = float(np.exp(weight @ np.log(strength)))
    return Pooled(first, low, high, mean=float(weight @ mean), strength=typical, method=method)


def effective_counts(
    totals: FloatArray, sizes: FloatArray, cell: IntArray, *, correlation: float
) -> tuple[FloatArray, FloatArray]:
    """Effective successes and images of cells, from the sums of their clusters.

    n images in clusters of s_1, s_2, ... count as n / (1 + (sum s^2 / n - 1) correlation) independent ones (Kish 1965).

    Args:
        totals: (g,) successes of each cluster.
        sizes: (g,) images of each cluster.
        cell: (g,) cell of each cluster, 0 .. c - 1; a prompt that is in two cells has a row in each.
        correlation: of the images of a cluster, 0 .. 1; see ``common_correlation``.

    Returns:
        (c,) successes and (c,) images, for ``pooled_shares``.

    >>> effective_counts(np.array([5.0, 0]), np.array([10.0, 10]), np.array([0, 0]), correlation=0.1)[1].round(3)
    array([10.526])
    """
    n, hits = np.bincount(cell, sizes), np.bincount(cell, totals)
    filled = np.where(n > 0, n, 1.0)
    effect = 1 + np.maximum(np.bincount(cell, sizes * sizes) / filled - 1, 0) * correlation
    return np.asarray(hits / effect, dtype=np.float64), np.asarray(n / effect, dtype=np.float64)


def common_correlation(
    totals: FloatArray, sizes: FloatArray, cell: IntArray, *, assumed: float = ASSUMED_CORRELATION
) -> float:
    """Intraclass correlation of the images of a cluster within its cell, one for all cells, as thin ones tell too little.

        (agreement of pairs of a cluster - that of pairs of different clusters of the cell) / spread,  summed over cells

    Both kinds of pairs give unbiased moments, so cells may be thin. Where few events speak of it, it is shrunk towards
    the assumed one, and never below what was found, as in ``intervals.shrunk_design_effect``.

    Args:
        totals, sizes, cell: as for ``effective_counts``.
        assumed: the correlation while cells have no two clusters, or images of no two kinds.

    Returns:
        0 .. 1.

    >>> alike = np.tile([4.0, 0.0], 50)
    >>> common_correlation(alike, np.full(100, 4.0), np.arange(100) // 4)
    1.0
    """
    n, hits = np.bincount(cell, sizes), np.bincount(cell, totals)
    within = np.bincount(cell, sizes * (sizes - 1))
    between = n * n - np.bincount(cell, sizes * sizes)
    told = (within > 0) & (between > 0)
    if not told.any():
        return assumed
    n, hits, within, between = n[told], hits[told], within[told], between[told]
    both = np.bincount(cell, totals * (totals - 1))[told]
    across = (hits * hits - np.bincount(cell, totals * totals)[told]) / between
    alike = float((both - within * across).sum())
    spread = float((within * (hits / n - across)).sum())
    if spread <= 0:
        return assumed
    found = min(1.0, max(0.0, alike / spread))
    events = float(np.minimum(hits, n - hits).sum())
    return max(found, (EVENTS_ASSUMED * assumed + events * found) / (EVENTS_ASSUMED + events))


def _checked(successes: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    successes, n = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if successes.shape != n.shape or n.ndim != 1:
        raise ValueError(f"successes and n must be of one length; got shapes {successes.shape} and {n.shape}")
    if np.any(successes < 0) or np.any(successes > n):
        raise ValueError("successes must lie in 0 .. n")
    if (n > 0).sum() < 3:
        raise ValueError(f"n: pooling needs three cells with images; got {int((n > 0).sum())}")
    return successes, n


def _likely(successes: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means, strengths and weights of a grid over the likely priors, flat."""
    filled = n > 0
    hits, n = successes[filled], n[filled]
    centre, error = _means(hits, n)
    profile = _likelihood(hits, n, centre, STRENGTHS)
    near = profile > profile.max() - NEGLIGIBLE
    strength = np.repeat(STRENGTHS[near], len(STEPS))
    width = np.repeat(error[near], len(STEPS))
    mean = special.expit(np.repeat(special.logit(centre[near]), len(STEPS)) + np.tile(STEPS, int(near.sum())) * width)
    log_prior = np.log(mean * (1 - mean) * width * strength / (strength + 1) ** 2)  # on the scales of the grid
    log_weight = log_prior + _likelihood(hits, n, mean, strength)
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > np.exp(-NEGLIGIBLE)
    return mean[kept], strength[kept], weight[kept] / weight[kept].sum()


def _means(hits: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Moment estimate of the mean at each strength, and its standard error on the scale of log odds."""
    worth = n * (STRENGTHS[:, None] + 1) / (STRENGTHS[:, None] + n)  # of each cell, for a mean over cells
    whole = worth.sum(axis=1)
    mean = (worth @ (hits / n) + 0.5) / (whole + 1)
    return mean, 1 / np.sqrt((whole + 1) * mean * (1 - mean))


def _likelihood(hits: FloatArray, n: FloatArray, mean: FloatArray, strength: FloatArray) -> FloatArray:
    """(p,) log likelihood of all cells under each prior, up to a constant; counts need not be whole."""
    found = []
    for part in _parts(len(mean), len(n)):
        first, second = (strength * mean)[part, None], (strength * (1 - mean))[part, None]
        each = special.betaln(first + hits, second + n - hits) - special.betaln(first, second)
        found.append(each.sum(axis=1))
    return np.concatenate(found)


def _parts(priors: int, cells: int) -> Iterator[slice]:
    """Priors in parts that fit the memory with all cells."""
    step = max(1, CELLS_AT_ONCE // cells)
    return (slice(start, start + step) for start in range(0, priors, step))

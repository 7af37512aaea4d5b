"""Intervals of means by resampling whole clusters, and of means over crossed units (every prompt with every seed)."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import Estimate, FloatArray, cluster_mean, residuals

__all__ = ["cluster_bootstrap", "pigeonhole", "two_way"]

RESAMPLES = 1_999
FEWEST = 8  # by simulation: with 6, one bootstrap-t interval in ten is 1.6 times as wide as it need be, with 4 nine times


def cluster_bootstrap(
    totals: FloatArray,
    sizes: FloatArray,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    kind: Literal["t", "percentile"] = "t",
) -> Estimate:
    """Mean over images in clusters, with an interval from 1,999 resamples of whole clusters.

    ``t`` takes quantiles of (mean* - mean) / error* and so allows for skewed clusters (Efron 1979; Hall 1988);
    ``percentile`` takes those of mean* itself, stays within the range of the data, and covers too little with few clusters.
    Covered by 10 clusters of normal, and of lognormal values at nominal .95: t .94 and .89, percentile .89 and .79, the t
    interval of ``cluster_mean`` .93 and .82. For shares use ``intervals.cluster_share``: a bootstrap of a rare label knows
    only the events it has.

    With fewer than 8 clusters, or where too many resamples have no spread for a quantile to be finite, the interval is that
    of ``intervals.cluster_mean``, and ``method`` says so.

    Args:
        totals: (g,) sum of the values of each cluster.
        sizes: (g,) images of each cluster; clusters without images are left out.
        rng: source of randomness.
        confidence: 0 .. 1.
        kind: which bootstrap.

    Raises:
        ValueError: no images, ``totals`` and ``sizes`` of other lengths, or ``kind`` neither of the two.

    >>> found = cluster_bootstrap(np.arange(20.0), np.full(20, 10.0), np.random.default_rng(0))
    >>> found.value, found.interval is not None and found.interval[0] < found.value < found.interval[1]
    (0.95, True)
    """
    if kind not in ("t", "percentile"):
        raise ValueError(f"kind must be 't' or 'percentile'; got {kind!r}")
    plain = cluster_mean(totals, sizes, confidence=confidence)
    if plain.clusters < FEWEST:
        return plain
    filled = np.asarray(sizes) > 0
    totals, sizes = np.asarray(totals, dtype=np.float64)[filled], np.asarray(sizes, dtype=np.float64)[filled]
    draws = _draws(plain.clusters, rng)
    whole = draws @ sizes
    means = draws @ totals / whole
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    if kind == "percentile":
        low, high = np.quantile(means, tails)
        method = "mean; percentile bootstrap of clusters"
    else:
        error, errors = np.sqrt((residuals(totals, sizes) ** 2).sum()), _errors(draws, totals, sizes) / whole
        with np.errstate(divide="ignore", invalid="ignore"):
            pivots = np.where(means == plain.value, 0.0, (means - plain.value) / errors)
            high, low = plain.value - np.quantile(pivots, tails, method="inverted_cdf") * error
        method = "mean; bootstrap-t of clusters"
        if not np.isfinite(high - low):
            return plain
    return Estimate(plain.value, (float(low), float(high)), plain.clusters, None, method)


def _draws(units: int, rng: np.random.Generator) -> FloatArray:
    """(b, units) how often each unit is in each resample of as many."""
    drawn = rng.integers(units, size=(RESAMPLES, units)) + np.arange(RESAMPLES)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * units).reshape(RESAMPLES, units).astype(np.float64)


def _errors(draws: FloatArray, totals: FloatArray, sizes: FloatArray) -> FloatArray:
    """(b,) standard error of each resampled ratio, times its number of images."""
    clusters = len(totals)
    ratio = draws @ totals / (draws @ sizes)
    squares = draws @ (totals * totals) - 2 * ratio * (draws @ (totals * sizes)) + ratio**2 * (draws @ (sizes * sizes))
    # What is left of a difference of equal squares is rounding, not spread.
    floor = 1e-12 * (draws @ (totals * totals))
    return np.asarray(np.sqrt(np.where(squares > floor, squares, 0.0) * clusters / (clusters - 1)), dtype=np.float64)


def two_way(
    values: FloatArray, rows: npt.NDArray[np.generic], columns: npt.NDArray[np.generic], *, confidence: float = 0.95
) -> Estimate:
    """Mean over images that share a prompt or a seed, by the two-way cluster variance (Cameron, Gelbach & Miller 2011).

        variance = by rows + by columns - by cells (images of one row and one column)

    each by ``intervals.residuals``; t interval on the smaller number of groups less 1. It covers at least .94 (nominal .95)
    with 5 to 60 rows and 4 to 30 columns, where either, both or neither matters. The difference may be too small, or
    negative; it is then the larger of the two one-way variances (MacKinnon, Nielsen & Webb 2024), so that the interval is
    never narrower than either. With a single row or column the other one alone is clustered.

    Args:
        values: (n,).
        rows, columns: (n,) labels, such as prompt and seed; not all pairs need occur.
        confidence: 0 .. 1.

    Returns:
        Its ``clusters`` are the smaller number of groups.

    Raises:
        ValueError: no values, or ``values``, ``rows`` and ``columns`` of other lengths.

    >>> prompts, seeds = np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4)
    >>> found = two_way(prompts + seeds * 1.0, prompts, seeds)
    >>> found.value, found.clusters
    (3.0, 4)
    """
    values, row, column = _crossed(values, rows, columns)
    groups = [len(np.unique(label)) for label in (row, column)]
    value = float(values.mean())
    if max(groups) < 2:
        return Estimate(value, None, 1, None, "mean; one row and one column, so no interval")
    by_row, by_column = _variance(values, row), _variance(values, column)
    both = by_row + by_column - _variance(values, row * groups[1] + column)
    several = [count for count in groups if count > 1]
    clusters = min(several)
    half = float(stats.t.ppf((1 + confidence) / 2, clusters - 1)) * float(np.sqrt(max(both, by_row, by_column)))
    ways = "two-way cluster variance" if len(several) == 2 else "variance by cluster in the one way that varies"
    return Estimate(value, (value - half, value + half), clusters, None, f"mean; {ways}, t interval")


def pigeonhole(
    values: FloatArray,
    rows: npt.NDArray[np.generic],
    columns: npt.NDArray[np.generic],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Mean over images that share a prompt or a seed, by the pigeonhole bootstrap (Owen 2007).

    Rows and columns are resampled independently, 1,999 times; an image counts as often as its row times its column was
    drawn. The variance is never too small: noise of single images counts up to three times, so ``two_way`` is narrower
    where neither prompt nor seed matters. The interval takes the standard deviation of the resampled means and the t
    quantile of the smaller number of groups less 1, since percentiles cover too little with few groups.

    Args:
        values: (n,).
        rows, columns: (n,) labels, such as prompt and seed; not all pairs need occur.
        rng: source of randomness.
        confidence: 0 .. 1.

    Returns:
        Its ``clusters`` are the smaller number of groups; no interval where that is 1 in both ways.

    Raises:
        ValueError: no values, or ``values``, ``rows`` and ``columns`` of other lengths.

    >>> prompts, seeds = np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4)
    >>> pigeonhole(prompts + seeds * 1.0, prompts, seeds, np.random.default_rng(0)).value
    3.0
    """
    values, row, column = _crossed(values, rows, columns)
    shape = int(row.max()) + 1, int(column.max()) + 1
    totals, sizes = np.zeros(shape), np.zeros(shape)
    np.add.at(totals, (row, column), values - values.mean())
    np.add.at(sizes, (row, column), 1.0)
    value = float(values.mean())
    if max(shape) < 2:
        return Estimate(value, None, 1, None, "mean; one row and one column, so no interval")
    by_row, by_column = (_draws(k, rng) for k in shape)
    whole = ((by_row @ sizes) * by_column).sum(axis=1)
    # Where few pairs occur a resample may hold none.
    means = (((by_row @ totals) * by_column).sum(axis=1))[whole > 0] / whole[whole > 0]
    several = [count for count in shape if count > 1]
    clusters = min(several)
    half = float(stats.t.ppf((1 + confidence) / 2, clusters - 1)) * float(np.std(means))
    return Estimate(value, (value - half, value + half), clusters, None, "mean; pigeonhole bootstrap, t interval")


def _variance(values: FloatArray, labels: npt.NDArray[np.intp]) -> float:
    sizes = np.bincount(labels).astype(np.float64)
    totals = np.bincount(labels, values).astype(np.float64)
    return float((residuals(totals[sizes > 0], sizes[sizes > 0]) ** 2).sum())


def _crossed(
    values: FloatArray, rows: npt.NDArray[np.generic], columns: npt.NDArray[np.generic]
) -> tuple[FloatArray, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or np.shape(rows) != values.shape or np.shape(columns) != values.shape:
        raise ValueError(
            "values, rows and columns must be of one length, at least 1; "
            f"got shapes {values.shape}, {np.shape(rows)} and {np.shape(columns)}"
        )
    return values, np.unique(rows, return_inverse=True)[1], np.unique(columns, return_inverse=True)[1]

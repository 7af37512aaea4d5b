"""Intervals for means and shares of images that come in clusters (the images of a prompt are alike).

Everything here takes sums by cluster: ``totals`` (g,) of the values and ``sizes`` (g,) of the counts. The estimate is
the ratio sum(totals) / sum(sizes); its variance is linearised (Cochran 1977, section 6.3, equation 6.13, without the
finite population factor), so clusters may differ in size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "ASSUMED_CORRELATION",
    "Estimate",
    "FloatArray",
    "cluster_mean",
    "cluster_share",
    "design_effect",
    "residuals",
    "shrunk_design_effect",
    "wilson",
]

FloatArray = npt.NDArray[np.float64]

ASSUMED_CORRELATION = 0.15
"""Of the images of a cluster, as far as the data cannot tell; .05 to .2 is usual for perceived attributes."""

EVENTS_ASSUMED = 10.0  # by simulation: 6 covers hardly less, and its intervals are hardly narrower


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval."""

    value: float
    interval: tuple[float, float] | None
    """Low and high; None where the data cannot give one (a single cluster)."""
    clusters: int
    """Independent sampling units behind it."""
    effective_n: float | None
    """Independent images that would be as informative; None where it was not worked out."""
    method: str
    """Estimator and interval in words."""


def wilson(successes: float, n: float, *, confidence: float = 0.95, quantile: float | None = None) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927).

    Args:
        successes: 0 .. n; need not be whole (an effective count).
        n: number of trials, above 0.
        confidence: 0 .. 1.
        quantile: the normal or t quantile to use instead of the normal one at ``confidence``.

    Returns:
        Low and high, within 0 .. 1.

    >>> low, high = wilson(81, 263)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"wilson needs 0 <= successes <= n and n > 0; got {successes} of {n}")
    z = float(stats.norm.ppf((1 + confidence) / 2)) if quantile is None else quantile
    share, z2 = successes / n, z * z
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if share == 0 else max(0.0, float(center - half))
    high = 1.0 if share == 1 else min(1.0, float(center + half))
    return low, high


def residuals(totals: FloatArray, sizes: FloatArray) -> FloatArray:
    """What each cluster moves the ratio by: (totals - ratio * sizes) / sum(sizes), scaled for g - 1 degrees of freedom.

    The sum of their squares is the linearised variance of the ratio. Shape (g,); zeros for a single cluster.
    """
    clusters = len(totals)
    if clusters < 2:
        return np.zeros(clusters)
    whole = sizes.sum()
    scale = np.sqrt(clusters / (clusters - 1)) / whole
    return np.asarray((totals - totals.sum() / whole * sizes) * scale, dtype=np.float64)


def cluster_mean(totals: FloatArray, sizes: FloatArray, *, confidence: float = 0.95) -> Estimate:
    """Mean over images that come in clusters, with a t interval on clusters - 1 degrees of freedom.

    Args:
        totals: (g,) sum of the values of each cluster.
        sizes: (g,) images of each cluster; clusters without images are left out.
        confidence: 0 .. 1.

    >>> found = cluster_mean(np.array([2.0, 6.0]), np.array([2.0, 2.0]))
    >>> found.value, found.clusters
    (2.0, 2)
    """
    totals, sizes = _filled(totals, sizes)
    value = float(totals.sum() / sizes.sum())
    clusters = len(totals)
    if clusters < 2:
        return Estimate(value, None, clusters, None, "mean; one cluster, so no interval")
    half = _t(confidence, clusters) * float(np.sqrt((residuals(totals, sizes) ** 2).sum()))
    single = bool(np.all(sizes == 1))
    method = "mean of independent draws, t interval" if single else "mean; linearised variance by cluster, t interval"
    return Estimate(value, (value - half, value + half), clusters, float(clusters) if single else None, method)


def cluster_share(
    totals: FloatArray, sizes: FloatArray, *, confidence: float = 0.95, correlation: float = ASSUMED_CORRELATION
) -> Estimate:
    """Share of images that come in clusters, with an interval that stays within 0 .. 1 and never shrinks to a point.

    Wilson's interval at the effective sample size n / design effect, with the t quantile of clusters - 1 degrees of
    freedom (Korn & Graubard 1998; Franco et al. 2019). It covers where the plain t interval does not: few clusters,
    shares near 0 or 1. Few events (successes or failures, whichever are fewer) say little of how alike the images of a
    cluster are, so the design effect is shrunk towards that of a correlation of .15: see ``shrunk_design_effect``.
    Clusters of one image each: Wilson's own interval.

    Nominal 95 % covers at least .935 for shares of .01 to .5, 10 to 60 clusters of 5 to 50 images and correlations of 0
    to .2, and more than .95 where images are less alike than is assumed; at least .93 where clusters differ in size up to
    log-normally with a standard deviation of 1.2, or one has half of the images. Where the cluster alone decides (a prompt
    that is always refused), say so with ``correlation=1``: rare events are missed too often else.

    Args:
        totals: (g,) successes of each cluster.
        sizes: (g,) images of each cluster; clusters without images are left out.
        confidence: 0 .. 1.
        correlation: of the images of a cluster, 0 .. 1, assumed while events are few.

    >>> found = cluster_share(np.zeros(12), np.full(12, 5.0))
    >>> found.interval[0], round(found.interval[1], 3)
    (0.0, 0.114)
    >>> cluster_share(np.array([3.0]), np.array([4.0])).interval is None
    True
    """
    totals, sizes = _filled(totals, sizes)
    n, clusters = float(sizes.sum()), len(totals)
    share = min(1.0, max(0.0, float(totals.sum()) / n))
    if np.all(sizes == 1):
        interval = wilson(share * n, n, confidence=confidence)
        return Estimate(share, interval, clusters, n, "share of independent draws, Wilson interval")
    if clusters < 2:
        return Estimate(share, None, clusters, 1.0, "share; one cluster, so no interval")
    spread, quantile = share * (1 - share), _t(confidence, clusters)
    # A large cluster pulls the share towards itself, so its residual is too small by its part of the images.
    apart = (totals - totals.sum() / n * sizes) ** 2 / (n - sizes)
    estimated = float(apart.sum()) / spread if spread else 1.0
    events = min(share, 1 - share) * n
    effective = n / shrunk_design_effect(estimated, sizes, events=events, quantile=quantile, correlation=correlation)
    interval = wilson(share * effective, effective, quantile=quantile)
    method = (
        "share; Wilson interval at the effective n of the clusters, t quantile; "
        f"where events are few, a correlation of {correlation:g} within clusters is assumed"
    )
    return Estimate(share, interval, clusters, effective, method)


def shrunk_design_effect(
    estimated: float, sizes: FloatArray, *, events: float, quantile: float, correlation: float = ASSUMED_CORRELATION
) -> float:
    """Design effect that rests on an assumed correlation while events are few, and on the estimate once they are many.

        max(e, (k d + f e) / (k + f)),  e = max(1, estimated),  d = 1 + (m - 1) r,  m = sum(sizes^2) / n,  f = events / e

    It is never below the estimate. Events that come together count as the fewer that they are worth, f: sixty in five
    clusters say little of how far clusters differ. The weight k is worth 10 events, or quantile^2 (d - 1) / 2 where that
    is more: the least with which another event in a cluster of its own never lowers the upper limit of Wilson's
    interval.

    Args:
        estimated: design effect found in the data; anything (such as 1) where there are no events.
        sizes: (g,) images of each cluster.
        events: how many observations speak of the correlation, 0 or more.
        quantile: normal or t quantile of the interval to be made.
        correlation: the assumed one, r.

    Returns:
        At least 1; 1 + (m - 1) r without events (Kish 1965).

    >>> round(shrunk_design_effect(1.0, np.full(12, 5.0), events=0, quantile=2.2), 9)
    1.6
    >>> round(shrunk_design_effect(1.0, np.full(12, 5.0), events=30, quantile=2.2), 9)
    1.15
    """
    found = max(1.0, estimated)
    expected = 1 + (float((sizes * sizes).sum() / sizes.sum()) - 1) * correlation
    weight = max(EVENTS_ASSUMED, quantile * quantile * (expected - 1) / 2)
    told = events / found
    return max(found, (weight * expected + told * found) / (weight + told))


def design_effect(totals: FloatArray, sizes: FloatArray, squares: FloatArray) -> float | None:
    """How many times larger the variance of the mean is than for as many independent images (Kish 1965).

    Args:
        totals: (g,) sum of the values of each cluster.
        sizes: (g,) images of each cluster.
        squares: (g,) sum of the squared values of each cluster.

    Returns:
        1 for independent images, about 1 + (m - 1) rho for clusters of m images with intraclass correlation rho; None
        where it cannot be told (a single cluster, or all values equal).

    >>> round(design_effect(np.array([0.0, 2.0]), np.array([2.0, 2.0]), np.array([0.0, 2.0])), 9)
    3.0
    """
    totals, sizes, squares = totals[sizes > 0], sizes[sizes > 0], squares[sizes > 0]
    n = float(sizes.sum())
    if len(totals) < 2 or n < 2:
        return None
    spread = float(squares.sum() / n - (totals.sum() / n) ** 2)
    if spread <= 1e-12 * float(squares.sum() / n):
        return None
    return float((residuals(totals, sizes) ** 2).sum()) / (spread / (n - 1))


def _t(confidence: float, clusters: int) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, clusters - 1))


def _filled(totals: FloatArray, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    totals, sizes = np.asarray(totals, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if totals.shape != sizes.shape or totals.ndim != 1:
        raise ValueError(f"totals and sizes must be of one length; got shapes {totals.shape} and {sizes.shape}")
    if not sizes.sum() > 0:
        raise ValueError("no images: nothing to estimate")
    return totals[sizes > 0], sizes[sizes > 0]

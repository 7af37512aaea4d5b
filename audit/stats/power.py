"""How small a difference so many images can show, by the very intervals that decide it.

The power of a test that rests on an interval is not that of a textbook test: the intervals of ``cluster_share`` use t
quantiles, allow for a correlation of images that few events cannot show, and are widest about one half. Here the
spread that a sample will estimate is averaged over, and the interval that each estimate would give is the one judged by.
"""

import math

import numpy as np
from scipy import optimize, stats

from audit.stats.intervals import FloatArray, shrunk_design_effect

__all__ = ["detectable_difference", "power_of_deviation", "power_of_difference"]

NODES = 16  # of the spread estimated in a sample; 64 give the same power to .001
STEPS = 8  # of the fixed point: the edge moves by less than .0001 after six


def detectable_difference(
    n_per_cell: int, *, clusters: int, icc: float = 0.1, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Smallest difference between the shares of two cells that a two-sided test finds with the given power.

    For shares around one half, where it is hardest (the shares lie at .5 -+ half the difference), and for the interval
    that ``paired.difference`` and ``gaps.gap`` give two cells without a unit in common: see ``power_of_difference``.
    Cells that share their prompts and seeds need less; a share against a fixed value needs about 1 / sqrt(2) of it.

    Args:
        n_per_cell: images in each of the two cells, at least 1.
        clusters: independent prompts (or draws) behind them, 1 .. n_per_cell.
        icc: intraclass correlation of the images of a cluster, 0 .. 1; .05 to .2 is usual for perceived attributes.
        power: probability of finding a difference of that size, above alpha.
        alpha: two-sided error rate of the test.

    Returns:
        A difference of shares in 0 .. 1; 1 where no difference is found that often, as with one cluster a cell.

    Raises:
        ValueError: an argument is out of its range.

    >>> round(detectable_difference(388, clusters=388, icc=0.0), 2)
    0.1
    """
    _check(n_per_cell, clusters, icc, alpha)
    if not alpha < power < 1:
        raise ValueError(f"power must lie between alpha and 1; got {power} at alpha {alpha}")
    if clusters == 1:
        return 1.0

    def missing(apart: float) -> float:
        shares = (0.5 - apart / 2, 0.5 + apart / 2)
        return power_of_difference(shares, n_per_cell, clusters=clusters, icc=icc, alpha=alpha) - power

    most = 1 - 1e-6
    return 1.0 if missing(most) < 0 else float(optimize.brentq(missing, 1e-6, most, xtol=1e-6))


def power_of_difference(
    shares: tuple[float, float], n_per_cell: int, *, clusters: int, icc: float = 0.1, alpha: float = 0.05
) -> float:
    """Probability that the interval of the difference of two cells leaves 0 out, on the side of the true difference.

    The interval is recovered from the Wilson intervals of both shares (Newcombe 1998, method 10) at the effective n of
    their clusters, as ``paired.difference`` gives it to cells without a unit in common. The design effect that a cell will
    show is spread like chi-squared on clusters - 1 degrees of freedom about 1 + (m - 1) icc, m = n / clusters (Kish
    1965); for each the difference at which the interval starts to leave 0 out is found, and the normal probability of
    finding more than it is averaged.

    Within .03 of the simulated power (beta-binomial images) for 10 to 60 clusters of 5 to 50 images, correlations of 0
    to .2 and differences about one half; with 5 clusters up to .04 too high.

    Args:
        shares: the true ones, each 0 .. 1.
        n_per_cell, clusters, icc, alpha: as for ``detectable_difference``.

    >>> round(power_of_difference((0.45, 0.55), 388, clusters=388), 2)
    0.8
    """
    _check(n_per_cell, clusters, icc, alpha)
    low, high = sorted(shares)
    if not 0 <= low <= high <= 1:
        raise ValueError(f"shares must lie in 0 .. 1; got {shares}")
    if clusters == 1:
        return 0.0
    quantile = _quantile(n_per_cell, clusters, alpha)
    first, second = (n_per_cell / _effects(share, n_per_cell, clusters, icc, quantile) for share in (low, high))
    middle, edge = (low + high) / 2, np.full((len(first), len(second)), high - low)
    for _ in range(STEPS):  # the interval's width depends on the shares found, so its edge is a fixed point
        down, up = np.clip(middle - edge / 2, 0, 1), np.clip(middle + edge / 2, 0, 1)
        edge = np.hypot(_reach(1 - up, second[None, :], quantile), _reach(down, first[:, None], quantile))
    spread = _expected_effect(n_per_cell, clusters, icc) * (low * (1 - low) + high * (1 - high)) / n_per_cell
    return _exceeds(high - low - edge, spread)


def power_of_deviation(
    share: float, reference: float, n: int, *, clusters: int, icc: float = 0.1, alpha: float = 0.05
) -> float:
    """Probability that the interval of a share leaves a known reference value out, on the side of the true share.

    A Wilson interval leaves a value out where the score test of that value rejects, so what is found is held against the
    spread at the reference; design effects are averaged over as for ``power_of_difference``.

    Args:
        share: the true one, 0 .. 1.
        reference: the value it is held against, 0 .. 1, known without error.
        n, clusters, icc, alpha: as for ``detectable_difference``.

    >>> round(power_of_deviation(0.6, 0.5, 259, clusters=259), 3)
    0.901
    """
    _check(n, clusters, icc, alpha)
    if not (0 <= share <= 1 and 0 <= reference <= 1):
        raise ValueError(f"share and reference must lie in 0 .. 1; got {share} and {reference}")
    if clusters == 1:
        return 0.0
    quantile = _quantile(n, clusters, alpha)
    effects = _effects(share, n, clusters, icc, quantile)
    edge = quantile * np.sqrt(reference * (1 - reference) * effects / n)
    return _exceeds(abs(share - reference) - edge, _expected_effect(n, clusters, icc) * share * (1 - share) / n)


def _check(n: int, clusters: int, icc: float, alpha: float) -> None:
    if not 1 <= clusters <= n:
        raise ValueError(f"clusters must lie in 1 .. {n}; got {clusters}")
    if not 0 <= icc <= 1:
        raise ValueError(f"icc must lie in 0 .. 1; got {icc}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1; got {alpha}")


def _expected_effect(n: int, clusters: int, icc: float) -> float:
    return 1 + (n / clusters - 1) * icc


def _quantile(n: int, clusters: int, alpha: float) -> float:
    """Of the intervals of ``cluster_share``: normal for independent images, else of t."""
    return float(stats.norm.ppf(1 - alpha / 2) if clusters == n else stats.t.ppf(1 - alpha / 2, clusters - 1))


def _effects(share: float, n: int, clusters: int, icc: float, quantile: float) -> FloatArray:
    """Design effects, equally likely, that ``cluster_share`` will use for such a sample."""
    if clusters == n:
        return np.ones(1)
    levels = (np.arange(NODES) + 0.5) / NODES
    estimates = _expected_effect(n, clusters, icc) * stats.chi2.ppf(levels, clusters - 1) / (clusters - 1)
    sizes, events = np.full(clusters, n / clusters), min(share, 1 - share) * n
    return np.array([shrunk_design_effect(float(one), sizes, events=events, quantile=quantile) for one in estimates])


def _reach(share: FloatArray, n: FloatArray, quantile: float) -> FloatArray:
    """How far above a share its Wilson interval reaches; below it, given the share's complement."""
    z2 = quantile * quantile
    half = quantile * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return np.asarray((share + z2 / (2 * n) + half) / (1 + z2 / n) - share, dtype=np.float64)


def _exceeds(beyond: FloatArray, variance: float) -> float:
    """Mean probability that a normal deviate of that variance stays below ``beyond``."""
    return float(stats.norm.cdf(beyond / max(math.sqrt(variance), 1e-12)).mean())

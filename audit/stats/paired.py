"""The difference of two estimates that may share their prompts and seeds.

Sharing them is worth about four times the images: what a hard prompt does to both sides cancels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from audit.stats.intervals import ASSUMED_CORRELATION, FloatArray, cluster_share, residuals, shrunk_design_effect

__all__ = ["Difference", "Limits", "Parts", "difference", "recovered_difference"]

Parts = Mapping[str, tuple[float, float]]
"""Pair id -> (total, n) of one independent unit; units of two sides with equal ids belong together."""

Limits = tuple[float, float, float]
"""Estimate, low and high limit."""

TINY = 1e-12
SCORE = (
    "score interval of the discordance at the effective n of the clusters; "
    "where few images differ, a correlation of {:g} within clusters is assumed"
)
RECOVERED = (
    "difference, its interval recovered from those of both sides (Newcombe 1998, method 10); prompts that they share are "
    "not used, so it is wider than needed where these are alike"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one estimate lies above another."""

    estimate: float
    low: float | None
    """None (with ``high``) where a side has one unit only, so that nothing is known of its spread."""
    high: float | None
    pairs: int
    """Units that are in both sides; 0 where none are matched."""
    unpaired: int
    """Units that are in one side only."""
    method: str
    """Estimator and interval in words."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variance of a difference, from the residuals of the units of both sides."""

    variance: float
    df: float


def difference(
    new: Parts,
    base: Parts,
    *,
    confidence: float = 0.95,
    share: bool = False,
    correlation: float = ASSUMED_CORRELATION,
) -> Difference:
    """Estimate of ``new`` minus estimate of ``base``, each sum(total) / sum(n), with a true interval.

    Every unit moves the difference by its residual in ``new`` less its residual in ``base``; the sum of their squares
    is the linearised variance. With all units in both sides this is the paired t interval on pairs - 1 degrees of
    freedom; with none it is Welch's; between the two the degrees of freedom are Satterthwaite's.

    Shares that have units in common get Tango's (1998) score interval, at the effective n of the clusters: it rests on
    how many images tell the sides apart, and where none does it reaches as far as that of a share of 0. As for one
    share, few such images say little of the clustering, so its design effect is shrunk towards that of a correlation of
    .15. Where some units are on one side only, their images count as told apart as often as independent ones. Shares with
    no unit in common get the interval recovered from their own Wilson intervals (Newcombe 1998, method 10). Both stay
    within -1 .. 1 and never shrink to a point.

    Args:
        new, base: (total, n) by pair id.
        confidence: 0 .. 1.
        share: the estimates are shares, so totals lie in 0 .. n.
        correlation: of the images of a cluster, 0 .. 1, assumed for shares while events are few.

    >>> new, base = {"a": (3.0, 4.0), "b": (2.0, 4.0)}, {"a": (2.0, 4.0), "b": (1.0, 4.0)}
    >>> moved = difference(new, base)
    >>> moved.estimate, moved.low, moved.pairs
    (0.25, 0.25, 2)
    """
    new, base = _filled(new), _filled(base)
    first, second = _arrays(new), _arrays(base)
    estimate = float(first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum())
    matched = sum(pair in base for pair in new)
    alone = len(new) + len(base) - 2 * matched
    how = f"{matched} units paired" + (f", {alone} on one side only" if alone else "") if matched else "no unit paired"
    if len(new) < 2 or len(base) < 2:
        return Difference(estimate, None, None, matched, alone, f"difference; one unit on a side, so no interval; {how}")
    spread = _spread(new, base)
    if share and not matched:
        low, high = _recovered(first, second, confidence, correlation)
        return Difference(estimate, low, high, matched, alone, f"difference of shares, intervals recovered; {how}")
    if share:
        low, high, kind = _scored(new, base, spread.variance, confidence, correlation)
        return Difference(estimate, low, high, matched, alone, f"difference of shares, {kind}; {how}")
    half = float(stats.t.ppf((1 + confidence) / 2, spread.df)) * math.sqrt(spread.variance)
    kind = "Welch's t interval" if not matched else "paired t interval" if not alone else "t interval"
    method = f"difference of means, linearised variance, {kind}; {how}"
    return Difference(estimate, estimate - half, estimate + half, matched, alone, method)


def recovered_difference(new: Limits, base: Limits) -> Difference:
    """``new`` minus ``base`` from their own intervals: those of independent estimates (Newcombe 1998, method 10).

    It keeps what the intervals know of their estimates: that they are skew near 0 and 1, and that a classifier's error
    was corrected. What both sides share, such as prompts, is not used: where they are alike it is wider than needed.

    Args:
        new, base: estimates with limits of one confidence, which is that of the difference.

    >>> moved = recovered_difference((0.7, 0.59, 0.79), (0.6, 0.49, 0.70))
    >>> round(moved.estimate, 3), round(moved.low, 3), round(moved.high, 3)
    (0.1, -0.049, 0.242)
    """
    estimate = new[0] - base[0]
    below = math.hypot(new[0] - new[1], base[2] - base[0])
    above = math.hypot(new[2] - new[0], base[0] - base[1])
    return Difference(estimate, estimate - below, estimate + above, 0, 0, RECOVERED)


def _spread(new: Parts, base: Parts) -> _Spread:
    first = dict(zip(new, residuals(*_arrays(new)), strict=True))
    second = dict(zip(base, residuals(*_arrays(base)), strict=True))
    strata = (
        [first[pair] - second[pair] for pair in first if pair in second],
        [value for pair, value in first.items() if pair not in second],
        [value for pair, value in second.items() if pair not in first],
    )
    variances = [sum(value * value for value in stratum) for stratum in strata]
    variance = float(sum(variances))
    spread = sum(v * v / max(len(s) - 1, 1) for v, s in zip(variances, strata, strict=True) if s)
    most = len(first) + len(second) - 2
    return _Spread(
        variance=variance,
        df=variance * variance / spread if spread > 0 else most,
    )


def _recovered(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray], confidence: float, correlation: float
) -> tuple[float, float]:
    """Limits of a difference of independent shares from the limits of both."""
    one = cluster_share(*first, confidence=confidence, correlation=correlation)
    two = cluster_share(*second, confidence=confidence, correlation=correlation)
    assert one.interval is not None
    assert two.interval is not None
    found = recovered_difference((one.value, *one.interval), (two.value, *two.interval))
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def _scored(new: Parts, base: Parts, variance: float, confidence: float, correlation: float) -> tuple[float, float, str]:
    """Score limits of a difference of shares that have units in common, and what they are in words.

    The design effect compares the linearised variance with that of as many pairs of images, each told apart on its own.
    """
    first, second = _arrays(new), _arrays(base)
    sizes = np.concatenate([first[1], second[1]])
    pairs = 2 * first[1].sum() * second[1].sum() / sizes.sum()
    apart = float(first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum())
    unlike = _discordance(new, base)
    events = float(pairs * (unlike - apart * apart))
    single = bool(np.all(sizes <= 1))
    clusters = min(len(new), len(base))
    tail = (1 + confidence) / 2
    quantile = float(stats.norm.ppf(tail) if single else stats.t.ppf(tail, clusters - 1))
    if single and new.keys() == base.keys():
        effect, kind = 1.0, "Tango's score interval"
    else:
        kind = SCORE.format(correlation)
        estimated = variance * pairs * pairs / events if events > TINY else 1.0
        effect = shrunk_design_effect(estimated, sizes, events=max(events, 0.0), quantile=quantile, correlation=correlation)
    squared = quantile * quantile * effect / pairs
    more, less = max(unlike + apart, 0.0) / 2, max(unlike - apart, 0.0) / 2
    return _lowest(more, less, squared), -_lowest(less, more, squared), kind


def _discordance(new: Parts, base: Parts) -> float:
    """Share of pairs of images, one of each side, that tell the sides apart, as far as the sums of the units show it.

    Images of a unit that differ both ways cancel; the design effect makes up for it, as variance is measured.
    """
    both = [(*new[pair], *base[pair]) for pair in new if pair in base]
    weights = np.array([2 * n * m / (n + m) for _, n, _, m in both])
    differing = float(weights @ np.array([abs(hits / n - others / m) for hits, n, others, m in both]))
    first, second = _arrays(new), _arrays(base)
    n, m = float(first[1].sum()), float(second[1].sum())
    share, other = float(first[0].sum()) / n, float(second[0].sum()) / m
    paired = min(1.0, float(weights.sum()) * (n + m) / (2 * n * m))
    independent = share * (1 - other) + other * (1 - share)
    return max(abs(share - other), paired * differing / float(weights.sum()) + (1 - paired) * independent)


def _lowest(more: float, less: float, squared: float) -> float:
    """Low limit of more - less, the shares of pairs in which only the one, or only the other side has a success.

    The lowest difference at which the observed one is no further than the quantile, with the shares fitted to that
    difference (Tango 1998). ``squared`` is quantile^2 / n. The high limit is minus the low one of less - more.
    """
    apart = more - less

    def beyond(difference: float) -> float:
        linear = (2 - apart) * difference - more - less
        constant = -less * difference * (1 - difference)
        fitted = (math.sqrt(max(0.0, linear * linear - 8 * constant)) - linear) / 4
        spread = max(0.0, 2 * fitted + difference * (1 - difference))
        return apart - difference - math.sqrt(squared * spread)

    # The observed difference itself is a root where no pair differs, so the search ends just below it.
    return -1.0 if apart <= TINY - 1 else float(optimize.brentq(beyond, -1.0, apart - TINY))


def _arrays(parts: Parts) -> tuple[FloatArray, FloatArray]:
    values = np.array(list(parts.values()), dtype=np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def _filled(parts: Parts) -> Parts:
    filled = {pair: value for pair, value in parts.items() if value[1] > 0}
    if not filled:
        raise ValueError("a side has no images: there is no difference to estimate")
    return filled

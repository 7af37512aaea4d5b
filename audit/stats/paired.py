"""The difference of two estimates that may share their prompts and seeds.

Sharing them is worth about four times the images: what a hard prompt does to both sides cancels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from audit.stats.intervals import FloatArray, cluster_share, residuals

__all__ = ["Difference", "Parts", "difference"]

Parts = Mapping[str, tuple[float, float]]
"""Pair id -> (total, n) of one independent unit; units of two sides with equal ids belong together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one estimate lies above another."""

    estimate: float
    low: float | None
    """None (with ``high``) where a side has one unit only, so that nothing is known of its spread."""
    high: float | None
    pairs: int
    """Units that are in both sides."""
    unpaired: int
    """Units that are in one side only."""
    method: str
    """Estimator and interval in words."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variance of a difference, from the residuals of the units of both sides."""

    variance: float
    correlation: float
    df: float


def difference(new: Parts, base: Parts, *, confidence: float = 0.95, share: bool = False) -> Difference:
    """Estimate of ``new`` minus estimate of ``base``, each sum(total) / sum(n), with a true interval.

    Every unit moves the difference by its residual in ``new`` less its residual in ``base``; the sum of their squares
    is the linearised variance. With all units in both sides this is the paired t interval on pairs - 1 degrees of
    freedom; with none it is Welch's; between the two the degrees of freedom are Satterthwaite's. Shares get the
    interval recovered from their own Wilson intervals and the correlation of the sides (Newcombe 1998, method 10; Zou &
    Donner 2008), which stays within -1 .. 1 and is wider than a point where all images agree.

    Args:
        new, base: (total, n) by pair id.
        confidence: 0 .. 1.
        share: the estimates are shares, so totals lie in 0 .. n.

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
    if share:
        low, high = _recovered(first, second, spread.correlation, confidence)
        return Difference(estimate, low, high, matched, alone, f"difference of shares, intervals recovered; {how}")
    half = float(stats.t.ppf((1 + confidence) / 2, spread.df)) * math.sqrt(spread.variance)
    kind = "Welch's t interval" if not matched else "paired t interval" if not alone else "t interval"
    method = f"difference of means, linearised variance, {kind}; {how}"
    return Difference(estimate, estimate - half, estimate + half, matched, alone, method)


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
    shared = sum(first[pair] * second[pair] for pair in first if pair in second)
    scale = math.sqrt(sum(v * v for v in first.values()) * sum(v * v for v in second.values()))
    return _Spread(
        variance=variance,
        correlation=max(-1.0, min(1.0, shared / scale)) if scale > 0 else 0.0,
        df=variance * variance / spread if spread > 0 else most,
    )


def _recovered(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray], correlation: float, confidence: float
) -> tuple[float, float]:
    """Limits of a difference of shares from the limits of both (MOVER)."""
    one, two = cluster_share(*first, confidence=confidence), cluster_share(*second, confidence=confidence)
    assert one.interval is not None
    assert two.interval is not None
    down1, up1 = one.value - one.interval[0], one.interval[1] - one.value
    down2, up2 = two.value - two.interval[0], two.interval[1] - two.value
    below = math.sqrt(max(0.0, down1**2 + up2**2 - 2 * correlation * down1 * up2))
    above = math.sqrt(max(0.0, up1**2 + down2**2 - 2 * correlation * up1 * down2))
    middle = one.value - two.value
    return middle - below, middle + above


def _arrays(parts: Parts) -> tuple[FloatArray, FloatArray]:
    values = np.array(list(parts.values()), dtype=np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def _filled(parts: Parts) -> Parts:
    filled = {pair: value for pair, value in parts.items() if value[1] > 0}
    if not filled:
        raise ValueError("a side has no images: there is no difference to estimate")
    return filled

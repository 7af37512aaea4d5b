"""The gap between the highest and the lowest group mean, which noise alone makes larger than 0.

Groups are compared through units: what was sampled independently, such as a prompt, or a counterfactual pair whose
arms are in different groups. Everything takes ``totals`` and ``sizes`` of shape (u, k): unit by group, with size 0
where a unit has no image in a group.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from audit.stats.intervals import ASSUMED_CORRELATION, FloatArray, cluster_mean, cluster_share, residuals
from audit.stats.paired import Parts, difference
from audit.stats.skew import Null

__all__ = ["Gap", "GapNull", "difference_values", "gap", "permuted_gap"]

PERMUTATIONS = 1000
TINY = 1e-9
"""Of the largest mean: shuffles that fall short of the observed gap by rounding alone count as reaching it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Highest less lowest group mean."""

    value: float
    interval: tuple[float, float] | None
    """Simultaneous over all pairs of groups; None where a group has one unit."""
    highest: int
    """Column of the group with the highest mean."""
    lowest: int


@dataclass(frozen=True, slots=True)
class GapNull(Null):
    """What the gap is where groups mean nothing, and how often it is then as large as the one observed."""

    p_value: float
    """(shuffles with as large a gap + 1) / (shuffles + 1)"""


def gap(
    totals: FloatArray,
    sizes: FloatArray,
    *,
    confidence: float = 0.95,
    share: bool = False,
    correlation: float = ASSUMED_CORRELATION,
) -> Gap:
    """Largest difference between two group means, with an interval that allows for having looked for the largest.

    Every pair of groups gets an interval for its difference at a confidence corrected for the number of pairs
    (Bonferroni), from the intervals of both means and the correlation of the units that are in both groups (Zou &
    Donner 2008). The gap lies between the largest low end (at least 0) and the largest high end.

    Shares of groups with units in common get the score interval of ``paired.difference`` instead: recovered from the two
    shares, an interval of arms that hardly differ shrinks to a point.

    Args:
        totals, sizes: (u, k) sums of values and counts by unit and group; every group has an image.
        confidence: 0 .. 1.
        share: the means are shares, so totals lie in 0 .. sizes.
        correlation: of the images of a unit, 0 .. 1, assumed for shares while events are few.

    >>> found = gap(np.array([[3.0, 1.0], [2.0, 1.0]]), np.full((2, 2), 4.0))
    >>> found.value, found.highest
    (0.375, 0)
    """
    groups = sizes.shape[1]
    means = totals.sum(axis=0) / sizes.sum(axis=0)
    highest, lowest = int(np.argmax(means)), int(np.argmin(means))
    value = float(means[highest] - means[lowest])
    each = 1 - (1 - confidence) / max(groups * (groups - 1) / 2, 1)
    found = [_ends(totals[:, k], sizes[:, k], each, correlation if share else None) for k in range(groups)]
    ends = np.array([ends for ends in found if ends is not None])
    if len(ends) < groups or groups < 2:
        return Gap(value, None, highest, lowest)
    apart = means[:, None] - means[None, :]
    reach = _reach(means - ends[:, 0], ends[:, 1] - means, _correlation(totals, sizes))
    lows, highs = apart - reach, apart + reach.T
    if share:
        there = (sizes > 0).astype(np.float64)
        together = there.T @ there > 0
        for first, second in combinations(range(groups), 2):
            if together[first, second]:
                one, other = _side(totals, sizes, first), _side(totals, sizes, second)
                moved = difference(one, other, confidence=each, share=True, correlation=correlation)
                assert moved.low is not None
                assert moved.high is not None
                lows[first, second], highs[first, second] = moved.low, moved.high
                lows[second, first], highs[second, first] = -moved.high, -moved.low
    return Gap(value, (max(0.0, float(lows.max())), float(highs.max())), highest, lowest)


def _ends(
    totals: FloatArray, sizes: FloatArray, confidence: float, correlation: float | None
) -> tuple[float, float] | None:
    """Interval of the mean of one group; of its share where a correlation is given."""
    if correlation is None:
        return cluster_mean(totals, sizes, confidence=confidence).interval
    return cluster_share(totals, sizes, confidence=confidence, correlation=correlation).interval


def _side(totals: FloatArray, sizes: FloatArray, group: int) -> Parts:
    there = np.flatnonzero(sizes[:, group] > 0)
    return {str(unit): (float(totals[unit, group]), float(sizes[unit, group])) for unit in there}


def _reach(down: FloatArray, up: FloatArray, correlation: FloatArray) -> FloatArray:
    """(k, k) how far below the difference of row and column its interval reaches; transposed: how far above."""
    squares = down[:, None] ** 2 + up[None, :] ** 2 - 2 * correlation * down[:, None] * up[None, :]
    reach = np.sqrt(np.maximum(squares, 0.0))
    np.fill_diagonal(reach, 0.0)
    return np.asarray(reach, dtype=np.float64)


def _correlation(totals: FloatArray, sizes: FloatArray) -> FloatArray:
    """(k, k) correlation of the errors of the group means, through units that are in several groups."""
    moves = np.zeros_like(totals)
    for group in range(totals.shape[1]):
        there = sizes[:, group] > 0
        moves[there, group] = residuals(totals[there, group], sizes[there, group])
    norms = np.sqrt((moves * moves).sum(axis=0))
    units = moves / np.where(norms > 0, norms, 1.0)
    return np.asarray(units.T @ units, dtype=np.float64)


def permuted_gap(totals: FloatArray, sizes: FloatArray, rng: np.random.Generator) -> GapNull:
    """The gap that the same units show when groups mean nothing: group labels are shuffled 1,000 times.

    A unit that is in several groups (a counterfactual pair) has its labels shuffled within it; units of one group have
    theirs shuffled among each other. With 8 equal groups of 20 images and a rate of one half the gap is .32 on average.

    Args:
        totals, sizes: (u, k) sums of values and counts by unit and group.
        rng: source of randomness.

    >>> null = permuted_gap(np.eye(2), np.eye(2), np.random.default_rng(0))
    >>> null.mean, null.p_value
    (0.0, 1.0)
    """
    unit, group = np.nonzero(sizes > 0)
    values, counts = totals[unit, group], sizes[unit, group]
    several = np.bincount(unit, minlength=len(sizes)) > 1
    block = np.where(several[unit], unit, -1)
    place = np.argsort(block, kind="stable")
    values, counts, block, group = values[place], counts[place], block[place], group[place]
    found = np.empty(PERMUTATIONS)
    for turn in range(PERMUTATIONS):
        shuffled = group[np.lexsort((rng.random(len(block)), block))]
        sums = np.bincount(shuffled, values, minlength=sizes.shape[1])
        means = sums / np.bincount(shuffled, counts, minlength=sizes.shape[1])
        found[turn] = means.max() - means.min()
    means = totals.sum(axis=0) / sizes.sum(axis=0)
    reached = int((found >= means.max() - means.min() - TINY * np.abs(means).max()).sum())
    low, high = np.quantile(found, [0.025, 0.975])
    return GapNull(float(found.mean()), float(low), float(high), (reached + 1) / (PERMUTATIONS + 1))


def difference_values(totals: FloatArray, sizes: FloatArray, first: int, second: int) -> FloatArray:
    """Values of the units whose mean is group ``first`` less group ``second`` and whose spread gives its error.

    Args:
        totals, sizes: (u, k) sums of values and counts by unit and group.
        first, second: columns.

    Returns:
        One value for each unit that is in either group, in order.

    >>> difference_values(np.array([[3.0, 1.0], [2.0, 1.0]]), np.full((2, 2), 4.0), 0, 1)
    array([0.5 , 0.25])
    """
    means = totals.sum(axis=0) / sizes.sum(axis=0)
    moves = (totals - means * sizes) / sizes.sum(axis=0)
    either = (sizes[:, first] > 0) | (sizes[:, second] > 0)
    apart = (moves[:, first] - moves[:, second])[either]
    return np.asarray(means[first] - means[second] + apart * len(apart), dtype=np.float64)

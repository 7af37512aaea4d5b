"""The gap between the highest and the lowest group mean, which noise alone makes larger than 0.

Groups are compared through units: what was sampled independently, such as a prompt, or a counterfactual pair whose
arms are in different groups. Everything takes ``totals`` and ``sizes`` of shape (u, k): unit by group, with size 0
where a unit has no image in a group.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from audit.stats.intervals import FloatArray, residuals
from audit.stats.skew import Null

__all__ = ["Gap", "gap", "permuted_gap"]

PERMUTATIONS = 1000


@dataclass(frozen=True, slots=True)
class Gap:
    """Highest less lowest group mean."""

    value: float
    interval: tuple[float, float] | None
    """Simultaneous over all pairs of groups; None where a group has one unit."""
    highest: int
    """Column of the group with the highest mean."""
    lowest: int


def gap(totals: FloatArray, sizes: FloatArray, *, confidence: float = 0.95) -> Gap:
    """Largest difference between two group means, with an interval that allows for having looked for the largest.

    Every pair of groups gets a t interval for its difference (linearised, units that are in both groups paired), at a
    confidence corrected for the number of pairs (Bonferroni); the gap lies between the largest low end (at least 0) and
    the largest high end.

    Args:
        totals, sizes: (u, k) sums of values and counts by unit and group; every group has an image.
        confidence: 0 .. 1.

    >>> found = gap(np.array([[3.0, 1.0], [2.0, 1.0]]), np.full((2, 2), 4.0))
    >>> found.value, found.highest
    (0.375, 0)
    """
    means = totals.sum(axis=0) / sizes.sum(axis=0)
    highest, lowest = int(np.argmax(means)), int(np.argmin(means))
    value = float(means[highest] - means[lowest])
    units = (sizes > 0).sum(axis=0)
    if units.min() < 2 or len(means) < 2:
        return Gap(value, None, highest, lowest)
    moves = np.zeros_like(totals)
    for group in range(len(means)):
        there = sizes[:, group] > 0
        moves[there, group] = residuals(totals[there, group], sizes[there, group])
    products = moves.T @ moves
    variances = np.diag(products)
    spread = np.sqrt(np.maximum(variances[:, None] + variances[None, :] - 2 * products, 0.0))
    pairs = len(means) * (len(means) - 1) / 2
    df = np.minimum(units[:, None], units[None, :]) - 1
    half = stats.t.ppf(1 - (1 - confidence) / (2 * pairs), df) * spread
    apart = means[:, None] - means[None, :]
    np.fill_diagonal(half, 0.0)
    return Gap(value, (max(0.0, float((apart - half).max())), float((apart + half).max())), highest, lowest)


def permuted_gap(totals: FloatArray, sizes: FloatArray, rng: np.random.Generator) -> Null:
    """The gap that the same units show when groups mean nothing: group labels are shuffled 1,000 times.

    A unit that is in several groups (a counterfactual pair) has its labels shuffled within it; units of one group have
    theirs shuffled among each other. With 8 equal groups of 20 images and a rate of one half the gap is .32 on average.

    Args:
        totals, sizes: (u, k) sums of values and counts by unit and group.
        rng: source of randomness.

    >>> null = permuted_gap(np.eye(2), np.eye(2), np.random.default_rng(0))
    >>> null.mean
    0.0
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
    return Null(float(found.mean()), float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975)))

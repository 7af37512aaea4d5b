"""Whether two attributes depend on each other, or an attribute on factors of the prompts, beyond what the margins show.

A cell whose shares of each attribute are even can still draw the young as women and the old as men only. Dependence is
measured as mutual information in nats: 0 for independent attributes, at most the log of the fewer levels. Found in a
sample it is never below 0, so it stands beside what independence alone would show, by permutation.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from audit.stats.information import TINY, Information, IntArray, Sample, mutual_information
from audit.stats.intervals import Estimate, FloatArray

__all__ = [
    "Dependence",
    "dependence",
    "factor_dependence",
    "log_odds_contrast",
]

FIRST = 199  # permutations of every cell, where there are too many tables for all permutations
EXCEEDED = 20  # of the first, which settle that a cell shows nothing
SWAPS = 111  # of the levels of a factor, at once; nine times
TABLES = 400_000  # permuted in full
AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Dependence:
    """Of two attributes within cells."""

    cells: Information
    overall: Information
    """Conditional mutual information given the cell, the mean over cells by images; arrays of shape (1,)."""


def dependence(
    counts: FloatArray,
    cell: IntArray,
    rng: np.random.Generator,
    *,
    permutations: int = 999,
    confidence: float = 0.95,
) -> Dependence:
    """Mutual information of two attributes within cells, and a test that sees it where the margins are even.

    The values of one attribute are permuted against those of the other among the images of each cluster (prompt), which
    leaves all margins of every prompt as they are. The test is therefore exact whatever prompts have in common and
    however alike their images are: it holds each prompt against itself. Prompts with one image each are taken as draws
    of their cell and permuted among each other; beside prompts of several images, those of one tell nothing.

    With more than 400,000 tables to permute, cells that 20 of the first 199 permutations exceed stop there, which leaves
    p-values up to .1 valid (after Besag & Clifford 1991); ``overall`` then rests on the first 199.

    The interval is the wider, at each end, of a jackknife over clusters and of the one that a noncentral chi-squared
    gives: the first is too short near independence, the second far from it. Nominal 95 % covers .94 to 1 with 4 to
    100 clusters of 1 to 20 images. Prompts that differ in how their images depend show more than their mean law does.

    Args:
        counts: (g, k, l) images of a cluster with each pair of levels; whole numbers.
        cell: (g,) cell of each cluster, 0 .. c - 1; every cell has an image.
        rng: source of randomness.
        permutations: at least 1; the smallest p-value is 1 / (permutations + 1).
        confidence: 0 .. 1.

    Raises:
        ValueError: shapes disagree, counts are not whole, or a cell has no image.

    >>> counts = np.tile([[5.0, 0], [0, 5]], (6, 1, 1))
    >>> found = dependence(counts, np.zeros(6, dtype=np.int64), np.random.default_rng(0)).cells
    >>> float(found.p_value[0]), round(float(found.value[0]), 3)
    (0.001, 0.693)
    """
    counts, cell = _checked(counts, cell)
    sample = Sample.of(counts, cell)
    counts, cell = _singles_joined(counts, cell)
    starts = np.searchsorted(cell, np.arange(cell[-1] + 1))
    first = permutations if len(counts) * permutations <= TABLES else min(FIRST, permutations)
    drawn = _permuted(counts, starts, first, rng)
    cells = sample.information(drawn, confidence)
    beyond = (drawn >= cells.value - TINY).sum(axis=0)
    for c in np.flatnonzero(beyond < EXCEEDED) if first < permutations else ():
        more = _permuted(counts[cell == c], np.zeros(1, dtype=np.int64), permutations - first, rng)
        cells.p_value[c] = (beyond[c] + (more >= cells.value[c] - TINY).sum() + 1) / (permutations + 1)
    return Dependence(cells, sample.overall(drawn, confidence))


def factor_dependence(
    totals: FloatArray,
    factor: IntArray,
    rng: np.random.Generator,
    *,
    given: IntArray | None = None,
    confidence: float = 0.95,
) -> Information:
    """Mutual information of an attribute and a factor of the prompts, given another factor, and a permutation test.

    I(attribute; factor | given): a second factor that matters only in company with the first one shows here, also where
    neither has an effect by itself. Whole clusters (prompts) swap their levels of the factor within each level of
    ``given``, 999 times; the test is exact where clusters are exchangeable, however alike the images of each are.
    Few prompts have few arrangements: two in each of four combinations cannot reach .05, three can.

    Args:
        totals: (g, k) images of each level of the attribute, by cluster; every cluster is in one level of the factor.
        factor: (g,) level of the factor, 0 or more.
        rng: source of randomness.
        given: (g,) level of the factor that is held fixed; None: there is none.
        confidence: 0 .. 1; the interval is as for ``dependence``.

    Returns:
        Arrays of shape (1,).

    Raises:
        ValueError: shapes disagree, or there is no image.

    >>> totals = np.repeat([[9.0, 1], [1, 9], [1, 9], [9, 1]], 4, axis=0)
    >>> one, other = np.repeat([0, 0, 1, 1], 4), np.repeat([0, 1, 0, 1], 4)
    >>> alone, together = (factor_dependence(totals, one, np.random.default_rng(0), given=g) for g in (None, other))
    >>> round(float(alone.value[0]), 3), float(together.p_value[0]) < 0.01
    (0.0, True)
    """
    given = np.zeros(len(totals), dtype=np.int64) if given is None else given
    if totals.ndim != 2 or factor.shape != totals.shape[:1] or given.shape != factor.shape:
        raise ValueError(
            f"totals (g, k), factor and given (g,) must agree; got {totals.shape}, {factor.shape}, {given.shape}"
        )
    filled = totals.sum(axis=1) > 0
    if not filled.any():
        raise ValueError("totals: no images, so nothing to estimate")
    _, stratum = np.unique(given[filled], return_inverse=True)
    levels, level = np.unique(factor[filled], return_inverse=True)
    place = np.argsort(stratum, kind="stable")
    totals, level, stratum = totals[filled][place], level[place], stratum[place]
    drawn = np.concatenate([_swapped(totals, level, stratum, rng) for _ in range(9)])
    rows = np.zeros((len(totals), len(levels), totals.shape[1]))
    rows[np.arange(len(totals)), level] = totals
    return Sample.of(rows, stratum).overall(drawn, confidence)


def log_odds_contrast(counts: FloatArray, *, strata: IntArray | None = None, confidence: float = 0.95) -> Estimate:
    """Log odds ratio of two attributes, or with a third axis the log of the ratio of two odds ratios: the interaction.

        sum of sign * log(count + .5),  sign = + where an even number of the levels is the second one, else -

    0 is no dependence (no interaction), above 0 equal levels go together. The variance is linearised by cluster within
    strata, t on clusters - strata degrees of freedom, and not below that of as many independent images, sum of
    1 / (count + .5) (Woolf 1955; half a count by Haldane 1956 and Anscombe 1956). Nominal 95 % covers .92 to 1 with 4 to
    200 clusters and odds ratios up to 20; .90 for an odds ratio of 81 in 12 clusters that correlate by .2.

    Args:
        counts: (g, 2, ..., 2) images of each combination of levels, by cluster.
        strata: (g,) what the clusters were sampled within, such as the level of a factor of the prompts; None: all in one.
        confidence: 0 .. 1.

    Returns:
        The contrast in nats; the interval is None where a stratum has one cluster.

    Raises:
        ValueError: an axis has not two levels, or there is no image.

    >>> found = log_odds_contrast(np.array([[[20.0, 5], [5, 20]], [[15, 10], [10, 15]]]))
    >>> round(found.value, 3)
    1.657
    """
    if counts.ndim < 3 or set(counts.shape[1:]) != {2}:
        raise ValueError(f"counts must be (g, 2, ..., 2) with two axes of levels or more; got {counts.shape}")
    filled = counts.reshape(len(counts), -1).sum(axis=1) > 0
    if not filled.any():
        raise ValueError("counts: no images, so nothing to estimate")
    signs = (-1.0) ** np.indices(counts.shape[1:]).sum(axis=0).ravel()
    rows = counts[filled].reshape(int(filled.sum()), -1)
    whole = rows.sum(axis=0) + 0.5
    value = float(signs @ np.log(whole))
    names, stratum = np.unique(np.zeros(len(rows)) if strata is None else strata[filled], return_inverse=True)
    clusters = np.bincount(stratum)
    method = "log odds contrast; variance linearised by cluster, t interval"
    if clusters.min() < 2:
        return Estimate(value, None, len(rows), None, f"{method}; a stratum with one cluster, so no interval")
    moves = rows @ (signs / whole)
    moves = moves - (np.bincount(stratum, moves) / clusters)[stratum]
    variance = float((np.bincount(stratum, moves * moves) * clusters / (clusters - 1)).sum())
    variance = max(variance, float((1 / whole).sum()))
    half = float(stats.t.ppf((1 + confidence) / 2, len(rows) - len(names))) * math.sqrt(variance)
    return Estimate(value, (value - half, value + half), len(rows), None, method)


def _swapped(totals: FloatArray, level: IntArray, stratum: IntArray, rng: np.random.Generator) -> FloatArray:
    """(SWAPS, c) information of each stratum where its clusters swap their levels; clusters are sorted by stratum."""
    order = np.argsort(stratum + rng.random((SWAPS, len(level))), axis=1)
    shuffled = level[order]
    by_stratum = (stratum[:, None] == np.arange(stratum[-1] + 1))[:, :, None] * totals[:, None, :]
    flat = by_stratum.reshape(len(totals), -1)
    tables = [(shuffled == f).astype(np.float64) @ flat for f in range(level.max() + 1)]
    return mutual_information(
        np.stack(tables, axis=1).reshape(SWAPS, level.max() + 1, *by_stratum.shape[1:]).swapaxes(1, 2)
    )


def _permuted(counts: FloatArray, starts: IntArray, times: int, rng: np.random.Generator) -> FloatArray:
    """(times, c) information of each cell where the attributes of the images of each cluster are permuted."""
    step = max(1, AT_ONCE // len(counts))
    parts = [
        mutual_information(np.add.reduceat(_shuffled(counts, min(step, times - start), rng), starts, axis=1))
        for start in range(0, times, step)
    ]
    return np.concatenate(parts)


def _shuffled(counts: FloatArray, times: int, rng: np.random.Generator) -> FloatArray:
    """(times, g, k, l) random tables with the margins of each table of counts, as permuted images give them."""
    rows, columns = counts.sum(axis=2).astype(np.int64), counts.sum(axis=1).astype(np.int64)
    found = np.zeros((times, *counts.shape))
    left = np.broadcast_to(columns, (times, *columns.shape)).copy()
    for a in range(counts.shape[1] - 1):
        wanted = np.broadcast_to(rows[:, a], (times, len(rows))).copy()
        for b in range(counts.shape[2] - 1):
            drawn = rng.hypergeometric(left[:, :, b], left[:, :, b + 1 :].sum(axis=2), wanted)
            found[:, :, a, b] = drawn
            wanted -= drawn
            left[:, :, b] -= drawn
        found[:, :, a, -1] = wanted
        left[:, :, -1] -= wanted
    found[:, :, -1] = left
    return found


def _singles_joined(counts: FloatArray, cell: IntArray) -> tuple[FloatArray, IntArray]:
    """Cells whose clusters have one image each, as one cluster."""
    sizes = counts.sum(axis=(1, 2))
    single = (np.bincount(cell, sizes) == np.bincount(cell))[cell]
    new = np.concatenate([[True], (cell[1:] != cell[:-1]) | ~single[1:]])
    return np.add.reduceat(counts, np.flatnonzero(new), axis=0), cell[new]


def _checked(counts: FloatArray, cell: IntArray) -> tuple[FloatArray, IntArray]:
    """Clusters that have images, sorted by cell."""
    if counts.ndim != 3 or cell.shape != counts.shape[:1]:
        raise ValueError(f"counts (g, k, l) and cell (g,) must agree; got {counts.shape} and {cell.shape}")
    if np.any(counts < 0) or np.any(counts != np.rint(counts)):
        raise ValueError("counts must be whole numbers of images, 0 or more: permutations are of images")
    images = np.bincount(cell, counts.sum(axis=(1, 2)))
    if not len(images) or not images.all():
        raise ValueError(f"cells {np.flatnonzero(images == 0).tolist()} have no image; number those that have")
    filled = np.flatnonzero(counts.sum(axis=(1, 2)) > 0)
    order = filled[np.argsort(cell[filled], kind="stable")]
    return counts[order], cell[order]

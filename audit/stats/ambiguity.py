"""When a classifier should rather say nothing: the confidence below which its labels are left out.

Labels on images whose truth is known give, for every threshold, how many images would still be read and how many of those
wrongly. ``lowest_threshold`` takes the lowest one whose error has an upper limit of at most a target: a rule in the terms
that a reader of shares needs. (Chow's rule, which weighs errors against abstentions, would need the price of an abstention
and a confidence that is a probability, and neither is to be had here.) A threshold that is chosen and judged on the same
images looks better than it is, so ``cross_fitted`` judges the choice on images that took no part in it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from audit.stats.intervals import FloatArray, cluster_share

__all__ = ["CrossFitted", "Curve", "at_least", "cross_fitted", "folds", "lowest_threshold", "threshold_curve"]

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

STEP = 1e-4
"""Thresholds are multiples of it, so that they can be written down."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What every useful threshold leaves, lowest first."""

    thresholds: FloatArray
    """(t,) rising; labels with at least this confidence are read."""
    read: IntArray
    """(t,) images that are read."""
    wrong: IntArray
    """(t,) of those, read wrongly."""
    limit: FloatArray
    """(t,) upper limit of the error among the read: one-sided, Clopper-Pearson, or that of clusters where it is higher."""


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """The choice of a threshold, judged on images that took no part in it."""

    read: BoolArray
    """(n,) images that the threshold chosen without their part leaves read."""
    thresholds: tuple[float | None, ...]
    """Chosen without each part; None where none met the target, so that nothing of the part is read."""


def threshold_curve(
    sure: FloatArray, wrong: BoolArray, *, clusters: npt.ArrayLike | None = None, confidence: float = 0.95
) -> Curve:
    """Coverage and error along thresholds.

    Args:
        sure: (n,) confidence of each label, at least one.
        wrong: (n,) whether the label is not the true one.
        clusters: (n,) name or code of each label's cluster (person): labels of one are often wrong together.
        confidence: of the one-sided upper limit of each threshold, by itself: the choice among many is judged elsewhere.

    Raises:
        ValueError: no labels, or arrays that do not belong together.

    >>> found = threshold_curve(np.array([0.6, 0.7, 0.9, 0.9]), np.array([True, False, False, False]))
    >>> found.thresholds, found.read, found.wrong
    (array([0.6, 0.7, 0.9]), array([4, 3, 2]), array([1, 0, 0]))
    """
    if sure.ndim != 1 or sure.shape != wrong.shape or not len(sure):
        raise ValueError(f"one confidence and one verdict for each label are needed; got {sure.shape} and {wrong.shape}")
    # Rounded down, so that the label that sets a threshold is read at it; the nudge keeps .7 from becoming .6999.
    steps = np.floor(sure / STEP + 1e-6)
    order = np.argsort(steps)
    known, first = np.unique(steps[order], return_index=True)
    read = len(sure) - first
    errors = np.cumsum(wrong[order][::-1])[::-1][first]
    limit = np.where(errors < read, special.betaincinv(errors + 1, np.maximum(read - errors, 1), confidence), 1.0)
    if clusters is not None:
        limit = np.maximum(limit, _limits_by_cluster(steps, known, wrong, np.asarray(clusters), confidence))
    return Curve(np.round(known * STEP, 4), read.astype(np.int64), errors.astype(np.int64), limit)


def _limits_by_cluster(
    steps: FloatArray, known: FloatArray, wrong: BoolArray, clusters: npt.NDArray[np.generic], confidence: float
) -> FloatArray:
    """(t,) upper limits at the effective n of the clusters; 0 where each label is a cluster of its own."""
    names, code = np.unique(clusters, return_inverse=True)
    found = np.zeros(len(known))
    for place, least in enumerate(known if len(names) < len(code) else ()):
        kept = code[steps >= least]
        totals, sizes = (np.asarray(np.bincount(kept, of), np.float64) for of in (wrong[steps >= least], None))
        interval = cluster_share(totals, sizes, confidence=2 * confidence - 1).interval
        found[place] = interval[1] if interval else 1.0
    return found


def at_least(sure: FloatArray, threshold: float) -> BoolArray:
    """(n,) whether labels are read at a threshold of the curve.

    >>> at_least(np.array([0.7, 0.69]), 0.7)
    array([ True, False])
    """
    return np.asarray(sure >= threshold - STEP * 1e-6, dtype=np.bool_)


def lowest_threshold(curve: Curve, target: float) -> float | None:
    """The lowest threshold whose error has an upper limit of at most ``target``; None where none has.

    >>> right = np.zeros(100, dtype=bool)
    >>> lowest_threshold(threshold_curve(np.linspace(0.5, 0.995, 100), right), 0.05)
    0.5
    """
    met = np.flatnonzero(curve.limit <= target)
    return float(curve.thresholds[met[0]]) if len(met) else None


def folds(clusters: npt.ArrayLike, parts: int, rng: np.random.Generator) -> IntArray:
    """Deal clusters (people, prompts) to parts of about equal numbers of clusters.

    Args:
        clusters: (n,) name or code of each image's cluster.
        parts: at least 2; fewer are made where there are fewer clusters.
        rng: source of randomness.

    Returns:
        (n,) part of each image; images of a cluster are in the same one.
    """
    names, code = np.unique(np.asarray(clusters), return_inverse=True)
    return np.asarray(rng.permutation(len(names))[code] % min(parts, len(names)), dtype=np.int64)


def cross_fitted(
    sure: FloatArray,
    wrong: BoolArray,
    part: IntArray,
    *,
    target: float,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> CrossFitted:
    """Choose a threshold without each part and apply it to that part.

    Args:
        sure: (n,) confidence of each label.
        wrong: (n,) whether it is not the true one.
        part: (n,) from ``folds``; at least two different ones.
        target: as for ``lowest_threshold``.
        clusters: as for ``threshold_curve``.
        confidence: of the upper limit.

    Raises:
        ValueError: fewer than two parts.
    """
    parts = np.unique(part)
    if len(parts) < 2:
        raise ValueError("a choice can be judged on other images only where there are two parts or more")
    read, chosen = np.zeros(len(sure), dtype=bool), []
    known = None if clusters is None else np.asarray(clusters)
    for own in parts:
        others = part != own
        whose = None if known is None else known[others]
        curve = threshold_curve(sure[others], wrong[others], clusters=whose, confidence=confidence)
        threshold = lowest_threshold(curve, target)
        chosen.append(threshold)
        if threshold is not None:
            read[~others] = at_least(sure[~others], threshold)
    return CrossFitted(read, tuple(chosen))

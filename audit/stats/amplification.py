"""How much further a generator goes than a reference in tying an attribute to the tasks (occupations, say) asked for.

Tasks are numbered 0 .. t - 1, the levels of the attribute 0 .. k - 1. What was measured comes as rows, one for each
independent cluster (prompt) and task: ``Measured``. The reference is taken as known exactly: its own error is in no
interval here; ``reference_error`` says how large it is, and ``estimated_sign_null`` what it does to the sign.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import FloatArray, shrunk_design_effect
from audit.stats.skew import Null

__all__ = [
    "Amplification",
    "IntArray",
    "Measured",
    "Reference",
    "Weights",
    "directional",
    "directional_weights",
    "dominant_weights",
    "estimated_sign_null",
    "mean_dominant",
    "reference_error",
]

IntArray = npt.NDArray[np.int64]

TIE = 1e-9  # shares that differ by less are equal: they came from a table with fewer digits
SUM = 1e-6
DRAWS = 4000
AT_ONCE = 1_000_000  # numbers of a block of draws


@dataclass(frozen=True, slots=True)
class Reference:
    """What the generator is held against: the training data, labour statistics, or another stated distribution."""

    shares: FloatArray
    """(t, k) P(A = a | T = t); each row sums to 1."""
    tasks: FloatArray
    """(t,) P(T = t), all above 0; sums to 1."""


Weights = Callable[[FloatArray, FloatArray], FloatArray]
"""Shares and tasks of a reference -> what each pair of task and level counts for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of what was drawn, a row for each cluster and task."""

    totals: FloatArray
    """(r, k) images of each level."""
    task: IntArray
    """(r,) task of the row."""
    cluster: IntArray
    """(r,) cluster of the row: rows of one cluster are not independent of each other."""


@dataclass(frozen=True, slots=True)
class Amplification:
    """A mean amplification over all tasks, and what each pair of task and level adds to it."""

    value: float
    """-1 .. 1: above 0 the generator exaggerates the reference, below 0 it evens it out."""
    interval: tuple[float, float] | None
    """None where a task has a single cluster."""
    clusters: int
    parts: FloatArray
    """(t, k) each pair's share of the value; they sum to it."""
    unsigned: tuple[tuple[int, int], ...]
    """(task, level) pairs that count as 0, since the reference gives them no direction to be amplified in."""
    method: str


def directional(reference: Reference, measured: Measured, *, confidence: float = 0.95) -> Amplification:
    """Directional bias amplification of an attribute by task, BiasAmp T -> A (Wang & Russakovsky 2021, equation 1).

        mean over t, a of sign(P(a, t) - P(a) P(t)) * (measured P(a | t) - reference P(a | t))

    The sign says whether the reference has more of a level in a task than over all tasks. Pairs where it has just as
    much are given no sign and named (the paper counts them as negative; over all levels of a task without signs both
    give 0). A task without an image is an error: the authors' code takes a ``nanmean``, from which it vanishes.

    The interval is linearised by cluster within tasks, with a t quantile on Satterthwaite's degrees of freedom. Where few
    images differ from the most frequent level of their task, images of a cluster are taken to correlate as assumed by
    ``intervals.cluster_share``. Nominal 95 % covers .945 to .98 for 10 tasks of 2 prompts or more, and .95 to 1 for
    2 or 4 tasks: few prompts in few tasks give intervals wider than they need be.

    Args:
        reference: shares by task.
        measured: counts by cluster and task; every task needs an image.
        confidence: 0 .. 1.

    Raises:
        ValueError: the reference is no distribution, shapes disagree, or a task has no image.

    >>> reference = Reference(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0.5, 0.5]))
    >>> measured = Measured(np.array([[10.0, 90.0], [97.0, 3.0]]), np.array([0, 1]), np.array([0, 1]))
    >>> round(directional(reference, measured).value, 9)
    0.085
    """
    _check(reference)
    weights = directional_weights(reference.shares, reference.tasks)
    unsigned = tuple((int(t), int(a)) for t, a in np.argwhere(weights == 0))
    return _weighted(reference, measured, weights, unsigned, confidence)


def directional_weights(shares: FloatArray, tasks: FloatArray) -> FloatArray:
    """What ``directional`` multiplies (measured - reference) by: sign(P(a, t) - P(a) P(t)) / (t k).

    Shares of references (..., t, k), tasks (t,).

    >>> directional_weights(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0.5, 0.5])).tolist()
    [[-0.25, 0.25], [0.25, -0.25]]
    """
    apart = shares - (tasks[:, None] * shares).sum(axis=-2, keepdims=True)
    signs = np.sign(np.where(np.abs(apart) < TIE, 0.0, apart))
    return np.asarray(signs / (shares.shape[-2] * shares.shape[-1]), dtype=np.float64)


def mean_dominant(reference: Reference, measured: Measured, *, confidence: float = 0.95) -> Amplification:
    """Mean bias amplification (Zhao et al. 2017, section 4): how much the dominant levels of the tasks gain.

        1 / t * sum over t and the levels a with P(a | t) > 1 / k of measured P(a | t) - reference P(a | t)

    It differs from ``directional`` where a level is the more frequent one in all tasks: there it looks at the level
    that leads, not at the one that the task has more of than others do. Interval, arguments and errors: ``directional``.

    >>> reference = Reference(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0.5, 0.5]))
    >>> measured = Measured(np.array([[10.0, 90.0], [97.0, 3.0]]), np.array([0, 1]), np.array([0, 1]))
    >>> round(mean_dominant(reference, measured).value, 9)
    0.085
    """
    _check(reference)
    weights = dominant_weights(reference.shares, reference.tasks)
    unsigned = tuple((int(t), a) for t in np.flatnonzero(~weights.any(axis=1)) for a in range(weights.shape[1]))
    return _weighted(reference, measured, weights, unsigned, confidence)


def dominant_weights(shares: FloatArray, tasks: FloatArray) -> FloatArray:
    """What ``mean_dominant`` multiplies (measured - reference) by: 1 / t where P(a | t) > 1 / k, else 0; see above.

    >>> dominant_weights(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0.5, 0.5])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    return np.where(shares > 1 / shares.shape[-1] + TIE, 1 / len(tasks), 0.0)


def reference_error(reference: Reference, weights: FloatArray, reference_n: FloatArray) -> float:
    """Standard error of sum(weights * reference shares), from the samples that the reference was estimated by.

    Args:
        weights: (t, k), taken as they are: what chance does to signs is told by ``estimated_sign_null``.
        reference_n: (t,) simple random sample behind each task, tasks independent of each other; ``inf``: known.

    >>> reference = Reference(np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([0.5, 0.5]))
    >>> round(reference_error(reference, np.array([[-0.25, 0.25], [0.25, -0.25]]), np.array([100.0, np.inf])), 4)
    0.02
    """
    return math.sqrt(float((_spread(weights, reference.shares) / reference_n).sum()))


def estimated_sign_null(
    reference: Reference,
    measured_n: FloatArray,
    reference_n: FloatArray,
    rng: np.random.Generator,
    *,
    weights: Weights = directional_weights,
) -> Null:
    """What ``directional`` shows where the generator follows the law of the reference, and both are samples of it.

    A sign that comes from the same sample as the share it is applied to takes chance for direction: where the sample
    has too much of a level, the sign is up and the generator falls short of it. So the mean is below 0, the more the
    nearer the true shares are to those over all tasks; a generator that amplifies a little can look as if it evened
    out. With a reference that is known (``reference_n`` infinite) the mean is 0. The law is taken to be that of the
    reference as it was found, which lies further apart than the true one, so the mean is rather too near 0. By 4,000
    multinomial samples of both.

    Args:
        reference: shares by task, as estimated.
        measured_n: (t,) images of each task (effective ones, where they come in clusters), at least 1.
        reference_n: (t,) the same of the reference; ``inf`` where it is known.
        rng: source of randomness.
        weights: ``dominant_weights`` for what ``mean_dominant`` shows: a level leads by chance in the same way.

    >>> reference, n = Reference(np.full((2, 2), 0.5), np.full(2, 0.5)), np.full(2, 50.0)
    >>> null = estimated_sign_null(reference, n, n, np.random.default_rng(0))
    >>> -0.045 < null.mean < -0.035
    True
    """
    shares = reference.shares / reference.shares.sum(axis=1, keepdims=True)
    known, n = np.isinf(reference_n), np.rint(measured_n).astype(int)
    found = np.rint(np.where(known, 1, reference_n)).astype(int)
    step = max(1, AT_ONCE // shares.size)
    values = np.empty(DRAWS)
    for start in range(0, DRAWS, step):
        size = (min(step, DRAWS - start), len(shares))
        estimated = rng.multinomial(found, shares, size) / found[:, None]
        against = np.where(known[:, None], shares, estimated)
        moved = rng.multinomial(n, shares, size) / n[:, None] - against
        values[start : start + step] = (weights(against, reference.tasks) * moved).sum(axis=(1, 2))
    return Null(float(values.mean()), float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))


def _weighted(
    reference: Reference,
    measured: Measured,
    weights: FloatArray,
    unsigned: tuple[tuple[int, int], ...],
    confidence: float,
) -> Amplification:
    """Sum of weights * (measured - reference), with its interval."""
    counts = _counts(reference, measured)
    sizes = counts.sum(axis=1)
    parts = weights * (counts / sizes[:, None] - reference.shares)
    value = float(parts.sum())
    clusters = len(np.unique(measured.cluster[measured.totals.sum(axis=1) > 0]))
    found = _half_width(measured, weights, counts, confidence)
    if found is None:
        return Amplification(value, None, clusters, parts, unsigned, "a task with one cluster, so no interval")
    interval = max(-1.0, value - found), min(1.0, value + found)
    method = "mean over tasks and levels; variance linearised by cluster within tasks, t interval; reference taken as known"
    return Amplification(value, interval, clusters, parts, unsigned, method)


def _half_width(measured: Measured, weights: FloatArray, counts: FloatArray, confidence: float) -> float | None:
    """Half the interval of the sum of weights * shares; None where a task has one cluster."""
    filled = measured.totals.sum(axis=1) > 0
    totals, task, cluster = measured.totals[filled], measured.task[filled], measured.cluster[filled]
    rows, images = np.bincount(task, minlength=len(weights)), counts.sum(axis=1)
    if rows.min() < 2:
        return None
    sizes = totals.sum(axis=1)
    score = (weights[task] * totals).sum(axis=1)
    mean = np.bincount(task, score) / images
    moves = (score - mean[task] * sizes) / images[task] * np.sqrt(rows / (rows - 1))[task]
    by_task = np.bincount(task, moves * moves)
    if not by_task.any() and not weights.any():
        return 0.0  # the reference has no direction
    names, number = np.unique(cluster, return_inverse=True)
    joined = np.bincount(number, moves)
    variance = float((joined * joined).sum()) + _unseen(float(by_task.sum()), weights, counts, sizes)
    if len(names) < len(task):  # a cluster in several tasks: no more freedom than the thinnest of them has
        df = float(rows.min() - 1)
    else:
        df = float(by_task.sum() ** 2 / (by_task**2 / (rows + 1)).sum()) - 2 if by_task.any() else float((rows - 1).sum())
    return float(stats.t.ppf((1 + confidence) / 2, df)) * math.sqrt(variance)


def _unseen(found: float, weights: FloatArray, counts: FloatArray, sizes: FloatArray) -> float:
    """Variance that so few events cannot have shown, beyond the one found: see ``shrunk_design_effect``."""
    n, levels = counts.sum(axis=1), counts.shape[1]
    independent = float((_spread(weights, counts / n[:, None]) / n).sum())
    smoothed = float((_spread(weights, (counts + 0.5) / (n + 0.5 * levels)[:, None]) / n).sum())
    effect = found / independent if independent > 0 else 1.0
    events = float((n - counts.max(axis=1)).sum())
    quantile = float(stats.norm.ppf(0.975))
    expected = shrunk_design_effect(effect, sizes, events=events, quantile=quantile) * smoothed
    return max(0.0, expected - found)


def _spread(weights: FloatArray, shares: FloatArray) -> FloatArray:
    """(t,) variance of the weight of one image's level."""
    mean = (weights * shares).sum(axis=1)
    return np.asarray((weights * weights * shares).sum(axis=1) - mean * mean, dtype=np.float64)


def _counts(reference: Reference, measured: Measured) -> FloatArray:
    """(t, k) images by task and level."""
    tasks, levels = reference.shares.shape
    if measured.totals.shape != (len(measured.task), levels) or len(measured.cluster) != len(measured.task):
        raise ValueError(f"measured must have a task, a cluster and {levels} levels a row; got {measured.totals.shape}")
    if len(measured.task) and not 0 <= measured.task.min() <= measured.task.max() < tasks:
        raise ValueError(f"measured.task must lie in 0 .. {tasks - 1}, the tasks of the reference")
    counts = np.zeros((tasks, levels))
    np.add.at(counts, measured.task, measured.totals)
    empty = np.flatnonzero(counts.sum(axis=1) <= 0)
    if len(empty):
        raise ValueError(f"tasks {empty.tolist()} have no image; leave them out of the reference and say so")
    return counts


def _check(reference: Reference) -> None:
    shares, tasks = reference.shares, reference.tasks
    if shares.ndim != 2 or shares.shape[1] < 2 or tasks.shape != shares.shape[:1]:
        raise ValueError(f"reference needs (t, k >= 2) shares and (t,) tasks; got {shares.shape} and {tasks.shape}")
    if shares.min() < 0 or np.abs(shares.sum(axis=1) - 1).max() > SUM:
        raise ValueError("reference.shares must sum to 1 in every task; give all levels, the rest as one of its own")
    if tasks.min() <= 0 or abs(tasks.sum() - 1) > SUM:
        raise ValueError("reference.tasks must be above 0 and sum to 1; a task that the reference lacks has no share in it")

"""Shares of K labels corrected for the confusion matrix of a classifier.

The kind of ``misclassified`` for several labels; like it, this holds only where the classifier confuses labels as it did
in its calibration.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from audit.stats.fit import Fit
from audit.stats.intervals import FloatArray, cluster_share
from audit.stats.multinomial import checked_reference

__all__ = [
    "MOST_CONDITION",
    "MatrixPrevalence",
    "confusion_rates",
    "matrix_prevalence",
    "misread_test",
    "solve_on_simplex",
]

MOST_CONDITION = 10.0
"""Of a confusion matrix that may be inverted: beyond it, errors of the readings come out up to ten times larger."""


@dataclass(frozen=True, slots=True)
class MatrixPrevalence:
    """Corrected shares of K labels."""

    shares: FloatArray
    """(K,) 0 .. 1, sum 1."""
    intervals: FloatArray | None
    """(K, 2) low and high of each share on its own; None for a single cluster."""
    condition: float
    """Condition number of the confusion matrix: 1 for a perfect classifier, higher is worse."""
    clusters: int
    method: str
    """Estimator and interval in words."""


def confusion_rates(calibration: FloatArray) -> FloatArray:
    """P(read j | true k) from counts, if it is well enough known what is confused with what.

    Args:
        calibration: (K, K) images of true label k (column) that were read as j (row).

    Returns:
        (K, K), columns sum to 1.

    Raises:
        ValueError: no square of counts, a label without images, or a condition number (2-norm) above 10.

    >>> confusion_rates(np.array([[45.0, 10.0], [5.0, 40.0]]))
    array([[0.9, 0.2],
           [0.1, 0.8]])
    """
    if calibration.ndim != 2 or calibration.shape[0] != calibration.shape[1] or not np.all(calibration >= 0):
        raise ValueError(f"calibration must be a (K, K) matrix of counts; got shape {calibration.shape}")
    known = calibration.sum(axis=0)
    if not np.all(known > 0):
        raise ValueError(f"calibration has no images of true label {int(np.argmin(known))}: add some or merge labels")
    rates = calibration / known
    condition = float(np.linalg.cond(rates))
    if not condition <= MOST_CONDITION:
        raise ValueError(
            f"calibration has condition number {condition:.3g}, above {MOST_CONDITION:g}: labels are confused too often to "
            "be told apart; merge labels or use another classifier"
        )
    return np.asarray(rates, dtype=np.float64)


def solve_on_simplex(rates: FloatArray, read: FloatArray) -> FloatArray:
    """Shares p, none negative and of sum 1, with the least |C p - q|: the matrix method (Saerens et al. 2002).

    Where C^-1 q is not negative that is it. Else, as p sums to 1, C p - q = (C - q 1') p; the least of that on the simplex
    has the direction of the solution x >= 0 of [C - q 1'; 1'] x = [0; 1] in least squares.

    Args:
        rates: (K, K) P(read j | true k), columns sum to 1.
        read: (..., K) shares that were read, sum 1.

    Returns:
        (..., K).

    >>> rates = np.array([[0.8, 0.1, 0.05], [0.15, 0.85, 0.05], [0.05, 0.05, 0.9]])
    >>> solve_on_simplex(rates, np.array([0.44, 0.34, 0.22])).round(12)
    array([0.5, 0.3, 0.2])
    """
    levels = len(rates)
    if rates.shape != (levels, levels) or read.shape[-1:] != (levels,):
        raise ValueError(f"rates must be (K, K) and read (..., K); got {rates.shape} and {read.shape}")
    rows = np.linalg.solve(rates, read.reshape(-1, levels).T).T
    for row in np.flatnonzero(rows.min(axis=1) < 0):
        apart = np.vstack([rates - read.reshape(-1, levels)[row][:, None], np.ones(levels)])
        found, _ = optimize.nnls(apart, np.eye(levels + 1)[levels])
        rows[row] = found / found.sum()
    return np.asarray(rows.reshape(read.shape), dtype=np.float64)


def matrix_prevalence(
    counts: FloatArray,
    calibration: FloatArray,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> MatrixPrevalence:
    """Corrected shares of K labels, with intervals that hold the error of the calibration and of the clusters.

    Intervals are quantiles of C*^-1 q* over draws C* (by true label) and q* of Dirichlet posteriors with Jeffreys' prior,
    cut to 0 .. 1. The draws of q* have the effective n of the clusters (that of ``cluster_share``, the least over the
    labels), times (z / t)^2 for few clusters.

    Nominal 95 % covers at least .935 of each share (up to noise) in simulations of shares (.02, .1, .88) and (.5, .3, .2);
    10, 20 and 60 clusters of 30 images with correlations 0, .05 and .2; 50 and 200 calibration images a label; and .8 to
    .95 of them read right. Quantiles of a cluster bootstrap in place of q* covered down to .85, widened for few clusters
    to .88, t intervals of its spread to .90. The price is up to 1.00 for 10 clusters.

    Args:
        counts: (g, K) images of each cluster that were read as each label; empty clusters are left out.
        calibration: (K, K) images of true label k (column) that were read as j (row).
        rng: source of randomness.
        confidence: of each interval, 0 .. 1.
        resamples: number of draws.

    Raises:
        ValueError: as ``confusion_rates``; or counts that do not fit it, or are empty.

    >>> counts = np.array([[12.0, 8.0], [9.0, 11.0], [14.0, 6.0]])
    >>> found = matrix_prevalence(counts, np.array([[45.0, 10.0], [5.0, 40.0]]), np.random.default_rng(0))
    >>> found.shares.round(3), round(found.condition, 2)
    (array([0.548, 0.452]), 1.46)
    """
    rates = confusion_rates(calibration)
    counts = _filled(counts, len(rates))
    clusters, sizes = len(counts), counts.sum(axis=1)
    read = counts.sum(axis=0) / counts.sum()
    shares, condition = solve_on_simplex(rates, read), float(np.linalg.cond(rates))
    if clusters < 2:
        return MatrixPrevalence(shares, None, condition, clusters, "matrix method; one cluster, so no interval")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    shrunk = float(stats.norm.ppf(tails[1]) / stats.t.ppf(tails[1], clusters - 1)) ** 2
    effective = shrunk * min(cluster_share(column, sizes, confidence=confidence).effective_n or 1.0 for column in counts.T)
    drawn_read = rng.dirichlet(read * effective + 0.5, size=resamples)
    drawn_rates = np.stack([rng.dirichlet(column + 0.5, size=resamples) for column in calibration.T], axis=2)
    drawn = np.linalg.solve(drawn_rates, drawn_read[:, :, None])[:, :, 0]
    intervals = np.clip(np.quantile(drawn, tails, axis=0), 0.0, 1.0).T
    method = "matrix method; quantiles of posterior draws of the confusion matrix and of the readings at their effective n"
    return MatrixPrevalence(shares, intervals, condition, clusters, method)


def misread_test(counts: FloatArray, calibration: FloatArray, reference: FloatArray, *, reference_n: float = np.inf) -> Fit:
    """Test of a reference that is misread as the classifier misreads, against what was read: the worst of the labels.

        T_j = (r_j - e_j)^2 / V_j,   e = C q,   p-value = K min_j P(F(1, g - 1) > T_j),  of two labels without the K
        V_j = e_j (1 - e_j) / n_j + sum over k of q_k^2 v(C_jk) + (sum over k of C_jk^2 q_k - e_j^2) / m

    with the shares r that were read, their effective n (that of ``cluster_share``), and the error v of the calibration with
    one image more of either kind. For V, a reference that rests on m people is pooled with the corrected shares. Nothing is
    inverted, so it knows of a share that was corrected to 0 how far that is from the reference, where the width of an
    interval cut at 0 tells little.

    By simulation it rejects a true reference in at most .065 (nominal .05): shares of .02, .1 and .5, two and three labels,
    10, 20 and 60 clusters of 20 and 50 images with correlations of 0, .05 and .2, 100 calibration images a label, and
    references that are known or rest on 100 or 1,000 people.

    Args:
        counts: (g, K) images of each cluster that were read as each label; empty clusters are left out.
        calibration: (K, K) images of true label k (column) that were read as j (row).
        reference: (K,).
        reference_n: effective n behind the reference, m; infinite: it is known.

    Raises:
        ValueError: as ``matrix_prevalence``; fewer than 2 clusters; another number of labels in the reference.

    >>> matrix = np.array([[90.0, 5.0], [10.0, 95.0]])
    >>> nearly_none = np.tile([1.0, 19.0], (20, 1))
    >>> [misread_test(nearly_none, matrix, np.array([q, 1 - q])).p_value > 0.05 for q in (0.0, 0.02, 0.5)]
    [True, True, False]
    """
    rates, q = confusion_rates(calibration), checked_reference(reference)
    counts = _filled(counts, len(rates))
    if len(q) != len(rates) or len(counts) < 2:
        raise ValueError(f"a test needs {len(rates)} shares and at least 2 clusters; got {len(q)} and {len(counts)}")
    sizes = counts.sum(axis=1)
    read = counts.sum(axis=0) / counts.sum()
    n = np.array([cluster_share(column, sizes).effective_n or 1.0 for column in counts.T])
    apart, m = read - rates @ q, float(reference_n)
    if np.isfinite(m):
        q = q + (solve_on_simplex(rates, read) - q) * float(n.min()) / (float(n.min()) + m)
    expected, known = rates @ q, calibration.sum(axis=0) + 2
    smoothed = (calibration + 1) / known
    variance = expected * (1 - expected) / n + (smoothed * (1 - smoothed) / known) @ q**2
    variance = variance + np.maximum(rates**2 @ q - expected**2, 0) / m
    worst = float((apart**2 / variance).max())
    each = float(special.chdtrc(1, worst) if np.all(sizes == 1) else special.fdtrc(1, len(counts) - 1, worst))
    asked = 1 if len(q) == 2 else len(q)
    return Fit(min(1.0, asked * each), worst, "score test of the readings against the misread reference, by cluster")


def _filled(counts: FloatArray, levels: int) -> FloatArray:
    if counts.ndim != 2 or counts.shape[1] != levels or not np.all(counts >= 0) or not counts.sum() > 0:
        raise ValueError(f"counts must be (g, {levels}), not negative and not empty; got shape {counts.shape}")
    return np.asarray(counts[counts.sum(axis=1) > 0], dtype=np.float64)

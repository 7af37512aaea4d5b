"""Shares corrected for the known error of a yes-no classifier.

They hold only where the classifier errs as it did in its calibration: with errors that depend on the prompt, or measured on
photographs and used on generated images, the correction can be worse than none (coverage .17 of nominal .95 in one such
simulation). Labels of the audited images themselves need no such assumption: see ``prediction_powered``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from audit.stats.intervals import FloatArray

__all__ = ["CalibrationCounts", "Corrected", "bayesian_prevalence", "lang_reiczigel", "rogan_gladen"]

Numbers = float | npt.NDArray[np.int64] | FloatArray

NODES = 48  # for each of sensitivity and specificity: ends are good to .0001
POINTS = 200  # of the share


@dataclass(frozen=True, slots=True)
class CalibrationCounts:
    """How a classifier read images whose label is known; numbers, or arrays that broadcast."""

    true_positives: Numbers
    """Images with the attribute that were read so."""
    positives: Numbers
    """Images with the attribute, above 0."""
    true_negatives: Numbers
    """Images without it that were read so."""
    negatives: Numbers
    """Images without it, above 0."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """Corrected shares with intervals, of the shape of the input."""

    value: FloatArray
    """0 .. 1."""
    low: FloatArray
    high: FloatArray
    method: str
    """Estimator and interval in words."""


def rogan_gladen(share: Numbers, sensitivity: Numbers, specificity: Numbers) -> FloatArray:
    """True share behind the share that a classifier reads (Rogan & Gladen 1978).

        (share + specificity - 1) / (sensitivity + specificity - 1), cut to 0 .. 1

    Args:
        share: read as having the attribute, 0 .. 1; any shape.
        sensitivity: share of those with the attribute that is read so.
        specificity: share of those without it that is read so.

    Returns:
        Of the broadcast shape.

    Raises:
        ValueError: sensitivity + specificity is not above 1, so that readings say nothing of the attribute.

    >>> round(float(rogan_gladen(0.1, 0.9, 0.95)), 8)
    0.05882353
    """
    share, sensitivity, specificity = (np.asarray(part, dtype=np.float64) for part in (share, sensitivity, specificity))
    for name, part in (("share", share), ("sensitivity", sensitivity), ("specificity", specificity)):
        if not np.all((part >= 0) & (part <= 1)):
            raise ValueError(f"{name} must lie in 0 .. 1")
    better = sensitivity + specificity - 1
    if not np.all(better > 0):
        raise ValueError(_no_better(sensitivity, specificity))
    return np.asarray(np.clip((share + specificity - 1) / better, 0.0, 1.0), dtype=np.float64)


def lang_reiczigel(
    successes: Numbers,
    n: Numbers,
    calibration: CalibrationCounts,
    *,
    confidence: float = 0.95,
    quantile: float | None = None,
) -> Corrected:
    """Rogan-Gladen share with the interval of Lang & Reiczigel (2014), which counts the error of the calibration too.

    Readings and calibration counts are smoothed as in Agresti and Coull's interval and in the rule of succession, and the
    interval is shifted by 2 z^2 (theta v(Se) - (1 - theta) v(Sp)). Nominal 95 % covers .95 to .99, where the interval that
    takes sensitivity and specificity as known covers .43 (50 calibration images a side, 1,000 audited).

    Args:
        successes: images read as having the attribute, 0 .. n; any shape.
        n: images read, above 0; for images in clusters the effective number (``cluster_share`` gives it), with successes
            scaled alike.
        calibration: of the classifier.
        confidence: 0 .. 1.
        quantile: the t quantile to use instead of the normal one where clusters are few.

    Raises:
        ValueError: impossible counts, or a classifier that may be no better than chance.

    >>> found = lang_reiczigel(60, 300, CalibrationCounts(90, 100, 95, 100))
    >>> [round(float(part), 3) for part in (found.value, found.low, found.high)]
    [0.176, 0.1, 0.244]
    """
    z = float(stats.norm.ppf((1 + confidence) / 2)) if quantile is None else quantile
    successes, n, positives, negatives = _checked(successes, n, calibration, z)
    hits, right = np.asarray(calibration.true_positives), np.asarray(calibration.true_negatives)
    value = rogan_gladen(successes / n, hits / positives, right / negatives)
    sensitivity, specificity = (hits + 1) / (positives + 2), (right + 1) / (negatives + 2)
    smoothed = n + z * z
    share = (successes + z * z / 2) / smoothed
    better = sensitivity + specificity - 1
    theta = (share + specificity - 1) / better
    of_sensitivity = sensitivity * (1 - sensitivity) / (positives + 2)
    of_specificity = specificity * (1 - specificity) / (negatives + 2)
    shift = 2 * z * z * (theta * of_sensitivity - (1 - theta) * of_specificity)
    variance = share * (1 - share) / smoothed + theta**2 * of_sensitivity + (1 - theta) ** 2 * of_specificity
    half = z * np.sqrt(variance) / better
    low, high = (np.clip(theta + shift + side * half, 0.0, 1.0) for side in (-1, 1))
    return Corrected(value, low, high, "share corrected for classifier error (Rogan-Gladen), Lang-Reiczigel interval")


def bayesian_prevalence(
    successes: float, n: float, calibration: CalibrationCounts, *, confidence: float = 0.95
) -> Corrected:
    """Posterior mean of the true share with an equal-tailed interval, honest near 0 and for poor classifiers.

    Jeffreys' priors throughout (Beta(1/2, 1/2) for share, sensitivity and specificity), a binomial likelihood of the
    readings (Joseph, Gyorkos & Coupal 1995), and no random numbers: sensitivity and specificity are integrated out by
    Gauss-Legendre quadrature in their quantiles, the share lies on a grid in arcsine scale, where its prior is flat, that
    is laid again over the part that matters. Meant for one share with up to about 100,000 images, in about .02 s.

    Args:
        successes: images read as having the attribute, 0 .. n; one number, need not be whole.
        n: images read, above 0; for images in clusters the effective number.
        calibration: of the classifier; plain numbers.
        confidence: 0 .. 1.

    Raises:
        ValueError: impossible counts, or a classifier that may be no better than chance.

    >>> found = bayesian_prevalence(60, 300, CalibrationCounts(90, 100, 95, 100))
    >>> [round(float(part), 3) for part in (found.value, found.low, found.high)]
    [0.171, 0.093, 0.241]
    """
    _checked(successes, n, calibration, float(stats.norm.ppf((1 + confidence) / 2)))
    edges = np.linspace(0, np.pi / 2, POINTS + 1)
    for _ in range(2):
        density = _density(successes, n, calibration, (edges[1:] + edges[:-1]) / 2)
        there = np.flatnonzero(density > density.max() * 1e-9)
        dense, edges = edges, np.linspace(edges[there[0]], edges[there[-1] + 1], POINTS + 1)
    below = np.concatenate([[0.0], np.cumsum(density)]) / density.sum()
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.sin(np.interp(tails, below, dense)) ** 2
    value = density @ np.sin((dense[1:] + dense[:-1]) / 2) ** 2 / density.sum()
    method = "posterior mean of the share, Jeffreys' priors, classifier error integrated out; equal-tailed interval"
    return Corrected(np.asarray(value), np.asarray(low), np.asarray(high), method)


def _density(successes: float, n: float, calibration: CalibrationCounts, angles: FloatArray) -> FloatArray:
    """Posterior of the share sin(angle)^2 at each angle, up to a factor."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    quantiles = (nodes + 1) / 2
    hits, positives = calibration.true_positives, calibration.positives
    right, negatives = calibration.true_negatives, calibration.negatives
    sensitivity = special.betaincinv(hits + 0.5, positives - hits + 0.5, quantiles)[:, None]
    wrong = special.betaincinv(negatives - right + 0.5, right + 0.5, quantiles)[None, :]
    shares = np.sin(angles)[:, None, None] ** 2
    read = shares * sensitivity + (1 - shares) * wrong
    likelihood = special.xlogy(successes, read) + special.xlog1py(n - successes, -read)
    return np.asarray(np.einsum("aij,i,j->a", np.exp(likelihood - likelihood.max()), weights, weights))


def _checked(
    successes: Numbers, n: Numbers, calibration: CalibrationCounts, z: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Counts as arrays, if they are possible and the classifier beats chance by z standard errors."""
    successes, n = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    hits, positives = (np.asarray(part, dtype=np.float64) for part in (calibration.true_positives, calibration.positives))
    right, negatives = (np.asarray(part, dtype=np.float64) for part in (calibration.true_negatives, calibration.negatives))
    pairs = {"successes": (successes, n), "true_positives": (hits, positives), "true_negatives": (right, negatives)}
    for name, (part, whole) in pairs.items():
        if not np.all((part >= 0) & (part <= whole) & (whole > 0)):
            raise ValueError(f"{name} must lie in 0 .. their number, which must be above 0")
    sensitivity, specificity = (hits + 1) / (positives + 2), (right + 1) / (negatives + 2)
    error = np.sqrt(sensitivity * (1 - sensitivity) / (positives + 2) + specificity * (1 - specificity) / (negatives + 2))
    if not np.all(sensitivity + specificity - 1 > z * error):
        raise ValueError(_no_better(hits / positives, right / negatives))
    return successes, n, positives, negatives


def _no_better(sensitivity: FloatArray, specificity: FloatArray) -> str:
    pairs = np.stack(np.broadcast_arrays(sensitivity, specificity)).reshape(2, -1)
    worst = pairs[:, int(np.argmin(pairs.sum(axis=0)))]
    return (
        f"a classifier with sensitivity {worst[0]:.3g} and specificity {worst[1]:.3g} may be no better than chance: "
        "their sum must be above 1 by more than its error; calibrate on more images or use another classifier"
    )

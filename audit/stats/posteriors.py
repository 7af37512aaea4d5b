"""Shares of labels from the probabilities that a calibrated classifier gives each image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from audit.stats.intervals import FloatArray

__all__ = ["LabelShift", "label_shift", "temperature"]

LOWEST, HIGHEST = 0.01, 100.0  # temperature


@dataclass(frozen=True, slots=True)
class LabelShift:
    """Shares of labels among images whose mix of labels differs from that of the calibration."""

    shares: FloatArray
    """(K,) sum 1."""
    posteriors: FloatArray
    """(n, K) probabilities of each image under these shares."""
    iterations: int
    converged: bool
    """False where the shares still moved by more than the tolerance when the iterations were used up."""


def label_shift(
    posteriors: FloatArray, prior: FloatArray, *, tolerance: float = 1e-10, iterations: int = 10_000
) -> LabelShift:
    """Maximum-likelihood shares from calibrated probabilities, by EM (Saerens, Latinne & Decaestecker 2002, equation 2.9).

        w_ik = p_ik s_k / prior_k / sum over labels,   s_k = mean of w_ik,   repeated from s = prior

    It assumes that an image of a label looks the same in the calibration and in the audit, so that only the mix of labels
    has shifted. That is false by construction where a classifier was calibrated on photographs and reads generated images;
    it also needs calibrated probabilities (see ``temperature``). Labels of the audited images need neither: see
    ``prediction_powered``. There is no interval: resample clusters for the error of sampling, which is not the main one.

    Args:
        posteriors: (n, K) P(label | image) under the prior, rows sum to 1.
        prior: (K,) shares of the labels in the calibration, all above 0, sum 1.
        tolerance: largest move of a share at which to stop.
        iterations: at most; near 0 or 1, and for probabilities near one half, convergence is slow.

    Raises:
        ValueError: no probabilities, or a prior without some label.

    >>> read = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.55, 0.45]])
    >>> label_shift(read, np.array([0.5, 0.5])).shares.round(6)
    array([0.73483, 0.26517])
    """
    if posteriors.ndim != 2 or not len(posteriors) or not _probabilities(posteriors):
        raise ValueError(f"posteriors must be probabilities (n, K) with rows of sum 1; got shape {posteriors.shape}")
    if prior.shape != posteriors.shape[1:] or not _probabilities(prior) or not np.all(prior > 0):
        raise ValueError(f"prior must be {posteriors.shape[1]} probabilities above 0 of sum 1; got {prior.tolist()}")
    ratios, shares, done, moved = posteriors / prior, prior, 0, np.inf
    shifted = posteriors
    while done < iterations and moved > tolerance:
        shifted = ratios * shares
        shifted = shifted / shifted.sum(axis=1, keepdims=True)
        before, shares = shares, shifted.mean(axis=0)
        moved, done = float(np.abs(shares - before).max()), done + 1
    return LabelShift(shares, shifted, done, bool(moved <= tolerance))


def temperature(logits: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    """Temperature T at which softmax(logits / T) gives known labels the highest likelihood (Guo et al. 2017).

    Above 1 for a classifier that is too sure of itself, below 1 for one that is not sure enough; which label is most
    probable stays as it is.

    Args:
        logits: (n, K) scores before the softmax; the logarithm of probabilities above 0 does as well.
        labels: (n,) true labels, 0 .. K - 1.

    Returns:
        .01 .. 100; very low where every label is read right, very high where readings say nothing of labels.

    Raises:
        ValueError: shapes or labels that do not fit, or logits that are not finite.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.normal(0, 2, (4000, 3))
    >>> truth = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    >>> round(temperature(3 * scores, truth), 1)
    3.0
    """
    if logits.ndim != 2 or not np.all(np.isfinite(logits)):
        raise ValueError(f"logits must be finite and of shape (n, K); got shape {logits.shape}")
    n, levels = logits.shape
    if labels.shape != (n,) or n == 0 or labels.min() < 0 or labels.max() >= levels:
        raise ValueError(f"labels must be {n} integers in 0 .. {levels - 1}, at least one; got shape {labels.shape}")

    def surprise(log_temperature: float) -> float:
        chances = special.log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(chances[np.arange(n), labels].mean())

    found = optimize.minimize_scalar(
        surprise, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-8}
    )
    return float(np.exp(found.x))


def _probabilities(values: FloatArray) -> bool:
    """Whether the last axis holds shares of sum 1."""
    return bool(np.all(values >= 0) and np.allclose(values.sum(axis=-1), 1, rtol=0, atol=1e-6))

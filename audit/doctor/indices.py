"""What indices of skew must give, and what chance alone adds to them."""

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from audit.doctor.trial import Trial
from audit.stats import amplification, indices, skew

__all__ = ["TRIALS"]

P = np.array([0.7, 0.2, 0.1])
THIRDS = np.full(3, 1 / 3)
HALVES = np.array([0.5, 0.5])
LOG_3 = math.log(3)
ENTROPY = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1))


def _unbiased() -> float:
    """Expectation over all outcomes of 12 images of a generator with shares .3 and .7, held against halves."""
    hits = np.arange(13)
    shares = np.stack([hits, 12 - hits], axis=1) / 12
    each = indices.unbiased_squared_distance(shares, HALVES, np.full(13, 12))
    return float(stats.binom.pmf(hits, 12, 0.3) @ each)


def _clustered() -> float:
    """Three prompts of 4, 6 and 2 images: products of different prompts only."""
    counts = np.array([[4.0, 0.0], [6.0, 0.0], [0.0, 2.0]])
    return float(indices.clustered_squared_distance(counts, HALVES))


def _amplified() -> float:
    reference = amplification.Reference(np.array([[0.2, 0.8], [0.9, 0.1]]), HALVES)
    totals = np.array([[10.0, 90.0], [97.0, 3.0]])
    measured = amplification.Measured(totals, np.array([0, 1]), np.array([0, 1]))
    return amplification.directional(reference, measured).value


def _null(n: int) -> Callable[[], float]:
    return lambda: skew.even_null(n, 2, np.random.default_rng(0)).mean


def _left_of_an_even_generator() -> float:
    """What is left, on average over all outcomes of 9 images, of the total variation of an even generator."""
    hits = np.arange(10)
    chance = skew.even_null(9, 2, np.random.default_rng(0))
    shares = np.stack([hits, 9 - hits], axis=1) / 9
    return float(stats.binom.pmf(hits, 9, 0.5) @ skew.debiased(indices.total_variation, shares, HALVES, chance))


TRIALS: tuple[Trial, ...] = (
    # closed forms; Jensen-Shannon to the digits of scipy 1.17
    Trial.equal("total_variation", ".7, .2, .1 against thirds", lambda: indices.total_variation(P, THIRDS), 11 / 30),
    Trial.equal("total_variation", "the same from equal shares", lambda: skew.total_variation(P), 11 / 30),
    Trial.equal(
        "kullback_leibler", ".7, .2, .1 against thirds", lambda: indices.kullback_leibler(P, THIRDS), LOG_3 - ENTROPY
    ),
    Trial.equal("jensen_shannon", ".7, .2, .1 against thirds", lambda: indices.jensen_shannon(P, THIRDS), 0.0748064, 7),
    Trial.equal(
        "mean_absolute_deviation", ".7, .2, .1 against thirds", lambda: indices.mean_absolute_deviation(P, THIRDS), 11 / 45
    ),
    Trial.equal("parity_difference", ".7, .2, .1", lambda: indices.parity_difference(P, THIRDS), 0.6),
    Trial.equal("parity_ratio", ".7, .2, .1", lambda: indices.parity_ratio(P, THIRDS), 1 / 7),
    Trial.equal("evenness", ".7, .2, .1", lambda: indices.evenness(P, THIRDS), ENTROPY / LOG_3),
    Trial.equal("simpson", ".7, .2, .1", lambda: indices.simpson(P, THIRDS), 0.46),
    Trial.equal(
        "representation_ratio",
        ".7, .2, .1 against thirds",
        lambda: indices.representation_ratio(P, THIRDS),
        (2.1, 0.6, 0.3),
    ),
    Trial.equal("unbiased_squared_distance", "mean over all outcomes of 12 images is the true .08", _unbiased, 0.08),
    # moves from halves 2, 3, -1: ((2 + 3 - 1)^2 - (4 + 9 + 1)) * 2 labels / (12^2 - (16 + 36 + 4))
    Trial.equal("clustered_squared_distance", "three prompts, by hand", _clustered, 1 / 22),
    # closed forms: 35/256 and the mean deviation of a binomial of 50
    Trial.equal("even_null", "8 images of an even generator, two labels", _null(8), 35 / 256),
    Trial.equal("even_null", "50 images of an even generator, two labels", _null(50), 0.0561, 4),
    Trial.between(
        "even_null",
        "10 labels and 8 images (40,000 simulations: .4309)",
        lambda: skew.even_null(8, 10, np.random.default_rng(0)).mean,
        0.4249,
        0.4369,
    ),
    Trial.equal("debiased", "an even generator shows 0 on average over all outcomes", _left_of_an_even_generator, 0.0),
    Trial.equal(
        "total_variation_interval",
        "box .6 to .8 and .2 to .4",
        lambda: skew.total_variation_interval(np.array([0.6, 0.2]), np.array([0.8, 0.4])),
        (0.1, 0.3),
    ),
    # Wang & Russakovsky 2021, equation 1: (.10 + .10 + .07 + .07) / 4
    Trial.equal("directional", "toy example of two tasks (Wang & Russakovsky 2021)", _amplified, 0.085),
)

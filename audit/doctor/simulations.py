"""Planted truth, audited again and again: how often an interval contains it, and what distances of images must give."""

import numpy as np
import numpy.typing as npt

from audit.doctor.corrections import fewest
from audit.doctor.trial import Trial
from audit.stats import distances, diversity, intervals, kernels, paired, pooling

__all__ = ["TRIALS"]

AUDITS = 1000
PROMPTS, EACH, CORRELATION = 20, 20, 0.1


def _planted(audits: int, share: float, seed: int) -> npt.NDArray[np.float64]:
    """Events by prompt (audits, prompts): shares of prompts from a beta distribution with the correlation."""
    rng, strength = np.random.default_rng(seed), 1 / CORRELATION - 1
    own = rng.beta(share * strength, (1 - share) * strength, (audits, PROMPTS))
    return rng.binomial(EACH, own).astype(np.float64)


def _inside(ends: list[tuple[float, float] | None], truth: float) -> float:
    return float(np.mean([one is not None and one[0] <= truth <= one[1] for one in ends]))


def _share() -> float:
    sizes = np.full(PROMPTS, float(EACH))
    return _inside([intervals.cluster_share(row, sizes).interval for row in _planted(AUDITS, 0.3, 11)], 0.3)


def _mean() -> float:
    sizes = np.full(PROMPTS, float(EACH))
    return _inside([intervals.cluster_mean(row, sizes).interval for row in _planted(AUDITS, 0.3, 12)], 0.3)


def _difference() -> float:
    """Two arms with the same prompts: .3 and .35 of the images, an arm's image changed from the other's."""
    rng, ends = np.random.default_rng(13), []
    for base in _planted(400, 0.3, 14):
        gained = rng.binomial((EACH - base).astype(np.int64), 0.05 / 0.7)
        arms = [{str(i): (float(value), float(EACH)) for i, value in enumerate(row)} for row in (base + gained, base)]
        found = paired.difference(*arms, share=True)
        ends.append(None if found.low is None or found.high is None else (found.low, found.high))
    return _inside(ends, 0.05)


def _pooled() -> float:
    """Share of 1,000 cells (in 20 populations of 50, 15 images each) that lie within their pooled intervals."""
    rng, inside = np.random.default_rng(15), []
    for _ in range(20):
        truth = rng.beta(6, 14, 50)
        found = pooling.pooled_shares(rng.binomial(15, truth).astype(np.float64), np.full(50, 15.0))
        inside.append((found.low <= truth) & (truth <= found.high))
    return float(np.mean(inside))


def _correlation() -> float:
    """One correlation for 200 cells of 20 prompts."""
    totals = _planted(200, 0.3, 16).ravel()
    return pooling.common_correlation(totals, np.full(len(totals), float(EACH)), np.arange(len(totals)) // PROMPTS)


def _effective() -> float:
    return float(
        pooling.effective_counts(np.array([5.0, 0]), np.full(2, 10.0), np.zeros(2, dtype=np.int64), correlation=0.1)[1][0]
    )


def _frechet() -> float:
    first, second = np.diag([1.0, 4.0]), np.diag([4.0, 1.0])
    return distances.frechet(np.zeros(2), first, np.ones(2), second)


def _frechet_of_features() -> float:
    """Features whose moments are planted: means apart by 3, standard deviations 1 and 2."""
    rows = np.array([[-1.0], [1.0]]) / np.sqrt(2)
    return distances.frechet_from_features(rows, 2 * rows + 3).value


def _kid() -> float:
    return kernels.kid(np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]])).value


TRIALS: tuple[Trial, ...] = (
    Trial.between(
        "cluster_share",
        f"share .3, {AUDITS} audits of 20 prompts whose images correlate: coverage",
        _share,
        fewest(AUDITS, 0.94),
        1.0,
    ),
    Trial.between("cluster_mean", f"the same, {AUDITS} audits: coverage", _mean, fewest(AUDITS, 0.94), 1.0),
    Trial.between("difference", "two paired arms, .05 apart, 400 audits: coverage", _difference, fewest(400, 0.935), 1.0),
    Trial.between("pooled_shares", "1,000 cells of 15 images: coverage over cells", _pooled, 0.92, 0.98),
    Trial.between("common_correlation", "200 cells of 20 prompts with a correlation of .1", _correlation, 0.09, 0.11),
    # Kish 1965: 20 / (1 + 9 * .1)
    Trial.equal("effective_counts", "two prompts of ten with a correlation of .1", _effective, 20 / 1.9),
    # Dowson & Landau 1982: 2 + 5 + 5 - 2 (2 + 2), and 9 + (2 - 1)^2
    Trial.equal("frechet", "two Gaussians in closed form", _frechet, 4.0),
    Trial.equal("frechet_from_features", "planted moments", _frechet_of_features, 10.0),
    # kernel (x y + 1)^3: 8 + 1 - 2
    Trial.equal("kid", "two sets of equal images, by hand", _kid, 7.0),
    Trial.equal(
        "cosine_diversity",
        "two directions, two images each",
        lambda: diversity.cosine_diversity(np.eye(2)[[0, 0, 1, 1]]).value,
        2 / 3,
    ),
)

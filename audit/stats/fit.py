"""Whether counts of labels could come from a generator that follows a reference: tests for one hypothesis at a time.

A small p-value speaks against the reference; a large one does not speak for it. Images of a prompt are alike, so counts of
several prompts need ``cluster_test``; the other two are for independent images.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from audit.stats.intervals import FloatArray, shrunk_design_effect
from audit.stats.multinomial import checked_reference, enumerable, outcomes, probabilities

__all__ = ["Fit", "cluster_test", "effective_test", "exact_test", "monte_carlo_test"]

SAMPLES = 9_999
SAME = 1e-7  # values that differ by rounding only count as equal


@dataclass(frozen=True, slots=True)
class Fit:
    """Result of a test of fit."""

    p_value: float
    """0 .. 1; small where the counts are unlike the reference."""
    statistic: float
    """G of ``monte_carlo_test``, probability of the counts of ``exact_test``, corrected X^2 of ``cluster_test``."""
    method: str
    """The test in words."""


def exact_test(counts: npt.ArrayLike, reference: FloatArray) -> Fit:
    """Exact multinomial test: the probability of all outcomes that are no likelier than the counts found.

    With two labels it is the two-sided binomial test. For independent images, few of them: 198 with 3 labels, 23 with 5.

    Args:
        counts: (K,) whole numbers, at least one image.
        reference: (K,).

    Raises:
        ValueError: ``counts`` is not whole, empty, of another length than ``reference``, or has more than 20,000 outcomes.

    >>> round(exact_test([7, 1], np.array([0.5, 0.5])).p_value, 4)
    0.0703
    """
    found, shares = _independent(counts, reference)
    n = int(found.sum())
    if not enumerable(n, len(shares)):
        raise ValueError(f"counts of {n} images and {len(shares)} labels are too many to list; use monte_carlo_test")
    here = float(probabilities(found, shares))
    each = probabilities(outcomes(n, len(shares)), shares)
    return Fit(min(1.0, float(each[each <= here * (1 + SAME)].sum())), here, "exact multinomial test")


def monte_carlo_test(counts: npt.ArrayLike, reference: FloatArray, rng: np.random.Generator) -> Fit:
    """Likelihood-ratio (G) test with its distribution from 9,999 multinomial samples (Hope 1968).

        G = 2 sum of x ln(x / (n q)),   p = (1 + samples with G at least as large) / 10,000

    Valid at any n, also where expected counts are small. For independent images.

    Args:
        counts: (K,) whole numbers, at least one image.
        reference: (K,).
        rng: source of randomness.

    Raises:
        ValueError: ``counts`` is not whole, empty, or of another length than ``reference``.

    >>> found = monte_carlo_test([70, 20, 10], np.full(3, 1 / 3), np.random.default_rng(0))
    >>> found.p_value, round(found.statistic, 3)
    (0.0001, 59.359)
    """
    found, shares = _independent(counts, reference)
    n = found.sum()
    statistic = float(_g(found, n * shares))
    sampled = _g(rng.multinomial(int(n), shares, size=SAMPLES).astype(np.float64), n * shares)
    beyond = int(np.count_nonzero(sampled >= statistic - SAME))
    return Fit((1 + beyond) / (1 + SAMPLES), statistic, "G test, distribution by Monte Carlo")


def cluster_test(counts: FloatArray, reference: FloatArray, *, reference_n: npt.ArrayLike = np.inf) -> Fit:
    """Test of fit for images in clusters, however alike those of a cluster are; also against an estimated reference.

        X^2 = sum of (p - q)^2 / (r (1/n + 1/m)),   r = (n p + m q) / (n + m),   n = images / design effect

    on an F distribution with second-order corrected degrees of freedom (Rao & Scott 1981; Thomas & Rao 1987), fewer where
    clusters differ in size (Carter, Schnepel & Steigerwald 2017). Without ``reference_n`` r is q and X^2 is Pearson's.
    The design effect is shrunk while events are few, like that of ``intervals.cluster_share``: with two labels and clusters
    of one size, p is below .05 where that 95 % interval leaves the reference out. Clusters of one image each: the plain
    chi-squared test; ``exact_test`` and ``monte_carlo_test`` are truer.

    By simulation it rejects a true reference in at most .057 (nominal .05), .015 (.01) and .003 (.001): shares of .02, .1
    and .5 and up to 5 labels, 10, 20 and 60 clusters of 5 to 50 images, correlations of 0, .05 and .2, and clusters of 1
    to 80 images. With few clusters, rare labels or images less alike than is assumed it rejects less often, down to never.
    It does not know of a cluster that alone decides its label. Random signs for whole clusters instead (a permutation
    test) reject a true share of .1 in up to .11, and one of .02 in up to .5.

    Args:
        counts: (g, K) images by cluster and label, at least 2 clusters with images.
        reference: (K,).
        reference_n: number or (K,), m: effective n behind each share of the reference, q (1 - q) / standard error^2;
            infinite: it is known.

    Raises:
        ValueError: fewer than 2 clusters, ``counts`` and ``reference`` of other lengths, or a ``reference_n`` not above 0.

    >>> found = cluster_test(np.tile([8.0, 2.0], (10, 1)), np.array([0.5, 0.5]))
    >>> found.p_value < 0.001
    True
    """
    found, q, behind = _clustered(counts, reference, reference_n)
    totals = found.sum(axis=0)
    if np.any((totals > 0) & (q == 0) & np.isinf(behind)):
        return Fit(0.0, np.inf, "a label occurs whose reference share is 0")
    met = (totals > 0) | (q > 0)
    found, q, behind = found[:, met], q[met], behind[met]
    design = _design(found)
    n, free = found.sum() / design.effect, max(len(q) - 1, 1) / (1 + design.uneven)
    shares = found.sum(axis=0) / found.sum()
    pooled = q + (shares - q) * n / (n + behind)
    statistic = float(((shares - q) ** 2 / (pooled * (1 / n + 1 / behind))).sum()) / (1 + design.uneven)
    if np.isinf(design.df):
        return Fit(float(special.chdtrc(free, statistic)), statistic, "chi-squared test")
    p_value = float(special.fdtrc(free, free * design.df, statistic / free))
    return Fit(p_value, statistic, "Rao-Scott test by cluster, design effect shrunk where events are few")


def effective_test(
    shares: FloatArray, effective_n: FloatArray, reference: FloatArray, *, df: float, reference_n: float = np.inf
) -> Fit:
    """Test of corrected shares, each worth so many independent images, against a reference: the worst of the labels.

        T_k = (p_k - q_k)^2 / (r_k (1 - r_k) (1 / n_k + 1 / m)),   p-value = K min_k P(F(1, df) > T_k)

    with r the reference itself where m is infinite, so that with two labels (which are one question) p is below .05 where
    the Wilson interval at n and t quantile leaves the reference out. More labels: Bonferroni.

    Args:
        shares: (K,) corrected shares, 0 .. 1.
        effective_n: (K,) above 0, such as that of ``prediction_powered_share``.
        reference: (K,).
        df: degrees of freedom: clusters less 1; infinite for independent images.
        reference_n: effective n behind the reference; infinite: it is known.

    >>> found = effective_test(np.array([0.6, 0.4]), np.full(2, 50.0), np.array([0.5, 0.5]), df=9)
    >>> round(found.p_value, 3)
    0.191
    """
    q = checked_reference(reference)
    weight = 1 / (1 + reference_n / effective_n) if np.isfinite(reference_n) else 0.0
    pooled = q + (shares - q) * weight
    variance = pooled * (1 - pooled) * (1 / effective_n + (1 / reference_n if np.isfinite(reference_n) else 0.0))
    apart = (shares - q) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = np.where(apart > 0, apart / variance, 0.0)
    worst = float(statistics.max())
    each = float(special.chdtrc(1, worst) if np.isinf(df) else special.fdtrc(1, df, worst))
    asked = 1 if len(q) == 2 else len(q)
    return Fit(min(1.0, asked * each), worst, "score test of the corrected shares at their effective n")


@dataclass(frozen=True, slots=True)
class _Design:
    """What clustering does to X^2."""

    effect: float
    """Mean design effect of the shares."""
    uneven: float
    """Squared variation of the design effects of different contrasts of labels."""
    df: float
    """Degrees of freedom of the design effect: clusters less 1, where all are of one size."""


def _design(counts: FloatArray) -> _Design:
    sizes, n = counts.sum(axis=1), float(counts.sum())
    if np.all(sizes == 1):
        return _Design(1.0, 0.0, np.inf)
    shares = counts.sum(axis=0) / n
    shown = shares > 0
    # A large cluster pulls the shares towards itself, so its residual is too small by its part of the images.
    moves = (counts - sizes[:, None] * shares)[:, shown] / np.sqrt(shares[shown] * (n - sizes[:, None]))
    spread = moves.T @ moves
    free, whole = int(shown.sum()) - 1, float(np.trace(spread))
    estimated = whole / free if free else 1.0
    uneven = max(0.0, free * float((spread * spread).sum()) / whole**2 - 1) if whole > 0 else 0.0
    quantile = float(special.stdtrit(len(counts) - 1, 0.975))
    effect = shrunk_design_effect(estimated, sizes, events=n * float(1 - shares.max()), quantile=quantile)
    correlation = min(1.0, (effect - 1) / (float((sizes * sizes).sum()) / n - 1))
    parts = sizes * (1 + (sizes - 1) * correlation)
    return _Design(effect, uneven, float(parts.sum() ** 2 / (parts * parts).sum()) - 1)


def _g(counts: FloatArray, expected: FloatArray) -> FloatArray:
    return np.asarray(2 * special.rel_entr(counts, expected).sum(axis=-1), dtype=np.float64)


def _independent(counts: npt.ArrayLike, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    found, shares = np.asarray(counts, dtype=np.float64), checked_reference(reference)
    if found.shape != shares.shape:
        raise ValueError(f"counts must hold the {len(shares)} labels of the reference; got shape {found.shape}")
    if not (np.all((found >= 0) & (found == np.floor(found))) and found.sum() > 0):
        raise ValueError(f"counts must be whole numbers of at least one image; got {found.tolist()}")
    return found, shares


def _clustered(
    counts: FloatArray, reference: FloatArray, reference_n: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    found, q = np.asarray(counts, dtype=np.float64), checked_reference(reference)
    if found.ndim != 2 or found.shape[1] != len(q):
        raise ValueError(f"counts must hold clusters by the {len(q)} labels of the reference; got shape {found.shape}")
    found = found[found.sum(axis=1) > 0]
    if len(found) < 2:
        raise ValueError(f"counts must hold at least 2 clusters with images; got {len(found)}")
    behind = np.broadcast_to(np.asarray(reference_n, dtype=np.float64), q.shape)
    if not np.all(behind > 0):
        raise ValueError("reference_n must be above 0")
    return found, q, behind

"""Checks of estimators: all pass as they are, and each kind of plausible mistake makes its check fail."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from audit.doctor import TRIALS, check_estimators
from audit.doctor.trial import Trial
from audit.stats import (
    amplification,
    association,
    binomial,
    bounds,
    confusion,
    distances,
    diversity,
    fit,
    gaps,
    indices,
    information,
    intervals,
    inversion,
    kernels,
    misclassified,
    multiplicity,
    paired,
    pooling,
    posteriors,
    prediction_powered,
    skew,
)
from audit.stats.misclassified import Corrected
from audit.stats.prediction_powered import PredictionPowered
from audit.stats.skew import Null

Z = float(stats.norm.ppf(0.975))


def test_every_estimator_passes_its_checks_quickly() -> None:
    started, ticks = time.monotonic(), []
    checks = check_estimators(ticks.append)
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == len(TRIALS) == sum(ticks) > 60
    assert all(check.expected and check.found and check.seconds >= 0 for check in checks)
    assert time.monotonic() - started < 10  # .3 s where nothing else runs


def wald(successes: float, n: float, *, confidence: float = 0.95, quantile: float | None = None) -> tuple[float, float]:
    share = successes / n
    half = (quantile or Z) * np.sqrt(share * (1 - share) / n)
    return share - half, share + half


def bonferroni(p_values: Any) -> Any:
    return np.minimum(1, p_values * len(p_values))


def as_if_known(read: Any, n: Any, counts: Any, **_: Any) -> Corrected:
    """Rogan-Gladen with the calibration taken as exact: .43 of nominal .95."""
    se, sp = counts.true_positives / counts.positives, counts.true_negatives / counts.negatives
    value = misclassified.rogan_gladen(read / n, se, sp)
    half = Z * np.sqrt(read / n * (1 - read / n) / n) / (se + sp - 1)
    return Corrected(value, value - half, value + half, "")


def trusting(audit: Any, **_: Any) -> PredictionPowered:
    """The share that the classifier reads, with an interval as if it never erred."""
    n = len(audit.predictions)
    share = float(audit.predictions.mean())
    return PredictionPowered(share, intervals.wilson(share * n, n), 1.0, 0, n, 40, None, "")


def labels_alone(audit: Any, **_: Any) -> PredictionPowered:
    """Labels of the subset, without the predictions: right, but wide."""
    n = len(audit.labels)
    share = float(audit.labels.mean())
    return PredictionPowered(share, wald(share * n, n), 0.0, n, 0, 40, None, "")


def biased_kid(generated: Any, reference: Any) -> Any:
    """With each image's kernel with itself."""
    first, second = (np.mean((a @ b.T + 1) ** 3) for a, b in ((generated, generated), (reference, reference)))
    return intervals.Estimate(
        float(first + second - 2 * np.mean((generated @ reference.T + 1) ** 3)) + 0.5, None, 1, None, ""
    )


def complete_cases(totals: Any, sizes: Any, missing: Any, **_: Any) -> bounds.Bounds:
    """Unknown labels vanish."""
    known = (sizes - missing).sum()
    share = float(totals.sum() / known) if known else 0.5
    return bounds.Bounds(share, share, (share, share), 0.0, len(totals), "")


def one_sided(counts: Any, reference: Any) -> fit.Fit:
    return fit.Fit(float(stats.binom.sf(counts[0] - 1, sum(counts), reference[0])), 0.0, "")


def of_images(counts: Any, reference: Any, **_: Any) -> fit.Fit:
    """The chi-squared test of images, as if each were independent."""
    totals = counts.sum(axis=0)
    return fit.Fit(float(stats.chisquare(totals, totals.sum() * reference).pvalue), 0.0, "")


def plug_in(shares: Any, reference: Any, n: Any) -> Any:
    return indices.squared_distance(shares, reference)


def shuffled_everywhere(*arguments: Any, **options: Any) -> Any:
    """The factor's levels move over all prompts, whatever else is given."""
    options.pop("given", None)
    return REAL_FACTOR(*arguments, **options)


REAL_FACTOR, REAL_T, REAL_POOLED, REAL_DIFFERENCE = (
    association.factor_dependence,
    intervals._t,
    pooling.pooled_shares,
    paired.difference,
)


def unsigned(reference: Any, measured: Any) -> intervals.Estimate:
    """The mean move, whichever way the reference leans."""
    shares = measured.totals / measured.totals.sum(axis=1, keepdims=True)
    return intervals.Estimate(float((shares - reference.shares).mean()), None, 2, None, "")


def half_as_wide(*arguments: Any, **options: Any) -> pooling.Pooled:
    found = REAL_POOLED(*arguments, **options)
    middle, half = (found.low + found.high) / 2, (found.high - found.low) / 4
    return pooling.Pooled(found.shares, middle - half, middle + half, found.mean, found.strength, "")


def never_paired(new: Any, base: Any, **options: Any) -> Any:
    """The other side's units are taken for others."""
    return REAL_DIFFERENCE(new, {f"other {key}": value for key, value in base.items()}, **options)


MISTAKES: list[tuple[Any, str, Callable[..., Any], str]] = [
    (intervals, "shrunk_design_effect", lambda *_, **__: 1.0, "cluster_share"),  # no design effect
    (intervals, "_t", lambda confidence, clusters: Z, "cluster_share"),  # normal for t
    (intervals, "_t", lambda confidence, clusters: Z, "cluster_mean"),
    (intervals, "_t", lambda confidence, clusters: REAL_T(confidence, clusters + 1), "cluster_mean"),  # off by one
    (intervals, "residuals", lambda t, s: (t - t.sum() / s.sum() * s) / s.sum(), "cluster_mean"),  # g for g - 1
    (intervals, "wilson", wald, "wilson"),
    (intervals, "design_effect", lambda *_: 1.0, "design_effect"),
    (binomial, "clopper_pearson", lambda x, n: intervals.wilson(x, n), "clopper_pearson"),
    (binomial, "jeffreys", lambda x, n: binomial.clopper_pearson(x, n), "jeffreys"),
    (binomial, "goodman", lambda counts: [intervals.wilson(x, sum(counts)) for x in counts], "goodman"),  # one by one
    (binomial, "newcombe", lambda a, n, b, m: wald(a - b, n), "newcombe"),
    (bounds, "missing_bounds", complete_cases, "missing_bounds"),
    (paired, "difference", never_paired, "difference"),
    (gaps, "gap", lambda *_: gaps.Gap(0.375, None, 1, 0), "gap"),
    (indices, "total_variation", lambda p, q: np.abs(p - q).sum(axis=-1), "total_variation"),  # without the half
    (indices, "jensen_shannon", lambda p, q: indices.kullback_leibler(p, (p + q) / 2), "jensen_shannon"),
    (indices, "kullback_leibler", lambda p, q: np.sum(q * np.log(q / p), axis=-1), "kullback_leibler"),  # turned round
    (indices, "mean_absolute_deviation", lambda p, q: np.abs(p - q).sum() / 2, "mean_absolute_deviation"),
    (indices, "unbiased_squared_distance", plug_in, "unbiased_squared_distance"),
    (indices, "clustered_squared_distance", lambda c, q: plug_in(c.sum(0) / c.sum(), q, 1), "clustered_squared_distance"),
    (skew, "even_null", lambda n, levels, rng: Null(0.0, 0.0, 0.0), "even_null"),  # an even generator shows 0
    (skew, "debiased", lambda index, p, q, chance: index(p, q), "debiased"),
    (amplification, "directional", unsigned, "directional"),
    (misclassified, "rogan_gladen", lambda p, se, sp: p / se, "rogan_gladen"),  # false positives forgotten
    (misclassified, "lang_reiczigel", as_if_known, "lang_reiczigel"),
    (confusion, "solve_on_simplex", lambda rates, read: np.linalg.solve(rates.T, read), "solve_on_simplex"),
    (confusion, "solve_on_simplex", lambda rates, read: read, "matrix_prevalence"),
    (posteriors, "label_shift", lambda p, prior: posteriors.LabelShift(p.mean(0), p, 1, True), "label_shift"),
    (prediction_powered, "prediction_powered_share", trusting, "prediction_powered_share"),
    (prediction_powered, "prediction_powered_share", labels_alone, "prediction_powered_share"),
    (prediction_powered, "ppi_mean", lambda *a, **o: intervals.Estimate(0.6, (0.25, 0.95), 1, None, ""), "ppi_mean"),
    (multiplicity, "holm", bonferroni, "holm"),
    (multiplicity, "benjamini_hochberg", bonferroni, "benjamini_hochberg"),
    (multiplicity, "benjamini_yekutieli", multiplicity.benjamini_hochberg, "benjamini_yekutieli"),
    (multiplicity, "e_bh", lambda e: np.minimum(1, 1 / e), "e_bh"),
    (fit, "exact_test", one_sided, "exact_test"),
    (fit, "cluster_test", of_images, "cluster_test"),
    (association, "factor_dependence", shuffled_everywhere, "factor_dependence"),
    (information, "mutual_information", lambda t: np.float64(1.0), "mutual_information"),  # in bits
    (inversion, "p_value", lambda interval: 0.0027, "p_value"),  # by the normal, as if five prompts were many
    (fit, "effective_test", lambda p, n, q, df: fit.Fit(0.157, 2.0, ""), "effective_test"),  # chi-squared for F
    (gaps, "permuted_gap", lambda *_: Null(0.0, 0.0, 0.0), "permuted_gap"),
    (prediction_powered, "pseudo_values", lambda audit: audit.predictions, "pseudo_values"),
    (pooling, "common_correlation", lambda *_: 0.0, "common_correlation"),
    (pooling, "effective_counts", lambda totals, sizes, *_, **__: (totals, sizes), "effective_counts"),
    (pooling, "pooled_shares", half_as_wide, "pooled_shares"),
    (distances, "frechet", lambda m, c, n, d: float(((m - n) ** 2).sum() + np.abs(c - d).trace()), "frechet"),
    (kernels, "kid", biased_kid, "kid"),
    (
        diversity,
        "cosine_diversity",
        lambda x: intervals.Estimate(0.5, None, 1, None, ""),
        "cosine_diversity",
    ),  # with itself
]


@pytest.mark.parametrize(("module", "name", "wrong", "instrument"), MISTAKES)
def test_a_mistake_in_an_estimator_is_found(module, name, wrong, instrument, monkeypatch) -> None:
    monkeypatch.setattr(module, name, wrong)
    asked = [trial for trial in TRIALS if trial.instrument == instrument]
    assert asked
    assert not all(trial.make().passed for trial in asked)


def test_an_instrument_that_raises_or_gives_no_number_has_failed() -> None:
    def broken() -> float:
        raise ZeroDivisionError("planted")

    check = Trial.equal("x", "y", broken, 1.0).make()
    assert not check.passed
    assert check.found == "ZeroDivisionError: planted"
    assert not Trial.equal("x", "y", lambda: float("nan"), 1.0).make().passed
    assert not Trial.equal("x", "y", lambda: [1.0, 1.0], 1.0).make().passed
    assert Trial.equal("x", "y", lambda: 0.25534, 0.2553, 4).make().passed
    assert not Trial.equal("x", "y", lambda: 0.25536, 0.2553, 4).make().passed
    assert not Trial.between("x", "y", lambda: 1.01, 0.9, 1.0).make().passed

"""Shares corrected for classifier error: published figures, simulated coverage, and Monte Carlo for the Bayesian one."""

import numpy as np
import pytest

from audit.stats.misclassified import CalibrationCounts, bayesian_prevalence, lang_reiczigel, rogan_gladen


def test_rogan_gladen_gives_the_golden_figures() -> None:
    # golden.json: rogan_gladen_simple, rogan_gladen_cleam (Teo et al. 2023, StyleGAN2, gender, ResNet-18)
    assert float(rogan_gladen(0.1, 0.9, 0.95)) == pytest.approx(0.058823529411764705, abs=1e-15)
    assert float(rogan_gladen(0.61, 0.9471627486437613, 0.9829294755877035)) == pytest.approx(0.6374953581378892, abs=1e-14)


def test_rogan_gladen_inverts_misreading_and_stays_within_its_range() -> None:
    shares = np.linspace(0, 1, 11)
    read = shares * 0.8 + (1 - shares) * 0.3
    assert rogan_gladen(read, 0.8, 0.7) == pytest.approx(shares, abs=1e-14)
    assert rogan_gladen(np.array([0.0, 1.0]), 0.8, 0.7).tolist() == [0.0, 1.0]


def test_a_classifier_no_better_than_chance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sensitivity 0.6 and specificity 0.4 may be no better than chance"):
        rogan_gladen(0.5, 0.6, 0.4)
    barely = CalibrationCounts(6, 10, 5, 10)
    for estimate in (lang_reiczigel, bayesian_prevalence):
        with pytest.raises(ValueError, match=r"sensitivity 0.6 and specificity 0.5 may be no better"):
            estimate(50, 100, barely)
    assert float(lang_reiczigel(50, 100, CalibrationCounts(6000, 10_000, 5000, 10_000)).value) == 0


@pytest.mark.parametrize(
    ("successes", "calibration", "message"),
    [
        (3, CalibrationCounts(9, 10, 9, 10), "successes"),
        (1, CalibrationCounts(11, 10, 9, 10), "true_positives"),
        (1, CalibrationCounts(9, 10, 0, 0), "true_negatives"),
    ],
)
def test_impossible_counts_are_named(successes: int, calibration: CalibrationCounts, message: str) -> None:
    for estimate in (lang_reiczigel, bayesian_prevalence):
        with pytest.raises(ValueError, match=message):
            estimate(successes, 2, calibration)
    with pytest.raises(ValueError, match="share must lie"):
        rogan_gladen(1.1, 0.9, 0.9)


# golden.json: lang_reiczigel_coverage (4,000 repetitions): share, Se, Sp, n, calibration a side, coverage
PUBLISHED = [
    (0.1, 0.95, 0.95, 200, 100, 0.962),
    (0.1, 0.9, 0.9, 1000, 50, 0.954),
    (0.5, 0.97, 0.97, 1000, 200, 0.959),
    (0.5, 0.9, 0.98, 1000, 200, 0.954),
    (0.02, 0.95, 0.99, 1000, 100, 0.994),
]


@pytest.mark.parametrize(("share", "sensitivity", "specificity", "n", "calibrated", "published"), PUBLISHED)
def test_lang_reiczigel_covers_as_published(
    share: float, sensitivity: float, specificity: float, n: int, calibrated: int, published: float
) -> None:
    rng, repeats = np.random.default_rng(11), 20_000
    read = rng.binomial(n, share * sensitivity + (1 - share) * (1 - specificity), repeats)
    counts = (
        rng.binomial(calibrated, sensitivity, repeats),
        calibrated,
        rng.binomial(calibrated, specificity, repeats),
        calibrated,
    )
    found = lang_reiczigel(read, n, CalibrationCounts(*counts))
    covered = float(np.mean((found.low <= share) & (share <= found.high)))
    assert covered == pytest.approx(published, abs=4 * np.sqrt(published * (1 - published) * (1 / 4000 + 1 / repeats)))


def test_lang_reiczigel_counts_clusters_through_the_effective_n() -> None:
    calibration = CalibrationCounts(90, 100, 95, 100)
    many, few = lang_reiczigel(60, 300, calibration), lang_reiczigel(60 / 4, 300 / 4, calibration)
    assert float(few.value) == pytest.approx(float(many.value))
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert lang_reiczigel(60, 300, calibration, quantile=2.26).high > many.high


def test_lang_reiczigel_with_a_perfect_well_known_classifier_is_agresti_and_coull() -> None:
    found = lang_reiczigel(81, 263, CalibrationCounts(10**9, 10**9, 10**9, 10**9))
    z = 1.959963984540054
    center, smoothed = (81 + z * z / 2) / (263 + z * z), 263 + z * z
    half = z * np.sqrt(center * (1 - center) / smoothed)
    assert (float(found.low), float(found.high)) == pytest.approx((center - half, center + half), abs=1e-7)


@pytest.mark.parametrize(
    ("successes", "n", "counts"),
    [
        (60, 300, (90, 100, 95, 100)),
        (3, 200, (45, 50, 98, 100)),
        (20_000, 40_000, (95, 100, 180, 200)),
        (0, 40, (18, 20, 19, 20)),
    ],
)
def test_the_posterior_is_that_of_weighted_draws(successes: int, n: int, counts: tuple[int, int, int, int]) -> None:
    rng, draws = np.random.default_rng(4), 300_000
    hits, positives, right, negatives = counts
    sensitivity = rng.beta(hits + 0.5, positives - hits + 0.5, draws)
    wrong = rng.beta(negatives - right + 0.5, right + 0.5, draws)
    share = rng.beta(0.5, 0.5, draws)
    read = share * sensitivity + (1 - share) * wrong
    logs = successes * np.log(read) + (n - successes) * np.log1p(-read)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    order = np.argsort(share)
    below = np.cumsum(weights[order])
    found = bayesian_prevalence(successes, n, CalibrationCounts(*counts))
    error = 5 / np.sqrt(1 / (weights @ weights))  # in standard deviations of the posterior
    spread = np.sqrt(weights @ (share - weights @ share) ** 2)
    assert float(found.value) == pytest.approx(float(weights @ share), abs=error * spread)
    for end, tail in ((found.low, 0.025), (found.high, 0.975)):
        expected = share[order][np.searchsorted(below, tail)]
        assert float(end) == pytest.approx(expected, abs=3 * error * spread)


@pytest.mark.parametrize(("share", "sensitivity", "specificity", "n", "calibrated"), [case[:5] for case in PUBLISHED[1::3]])
def test_the_posterior_interval_covers(
    share: float, sensitivity: float, specificity: float, n: int, calibrated: int
) -> None:
    rng, hits = np.random.default_rng(12), 0
    for _ in range(60):
        read = rng.binomial(n, share * sensitivity + (1 - share) * (1 - specificity))
        counts = rng.binomial(calibrated, sensitivity), calibrated, rng.binomial(calibrated, specificity), calibrated
        found = bayesian_prevalence(read, n, CalibrationCounts(*counts))
        hits += int(found.low <= share <= found.high)
    assert hits / 60 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 60)

"""The matrix method against its inverse, a general optimiser, the two-label formula, and simulated coverage."""

import numpy as np
import pytest
from scipy import optimize

from audit.stats.confusion import MOST_CONDITION, confusion_rates, matrix_prevalence, misread_test, solve_on_simplex
from audit.stats.intervals import FloatArray, cluster_share
from audit.stats.misclassified import rogan_gladen

# golden.json: bbse_3class
RATES = np.array([[0.8, 0.1, 0.05], [0.15, 0.85, 0.05], [0.05, 0.05, 0.9]])


def test_three_labels_give_the_golden_shares() -> None:
    assert solve_on_simplex(RATES, np.array([0.44, 0.34, 0.22])) == pytest.approx(np.array([0.5, 0.3, 0.2]), abs=1e-14)


def test_readings_that_no_shares_explain_go_to_the_nearest_that_do() -> None:
    rng = np.random.default_rng(1)
    read = rng.dirichlet(np.full(4, 0.3), 12)
    rates = 0.7 * np.eye(4) + 0.3 * rng.dirichlet(np.ones(4), 4).T
    found = solve_on_simplex(rates, read)
    assert (np.linalg.solve(rates, read.T).min(axis=0) < 0).sum() > 5
    for shares, seen in zip(found, read, strict=True):
        expected = optimize.minimize(
            lambda p, seen=seen: 1e3 * ((rates @ p - seen) ** 2).sum(),
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        ).x
        assert shares == pytest.approx(expected, abs=1e-5)
        assert ((rates @ shares - seen) ** 2).sum() <= ((rates @ expected - seen) ** 2).sum() + 1e-8
    assert found.sum(axis=1) == pytest.approx(np.ones(12), abs=1e-12)
    assert found.min() >= 0


def test_leading_axes_are_cells() -> None:
    read = np.random.default_rng(2).dirichlet(np.ones(3), (2, 5))
    found = solve_on_simplex(RATES, read)
    assert found.shape == (2, 5, 3)
    assert found[1, 4] == pytest.approx(solve_on_simplex(RATES, read[1, 4]), abs=1e-14)


def test_two_labels_are_rogan_and_gladens() -> None:
    counts, calibration = np.array([[3.0, 7.0], [5.0, 5.0], [2.0, 8.0]]), np.array([[45.0, 10.0], [5.0, 40.0]])
    found = matrix_prevalence(counts, calibration, np.random.default_rng(0), resamples=50)
    assert found.shares[0] == pytest.approx(float(rogan_gladen(1 / 3, 0.9, 0.8)), abs=1e-14)
    assert found.clusters == 3


def test_a_matrix_that_cannot_be_inverted_is_refused_with_its_condition_number() -> None:
    blurred = np.array([[52.0, 48.0], [48.0, 52.0]])
    assert np.linalg.cond(blurred) == pytest.approx(25)
    with pytest.raises(ValueError, match=f"condition number 25, above {MOST_CONDITION:g}"):
        confusion_rates(blurred)
    with pytest.raises(ValueError, match="condition number"):
        matrix_prevalence(np.ones((3, 2)), np.ones((2, 2)), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("counts", "calibration", "message"),
    [
        (np.ones((3, 2)), np.ones((2, 3)), r"\(K, K\)"),
        (np.ones((3, 2)), np.array([[1.0, 0.0], [2.0, 0.0]]), "true label 1"),
        (np.ones((3, 3)), np.diag([4.0, 5.0]), r"\(g, 2\)"),
        (np.zeros((3, 2)), np.diag([4.0, 5.0]), "not empty"),
    ],
)
def test_counts_that_do_not_fit_are_named(counts: FloatArray, calibration: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matrix_prevalence(counts, calibration, np.random.default_rng(0))
    with pytest.raises(ValueError, match="rates must be"):
        solve_on_simplex(np.eye(2), np.ones(3) / 3)


def test_one_cluster_gives_no_interval_and_empty_ones_change_nothing() -> None:
    calibration = np.diag([50.0, 50.0]) + 2
    assert matrix_prevalence(np.array([[4.0, 6.0]]), calibration, np.random.default_rng(0)).intervals is None
    counts = np.array([[4.0, 6.0], [5.0, 5.0], [0.0, 0.0]])
    with_empty, without = (matrix_prevalence(part, calibration, np.random.default_rng(3)) for part in (counts, counts[:2]))
    assert with_empty.intervals == pytest.approx(without.intervals)
    assert with_empty.clusters == 2


def test_a_large_calibration_and_many_clusters_leave_the_sampling_error_alone() -> None:
    rng = np.random.default_rng(4)
    counts = rng.multinomial(20, RATES @ [0.5, 0.3, 0.2], 2000).astype(float)
    found = matrix_prevalence(counts, RATES * 1e7, rng, resamples=4000)
    inverse, read = np.linalg.inv(RATES), counts.sum(axis=0) / counts.sum()
    spread = np.sqrt(np.diag(inverse @ (np.diag(read) - np.outer(read, read)) @ inverse.T) / counts.sum())
    assert found.intervals is not None
    assert np.diff(found.intervals)[:, 0] == pytest.approx(2 * 1.96 * spread, rel=0.08)


def _covered(shares: FloatArray, clusters: int, rho: float, calibrated: int, repeats: int) -> FloatArray:
    """(K,) coverage for clusters of 30 images."""
    rng = np.random.default_rng([clusters, calibrated, round(rho * 100)])
    hits = np.zeros(len(shares))
    for _ in range(repeats):
        rates = rng.dirichlet(shares * (1 / rho - 1), clusters) if rho else np.tile(shares, (clusters, 1))
        true = np.array([rng.multinomial(30, rate) for rate in rates])
        counts = sum(rng.multinomial(true[:, k], RATES[:, k]) for k in range(len(shares)))
        calibration = np.stack([rng.multinomial(calibrated, column) for column in RATES.T], axis=1)
        found = matrix_prevalence(np.asarray(counts, dtype=float), calibration.astype(float), rng, resamples=500)
        assert found.intervals is not None
        hits += (found.intervals[:, 0] <= shares) & (shares <= found.intervals[:, 1])
    return hits / repeats


def test_intervals_cover_with_few_clusters_and_a_small_calibration() -> None:
    assert _covered(np.array([0.02, 0.1, 0.88]), 20, 0.2, 50, 300).min() > 0.935 - 2 * np.sqrt(0.95 * 0.05 / 300)


@pytest.mark.slow
@pytest.mark.parametrize("calibrated", [50, 200])
@pytest.mark.parametrize("rho", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("clusters", [10, 20, 60])
@pytest.mark.parametrize("shares", [(0.02, 0.1, 0.88), (0.5, 0.3, 0.2)])
def test_coverage_in_full(shares: tuple[float, ...], clusters: int, rho: float, calibrated: int) -> None:
    assert _covered(np.array(shares), clusters, rho, calibrated, 2000).min() >= 0.935 - 2 * np.sqrt(0.95 * 0.05 / 2000)


def test_the_test_of_a_perfect_classifier_is_the_score_test_of_the_share() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        totals, sizes = rng.binomial(20, rng.beta(1, 3, 15)).astype(float), np.full(15, 20.0)
        counts = np.stack([totals, sizes - totals], axis=1)
        interval = cluster_share(totals, sizes).interval
        assert interval is not None
        for end in interval:
            at = misread_test(counts, np.diag([1e9, 1e9]), np.array([end, 1 - end])).p_value
            assert at == pytest.approx(0.05, abs=1e-4)


def test_a_share_that_was_corrected_to_nothing_is_told_from_an_even_one() -> None:
    calibration = np.array([[90.0, 5.0], [10.0, 95.0]])
    nobody = np.tile([1.0, 19.0], (20, 1))
    assert matrix_prevalence(nobody, calibration, np.random.default_rng(0)).shares[0] == pytest.approx(0, abs=1e-12)
    assert misread_test(nobody, calibration, np.array([0.5, 0.5])).p_value < 1e-6
    assert misread_test(nobody, calibration, np.array([0.02, 0.98])).p_value > 0.2
    known, guessed = (misread_test(nobody, calibration, np.array([0.2, 0.8]), reference_n=m).p_value for m in (np.inf, 20))
    assert known < guessed
    swapped = misread_test(nobody[:, ::-1], calibration[::-1, ::-1], np.array([0.8, 0.2])).p_value
    assert swapped == pytest.approx(known)
    with pytest.raises(ValueError, match="2 clusters"):
        misread_test(nobody[:1], calibration, np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="needs 2 shares"):
        misread_test(nobody, calibration, np.full(3, 1 / 3))


@pytest.mark.parametrize("people", [np.inf, 100])
def test_a_true_reference_is_seldom_rejected_and_a_false_one_is(people: float) -> None:
    rng, audits, shares = np.random.default_rng(8), 300, np.array([0.5, 0.3, 0.2])
    rejected = np.zeros(2)
    for _ in range(audits):
        true = np.array([rng.multinomial(20, rate) for rate in rng.dirichlet(shares * 19, 30)])
        counts = np.asarray(sum(rng.multinomial(true[:, k], RATES[:, k]) for k in range(3)), dtype=float)
        calibration = np.stack([rng.multinomial(100, column) for column in RATES.T], axis=1).astype(float)
        said = shares if np.isinf(people) else rng.multinomial(int(people), shares) / people
        for place, reference in enumerate((said, np.array([0.3, 0.3, 0.4]))):
            rejected[place] += misread_test(counts, calibration, reference, reference_n=people).p_value <= 0.05
    assert rejected[0] / audits <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits)
    assert rejected[1] / audits > 0.6

"""Tests of fit against scipy, enumeration, the interval they belong to, and simulated generators with known shares."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from audit.stats.fit import cluster_test, exact_test, monte_carlo_test
from audit.stats.intervals import FloatArray, cluster_share

REFERENCE = np.array([0.5, 0.3, 0.2])


def test_the_exact_test_of_two_labels_is_the_binomial_test() -> None:
    for n, x, share in product((1, 8, 60), (0, 1, 5, 8, 40), (0.5, 0.1, 0.77)):
        if x <= n:
            theirs = stats.binomtest(x, n, share).pvalue
            assert exact_test([x, n - x], np.array([share, 1 - share])).p_value == pytest.approx(theirs, abs=1e-9)


def test_the_exact_test_adds_up_what_is_no_likelier() -> None:
    found = exact_test([1, 4, 1], REFERENCE)
    chances = [stats.multinomial.pmf([a, b, 6 - a - b], 6, REFERENCE) for a in range(7) for b in range(7 - a)]
    assert found.statistic == pytest.approx(stats.multinomial.pmf([1, 4, 1], 6, REFERENCE), abs=1e-12)
    assert found.p_value == pytest.approx(sum(c for c in chances if c <= found.statistic * (1 + 1e-9)), abs=1e-9)
    assert exact_test([3, 2, 1], REFERENCE).p_value == pytest.approx(1)


def test_the_g_test_agrees_with_scipy_and_with_all_outcomes() -> None:
    counts = np.array([60.0, 45.0, 15.0])
    found = monte_carlo_test(counts, REFERENCE, np.random.default_rng(1))
    theirs = stats.power_divergence(counts, counts.sum() * REFERENCE, lambda_="log-likelihood")
    assert found.statistic == pytest.approx(theirs.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.01)
    few = np.array([1.0, 4.0, 1.0])
    expected = 0.0
    for a, b in product(range(7), repeat=2):
        if a + b <= 6:
            other = np.array([a, b, 6 - a - b])
            g = 2 * sum(x * np.log(x / e) for x, e in zip(other, 6 * REFERENCE, strict=True) if x)
            mine = 2 * sum(x * np.log(x / e) for x, e in zip(few, 6 * REFERENCE, strict=True))
            expected += stats.multinomial.pmf(other, 6, REFERENCE) * (g >= mine - 1e-9)
    assert monte_carlo_test(few, REFERENCE, np.random.default_rng(2)).p_value == pytest.approx(expected, abs=0.015)


def test_what_the_reference_rules_out() -> None:
    none = np.array([1.0, 0.0])
    assert exact_test([5, 1], none).p_value == 0
    assert monte_carlo_test([5, 1], none, np.random.default_rng(0)).p_value == 1e-4
    assert cluster_test(np.array([[5.0, 1.0], [6.0, 0.0]]), none).p_value == 0
    assert cluster_test(np.array([[5.0, 0.0], [6.0, 0.0]]), none).p_value == 1
    assert 0 < cluster_test(np.array([[5.0, 1.0], [6.0, 0.0]]), none, reference_n=50).p_value < 1


def test_clusters_of_one_image_get_the_chi_squared_tests() -> None:
    counts = np.array([30.0, 10.0, 20.0])
    single = np.repeat(np.eye(3), counts.astype(int), axis=0)
    found = cluster_test(single, REFERENCE)
    theirs = stats.chisquare(counts, 60 * REFERENCE)
    assert (found.statistic, found.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-9)
    other = np.array([50.0, 70.0, 40.0])
    two = cluster_test(single, other / 160, reference_n=160)
    table = stats.chi2_contingency(np.array([counts, other]), correction=False)
    assert (two.statistic, two.p_value) == pytest.approx((table.statistic, table.pvalue), abs=1e-9)


def test_two_labels_are_rejected_where_the_interval_of_the_share_leaves_them_out() -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        totals, sizes = rng.binomial(8, rng.beta(1, 2, size=12)).astype(float), np.full(12, 8.0)
        counts = np.stack([totals, sizes - totals], axis=1)
        interval = cluster_share(totals, sizes).interval
        assert interval is not None
        for end in interval:
            at = [cluster_test(counts, np.array([q, 1 - q])).p_value for q in (end - 1e-6, end + 1e-6) if 0 < q < 1]
            assert at == pytest.approx([0.05] * len(at), abs=1e-4)


def test_alike_images_count_for_less() -> None:
    apart, alike = np.tile([8.0, 2.0], (10, 1)), np.repeat([[10.0, 0.0], [0.0, 10.0]], [8, 2], axis=0)
    even = np.array([0.5, 0.5])
    assert cluster_test(apart, even).p_value < 1e-3
    assert cluster_test(alike, even).p_value > 0.05
    known, guessed = (cluster_test(apart, even, reference_n=m).p_value for m in (np.inf, 20))
    assert known < guessed
    levels = cluster_test(apart, even, reference_n=np.array([20.0, 20.0]))
    assert levels.p_value == pytest.approx(guessed)


def test_neither_the_order_of_labels_nor_empty_clusters_matter() -> None:
    counts = np.random.default_rng(5).multinomial(9, REFERENCE, size=15).astype(float)
    found = cluster_test(counts, np.array([0.3, 0.4, 0.3]))
    turned = cluster_test(np.vstack([counts[::-1, ::-1], np.zeros((2, 3))]), np.array([0.3, 0.4, 0.3])[::-1])
    assert turned.p_value == pytest.approx(found.p_value, abs=1e-12)


def _drawn(shares: FloatArray, correlation: float, sizes: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Counts by cluster: Dirichlet-multinomial with this correlation within clusters."""
    p = rng.dirichlet(shares * (1 - correlation) / correlation, size=len(sizes)) if correlation else shares
    return rng.multinomial(sizes.astype(int), p).astype(float)


def _rejected(shares: FloatArray, correlation: float, clusters: int, audits: int) -> tuple[float, float]:
    """How often a true reference is rejected at .05: a known one, and one estimated from 100 people."""
    rng = np.random.default_rng(7)
    known = estimated = 0
    for _ in range(audits):
        sizes = rng.integers(10, 31, size=clusters)
        counts = _drawn(shares, correlation, sizes, rng)
        known += cluster_test(counts, shares).p_value <= 0.05
        estimated += cluster_test(counts, rng.multinomial(100, shares) / 100, reference_n=100).p_value <= 0.05
    return known / audits, estimated / audits


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("clusters", [10, 20, 60])
def test_a_true_reference_is_seldom_rejected(share: float, correlation: float, clusters: int) -> None:
    audits = 250
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits)  # 36 rates are looked at
    assert max(_rejected(np.array([share, 1 - share]), correlation, clusters, audits)) <= most


@pytest.mark.slow
@pytest.mark.parametrize("shares", [[0.02, 0.98], [0.1, 0.9], [0.5, 0.5], [0.8, 0.1, 0.1], [0.2] * 5])
@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("clusters", [10, 20, 60])
def test_a_true_reference_is_seldom_rejected_in_many_audits(shares: list[float], correlation: float, clusters: int) -> None:
    audits = 4000
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits)
    assert max(_rejected(np.array(shares), correlation, clusters, audits)) <= most


def test_a_false_reference_is_found() -> None:
    rng = np.random.default_rng(8)
    sizes, wrong = np.full(30, 20), np.array([0.35, 0.35, 0.3])
    found = [cluster_test(_drawn(REFERENCE, 0.1, sizes, rng), wrong).p_value <= 0.05 for _ in range(200)]
    assert np.mean(found) > 0.85


def test_counts_that_cannot_be_tested() -> None:
    even = np.array([0.5, 0.5])
    for counts in ([1, 2, 3], [0, 0], [1.5, 2], [-1, 3]):
        with pytest.raises(ValueError, match="counts"):
            exact_test(counts, even)
        with pytest.raises(ValueError, match="counts"):
            monte_carlo_test(counts, even, np.random.default_rng(0))
    with pytest.raises(ValueError, match="monte_carlo_test"):
        exact_test([100, 100, 100, 100], np.full(4, 0.25))
    with pytest.raises(ValueError, match="2 clusters"):
        cluster_test(np.array([[5.0, 5.0], [0.0, 0.0]]), even)
    with pytest.raises(ValueError, match="clusters by"):
        cluster_test(np.array([5.0, 5.0]), even)
    with pytest.raises(ValueError, match="reference_n"):
        cluster_test(np.ones((3, 2)), even, reference_n=0)

"""Cluster intervals against published figures, statsmodels, and simulated coverage."""

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint

from audit.stats.intervals import cluster_mean, cluster_share, design_effect, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_figures_of_newcombe_1998_table_1(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_statsmodels(confidence: float) -> None:
    for n in (1, 2, 7, 50, 1000):
        for successes in {0, 1, n // 3, n - 1, n}:
            expected = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
            assert wilson(successes, n, confidence=confidence) == pytest.approx(expected, abs=1e-12)


def test_wilson_refuses_what_is_no_share() -> None:
    for successes, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="wilson needs"):
            wilson(successes, n)


def test_cluster_mean_is_the_cluster_robust_regression_on_a_constant() -> None:
    rng = np.random.default_rng(3)
    member = rng.integers(0, 12, 90)
    values = rng.normal(2, 1, 90) + rng.normal(0, 1, 12)[member]
    fit = sm.OLS(values, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": member}, use_t=True)
    found = cluster_mean(np.bincount(member, values), np.bincount(member).astype(float))
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    assert found.interval == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)
    assert found.clusters == 12


def test_clusters_without_images_change_nothing() -> None:
    totals, sizes = np.array([1.0, 3.0, 2.0]), np.array([4.0, 4.0, 3.0])
    for average in (cluster_mean, cluster_share):
        assert average(np.append(totals, 0.0), np.append(sizes, 0.0)) == average(totals, sizes)


def test_one_cluster_gives_no_interval_and_none_is_an_error() -> None:
    for average in (cluster_mean, cluster_share):
        alone = average(np.array([3.0]), np.array([4.0]))
        assert (alone.value, alone.interval) == (0.75, None)
        with pytest.raises(ValueError, match="no images"):
            average(np.zeros(0), np.zeros(0))


def test_a_share_of_single_images_has_wilsons_interval() -> None:
    hits = np.array([1.0] * 15 + [0.0] * 133)
    assert cluster_share(hits, np.ones(148)).interval == pytest.approx(wilson(15, 148))


def test_agreement_of_all_images_counts_each_cluster_once() -> None:
    found = cluster_share(np.zeros(20), np.full(20, 50.0))
    assert found.value == 0
    assert found.interval == pytest.approx(wilson(0, 20))
    full = cluster_share(np.full(20, 50.0), np.full(20, 50.0))
    assert full.interval == pytest.approx((1 - wilson(0, 20)[1], 1.0))


def test_a_share_stays_within_its_range_where_the_t_interval_does_not() -> None:
    totals, sizes = np.array([3.0, 0, 0, 0, 0, 0]), np.full(6, 8.0)
    plain, found = cluster_mean(totals, sizes), cluster_share(totals, sizes)
    assert plain.interval is not None
    assert found.interval is not None
    assert plain.interval[0] < 0 <= found.interval[0] < found.value < found.interval[1] <= 1


def test_clusters_that_differ_less_than_chance_count_as_no_more_than_their_images() -> None:
    found = cluster_share(np.full(10, 4.0), np.full(10, 8.0))
    assert found.effective_n == 80


def test_design_effect_is_that_of_kish() -> None:
    rng = np.random.default_rng(5)
    m, rho = 20, 0.1
    rates = rng.beta(0.5 * (1 / rho - 1), 0.5 * (1 / rho - 1), 4000)
    totals = rng.binomial(m, rates).astype(float)
    found = design_effect(totals, np.full(4000, float(m)), totals)
    assert found == pytest.approx(1 + (m - 1) * rho, rel=0.08)
    assert design_effect(np.array([3.0]), np.array([9.0]), np.array([3.0])) is None
    assert design_effect(np.zeros(5), np.ones(5), np.zeros(5)) is None


def _coverage(clusters: int, m: int, rho: float, share: float, repeats: int) -> tuple[float, float, float]:
    """Coverage of the cluster share, the cluster mean, and of Wilson's interval on images as if independent."""
    rng = np.random.default_rng(clusters)
    rates = rng.beta(share * (1 / rho - 1), (1 - share) * (1 / rho - 1), (repeats, clusters))
    totals, sizes = rng.binomial(m, rates).astype(float), np.full(clusters, float(m))
    hits = np.zeros(3)
    for row in totals:
        ends = (cluster_share(row, sizes).interval, cluster_mean(row, sizes).interval, wilson(row.sum(), m * clusters))
        hits += [pair is not None and pair[0] <= share <= pair[1] for pair in ends]
    return tuple(hits / repeats)


@pytest.mark.parametrize(("clusters", "m", "rho"), [(10, 50, 0.05), (20, 50, 0.1), (50, 20, 0.1)])
def test_cluster_intervals_cover_where_independent_ones_do_not(clusters: int, m: int, rho: float) -> None:
    share, mean, independent = _coverage(clusters, m, rho, 0.5, repeats=600)
    assert 0.92 < share <= 0.985
    assert 0.92 < mean <= 0.985
    assert independent < 0.85


@pytest.mark.parametrize("share", [0.1, 0.02])
def test_small_shares_are_covered_with_few_clusters(share: float) -> None:
    found, plain, _ = _coverage(10, 8, 0.1, share, repeats=600)
    assert found > 0.92
    assert plain < found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clusters", "m", "rho", "published"),
    [(10, 50, 0.05, 0.951), (20, 50, 0.1, 0.945), (50, 20, 0.1, 0.949), (150, 10, 0.2, 0.952)],
)
def test_coverage_of_the_t_interval_in_full(clusters: int, m: int, rho: float, published: float) -> None:
    share, mean, _ = _coverage(clusters, m, rho, 0.5, repeats=10_000)
    assert mean == pytest.approx(published, abs=0.011)
    assert 0.935 < share < 0.975

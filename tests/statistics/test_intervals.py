"""Cluster intervals against published figures, statsmodels, and simulated coverage."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from audit.stats.intervals import cluster_mean, cluster_share, design_effect, residuals, shrunk_design_effect, wilson


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


@pytest.mark.parametrize(("clusters", "m"), [(12, 5), (20, 50), (3, 40)])
def test_a_share_of_0_has_the_closed_form_at_the_assumed_correlation(clusters: int, m: int) -> None:
    squared = stats.t.ppf(0.975, clusters - 1) ** 2
    effective = clusters * m / (1 + (m - 1) * 0.15)
    none = cluster_share(np.zeros(clusters), np.full(clusters, float(m)))
    assert none.effective_n == pytest.approx(effective)
    assert none.interval == pytest.approx((0.0, squared / (effective + squared)))
    everyone = cluster_share(np.full(clusters, float(m)), np.full(clusters, float(m)))
    assert everyone.interval == pytest.approx((effective / (effective + squared), 1.0))


def test_an_assumed_correlation_is_said() -> None:
    assert "a correlation of 0.15 within clusters is assumed" in cluster_share(np.zeros(3), np.full(3, 2.0)).method
    assert "assumed" not in cluster_share(np.zeros(3), np.ones(3)).method


def _spread_out(events: int, sizes: np.ndarray) -> np.ndarray:
    """So many events, one to each cluster in turn."""
    return np.bincount(np.arange(events) % len(sizes), minlength=len(sizes)).astype(float)


@pytest.mark.parametrize(("n", "clusters"), [(60, 12), (200, 20), (500, 60), (1000, 20), (500, 10), (300, 3)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_another_event_never_lowers_the_limits(n: int, clusters: int, confidence: float) -> None:
    sizes = np.full(clusters, n // clusters) + (np.arange(clusters) < n % clusters).astype(float)
    assert sizes.sum() == n
    for failures in (False, True):
        found = []
        for events in range(16):
            hits = _spread_out(events, sizes)
            interval = cluster_share(sizes - hits if failures else hits, sizes, confidence=confidence).interval
            assert interval is not None
            found.append((1 - interval[1], 1 - interval[0]) if failures else interval)
        assert np.all(np.diff(found, axis=0) > 0)


def test_the_first_event_makes_no_jump() -> None:
    ends = [cluster_share(_spread_out(events, np.ones(12)), np.full(12, 5.0)).interval for events in (0, 1)]
    assert all(end is not None for end in ends)
    assert ends[0][1] == pytest.approx(0.1144, abs=5e-4)
    assert ends[1] == pytest.approx((0.0018, 0.1389), abs=5e-4)


def test_the_design_effect_moves_from_the_assumed_to_the_estimated_one() -> None:
    sizes = np.array([1.0, 2.0, 9.0])
    assumed = 1 + (sizes @ sizes / sizes.sum() - 1) * 0.15
    found = [shrunk_design_effect(1.2, sizes, events=events, quantile=1.96) for events in (0.0, 5.0, 12.0, 1e9)]
    assert found[0] == pytest.approx(assumed)
    assert found[2] == pytest.approx((assumed + 1.2) / 2)
    assert found[3] == pytest.approx(1.2)
    assert found == sorted(found, reverse=True)
    assert shrunk_design_effect(0.3, np.ones(5), events=3.0, quantile=1.96) == 1
    assert shrunk_design_effect(4.0, sizes, events=3.0, quantile=1.96) == 4


def test_many_events_speak_for_themselves() -> None:
    rng = np.random.default_rng(6)
    totals, sizes = rng.binomial(20, rng.beta(1, 1, 200)).astype(float), np.full(200, 20.0)
    share, variance = totals.sum() / 4000, (residuals(totals, sizes) ** 2).sum()
    found = cluster_share(totals, sizes)
    assert found.effective_n == pytest.approx(share * (1 - share) / variance)


def test_a_large_cluster_counts_for_what_it_pulls_the_share() -> None:
    totals, sizes = np.array([90.0, 1.0, 2.0, 8.0, 0.0, 9.0]), np.array([100.0, 10.0, 10.0, 10.0, 10.0, 10.0])
    share = totals.sum() / 150
    moves = (totals - share * sizes) ** 2
    found = cluster_share(totals, sizes)
    assert found.effective_n == pytest.approx(150 * share * (1 - share) / (moves / (150 - sizes)).sum())
    assert found.effective_n < share * (1 - share) / (residuals(totals, sizes) ** 2).sum()


def test_a_share_stays_within_its_range_where_the_t_interval_does_not() -> None:
    totals, sizes = np.array([3.0, 0, 0, 0, 0, 0]), np.full(6, 8.0)
    plain, found = cluster_mean(totals, sizes), cluster_share(totals, sizes)
    assert plain.interval is not None
    assert found.interval is not None
    assert plain.interval[0] < 0 <= found.interval[0] < found.value < found.interval[1] <= 1


def test_clusters_that_differ_less_than_chance_count_as_no_more_than_their_images() -> None:
    found = cluster_share(np.full(10, 4.0), np.full(10, 8.0))
    assert found.effective_n == pytest.approx(80 / ((10 * 2.05 + 40) / 50))
    assert cluster_share(np.full(10, 4000.0), np.full(10, 8000.0)).effective_n <= 80_000


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
    strength = 1 / rho - 1 if rho else 1e9
    rates = rng.beta(share * strength, (1 - share) * strength, (repeats, clusters))
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
@pytest.mark.parametrize(("clusters", "m", "rho"), [(10, 8, 0.1), (20, 50, 0.05), (20, 50, 0.2)])
def test_small_shares_are_covered_with_few_clusters(clusters: int, m: int, rho: float, share: float) -> None:
    found, plain, _ = _coverage(clusters, m, rho, share, repeats=400)
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
    assert 0.935 < share < 0.985


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("m", [5, 10, 50])
@pytest.mark.parametrize("clusters", [10, 20, 60])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_coverage_of_a_share_in_full(share: float, clusters: int, m: int, rho: float) -> None:
    assert _coverage(clusters, m, rho, share, repeats=3000)[0] > 0.93

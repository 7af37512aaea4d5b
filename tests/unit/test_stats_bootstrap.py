"""Bootstraps of clusters and of crossed units against statsmodels, closed forms and simulated coverage."""

import numpy as np
import pytest
import statsmodels.api as sm

from audit.stats import bootstrap
from audit.stats.bootstrap import cluster_bootstrap, pigeonhole, two_way
from audit.stats.intervals import Estimate, FloatArray, cluster_mean, wilson


def _width(found: Estimate) -> float:
    assert found.interval is not None
    return found.interval[1] - found.interval[0]


def _covers(found: Estimate, truth: float) -> bool:
    assert found.interval is not None
    return found.interval[0] <= truth <= found.interval[1]


@pytest.mark.parametrize("kind", ["t", "percentile"])
def test_of_many_clusters_the_bootstrap_is_the_t_interval(kind: str) -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(5, 15, size=300).astype(float)
    totals = sizes * rng.normal(3, 1, size=300)
    plain = cluster_mean(totals, sizes)
    found = cluster_bootstrap(totals, sizes, rng, kind=kind)  # type: ignore[arg-type]
    assert found.value == plain.value
    assert _width(found) == pytest.approx(_width(plain), rel=0.08)
    assert found.interval == pytest.approx(plain.interval, abs=0.06 * _width(plain))


def test_the_t_bootstrap_reaches_further_where_the_long_tail_is() -> None:
    totals = np.random.default_rng(2).lognormal(size=30)
    found, plain = cluster_bootstrap(totals, np.ones(30), np.random.default_rng(3)), cluster_mean(totals, np.ones(30))
    assert found.interval is not None
    assert plain.interval is not None
    assert found.interval[0] > plain.interval[0]
    assert found.interval[1] > plain.interval[1]


def test_a_resample_without_spread_gives_no_false_end() -> None:
    rng = np.random.default_rng(4)
    few = cluster_bootstrap(np.arange(7.0), np.ones(7), rng)
    assert few == cluster_mean(np.arange(7.0), np.ones(7))
    rare = np.eye(10)[0]
    assert cluster_bootstrap(rare, np.ones(10), rng) == cluster_mean(rare, np.ones(10))  # a third of resamples are all 0
    alike = cluster_bootstrap(np.full(12, 0.1), np.ones(12), rng)
    assert alike.interval == pytest.approx((0.1, 0.1))
    assert cluster_bootstrap(np.array([1.0]), np.array([2.0]), rng).interval is None
    empty = cluster_bootstrap(np.append(np.arange(9.0), 0), np.append(np.ones(9), 0), np.random.default_rng(5))
    assert empty == cluster_bootstrap(np.arange(9.0), np.ones(9), np.random.default_rng(5))
    with pytest.raises(ValueError, match="kind"):
        cluster_bootstrap(rare, np.ones(10), rng, kind="bca")  # type: ignore[arg-type]


# Coverage at nominal .95 of images taken as independent (Wilson), cluster t and percentile bootstrap, from simulation.
COVERAGE = [
    (10, 50, 0.05, (0.733, 0.951, 0.905)),
    (20, 50, 0.1, (0.547, 0.945, 0.923)),
    (50, 20, 0.1, (0.744, 0.949, 0.941)),
]


@pytest.mark.parametrize(("prompts", "images", "correlation", "expected"), COVERAGE)
def test_intervals_that_forget_the_prompts_cover_too_little(
    prompts: int,
    images: int,
    correlation: float,
    expected: tuple[float, float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 399)
    rng, audits, half = np.random.default_rng(6), 1000, 0.5 * (1 - correlation) / correlation
    sizes = np.full(prompts, float(images))
    covered = np.zeros(4)
    for _ in range(audits):
        totals = rng.binomial(images, rng.beta(half, half, size=prompts)).astype(float)
        low, high = wilson(totals.sum(), sizes.sum())
        covered += [
            low <= 0.5 <= high,
            _covers(cluster_mean(totals, sizes), 0.5),
            _covers(cluster_bootstrap(totals, sizes, rng, kind="percentile"), 0.5),
            _covers(cluster_bootstrap(totals, sizes, rng), 0.5),
        ]
    rates = np.array([*expected, 0.95])
    # Both are simulations, of about a thousand audits each; twelve rates are looked at.
    assert (np.abs(covered / audits - rates) <= 3 * np.sqrt(2 * rates * (1 - rates) / audits)).all(), covered / audits


def _crossed(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)


def test_the_two_way_variance_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(7)
    rows, columns = _crossed(12, 9)
    kept = rng.random(108) < 0.8
    rows, columns = np.repeat(rows[kept], 2), np.repeat(columns[kept], 2)  # two images of every pair that is there
    values = rng.normal(size=12)[rows] + rng.normal(size=9)[columns] + rng.normal(size=len(rows))
    groups = np.stack([rows, columns], axis=1)
    fitted = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = two_way(values, np.array([f"prompt {row}" for row in rows]), columns)
    assert found.interval is not None
    half = fitted.bse[0] * 2.306004135204166  # t quantile of 8 degrees of freedom
    assert found.interval == pytest.approx((found.value - half, found.value + half), abs=1e-9)


def test_the_two_way_interval_is_never_narrower_than_either_way() -> None:
    rows, columns = _crossed(6, 6)
    checkered = ((rows + columns) % 2).astype(float)  # less spread between rows and columns than chance gives
    found = two_way(checkered, rows, columns)
    assert _width(found) >= 0
    rng = np.random.default_rng(8)
    for _ in range(30):
        values = rng.normal(size=36)
        ways = [cluster_mean(np.bincount(way, values), np.full(6, 6.0)) for way in (rows, columns)]
        assert _width(two_way(values, rows, columns)) >= max(_width(way) for way in ways) - 1e-12


@pytest.mark.parametrize("interval", ["two_way", "pigeonhole"])
def test_of_one_seed_only_the_prompts_are_clusters(interval: str) -> None:
    values, rows = np.random.default_rng(9).normal(size=200), np.repeat(np.arange(40), 5)
    found = _interval(interval, values, rows, np.zeros(200, dtype=int))
    plain = cluster_mean(np.bincount(rows, values), np.full(40, 5.0))
    assert found.clusters == 40
    assert _width(found) == pytest.approx(_width(plain), rel=1e-9 if interval == "two_way" else 0.1)
    assert _interval(interval, values[:3], np.zeros(3, dtype=int), np.zeros(3, dtype=int)).interval is None


def _interval(name: str, values: FloatArray, rows: np.ndarray, columns: np.ndarray) -> Estimate:
    if name == "two_way":
        return two_way(values, rows, columns)
    return pigeonhole(values, rows, columns, np.random.default_rng(0))


@pytest.mark.parametrize("interval", ["two_way", "pigeonhole"])
@pytest.mark.parametrize("effects", [(1.0, 1.0), (0.0, 0.0), (0.3, 0.3)])
def test_crossed_intervals_cover(interval: str, effects: tuple[float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 300)
    rng, (rows, columns) = np.random.default_rng(10), _crossed(15, 10)
    covered = by_prompt = 0
    for _ in range(250):
        values = effects[0] * rng.normal(size=15)[rows] + effects[1] * rng.normal(size=10)[columns] + rng.normal(size=150)
        covered += _covers(_interval(interval, values, rows, columns), 0)
        by_prompt += _covers(cluster_mean(np.bincount(rows, values), np.full(15, 10.0)), 0)
    assert covered / 250 >= 0.91  # .95 less three standard errors
    if effects[1]:
        assert by_prompt / 250 < 0.91


def test_the_pigeonhole_variance_has_its_known_mean() -> None:
    """Owen 2007, theorem 5: noise of single images counts about three times, rows and columns once."""
    rng, (rows, columns) = np.random.default_rng(11), _crossed(30, 30)
    found = [pigeonhole(rng.normal(size=900), rows, columns, rng) for _ in range(30)]
    deviation = np.array([_width(one) for one in found]) / (2 * 2.045229642132703)  # t quantile of 29
    assert (deviation**2).mean() == pytest.approx(3 / 900, rel=0.12)


def test_units_that_do_not_match_are_refused() -> None:
    for values, rows in ((np.zeros(3), np.zeros(2)), (np.zeros(0), np.zeros(0)), (np.zeros((2, 2)), np.zeros((2, 2)))):
        with pytest.raises(ValueError, match="one length"):
            two_way(values, rows, rows)
        with pytest.raises(ValueError, match="one length"):
            pigeonhole(values, rows, rows, np.random.default_rng(0))

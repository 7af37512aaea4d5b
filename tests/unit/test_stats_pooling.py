"""Partial pooling against direct integration, planted correlations and simulated cells."""

import time

import numpy as np
import pytest
from scipy import stats

from audit.stats.pooling import common_correlation, effective_counts, pooled_shares


def integrated(successes: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations of the cells by brute force: a flat grid over mean and variance."""
    means, variances = np.linspace(0.0025, 0.9975, 200), np.linspace(0.0002, 0.7998, 400)
    mean, strength = (axis.ravel() for axis in np.meshgrid(means, 1 / variances - 1))
    first, second = strength * mean, strength * (1 - mean)
    log = sum(stats.betabinom.logpmf(x, k, first, second) for x, k in zip(successes, n, strict=True))
    weight = np.exp(log - np.max(log))
    weight /= weight.sum()
    shares = np.array([weight @ ((first + x) / (strength + k)) for x, k in zip(successes, n, strict=True)])
    squares = [
        weight @ ((first + x) * (first + x + 1) / ((strength + k) * (strength + k + 1)))
        for x, k in zip(successes, n, strict=True)
    ]
    return shares, np.sqrt(np.array(squares) - shares**2)


@pytest.mark.parametrize(
    "successes", [[3, 5, 8, 2, 6, 9, 4], [0, 1, 12, 12, 3, 0, 11], [0, 0, 1, 0, 0, 0, 2], [6, 6, 6, 6, 6, 6, 6]]
)
def test_shares_and_spread_are_those_of_direct_integration(successes: list[int]) -> None:
    n = np.array([12, 12, 14, 12, 15, 12, 30])
    shares, spread = integrated(np.array(successes), n)
    found = pooled_shares(np.array(successes, dtype=float), n.astype(float))
    assert found.shares == pytest.approx(shares, abs=0.01)
    interval = [
        stats.beta.interval(0.95, s * t, (1 - s) * t)
        for s, t in zip(shares, shares * (1 - shares) / spread**2 - 1, strict=True)
    ]
    assert np.stack([found.low, found.high], axis=1) == pytest.approx(np.array(interval), abs=0.02)


def test_cells_that_are_alike_are_pooled_and_full_cells_are_left_alone() -> None:
    alike = pooled_shares(np.array([4.0, 5, 6, 5, 4, 6, 5, 5, 5, 5]), np.full(10, 10.0))
    assert np.ptp(alike.shares) < 0.1
    assert alike.mean == pytest.approx(0.5, abs=0.02)
    unlike = pooled_shares(np.array([10.0, 500, 900, 990, 100]), np.full(5, 1000.0))
    assert unlike.shares == pytest.approx([0.01, 0.5, 0.9, 0.99, 0.1], abs=0.005)
    assert unlike.strength < alike.strength / 5


def test_the_other_level_is_the_complement() -> None:
    successes, n = np.array([0.0, 3, 7.5, 2]), np.array([4.0, 9, 10, 8.5])
    one, other = pooled_shares(successes, n), pooled_shares(n - successes, n)
    assert one.shares == pytest.approx(1 - other.shares, abs=1e-9)
    assert one.low == pytest.approx(1 - other.high, abs=1e-6)


def test_an_empty_cell_gets_what_the_others_tell_of_it() -> None:
    found = pooled_shares(np.array([0.0, 2, 3, 4, 2, 3]), np.array([0.0, 10, 10, 10, 10, 10]))
    assert found.shares[0] == pytest.approx(found.mean, abs=1e-6)
    assert found.high[0] - found.low[0] > np.max(found.high[1:] - found.low[1:])


def planted(rng: np.random.Generator, cells: int, beta: tuple[float, float], shape: tuple[int, int], icc: float):
    """True shares, and totals, sizes and cells of clusters."""
    truth, (clusters, images) = rng.beta(*beta, cells), shape
    cell = np.repeat(np.arange(cells), clusters)
    strength = 1 / icc - 1 if icc else 1e9
    rates = rng.beta(np.maximum(truth[cell] * strength, 1e-9), np.maximum((1 - truth[cell]) * strength, 1e-9))
    return truth, rng.binomial(images, rates).astype(float), np.full(len(cell), float(images)), cell


@pytest.mark.parametrize(
    ("cells", "beta", "shape", "icc"),
    [(5, (2, 2), (3, 5), 0.1), (12, (1, 19), (5, 8), 0.1), (60, (2, 2), (3, 5), 0.2), (400, (20, 20), (4, 10), 0.1)],
)
def test_intervals_cover_on_average_and_shares_err_less(cells: int, beta, shape, icc: float) -> None:
    rng = np.random.default_rng(1)
    covered, pooled, alone = [], [], []
    for _ in range(max(10, 2000 // cells)):
        truth, totals, sizes, cell = planted(rng, cells, beta, shape, icc)
        correlation = common_correlation(totals, sizes, cell)
        successes, n = effective_counts(totals, sizes, cell, correlation=correlation)
        found = pooled_shares(successes, n)
        covered.append((found.low <= truth) & (truth <= found.high))
        pooled.append((found.shares - truth) ** 2)
        alone.append((successes / n - truth) ** 2)
    assert np.mean(covered) > 0.92
    assert np.mean(pooled) < np.mean(alone)


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.4])
def test_the_common_correlation_is_the_planted_one(icc: float) -> None:
    _, totals, sizes, cell = planted(np.random.default_rng(2), 3000, (2, 4), (3, 5), icc)
    assert common_correlation(totals, sizes, cell) == pytest.approx(icc, abs=0.02)


def test_a_correlation_that_cannot_be_told_is_assumed() -> None:
    one_prompt = np.array([3.0, 1.0]), np.array([5.0, 5.0]), np.array([0, 1])
    assert common_correlation(*one_prompt, assumed=0.3) == 0.3
    no_events = np.zeros(4), np.full(4, 5.0), np.array([0, 0, 1, 1])
    assert common_correlation(*no_events, assumed=0.3) == 0.3
    few = np.array([1.0, 0, 0, 0]), np.full(4, 5.0), np.array([0, 0, 1, 1])
    assert common_correlation(*few, assumed=0.3) == pytest.approx(0.3, abs=0.05)


def test_effective_counts_are_those_of_the_design_effect() -> None:
    successes, n = effective_counts(np.array([4.0, 6, 0]), np.array([10.0, 10, 5]), np.array([0, 0, 2]), correlation=0.2)
    assert n == pytest.approx([20 / 2.8, 0, 5 / 1.8])
    assert successes == pytest.approx([10 / 2.8, 0, 0])


def test_ten_thousand_cells_take_seconds() -> None:
    truth, totals, sizes, cell = planted(np.random.default_rng(3), 10_000, (2, 4), (3, 4), 0.1)
    started = time.process_time()
    found = pooled_shares(*effective_counts(totals, sizes, cell, correlation=common_correlation(totals, sizes, cell)))
    assert time.process_time() - started < 5
    assert ((found.low <= truth) & (truth <= found.high)).mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("successes", "n", "match"),
    [
        ([1.0, 2], [3.0, 3], "three cells"),
        ([1.0, 2, 4], [3.0, 3, 3], r"0 \.\. n"),
        ([1.0, 2], [3.0, 3, 3], "one length"),
    ],
)
def test_bad_counts_are_refused(successes, n, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        pooled_shares(np.array(successes), np.array(n))

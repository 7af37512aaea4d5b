"""Differences against published figures, scipy's t tests, McNemar's test of statsmodels, and simulated coverage."""

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from audit.stats.intervals import cluster_share
from audit.stats.paired import Limits, Parts, difference, recovered_difference
from audit.stats.prediction_powered import LabelledSubset, prediction_powered_share


def _single(values: np.ndarray, prefix: str = "") -> Parts:
    return {f"{prefix}{i}": (float(value), 1.0) for i, value in enumerate(values)}


def _units(totals: np.ndarray, m: int) -> Parts:
    return {str(i): (float(total), float(m)) for i, total in enumerate(totals)}


def _share_limits(new: Parts, base: Parts, confidence: float = 0.95) -> tuple[float, float]:
    found = difference(new, base, share=True, confidence=confidence)
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    return found.low, found.high


def _pairs(both: int, new_only: int, base_only: int, neither: int) -> tuple[Parts, Parts]:
    new = [1] * both + [1] * new_only + [0] * base_only + [0] * neither
    base = [1] * both + [0] * new_only + [1] * base_only + [0] * neither
    return _single(np.array(new)), _single(np.array(base))


def test_paired_units_give_the_paired_t_interval() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, 30)
    new = base + rng.normal(0.2, 0.3, 30)
    found = difference(_single(new), _single(base))
    expected = stats.ttest_rel(new, base).confidence_interval(0.95)
    assert found.estimate == pytest.approx((new - base).mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert (found.pairs, found.unpaired) == (30, 0)


def test_unpaired_units_give_welchs_interval() -> None:
    rng = np.random.default_rng(1)
    new, base = rng.normal(0, 1, 25), rng.normal(0, 3, 12)
    found = difference(_single(new, "n"), _single(base, "b"))
    expected = stats.ttest_ind(new, base, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert found.pairs == 0


def test_a_part_in_common_narrows_the_interval_in_part() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(0, 1, 60)
    new = base + rng.normal(0, 0.2, 60)

    def width(common: int) -> float:
        kept = {str(i) if i < common else f"b{i}": (float(v), 1.0) for i, v in enumerate(base)}
        found = difference(_single(new), kept)
        assert found.low is not None
        assert found.high is not None
        assert found.pairs == common
        return found.high - found.low

    assert width(60) < 0.5 * width(30) < 0.5 * width(0)


def test_shares_give_the_figures_of_newcombe_1998_example_a() -> None:
    new, base = np.arange(70) < 56, np.arange(80) < 48
    found = difference(_single(new, "n"), _single(base, "b"), share=True)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_run_against_itself_differs_by_nothing() -> None:
    parts = {str(i): (float(i % 5), 4.0) for i in range(20)}
    found = difference(parts, parts)
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_shares_that_are_all_0_still_have_an_interval() -> None:
    zeros = {str(i): (0.0, 8.0) for i in range(10)}
    found = difference(zeros, zeros, share=True)
    assert found.estimate == 0
    upper = cluster_share(np.zeros(10), np.full(10, 8.0)).interval
    assert upper is not None
    assert (found.low, found.high) == pytest.approx((-upper[1], upper[1]))


def test_paired_shares_give_the_figures_of_fagerland_2014() -> None:
    assert _share_limits(*_pairs(1, 1, 7, 12)) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("table", [(30, 12, 3, 15), (5, 1, 6, 40), (0, 2, 9, 0), (100, 30, 20, 10)])
def test_the_limit_of_paired_shares_is_0_at_the_level_of_mcnemars_test(table: tuple[int, int, int, int]) -> None:
    both, new_only, base_only, neither = table
    tested = mcnemar([[both, new_only], [base_only, neither]], exact=False, correction=False)
    low, high = _share_limits(*_pairs(*table), confidence=1 - tested.pvalue)
    assert (low if new_only > base_only else high) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("table", [(10, 6, 2, 12), (3, 0, 4, 20), (0, 1, 0, 30), (5, 9, 0, 6)])
def test_limits_of_paired_shares_are_those_of_a_fit_under_each_difference(table: tuple[int, int, int, int]) -> None:
    _, more, less, _ = table
    n = sum(table)

    def statistic(apart: float) -> float:
        """Score statistic with the shares of discordant pairs that are likeliest at that difference."""

        def unlikely(less_share: float) -> float:
            shares = np.array([less_share + apart, less_share, 1 - 2 * less_share - apart])
            return -float(np.array([more, less, n - more - less]) @ np.log(np.maximum(shares, 1e-300)))

        bounds = max(0.0, -apart), (1 - apart) / 2
        fitted = optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        return float((more - less - n * apart) / np.sqrt(n * (2 * fitted + apart - apart * apart)))

    low, high = _share_limits(*_pairs(*table))
    assert statistic(low) == pytest.approx(1.959964, abs=1e-3)
    assert statistic(high) == pytest.approx(-1.959964, abs=1e-3)


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("totals", [[0] * 12, [1] * 12, [0, 1] * 6, [1] + [0] * 11])
def test_identical_sides_reach_as_far_as_a_share_without_an_event(totals: list[int], m: int) -> None:
    parts = _units(np.array(totals), m)
    upper = cluster_share(np.zeros(12), np.full(12, float(m))).interval
    assert upper is not None
    assert _share_limits(parts, parts) == pytest.approx((-upper[1], upper[1]), abs=1e-9)
    turned = dict(reversed(parts.items()))
    assert _share_limits(parts, turned) == pytest.approx((-upper[1], upper[1]), abs=1e-9)


@pytest.mark.parametrize(("units", "m"), [(60, 1), (12, 5), (20, 10), (20, 50)])
@pytest.mark.parametrize("opposed", [0, 2])
def test_another_image_that_differs_moves_both_limits_a_little(units: int, m: int, opposed: int) -> None:
    base = np.full(units, m // 2)
    base[-opposed or units :] += 1
    found = []
    for moved in range(11):
        new = np.full(units, m // 2)
        new[:moved] += 1
        found.append(_share_limits(_units(new, m), _units(base, m)))
    steps = np.diff(found, axis=0)
    assert np.all(steps > 0)
    assert steps.max() < 0.6 * (found[0][1] - found[0][0])


def test_sides_exchanged_give_the_mirrored_interval() -> None:
    rng = np.random.default_rng(5)
    new, base = _units(rng.binomial(8, 0.4, 20), 8), _units(rng.binomial(8, 0.6, 20), 8)
    low, high = _share_limits(new, base)
    assert _share_limits(base, new) == pytest.approx((-high, -low), abs=1e-9)


def test_opposite_sides_reach_the_end_of_the_range() -> None:
    ones, zeros = _single(np.ones(30)), _single(np.zeros(30))
    assert _share_limits(ones, zeros)[1] == 1
    assert _share_limits(zeros, ones)[0] == -1


@pytest.mark.parametrize(("units", "m"), [(60, 1), (12, 5), (60, 8)])
def test_an_image_that_one_side_lacks_changes_little(units: int, m: int) -> None:
    totals = np.arange(units) % (m + 1)
    whole = _units(totals, m)
    lacking = dict(whole) | {"0": (0.0, m - 1.0)}
    low, high = _share_limits(whole, whole)
    found = _share_limits(whole, lacking)
    assert low - 0.03 < found[0] < low + 0.01
    assert high - 0.01 < found[1] < high + 0.03


def test_the_assumption_is_said_where_it_is_made() -> None:
    clusters = _units(np.array([1, 2, 0]), 4)
    assert "a correlation of 0.15 within clusters is assumed" in difference(clusters, clusters, share=True).method
    single = _single(np.array([1, 0, 0]))
    assert "Tango's score interval" in difference(single, single, share=True).method
    assert "recovered" in difference(single, _single(np.ones(3), "b"), share=True).method


def test_one_unit_on_a_side_gives_no_interval_and_none_is_an_error() -> None:
    many = {"a": (1.0, 2.0), "b": (2.0, 2.0)}
    found = difference(many, {"a": (1.0, 2.0)})
    assert (found.estimate, found.low, found.high) == (0.25, None, None)
    with pytest.raises(ValueError, match="no images"):
        difference(many, {"a": (0.0, 0.0)})


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("rate", [0.5, 0.1])
def test_coverage_of_a_planted_difference_of_none(paired: bool, rate: float) -> None:
    rng = np.random.default_rng(4)
    hits = {True: 0, False: 0}
    for _ in range(400):
        rates = rng.beta(rate * 6, (1 - rate) * 6, (2, 30))
        counts = rng.binomial(20, rates if not paired else rates[[0, 0]])
        new = {str(i): (float(count), 20.0) for i, count in enumerate(counts[0])}
        base = {str(i) if paired else f"b{i}": (float(count), 20.0) for i, count in enumerate(counts[1])}
        for share in hits:
            found = difference(new, base, share=share)
            hits[share] += found.low is not None and found.high is not None and found.low <= 0 <= found.high
    assert all(0.92 < count / 400 < 0.99 for count in hits.values())


def _rates(rng: np.random.Generator, rate: float, rho: float, units: int) -> np.ndarray:
    if rho == 0 or rate == 0:
        return np.full(units, rate)
    return rng.beta(rate * (1 / rho - 1), (1 - rate) * (1 / rho - 1), units)


def _coverage(shape: tuple[int, int], share: float, flips: tuple[float, float], rho: float, repeats: int) -> float:
    """Of paired images: those of the base that lack it gain it at one rate, and those that have it lose it at another."""
    units, m = shape
    gained, lost = flips
    truth = (1 - share) * gained - share * lost
    rng = np.random.default_rng(units + m)
    covered = 0
    for _ in range(repeats):
        base = rng.binomial(m, _rates(rng, share, rho, units))
        gain = rng.binomial(m - base, _rates(rng, gained, rho, units))
        new = base + gain - rng.binomial(base, _rates(rng, lost, rho, units))
        low, high = _share_limits(_units(new, m), _units(base, m))
        covered += low - 1e-9 <= truth <= high + 1e-9
    return covered / repeats


@pytest.mark.parametrize(("shape", "rho"), [((60, 1), 0.0), ((20, 10), 0.1)])
@pytest.mark.parametrize(
    ("share", "flips"), [(0.5, (0.01, 0.01)), (0.5, (0.04, 0.0)), (0.5, (0.1, 0.1)), (0.1, (0.03, 0.01)), (0.1, (0.1, 0.1))]
)
def test_coverage_where_few_images_differ(
    shape: tuple[int, int], rho: float, share: float, flips: tuple[float, float]
) -> None:
    assert _coverage(shape, share, flips, rho, repeats=250) > 0.91


@pytest.mark.parametrize("m", [1, 8])
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_coverage_where_some_units_are_on_one_side_only(m: int, share: float) -> None:
    rng = np.random.default_rng(6)
    rho, covered = (0.1 if m > 1 else 0.0), 0
    for _ in range(250):
        base = rng.binomial(m, _rates(rng, share, rho, 60))
        flipped = rng.binomial(m - base, 0.04 * share) - rng.binomial(base, 0.04 * (1 - share))
        new, other = base + flipped, rng.binomial(m, _rates(rng, share, rho, 10))
        alone = {f"alone{i}": (float(total), float(m)) for i, total in enumerate(other)}
        low, high = _share_limits(_units(new, m), _units(base[:50], m) | alone)
        covered += low <= 0 <= high
    assert covered / 250 > 0.91


def test_a_difference_recovered_from_two_intervals_is_that_of_independent_shares() -> None:
    def limits(hits: int, n: int) -> Limits:
        low, high = stats.binomtest(hits, n).proportion_ci(method="wilson")
        return hits / n, float(low), float(high)

    found = recovered_difference(limits(56, 70), limits(48, 80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # Newcombe 1998, example a, method 10
    mirrored = recovered_difference(limits(48, 80), limits(56, 70))
    assert found.low is not None
    assert found.high is not None
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    same = recovered_difference((0.0, 0.0, 0.05), (0.0, 0.0, 0.05))  # cut to 0 on both sides: never a point
    assert (same.low, same.high) == (-0.05, 0.05)


def _corrected(rng: np.random.Generator, share: float) -> Limits:
    """20 prompts of 30 images, 120 of them labelled by people; the classifier errs both ways."""
    code = np.repeat(np.arange(20), 30)
    truth = rng.random(600) < np.repeat(_rates(rng, share, 0.05, 20), 30)
    read = np.where(truth, rng.random(600) < 0.9, rng.random(600) < 0.08).astype(float)
    rows = np.sort(rng.choice(600, 120, replace=False))
    found = prediction_powered_share(LabelledSubset(read, code, rows, truth[rows].astype(float)))
    assert found.interval is not None
    return (found.value, *found.interval)


@pytest.mark.parametrize("shares", [(0.05, 0.05), (0.1, 0.05), (0.5, 0.4)])
def test_coverage_of_differences_recovered_from_corrected_shares(shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(300):
        found = recovered_difference(_corrected(rng, shares[0]), _corrected(rng, shares[1]))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= shares[0] - shares[1] <= found.high
    assert covered / 300 > 0.93


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "rho"), [((60, 1), 0.0), ((300, 1), 0.0), ((12, 5), 0.1), ((20, 10), 0.2), ((60, 8), 0.1), ((20, 50), 0.1)]
)
@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("flips", [(0.0, 0.0), (0.01, 0.01), (0.03, 0.01), (0.1, 0.0), (0.1, 0.1)])
def test_coverage_of_paired_shares_in_full(
    shape: tuple[int, int], rho: float, share: float, flips: tuple[float, float]
) -> None:
    assert _coverage(shape, share, flips, rho, repeats=2000) > 0.92

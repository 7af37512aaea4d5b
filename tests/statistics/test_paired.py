"""Differences against published figures, scipy's t tests, and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from audit.stats.intervals import cluster_share
from audit.stats.paired import Parts, difference


def _single(values: np.ndarray, prefix: str = "") -> Parts:
    return {f"{prefix}{i}": (float(value), 1.0) for i, value in enumerate(values)}


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

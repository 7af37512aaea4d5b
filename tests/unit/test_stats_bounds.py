"""Bounds for missing labels: closed forms, every way to fill them in, and coverage."""

from itertools import product

import numpy as np
import pytest

from audit.stats.bounds import missing_bounds
from audit.stats.intervals import FloatArray, cluster_share


def test_every_way_to_fill_in_missing_labels_lies_within_and_the_ends_are_reached() -> None:
    totals, sizes, missing = np.array([2.0, 0.0, 3.0]), np.array([5.0, 4.0, 4.0]), np.array([2.0, 1.0, 0.0])
    found = missing_bounds(totals, sizes, missing)
    shares = [(totals.sum() + sum(filled)) / 13 for filled in product(range(3), range(2), range(1))]
    assert (found.low, found.high) == pytest.approx((min(shares), max(shares)), abs=1e-15)
    assert found.missing == pytest.approx(3 / 13)
    assert found.interval is not None
    assert found.interval[0] < found.low < found.high < found.interval[1]


def test_without_missing_labels_it_is_the_share_itself() -> None:
    totals, sizes = np.array([2.0, 0.0, 3.0]), np.array([5.0, 4.0, 4.0])
    found, share = missing_bounds(totals, sizes, np.zeros(3)), cluster_share(totals, sizes)
    assert (found.low, found.high, found.missing) == (share.value, share.value, 0)
    assert found.interval == share.interval


def test_no_label_at_all_says_nothing() -> None:
    found = missing_bounds(np.zeros(4), np.full(4, 5.0), np.full(4, 5.0))
    assert (found.low, found.high, found.interval) == (0, 1, (0, 1))


def test_more_missing_labels_never_narrow_the_interval() -> None:
    totals, sizes = np.array([4.0, 2.0, 1.0, 3.0]), np.full(4, 10.0)
    tops = [missing_bounds(totals, sizes, np.full(4, float(gone))).interval for gone in range(7)]
    assert all(top is not None for top in tops)
    assert [top[0] for top in tops if top] == [tops[0][0]] * 7
    assert [top[1] for top in tops if top] == sorted(top[1] for top in tops if top)


def test_one_cluster_gives_bounds_without_interval() -> None:
    found = missing_bounds(np.array([2.0]), np.array([6.0]), np.array([1.0]))
    assert (found.low, found.high, found.interval, found.clusters) == (pytest.approx(1 / 3), 0.5, None, 1)


@pytest.mark.parametrize(
    ("totals", "sizes", "missing", "message"),
    [
        (np.ones(2), np.ones(3), np.ones(2), "one length"),
        (np.ones(2), np.ones(2), np.ones(2), "at most sizes"),
        (-np.ones(2), np.ones(2), np.zeros(2), "not be negative"),
        (np.zeros(2), np.zeros(2), np.zeros(2), "no images"),
    ],
)
def test_counts_that_do_not_add_up_are_refused(
    totals: FloatArray, sizes: FloatArray, missing: FloatArray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        missing_bounds(totals, sizes, missing)


@pytest.mark.parametrize("hidden", ["all", "none", "half"])
def test_the_true_share_is_covered_however_labels_go_missing(hidden: str) -> None:
    """Faces with the attribute go missing always, never, or as often as those without."""
    rng = np.random.default_rng(8)
    lost = {"all": (0.2, 0.0), "none": (0.0, 0.2), "half": (0.1, 0.1)}[hidden]
    whole, complete = 0, 0
    for _ in range(300):
        rates = rng.beta(0.4 * 9, 0.6 * 9, 20)  # correlation .1
        seen = rng.binomial(20, rates)
        gone = rng.binomial(seen, lost[0]), rng.binomial(20 - seen, lost[1])
        totals, missing = (seen - gone[0]).astype(float), (gone[0] + gone[1]).astype(float)
        ends = missing_bounds(totals, np.full(20, 20.0), missing).interval
        assert ends is not None
        whole += ends[0] <= 0.4 <= ends[1]
        ends = cluster_share(totals, 20 - missing).interval
        assert ends is not None
        complete += ends[0] <= 0.4 <= ends[1]
    assert whole / 300 > 0.95 - 2 * np.sqrt(0.95 * 0.05 / 300)
    assert whole > complete

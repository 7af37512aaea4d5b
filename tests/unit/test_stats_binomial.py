"""Intervals of shares against published figures and statsmodels."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, multinomial_proportions_confint, proportion_confint

from audit.stats.binomial import clopper_pearson, goodman, jeffreys, newcombe
from audit.stats.intervals import wilson

# Newcombe 1998, table I; Jeffreys by statsmodels.
PUBLISHED = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676), (0.2545, 0.3656)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617), (0.0604, 0.1576)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684), (0.0, 0.1166)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776), (0.0037, 0.1501)),
]
# Sison & Glaz 1995; Goodman's intervals by statsmodels.
COUNTS = [56, 72, 73, 59, 62, 87, 58]
SIMULTANEOUS = [
    [0.0852, 0.1663],
    [0.1145, 0.2044],
    [0.1164, 0.2067],
    [0.0906, 0.1735],
    [0.0961, 0.1807],
    [0.1427, 0.2394],
    [0.0888, 0.1711],
]


@pytest.mark.parametrize(("x", "n", "score", "exact", "bayes"), PUBLISHED)
def test_published_intervals_of_a_share(
    x: int, n: int, score: tuple[float, float], exact: tuple[float, float], bayes: tuple[float, float]
) -> None:
    assert np.round(wilson(x, n), 4) == pytest.approx(score)
    assert clopper_pearson(x, n).round(4) == pytest.approx(exact)
    assert jeffreys(x, n).round(4) == pytest.approx(bayes)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_intervals_of_many_cells_agree_with_statsmodels(confidence: float) -> None:
    n = np.array([1, 7, 40, 1000])[:, None]
    x = np.floor(np.linspace(0, 1, 9) * n)
    for ours, method in ((clopper_pearson, "beta"), (jeffreys, "jeffreys")):
        low, high = proportion_confint(x, np.broadcast_to(n, x.shape), alpha=1 - confidence, method=method)
        found = ours(x, n, confidence=confidence)
        assert found.shape == (4, 9, 2)
        assert found[..., 0] == pytest.approx(low, abs=1e-9)
        assert found[..., 1] == pytest.approx(high, abs=1e-9)


def test_an_exact_interval_never_covers_too_little() -> None:
    x = np.arange(21)
    low, high = clopper_pearson(x, 20).T
    for share in np.linspace(0.005, 0.995, 100):
        assert stats.binom.pmf(x, 20, share)[(low <= share) & (share <= high)].sum() >= 0.95


def test_jeffreys_reaches_the_ends_only_where_asked_to() -> None:
    open_, closed = jeffreys([0, 20], 20), jeffreys([0, 20], 20, closed=True)
    assert open_[0, 0] > 0
    assert open_[1, 1] < 1
    assert closed[0, 0] == 0
    assert closed[1, 1] == 1
    assert closed[0, 1] == open_[0, 1]


def test_the_difference_of_two_shares() -> None:
    assert newcombe(56, 70, 48, 80).round(4) == pytest.approx((0.0524, 0.3339))  # Newcombe 1998b, example (a)
    for x, n, y, m in ((56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (0, 5, 0, 9)):
        theirs = confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff", alpha=0.1)
        assert newcombe(x, n, y, m, confidence=0.9) == pytest.approx(theirs, abs=1e-9)
        assert newcombe(y, m, x, n, confidence=0.9)[::-1] == pytest.approx([-end for end in theirs], abs=1e-9)


def test_all_labels_at_once() -> None:
    assert goodman(COUNTS).round(4) == pytest.approx(np.array(SIMULTANEOUS))
    cells = np.array([COUNTS, [0, 1, 2, 3, 4, 5, 85]])
    for cell, found in zip(cells, goodman(cells, confidence=0.9), strict=True):
        assert found == pytest.approx(multinomial_proportions_confint(cell, alpha=0.1, method="goodman"), abs=1e-9)


def test_what_no_interval_can_be_made_of() -> None:
    for x, n in ((-1, 5), (6, 5), (0, 0), (np.nan, 5)):
        with pytest.raises(ValueError, match="successes"):
            clopper_pearson(x, n)
    with pytest.raises(ValueError, match="confidence"):
        jeffreys(1, 5, confidence=95)
    with pytest.raises(ValueError, match="2 labels"):
        goodman([5])

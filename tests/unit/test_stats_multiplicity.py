"""Adjusted p-values against the paper, statsmodels and, for e-values, the rule as it is written."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from audit.stats.intervals import FloatArray
from audit.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, e_bh, holm

# Benjamini & Hochberg 1995, section 4.1.
PAPER = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0]


def test_the_example_of_the_paper() -> None:
    p = np.array(PAPER)
    rejected = [int((adjusted(p) <= 0.05).sum()) for adjusted in (benjamini_hochberg, holm, benjamini_yekutieli)]
    assert rejected == [4, 3, 3]
    assert int((p * len(p) <= 0.05).sum()) == 3  # Bonferroni


@pytest.mark.parametrize("tests", [1, 2, 15, 400])
def test_adjusted_values_agree_with_statsmodels_whatever_the_order_and_ties(tests: int) -> None:
    p = np.round(np.random.default_rng(tests).random(tests) ** 3, 3)
    for ours, method in ((holm, "holm"), (benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by")):
        assert ours(p) == pytest.approx(multipletests(p, method=method)[1], abs=1e-9)


def test_what_could_not_be_tested_is_not_counted() -> None:
    p, gaps = np.array([0.01, 0.04, 0.03]), np.array([np.nan, 0.01, np.nan, 0.04, 0.03])
    for adjusted in (holm, benjamini_hochberg, benjamini_yekutieli):
        assert np.isnan(adjusted(gaps)).tolist() == [True, False, True, False, False]
        assert adjusted(gaps)[[1, 3, 4]] == pytest.approx(adjusted(p))
        assert np.isnan(adjusted(np.full(2, np.nan))).all()
        assert len(adjusted(np.zeros(0))) == 0


def _rejected(e: FloatArray, rate: float) -> FloatArray:
    """The k largest, k the most with k e_[k] >= m / rate."""
    order = np.argsort(-e)
    enough = [k for k in range(1, len(e) + 1) if k * e[order[k - 1]] >= len(e) / rate]
    chosen = np.zeros(len(e), dtype=bool)
    chosen[order[: max(enough, default=0)]] = True
    return chosen


def test_e_values_are_rejected_by_the_rule_of_the_paper() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        e = np.exp(rng.normal(1, 3, size=12))
        for rate in (0.01, 0.05, 0.2, 0.5):
            assert ((e_bh(e) <= rate) == _rejected(e, rate)).all()
    assert e_bh(np.array([np.inf, 0.0, np.nan])) == pytest.approx([0, 1, np.nan], nan_ok=True)


def test_values_that_are_no_probabilities_are_refused() -> None:
    for adjusted in (holm, benjamini_hochberg, benjamini_yekutieli):
        for values in ([-0.1], [1.1], [[0.5]]):
            with pytest.raises(ValueError, match="p_values"):
                adjusted(np.array(values))
    with pytest.raises(ValueError, match="e_values"):
        e_bh(np.array([-1.0]))

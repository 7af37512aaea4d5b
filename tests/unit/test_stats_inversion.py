"""P-values from intervals: closed forms, scipy's tests, and the ends of what is told."""

import numpy as np
import pytest
from scipy import stats

from audit.stats.gaps import permuted_gap
from audit.stats.intervals import wilson
from audit.stats.inversion import LEAST, p_value
from audit.stats.paired import difference


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 1.5])
def test_the_t_interval_gives_the_t_test(shift: float) -> None:
    values = np.random.default_rng(1).normal(shift, 1, 12)
    test = stats.ttest_1samp(values, 0.2)
    found = p_value(lambda confidence: tuple(test.confidence_interval(confidence)), null=0.2)
    assert found == pytest.approx(test.pvalue, rel=1e-4)


def test_wilsons_interval_gives_the_score_test() -> None:
    z = (14 / 40 - 0.5) / np.sqrt(0.25 / 40)
    found = p_value(lambda confidence: wilson(14, 40, confidence=confidence), null=0.5)
    assert found == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-4)


def test_tangos_interval_gives_mcnemars_test() -> None:
    more, less, alike = 12, 3, 25
    first = [1.0] * more + [0.0] * less + [1.0] * alike
    second = [0.0] * more + [1.0] * less + [1.0] * alike
    new, base = ({str(k): (hit, 1.0) for k, hit in enumerate(side)} for side in (first, second))

    def ends(confidence: float) -> tuple[float, float]:
        found = difference(new, base, confidence=confidence, share=True)
        return found.low, found.high

    expected = stats.chi2.sf((more - less) ** 2 / (more + less), 1)
    assert p_value(ends) == pytest.approx(expected, rel=1e-3)


def test_an_interval_that_always_or_never_holds_the_value() -> None:
    assert p_value(lambda confidence: (-confidence, confidence)) == 1
    assert p_value(lambda _: (1.0, 2.0)) == LEAST
    assert pytest.approx(2 * stats.norm.sf(6.4)) == LEAST


def test_a_prompt_that_decides_alone_widens_a_difference_of_rare_shares() -> None:
    new = {f"a{k}": (0.0, 20.0) for k in range(12)}
    base = {f"b{k}": (0.0, 20.0) for k in range(12)}
    narrow, wide = (difference(new, base, share=True, correlation=r) for r in (0.15, 1.0))
    assert wide.high > 2 * narrow.high
    paired = {f"b{k}": (0.0, 20.0) for k in range(12)}
    narrow, wide = (difference(paired, base, share=True, correlation=r) for r in (0.15, 1.0))
    assert wide.high > 1.5 * narrow.high


def test_shuffles_reach_a_gap_of_noise_as_often_as_they_should() -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        sizes = np.kron(np.eye(3), np.full((8, 1), 5.0))
        found.append(permuted_gap(rng.binomial(5, 0.4, sizes.shape) * (sizes > 0), sizes, rng).p_value)
    error = np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * error
    assert np.mean(np.array(found) <= 0.5) == pytest.approx(0.5, abs=0.12)


def test_equal_values_have_no_gap_whatever_the_rounding() -> None:
    sizes = np.kron(np.eye(3), np.array([[3.0], [7.0], [11.0]]))
    assert permuted_gap(0.1 * sizes, sizes, np.random.default_rng(0)).p_value == 1

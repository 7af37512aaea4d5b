"""Golden numbers of representation skew: those that no other test holds, and where the others are held.

=========================  =======================================================================================
golden number              test
=========================  =======================================================================================
wilson_95                  test_stats_binomial: test_published_intervals_of_a_share
clopper_pearson_95         the same
jeffreys_95                the same
newcombe_diff_95           test_stats_binomial: test_the_difference_of_two_shares
goodman_95                 test_stats_binomial: test_all_labels_at_once
sison_glaz_95              here
bh_1995_example            test_stats_multiplicity: test_the_example_of_the_paper
rogan_gladen_cleam         test_stats_misclassified: test_rogan_gladen_gives_the_golden_figures; the published ones here
rogan_gladen_simple        test_stats_misclassified: test_rogan_gladen_gives_the_golden_figures
lang_reiczigel_coverage    test_stats_misclassified: test_lang_reiczigel_covers_as_published; the other three rates here
bbse_3class                test_stats_confusion: test_three_labels_give_the_golden_shares; read from the shares here
sld_em                     test_stats_posteriors: test_em_gives_the_golden_shares
ppi_mean                   test_stats_prediction_powered: test_ppi_mean_gives_the_golden_intervals
skew_p_vs_uniform3         test_stats_indices: test_one_skewed_generator_against_equal_shares; evenness: see here
mad_max                    test_stats_indices: test_the_mean_absolute_deviation_has_a_largest_value
null_TV_uniform            test_stats_indices: test_an_even_generator_shows_a_total_variation
unbiased_l2                test_stats_indices: test_the_squared_distance_without_bias; the simulated mean here
biasamp_T_to_A             test_stats_amplification: test_the_worked_example
cluster_coverage_iid_vs_t  test_stats_bootstrap: test_intervals_that_forget_the_prompts_cover_too_little; 150 x 10 here
=========================  =======================================================================================
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from quapy.method.aggregative import ACC
from scipy import stats
from statsmodels.stats.proportion import multinomial_proportions_confint

from audit.stats import indices
from audit.stats.binomial import goodman
from audit.stats.bootstrap import cluster_bootstrap
from audit.stats.confusion import solve_on_simplex
from audit.stats.intervals import cluster_mean, wilson
from audit.stats.misclassified import rogan_gladen
from audit.stats.sison_glaz import sison_glaz

TESTS = Path(__file__).parents[1]


def test_every_golden_number_has_its_test() -> None:
    named = re.findall(r"^(\w+) +(?:test_(\w+): (\w+)|here|the same)", __doc__ or "", re.MULTILINE)
    assert len(named) == 19
    for _, module, test in named:
        if module:
            assert f"def {test}(" in (TESTS / "unit" / f"test_{module}.py").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------- oracle and closed form

# The example counts of Sison & Glaz 1995; figures of statsmodels 0.15.0.
COUNTS = [56, 72, 73, 59, 62, 87, 58]
SISON_GLAZ = [
    [0.0792, 0.1644],
    [0.1135, 0.1986],
    [0.1156, 0.2008],
    [0.0857, 0.1708],
    [0.0921, 0.1772],
    [0.1456, 0.2307],
    [0.0835, 0.1686],
]


def test_the_intervals_of_sison_and_glaz() -> None:
    assert sison_glaz(COUNTS).round(4) == pytest.approx(np.array(SISON_GLAZ), abs=1e-12)


@pytest.mark.parametrize("counts", [COUNTS, [1, 1], [0, 3, 9], [40, 30, 20, 10], [0, 1, 2, 3, 4, 5, 85], [500, 300, 7]])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_sison_and_glaz_agree_with_statsmodels(counts: list[int], confidence: float) -> None:
    if 0 in counts:  # a label without images has no Poisson chance but 0, which statsmodels divides by
        assert np.isfinite(sison_glaz(counts, confidence=confidence)).all()
        return
    theirs = multinomial_proportions_confint(counts, alpha=1 - confidence, method="sison-glaz")
    assert sison_glaz(counts, confidence=confidence) == pytest.approx(theirs, abs=1e-9)


def test_sison_and_glaz_cover_rare_labels_badly_which_is_why_goodman_is_the_default() -> None:
    shares, rng = np.array([0.9, 0.08, 0.02]), np.random.default_rng(1)
    held = np.zeros(2)
    for counts in rng.multinomial(60, shares, 300):
        for place, (low, high) in enumerate(ends(counts).T for ends in (sison_glaz, goodman)):
            held[place] += bool(np.all((low <= shares) & (shares <= high)))
    assert held[0] / 300 < 0.9 < 0.92 < held[1] / 300


def test_what_sison_and_glaz_cannot_read() -> None:
    for counts in ([5], [0, 0], [1.5, 2], [-1, 3], [[1, 2]]):
        with pytest.raises(ValueError, match="counts must be"):
            sison_glaz(counts)
    with pytest.raises(ValueError, match="confidence"):
        sison_glaz([1, 2], confidence=1.0)


def test_evenness_is_its_closed_form() -> None:
    # The golden file prints .72984666; -sum p ln p / ln 3 of (.7, .2, .1) is .729846699..., which is what is held.
    closed = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1)) / math.log(3)
    assert closed == pytest.approx(0.7298467, abs=5e-9)
    assert float(indices.evenness(np.array([0.7, 0.2, 0.1]))) == pytest.approx(closed, abs=1e-14)


# P(read | true) by column, and shares whose readings are .44, .34 and .22.
CONFUSION = np.array([[0.8, 0.1, 0.05], [0.15, 0.85, 0.05], [0.05, 0.05, 0.9]])
OF_THREE = np.array([0.5, 0.3, 0.2])


def test_the_matrix_method_of_three_labels_and_quapy() -> None:
    assert pytest.approx([0.44, 0.34, 0.22], abs=1e-14) == CONFUSION @ OF_THREE
    rng = np.random.default_rng(2)
    for levels in (2, 3, 5):
        rates = 0.8 * np.eye(levels) + 0.2 * rng.dirichlet(np.ones(levels), levels).T
        read = rates @ rng.dirichlet(np.full(levels, 5.0))
        theirs = ACC.solve_adjustment(rates, read, method="inversion", solver="exact-raise")
        assert solve_on_simplex(rates, read) == pytest.approx(theirs, abs=1e-9)


def test_the_published_correction_of_cleam_lies_within_what_its_rounded_reading_allows() -> None:
    # Teo et al. 2023, StyleGAN2 and gender, ResNet-18: read .610, corrected .638; people see .642.
    low, high = rogan_gladen(np.array([0.6095, 0.6105]), 0.9471627486437613, 0.9829294755877035)
    assert low <= 0.638 <= high
    assert abs(float(low + high) / 2 - 0.642) < 0.005
    assert 0.642 - 0.610 > 0.03


# -------------------------------------------------------------------------------------------------------- simulated

# Share, sensitivity, specificity, images, calibration images a side, and coverage (4,000 repetitions) of Wilson's
# interval of the readings, of the same carried over by errors taken as known, and of Rogan-Gladen's delta interval.
UNCORRECTED = [
    (0.1, 0.95, 0.95, 200, 100, (0.545, 0.874, 0.954)),
    (0.1, 0.9, 0.9, 1000, 50, (0.0, 0.43, 0.91)),
    (0.5, 0.97, 0.97, 1000, 200, (0.945, 0.913, 0.955)),
    (0.5, 0.9, 0.98, 1000, 200, (0.276, 0.877, 0.951)),
    (0.02, 0.95, 0.99, 1000, 100, (0.492, 0.621, 0.838)),
]


@pytest.mark.parametrize(("share", "sensitivity", "specificity", "n", "calibrated", "published"), UNCORRECTED)
def test_intervals_that_forget_the_error_of_the_classifier_cover_too_little(
    share: float, sensitivity: float, specificity: float, n: int, calibrated: int, published: tuple[float, float, float]
) -> None:
    rng, repeats = np.random.default_rng(21), 20_000
    read = rng.binomial(n, share * sensitivity + (1 - share) * (1 - specificity), repeats)
    se, sp = (rng.binomial(calibrated, rate, repeats) / calibrated for rate in (sensitivity, specificity))
    ends = np.array([wilson(successes, n) for successes in range(n + 1)])[read]
    as_if_known = rogan_gladen(ends, se[:, None], sp[:, None])
    plain = read / n
    value, better = rogan_gladen(plain, se, sp), se + sp - 1
    of_errors = value**2 * se * (1 - se) / calibrated + (1 - value) ** 2 * sp * (1 - sp) / calibrated
    half = 1.959964 * np.sqrt(plain * (1 - plain) / n + of_errors) / better
    covered = [
        np.mean((low <= share) & (share <= high)) for low, high in (ends.T, as_if_known.T, (value - half, value + half))
    ]
    rates = np.clip(published, 1 / 4000, 1 - 1 / 4000)
    assert np.all(np.abs(np.array(covered) - published) <= 4 * np.sqrt(rates * (1 - rates) * (1 / 4000 + 1 / repeats)))


def test_the_simulated_mean_of_the_unbiased_squared_distance() -> None:
    # .021686 by simulation, .0216667 true: shares (.45, .3, .25) against equal ones, 50 images.
    true, even, n = np.array([0.45, 0.3, 0.25]), np.full(3, 1 / 3), 50
    shares = np.random.default_rng(22).multinomial(n, true, 40_000) / n
    found = indices.unbiased_squared_distance(shares, even, n)
    error = float(found.std() / np.sqrt(40_000))
    assert float(found.mean()) == pytest.approx(0.021686, abs=3 * np.sqrt(2) * error)
    assert float(found.mean()) == pytest.approx(0.0216667, abs=3 * error)


def _held(ends: tuple[float, float] | None) -> bool:
    return ends is not None and ends[0] <= 0.5 <= ends[1]


def test_coverage_with_150_prompts_of_10_images() -> None:
    # Correlation .2: images as if independent .762, t interval .952, percentile bootstrap .949.
    rng, audits, sizes = np.random.default_rng(23), 400, np.full(150, 10.0)
    covered = np.zeros(3)
    for _ in range(audits):
        totals = rng.binomial(10, rng.beta(2, 2, 150)).astype(float)
        covered += [
            _held(wilson(float(totals.sum()), 1500)),
            _held(cluster_mean(totals, sizes).interval),
            _held(cluster_bootstrap(totals, sizes, rng, kind="percentile").interval),
        ]
    rates = np.array([0.762, 0.952, 0.949])
    assert np.all(np.abs(covered / audits - rates) <= 3 * np.sqrt(2 * rates * (1 - rates) / audits)), covered / audits


def test_the_percentile_bootstrap_is_that_of_scipy() -> None:
    totals = np.random.default_rng(24).gamma(2.0, size=25)
    drawn = stats.bootstrap((totals,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(25))
    found = cluster_bootstrap(totals, np.ones(25), np.random.default_rng(26), kind="percentile")
    assert found.interval is not None
    spread = float(drawn.standard_error)
    assert found.interval == pytest.approx(tuple(drawn.confidence_interval), abs=0.15 * spread)

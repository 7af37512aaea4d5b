"""What tests, adjusted p-values, dependence and agreement must give."""

import math

import numpy as np
import numpy.typing as npt

from audit.doctor.trial import Trial
from audit.stats import agreement, association, fit, gaps, information, intervals, inversion, multiplicity

__all__ = ["TRIALS"]

# Benjamini & Hochberg 1995, section 4: fifteen p-values
BH_1995 = np.array(
    [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0]
)
GAP = float("nan")
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", data of section D: four raters, twelve units
RATINGS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
        [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
    ]
)
KAPPA = np.repeat([[1.0, 1, 0, 0], [1, 0, 1, 0]], [20, 5, 10, 15], axis=1)


def _rejections() -> tuple[int, ...]:
    rules = (multiplicity.benjamini_hochberg, multiplicity.holm, multiplicity.benjamini_yekutieli)
    return tuple(int((rule(BH_1995) <= 0.05).sum()) for rule in rules)


def _at_the_end_of_the_interval() -> float:
    """P-value of a reference that is the low end of the share's own 95 % interval."""
    totals, sizes = np.array([3.0, 7, 5, 9, 4, 6, 8, 2, 5, 7]), np.full(10, 12.0)
    ends = intervals.cluster_share(totals, sizes).interval
    assert ends is not None
    counts = np.stack([totals, sizes - totals], axis=1)
    return fit.cluster_test(counts, np.array([ends[0], 1 - ends[0]])).p_value


def _of_a_t_interval() -> float:
    """P-value of 0 from the t intervals of 1, 2, 3, 4, 5."""

    def interval(confidence: float) -> tuple[float, float]:
        found = intervals.cluster_mean(np.arange(1.0, 6.0), np.ones(5), confidence=confidence).interval
        assert found is not None
        return found

    return inversion.p_value(interval)


def _of_corrected_shares() -> float:
    shares, halves = np.array([0.6, 0.4]), np.array([0.5, 0.5])
    return fit.effective_test(shares, np.full(2, 50.0), halves, df=9).p_value


def _gap_by_chance() -> float:
    """Mean gap of eight groups of 20 prompts with an image each, of which half have the label."""
    groups = np.repeat(np.eye(8), 20, axis=0)
    return gaps.permuted_gap(groups * (np.arange(160) % 2)[:, None], groups, np.random.default_rng(6)).mean


def _g_test() -> tuple[float, float]:
    found = fit.monte_carlo_test([70, 20, 10], np.full(3, 1 / 3), np.random.default_rng(0))
    return found.statistic, found.p_value


def _xor(*, within: bool) -> tuple[float, float]:
    """Two factors that decide together and neither alone: information about one, without and with the other given."""
    totals = np.repeat([[9.0, 1], [1, 9], [1, 9], [9, 1]], 4, axis=0)
    one, other = np.repeat([0, 0, 1, 1], 4), np.repeat([0, 1, 0, 1], 4)
    found = association.factor_dependence(totals, one, np.random.default_rng(0), given=other if within else None)
    return float(found.value[0]), float(found.p_value[0] < 0.01)


def _same_level() -> tuple[float, float]:
    counts = np.tile([[5.0, 0], [0, 5]], (6, 1, 1))
    found = association.dependence(counts, np.zeros(6, dtype=np.int64), np.random.default_rng(0)).cells
    return float(found.value[0]), float(found.p_value[0])


def _independent() -> float:
    """Share of 100 planted tables without dependence that the test calls dependent at .1."""
    rng = np.random.default_rng(4)
    rows, columns = rng.random((2, 400, 12)) < np.array([[[0.5]], [[0.3]]])
    tables = np.zeros((400, 2, 2))
    np.add.at(tables, (np.arange(400)[:, None], rows.astype(int), columns.astype(int)), 1)
    found = association.dependence(tables, np.arange(400) // 4, np.random.default_rng(5), permutations=99)
    return float(np.mean(found.cells.p_value <= 0.1))


def _odds() -> float:
    return association.log_odds_contrast(np.array([[[20.0, 5], [5, 20]], [[15, 10], [10, 15]]])).value


def _alpha(scale: agreement.Scale) -> float:
    given = ~np.isnan(RATINGS)
    ratings: npt.NDArray[np.float64] = np.where(given, RATINGS, 0.0)
    found = agreement.krippendorff_alpha(ratings, np.random.default_rng(0), given=given, scale=scale)
    return GAP if found is None else found.value


def _kappa() -> float:
    found = agreement.cohen_kappa(KAPPA, np.random.default_rng(0))
    return GAP if found is None else found.value


LOG_2 = math.log(2)
P_OF_T_INTERVAL, P_OF_SHARES = 0.01323559956368269, 0.1909471171697239
G = 2 * (70 * math.log(2.1) + 20 * math.log(0.6) + 10 * math.log(0.3))

TRIALS: tuple[Trial, ...] = (
    Trial.equal("multiplicity", "rejections of BH, Holm, BY at .05 (Benjamini & Hochberg 1995)", _rejections, (4, 3, 3)),
    # by hand, as statsmodels 0.15.0 gives them
    Trial.equal(
        "holm", "four p-values", lambda: multiplicity.holm(np.array([0.01, 0.04, 0.03, 0.005])), (0.03, 0.06, 0.06, 0.02)
    ),
    Trial.equal(
        "benjamini_hochberg",
        "four p-values",
        lambda: multiplicity.benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005])),
        (0.02, 0.04, 0.04, 0.02),
    ),
    Trial.equal(
        "benjamini_yekutieli",
        "four p-values",
        lambda: multiplicity.benjamini_yekutieli(np.array([0.01, 0.04, 0.03, 0.005])),
        (1 / 24, 1 / 12, 1 / 12, 1 / 24),
    ),
    Trial.equal("e_bh", "three e-values", lambda: multiplicity.e_bh(np.array([100.0, 30.0, 0.5])), (0.03, 0.05, 1.0)),
    # 18 / 256
    Trial.equal(
        "exact_test", "7 of 8 against halves", lambda: fit.exact_test([7, 1], np.array([0.5, 0.5])).p_value, 9 / 128
    ),
    Trial.equal("monte_carlo_test", "70, 20, 10 against thirds: G and p-value", _g_test, (G, 0.0001)),
    Trial.equal(
        "cluster_test", "p-value where the 95 % interval of cluster_share ends", _at_the_end_of_the_interval, 0.05, 6
    ),
    # t tests: 3 / sqrt(1/2) on 4 and sqrt(2) on 9 degrees of freedom
    Trial.equal("p_value", "of 0 from the t intervals of 1, 2, 3, 4, 5", _of_a_t_interval, P_OF_T_INTERVAL, 8),
    Trial.equal("effective_test", "60 of 100 that count as 50, 10 prompts", _of_corrected_shares, P_OF_SHARES),
    # expected range of eight normal deviates, 2.847, times sqrt(.25 / 20)
    Trial.between("permuted_gap", "eight equal groups of 20 images", _gap_by_chance, 0.302, 0.334),
    Trial.equal(
        "mutual_information",
        "levels that go together",
        lambda: information.mutual_information(np.array([[5.0, 0], [0, 5]])),
        LOG_2,
    ),
    # ln 2 less the entropy of (.9, .1)
    Trial.equal("factor_dependence", "planted XOR, one factor alone shows nothing", lambda: _xor(within=False), (0.0, 0.0)),
    Trial.equal(
        "factor_dependence",
        "planted XOR, both factors: .368 nats, p below .01",
        lambda: _xor(within=True),
        (0.3680642071684971, 1.0),
    ),
    Trial.equal("dependence", "levels that go together: nats and p-value", _same_level, (LOG_2, 0.001)),
    # 10 expected; binomial tail of 1e-4
    Trial.between("dependence", "100 cells without dependence: share called so at .1", _independent, 0.0, 0.22),
    # log of 35.5^2 / 15.5^2
    Trial.equal("log_odds_contrast", "two prompts", _odds, 2 * math.log(35.5 / 15.5)),
    Trial.equal("krippendorff_alpha", "nominal (Krippendorff 2011)", lambda: _alpha("nominal"), 0.743, 3),
    Trial.equal("krippendorff_alpha", "interval (Krippendorff 2011)", lambda: _alpha("interval"), 0.849, 3),
    # (.7 - .5) / (1 - .5)
    Trial.equal("cohen_kappa", "20, 5, 10, 15 of 50", _kappa, 0.4),
)

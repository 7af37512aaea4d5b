"""Dependence between attributes against enumeration, other libraries, and planted skew that the margins hide."""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score
from statsmodels.stats.contingency_tables import Table2x2

from audit.stats.association import dependence, factor_dependence, log_odds_contrast
from audit.stats.information import mutual_information

# Perceived presentation (feminine, masculine) by age: even margins of presentation, as planted in the phantom's teachers
XOR = np.array([[0.36, 0.1, 0.04], [0.04, 0.1, 0.36]])
EVEN = np.outer([0.5, 0.5], [0.4, 0.2, 0.4])
ERRORS = 2 * np.sqrt(0.05 * 0.95)  # two standard errors of a rejection rate of .05, times the root of the audits


def prompts(rng: np.random.Generator, law: np.ndarray, clusters: int, images: int, icc: float) -> np.ndarray:
    """Tables of prompts. An independent law stays independent in each prompt, while its margins differ by prompt."""
    strength = 1 / icc - 1 if icc else 1e9
    if np.allclose(law, np.outer(law.sum(axis=1), law.sum(axis=0))):
        rows, columns = (rng.dirichlet(law.sum(axis=axis) * strength, clusters) for axis in (1, 0))
        laws = rows[:, :, None] * columns[:, None, :]
    else:
        laws = rng.dirichlet(law.ravel() * strength, clusters)
    return rng.multinomial(images, laws.reshape(clusters, -1)).reshape(clusters, *law.shape).astype(float)


def one_cell(counts: np.ndarray) -> np.ndarray:
    return np.zeros(len(counts), dtype=np.int64)


def test_information_is_that_of_scikit_learn() -> None:
    tables = np.random.default_rng(0).integers(0, 9, (50, 3, 4)).astype(float)
    wanted = [mutual_info_score(None, None, contingency=table) for table in tables]
    assert mutual_information(tables) == pytest.approx(wanted, abs=1e-9)
    assert mutual_information(tables * 0) == pytest.approx(0)


def test_the_p_value_is_that_of_all_permutations() -> None:
    # One prompt: permuting its images is Fisher's exact test, here ordered by information
    table = np.array([[7.0, 2], [3, 8]])
    tables = np.array([[[x, 9 - x], [10 - x, 1 + x]] for x in range(10)], dtype=float)
    chances = stats.hypergeom.pmf(range(10), 20, 10, 9)
    informative = mutual_information(tables) >= mutual_information(table) - 1e-9
    found = dependence(table[None], np.zeros(1, dtype=np.int64), np.random.default_rng(0), permutations=20_000)
    assert found.cells.p_value[0] == pytest.approx(chances[informative].sum(), abs=0.006)
    assert found.cells.expected[0] == pytest.approx(chances @ mutual_information(tables), rel=0.03)
    assert found.cells.high[0] == pytest.approx(np.log(2))  # one prompt says nothing of others


@pytest.mark.parametrize(("clusters", "images", "icc"), [(12, 8, 0.2), (10, 10, 0.0), (60, 1, 0.0)])
def test_independent_attributes_are_found_dependent_in_5_percent(clusters: int, images: int, icc: float) -> None:
    rng, audits, found = np.random.default_rng(1), 500, []
    for _ in range(audits):
        counts = prompts(rng, EVEN, clusters, images, icc)
        found.append(dependence(counts, one_cell(counts), rng, permutations=199).cells)
    assert np.mean([one.p_value[0] <= 0.05 for one in found]) <= 0.05 + ERRORS / np.sqrt(audits)
    assert np.mean([one.value[0] - one.expected[0] for one in found]) == pytest.approx(0, abs=0.002)
    assert np.mean([one.low[0] > 0 for one in found]) <= 0.05


def test_images_that_are_alike_within_prompts_do_not_make_attributes_dependent() -> None:
    # Each prompt draws one kind of person only: by image the attributes are wholly dependent, within prompts not at all
    counts = np.zeros((12, 2, 2))
    counts[:6, 0, 0] = counts[6:, 1, 1] = 20
    found = dependence(counts, one_cell(counts), np.random.default_rng(0)).cells
    assert found.value[0] == pytest.approx(np.log(2))
    assert found.p_value[0] == 1
    assert found.expected[0] == pytest.approx(np.log(2))


def test_a_skew_that_the_margins_hide_is_found_in_its_cell() -> None:
    rng, audits, by_cell, overall = np.random.default_rng(2), 40, [], []
    assert XOR.sum(axis=0) == pytest.approx(EVEN.sum(axis=0))
    assert XOR.sum(axis=1) == pytest.approx(EVEN.sum(axis=1))
    for _ in range(audits):  # twelve occupations of ten prompts with ten images; the last one are the teachers
        counts = np.concatenate([prompts(rng, EVEN, 110, 10, 0.1), prompts(rng, XOR, 10, 10, 0.1)])
        found = dependence(counts, np.arange(120) // 10, rng, permutations=199)
        by_cell.append(found.cells.p_value <= 0.05 / 12)
        overall.append(found.overall.p_value[0] <= 0.05)
    # .005 is the smallest of 199 permutations, so teachers are judged apart below
    assert np.mean(overall) > 0.9
    assert np.mean(np.array(by_cell)[:, :11]) <= 0.02
    powered = []
    for _ in range(100):
        counts = prompts(rng, XOR, 10, 10, 0.1)
        powered.append(dependence(counts, one_cell(counts), rng).cells.p_value[0] <= 0.05 / 12)
    assert np.mean(powered) > 0.9


@pytest.mark.parametrize(("clusters", "images", "icc"), [(12, 20, 0.1), (20, 10, 0.0)])
def test_intervals_of_information_cover(clusters: int, images: int, icc: float) -> None:
    rng, audits = np.random.default_rng(3), 200
    for law in (EVEN, 0.7 * EVEN + 0.3 * XOR, XOR):
        truth, covered = float(mutual_information(law)), 0
        for _ in range(audits):
            counts = prompts(rng, law, clusters, images, icc)
            found = dependence(counts, one_cell(counts), rng, permutations=99).cells
            covered += found.low[0] <= truth <= found.high[0]
        assert covered / audits > 0.95 - 3 * np.sqrt(0.05 * 0.95 / audits)


def test_the_overall_information_is_the_mean_of_the_cells_by_images() -> None:
    rng = np.random.default_rng(4)
    counts = prompts(rng, XOR, 30, 10, 0.1)
    counts[:10] *= 2
    found = dependence(counts, np.arange(30) // 10, rng)
    assert found.overall.value[0] == pytest.approx(np.average(found.cells.value, weights=[200, 100, 100]))
    assert found.overall.high[0] - found.overall.low[0] < np.min(found.cells.high - found.cells.low)


def test_cells_in_any_order_and_clusters_without_images_change_nothing() -> None:
    counts, cell = prompts(np.random.default_rng(5), XOR, 30, 10, 0.1), np.arange(30) // 10
    place = np.random.default_rng(6).permutation(30)
    one = dependence(counts, cell, np.random.default_rng(0)).cells
    other = dependence(
        np.concatenate([counts[place], np.zeros((1, 2, 3))]), np.append(cell[place], 0), np.random.default_rng(0)
    ).cells
    assert one.value == pytest.approx(other.value)
    assert one.high == pytest.approx(other.high, rel=0.05)


def test_thousands_of_cells_take_seconds_and_keep_the_error_rate() -> None:
    rng = np.random.default_rng(7)
    counts = prompts(rng, EVEN, 15_000, 10, 0.1)
    counts[:500] = prompts(rng, XOR, 500, 10, 0.1)
    started = time.process_time()
    found = dependence(counts, np.arange(15_000) // 5, rng).cells
    assert time.process_time() - started < 15
    assert np.mean(found.p_value[:100] <= 0.05) > 0.9
    assert np.mean(found.p_value[100:] <= 0.05) <= 0.05 + ERRORS / np.sqrt(2900)
    assert np.min(found.p_value) == pytest.approx(0.001)


def crossed(rng: np.random.Generator, apart: float, each: int, icc: float = 0.1):
    """Counts of 20 images by prompt, and two factors in whose four combinations the share is .5 -+ apart."""
    first, second = np.repeat([0, 0, 1, 1], each), np.repeat([0, 1, 0, 1], each)
    share = 0.5 + apart * np.where(first == second, 1, -1)
    strength = 1 / icc - 1
    hits = rng.binomial(20, rng.beta(share * strength, (1 - share) * strength)).astype(float)
    return np.stack([hits, 20 - hits], axis=1), first, second


def test_a_factor_that_matters_in_company_only_is_found_given_the_other() -> None:
    rng, found = np.random.default_rng(8), []
    for _ in range(40):
        totals, first, second = crossed(rng, 0.25, 6)
        alone, together = (factor_dependence(totals, first, rng, given=given) for given in (None, second))
        contrast = log_odds_contrast(by_factors(totals, first, second), strata=2 * first + second)
        assert contrast.interval is not None
        found.append((alone.p_value[0] <= 0.05, together.p_value[0] <= 0.05, contrast.interval[0] > 0))
    hidden, seen, interaction = np.mean(found, axis=0)
    assert hidden < 0.1
    assert seen > 0.9
    assert interaction > 0.9


def by_factors(totals: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    counts = np.zeros((len(totals), 2, 2, 2))
    counts[np.arange(len(totals)), :, first, second] = totals
    return counts


def test_prompts_that_differ_by_themselves_are_no_effect_of_a_factor() -> None:
    rng, audits, found = np.random.default_rng(9), 300, []
    for _ in range(audits):
        totals, first, second = crossed(rng, 0.0, 4, icc=0.3)
        one = factor_dependence(totals, first, rng, given=second)
        found.append((one.p_value[0] <= 0.05, one.low[0] > 0, one.value[0] - one.expected[0]))
    rejected, beyond, excess = np.mean(found, axis=0)
    assert rejected <= 0.05 + ERRORS / np.sqrt(audits)
    assert beyond <= 0.05
    assert excess == pytest.approx(0, abs=0.004)


def test_the_log_odds_ratio_of_independent_images_is_that_of_statsmodels() -> None:
    table = np.array([[200.0, 80], [120, 160]])
    images = np.repeat(np.eye(4), table.ravel().astype(int), axis=0).reshape(-1, 2, 2)
    found = log_odds_contrast(images)
    other = Table2x2(table + 0.5)
    assert found.value == pytest.approx(other.log_oddsratio, abs=1e-9)
    assert found.interval == pytest.approx(other.log_oddsratio_confint(), abs=0.002)


def test_the_interaction_is_the_difference_of_two_log_odds_ratios() -> None:
    counts = np.random.default_rng(10).integers(1, 30, (40, 2, 2, 2)).astype(float)
    found = log_odds_contrast(counts)
    assert found.value == pytest.approx(log_odds_contrast(counts[..., 0]).value - log_odds_contrast(counts[..., 1]).value)


def test_clusters_widen_the_log_odds_ratio_and_one_alone_gives_no_interval() -> None:
    rng = np.random.default_rng(11)
    counts = prompts(rng, np.array([[0.4, 0.2], [0.15, 0.25]]), 20, 20, 0.2)
    doubled = log_odds_contrast(counts * 4)
    plain = log_odds_contrast(np.repeat(counts, 4, axis=0))
    assert doubled.interval is not None
    assert plain.interval is not None
    assert np.ptp(doubled.interval) > 1.9 * np.ptp(plain.interval)
    assert log_odds_contrast(counts[:1]).interval is None
    assert log_odds_contrast(counts, strata=np.arange(20) // 19).interval is None


def test_intervals_of_the_log_odds_ratio_cover() -> None:
    rng, law, audits = np.random.default_rng(12), np.array([[0.4, 0.2], [0.15, 0.25]]), 300
    covered = 0
    for _ in range(audits):
        interval = log_odds_contrast(prompts(rng, law, 20, 10, 0.1)).interval
        assert interval is not None
        covered += interval[0] <= np.log(0.4 * 0.25 / 0.2 / 0.15) <= interval[1]
    assert covered / audits > 0.95 - 3 * 0.0126


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda rng: dependence(np.ones((3, 2)), np.zeros(3, dtype=int), rng), "agree"),
        (lambda rng: dependence(np.full((3, 2, 2), 0.5), np.zeros(3, dtype=int), rng), "whole"),
        (lambda rng: dependence(np.ones((3, 2, 2)), np.array([0, 2, 2]), rng), r"cells \[1\]"),
        (lambda rng: dependence(np.zeros((0, 2, 2)), np.zeros(0, dtype=int), rng), "no image"),
        (lambda rng: factor_dependence(np.ones((3, 2)), np.zeros(2, dtype=int), rng), "agree"),
        (lambda rng: factor_dependence(np.zeros((3, 2)), np.zeros(3, dtype=int), rng), "no images"),
        (lambda rng: log_odds_contrast(np.ones((3, 2, 3))), "two axes"),
        (lambda rng: log_odds_contrast(np.zeros((3, 2, 2))), "no images"),
    ],
)
def test_bad_input_is_named(call, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call(np.random.default_rng(0))

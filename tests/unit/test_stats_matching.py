"""Rates, thresholds and tests of face matching: closed forms, resampled people, and planted worlds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit.stats.intervals import wilson
from audit.stats.matching import (
    all_pairs_rate,
    comparisons_needed,
    crossed_rate,
    false_match_rate,
    false_non_match_rate,
    identities_needed,
    per_comparison_rate,
    probe_rate,
    search_rate,
)
from audit.stats.matching_chance import (
    fewest_standouts,
    fewest_swaps,
    impostors_needed,
    rank_p_values,
    swapped_difference,
)
from audit.stats.matching_threshold import Impostors, threshold_at
from audit.stats.multiplicity import benjamini_hochberg

SIMILARITIES = st.lists(st.sampled_from([-1.0, -0.2, 0.0, 0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


def faces(n: int, rng: np.random.Generator, shift: float = 0.0, width: int = 32) -> np.ndarray:
    """Unit vectors; those of a group with a shift are more alike."""
    drawn = rng.standard_normal((n, width))
    drawn[:, 0] += shift * math.sqrt(width)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


# -------------------------------------------------------------------------------------------------------- rates


@given(SIMILARITIES, st.floats(-1, 1), st.floats(-1, 1))
def test_false_match_rate_never_rises_with_the_threshold(values: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert false_match_rate(values, low) >= false_match_rate(values, high)
    assert false_match_rate(values, low) + false_non_match_rate(values, low) == pytest.approx(1)


def test_a_similarity_at_the_threshold_is_a_match() -> None:
    assert false_match_rate([0.4, 0.4, 0.1], 0.4) == pytest.approx(2 / 3)
    assert false_non_match_rate([0.4, 0.4, 0.1], 0.4) == pytest.approx(1 / 3)
    assert false_match_rate([0.4], np.nextafter(0.4, 1)) == 0
    with pytest.raises(ValueError, match="no comparisons"):
        false_match_rate([], 0.5)


@pytest.mark.parametrize(("rate", "comparisons", "people"), [(1e-3, 3e3, 78), (1e-4, 3e4, 246), (1e-6, 3e6, 2450)])
def test_the_rule_of_three(rate: float, comparisons: float, people: int) -> None:
    """The numbers of comparisons and identities that are needed without an error, as tabulated."""
    needed = comparisons_needed(rate)
    assert needed == pytest.approx(comparisons, rel=0.002)
    assert (1 - rate) ** needed <= 0.05 < (1 - rate) ** (needed - 1)
    assert identities_needed(int(comparisons)) == people
    assert people * (people - 1) / 2 >= comparisons > (people - 1) * (people - 2) / 2


def test_searches_and_families() -> None:
    assert search_rate(1e-4, 1000) == pytest.approx(1 - (1 - 1e-4) ** 1000)
    assert search_rate(1e-6, 10_000) == pytest.approx(0.01, rel=0.01)
    assert search_rate(0.3, 1) == pytest.approx(0.3)
    assert search_rate(1.0, 5) == 1
    for images, people in ((1, 1), (100, 7)):
        rate = per_comparison_rate(0.05, images * people)
        assert images * people * rate == pytest.approx(0.05)
        sidak = 1 - (1 - 0.05) ** (1 / (images * people))
        assert rate <= sidak * (1 + 1e-12) <= rate * 1.03
    for family, comparisons in ((0.0, 5), (0.05, 0)):
        with pytest.raises(ValueError, match="family must lie"):
            per_comparison_rate(family, comparisons)


# ---------------------------------------------------------------------------------------------------- intervals


def _matches(people: int, rng: np.random.Generator, threshold: float) -> np.ndarray:
    """Matches of a set in which a part is more alike."""
    drawn = np.where(rng.random((people, 1)) < 0.3, faces(people, rng, 0.6), faces(people, rng))
    alike = drawn @ drawn.T >= threshold
    return np.asarray(alike | alike.T)


def test_variance_of_all_pairs_is_that_of_resampled_people() -> None:
    """The second implementation: draw people with replacement, leaving out a person beside himself or herself."""
    rng = np.random.default_rng(3)
    matches = _matches(200, rng, 0.3)
    found = all_pairs_rate(matches)
    rates = []
    for _ in range(1500):
        drawn = rng.integers(0, 200, 200)
        different = drawn[:, None] != drawn[None, :]
        rates.append(matches[np.ix_(drawn, drawn)][different].mean())
    assert found.effective_n is not None
    deviation = math.sqrt(found.value * (1 - found.value) / found.effective_n)
    assert 0.95 < deviation / float(np.std(rates)) < 1.3  # what is assumed while matches are few makes it no smaller
    naive = math.sqrt(found.value * (1 - found.value) / (200 * 199 / 2))
    assert deviation > 2 * naive


@pytest.mark.parametrize("people", [100, 300])
def test_intervals_of_all_pairs_cover_where_those_of_independent_pairs_do_not(people: int) -> None:
    rng = np.random.default_rng(people)
    threshold, worlds = 0.5, 200
    truth = np.mean([_fresh(rng, threshold) for _ in range(40)])
    covered = np.zeros(2)
    for _ in range(worlds):
        found = all_pairs_rate(_matches(people, rng, threshold))
        pairs = people * (people - 1) / 2
        naive = wilson(found.value * pairs, pairs)
        assert found.interval is not None
        covered += [low <= truth <= high for low, high in (naive, found.interval)]
    assert covered[0] / worlds < 0.8
    assert covered[1] / worlds >= 0.93


def _fresh(rng: np.random.Generator, threshold: float) -> float:
    """The rate of pairs of strangers."""
    one, other = (np.where(rng.random((20_000, 1)) < 0.3, faces(20_000, rng, 0.6), faces(20_000, rng)) for _ in range(2))
    return float(((one * other).sum(axis=1) >= threshold).mean())


def test_crossed_rates_cover_where_images_and_people_are_both_new() -> None:
    rng = np.random.default_rng(5)
    threshold, worlds, covered = 0.4, 200, 0
    truth = np.mean([_fresh(rng, threshold) for _ in range(40)])
    for _ in range(worlds):
        one, other = (np.where(rng.random((n, 1)) < 0.3, faces(n, rng, 0.6), faces(n, rng)) for n in (150, 60))
        found = crossed_rate((one @ other.T >= threshold).astype(float), np.ones((150, 60)))
        assert found.interval is not None
        covered += found.interval[0] <= truth <= found.interval[1]
    assert covered / worlds >= 0.93


def test_crossed_rates_of_one_column_are_those_of_its_rows() -> None:
    hits = (np.arange(80) % 4 == 0).astype(float)[:, None]
    found = crossed_rate(hits, np.ones((80, 1)))
    low, high = wilson(20, 80, quantile=float(stats.t.ppf(0.975, 79)))
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(low, rel=0.02)
    assert found.interval[1] == pytest.approx(high, rel=0.02)
    turned = crossed_rate(hits.T, np.ones((1, 80)))
    assert turned.interval == pytest.approx(found.interval)


def test_no_match_at_all_is_no_certainty() -> None:
    """The upper end lies between that of independent comparisons and that of as many as there are people or prompts."""
    pairs = all_pairs_rate(np.zeros((100, 100), dtype=bool)).interval
    crossed = crossed_rate(np.zeros((100, 50)), np.ones((100, 50))).interval
    probes = probe_rate(np.zeros((100, 50)), np.ones((100, 50)), images=1).interval
    for found, comparisons, units in ((pairs, 4950, 50), (crossed, 5000, 50), (probes, 5000, 100)):
        assert found is not None
        assert found[0] == 0
        assert comparisons_needed(found[1]) <= comparisons
        assert found[1] > 3.6 / comparisons
        assert found[1] < 4.2 / units


def test_images_of_a_prompt_are_not_taken_for_independent() -> None:
    alone = probe_rate(np.zeros((100, 5)), np.ones((100, 5)), images=1).interval
    together = probe_rate(np.zeros((25, 5)), np.full((25, 5), 4.0), images=4).interval
    assert alone is not None
    assert together is not None
    assert together[1] > 1.2 * alone[1]


@pytest.mark.parametrize("people", [2, 3])
def test_few_people(people: int) -> None:
    for value in (False, True):
        found = all_pairs_rate(np.full((people, people), value))
        assert found.value == float(value)
        assert (found.interval is None) == (people == 2)
        if found.interval is not None:
            assert np.isfinite(found.interval).all()
    assert crossed_rate(np.ones((1, 1)), np.ones((1, 1))).interval is None


def test_malformed_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 people"):
        all_pairs_rate(np.zeros((1, 1), dtype=bool))
    with pytest.raises(ValueError, match="symmetric"):
        all_pairs_rate(np.triu(np.ones((4, 4), dtype=bool)))
    with pytest.raises(ValueError, match="shape"):
        crossed_rate(np.zeros(4), np.zeros(4))
    with pytest.raises(ValueError, match="no comparisons"):
        probe_rate(np.zeros((2, 2)), np.zeros((2, 2)), images=1)


# ---------------------------------------------------------------------------------------------------- threshold


def _impostors(similarity: np.ndarray) -> Impostors:
    return Impostors(similarity, np.arange(len(similarity)))


def test_the_threshold_is_the_lowest_that_is_shown() -> None:
    rng = np.random.default_rng(0)
    impostors = _impostors(rng.uniform(-0.5, 0.5, (400, 5)))
    found = threshold_at({"all": impostors}, 0.02)
    assert found.value is not None
    shown = impostors.rate(found.value).interval
    assert shown is not None
    assert shown[1] <= 0.02
    below = np.sort(impostors.similarity[impostors.similarity < found.value])[-8:]  # counts are tried in small steps
    assert impostors.rate(float(below[0])).interval[1] > 0.02  # type: ignore[index]


def test_all_that_is_tied_at_the_threshold_is_a_match_or_none_is() -> None:
    values = np.repeat([0.9, 0.5, 0.1], [1, 60, 939]).reshape(200, 5)
    impostors = _impostors(values[np.random.default_rng(0).permutation(200)])
    found = threshold_at({"all": impostors}, 0.02)
    assert found.value == pytest.approx(0.5)
    assert impostors.rate(found.value).value == pytest.approx(1 / 1000)
    everything = threshold_at({"all": _impostors(np.full((300, 4), 0.3))}, 0.05)
    assert everything.value is not None
    assert 0.3 < everything.value < 0.3 + 1e-8


def test_the_worst_group_decides() -> None:
    rng = np.random.default_rng(1)
    gallery = faces(10, rng, 0.5)
    groups = {"plain": _impostors(faces(400, rng) @ gallery.T), "alike": _impostors(faces(400, rng, 0.5) @ gallery.T)}
    both = threshold_at(groups, 0.01)
    alone = {name: threshold_at({name: group}, 0.01).value for name, group in groups.items()}
    assert both.group == "alike"
    assert both.value == alone["alike"] == max(v for v in alone.values() if v is not None)
    assert alone["plain"] != alone["alike"]


def test_too_few_impostors_are_told_what_they_lack() -> None:
    rng = np.random.default_rng(2)
    few = _impostors(rng.uniform(-1, 0, (50, 4)))
    found = threshold_at({"many": _impostors(rng.uniform(-1, 0, (4000, 4))), "few": few}, 1e-3)
    assert found.value is None
    assert found.group == "few"
    assert found.shown is not None
    assert found.shown > 1e-3
    assert found.needed_units is not None
    assert found.needed_units * 4 >= comparisons_needed(1e-3)
    enough = _impostors(rng.uniform(-1, 0, (found.needed_units + 20, 4)))
    assert threshold_at({"few": enough}, 1e-3).value is not None


@pytest.mark.parametrize("people", [1, 6])
def test_one_impostor_shows_nothing(people: int) -> None:
    found = threshold_at({"": _impostors(np.full((1, people), 0.2))}, 0.01)
    assert found.value is None
    assert found.needed_units is not None
    assert found.needed_units > 1


def test_malformed_impostors_are_refused() -> None:
    with pytest.raises(ValueError, match="similarity"):
        Impostors(np.zeros((0, 4)), np.zeros(0, dtype=np.int64))
    with pytest.raises(ValueError, match="target"):
        threshold_at({"": _impostors(np.zeros((5, 2)))}, 1.0)
    with pytest.raises(ValueError, match="groups"):
        threshold_at({}, 0.1)


@pytest.mark.parametrize("images", [1, 3])
def test_no_group_exceeds_the_target_on_fresh_impostors(images: int) -> None:
    """With confidence 97.5 %, so in at most 2.5 % of worlds, plus what 120 worlds leave to chance (2 standard errors)."""
    target, worlds, exceeded = 0.02, 120, 0

    def drawn(prompts: int, shift: float, rng: np.random.Generator) -> np.ndarray:
        alike = np.repeat(faces(prompts, rng, shift), images, axis=0)
        moved = alike + (0.8 * faces(prompts * images, rng) if images > 1 else 0)
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))

    for world in range(worlds):
        rng = np.random.default_rng([7, world])
        gallery = np.concatenate([faces(5, rng), faces(5, rng, 0.5)])
        unit = np.repeat(np.arange(120), images)
        groups = {name: Impostors(drawn(120, shift, rng) @ gallery.T, unit) for name, shift in (("a", 0.0), ("b", 0.5))}
        found = threshold_at(groups, target)
        assert found.value is not None
        fresh = max(false_match_rate(drawn(3000, shift, rng) @ gallery.T, found.value) for shift in (0.0, 0.5))
        exceeded += fresh > target
    assert exceeded / worlds <= 0.025 + 2 * math.sqrt(0.025 * 0.975 / worlds)


# -------------------------------------------------------------------------------------------------------- tests


def test_ranks_are_those_of_a_count() -> None:
    rng = np.random.default_rng(4)
    best, impostors = rng.normal(size=30).round(1), rng.normal(size=57).round(1)
    found = rank_p_values(best, impostors, np.arange(57))
    assert found == pytest.approx([(1 + (impostors >= b).sum()) / 58 for b in best])
    prompts = np.repeat(np.arange(19), 3)
    means = [(1 + (impostors.reshape(19, 3) >= b).mean(axis=1).sum()) / 20 for b in best]
    assert rank_p_values(best, impostors, prompts) == pytest.approx(means)


@settings(deadline=None)
@given(SIMILARITIES, SIMILARITIES)
def test_ranks_are_p_values(best: list[float], impostors: list[float]) -> None:
    found = rank_p_values(np.array(best), np.array(impostors), np.arange(len(impostors)))
    assert np.all((found >= 1 / (1 + len(impostors)) - 1e-12) & (found <= 1))
    order = np.argsort(best)
    assert np.all(np.diff(found[order]) <= 1e-12)


def test_one_impostor_gives_ranks() -> None:
    assert rank_p_values(np.array([0.9, 0.1]), np.array([0.5]), np.array([0])) == pytest.approx([0.5, 1.0])
    with pytest.raises(ValueError, match="needs impostors"):
        rank_p_values(np.array([0.9]), np.zeros(0), np.zeros(0, dtype=np.int64))


def test_ranks_hold_their_level_where_images_of_a_prompt_are_copies() -> None:
    """A new prompt among prompts whose images are all the same: counted one by one, p would be too small too often."""
    rng, below = np.random.default_rng(6), 0
    prompts = np.repeat(np.arange(39), 5)
    for _ in range(1000):
        drawn = rng.normal(size=40)
        below += rank_p_values(drawn[:1], np.repeat(drawn[1:], 5), prompts)[0] <= 0.05
    assert below / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)
    assert below > 0


def test_swaps_are_counted() -> None:
    named = np.array([True, True, False, False, False, True, False])
    block = np.array([0, 0, 0, 0, 0, 1, 1])
    assert fewest_swaps(named, block) == math.comb(5, 2) * math.comb(2, 1)
    assert fewest_swaps(np.arange(4000) % 2 == 0, np.arange(4000) // 2) > 1e300


@pytest.mark.parametrize(("n", "off"), [(9, 1e-9), (17, 0.02)])
def test_a_swapped_difference_is_that_of_all_permutations(n: int, off: float) -> None:
    """scipy, which lists them all; so is done here where they are few."""
    rng = np.random.default_rng(8)
    values, named = rng.normal(size=n).round(2), np.arange(n) < n // 3
    found, p = swapped_difference(values, named, np.zeros(n, dtype=np.int64), rng)
    exact = stats.permutation_test(
        (values[named], values[~named]), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=np.inf
    )
    assert found == pytest.approx(exact.statistic)
    assert p == pytest.approx(exact.pvalue, abs=off)


def test_swaps_within_blocks_leave_out_what_blocks_share() -> None:
    """Seeds that matter much hide nothing; a shift of a tenth of their spread is seen."""
    rng = np.random.default_rng(9)
    block = np.repeat(np.arange(60), 3)
    named = np.tile([True, False, False], 60)
    values = 10 * rng.normal(size=60)[block] + rng.normal(size=180) + named
    found, p = swapped_difference(values, named, block, rng)
    per_block = [values[3 * b] - values[3 * b + 1 : 3 * b + 3].mean() for b in range(60)]
    assert found == pytest.approx(np.mean(per_block))
    assert p < 0.001
    assert swapped_difference(values, named, np.zeros(180, dtype=np.int64), rng)[1] > 0.05


def test_blocks_of_unequal_size_count_by_their_named_values() -> None:
    values, named = np.array([4.0, 2.0, 1.0, 9.0, 5.0]), np.array([True, True, False, True, False])
    found, _ = swapped_difference(values, named, np.array([0, 0, 0, 1, 1]), np.random.default_rng(0))
    assert found == pytest.approx((2 * (3 - 1) + 1 * (9 - 5)) / 3)
    with pytest.raises(ValueError, match="every block"):
        swapped_difference(values, named, np.array([0, 0, 1, 2, 2]), np.random.default_rng(0))


def test_equal_values_are_no_evidence() -> None:
    named = np.arange(20) < 10
    assert swapped_difference(np.full(20, 0.1), named, np.zeros(20, dtype=np.int64), np.random.default_rng(0))[1] == 1


@pytest.mark.parametrize("level", [0.05, 0.1, 0.01])
@pytest.mark.parametrize("images", [1, 7, 40])
def test_how_many_have_to_stand_out_is_what_the_adjustment_lets_through(images: int, level: float) -> None:
    """By trying: so many images above all impostors, the others below all of them."""
    for units in (1, 18, 19, 40, 99, 140, impostors_needed(images, level) - 1, impostors_needed(images, level)):
        if units < 1:
            continue
        impostors, unit = np.linspace(0.1, 0.2, units), np.arange(units)
        passing = [
            number
            for number in range(1, images + 1)
            if (
                benjamini_hochberg(rank_p_values(np.where(np.arange(images) < number, 0.9, 0.0), impostors, unit)) <= level
            ).any()
        ]
        least = fewest_standouts(images, units, level)
        assert least == passing[0] if passing else least > images
        assert (least == 1) == (units >= impostors_needed(images, level))

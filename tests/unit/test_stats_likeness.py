"""Consistency of names: closed forms, a jackknife by leaving out, permutations by brute force, level and power."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from audit.stats.likeness import alikeness, beyond_names, consistency, stands_out, swapped_consistency


def unit(rng: np.random.Generator, n: int, centre: float = 0.0, width: int = 8) -> np.ndarray:
    """Unit vectors, drawn towards one direction."""
    drawn = rng.standard_normal((n, width))
    drawn[:, 0] += centre
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def mean_pair(alike: np.ndarray) -> float:
    n = len(alike)
    return float(np.mean([alike[i, j] for i in range(n) for j in range(n) if i != j]))


def two_arms(named: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    both = np.concatenate([named, other])
    first = np.arange(len(both)) < len(named)
    return both @ both.T, first, np.concatenate([np.arange(len(named)), np.arange(len(other))])


# ------------------------------------------------------------------------------------------------- estimates


def test_alikeness_is_cosine_or_minus_distance() -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 7))
    cosine, distance = alikeness(vectors, "cosine"), alikeness(vectors, "euclidean")
    for i, j in product(range(5), repeat=2):
        one, other = vectors[i], vectors[j]
        assert cosine[i, j] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        assert distance[i, j] == pytest.approx(-np.linalg.norm(one - other), abs=1e-6)


def test_consistency_and_its_jackknife_are_those_of_leaving_out() -> None:
    rng = np.random.default_rng(1)
    alike = alikeness(unit(rng, 9, 1.0), "cosine")
    found = consistency(alike)
    assert found.value == pytest.approx(mean_pair(alike))
    left = [np.delete(np.delete(alike, i, 0), i, 1) for i in range(9)]
    pseudo = [9 * mean_pair(alike) - 8 * mean_pair(rest) for rest in left]
    assert found.value + found.moved == pytest.approx(pseudo)
    assert consistency(alike[:2, :2]).moved == pytest.approx([0, 0])
    with pytest.raises(ValueError, match="two images"):
        consistency(alike[:1, :1])


def test_intervals_from_the_jackknife_contain_the_truth() -> None:
    """Truth from 200,000 pairs of strangers; 1,000 samples of 30."""
    rng = np.random.default_rng(2)
    for centre in (1.0, 3.0):
        truth = float((unit(rng, 200_000, centre) * unit(rng, 200_000, centre)).sum(axis=1).mean())
        covered = 0
        for _ in range(1_000):
            found = consistency(alikeness(unit(rng, 30, centre), "cosine"))
            half = stats.t.ppf(0.975, 29) * found.moved.std(ddof=1) / np.sqrt(30)
            covered += abs(found.value - truth) <= half
        assert 0.92 <= covered / 1_000 <= 0.98


# ------------------------------------------------------------------------------------------------ the swap test


def studentised(alike: np.ndarray, first: np.ndarray, seed: np.ndarray) -> float:
    """The statistic again, by leaving out each image."""
    moved, means = dict.fromkeys(seed, 0.0), []
    for side, sign in ((first, 1), (~first, -1)):
        rows = np.flatnonzero(side)
        own = alike[np.ix_(rows, rows)]
        n, mean = len(rows), mean_pair(own)
        means.append(sign * mean)
        for place, row in enumerate(rows):
            rest = np.delete(np.delete(own, place, 0), place, 1)
            moved[seed[row]] += sign * (n * mean - (n - 1) * mean_pair(rest) - mean) / n
    shifts = np.array(list(moved.values()))
    return sum(means) / np.sqrt((shifts**2).sum() * len(shifts) / (len(shifts) - 1))


@pytest.mark.parametrize("missing", [(), (3, 9)])
def test_all_swaps_of_a_small_case_are_those_of_brute_force(missing: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    alike, first, seed = two_arms(unit(rng, 6, 1.5), unit(rng, 6, 0.5))
    kept = np.setdiff1d(np.arange(12), missing)
    alike, first, seed = alike[np.ix_(kept, kept)], first[kept], seed[kept]
    found, large, ways = studentised(alike, first, seed), 0, 0
    for flips in product((False, True), repeat=6):
        other = first ^ np.array(flips)[seed]
        enough = min(other.sum(), (~other).sum()) >= 3
        large += (studentised(alike, other, seed) if enough else 0.0) >= found - 1e-9
        ways += 1
    assert swapped_consistency(alike, first, seed, rng) == pytest.approx(large / ways)
    shuffled = rng.permutation(len(kept))
    again = swapped_consistency(alike[np.ix_(shuffled, shuffled)], first[shuffled], 10 * seed[shuffled], rng)
    assert again == pytest.approx(large / ways)


def test_drawn_swaps_come_near_to_all_swaps() -> None:
    rng = np.random.default_rng(4)
    alike, first, seed = two_arms(unit(rng, 12, 1.2), unit(rng, 12, 0.8))
    listed = swapped_consistency(alike, first, seed, rng)
    assert swapped_consistency(alike, first, seed, rng, swaps=4_000) == pytest.approx(listed, abs=0.03)
    assert 0 < listed < 1


def p_values(runs: int, seed: int, named: float, other: float, turn: bool = False) -> np.ndarray:
    rng, found = np.random.default_rng(seed), []
    for _ in range(runs):
        common = rng.standard_normal((24, 8))  # what a seed does to both arms
        arms = []
        for centre, axis in ((named, 0), (other, 1 if turn else 0)):
            drawn = common + rng.standard_normal((24, 8))
            drawn[:, axis] += centre
            arms.append(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
        found.append(swapped_consistency(*two_arms(*arms), rng, swaps=199))
    return np.array(found)


def test_level_on_noise_and_power_on_a_planted_face() -> None:
    """1,000 runs: arms of nobody, at most 5 % and a bit; a common face is found nearly always."""
    noise = p_values(1_000, 5, 0.0, 0.0)
    assert (noise <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)
    assert (noise <= 0.5).mean() == pytest.approx(0.5, abs=0.05)
    assert (p_values(200, 6, 3.0, 0.5) <= 0.05).mean() > 0.95


def test_two_names_that_draw_different_faces_equally_consistently_are_no_finding() -> None:
    found = p_values(1_000, 7, 1.5, 1.5, turn=True)
    assert (found <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)
    assert (found <= 0.05).mean() >= 0.01


def test_what_cannot_be_told_has_a_p_value_of_one() -> None:
    rng = np.random.default_rng(8)
    alike, first, seed = two_arms(unit(rng, 2), unit(rng, 9))
    assert swapped_consistency(alike, first, seed, rng) == 1.0
    same = np.ones((12, 12))
    assert swapped_consistency(same, np.arange(12) < 6, np.tile(np.arange(6), 2), rng) == 1.0
    with pytest.raises(ValueError, match="at most one image of each seed"):
        swapped_consistency(np.eye(4), np.array([True, True, False, False]), np.array([0, 0, 1, 2]), rng)


def test_perfect_consistency_is_as_unlikely_as_swaps_allow() -> None:
    rng = np.random.default_rng(9)
    named = np.tile([1.0, 0, 0, 0, 0, 0, 0, 0], (6, 1))
    assert swapped_consistency(*two_arms(named, unit(rng, 6)), rng) == pytest.approx(1 / 64)


# ------------------------------------------------------------------------------------------- beside other names


def test_one_name_beside_others_is_a_t_test_of_one_case() -> None:
    """Crawford & Howell: the t test of two samples, one of them of size 1, whose spread is that of the others."""
    others = [0.31, 0.28, 0.36, 0.33]
    t = (0.5 - np.mean(others)) / (np.std(others, ddof=1) * np.sqrt(1 + 1 / 4))
    assert stands_out(0.5, others) == pytest.approx(stats.t.sf(t, 3))
    rng = np.random.default_rng(10)
    draws = rng.standard_normal((4_000, 5))
    level = np.mean([stands_out(row[0], row[1:].tolist()) <= 0.05 for row in draws])
    assert level == pytest.approx(0.05, abs=0.012)
    assert (stands_out(0.4, [0.3, 0.3]), stands_out(0.3, [0.3, 0.3])) == (0.0, 1.0)
    ranked = [stands_out(row[0], row.tolist()[1:]) for row in rng.standard_exponential((2_000, 20)) ** 3]
    assert np.mean(np.array(ranked) <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert stands_out(1.5, [1.0] * 10 + [2.0] * 9) == pytest.approx(0.5)
    assert stands_out(9.0, [1.0, 2.0] * 9 + [1.0], level=0.04) == pytest.approx(
        stats.t.sf((9 - 28 / 19) / (np.std([1.0, 2.0] * 9 + [1.0], ddof=1) * np.sqrt(20 / 19)), 18)
    )
    with pytest.raises(ValueError, match="two other names"):
        stands_out(0.4, [0.3])


def test_the_largest_p_value_of_all_hypotheses_counts() -> None:
    rng = np.random.default_rng(11)
    arms = [unit(rng, 7, centre) for centre in (2.5, 0.4, 1.0, 0.2)]
    every = np.concatenate(arms)
    arm, seed = np.repeat(np.arange(4), 7), np.tile(np.arange(7), 4)
    swapped = [swapped_consistency(*two_arms(arms[0], other), rng) for other in arms[1:]]
    mean, *means = (mean_pair(each @ each.T) for each in arms)
    expected = max(*swapped, stands_out(mean, means))
    assert beyond_names(every @ every.T, arm, seed, rng) == pytest.approx(expected)
    alone = beyond_names(every[:14] @ every[:14].T, arm[:14], seed[:14], rng)
    assert alone == pytest.approx(swapped[0])
    with pytest.raises(ValueError, match="another name"):
        beyond_names(np.eye(7), np.zeros(7, dtype=np.int64), seed[:7], rng)

"""Statistics of copies: tests that hold their rate, tails that are calibrated, levels that are met as often as they say."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from audit.stats.copies import ChanceTail, Sides, chance_level, distance_ratio, relabelling_p, savage_scores

WIDTH = 8


def near(images: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity to the nearest reference, and which it is."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, references)]
    cosine = unit[0] @ unit[1].T
    return cosine.max(axis=1), cosine.argmax(axis=1)


def sides(images: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Sides:
    one, other = near(images, training), near(images, held_out)
    return Sides(one[0], other[0], one[1], other[1], len(training))


def world(seed: int, images: int = 80, references: int = 60, copied: int = 0, modes: int = 0) -> Sides:
    """Vectors without copies but for those planted; with ``modes`` all images crowd around a few points (prompts)."""
    rng = np.random.default_rng(seed)
    training, held_out = rng.standard_normal((2, references, WIDTH))
    own = rng.standard_normal((images, WIDTH))
    if modes:
        own = rng.standard_normal((modes, WIDTH))[np.arange(images) % modes] + 0.2 * own
    own[:copied] = training[:copied] + 0.05 * rng.standard_normal((copied, WIDTH))
    return sides(own, training, held_out)


def test_the_p_value_is_the_share_of_all_labellings() -> None:
    found = world(3, images=12, references=4)
    labels = [np.isin(np.arange(8), chosen) for chosen in combinations(range(8), 4)]
    place = np.where(found.closer == 1, found.training_row, 4 + found.held_out_row)
    observed = (place < 4).sum()
    exact = np.mean([label[place].sum() >= observed for label in labels])
    p = relabelling_p(found, np.random.default_rng(0))
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))


@pytest.mark.parametrize("modes", [0, 6])
def test_without_copies_p_values_are_uniform_or_above(modes: int) -> None:
    rng = np.random.default_rng(11)
    worlds = [world(1000 + run, modes=modes) for run in range(300)]
    for weights in (lambda found: None, lambda found: savage_scores(found.similarity)):
        p = np.array([relabelling_p(found, rng, weights(found)) for found in worlds])
        assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.001
        assert (p <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_a_binomial_test_would_reject_too_often_where_images_share_neighbours() -> None:
    worlds = [world(1000 + run, modes=6) for run in range(300)]
    naive = [stats.binomtest(round(f.closer.sum()), 80, alternative="greater").pvalue for f in worlds]
    assert np.mean(np.array(naive) <= 0.05) > 0.15


def test_copies_are_found_and_weights_on_near_pairs_find_more() -> None:
    rng = np.random.default_rng(5)
    worlds = [world(run, images=200, copied=16, references=150) for run in range(60)]
    plain = np.mean([relabelling_p(found, rng) <= 0.05 for found in worlds])
    weighted = np.mean([relabelling_p(found, rng, savage_scores(found.similarity)) <= 0.05 for found in worlds])
    assert weighted > plain + 0.2
    assert weighted > 0.8


def test_ties_are_half_and_speak_for_neither_side() -> None:
    same = np.full(40, 0.5)
    found = Sides(same, same, np.arange(40), np.arange(40), 40)
    assert found.closer.tolist() == [0.5] * 40
    assert relabelling_p(found, np.random.default_rng(0)) > 0.3
    assert set(found.nearest) == set(range(40))


def test_numbers_of_both_sides_do_not_meet() -> None:
    found = Sides(np.array([0.9, 0.1]), np.array([0.2, 0.8]), np.array([7, 3]), np.array([0, 7]), 10)
    assert found.nearest.tolist() == [7, 15]


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05])
def test_a_level_is_exceeded_by_chance_as_often_as_it_says(rate: float) -> None:
    rng = np.random.default_rng(2)
    n = 200
    draws = rng.standard_normal((4000, n + 1))
    exceeded = np.mean([row[-1] > chance_level(row[:-1], rate) for row in draws])
    expected = (np.floor(rate * n + 1e-9) + 1) / (n + 1)
    assert exceeded == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))
    assert all((row[:-1] > chance_level(row[:-1], rate)).mean() <= rate for row in draws[:50])


def test_a_level_needs_images() -> None:
    with pytest.raises(ValueError, match="needs similarities"):
        chance_level(np.zeros(0), 0.01)


def test_tail_p_values_are_calibrated_far_beyond_the_sample() -> None:
    """Distances with a power-law tail: 400 of them must price events that happen once in ten thousand."""
    rng = np.random.default_rng(4)
    hits, draws = 0.0, 0
    for _ in range(60):
        distances = rng.random((1, 400)) ** (1 / 6) * 0.8
        tail = ChanceTail.of(1 - distances[0], rng)
        if tail.start is None:
            continue
        fresh = rng.random(20_000) ** (1 / 6) * 0.8
        p = tail.p_values(1 - fresh)
        hits += float((p <= 1e-4).sum())
        draws += len(fresh)
    assert draws >= 1_000_000
    assert 0.6e-4 < hits / draws < 1.5e-4


def test_ranks_are_used_where_the_tail_does_not_fit_or_is_short() -> None:
    rng = np.random.default_rng(0)
    short = ChanceTail.of(rng.random(100), rng)
    assert short.start is None
    assert "too few" in short.method
    assert short.p_values(np.array([1.0]))[0] == pytest.approx(1 / 101)
    lumpy = np.concatenate([np.full(30, 1 - 1e-5), rng.uniform(0.2, 0.3, 970)])  # near-duplicates in the references
    broken = ChanceTail.of(lumpy, rng)
    assert broken.start is None
    assert "no power law" in broken.method
    assert broken.p_values(np.array([1.0]))[0] == pytest.approx(1 / 1001)
    assert broken.p_values(np.array([0.5]))[0] == pytest.approx(31 / 1001)


def test_p_values_fall_with_similarity_without_a_jump_and_grow_with_the_index() -> None:
    rng = np.random.default_rng(1)
    distances = rng.random(1000) ** (1 / 4)
    tail = ChanceTail.of(1 - distances, rng)
    assert tail.start is not None
    grid = np.linspace(0, 0.9999, 4000)
    p = tail.p_values(grid)
    assert (np.diff(p) <= 1e-12).all()
    assert (p > 0).all()
    at = tail.p_values(1 - tail.start + np.array([-1e-9, 1e-9]))
    assert at[0] == pytest.approx(at[1], rel=0.03)
    larger = tail.p_values(grid, larger=10)
    np.testing.assert_allclose(larger, 1 - (1 - p) ** 10, atol=1e-9)


def test_exponential_scores_are_those_of_their_ranks() -> None:
    values = np.array([0.3, 0.9, 0.3, 0.5])
    expected = -np.log(1 - (np.array([1.5, 4, 1.5, 3]) - 0.5) / 4)
    np.testing.assert_allclose(savage_scores(values), expected)


def test_the_distance_ratio_is_that_of_unit_vectors() -> None:
    rng = np.random.default_rng(3)
    image, references = rng.standard_normal(16), rng.standard_normal((50, 16))
    unit = references / np.linalg.norm(references, axis=1, keepdims=True)
    query = image / np.linalg.norm(image)
    apart = np.sort(np.linalg.norm(unit - query, axis=1))
    similarity = np.sort(unit @ query)[::-1]
    assert distance_ratio(similarity[None])[0] == pytest.approx(apart[0] / (0.5 * apart.mean()))
    assert distance_ratio(np.ones((1, 5)))[0] == 2

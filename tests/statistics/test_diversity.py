"""Vendi score, diversity within prompts, near-duplicates and modes: against closed forms, loops, planted truth."""

import numpy as np
import pytest

from audit.stats import neighbourhoods
from audit.stats.diversity import cosine_diversity, diversity_within, vendi
from audit.stats.duplicates import near_duplicates
from audit.stats.intervals import cluster_mean
from audit.stats.modes import cells, effective_modes, nearest_cell
from audit.stats.neighbourhoods import touched_interval


def _ends(values: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    interval = cluster_mean(np.bincount(cluster, values).astype(float), np.bincount(cluster).astype(float)).interval
    assert interval is not None
    return interval


# ------------------------------------------------------------------------------------------------- Vendi score


def test_the_vendi_score_counts_images_that_share_nothing() -> None:
    assert vendi(np.repeat(np.eye(7), 3, axis=0)).value == pytest.approx(7)
    assert vendi(np.ones((9, 4)) * np.arange(1, 10)[:, None]).value == pytest.approx(1)
    shares = np.array([0.5, 0.3, 0.2])
    rows = np.repeat(np.eye(3), (shares * 100).astype(int), axis=0)
    assert vendi(rows).value == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize(("n", "d"), [(40, 100), (100, 40), (60, 60)])
def test_both_routes_are_the_definition(n: int, d: int) -> None:
    rows = np.random.default_rng(0).standard_normal((n, d)) + 0.5
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(units @ units.T / n)
    values = values[values > 1e-12]
    assert vendi(rows).value == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-10)


def test_vectors_of_zeros_are_one_image_unlike_all_others() -> None:
    rows = np.vstack([np.eye(3), np.zeros((3, 3))])
    shares = np.array([1, 1, 1, 3]) / 6
    assert vendi(rows).value == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize(("n", "d"), [(30, 50), (80, 20)])
def test_influences_are_derivatives_of_the_score(n: int, d: int) -> None:
    rows = np.random.default_rng(1).standard_normal((n, d)) + 0.3
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = vendi(rows)

    def score(weights: np.ndarray) -> float:
        values = np.linalg.eigvalsh((units * np.sqrt(weights)[:, None]) @ (units * np.sqrt(weights)[:, None]).T)
        values = values[values > 1e-14]
        return float(np.exp(-(values * np.log(values)).sum()))

    step = 1e-5
    slopes = []
    for place in range(n):
        weights = np.full(n, (1 - step) / n)
        weights[place] += step
        slopes.append((score(weights) - found.value) / step)
    assert found.first == pytest.approx(np.array(slopes), abs=1e-2 * np.abs(slopes).max())


def test_the_vendi_interval_holds_its_mean_at_this_n() -> None:
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(30), 6)
    found, held = [], []
    for _ in range(200):
        one = vendi(0.6 * rng.standard_normal((30, 8))[cluster] + 0.8 * rng.standard_normal((180, 8)))
        found.append(one.value)
        held.append(_ends(one.pseudo_values(), cluster))
    middle = np.mean(found)
    assert np.mean([low <= middle <= high for low, high in held]) > 0.92


def test_one_image_has_no_vendi_score() -> None:
    with pytest.raises(ValueError, match="at least 2 images; got 1"):
        vendi(np.ones((1, 3)))


# ------------------------------------------------------------------------------------ diversity within prompts


def test_diversity_within_prompts_is_the_mean_over_their_pairs() -> None:
    rng = np.random.default_rng(3)
    group = np.array([7, 2, 7, 2, 7, 9, 2, 2])
    rows = rng.standard_normal((8, 5))
    rows[1] = 0
    names, values = diversity_within(rows, group)
    assert names.tolist() == [2, 7]
    for name, value in zip(names, values, strict=True):
        assert value == pytest.approx(cosine_diversity(rows[group == name]).value)
    assert [part.tolist() for part in diversity_within(np.zeros((0, 3)), [])] == [[], []]


def test_prompts_that_differ_do_not_make_up_for_images_that_do_not() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(20), 5)
    same = rng.standard_normal((20, 30))[group]
    assert diversity_within(same, group)[1] == pytest.approx(np.zeros(20), abs=1e-12)
    assert cosine_diversity(same).value > 0.9


# -------------------------------------------------------------------------------------------- near-duplicates


def test_near_duplicates_are_those_of_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhoods, "BLOCK", 33)
    rng = np.random.default_rng(5)
    cluster = rng.integers(12, size=100)
    rows = rng.standard_normal((12, 6))[cluster] + 0.4 * rng.standard_normal((100, 6))
    photos = rng.standard_normal((100, 6))

    def apart(one: np.ndarray) -> np.ndarray:
        found = np.linalg.norm(one[:, None] - one[None], axis=2)
        np.fill_diagonal(found, np.inf)
        return found

    found = near_duplicates(rows, photos, cluster, rare=0.1)
    level = np.sort(apart(photos).min(axis=1))[9]
    near = apart(rows) <= level
    assert found.level == pytest.approx(level)
    assert found.near.tolist() == near.any(axis=1).tolist()
    assert 0.1 <= found.expected <= 0.11  # the nearest of two images is often the same distance from both ends
    sizes = np.bincount(cluster)
    lost = np.array([near.any(1).sum() - near[cluster != c][:, cluster != c].any(1).sum() for c in range(12)])
    assert np.bincount(cluster, found.influence) == pytest.approx(lost - lost.sum() * sizes / 100)


def test_the_rate_of_images_of_the_references_law_is_the_expected_one() -> None:
    rng = np.random.default_rng(6)
    rates = []
    for _ in range(150):
        found = near_duplicates(rng.standard_normal((150, 5)), rng.standard_normal((150, 5)), np.arange(150))
        rates.append(found.near.mean() - found.expected)
    assert abs(np.mean(rates)) < 3.5 * np.std(rates) / np.sqrt(150) + 0.005


@pytest.mark.parametrize("planted", [30, 90])
def test_planted_duplicates_are_found(planted: int) -> None:
    rng = np.random.default_rng(7)
    rows, photos = rng.standard_normal((300, 16)), rng.standard_normal((300, 16))
    rows[:planted] = rows[planted : 2 * planted] + 1e-3 * rng.standard_normal((planted, 16))
    cluster = np.arange(300, dtype=np.int32)
    found = near_duplicates(rows, photos, cluster)
    interval = touched_interval(float(found.near.mean()), found.influence, cluster, of=300)
    assert interval is not None
    assert interval[0] < 2 * planted / 300 + found.expected
    assert interval[1] > 2 * planted / 300
    assert interval[0] > found.expected


def test_equal_reference_images_leave_only_copies_as_near_duplicates() -> None:
    rng = np.random.default_rng(8)
    photos = rng.standard_normal((100, 4))
    photos[:20] = photos[20]
    rows = rng.standard_normal((100, 4))
    rows[3] = rows[4]
    found = near_duplicates(rows, photos, np.arange(100))
    assert found.level == 0
    assert found.expected == pytest.approx(0.21)
    assert np.flatnonzero(found.near).tolist() == [3, 4]


def test_sets_of_unlike_size_have_no_common_level() -> None:
    with pytest.raises(ValueError, match="as many generated as reference images; got 9, 8"):
        near_duplicates(np.zeros((9, 2)), np.zeros((8, 2)), np.arange(9))


# ------------------------------------------------------------------------------------------------------- modes


def _mixture(rng: np.random.Generator, centres: np.ndarray, n: int) -> np.ndarray:
    return centres[rng.integers(len(centres), size=n)] + rng.standard_normal((n, centres.shape[1]))


@pytest.mark.parametrize("planted", [3, 7, 12])
def test_planted_modes_are_found_and_a_collapsed_set_has_fewer(planted: int) -> None:
    rng = np.random.default_rng(planted)
    modes = 12 * rng.standard_normal((12, 16))
    centres = cells(_mixture(rng, modes, 600), 12, rng)
    cluster = np.arange(600)
    found = effective_modes(nearest_cell(_mixture(rng, modes[:planted], 600), centres), 12, cluster).found
    assert found.value == pytest.approx(planted, rel=0.03)
    if planted < 12:
        assert _ends(found.pseudo_values(), cluster)[1] < 12 * 0.9


def test_an_even_occupancy_is_not_told_too_low() -> None:
    rng = np.random.default_rng(9)
    plain, told = [], []
    for _ in range(400):
        cell = rng.choice(8, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05], size=60)
        shares = np.bincount(cell, minlength=8) / 60
        shares = shares[shares > 0]
        plain.append(np.exp(-(shares * np.log(shares)).sum()))
        told.append(effective_modes(cell, 8, np.arange(60)).found.value)
    p = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    truth = np.exp(-(p * np.log(p)).sum())
    assert np.mean(plain) < truth - 0.3
    assert np.mean(told) == pytest.approx(truth, abs=0.15)


def test_intervals_of_modes_by_prompt_hold_the_mean() -> None:
    rng = np.random.default_rng(10)
    cluster = np.repeat(np.arange(40), 5)
    values, held = [], []
    for _ in range(500):
        favourite = rng.integers(9, size=40)[cluster]
        cell = np.where(rng.random(200) < 0.4, favourite, rng.choice(9, p=np.arange(1, 10) / 45, size=200))
        found = effective_modes(cell, 9, cluster)
        values.append(found.found.value)
        held.append(found.interval(cluster, 9))
    middle = np.mean(values)
    assert np.mean([low <= middle <= high for low, high in held]) > 0.92


def test_equal_occupancy_still_has_an_error() -> None:
    found = effective_modes(np.tile(np.arange(10), 30), 10, np.repeat(np.arange(30), 10))
    assert found.found.value == 10
    assert found.found.first == pytest.approx(np.zeros(300))
    assert found.least_error == pytest.approx(10 * np.sqrt(9 / 2) / 300)
    low, high = found.interval(np.repeat(np.arange(30), 10), 10) or (10.0, 10.0)
    assert 9.8 < low < 10 == high
    assert effective_modes(np.zeros(5, dtype=np.int64), 4, np.zeros(5)).found.value == 1


def test_cells_are_the_same_for_the_same_start_and_take_equal_rows() -> None:
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((80, 5)).astype(np.float32)
    assert np.array_equal(cells(rows, 6, np.random.default_rng(1)), cells(rows, 6, np.random.default_rng(1)))
    centres = cells(np.ones((20, 3)), 4, rng)
    assert set(nearest_cell(np.ones((5, 3)), centres)) == {0}
    assert nearest_cell(np.zeros((0, 3)), centres).tolist() == []
    with pytest.raises(ValueError, match="9 cells need as many reference images; got 8"):
        cells(rows[:8], 9, rng)

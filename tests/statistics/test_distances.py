"""Frechet and kernel distances against closed forms, plain loops, scipy, and simulation."""

import tracemalloc

import numpy as np
import pytest
from scipy import linalg

from audit.stats import kernels, moments
from audit.stats.distances import Moments, frechet, frechet_from_features
from audit.stats.diversity import cosine_diversity
from audit.stats.intervals import cluster_mean
from audit.stats.kernels import kid


def _covariance(rng: np.random.Generator, d: int) -> np.ndarray:
    root = rng.standard_normal((d, d))
    return root @ root.T / d + 0.1 * np.eye(d)


def test_diagonal_gaussians_have_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    one, two, apart = rng.uniform(0.1, 5, 40), rng.uniform(0.1, 5, 40), rng.normal(0, 1, 40)
    expected = (apart**2).sum() + ((np.sqrt(one) - np.sqrt(two)) ** 2).sum()
    assert frechet(apart, np.diag(one), np.zeros(40), np.diag(two)) == pytest.approx(expected, abs=1e-8)


def test_general_gaussians_agree_with_scipys_square_root() -> None:
    rng = np.random.default_rng(1)
    one, two = _covariance(rng, 30), _covariance(rng, 30)
    cross = np.trace(linalg.sqrtm(one @ two)).real
    assert frechet(np.zeros(30), one, np.zeros(30), two) == pytest.approx(np.trace(one + two) - 2 * cross, rel=1e-9)


def test_a_covariance_without_full_rank_is_exact() -> None:
    one, two = np.diag([4.0, 0.0, 1.0]), np.diag([1.0, 9.0, 0.0])
    assert frechet(np.zeros(3), one, np.zeros(3), two) == pytest.approx(1 + 9 + 1, abs=1e-12)


@pytest.mark.parametrize(("n", "d"), [(20, 60), (60, 60), (300, 60)])
def test_identical_sets_are_at_no_distance(n: int, d: int) -> None:
    rows = np.random.default_rng(2).standard_normal((n, d)).astype(np.float32) * 10
    rows[:, 0] = 0  # a dead channel
    assert 0 <= frechet_from_features(rows, rows).value < 1e-8
    moments = Moments.of(rows)
    assert 0 <= frechet(moments.mean, moments.covariance, moments.mean, moments.covariance) < 1e-6


@pytest.mark.parametrize(("n", "m", "d"), [(20, 20, 60), (59, 61, 60), (30, 300, 60), (300, 200, 60)])
def test_the_gram_route_and_the_covariance_route_agree(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(3)
    one, two = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 1.5 + 0.2
    mean, covariance, other_mean, other = one.mean(0), np.cov(one.T), two.mean(0), np.cov(two.T)
    found = frechet_from_features(one, two).value
    assert found == pytest.approx(frechet(mean, covariance, other_mean, other), rel=1e-6)
    assert found == pytest.approx(frechet_from_features(two, one).value, rel=1e-9)


@pytest.mark.parametrize("n", [25, 200])
def test_influences_are_derivatives_of_the_distance(n: int) -> None:
    rng = np.random.default_rng(4)
    d, step = 30, 1e-5
    one, two = rng.standard_normal((n, d)), rng.standard_normal((200, d)) * 1.2 + 0.1
    found = frechet_from_features(one, two)
    mean, covariance, other_mean, other = one.mean(0), np.cov(one.T), two.mean(0), np.cov(two.T)
    slopes = []
    for row in one:
        apart = row - mean
        moved = frechet(mean + step * apart, (1 - step) * covariance + step * np.outer(apart, apart), other_mean, other)
        slopes.append((moved - found.value) / step)
    slopes = np.array(slopes) - np.mean(slopes)
    assert np.abs(found.first - slopes).max() < 0.02 * np.abs(slopes).max()
    assert found.first.mean() == pytest.approx(0, abs=1e-9)
    assert found.second.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n", [24, 60, 200])
def test_the_standard_error_of_a_frechet_distance_is_never_too_small(n: int) -> None:
    rng = np.random.default_rng(5)
    spectrum = 1 / np.sqrt(np.arange(1, 33))
    values, errors = [], []
    for _ in range(80):
        one = rng.standard_normal((n, 32)) * spectrum
        two = (rng.standard_normal((n, 32)) * 1.3 + 0.3) * spectrum
        found = frechet_from_features(one, two)
        values.append(found.value)
        errors.append(found.standard_error())
    ratio = np.mean(errors) / np.std(values)
    assert 0.85 < ratio < 1.6


def test_moments_of_parts_merge_into_those_of_the_whole() -> None:
    rows = (np.random.default_rng(6).standard_normal((700, 12)) + 1000).astype(np.float32)
    merged = Moments.of(rows[:1]).merge(Moments.of(rows[1:130])).merge(Moments.of(rows[130:]))
    assert merged.n == 700
    np.testing.assert_allclose(merged.mean, rows.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(merged.covariance, np.cov(rows.astype(np.float64).T), rtol=1e-9, atol=1e-10)
    empty = Moments.of(np.zeros((0, 12)))
    assert empty.merge(merged).n == 700


def test_memory_of_the_moments_does_not_grow_with_n(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "BLOCK", 256)

    def peak(n: int) -> int:
        rows = np.ones((n, 64), dtype=np.float32)
        tracemalloc.start()
        Moments.of(rows)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(20_000) < 1.3 * peak(1_000)


@pytest.mark.parametrize("distance", [frechet_from_features, kid])
def test_one_image_is_not_enough(distance) -> None:
    with pytest.raises(ValueError, match="at least 2 images"):
        distance(np.ones((1, 4)), np.ones((5, 4)))


def _kid_by_loops(one: np.ndarray, two: np.ndarray) -> float:
    d = one.shape[1]

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / d + 1) ** 3)

    n, m = len(one), len(two)
    own = np.mean([kernel(one[i], one[j]) for i in range(n) for j in range(n) if i != j])
    other = np.mean([kernel(two[i], two[j]) for i in range(m) for j in range(m) if i != j])
    return float(own + other - 2 * np.mean([kernel(x, y) for x in one for y in two]))


@pytest.mark.parametrize("block", [4, 7, 2048])
def test_kid_is_the_mean_over_all_pairs(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", block)
    rng = np.random.default_rng(7)
    one, two = rng.standard_normal((15, 5)), rng.standard_normal((11, 5)) + 0.5
    found = kid(one, two)
    assert found.value == pytest.approx(_kid_by_loops(one, two), rel=1e-10)
    assert len(found.first) == 15
    assert len(found.second) == 11


def test_kid_is_unbiased_and_its_interval_covers() -> None:
    rng = np.random.default_rng(8)
    far = _kid_by_distribution(rng, shift=0.4)
    null, apart, covered = [], [], 0
    for _ in range(300):
        one, two = rng.standard_normal((60, 4)), rng.standard_normal((60, 4))
        null.append(kid(one, two).value)
        found = kid(one, two + 0.4)
        apart.append(found.value)
        interval = cluster_mean(found.pseudo_values(), np.ones(120)).interval
        covered += interval is not None and interval[0] <= far <= interval[1]
    assert abs(np.mean(null)) < 3 * np.std(null) / np.sqrt(300)
    assert np.min(null) < 0
    assert abs(np.mean(apart) - far) < 3 * np.std(apart) / np.sqrt(300)
    assert 0.92 < covered / 300 < 0.99


def _kid_by_distribution(rng: np.random.Generator, shift: float) -> float:
    """E k(x, x') + E k(y, y') - 2 E k(x, y) for N(0, I) and N(shift, I) in 4 dimensions, by one million pairs."""
    x, z, y, w = rng.standard_normal((4, 1_000_000, 4))
    y, w = y + shift, w + shift

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float((((a * b).sum(1) / 4 + 1) ** 3).mean())

    return mean(x, z) + mean(y, w) - mean(x, y) - mean(z, w)


def test_kid_does_not_cover_as_if_images_of_a_prompt_were_independent() -> None:
    rng = np.random.default_rng(9)
    prompts = rng.standard_normal((20, 6)) * 2
    rows = np.repeat(prompts, 20, axis=0) + rng.standard_normal((400, 6)) * 0.2
    found = kid(rows, rng.standard_normal((400, 6)))
    totals = found.pseudo_values().reshape(-1, 20).sum(axis=1)
    clustered = cluster_mean(totals, np.full(40, 20.0)).interval
    assert clustered is not None
    assert clustered[1] - clustered[0] > 2 * 1.96 * 2 * found.standard_error()


def test_diversity_is_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(10)
    rows = rng.standard_normal((12, 5)).astype(np.float32)
    cosines = [
        float(rows[i] @ rows[j] / np.linalg.norm(rows[i]) / np.linalg.norm(rows[j]))
        for i in range(12)
        for j in range(12)
        if i != j
    ]
    assert cosine_diversity(rows).value == pytest.approx(1 - np.mean(cosines), abs=1e-6)
    assert cosine_diversity(np.tile(rows[:1], (9, 1))).value == pytest.approx(0, abs=1e-6)
    assert cosine_diversity(np.vstack([np.eye(3), np.zeros((1, 3))])).value == pytest.approx(1)


def test_diversity_has_a_true_standard_error() -> None:
    rng = np.random.default_rng(11)
    found = [cosine_diversity(rng.standard_normal((80, 4)) + 0.7) for _ in range(200)]
    assert np.mean([one.standard_error() for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.15)

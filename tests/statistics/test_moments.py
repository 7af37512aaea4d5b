"""Streaming moments and the Frechet step against plain numpy: shards, low rank, large widths, bad input."""

import numpy as np
import pytest
from scipy import linalg

from audit.stats.distances import frechet, frechet_distance, frechet_from_features, frechet_of_moments
from audit.stats.kernels import kid
from audit.stats.moments import Moments


def features(n: int, d: int, rng: np.random.Generator, *, shift: float = 0.0, falling: float = 0.5) -> np.ndarray:
    """Like those of a network after a rectifier: not negative, correlated, with a falling spectrum."""
    mixing = np.random.default_rng(d).standard_normal((d, d)) / (np.arange(1, d + 1) ** falling)[:, None]
    return np.maximum(rng.standard_normal((n, d)) @ mixing + shift, 0).astype(np.float32)


@pytest.mark.parametrize("cut", [1, 500, 2048, 3001, 4999])
def test_two_shards_are_one_set(cut: int) -> None:
    rows = features(5000, 32, np.random.default_rng(0)) + 50
    whole, merged = Moments.of(rows), Moments.of(rows[:cut]).merge(Moments.of(rows[cut:]))
    assert merged.n == whole.n
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-10, atol=1e-10 * np.abs(whole.scatter).max())


def test_moments_are_those_of_numpy_where_the_first_block_is_far_from_the_rest() -> None:
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(900, 1, (2048, 6)), rng.normal(-100, 1, (3000, 6))])
    np.testing.assert_allclose(Moments.of(rows).covariance, np.cov(rows.T), rtol=1e-11)


def test_a_part_can_be_taken_out_again() -> None:
    rows = np.random.default_rng(2).standard_normal((90, 5))
    left, direct = Moments.of(rows).without(Moments.of(rows[60:])), Moments.of(rows[:60])
    assert left.n == 60
    np.testing.assert_allclose(left.scatter, direct.scatter, atol=1e-11)
    assert Moments.of(rows).without(Moments.of(rows)).n == 0
    with pytest.raises(ValueError, match="no part of it"):
        direct.without(Moments.of(rows))


@pytest.mark.parametrize(("n", "m"), [(600, 650), (60, 600), (60, 40), (514, 514)])
def test_values_by_every_route_agree_with_singular_values(n: int, m: int) -> None:
    rng = np.random.default_rng(3)
    one, two = features(n, 514, rng, shift=0.05), features(m, 514, rng)
    centred = [(rows - rows.mean(0, dtype=float)) / np.sqrt(len(rows) - 1) for rows in (one, two)]
    apart = one.mean(0, dtype=float) - two.mean(0, dtype=float)
    cross = linalg.svdvals(centred[0] @ centred[1].T).sum()
    expected = apart @ apart + sum((rows**2).sum() for rows in centred) - 2 * cross
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-7)
    assert frechet_from_features(one, two).value == pytest.approx(expected, rel=1e-7)
    assert frechet_of_moments(Moments.of(one), Moments.of(two)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("n", [40, 500, 600])
def test_identical_sets_of_many_dimensions_are_at_no_distance(n: int) -> None:
    rows = features(n, 514, np.random.default_rng(4), falling=1.5)
    rows[:, 7] = 0
    assert 0 <= frechet_distance(rows, rows) < 1e-8
    assert 0 <= frechet_of_moments(Moments.of(rows), Moments.of(rows)) < 1e-8


def test_influences_by_eigenvectors_are_those_by_singular_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    sets = [
        (rng.standard_normal((n, 40)) * scale, rng.standard_normal((m, 40))) for n, m, scale in ((30, 90, 1), (90, 70, 2))
    ]
    slow = [frechet_from_features(*pair) for pair in sets]
    monkeypatch.setattr("audit.stats.distances.SMALL", 8)
    for pair, exact in zip(sets, slow, strict=True):
        fast = frechet_from_features(*pair)
        assert fast.value == pytest.approx(exact.value, rel=1e-8)
        np.testing.assert_allclose(fast.first, exact.first, atol=1e-5 * np.abs(exact.first).max())
        np.testing.assert_allclose(fast.second, exact.second, atol=1e-5 * np.abs(exact.second).max())


def test_constant_features_have_a_defined_distance() -> None:
    rng = np.random.default_rng(6)
    flat, rows = np.full((50, 4), 2.0), rng.standard_normal((60, 4))
    expected = ((2 - rows.mean(0)) ** 2).sum() + np.trace(np.cov(rows.T))
    assert Moments.of(flat).constant
    assert not Moments.of(rows).constant
    assert frechet_distance(flat, rows) == pytest.approx(expected)
    assert frechet_from_features(rows, flat).value == pytest.approx(expected)
    assert frechet_distance(flat, flat + 1) == pytest.approx(4)


def test_bad_input_is_named() -> None:
    good, bad = np.ones((5, 3), dtype=np.float32), np.ones((5, 3), dtype=np.float32)
    bad[4, 1] = np.nan
    for distance in (frechet_distance, frechet_from_features, kid):
        with pytest.raises(ValueError, match="feature 1 of image 4 is nan"):
            distance(good, bad)
        with pytest.raises(ValueError, match="unlike widths: 3 and 4"):
            distance(good, np.ones((5, 4)))
        with pytest.raises(ValueError, match="at least 2 images"):
            distance(good[:1], good)
        with pytest.raises(ValueError, match="must be a matrix"):
            distance(good[0], good)
    with pytest.raises(ValueError, match="too large"):
        Moments.of(np.array([[1e300, 0], [-1e300, 0]]))
    with pytest.raises(ValueError, match="unlike widths"):
        frechet(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="unlike widths"):
        Moments.of(good).merge(Moments.of(np.ones((2, 2))))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_of_moments(Moments.of(good[:1]), Moments.of(good))

"""Kernel distances against direct sums, closed forms and simulation."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import kstest

from audit.stats import kernels
from audit.stats.influence import distance_interval
from audit.stats.intervals import cluster_mean
from audit.stats.kernel_distances import bandwidths_around, cmmd, multi_bandwidth_mmd, relative_mmd, unit_vectors
from audit.stats.kernels import Polynomial, Rbf, kid, mmd


def direct(one: np.ndarray, two: np.ndarray, bandwidths: list[float], *, biased: bool = False) -> float:
    """Mean over pairs of the mean of Gaussian kernels, by full matrices."""

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        apart = cdist(x, y, "sqeuclidean")
        return np.mean([np.exp(-apart / (2 * s * s)) for s in bandwidths], axis=0)

    def within(x: np.ndarray) -> float:
        matrix = kernel(x, x)
        return matrix.mean() if biased else (matrix.sum() - np.trace(matrix)) / (len(x) * (len(x) - 1))

    return float(within(one) + within(two) - 2 * kernel(one, two).mean())


@pytest.mark.parametrize("block", [4, 7, 2048])
@pytest.mark.parametrize("biased", [True, False])
def test_cmmd_is_the_published_sum(block: int, biased: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", block)
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((17, 6)) + 1, rng.standard_normal((12, 6))
    expected = 1000 * direct(unit_vectors(one), unit_vectors(two), [10.0], biased=biased)
    assert cmmd(one, two, biased=biased).value == pytest.approx(expected, rel=1e-8)
    single = cmmd(one.astype(np.float32), two.astype(np.float32), biased=biased).value
    assert single == pytest.approx(expected, rel=1e-5)


def test_cmmd_is_blind_to_spread_where_many_bandwidths_are_not() -> None:
    rng = np.random.default_rng(1)
    middle = rng.standard_normal(32) * 2
    wide, narrow, moved = rng.standard_normal((3, 400, 32)) * np.array([1.0, 0.5, 1.0])[:, None, None] + middle
    # Bring both to one mean direction, which is all that CMMD can tell apart.
    wide, narrow = unit_vectors(wide), unit_vectors(narrow)
    narrow = narrow - narrow.mean(0) + wide.mean(0)
    found = mmd(Rbf(10.0), narrow, wide)
    assert abs(found.value) * 1000 < 0.02
    seen = multi_bandwidth_mmd(narrow, wide)
    assert seen.value > 5 * seen.standard_error()
    apart = unit_vectors(moved + rng.standard_normal(32))
    by_means = 10 * ((apart.mean(0) - wide.mean(0)) ** 2).sum()
    assert cmmd(apart, wide, biased=True).value == pytest.approx(by_means, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_bandwidths_are_their_mean(dtype: type) -> None:
    rng = np.random.default_rng(2)
    one, two = rng.standard_normal((40, 5)).astype(dtype) + 100, rng.standard_normal((30, 5)).astype(dtype) * 2 + 100
    kernel = bandwidths_around(one, two)
    median = np.median(pdist(np.concatenate([one, two])))
    assert kernel.widest == pytest.approx(4 * median, rel=1e-5)
    expected = direct(one.astype(float), two.astype(float), [median * factor for factor in (0.25, 0.5, 1, 2, 4)])
    assert multi_bandwidth_mmd(one, two).value == pytest.approx(expected, rel=1e-9 if dtype is np.float64 else 1e-4)
    assert multi_bandwidth_mmd(one, two, Rbf(3.0)).value == pytest.approx(
        direct(one.astype(float), two.astype(float), [3.0]), rel=1e-8 if dtype is np.float64 else 1e-4
    )


def test_float32_features_lose_a_small_part_of_the_standard_error() -> None:
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((256, 256)) / np.sqrt(np.arange(1, 257))[:, None]
    one, two = (np.maximum(rng.standard_normal((700, 256)) @ mixing, 0).astype(np.float32) for _ in range(2))
    quick, exact = kid(one, two), kid(one.astype(np.float64), two.astype(np.float64))
    assert abs(quick.value - exact.value) < 1e-4 * exact.standard_error()
    assert quick.standard_error() == pytest.approx(exact.standard_error(), rel=1e-6)


def test_a_relative_difference_is_that_of_two_distances() -> None:
    rng = np.random.default_rng(4)
    one, two, real = rng.standard_normal((50, 4)) + 0.3, rng.standard_normal((40, 4)), rng.standard_normal((60, 4))
    for kernel in (Polynomial(4), Rbf(2.0)):
        found = relative_mmd(kernel, one, two, real)
        near, far = mmd(kernel, one, real), mmd(kernel, two, real)
        assert found.difference == pytest.approx(near.value - far.value, abs=1e-12)
        np.testing.assert_allclose(found.first, near.first, atol=1e-12)
        np.testing.assert_allclose(found.second, -far.first, atol=1e-12)
        np.testing.assert_allclose(found.reference, near.second - far.second, atol=1e-12)


def test_the_relative_test_keeps_its_level_and_sees_more_than_two_intervals() -> None:
    rng = np.random.default_rng(5)
    alike, covered, differ, apart = [], 0, 0, 0
    shifts, kernel = (0.4, 0.75), Rbf(2.0)
    truth = _rbf_by_distribution(shifts[0]) - _rbf_by_distribution(shifts[1])
    for _ in range(300):
        near, far, real = rng.standard_normal((3, 80, 3))
        alike.append(relative_mmd(kernel, near + 0.4, far - 0.4, real).p_value())
        found = relative_mmd(kernel, near + shifts[0], far + shifts[1], real)
        low, high = found.estimate().interval
        covered += low <= truth <= high
        differ += found.p_value() < 0.05
        one, two = mmd(kernel, near + shifts[0], real), mmd(kernel, far + shifts[1], real)
        apart += one.value + 1.96 * one.standard_error() < two.value - 1.96 * two.standard_error()
    assert np.mean(np.array(alike) < 0.05) < 0.09
    assert kstest(alike, "uniform").statistic < 0.12
    assert 0.92 < covered / 300 < 0.99
    assert differ > apart + 30


def _rbf_by_distribution(shift: float, width: int = 3, bandwidth: float = 2.0) -> float:
    """Squared distance of N(0, I) and N(shift, I) under a Gaussian kernel."""
    square = bandwidth**2
    factor = (square / (square + 2)) ** (width / 2)
    return float(2 * factor * (1 - np.exp(-width * shift**2 / (2 * (square + 2)))))


def test_mmd_has_the_closed_form_of_gaussians() -> None:
    rng = np.random.default_rng(6)
    found = [mmd(Rbf(2.0), rng.standard_normal((100, 3)) + 0.5, rng.standard_normal((100, 3))).value for _ in range(200)]
    assert abs(np.mean(found) - _rbf_by_distribution(0.5)) < 3.5 * np.std(found) / np.sqrt(200)


def test_shared_prompts_narrow_the_difference_of_two_generators() -> None:
    rng = np.random.default_rng(7)
    prompts = np.repeat(np.arange(40), 5)
    base = rng.standard_normal((40, 4))[prompts]
    one, two = base + 0.3 * rng.standard_normal((200, 4)) + 0.3, base + 0.3 * rng.standard_normal((200, 4)) + 0.3
    found = relative_mmd(Rbf(2.0), one, two, rng.standard_normal((200, 4)))
    widths = [
        np.diff(found.estimate(labels).interval)[0]
        for labels in ((prompts, prompts, np.arange(200) + 100), (prompts, prompts + 1000, np.arange(200) + 5000))
    ]
    assert widths[0] < 0.6 * widths[1]


@pytest.mark.parametrize(("n", "shift"), [(60, 0.0), (60, 0.2), (60, 0.5), (200, 0.3)])
def test_kid_intervals_cover_near_the_null_and_apart(n: int, shift: float) -> None:
    rng = np.random.default_rng(8)
    one, two = rng.standard_normal((400, n, 4)) + shift, rng.standard_normal((400, n, 4))
    truth = _kid_by_cumulants(shift, 4)
    covered = 0
    for generated, reference in zip(one, two, strict=True):
        found = kid(generated, reference)
        plain = cluster_mean(found.pseudo_values(), np.ones(2 * n)).interval
        low, high = distance_interval(found.value, plain)
        covered += low <= truth <= high
    assert covered / 400 > 0.935


def _kid_by_cumulants(shift: float, d: int) -> float:
    """Kernel means of N(a, I) and N(b, I) by the cumulants of x.y, which add over coordinates."""

    def mean(a: float, b: float) -> float:
        k1, k2, k3 = d * a * b, d * (1 + a * a + b * b), d * 6 * a * b
        return 1 + 3 * k1 / d + 3 * (k2 + k1**2) / d**2 + (k3 + 3 * k2 * k1 + k1**3) / d**3

    return mean(shift, shift) + mean(0, 0) - 2 * mean(shift, 0)


def test_bad_input_is_named() -> None:
    rows = np.ones((5, 3))
    with pytest.raises(ValueError, match="image 1 has a feature vector of zeros"):
        unit_vectors(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="give no bandwidth"):
        multi_bandwidth_mmd(rows, rows)
    with pytest.raises(ValueError, match="at least 2 images"):
        relative_mmd(Rbf(1.0), rows, rows[:1], rows)
    with pytest.raises(ValueError, match="unlike widths"):
        cmmd(rows, np.ones((5, 4)))

"""Indices of skew, their nulls and what is left of them, against scipy, statsmodels, enumeration and known figures."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance
from statsmodels.stats.proportion import confint_proportions_2indep

from audit.stats import indices
from audit.stats.multinomial import MOST_OUTCOMES, checked_reference, enumerable, outcomes, probabilities
from audit.stats.skew import DRAWS, Index, Null, debiased, null

ALL: list[Index] = [
    indices.total_variation,
    indices.mean_absolute_deviation,
    indices.squared_distance,
    indices.kullback_leibler,
    indices.jensen_shannon,
    indices.jensen_shannon_distance,
    indices.parity_difference,
    indices.parity_ratio,
    indices.evenness,
    indices.simpson,
]
EVEN = np.full(3, 1 / 3)
RNG = np.random.default_rng(0)


def test_one_skewed_generator_against_equal_shares() -> None:
    p = np.array([0.7, 0.2, 0.1])
    assert indices.total_variation(p, EVEN) == pytest.approx(0.36666667, abs=1e-8)
    assert indices.kullback_leibler(p, EVEN) == pytest.approx(0.29679374, abs=1e-8)
    assert indices.jensen_shannon(p, EVEN) == pytest.approx(0.0748064, abs=1e-8)
    assert indices.jensen_shannon_distance(p, EVEN) == pytest.approx(0.32851609, abs=1e-8)
    assert indices.mean_absolute_deviation(p, EVEN) == pytest.approx(0.24444444, abs=1e-8)
    assert indices.evenness(p) == pytest.approx(0.7298467, abs=1e-8)
    assert indices.parity_ratio(p, EVEN) == pytest.approx(0.14285714, abs=1e-8)
    assert indices.representation_ratio(p, EVEN) == pytest.approx([2.1, 0.6, 0.3])
    assert indices.simpson(p) == pytest.approx(0.46)


@pytest.mark.parametrize(("levels", "most"), [(2, 0.5), (10, 0.18)])
def test_the_mean_absolute_deviation_has_a_largest_value(levels: int, most: float) -> None:
    one = np.eye(levels)[0]
    assert indices.mean_absolute_deviation(one, np.full(levels, 1 / levels)) == pytest.approx(most)


def test_divergences_of_many_cells_agree_with_scipy() -> None:
    cells, reference = RNG.dirichlet(np.ones(4), size=(5, 7)), np.array([0.4, 0.3, 0.2, 0.1])
    cells[0, 0] = [0.5, 0.5, 0.0, 0.0]
    kl, js = stats.entropy(cells, reference, axis=-1), distance.jensenshannon(cells, reference, base=2, axis=-1)
    assert indices.kullback_leibler(cells, reference) == pytest.approx(kl, abs=1e-9)
    assert indices.jensen_shannon_distance(cells, reference) == pytest.approx(js, abs=1e-9)
    for index in ALL:
        found = index(cells, reference)
        assert found.shape == (5, 7)
        assert found[2, 3] == pytest.approx(float(index(cells[2, 3], reference)), abs=1e-12)


def test_a_generator_like_its_reference_is_at_the_best_value() -> None:
    reference = np.array([0.5, 0.3, 0.2])
    for index in ALL[:7]:
        assert index(reference, reference) == pytest.approx(0, abs=1e-9)
    assert indices.parity_ratio(reference, reference) == pytest.approx(1)
    assert indices.evenness(EVEN, reference) == pytest.approx(1)
    assert indices.kullback_leibler(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == np.inf


def test_a_ratio_needs_a_reference_and_labels_that_match() -> None:
    with pytest.raises(ValueError, match="above 0"):
        indices.representation_ratio(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    for index in (indices.total_variation, indices.kullback_leibler, indices.jensen_shannon, indices.parity_ratio):
        with pytest.raises(ValueError, match="same labels"):
            index(np.array([0.5, 0.5]), EVEN)


def test_the_interval_of_a_ratio_is_that_of_a_relative_risk() -> None:
    found = indices.representation_ratio_interval(np.array([0.3, 0.7]), np.array([0.4, 0.6]), 50, reference_n=200)
    theirs = confint_proportions_2indep(15, 50, 80, 200, compare="ratio", method="log")
    assert found[0] == pytest.approx(theirs, abs=1e-9)
    cells = indices.representation_ratio_interval(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0.2, 0.8]), [10, 40])
    assert cells.shape == (2, 2, 2)
    assert cells[0, 0] == pytest.approx([0, 0.2775 / 0.2], abs=1e-3)  # Wilson, 0 of 10: 0 to .2775
    assert cells[0, 1] == pytest.approx([0.7225 / 0.8, 1 / 0.8], abs=1e-3)
    with pytest.raises(ValueError, match="above 0"):
        indices.representation_ratio_interval(EVEN, EVEN, 0)


# Monte Carlo of 40,000 samples; two labels exact.
SHOWN = [
    (2, {8: 0.1367, 9: 0.1367, 10: 0.123, 50: 0.0561, 100: 0.0398, 210: 0.0275}),
    (7, {10: 0.3209, 50: 0.1378, 100: 0.0979, 210: 0.0673}),
    (10, {8: 0.4309, 9: 0.3869, 50: 0.167, 100: 0.1183, 210: 0.0823}),
]


@pytest.mark.parametrize(("levels", "means"), SHOWN)
def test_an_even_generator_shows_a_total_variation(levels: int, means: dict[int, float]) -> None:
    for n, mean in means.items():
        found = null(indices.total_variation, n, np.full(levels, 1 / levels), np.random.default_rng(n))
        counts = np.arange(n + 1)
        exact = levels / 2 * float(stats.binom.pmf(counts, n, 1 / levels) @ np.abs(counts / n - 1 / levels))
        assert mean == pytest.approx(exact, **({"abs": 5e-5} if levels == 2 else {"rel": 0.004}))
        assert found.mean == pytest.approx(exact, rel=1e-9 if enumerable(n, levels, most=DRAWS) else 0.015)
        assert found.low <= found.mean <= found.high


@pytest.mark.parametrize("index", ALL)
def test_the_null_of_every_index_is_its_mean_over_all_samples(index: Index) -> None:
    reference, n = np.array([0.5, 0.3, 0.2]), 6
    expected = values = 0.0
    for images in product(range(3), repeat=n):
        chance = float(np.prod(reference[list(images)]))
        expected += chance * float(index(np.bincount(images, minlength=3) / n, reference))
        values += chance
    assert values == pytest.approx(1)
    found = null(index, n + 0.9, reference, RNG)
    assert found.mean == pytest.approx(expected, abs=1e-12)
    # Without its excess a generator that follows the reference shows the value of the reference, on average.
    counts = outcomes(n, 3)
    mean = probabilities(counts, reference) @ debiased(index, counts / n, reference, found)
    assert mean == pytest.approx(float(index(reference, reference)), abs=1e-12)


@pytest.mark.parametrize("index", ALL)
def test_sampled_and_listed_nulls_agree(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = np.array([0.5, 0.3, 0.2])
    listed = null(index, 60, reference, RNG)
    monkeypatch.setattr("audit.stats.skew.enumerable", lambda *_, most: False)
    sampled = null(index, 60, reference, np.random.default_rng(1))
    spread = listed.high - listed.low
    assert sampled.mean == pytest.approx(listed.mean, abs=0.03 * spread)
    assert sampled.low == pytest.approx(listed.low, abs=0.1 * spread)
    assert sampled.high == pytest.approx(listed.high, abs=0.1 * spread)


def test_known_nulls() -> None:
    n, reference = 80, np.array([0.5, 0.3, 0.2])
    assert null(indices.squared_distance, n, reference, RNG).mean == pytest.approx(0.62 / n, abs=1e-12)
    assert null(indices.kullback_leibler, n, reference, RNG).mean == pytest.approx(2 / (2 * n), rel=0.02)  # Miller 1955
    ratio = null(lambda p, q: indices.representation_ratio(p, q)[..., 2], n, reference, RNG)
    assert ratio.mean == pytest.approx(1, abs=1e-12)
    assert null(indices.total_variation, 20, np.array([1.0, 0.0]), RNG) == Null(0.0, 0.0, 0.0)


def test_the_squared_distance_without_bias() -> None:
    true, n = np.array([0.45, 0.3, 0.25]), 50
    counts = outcomes(n, 3)
    chance = probabilities(counts, true)
    assert chance @ indices.squared_distance(counts / n, EVEN) == pytest.approx(0.034585, abs=1e-4)  # Monte Carlo
    mean = chance @ indices.unbiased_squared_distance(counts / n, EVEN, n)
    assert mean == pytest.approx(float(indices.squared_distance(true, EVEN)), abs=1e-12)
    assert mean == pytest.approx(0.0216667, abs=1e-7)
    with pytest.raises(ValueError, match="n must be"):
        indices.unbiased_squared_distance(EVEN, EVEN, 1)


def test_the_squared_distance_of_clusters_has_no_bias_however_alike_their_images_are() -> None:
    true, reference, sizes = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5]), np.array([5.0, 1.0, 12.0])
    mean = naive = 0.0
    for labels in product(range(3), repeat=3):  # all images of a cluster have one label
        counts = np.eye(3)[list(labels)] * sizes[:, None]
        chance = float(np.prod(true[list(labels)]))
        mean += chance * float(indices.clustered_squared_distance(counts, reference))
        naive += chance * float(indices.unbiased_squared_distance(counts.sum(axis=0) / 18, reference, 18))
    truth = float(indices.squared_distance(true, reference))
    assert mean == pytest.approx(truth, abs=1e-12)
    assert naive > truth + 0.2


def test_clusters_of_one_image_are_independent_images() -> None:
    counts = np.eye(3)[[0, 0, 1, 2, 0, 1]]
    reference = np.array([0.2, 0.3, 0.5])
    cells = np.stack([counts, counts[::-1]])
    found = indices.clustered_squared_distance(cells, reference)
    assert found.shape == (2,)
    assert found == pytest.approx(indices.unbiased_squared_distance(np.array([3, 2, 1]) / 6, reference, 6), abs=1e-12)
    with pytest.raises(ValueError, match="2 clusters"):
        indices.clustered_squared_distance(np.array([[3.0, 1.0], [0.0, 0.0]]), np.array([0.5, 0.5]))


def test_all_outcomes_are_listed_once_with_their_probability() -> None:
    counts = outcomes(7, 4)
    assert len(np.unique(counts, axis=0)) == len(counts) == 120
    assert (counts.sum(axis=1) == 7).all()
    shares = np.array([0.4, 0.3, 0.3, 0.0])
    assert probabilities(counts, shares) == pytest.approx(stats.multinomial.pmf(counts, 7, shares), abs=1e-12)
    assert enumerable(198, 3)
    assert len(outcomes(198, 3)) <= MOST_OUTCOMES < len(outcomes(199, 3))


def test_a_reference_must_be_shares() -> None:
    for reference in ([1.0], [0.5, 0.4], [1.2, -0.2], [[0.5, 0.5]], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="reference"):
            checked_reference(np.array(reference))
    with pytest.raises(ValueError, match="n must be"):
        null(indices.total_variation, 0.5, EVEN, RNG)

"""Agreement against the krippendorff package, scikit-learn, published examples and simulation."""

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from audit.stats.agreement import cohen_kappa, krippendorff_alpha, percent_agreement

RNG = np.random.default_rng(0)
SCALES = ("nominal", "ordinal", "interval")


def random_ratings(seed: int, raters: int, missing: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, 40)
    ratings = np.where(rng.random((raters, 40)) < 0.6, truth, rng.integers(0, 5, (raters, 40)))
    return ratings * 1.5 - 2, rng.random((raters, 40)) >= missing


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("raters", [2, 3, 6])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_alpha_is_that_of_the_krippendorff_package(scale, raters: int, missing: float) -> None:
    ratings, given = random_ratings(raters, raters, missing)
    found = krippendorff_alpha(ratings, RNG, given=given, scale=scale)
    wanted = krippendorff.alpha(np.where(given, ratings, np.nan), level_of_measurement=scale)
    assert found is not None
    assert found.value == pytest.approx(wanted, abs=1e-9)
    assert found.clusters == (given.sum(axis=0) > 1).sum()
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


def test_the_example_of_krippendorff_2011() -> None:
    # Four observers, twelve units: .743 nominal, .815 ordinal, .849 interval
    missing = -1
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, missing, missing, missing],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, missing, 3],
            [missing, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, missing],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, missing],
        ],
        dtype=float,
    )
    for scale, wanted in (("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)):
        found = krippendorff_alpha(ratings, RNG, given=ratings > 0, scale=scale)  # type: ignore[arg-type]
        assert found is not None
        assert found.value == pytest.approx(wanted, abs=5e-4)
        assert found.clusters == 11


@pytest.mark.parametrize(("weights", "name"), [("none", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_kappa_is_that_of_scikit_learn(weights, name) -> None:
    ratings, given = random_ratings(7, 2, 0.2)
    both = ratings[:, given.all(axis=0)]
    found = cohen_kappa(ratings, RNG, given=given, weights=weights)
    codes = (both / 1.5 + 2).round().astype(int)
    assert found is not None
    assert found.value == pytest.approx(cohen_kappa_score(*codes, weights=name), abs=1e-9)
    assert found.clusters == both.shape[1]
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


def test_full_agreement_is_one_and_leaves_its_spread_open() -> None:
    same = np.tile([1.0, 2.0, 1.0, 3.0], (2, 1))
    for found in (krippendorff_alpha(same, RNG), cohen_kappa(same, RNG)):
        assert found is not None
        assert found.value == 1
        assert found.interval is None
    percent = percent_agreement(same)
    assert percent.value == 1
    assert percent.interval is not None
    assert percent.interval[0] == pytest.approx(0.51, abs=0.01)


def test_one_label_throughout_is_no_agreement_beyond_chance() -> None:
    assert krippendorff_alpha(np.ones((2, 9)), RNG) is None
    assert cohen_kappa(np.ones((2, 9)), RNG) is None


def test_independent_raters_agree_as_chance_would() -> None:
    ratings = (np.random.default_rng(3).random((2, 4000)) < 0.1).astype(float)
    alpha, kappa = krippendorff_alpha(ratings, RNG), cohen_kappa(ratings, RNG)
    assert alpha is not None
    assert kappa is not None
    assert alpha.value == pytest.approx(0, abs=0.05)
    assert kappa.value == pytest.approx(0, abs=0.05)
    assert percent_agreement(ratings).value == pytest.approx(0.82, abs=0.02)


def test_percent_agreement_counts_pairs_of_raters() -> None:
    ratings = np.array([[1.0, 1, 0], [1, 2, 0], [1, 2, 0]])
    given = np.array([[True, True, True], [True, True, False], [True, True, False]])
    assert percent_agreement(ratings, given=given).value == pytest.approx((3 + 1) / 6)


def test_alpha_intervals_cover() -> None:
    rng, covered, runs = np.random.default_rng(5), 0, 150
    # Two raters who err one time in ten on even labels agree with p = .82, and chance is .5: alpha is .64
    for _ in range(runs):
        truth = rng.random(100) < 0.5
        ratings = np.where(rng.random((2, 100)) < 0.9, truth, ~truth).astype(float)
        found = krippendorff_alpha(ratings, rng)
        assert found is not None
        assert found.interval is not None
        covered += found.interval[0] <= 0.64 <= found.interval[1]
    assert covered / runs > 0.89


@pytest.mark.parametrize(
    ("ratings", "given", "match"),
    [
        (np.ones(4), None, r"\(raters, items\)"),
        (np.ones((2, 3)), np.ones((2, 2), dtype=bool), r"\(raters, items\)"),
        (np.ones((2, 3)), np.array([[True] * 3, [False] * 3]), "two raters"),
        (np.array([[1.0, np.nan], [1, 2]]), None, "finite"),
    ],
)
def test_ratings_that_cannot_be_compared_are_refused(ratings, given, match: str) -> None:
    for function in (percent_agreement, lambda r, given: krippendorff_alpha(r, RNG, given=given)):
        with pytest.raises(ValueError, match=match):
            function(ratings, given=given)


def test_kappa_is_of_two_raters_who_share_items() -> None:
    with pytest.raises(ValueError, match="two raters"):
        cohen_kappa(np.ones((3, 4)), RNG)
    with pytest.raises(ValueError, match="no item"):
        cohen_kappa(np.ones((2, 2)), RNG, given=np.array([[True, False], [False, True]]))

"""Thresholds of ambiguity: against binomial tails, a brute-force count, and a classifier whose error is known."""

import numpy as np
import pytest
from scipy import stats

from audit.stats.ambiguity import at_least, cross_fitted, folds, lowest_threshold, threshold_curve


def drawn(n: int, seed: int):
    """Confidences in .5 .. 1 of a classifier that is right with exactly that chance."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1, n)
    return sure, rng.random(n) > sure


def test_curve_counts_what_a_loop_counts() -> None:
    sure, wrong = drawn(60, 1)
    sure[::7] = sure[0]
    found = threshold_curve(sure, wrong)
    assert len(found.thresholds) == len(set(np.floor(sure * 1e4)))
    for threshold, read, errors, limit in zip(found.thresholds, found.read, found.wrong, found.limit, strict=True):
        kept = at_least(sure, threshold)
        assert (int(read), int(errors)) == (kept.sum(), wrong[kept].sum())
        tail = stats.binom.cdf(errors, read, limit) if errors < read else 0.05
        assert tail == pytest.approx(0.05, abs=1e-9)


def test_limits_know_that_people_are_misread_again_and_again() -> None:
    """18 people with 10 images each and an error of .15: a limit of .15 or less may be found in one of twenty only."""
    rng, people, met = np.random.default_rng(7), np.repeat(np.arange(18), 10), {"images": 0, "people": 0}
    for _ in range(300):
        wrong = rng.random(180) < np.repeat(rng.beta(0.3, 1.7, 18), 10)
        limits = {"images": threshold_curve(np.full(180, 0.9), wrong).limit[0]}
        limits["people"] = threshold_curve(np.full(180, 0.9), wrong, clusters=people).limit[0]
        met = {name: count + (limits[name] <= 0.15) for name, count in met.items()}
    assert met["images"] > 0.12 * 300
    assert met["people"] <= 0.08 * 300


def test_the_lowest_threshold_that_meets_the_target() -> None:
    curve = threshold_curve(*drawn(3000, 2))
    found = lowest_threshold(curve, 0.1)
    place = curve.thresholds.tolist().index(found)
    assert curve.limit[place] <= 0.1
    assert (curve.limit[:place] > 0.1).all()
    # above t the error is (1 - t) / 2, so .1 is met from .8 on, and its upper limit a little later
    assert 0.8 < found < 0.86
    assert lowest_threshold(curve, 1e-4) is None


def test_labels_that_are_all_wrong_meet_no_target() -> None:
    curve = threshold_curve(np.array([0.9, 0.9]), np.array([True, True]))
    assert curve.limit.tolist() == [1.0]
    assert lowest_threshold(curve, 0.99) is None


@pytest.mark.parametrize("value", [0.7, 0.29, 0.5, 0.9999, 1.0])
def test_a_label_is_read_at_the_threshold_that_it_sets(value: float) -> None:
    curve = threshold_curve(np.array([value, np.float32(value)], dtype=np.float64), np.zeros(2, dtype=bool))
    assert at_least(np.array([value]), curve.thresholds[0]).all()
    assert curve.read[0] == 2


def test_folds_keep_people_together() -> None:
    people = np.random.default_rng(0).integers(0, 40, 200)
    part = folds(people, 10, np.random.default_rng(1))
    assert all(len(set(part[people == person])) == 1 for person in set(people))
    assert set(part) == set(range(10))
    assert set(folds(["a", "b", "a"], 10, np.random.default_rng(1))) == {0, 1}


def test_held_out_error_is_honest_where_the_same_images_flatter() -> None:
    """Of 300 choices on 120 images: the error on fresh images is what cross-fitting says, and more than it looks."""
    flattered, honest, fresh = [], [], []
    for seed in range(300):
        sure, wrong = drawn(120, seed)
        part = folds(np.arange(120), 10, np.random.default_rng(seed))
        chosen = lowest_threshold(threshold_curve(sure, wrong), 0.25)
        kept = cross_fitted(sure, wrong, part, target=0.25).read
        if chosen is None or not kept.any():
            continue
        flattered.append(wrong[at_least(sure, chosen)].mean())
        honest.append(wrong[kept].mean())
        fresh.append((1 - chosen) / 2)
    assert len(fresh) > 250
    error = np.std(honest) / np.sqrt(len(honest))
    assert np.mean(flattered) < np.mean(fresh) - 2 * error
    assert abs(np.mean(honest) - np.mean(fresh)) < 3 * error + 0.005


def test_no_part_is_judged_by_itself() -> None:
    sure, wrong = np.full(20, 0.9), np.zeros(20, dtype=bool)
    wrong[:10] = True
    part = np.repeat([0, 1], 10)
    found = cross_fitted(sure, wrong, part, target=0.3)
    assert found.thresholds == (0.9, None)
    assert found.read.tolist() == [True] * 10 + [False] * 10
    with pytest.raises(ValueError, match="two parts"):
        cross_fitted(sure, wrong, np.zeros(20, dtype=np.int64), target=0.3)
    with pytest.raises(ValueError, match="one confidence and one verdict"):
        threshold_curve(np.array([]), np.array([], dtype=bool))

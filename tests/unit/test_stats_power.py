"""Promised power against simulated audits, judged by the intervals that the product reports."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from audit.stats.gaps import gap
from audit.stats.intervals import cluster_share
from audit.stats.paired import difference
from audit.stats.power import detectable_difference, power_of_deviation, power_of_difference

CASES = [(10, 10, 0.1), (12, 20, 0.2), (20, 20, 0.0), (20, 10, 0.1), (60, 5, 0.1), (60, 20, 0.2)]
AUDITS = 700
WITHIN = 0.03 + 2 * np.sqrt(0.8 * 0.2 / AUDITS)


def hits(rng: np.random.Generator, share: float, clusters: int, images: int, icc: float) -> np.ndarray:
    strength = 1 / icc - 1 if icc else 1e9
    return rng.binomial(images, rng.beta(share * strength, (1 - share) * strength, clusters)).astype(float)


@pytest.mark.parametrize(("clusters", "images", "icc"), CASES)
def test_the_difference_called_detectable_is_detected_as_often_as_promised(clusters: int, images: int, icc: float) -> None:
    rng, found = np.random.default_rng(1), 0
    apart = detectable_difference(clusters * images, clusters=clusters, icc=icc)
    for _ in range(AUDITS):
        low, high = (hits(rng, share, clusters, images, icc) for share in (0.5 - apart / 2, 0.5 + apart / 2))
        sides = [
            {f"{name}{i}": (float(hit), float(images)) for i, hit in enumerate(side)}
            for name, side in (("a", high), ("b", low))
        ]
        lowest = difference(*sides, share=True).low
        found += lowest is not None and lowest > 0
    assert abs(found / AUDITS - 0.8) < WITHIN


def test_the_gap_of_two_groups_is_judged_by_the_same_interval() -> None:
    rng = np.random.default_rng(2)
    totals, sizes = np.zeros((24, 2)), np.zeros((24, 2))
    totals[:12, 0], totals[12:, 1] = hits(rng, 0.3, 12, 20, 0.2), hits(rng, 0.7, 12, 20, 0.2)
    sizes[:12, 0] = sizes[12:, 1] = 20
    sides = [{str(i): (totals[i, k], 20.0) for i in range(24) if sizes[i, k]} for k in (1, 0)]
    moved = difference(*sides, share=True)
    assert gap(totals, sizes, share=True).interval == pytest.approx((moved.low, moved.high))


@pytest.mark.parametrize(("clusters", "images", "icc"), CASES)
def test_a_share_is_told_from_a_reference_as_often_as_promised(clusters: int, images: int, icc: float) -> None:
    rng, share = np.random.default_rng(3), 0.5 + 0.7 * detectable_difference(clusters * images, clusters=clusters, icc=icc)
    sizes, found = np.full(clusters, float(images)), 0
    for _ in range(AUDITS):
        interval = cluster_share(hits(rng, share, clusters, images, icc), sizes).interval
        found += interval is not None and interval[0] > 0.5
    promised = power_of_deviation(share, 0.5, clusters * images, clusters=clusters, icc=icc)
    assert 0.7 < promised < 0.85
    assert abs(found / AUDITS - promised) < WITHIN


def test_independent_images_have_the_power_of_the_score_test() -> None:
    # .5 against .6 with 90 % power takes 259 images: the published sample size
    assert power_of_deviation(0.6, 0.5, 259, clusters=259) >= 0.9 > power_of_deviation(0.6, 0.5, 258, clusters=258)
    textbook = NormalIndPower().power(proportion_effectsize(0.55, 0.45), 388, 0.05)
    assert power_of_difference((0.45, 0.55), 388, clusters=388) == pytest.approx(textbook, abs=0.005)


def test_power_rises_with_the_difference_and_the_sample_and_falls_with_clustering() -> None:
    power = [power_of_difference((0.5, 0.5 + apart), 400, clusters=20) for apart in (0.0, 0.1, 0.2, 0.3)]
    assert power == sorted(power)
    assert power[0] < 0.03
    assert power_of_difference((0.3, 0.5), 400, clusters=40) > power_of_difference((0.3, 0.5), 400, clusters=20)
    assert power_of_difference((0.3, 0.5), 400, clusters=20) == power_of_difference((0.5, 0.3), 400, clusters=20)
    assert power_of_difference((0.3, 0.5), 400, clusters=20, icc=0.3) < power_of_difference((0.3, 0.5), 400, clusters=20)


def test_what_cannot_be_detected_is_a_difference_of_one() -> None:
    assert detectable_difference(100, clusters=1) == 1
    assert detectable_difference(4, clusters=2) == 1
    assert power_of_difference((0.1, 0.9), 100, clusters=1) == 0
    assert power_of_deviation(0.9, 0.1, 100, clusters=1) == 0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"clusters": 6}, "clusters"),
        ({"clusters": 5, "icc": 1.5}, "icc"),
        ({"clusters": 5, "power": 0.01}, "power"),
        ({"clusters": 5, "alpha": 0.0}, "alpha"),
    ],
)
def test_bad_arguments_are_named(arguments, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        detectable_difference(5, **arguments)


def test_shares_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match="shares"):
        power_of_difference((0.5, 1.5), 100, clusters=10)
    with pytest.raises(ValueError, match="reference"):
        power_of_deviation(0.5, -0.1, 100, clusters=10)

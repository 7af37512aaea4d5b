"""Sample sizes against published figures, other implementations and simulated audits."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint, samplesize_confint_proportion

from audit.stats.intervals import cluster_share
from audit.stats.planning import (
    Design,
    best_images_per_prompt,
    effective_images,
    images_for_deviation,
    images_for_difference,
    images_for_width,
    non_inferiority_n,
)
from audit.stats.power import detectable_difference, power_of_difference

TWENTY = Design(images_per_cluster=20, icc=0.1)


@pytest.mark.parametrize(("half_width", "images"), [(0.1, 97), (0.05, 385), (0.03, 1068), (0.02, 2401)])
def test_images_for_a_width_are_the_published_figures(half_width: float, images: int) -> None:
    assert images_for_width(half_width) == images
    assert images == np.ceil(samplesize_confint_proportion(0.5, half_width))


def test_the_published_example_of_power_against_a_fixed_value() -> None:
    assert images_for_deviation(0.6, 0.5, power=0.9) == 259


@pytest.mark.parametrize(("margin", "images"), [(0.05, (1237, 1713)), (0.1, (310, 429)), (0.15, (138, 191))])
def test_images_for_non_inferiority_are_the_published_figures(margin: float, images: tuple[int, int]) -> None:
    assert (non_inferiority_n(margin, power=0.8), non_inferiority_n(margin, power=0.9)) == images


def test_images_for_equivalence_are_the_published_figures() -> None:
    assert [non_inferiority_n(0.05, power=power, equivalence=True) for power in (0.8, 0.9)] == [1713, 2165]


def test_a_thousand_images_of_twenty_prompts_are_worth_169() -> None:
    assert effective_images(20, 50, 0.1) == pytest.approx(169.5, abs=0.1)


@pytest.mark.parametrize("design", [TWENTY, Design(clusters=30, icc=0.1), Design(images_per_cluster=8, icc=0.2)])
def test_the_planned_width_is_the_mean_reported_width(design: Design) -> None:
    images = images_for_width(0.1, design=design)
    assert images is not None
    clusters = design.clusters or images // (design.images_per_cluster or 1)
    each, strength, rng = images // clusters, 1 / design.icc - 1, np.random.default_rng(1)
    assert clusters * each == images
    widths = []
    for _ in range(200):
        hits = rng.binomial(each, rng.beta(0.5 * strength, 0.5 * strength, clusters)).astype(float)
        interval = cluster_share(hits, np.full(clusters, float(each))).interval
        assert interval is not None
        widths.append(interval[1] - interval[0])
    assert np.mean(widths) / 2 == pytest.approx(0.1, rel=0.05)


def test_a_rare_share_is_planned_by_the_interval_that_is_reported() -> None:
    images = images_for_width(0.01, share=0.02)
    assert images is not None
    widths = [np.ptp(proportion_confint(0.02 * n, n, method="wilson")) / 2 for n in (images - 1, images)]
    assert widths[1] <= 0.01 < widths[0]


def test_the_images_for_a_difference_invert_the_detectable_difference() -> None:
    for design in (TWENTY, Design(clusters=40, icc=0.05)):
        images = images_for_difference((0.4, 0.6), design=design)
        assert images is not None
        clusters = design.clusters or images // 20
        assert detectable_difference(images, clusters=clusters, icc=design.icc) <= 0.2
        fewer = (images - clusters, clusters) if design.clusters else (images - 20, clusters - 1)
        assert power_of_difference((0.4, 0.6), fewer[0], clusters=fewer[1], icc=design.icc) < 0.8


def test_clusters_multiply_the_images_by_the_design_effect() -> None:
    clustered, independent = non_inferiority_n(0.05, design=TWENTY), non_inferiority_n(0.05)
    assert clustered is not None
    assert independent is not None
    assert clustered / independent == pytest.approx(1 + 19 * 0.1, rel=0.02)


def test_more_images_of_the_same_prompts_may_never_be_enough() -> None:
    few = Design(clusters=10, icc=0.2)
    assert images_for_width(0.05, design=few) is None
    assert images_for_difference((0.45, 0.55), design=few) is None
    assert images_for_deviation(0.55, 0.5, design=few) is None
    assert non_inferiority_n(0.05, design=few) is None
    assert images_for_width(0.4, design=few) == 10


@pytest.mark.parametrize(("cost_prompt", "icc"), [(10.0, 0.1), (3.0, 0.05), (0.0, 0.3), (100.0, 0.2), (5.0, 1.0)])
def test_the_best_images_per_prompt_beat_every_other_number(cost_prompt: float, icc: float) -> None:
    each = np.arange(1, 400)
    price = (cost_prompt + each) * (1 + (each - 1) * icc) / each
    assert price[best_images_per_prompt(cost_prompt, 1.0, icc) - 1] == pytest.approx(price.min())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Design(clusters=1), "clusters"),
        (lambda: Design(images_per_cluster=0), "images_per_cluster"),
        (lambda: Design(clusters=5, icc=2), "icc"),
        (lambda: images_for_width(0.0), "half_width"),
        (lambda: images_for_width(0.1, share=1.5), "share"),
        (lambda: images_for_width(0.1, design=Design()), "one of clusters"),
        (lambda: images_for_width(0.1, design=Design(10, 10)), "one of clusters"),
        (lambda: images_for_difference((0.5, 0.5)), "shares must differ"),
        (lambda: images_for_difference((0.4, 0.5), power=1.0), "power"),
        (lambda: images_for_deviation(0.5, 0.5), "must differ"),
        (lambda: non_inferiority_n(0.0), "margin"),
        (lambda: best_images_per_prompt(1.0, 1.0, 0.0), "icc"),
    ],
)
def test_bad_arguments_are_named(call, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()

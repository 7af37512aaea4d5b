"""Planned labels against simulated prediction-powered estimates."""

import numpy as np
import pytest

from audit.stats.labelling import half_width_of_labels, label_correlation, labels_for_width
from audit.stats.planning import Design

DESIGN = Design(clusters=60, images_per_cluster=20, icc=0.1)


def test_the_published_simulation_of_2000_images_and_200_labels() -> None:
    # widths .091 and .134: sensitivity .80 / .97, false positives .02 / .10 by prompt, so the correlation is about .77
    many = Design(clusters=2000, images_per_cluster=1)
    assert 2 * half_width_of_labels(200, many, correlation=0.0, share=0.37) == pytest.approx(0.134, abs=0.001)
    assert 2 * half_width_of_labels(200, many, correlation=0.77, share=0.37) == pytest.approx(0.091, abs=0.001)


def powered(labels: np.ndarray, said: np.ndarray, chosen: np.ndarray) -> float:
    """PPI++ with its tuned weight, over the images without a label."""
    here, rest = said[chosen], said[~chosen]
    weight = np.cov(labels[chosen], here)[0, 1] / ((1 + len(here) / len(rest)) * said.var())
    return float(weight * rest.mean() + (labels[chosen] - weight * here).mean())


@pytest.mark.parametrize(("clusters", "each", "icc"), [(1200, 1, 0.0), (60, 20, 0.1)])
def test_the_planned_width_is_the_spread_of_the_estimate(clusters: int, each: int, icc: float) -> None:
    rng, found, n = np.random.default_rng(2), [], 200
    strength = 1 / icc - 1 if icc else 1e9
    for _ in range(1500):
        rates = np.repeat(rng.beta(0.5 * strength, 0.5 * strength, clusters), each)
        truth = rng.random(1200) < rates
        said = np.where(rng.random(1200) < 0.9, truth, ~truth).astype(float)
        chosen = np.zeros(1200, dtype=bool)
        chosen[rng.choice(1200, n, replace=False)] = True
        found.append(powered(truth.astype(float), said, chosen))
    design = Design(clusters, each, icc)
    planned = half_width_of_labels(n, design, correlation=label_correlation(0.5, 0.9, 0.9))
    quantile = 1.96 if each == 1 else 2.001
    # what the classifier leaves unexplained is here alike by no more than chance, so clustered plans are a little wide
    assert planned / quantile == pytest.approx(np.std(found), rel=0.05 if each == 1 else 0.12)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("design", [DESIGN, Design(20, 50, 0.05), Design(1200, 1), Design(400, 3, 1.0)])
def test_the_labels_for_a_width_are_the_fewest(correlation: float, design: Design) -> None:
    for half_width in (0.3, 0.1, 0.06, 0.045):
        labels = labels_for_width(half_width, design, correlation=correlation)
        if labels is None:
            images = (design.clusters or 0) * (design.images_per_cluster or 0)
            assert half_width_of_labels(images, design, correlation=correlation) > half_width
            continue
        assert half_width_of_labels(labels, design, correlation=correlation) <= half_width + 1e-9
        if labels > 1:
            assert half_width_of_labels(labels - 1, design, correlation=correlation) > half_width


def test_labelling_all_is_the_plain_interval_and_a_perfect_classifier_needs_one() -> None:
    all_images = 1200
    plain = half_width_of_labels(all_images, DESIGN, correlation=0.0)
    assert half_width_of_labels(all_images, DESIGN, correlation=0.9) == pytest.approx(plain)
    assert labels_for_width(plain + 1e-9, DESIGN, correlation=1.0) == 1
    assert labels_for_width(plain * 0.99, DESIGN, correlation=1.0) is None


def test_the_correlation_of_a_classifier_is_that_of_its_table() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(400_000) < 0.2
    said = np.where(truth, rng.random(400_000) < 0.8, rng.random(400_000) < 0.05)
    assert label_correlation(0.2, 0.8, 0.95) == pytest.approx(np.corrcoef(truth, said)[0, 1], abs=0.005)
    assert label_correlation(0.0, 0.8, 0.95) == 0
    assert label_correlation(0.5, 1.0, 0.0) == 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: half_width_of_labels(0, DESIGN, correlation=0.5), "labels"),
        (lambda: half_width_of_labels(1201, DESIGN, correlation=0.5), "labels"),
        (lambda: half_width_of_labels(10, DESIGN, correlation=1.5), "correlation"),
        (lambda: half_width_of_labels(10, DESIGN, correlation=0.5, share=-1), "share"),
        (lambda: half_width_of_labels(10, Design(clusters=5), correlation=0.5), "both"),
        (lambda: labels_for_width(0.0, DESIGN, correlation=0.5), "half_width"),
        (lambda: label_correlation(0.5, 1.2, 0.9), "sensitivity"),
    ],
)
def test_bad_arguments_are_named(call, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()

"""Shares by EM against quapy and planted shifts; temperature against planted miscalibration."""

import numpy as np
import pytest
from quapy.method.aggregative import EMQ

from audit.stats.intervals import FloatArray
from audit.stats.posteriors import label_shift, temperature

# golden.json: sld_em
POSTERIORS = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.55, 0.45]])


def test_em_gives_the_golden_shares() -> None:
    found = label_shift(POSTERIORS, np.array([0.5, 0.5]))
    assert found.shares == pytest.approx(np.array([0.73482959, 0.26517041]), abs=5e-9)
    assert found.converged
    assert found.posteriors.mean(axis=0) == pytest.approx(found.shares, abs=1e-12)


@pytest.mark.parametrize("levels", [2, 5])
def test_em_agrees_with_quapy(levels: int) -> None:
    rng = np.random.default_rng(levels)
    posteriors, prior = rng.dirichlet(np.full(levels, 0.4), 300), rng.dirichlet(np.full(levels, 5.0))
    shares, shifted = EMQ.EM(prior, posteriors, epsilon=1e-13)
    found = label_shift(posteriors, prior, tolerance=1e-13)
    assert found.shares == pytest.approx(shares, abs=1e-9)
    assert found.posteriors == pytest.approx(shifted, abs=1e-8)


def test_em_finds_a_planted_shift_of_the_mix() -> None:
    rng = np.random.default_rng(3)
    seen = rng.random(40_000) < 0.12
    reading = rng.normal(np.where(seen, 1.0, -1.0), 1.0)  # P(seen | reading) at equal shares is logistic in 2 * reading
    chance = 1 / (1 + np.exp(-2 * reading))
    found = label_shift(np.stack([1 - chance, chance], axis=1), np.array([0.5, 0.5]))
    assert found.shares[1] == pytest.approx(seen.mean(), abs=0.01)
    assert abs(chance.mean() - seen.mean()) > 0.08


def test_iterations_that_run_out_are_reported() -> None:
    found = label_shift(POSTERIORS, np.array([0.5, 0.5]), iterations=3)
    assert (found.iterations, found.converged) == (3, False)


@pytest.mark.parametrize(
    ("posteriors", "prior", "message"),
    [
        (np.array([[0.5, 0.6]]), np.array([0.5, 0.5]), "posteriors"),
        (np.zeros((0, 2)), np.array([0.5, 0.5]), "posteriors"),
        (np.array([[0.5, 0.5]]), np.array([1.0, 0.0]), "prior"),
        (np.array([[0.5, 0.5]]), np.ones(3) / 3, "prior"),
    ],
)
def test_what_is_no_probability_is_named(posteriors: FloatArray, prior: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        label_shift(posteriors, prior)


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_temperature_finds_planted_overconfidence(planted: float) -> None:
    rng = np.random.default_rng(5)
    scores = rng.normal(0, 2, (20_000, 4))
    labels = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)  # softmax(scores) is calibrated
    assert temperature(scores * planted, labels) == pytest.approx(planted, rel=0.03)


def test_temperature_is_where_the_likelihood_has_no_slope() -> None:
    rng = np.random.default_rng(6)
    logits = rng.normal(0, 3, (500, 3))
    labels = np.where(rng.random(500) < 0.7, logits.argmax(axis=1), rng.integers(0, 3, 500))
    found = temperature(logits, labels)
    chances = np.exp(logits / found)
    chances /= chances.sum(axis=1, keepdims=True)
    assert logits[np.arange(500), labels].mean() == pytest.approx((chances * logits).sum(axis=1).mean(), abs=1e-5)


def test_readings_all_right_or_all_wrong_end_near_the_limits() -> None:
    assert temperature(np.eye(3) * 2, np.arange(3)) < 0.1
    assert temperature(-np.eye(3) * 2, np.arange(3)) > 99


def test_logits_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        temperature(np.array([[0.0, -np.inf]]), np.array([0]))
    for labels in (np.array([2]), np.array([0, 1])):
        with pytest.raises(ValueError, match="labels must be 1 integers"):
            temperature(np.zeros((1, 2)), labels)

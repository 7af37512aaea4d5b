"""Prediction-powered shares against ppi_py, published formulas, closed forms, and simulated coverage."""

import numpy as np
import pytest
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

from audit.stats.intervals import FloatArray, wilson
from audit.stats.prediction_powered import (
    LabelledSubset,
    PredictionPowered,
    ppi_mean,
    prediction_powered_share,
    prediction_powered_shares,
)

# golden.json: ppi_mean (ppi-python 0.2.3, variances with ddof 0)
SEEN = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 1], dtype=float)
READ = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1, 1], dtype=float)
UNSEEN = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1], dtype=float)


@pytest.mark.parametrize(
    ("power", "low", "high"), [(1.0, 0.24939098, 0.95060902), (0.0, 0.29636369, 0.90363631), (None, 0.33297258, 0.86702742)]
)
def test_ppi_mean_gives_the_golden_intervals(power: float | None, low: float, high: float) -> None:
    found = ppi_mean(SEEN, READ, UNSEEN, power=power)
    assert found.interval == pytest.approx((low, high), abs=5e-9)
    assert power != 1 or found.value == pytest.approx(0.6, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("power", [None, 0.0, 0.7, 1.0])
def test_ppi_mean_agrees_with_ppi_py(seed: int, power: float | None) -> None:
    rng = np.random.default_rng(seed)
    seen = (rng.random(60) < 0.3).astype(float)
    read, unseen = np.clip(0.6 * seen + 0.4 * rng.random(60), 0, 1), rng.random(500)
    found = ppi_mean(seen, read, unseen, power=power, confidence=0.9)
    low, high = ppi_mean_ci(seen, read, unseen, alpha=0.1, lam=power)
    assert found.interval == pytest.approx((low.item(), high.item()), abs=1e-9)
    if power is not None:
        assert found.value == pytest.approx(
            float(np.squeeze(ppi_mean_pointestimate(seen, read, unseen, lam=power))), abs=1e-9
        )


def test_ppi_mean_without_spread_and_without_images() -> None:
    constant = ppi_mean(np.ones(3), np.ones(3), np.ones(5))
    assert (constant.value, constant.power, constant.interval) == (1.0, 0.0, (1.0, 1.0))
    with pytest.raises(ValueError, match="unlabelled not empty"):
        ppi_mean(np.ones(3), np.ones(3), np.ones(0))


def _independent(seed: int, n: int, whole: int) -> LabelledSubset:
    rng = np.random.default_rng(seed)
    seen = (rng.random(whole) < 0.4).astype(float)
    read = np.where(rng.random(whole) < 0.1, 1 - seen, seen)
    drawn = rng.choice(whole, n, replace=False)
    return LabelledSubset(read, np.arange(whole), drawn, seen[drawn])


@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_that_of_ppi_py_at_its_own_power(seed: int) -> None:
    audit = _independent(seed, 100, 1000)
    found = prediction_powered_share(audit)
    others = np.delete(audit.predictions, audit.labelled)
    published = ppi_mean_pointestimate(audit.labels, audit.predictions[audit.labelled], others, lam=found.power)
    assert found.value == pytest.approx(float(np.squeeze(published)), abs=1e-9)
    assert (found.labelled, found.unlabelled, found.clusters) == (100, 900, 1000)


def test_with_many_labels_of_independent_images_the_interval_is_that_of_ppi_py() -> None:
    audit = _independent(7, 6000, 60_000)
    found = prediction_powered_share(audit)
    others = np.delete(audit.predictions, audit.labelled)
    low, high = ppi_mean_ci(audit.labels, audit.predictions[audit.labelled], others, alpha=0.05)
    assert found.interval == pytest.approx((low.item(), high.item()), abs=2e-4)


def test_inclusion_probabilities_undo_an_uneven_draw() -> None:
    rng = np.random.default_rng(2)
    seen = (rng.random(4000) < 0.2).astype(float)
    read = np.where(rng.random(4000) < 0.15, 1 - seen, seen)
    values = {"weighted": [], "ignored": []}
    for _ in range(150):
        taken = np.where(read > 0, 0.2, 0.02)
        drawn = np.flatnonzero(rng.random(4000) < taken)
        audit = LabelledSubset(read, np.arange(4000) // 50, drawn, seen[drawn], taken[drawn])
        values["weighted"].append(prediction_powered_share(audit).value - seen.mean())
        plain = LabelledSubset(np.zeros(4000), np.arange(4000) // 50, drawn, seen[drawn])
        values["ignored"].append(prediction_powered_share(plain).value - seen.mean())
    error = np.std(values["weighted"]) / np.sqrt(150)
    assert abs(np.mean(values["weighted"])) < 3 * error + 0.001
    assert np.mean(values["ignored"]) > 0.1


def test_a_constant_classifier_leaves_the_labels_alone() -> None:
    audit = _independent(3, 80, 400)
    blind = LabelledSubset(np.full(400, 0.7), audit.clusters, audit.labelled, audit.labels)
    found = prediction_powered_share(blind)
    assert found.value == pytest.approx(audit.labels.mean(), abs=1e-12)
    assert found.power == 0
    assert found.interval is not None
    assert found.interval[1] - found.interval[0] == pytest.approx(np.ptp(wilson(audit.labels.sum(), 80)), rel=0.05)


def test_no_label_of_the_rarer_kind_still_gives_an_interval_with_width() -> None:
    drawn = np.arange(0, 600, 12)
    found = prediction_powered_share(LabelledSubset(np.zeros(600), np.arange(600) // 30, drawn, np.zeros(50)))
    assert found.value == 0
    assert found.interval is not None
    assert found.interval[0] == 0
    assert 0.08 < found.interval[1] < 0.15


def test_labels_of_one_cluster_give_no_interval() -> None:
    found = prediction_powered_share(LabelledSubset(READ, np.arange(10) // 5, np.arange(5), SEEN[:5]))
    assert found.interval is None
    assert "no interval" in found.method


def test_every_image_labelled_needs_no_classifier() -> None:
    found = prediction_powered_share(LabelledSubset(READ, np.arange(10) // 2, np.arange(10), SEEN))
    assert (found.value, found.power, found.unlabelled) == (pytest.approx(0.6), 0.0, 0)


def test_two_labels_mirror_each_other_and_more_are_simultaneous() -> None:
    one = _independent(5, 60, 600)
    read, seen = (np.stack([1 - part, part], axis=1) for part in (one.predictions, one.labels))
    absent, present = prediction_powered_shares(LabelledSubset(read, one.clusters, one.labelled, seen))
    assert present.interval == pytest.approx(prediction_powered_share(one).interval, abs=1e-12)
    assert absent.value + present.value == pytest.approx(1, abs=1e-12)
    assert absent.interval == pytest.approx(tuple(1 - end for end in present.interval[::-1]), abs=1e-12)
    three = LabelledSubset(
        np.column_stack([read, np.zeros(600)]), one.clusters, one.labelled, np.column_stack([seen, np.zeros(60)])
    )
    wider = prediction_powered_shares(three)
    assert wider[1].interval == pytest.approx(prediction_powered_share(one, confidence=1 - 0.05 / 3).interval, abs=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labelled": np.array([0, 0])}, "different positions"),
        ({"labelled": np.array([0, 10])}, "different positions"),
        ({"labelled": np.zeros(0, dtype=int), "labels": np.zeros(0)}, "different positions"),
        ({"labels": np.zeros(3)}, "must agree"),
        ({"clusters": np.zeros(9, dtype=int)}, "must agree"),
        ({"labels": np.array([0.0, 2.0])}, "lie in 0 .. 1"),
        ({"predictions": np.full(10, np.nan)}, "lie in 0 .. 1"),
        ({"inclusion": np.array([0.0, 1.0])}, "inclusion must be 2"),
    ],
)
def test_what_is_no_labelled_subset_is_refused(changed: dict[str, FloatArray], message: str) -> None:
    whole = {"predictions": READ, "clusters": np.arange(10), "labelled": np.array([0, 3]), "labels": np.ones(2)}
    with pytest.raises(ValueError, match=message):
        LabelledSubset(**(whole | changed))  # type: ignore[arg-type]


def test_one_column_and_several_are_not_mistaken_for_each_other() -> None:
    one = LabelledSubset(READ, np.arange(10), np.array([0, 3]), np.ones(2))
    several = LabelledSubset(np.ones((10, 3)), np.arange(10), np.array([0, 3]), np.ones((2, 3)))
    with pytest.raises(ValueError, match="one label"):
        prediction_powered_share(several)
    with pytest.raises(ValueError, match="shape"):
        prediction_powered_shares(one)


def _audits(
    share: float, labels: int, clusters: int, rho: float, repeats: int
) -> list[tuple[PredictionPowered, PredictionPowered]]:
    """Product default and published PPI++ for audits whose classifier is worse on every other prompt.

    Sensitivity .97 and .8, false positives .02 and .1; 50 images a prompt.
    """
    rng = np.random.default_rng([round(share * 100), labels, clusters, round(rho * 100)])
    member = np.repeat(np.arange(clusters), 50)
    poor = member % 2 == 1
    found = []
    for _ in range(repeats):
        rates = rng.beta(share * (1 / rho - 1), (1 - share) * (1 / rho - 1), clusters) if rho else np.full(clusters, share)
        seen = (rng.random(len(member)) < rates[member]).astype(float)
        hit, false = np.where(poor, 0.8, 0.97), np.where(poor, 0.1, 0.02)
        read = (rng.random(len(member)) < np.where(seen > 0, hit, false)).astype(float)
        drawn = rng.choice(len(member), labels, replace=False)
        plain = ppi_mean(seen[drawn], read[drawn], np.delete(read, drawn))
        found.append((prediction_powered_share(LabelledSubset(read, member, drawn, seen[drawn])), plain))
    return found


def _covered(found: list[PredictionPowered], share: float) -> float:
    return float(np.mean([one.interval is None or one.interval[0] <= share <= one.interval[1] for one in found]))


@pytest.mark.parametrize(
    ("share", "labels", "clusters", "rho"), [(0.02, 50, 20, 0.2), (0.1, 200, 20, 0.2), (0.5, 200, 60, 0.05)]
)
def test_the_interval_covers_where_errors_depend_on_the_prompt(
    share: float, labels: int, clusters: int, rho: float
) -> None:
    ours, plain = zip(*_audits(share, labels, clusters, rho, 300), strict=True)
    assert _covered(list(ours), share) > 0.935 - 2 * np.sqrt(0.95 * 0.05 / 300)
    assert _covered(list(plain), share) < _covered(list(ours), share)
    assert abs(np.mean([one.value for one in ours]) - share) < 0.004


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("clusters", [10, 20, 60])
@pytest.mark.parametrize("labels", [50, 200])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_coverage_in_full(share: float, labels: int, clusters: int, rho: float) -> None:
    ours = [ours for ours, _ in _audits(share, labels, clusters, rho, 2000)]
    assert _covered(ours, share) >= 0.935

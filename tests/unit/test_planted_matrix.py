"""The matrix of planted designs: its worlds hold what they plant, its methods are the product's, and it is honest."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metric_tables import Column, World, prompt
from phantom_banks import perfect_bank

from audit.component import Context
from audit.human_labels import HumanLabels
from audit.label_sample import allocate
from audit.metrics.representation import Representation
from audit.records import Finding
from audit.stats.intervals import cluster_share, design_effect
from audit.stats.prediction_powered import LabelledSubset, prediction_powered_share
from benchmarks import planted_matrix, planted_phantom_audits
from benchmarks.planted_matrix import cells, measured
from benchmarks.planted_matrix_methods import ERRORS, INTERVAL, TEST, Method, _lang_reiczigel
from benchmarks.planted_matrix_tables import Result, as_promised, bound_of_all, summary
from benchmarks.planted_matrix_worlds import (
    LABELS,
    LEAST_IN_STRATUM,
    RATES,
    RATES_BY_PROMPT,
    RATES_OF_THREE,
    Audit,
    Design,
    calibration,
    drawn_for_labels,
    misread,
)

# ------------------------------------------------------------------------------------------------------- worlds


@pytest.mark.parametrize("correlation", [0.0, 0.2])
@pytest.mark.parametrize("levels", [2, 3])
def test_a_design_has_its_shares_and_its_correlation(correlation: float, levels: int) -> None:
    design = Design(0.1, 4000, 10, correlation, levels=levels)
    audit = design.audit(np.random.default_rng(1))
    counts = audit.counts(audit.label)
    assert counts.shape == (4000, levels)
    assert counts.sum(axis=0) / 40_000 == pytest.approx(design.shares, abs=0.012)
    assert design.shares.sum() == pytest.approx(1)
    found = design_effect(counts[:, 0], counts.sum(axis=1), counts[:, 0])
    assert found == pytest.approx(1 + 9 * correlation, rel=0.1)


def test_uneven_prompts_have_as_many_images_on_average() -> None:
    audit = Design(0.5, 2000, 20, 0.0, uneven=True).audit(np.random.default_rng(2))
    sizes = np.bincount(audit.clusters)
    assert (sizes.min(), sizes.max()) == (1, 39)
    assert sizes.mean() == pytest.approx(20, abs=0.8)


@pytest.mark.parametrize("rates", [RATES, RATES_BY_PROMPT, RATES_OF_THREE])
def test_a_classifier_errs_as_planted(rates: np.ndarray) -> None:
    levels = rates.shape[-1]
    audit = Design(0.5, 40, 3000, 0.0, levels=levels).audit(np.random.default_rng(3))
    read = misread(audit, rates, np.random.default_rng(4))
    kinds = rates.reshape(-1, levels, levels)
    for kind, planted in enumerate(kinds):
        assert planted.sum(axis=0) == pytest.approx(np.ones(levels))
        of_kind = audit.clusters % len(kinds) == kind
        for true in range(levels):
            found = np.bincount(read[of_kind & (audit.label == true)], minlength=levels)
            assert found / found.sum() == pytest.approx(planted[:, true], abs=0.015)
    if rates.ndim == 2:
        counts = sum(calibration(rates, np.random.default_rng(seed)) for seed in range(50))
        assert counts / 5000 == pytest.approx(rates, abs=0.02)


def test_labels_are_drawn_by_reading_with_their_probability() -> None:
    rng = np.random.default_rng(5)
    read = (rng.random(2000) < 0.98).astype(int)
    drawn = drawn_for_labels(read, rng)
    assert len(drawn.rows) == len(set(drawn.rows.tolist())) == LABELS
    assert (np.diff(drawn.rows) > 0).all()
    rare = int((read[drawn.rows] == 0).sum())
    assert rare == LEAST_IN_STRATUM
    for value, count in ((0, rare), (1, LABELS - rare)):
        assert drawn.inclusion[read[drawn.rows] == value] == pytest.approx(count / (read == value).sum())
    for few in (3, 15, 90, 700, 1000):  # as many of each as the product's own export draws
        some = np.repeat([0, 1], [few, 2000 - few])
        counts = np.bincount(some[drawn_for_labels(some, rng).rows], minlength=2)
        assert np.abs(counts - allocate([few, 2000 - few], [False, False], LABELS)).max() <= 1
    everything = drawn_for_labels(read[:60], rng)
    assert everything.inclusion == pytest.approx(np.ones(60))
    assert drawn_for_labels(np.ones(300, dtype=int), rng).inclusion == pytest.approx(np.full(200, 2 / 3))


# ------------------------------------------------------------------------------------------ methods of the product

GENDER = "attributes.perceived_gender"
LEVELS = ("feminine", "masculine")


def _audited(audit: Audit, read: np.ndarray) -> Context:
    """The same audit as a run has it."""
    world = World().declare(attributes=Column("perceived_gender", "label", "Perceived gender", levels=LEVELS))
    index = np.zeros(audit.clusters[-1] + 1, dtype=int)
    probes = [prompt(f"prompt {number}") for number in range(len(index))]
    for cluster, label in zip(audit.clusters.tolist(), read.tolist(), strict=True):
        world.draw("model", probes[cluster], int(index[cluster]), {GENDER: LEVELS[label]})
        index[cluster] += 1
    return world.context()


def _share(context: Context, **params: object) -> Finding:
    metric = Representation.model_validate({"column": GENDER, "by": []} | params)
    found = [one.finding for one in metric.measure("r", context)]
    return next(one for one in found if one.metric == "r.share" and one.where["label"] == LEVELS[0])


def _ends(finding: Finding) -> tuple[float, float]:
    assert finding.interval is not None
    return finding.interval.low, finding.interval.high


def test_without_error_the_product_gives_the_interval_of_the_matrix() -> None:
    audit = Design(0.1, 12, 20, 0.2, uneven=True).audit(np.random.default_rng(6))
    counts = audit.counts(audit.label)
    found = _share(_audited(audit, audit.label))
    assert _ends(found) == pytest.approx(cluster_share(counts[:, 0], counts.sum(axis=1)).interval)
    assert found.correction == "uncorrected"


def test_with_a_stated_confusion_matrix_the_product_gives_the_interval_of_the_matrix(tmp_path: Path) -> None:
    audit = Design(0.5, 12, 20, 0.05).audit(np.random.default_rng(7))
    read, matrix = misread(audit, RATES, np.random.default_rng(8)), calibration(RATES, np.random.default_rng(9))
    stated = {true: {said: int(matrix[j, k]) for j, said in enumerate(LEVELS)} for k, true in enumerate(LEVELS)}
    (tmp_path / "counts.json").write_text(json.dumps({"images": "other images", "counts": stated}))
    found = _share(_audited(audit, read), calibration=tmp_path / "counts.json")
    assert _ends(found) == pytest.approx(_lang_reiczigel(audit.counts(read), matrix))
    assert found.correction == "confusion matrix"


def test_with_labels_the_product_gives_the_interval_of_the_matrix() -> None:
    audit = Design(0.3, 12, 40, 0.05).audit(np.random.default_rng(10))
    read = misread(audit, RATES_BY_PROMPT, np.random.default_rng(11))
    drawn, context = drawn_for_labels(read, np.random.default_rng(12)), _audited(audit, read)
    told = HumanLabels(
        generator=np.full(len(drawn.rows), "model", dtype=object),
        probe=context.table.probe_ids[drawn.rows],
        index=np.asarray(context.table.column("index"))[drawn.rows].astype(np.int64),
        image=context.table.images[drawn.rows],
        label=np.array(LEVELS, dtype=object)[audit.label[drawn.rows]],
        inclusion=drawn.inclusion,
        raters=1,
    )
    seen, guessed = (np.asarray(label == 0, dtype=float) for label in (audit.label, read))
    subset = LabelledSubset(guessed, audit.clusters, drawn.rows, seen[drawn.rows], drawn.inclusion)
    found = _share(replace(context, labels={GENDER: told}))
    assert _ends(found) == pytest.approx(prediction_powered_share(subset).interval)
    assert found.correction == "labels"


# --------------------------------------------------------------------------------------------------------- results


def test_the_matrix_has_every_design_of_the_promise() -> None:
    found = cells()
    for errors in ("none", "even", "by prompt, 200 labels"):
        designs = {(d.share, d.prompts, d.correlation) for kind, d in found if kind == errors and d.images == 20}
        assert designs == {(s, p, r) for s in (0.02, 0.1, 0.5) for p in (10, 20, 60) for r in (0.0, 0.05, 0.2)}
    assert {errors for errors, _ in found} == set(ERRORS)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("errors", list(ERRORS))
def test_every_kind_of_error_has_an_interval_of_the_product_that_covers(errors: str) -> None:
    found = measured(errors, Design(0.5, 20, 20, 0.05, levels=3 if "three" in errors else 2), 60)
    assert found == measured(errors, found[0].design, 60)
    ours = [one for one in found if one.method.ours and one.method.kind == INTERVAL]
    assert len(ours) == 1
    assert ours[0].rate > 0.85
    assert 0 < ours[0].width < 0.5
    assert not ours[0].refused


def test_methods_that_forget_are_found_out() -> None:
    rates = {one.method.name: one for one in measured("none", Design(0.1, 10, 50, 0.2), 150)}
    assert rates["Wilson, images as if independent"].short
    assert rates["Wilson, images as if independent"].rate < 0.7
    assert not rates["cluster_share"].short
    rates = {one.method.name: one for one in measured("by prompt, 200 labels", Design(0.5, 60, 20, 0.0), 80)}
    assert rates["uncorrected"].short
    assert rates["lang_reiczigel, calibrated on photographs"].rate < rates["prediction_powered_share"].rate


def _result(rate: float, method: Method, audits: int = 2000) -> Result:
    return Result("none", method, Design(0.5, 10, 20, 0.0), audits, rate, 0.1, 0)


def test_what_breaks_a_promise_and_what_does_not() -> None:
    ours, theirs, test = Method("ours"), Method("theirs", ours=False), Method("test", TEST)
    assert as_promised([_result(0.93, ours), _result(0.5, theirs), _result(0.059, test)])
    assert not as_promised([_result(0.9, ours)])
    assert not as_promised([_result(0.09, test)])
    assert _result(0.99, ours).wide
    assert not _result(0.98, ours).wide
    assert _result(1.0, ours).error > 0
    one, many = (bound_of_all([_result(0.05, test)] * n) for n in (1, 300))
    assert one == pytest.approx(0.05 + 1.959964 * np.sqrt(0.05 * 0.95 / 2000), abs=0.001)
    assert many > one
    # That is the 97.5 % quantile of the largest of so many rates, all of true tests.
    largest = np.random.default_rng(13).binomial(2000, 0.05, (4000, 300)).max(axis=1) / 2000
    assert np.mean(largest <= many) > 0.97


def test_the_program_prints_saves_and_fails_where_something_is_not_as_promised(tmp_path: Path, monkeypatch, capsys) -> None:
    some = [(errors, design) for errors, design in cells() if design.prompts == 10 and design.images == 20][::9]
    monkeypatch.setattr(planted_matrix, "cells", lambda: some)
    assert planted_matrix.main(["--quick", "--save", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "as promised" in out
    told = json.loads((tmp_path / "planted_matrix.json").read_text())
    rows = [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
    assert {row["errors"] for row in rows} == {errors for errors, _ in some}
    assert all(0 <= row["rate"] <= 1 and row["audits"] == 50 for row in rows)
    text = (tmp_path / "planted_matrix.md").read_text()
    table = re.search(r"## Errors none: cluster_share\n\n(\|.*\|\n)+", text)
    assert table is not None
    assert "| 0.02 | 10 x 20 |" in table[0]
    monkeypatch.setattr(planted_matrix, "run", lambda *_: [_result(0.5, Method("cluster_share"))])
    assert planted_matrix.main(["--quick"]) == 1
    assert "NOT AS PROMISED" in capsys.readouterr().out


def test_the_summary_names_what_covers_too_little() -> None:
    lines = list(summary([_result(0.5, Method("x")), _result(0.99, Method("x")), _result(0.08, Method("t", TEST))]))
    assert lines[0] == "errors none: x: 2 designs, 0.500 to 0.990; 1 cover less than 0.935, 1 more than 0.975; 0 refused"
    assert "1 in more than 0.0597" in lines[1]


# --------------------------------------------------------------------------------------------------------- phantom


def test_audits_of_the_phantom_hold_its_rates_and_find_what_is_hidden() -> None:
    skewed, even = (perfect_bank(name, 3000) for name in ("skewed", "even"))
    rows = {row.what: row for row in planted_phantom_audits.contained(skewed, 3, 1)}
    assert rows["representation.share of presentation, an occupation among 1,200 images"].value > 0.85
    found = planted_phantom_audits.false_findings(even, 4, 2)
    assert all(row.value <= 0.25 and row.met for row in found)
    power, uneven, *_ = planted_phantom_audits.hidden_skew(skewed, 2, 3)
    assert (power.value, power.met) == (1.0, True)
    assert uneven.value <= 0.5


def test_a_draw_that_is_taken_twice_is_two_draws() -> None:
    bank = perfect_bank("skewed", 3000)
    table = planted_phantom_audits.drawn_again(bank, planted_phantom_audits.silent(bank), np.random.default_rng(4))
    assert len(table) == len(set(table.column("seed").tolist())) == 1200
    assert len(set(table.images[table.images != ""].tolist())) == (table.outcome == "made").sum()
    sizes = np.unique(table.axis("occupation").astype(str), return_counts=True)[1]
    assert (sizes == 100).all()

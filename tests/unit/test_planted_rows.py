"""The rows of the planted-truth benchmark: what is counted, when a row is not as promised, and how rows are summed up."""

import numpy as np
import pytest

from audit.panels import Intervals, Span
from audit.records import Finding, Interval
from benchmarks.planted_compared import judged_rows
from benchmarks.planted_coverage import Trials, Truth, at, beyond_chance, counted
from benchmarks.planted_rows import AMPLIFIED, COPIES, COVERAGE, GATES, Cover, Row, Tally, show, summary


def finding(low: float, high: float, *, estimate: float = 0.5, metric: str = "presentation.skew", **where: str) -> Finding:
    return Finding(
        metric=metric,
        title="t",
        protocol="p",
        generator="model",
        where=where,
        estimate=estimate,
        interval=Interval(low=low, high=high),
        confidence=0.95,
        unit="",
        better="none",
        n=1,
        n_missing=0,
        clusters=1,
        method="m",
    )


def covered(share: float, audits: int = 1000) -> Row:
    tally = Tally(COVERAGE, "s")
    for number in range(audits):
        tally.cover("x", [Cover(number < audits * share, 1.0)])
    (row,) = tally.coverage()
    return row


def test_only_intervals_that_hold_the_truth_are_counted() -> None:
    tally = Tally(COVERAGE, "s")
    truths = {at("presentation.skew", o="a"): Truth(0.3, "skew"), at("presentation.skew", o="b"): Truth(0.9, "skew")}
    for high in (0.4, 0.2):
        found = [finding(0.1, high, o="a"), finding(0.8, 1.0, o="b"), finding(0, 1, o="told by nobody")]
        counted(found, truths, tally)
    (row,) = tally.coverage()
    assert (row.what, row.audits, row.value) == ("skew", 2, 0.75)
    assert row.error == pytest.approx(0.25)
    assert row.note == "width 0.2; lowest of 2 cells 0.500: o a"


@pytest.mark.parametrize(
    ("share", "met", "note"),
    [
        (0.95, True, "width 1"),
        (0.93, True, "width 1"),
        (0.90, False, "width 1; covers less than 0.935"),
        (0.98, True, "width 1"),
        (0.99, True, "width 1; covers more than 0.975"),
    ],
)
def test_a_row_says_when_it_covers_less_or_more(share: float, met: bool, note: str) -> None:
    row = covered(share)
    assert (row.met, row.note) == (met, note)
    assert row.error == pytest.approx(np.sqrt(share * (1 - share) / 1000), rel=0.01)


def test_where_nothing_is_promised_no_row_is_judged() -> None:
    tally = Tally(COVERAGE, "s")
    for _ in range(100):
        tally.cover("x", [Cover(False, 1.0)])
    (row,) = tally.coverage("few prompts")
    assert (row.met, row.note) == (None, "width 1; few prompts")
    assert summary([row, row])[0].note == "lowest 0.000 +- 0.003: s; not judged, few prompts"
    assert row.error > 0


def test_a_skew_is_beyond_chance_where_it_leaves_the_band_and_a_null_is_told_from_an_effect() -> None:
    trials = Trials("s")
    truths = {at("presentation.skew"): Truth(0.0, "skew"), at("gap_share.gap"): Truth(0.2, "gap")}
    row = Span(label="all", estimate=0.1, low=0.0, high=1.0, n=10)
    panel = Intervals(title="t", summary="s", rows=(row,), band=(0.0, 0.0916666))
    for estimate in (0.0916666, 0.1):  # the first is exactly as large as chance makes it, and so not beyond
        found = finding(0, 1, estimate=estimate).model_copy(update={"panels": (panel,)})
        beyond_chance([found], truths, trials)
    for p_value in (0.026, 0.025, 0.001):
        found = finding(0, 1, estimate=0.1, metric="gap_share.gap").model_copy(update={"p_value": p_value})
        beyond_chance([found], truths, trials)
    skew, gap = trials.rows(0.025)
    assert (skew.what.partition(":")[0], skew.value, skew.met) == ("type I", 0.5, True)
    assert (gap.what.partition(":")[0], gap.value, gap.met) == ("power", pytest.approx(2 / 3), None)


@pytest.mark.parametrize(
    ("truth", "wrong"), [(0.0, {"FAIL"}), (0.05, {"PASS", "FAIL"}), (0.1, {"PASS"})], ids=["inside", "on it", "beyond"]
)
def test_the_wrong_verdict_is_judged_wherever_the_truth_lies(truth: float, wrong: set[str]) -> None:
    judged = Tally(GATES, "s")
    for number in range(400):
        for verdict in ("PASS", "INCONCLUSIVE", "FAIL"):
            judged.add(f"margin: {verdict}", [number < 100])
    rows = judged_rows(judged, truth, 0.05)
    assert {row.what.partition(": ")[2] for row in rows if row.met is False} == wrong
    assert {row.what.partition(": ")[2] for row in rows if row.met is not None} == wrong


def test_a_summary_keeps_the_worst_and_joins_verdicts(capsys) -> None:
    rows = [Row(COVERAGE, "x", s, 10, v, 0.01, "", v > 0.9) for s, v in (("a", 0.96), ("b", 0.9))]
    rows += [Row(COVERAGE, "x", "c", 10, 0.99, 0.01, "width 1; covers more than 0.975", True)]
    rows += [Row(GATES, "m: PASS", "a", 10, 0.8, 0.0), Row(GATES, "m: FAIL", "a", 10, 0.2, 0.0, "nominal", False)]
    rows += [Row(COPIES, "x", "a", 10, 0.1, 0.0), Row(COPIES, "x", "b", 10, 0.2, 0.0)]
    rows += [Row(AMPLIFIED, f"by occupation: {who}", "m", 10, v, 0.03) for who, v in (("chef", 0.1), ("judge", -0.3))]
    found = summary(rows)
    assert len(found) == 5
    assert (found[0].value, found[0].met, found[0].audits) == (pytest.approx(0.95), False, 30)
    assert found[0].note == "lowest 0.900 +- 0.010: b; 1 cover less than 0.935; 1 cover more than 0.975"
    assert (found[1].value, found[1].met) == (0.8, False)
    assert found[1].note == "PASS 0.800, FAIL 0.200; FAIL in error: nominal"
    assert (found[4].what, found[4].value) == ("by occupation, mean of 2", pytest.approx(-0.1))
    assert found[4].error == pytest.approx(0.03 / np.sqrt(2))
    assert found[4].note == "between judge -0.300 +- 0.030 and chef +0.100 +- 0.030"
    show(found)
    out = capsys.readouterr().out
    assert "coverage of 95 % intervals (+-: 1 standard error)" in out
    assert "amplification: model less table (+-: half the 95 % interval)" in out

"""The benchmark of planted truth: its experiments find what was planted, a planted fault too, and the program is honest."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import planted
from benchmarks.planted_arms import ArmsCoverage
from benchmarks.planted_compared import Comparison, Planned
from benchmarks.planted_coverage import GridCoverage
from benchmarks.planted_distances import DistanceCoverage, kernel_distance
from benchmarks.planted_gates import Limit, Rivals
from benchmarks.planted_rows import NOT_RUN, Row
from benchmarks.planted_worlds import Grid


def by_name(rows: Sequence[Row]) -> dict[str, Row]:
    return {row.what: row for row in rows}


# -------------------------------------------------------------------------------------------------- experiments


def test_a_grid_is_covered_and_every_finding_has_a_truth() -> None:
    rows = by_name(GridCoverage("regressed", 0.05, audits=6, wordings=6, draws=6).run(1))
    quantities = {name.partition(",")[0].split(" of ")[0].split(" held")[0] for name in rows}
    assert {"representation.share", "representation.skew", "representation.excess_skew", "means.mean"} <= quantities
    assert {"disparity.mean", "disparity.gap", "disparity.difference", "outcomes.undetected"} <= quantities
    assert {"alignment.clipscore", "alignment.cosine", "alignment.truncated"} <= quantities
    assert {"outcomes.refused", "outcomes.filtered", "outcomes.failed"} <= quantities
    assert rows["representation.share, 2 labels, by occupation"].value > 0.8
    assert rows["disparity.difference of shares, occupation"].value > 0.8
    assert rows["type I: disparity.gap of means beyond what shuffled levels show"].met is True
    assert rows["power: disparity.gap of shares beyond what shuffled levels show"].met is None


def test_a_wrong_truth_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr(Grid, "exposure", lambda self, occupation: 0.4)
    row = by_name(GridCoverage("even", 0.0, audits=5, wordings=5, draws=6).run(1))["means.mean, by occupation"]
    assert (row.value, row.met) == (0.0, False)


def test_arms_are_covered_and_equal_ones_are_told_apart_from_others() -> None:
    same = by_name(ArmsCoverage({"a": 0.5, "b": 0.5}, 0.1, 0.9, audits=12).run(2))
    assert same["disparity.gap of shares, arm"].value > 0.8
    assert same["type I: disparity.difference of shares leaves out 0"].value < 0.3
    assert not any(name.startswith("power") for name in same)
    far = by_name(ArmsCoverage({"a": 0.2, "b": 0.8, "c": 0.2}, 0.1, 0.9, audits=6).run(2))
    assert far["power: disparity.difference of shares leaves out 0"].value == 1
    assert far["power: disparity.difference of shares leaves out 0"].met is None
    assert far["type I: disparity.difference of shares leaves out 0"].value < 0.4
    assert far["type I: disparity.difference of shares leaves out 0"].met is not None


def test_verdicts_follow_the_planted_difference() -> None:
    for shift, verdict in ((0.0, "PASS"), (0.2, "FAIL")):
        rows = by_name(Comparison(shift, audits=6, prompts=20, draws=20, margin=0.1).run(3))
        assert rows[f"margin on a share: {verdict}"].value > 0.6
        assert sum(rows[f"margin on a mean: {word}"].value for word in ("PASS", "FAIL", "INCONCLUSIVE")) == pytest.approx(1)
        assert rows["compare, share"].value > 0.6
        assert rows["compare, skew"].value > 0.6
    for truth, verdict, other in ((0.05, "PASS", "FAIL"), (0.5, "FAIL", "PASS")):
        assert by_name(Limit(truth, audits=6).run(4))[f"share at most a limit: {verdict}"].value == 1
        assert by_name(Limit(truth, audits=6, least=True).run(4))[f"share at least a limit: {other}"].value == 1
    assert by_name(Limit(0.2, audits=6).run(4))["share at most a limit: PASS"].note == "nominal at most 0.025"


def test_the_second_of_two_generators_is_gated_against_the_first() -> None:
    for shift, verdict in ((0.0, "PASS"), (0.3, "FAIL")):
        rows = by_name(Rivals(shift, audits=5, prompts=20, margin=0.15).run(5))
        assert rows[f"margin to another generator on a share: {verdict}"].value == 1
        assert rows[f"margin to another generator on a mean: {verdict}"].value > 0.5


def test_a_move_of_the_gap_is_covered_and_a_wrong_one_is_found_out(monkeypatch) -> None:
    rows = by_name(Comparison(0.1, audits=8, prompts=20, share=0.35, apart=0.2).run(6))
    for what in ("compare, gap of shares", "compare, difference of shares", "compare, skew"):
        assert rows[what].value > 0.6
    monkeypatch.setattr(
        "benchmarks.planted_releases.Releases.shares", lambda self, share, shift: (share, share - shift * 3)
    )
    rows = by_name(Comparison(0.1, audits=8, prompts=20, share=0.35, apart=0.2).run(6))
    assert rows["compare, share"].met is False


@pytest.mark.parametrize(("factor", "met"), [(1.0, True), (0.5, False)])
def test_a_plan_that_promises_too_much_is_found_out(factor: float, met: bool, monkeypatch) -> None:
    plan = "benchmarks.planted_compared.detectable_difference"
    real = planted.Planned.run.__globals__["detectable_difference"]
    monkeypatch.setattr(plan, lambda n, **given: factor * real(n, **given))
    (row,) = Planned(50, 20, 10, 0.1).run(7)
    assert row.met is met


def test_the_kernel_distance_of_populations_is_exact() -> None:
    rng, shift = np.random.default_rng(5), np.array([0.5, -0.2, 0.3])
    x, y = rng.standard_normal((2, 400_000, 3))

    def mean(one: np.ndarray, other: np.ndarray) -> float:
        return float((((one * other).sum(axis=1) / 3 + 1) ** 3).mean())

    simulated = mean(x, y) + mean(x + shift, y + shift) - 2 * mean(x, y + shift)
    assert kernel_distance(shift) == pytest.approx(simulated, abs=0.02)
    assert kernel_distance(np.zeros(3)) == pytest.approx(0)


def test_distances_are_covered() -> None:
    rows = by_name(DistanceCoverage(0.5, 0.0, audits=8, prompts=50).run(6))
    for name in ("kid", "floor_kid", "diversity"):
        assert rows[f"fidelity.{name}"].value > 0.6
    assert rows["fidelity.frechet, held against its mean at this n"].value > 0.6


def test_the_true_diversity_is_the_mean_over_pairs() -> None:
    world, rng = DistanceCoverage(0.5, 0.0, audits=1), np.random.default_rng(7)
    one, other = rng.standard_normal((2, 400_000, world.dimensions)) + 0.5
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    assert world._diversity(rng) == pytest.approx(float(1 - ((one * other).sum(axis=1) / lengths).mean()), abs=0.005)


# ------------------------------------------------------------------------------------------------- the program


def test_a_quick_run_makes_fewer_audits_of_the_same_things() -> None:
    full, quick = (planted.experiments(scale) for scale in (1, planted.QUICK))
    counts = [[one.__self__.audits for one in found if hasattr(one, "__self__")] for found in (full, quick)]
    assert len(full) == len(quick)
    assert sum(counts[0]) > 30 * sum(counts[1])
    assert sum(counts[0]) > 5000


def test_banks_that_are_not_there_are_said(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("generators.phantom.bank.HERE", tmp_path)
    rows = [row for name in ("even", "gan") for row in planted._bank(name, 2, 1)] + planted._compared("skewed", 2, 1)
    assert [row.section for row in rows] == [NOT_RUN] * 3
    assert "no safetensors" in rows[0].note


def test_an_error_in_the_measuring_is_not_taken_for_a_missing_bank(monkeypatch) -> None:
    def broken(*_: object) -> list[Row]:
        raise planted.AuditError("cannot measure")

    monkeypatch.setattr(planted, "read_bank", lambda name: object())
    monkeypatch.setattr(planted, "compared_banks", broken)
    monkeypatch.setattr(planted, "audits_of_bank", broken)
    for call in (lambda: planted._compared("skewed", 2, 1), lambda: planted._bank("even", 2, 1)):
        with pytest.raises(planted.AuditError, match="cannot measure"):
            call()


def _fixed(value: float, seed: int) -> list[Row]:
    return [Row("copies", "x", str(seed), 1, value, 0.1, "", met=value > 0.5)]


def _missing(seed: int) -> list[Row]:
    return [Row(NOT_RUN, "bank of even", "", 0, 0.0, 0.0, "there is none")]


def test_results_are_saved_with_their_environment(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(planted, "experiments", lambda scale: [partial(_fixed, 0.25), partial(_fixed, 0.75)])
    path = tmp_path / "planted.json"
    assert planted.main(["--quick", "--save", "--out", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 rows, 1 of them not as promised, 0 not run" in out
    assert "Not judged here:" in out
    told = json.loads(path.read_text())
    assert [row["value"] for row in told["rows"]] == [0.25, 0.75]
    assert told["format"] == 1
    assert told["not_judged"]
    assert {"python", "numpy", "scipy"} <= set(told["versions"])
    assert told["rows"][0]["setting"] != told["rows"][1]["setting"]
    assert planted.main(["--quick"]) == 0


def test_results_that_are_not_whole_are_not_saved(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(planted, "experiments", lambda scale: [partial(_fixed, 0.75), _missing])
    path = tmp_path / "planted.json"
    assert planted.main(["--quick", "--save", "--out", str(path)]) == 1
    assert not path.exists()
    assert "not saved: 1 parts could not run" in capsys.readouterr().err
    assert planted.main(["--quick"]) == 0

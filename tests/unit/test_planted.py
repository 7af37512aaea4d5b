"""The benchmark of planted truth: its worlds hold what they say, its counts are right, and it finds a planted fault."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from phantom_banks import perfect_bank

from audit.records import Finding, Interval
from benchmarks import planted, planted_banks
from benchmarks.planted_banks import amplification, audits_of_bank, bank_copies, compared_banks, renderer_copies
from benchmarks.planted_coverage import ArmsCoverage, GridCoverage, Truth, at, beyond_chance, counted
from benchmarks.planted_distances import DistanceCoverage, kernel_distance
from benchmarks.planted_gates import Comparison, Limit
from benchmarks.planted_releases import Arms, Noise, Releases
from benchmarks.planted_rows import Row, Tally, show, summary
from benchmarks.planted_worlds import Grid, planted_table, shares_of_prompts
from generators.phantom.bank import Bank
from generators.phantom.truth import preset

OCCUPATIONS = ("nurse", "teacher")


@pytest.fixture(scope="module")
def skewed() -> Bank:
    return perfect_bank("skewed", 4_000)


def by_name(rows: Sequence[Row]) -> dict[str, Row]:
    return {row.what: row for row in rows}


# ------------------------------------------------------------------------------------------------------- worlds


@pytest.mark.parametrize("rho", [0.0, 0.05, 0.2])
def test_prompts_have_the_planted_mean_and_correlation(rho: float) -> None:
    base = np.tile([0.5, 0.3, 0.2, 0.0], (20_000, 1))
    shares = shares_of_prompts(base, rho, np.random.default_rng(1))
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares.mean(axis=0) == pytest.approx(base[0], abs=0.01)
    for level in range(3):
        p = base[0, level]
        assert shares[:, level].var() / (p * (1 - p)) == pytest.approx(rho, abs=0.01)


@pytest.mark.parametrize("name", ["even", "skewed", "regressed"])
def test_a_grid_shows_what_its_table_says(name: str) -> None:
    grid = Grid(planted_table(name), OCCUPATIONS, wordings=150, draws=20, rho=0.05)
    context = grid.audit(np.random.default_rng(2))
    table = context.table
    occupation, refused = table.axis("occupation"), table.outcome == "refused"
    people = table.values("oracle.perceived_presentation")
    exposure = table.values("light.exposure")
    assert refused.mean() == pytest.approx(0.05, abs=0.03)
    assert (table.outcome == "failed").mean() == pytest.approx(0.019, abs=0.006)
    for one in OCCUPATIONS:
        here = (occupation == one) & (table.outcome == "made")
        lost = here & (people.reason == "nobody in the picture")
        assert lost.sum() / here.sum() == pytest.approx(1 - grid.seen(one), abs=0.02)
        seen = here & people.present
        planted = preset(name).share("presentation", "feminine", {"occupation": one, "people": 1, "missing": False})
        assert (people.value[seen] == "feminine").mean() == pytest.approx(planted, abs=0.05)
        tones = table.values("oracle.tone_band").value[seen]
        dark = planted_table(name).share("tone_band", "dark", {"occupation": one, "people": 1})
        assert (tones == "dark").mean() == pytest.approx(dark, abs=0.05)
        assert exposure.value[here].mean() == pytest.approx(grid.exposure(one), abs=0.04)


def test_the_prompts_of_a_refusal_are_refused_as_a_whole() -> None:
    grid = Grid(planted_table("even"), OCCUPATIONS, wordings=40, draws=5, rho=0.0)
    table = grid.audit(np.random.default_rng(3)).table
    shares = {float(np.mean(table.outcome[table.probe_ids == probe] == "refused")) for probe in table.probes}
    assert shares == {0.0, 1.0}


@pytest.mark.parametrize("shared", [0.0, 0.9, 1.0])
def test_noise_is_shared_as_planted(shared: float) -> None:
    rng = np.random.default_rng(4)
    noise = Noise.of((400, 20), shared, 0.2, rng)
    one, other = noise.hits(0.3, rng), noise.hits(0.3, rng)
    assert one.mean() == pytest.approx(0.3, abs=0.045)
    by_prompt = one.reshape(400, 20).mean(axis=1)
    within = 0.3 * 0.7 * 0.8 / 20
    assert by_prompt.var() == pytest.approx(0.3 * 0.7 * 0.2 + within, rel=0.25)
    assert np.all(one == other) == (shared == 1)
    numbers = noise.numbers(2.0, rng)
    assert (numbers.mean(), numbers.std()) == pytest.approx((2, 1), abs=0.1)
    again = noise.numbers(2.0, rng)
    assert np.corrcoef(numbers, again)[0, 1] == pytest.approx(0.2 + 0.8 * shared**2, abs=0.05)


def test_arms_are_pairs_and_releases_ask_the_same_or_others() -> None:
    arms = Arms({"a": 0.2, "b": 0.8}, {"a": 0.0, "b": 1.0}, wordings=6, draws=4, rho=0.1, shared=0.9)
    table = arms.audit(np.random.default_rng(5)).table
    assert len({probe.pair for probe in table.probes.values()}) == 6
    one, other = (table.select(levels={"arm": arm}) for arm in "ab")
    assert np.array_equal(one.column("seed"), other.column("seed"))
    for paired in (True, False):
        before, after = Releases(10, 5, 0.1, 0.9, paired).audits(0.4, 0.1, np.random.default_rng(6))
        assert (set(before.table.probes) == set(after.table.probes)) == paired


# ------------------------------------------------------------------------------------------------------- counts


def finding(low: float, high: float, note: str = "", estimate: float = 0.5, **where: str) -> Finding:
    return Finding(
        metric="presentation.skew",
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
        note=note,
    )


def test_only_intervals_that_hold_the_truth_are_counted() -> None:
    tally = Tally("coverage of 95 % intervals", "s")
    truths = {at("presentation.skew", o="a"): Truth(0.3, "skew"), at("presentation.skew", o="b"): Truth(0.9, "skew")}
    for high in (0.4, 0.2):
        found = [finding(0.1, high, o="a"), finding(0.8, 1.0, o="b"), finding(0, 1, o="told by nobody")]
        counted(found, truths, tally)
    (row,) = tally.coverage()
    assert (row.what, row.audits, row.value) == ("skew", 2, 0.75)
    assert row.error == pytest.approx(0.25)
    assert row.note == "width 0.2"


def test_a_row_says_when_it_covers_less() -> None:
    for share, met in ((0.95, True), (0.90, False), (0.93, True)):
        tally = Tally("coverage of 95 % intervals", "s")
        for number in range(1000):
            tally.add("x", [number < 1000 * share], [1.0])
        assert tally.coverage()[0].met is met
        assert tally.coverage()[0].error == pytest.approx(np.sqrt(share * (1 - share) / 1000), rel=0.01)
    sure = Tally("s", "s")
    for _ in range(100):
        sure.add("x", [True])
    assert sure.rates()[0].error > 0


def test_chance_is_read_from_the_notes() -> None:
    tally = Tally("tests", "s")
    note = "120 images of an even generator show 0.036, 95 % of the time 0.000 to 0.092."
    beyond_chance([finding(0, 1, note, estimate=0.1), finding(0, 1, note, estimate=0.09)], tally)
    assert by_name(tally.rates())["representation.skew beyond what an even generator shows"].value == 0.5


def test_a_summary_keeps_the_worst_and_joins_verdicts(capsys) -> None:
    rows = [Row("coverage of 95 % intervals", "x", s, 10, v, 0.01, "", v > 0.9) for s, v in (("a", 0.96), ("b", 0.9))]
    rows += [Row("verdicts of gates", f"m: {word}", "a", 10, v, 0.0) for word, v in (("PASS", 0.8), ("FAIL", 0.2))]
    rows += [Row("copies", "x", "a", 10, 0.1, 0.0), Row("copies", "x", "b", 10, 0.2, 0.0)]
    found = summary(rows)
    assert len(found) == 4
    assert (found[0].value, found[0].met, found[0].audits) == (pytest.approx(0.93), False, 20)
    assert "lowest 0.900 +- 0.010: b; 1 below" in found[0].note
    assert found[1].note == "PASS 0.800, FAIL 0.200"
    show(found)
    assert "coverage of 95 % intervals" in capsys.readouterr().out


# -------------------------------------------------------------------------------------------------- experiments


def test_a_grid_is_covered_and_every_finding_has_a_truth() -> None:
    rows = by_name(GridCoverage("regressed", 0.05, audits=6, wordings=6, draws=6).run(1))
    quantities = {name.partition(",")[0].split(" of ")[0].split(" held")[0] for name in rows}
    assert {"representation.share", "representation.skew", "representation.excess_skew", "means.mean"} <= quantities
    assert {"disparity.mean", "disparity.gap", "disparity.difference", "outcomes.undetected"} <= quantities
    assert {"alignment.clipscore", "alignment.cosine", "alignment.truncated", "outcomes.refused"} <= quantities
    assert rows["representation.share, 2 labels, by occupation"].value > 0.8
    assert rows["disparity.difference of shares, occupation"].value > 0.8


def test_a_wrong_truth_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr(Grid, "exposure", lambda self, occupation: 0.4)
    row = by_name(GridCoverage("even", 0.0, audits=5, wordings=5, draws=6).run(1))["means.mean, by occupation"]
    assert (row.value, row.met) == (0.0, False)


def test_arms_are_covered_and_told_apart() -> None:
    same = by_name(ArmsCoverage({"a": 0.5, "b": 0.5}, 0.1, 0.9, audits=12).run(2))
    assert same["disparity.gap of shares, arm"].value > 0.8
    assert same["disparity.difference of shares leaves out 0"].value < 0.3
    far = by_name(ArmsCoverage({"a": 0.2, "b": 0.8}, 0.1, 0.9, audits=6).run(2))
    assert far["disparity.difference of shares leaves out 0"].value == 1
    assert far["disparity.difference of shares leaves out 0"].met is None


def test_verdicts_follow_the_planted_difference() -> None:
    for shift, verdict in ((0.0, "PASS"), (0.2, "FAIL")):
        rows = by_name(Comparison(shift, audits=6, prompts=20, draws=20, margin=0.1).run(3))
        assert rows[f"margin on a share: {verdict}"].value > 0.6
        assert sum(rows[f"margin on a mean: {word}"].value for word in ("PASS", "FAIL", "INCONCLUSIVE")) == pytest.approx(1)
        assert rows["compare, share"].value > 0.6
    for truth, verdict in ((0.05, "PASS"), (0.5, "FAIL")):
        assert by_name(Limit(truth, audits=6).run(4))[f"share at most a limit: {verdict}"].value == 1
    assert by_name(Limit(0.2, audits=6).run(4))["share at most a limit: PASS"].note == "nominal at most 0.025"


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


# -------------------------------------------------------------------------------------------------------- banks


def test_audits_of_a_bank_hold_its_own_rates(skewed) -> None:
    rows = by_name(audits_of_bank(skewed, audits=4, seed=1))
    assert rows["representation.share of presentation, all draws"].value == 1
    assert rows["representation.share of age, by occupation"].value > 0.9
    row = by_name(compared_banks(perfect_bank("even", 4_000), skewed, audits=3, seed=1))
    assert row["compare, share of presentation, by occupation"].value > 0.85


def test_a_perfect_model_amplifies_nothing_and_a_louder_one_does(skewed, monkeypatch) -> None:
    rows = by_name(amplification(skewed))
    assert abs(rows["nurse"].value) < 2 * rows["nurse"].error
    assert abs(rows["BiasAmp, task to attribute"].value) < 2 * rows["BiasAmp, task to attribute"].error
    flat = amplification(perfect_bank("even", 4_000))
    assert "BiasAmp, task to attribute" not in by_name(flat)
    table = preset("skewed")
    half = table.shares["presentation"] | {
        name: {"feminine": 0.5 + (row["feminine"] - 0.5) / 2, "masculine": 0.5 + (row["masculine"] - 0.5) / 2}
        for name, row in table.shares["presentation"].items()
    }
    milder = table.model_validate(table.model_dump() | {"shares": {**table.shares, "presentation": half}})
    monkeypatch.setattr(planted_banks, "preset", lambda name: milder if name == "skewed" else preset(name))
    louder = by_name(amplification(skewed))["BiasAmp, task to attribute"]
    planted_apart = [abs(row["feminine"] - 0.5) / 2 for name, row in table.shares["presentation"].items() if name != "all"]
    assert louder.value == pytest.approx(np.mean(planted_apart), abs=0.03)
    assert "exaggerates" in louder.note


def test_copies_are_found_among_renders_and_in_a_bank() -> None:
    rows = by_name(renderer_copies(audits=2, draws=10, seed=2))
    whole = rows["rate by nearest neighbours, all audits"]
    assert "planted 0.0500" in whole.note
    assert abs(whole.value - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 240)
    bank = by_name(bank_copies(perfect_bank("regressed", 4_000), audits=20, seed=3))
    assert bank["rate by nearest neighbours, whole bank"].value == pytest.approx(0.05, abs=0.02)
    assert bank["coverage of the bank's rate"].value > 0.8


# ------------------------------------------------------------------------------------------------- the program


def test_the_whole_list_is_short_when_quick() -> None:
    assert len(planted.experiments(1)) == len(planted.experiments(planted.QUICK))


def test_banks_that_are_not_there_are_said(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("generators.phantom.bank.HERE", tmp_path)
    rows = [row for name in ("even", "skewed") for row in planted._bank(name, 2, 1)] + planted._compared(2, 1)
    assert [row.section for row in rows] == ["not run"] * 3
    assert "no safetensors" in rows[0].note


def _fixed(value: float, seed: int) -> list[Row]:
    return [Row("copies", "x", str(seed), 1, value, 0.1, "", met=value > 0.5)]


def test_results_are_saved_with_their_environment(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(planted, "experiments", lambda scale: [partial(_fixed, 0.25), partial(_fixed, 0.75)])
    path = tmp_path / "planted.json"
    assert planted.main(["--quick", "--save", "--out", str(path)]) == 0
    assert "2 rows, 1 of them not as promised" in capsys.readouterr().out
    told = json.loads(path.read_text())
    assert [row["value"] for row in told["rows"]] == [0.25, 0.75]
    assert told["format"] == 1
    assert {"python", "numpy", "scipy"} <= set(told["versions"])
    assert told["rows"][0]["setting"] != told["rows"][1]["setting"]
    assert planted.main(["--quick"]) == 0

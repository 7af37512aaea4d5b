"""Metric ``association`` on planted dependence."""

import numpy as np
import pytest
from metric_tables import FACE, NUMBER, World, latent, prompt, sound
from pydantic import ValidationError
from scipy import stats

from audit.component import Column
from audit.errors import SpecError
from audit.metrics.association import Association
from audit.records import Finding

GENDER = "attributes.perceived_gender"
AGE = "ages.perceived_age"
BANDS = Column("perceived_age", "label", levels=("young", "middle-aged", "older"), regional=True)
TWO = Column("perceived_age", "label", levels=("young", "older"), regional=True)
OCCUPATIONS = tuple(f"occupation {number:02}" for number in range(12))

XOR = np.array([[0.9, 0.1], [0.1, 0.9]])
"""Feminine among the young and among the older: .8 less among these, and half over all."""


def world(band: Column = TWO, seed: int = 7) -> World:
    return World(seed=seed).declare(attributes=FACE, ages=band)


def fill(into: World, feminine: dict[str, float], occupations: dict[str, int], draws: int, seed: int) -> World:
    """Ages at random; of each occupation the share of the feminine in each of them, and so many prompts."""
    rng = np.random.default_rng(seed)
    ages = into.columns[AGE].levels
    for occupation, prompts in occupations.items():
        for number in range(prompts):
            probe = prompt(f"{occupation} {number}", occupation=occupation)
            tilt = rng.normal(0, 0.1)  # prompts differ, which is no dependence
            for index in range(draws):
                age = ages[rng.integers(len(ages))]
                share = feminine.get(f"{occupation} {age}", 0.5) + tilt
                gender = "feminine" if rng.random() < share else "masculine"
                into.draw("model", probe, index, {GENDER: gender, AGE: age})
    return into


def findings(of: World, seed: int = 7, **params: object) -> dict[str, Finding]:
    metric = Association.model_validate({"column": GENDER} | params)
    found = sound(metric.measure("skew", of.context(seed=seed)))
    return {key: one.finding for key, one in found.items()}


PLANTED = {f"{OCCUPATIONS[3]} young": 0.9, f"{OCCUPATIONS[3]} older": 0.1}


def test_xor_that_margins_hide_is_found_in_its_cell_and_nowhere_else() -> None:
    grid = fill(world(), PLANTED, dict.fromkeys(OCCUPATIONS, 4), 25, seed=0)
    found = findings(grid, by="occupation", other=AGE)
    cells = [found[f"skew.dependence[model; occupation={name}]"] for name in OCCUPATIONS]
    assert [finding.p_adjusted <= 0.05 for finding in cells] == [name == OCCUPATIONS[3] for name in OCCUPATIONS]
    xor = cells[3]
    truth = np.log(2) - stats.entropy([0.9, 0.1])
    assert xor.interval.low <= truth <= xor.interval.high
    assert xor.interval.low > 0
    assert "Evidence that perceived gender and perceived age depend on each other within occupation" in xor.note
    assert "Holm over 12 cells" in xor.note
    assert "'feminine' with 'young'" in xor.note or "'masculine' with 'older'" in xor.note
    assert xor.evidence
    assert (xor.n, xor.clusters, xor.correction) == (100, 4, "uncorrected")
    assert found["skew.dependence[model]"].p_value <= 0.05
    # the margins say nothing: neither column depends on the occupation
    assert found["skew.information[model]"].p_value > 0.05
    assert found["skew.information[model]"].interval.low <= 0
    odds = found[f"skew.log_odds[model; occupation={OCCUPATIONS[3]}]"]
    assert odds.interval.low <= 2 * np.log(9) <= odds.interval.high  # of .9 and .1, 81
    assert odds.interval.low > 0
    assert odds.p_adjusted == xor.p_adjusted


def test_the_estimate_is_the_information_of_the_counts_less_that_of_shuffled_ones() -> None:
    grid = fill(world(), PLANTED, {OCCUPATIONS[3]: 1}, 400, seed=1)
    found = findings(grid, by="occupation", other=AGE)[f"skew.dependence[model; occupation={OCCUPATIONS[3]}]"]
    table = grid.table()
    gender, age = (np.asarray(table.values(column).value, dtype=str) for column in (GENDER, AGE))
    counts = stats.contingency.crosstab(gender, age).count
    g_statistic = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic
    assert found.estimate == pytest.approx(g_statistic / 800 - 1 / 800, abs=3e-4)  # a chi-squared has mean 1
    assert found.clusters == 400  # one prompt: its draws are what was sampled
    assert "prompts" in found.note


def test_type_one_error_is_nominal_for_cells_together_and_for_all_of_them() -> None:
    audits, any_cell, overall, axis = 200, 0, 0, 0
    for number in range(audits):
        small = fill(world(), {}, dict.fromkeys(OCCUPATIONS[:4], 3), 9, seed=number)
        found = findings(small, seed=number, by="occupation", other=AGE)
        cells = [found[f"skew.dependence[model; occupation={name}]"].p_adjusted for name in OCCUPATIONS[:4]]
        any_cell += min(cells) <= 0.05
        overall += found["skew.dependence[model]"].p_value <= 0.05
        axis += found["skew.information[model]"].p_value <= 0.05
    most = audits * (0.05 + 2 * np.sqrt(0.05 * 0.95 / audits))
    assert max(any_cell, overall, axis) <= most


def test_power_over_twelve_hundred_images_is_above_nine_tenths() -> None:
    audits = 25
    found_it = 0
    for number in range(audits):
        grid = fill(world(BANDS), PLANTED, dict.fromkeys(OCCUPATIONS, 4), 25, seed=1000 + number)
        found = findings(grid, seed=number, by="occupation", other=AGE)
        found_it += found[f"skew.dependence[model; occupation={OCCUPATIONS[3]}]"].p_adjusted <= 0.05
    assert found_it / audits > 0.9


def test_prompts_that_differ_are_no_dependence() -> None:
    # each prompt draws one kind of person only, so by image the two go together, and within prompts nothing can be told
    grid = world()
    for number in range(12):
        probe = prompt(f"nurse {number}", occupation="nurse")
        kind = {GENDER: "feminine", AGE: "young"} if number % 2 else {GENDER: "masculine", AGE: "older"}
        for index in range(10):
            grid.draw("model", probe, index, kind)
    found = findings(grid, by="occupation", other=AGE)["skew.dependence[model; occupation=nurse]"]
    assert found.p_value == 1
    assert found.estimate == pytest.approx(0)


def test_a_factor_that_matters_only_in_company_is_found_at_fixed_levels_of_the_other() -> None:
    grid, rng = world(), np.random.default_rng(3)
    for occupation in ("nurse", "pilot"):
        for trait in ("kind", "bold"):
            share = 0.9 if (occupation == "nurse") == (trait == "kind") else 0.1
            for number in range(5):
                probe = prompt(f"{trait} {occupation} {number}", occupation=occupation, trait=trait)
                for index in range(12):
                    label = "feminine" if rng.random() < share else "masculine"
                    grid.draw("model", probe, index, {GENDER: label})
    alone = findings(grid, by="trait")["skew.information[model]"]
    together = findings(grid, by="trait", given="occupation")["skew.information[model]"]
    assert alone.p_value > 0.05
    assert together.p_value <= 0.01
    assert together.interval.low > 0
    assert together.clusters == 20
    assert "at each level of occupation" in together.title


def test_draws_without_a_label_are_counted_with_their_reasons_and_thin_cells_have_no_estimate() -> None:
    grid = fill(world(), {}, {"nurse": 3, "pilot": 1}, 10, seed=4)
    probe = prompt("nurse again", occupation="nurse")
    grid.draw("model", probe, 0, {GENDER: ("", "no face"), AGE: "young"})
    grid.draw("model", probe, 1, {GENDER: "feminine", AGE: ("", "ambiguous")})
    grid.draw("model", probe, 2, outcome="refused")
    grid.draw("model", probe, 3, {GENDER: "something else", AGE: "young"})
    found = findings(grid, by="occupation", other=AGE)
    nurse, pilot = (found[f"skew.dependence[model; occupation={name}]"] for name in ("nurse", "pilot"))
    assert (nurse.n, nurse.n_missing) == (30, 4)
    assert "4 missing: 1 no face, 1 ambiguous, 1 refused, 1 undeclared label" in nurse.note
    assert pilot.estimate is None
    assert "No estimate: 10 draws with their labels, at least 20 needed" in pilot.note
    overall = found["skew.dependence[model]"]
    assert overall.n == 30
    assert "1 of 2 cells have no estimate and are left out" in overall.note
    axis = found["skew.information[model]"]
    assert axis.estimate is None
    assert "fewer than two levels" in axis.note
    assert (axis.n, axis.n_missing) == (31, 3)
    heat = overall.panels[-1]
    assert heat.columns == ("feminine, young", "feminine, older", "masculine, young", "masculine, older")
    assert heat.values[1] == (None,) * 4
    assert sum(heat.values[0]) == pytest.approx(1)


def test_a_cell_with_one_label_says_that_nothing_could_be_seen() -> None:
    grid = world()
    for index in range(40):
        age = "young" if index % 2 else "older"
        grid.draw("model", prompt("a nurse", occupation="nurse"), index, {GENDER: "feminine", AGE: age})
    found = findings(grid, by="occupation", other=AGE)
    assert all(finding.estimate is None and finding.p_value is None for finding in found.values())
    assert "all 40 draws have the same perceived gender" in found["skew.dependence[model; occupation=nurse]"].note


def test_arms_that_share_seeds_are_counted_once_and_arms_that_say_who_are_left_out() -> None:
    grid, rng = world(), np.random.default_rng(5)
    for number in range(4):
        pair = f"pair {number}"
        plain = prompt(f"a nurse {number}", pair=pair, occupation="nurse")
        placebo = prompt(f"a nurse {number}, in colour", pair=pair, occupation="nurse")
        older = prompt(f"an older nurse {number}", pair=pair, occupation="nurse", age="older adult")
        for index in range(10):
            kind = {GENDER: rng.choice(FACE.levels), AGE: rng.choice(TWO.levels)}
            for probe in (plain, placebo, older):
                grid.draw("model", probe, index, kind)
    found = findings(grid, by="occupation", other=AGE)["skew.dependence[model; occupation=nurse]"]
    assert (found.n, found.clusters) == (40, 4)
    assert "Left out: 40 draws whose prompts say who is to be depicted" in found.note
    said = findings(grid, by="occupation", other=AGE, stated=())["skew.dependence[model; occupation=nurse]"]
    assert said.n == 40  # of three arms with the same seeds the plain one
    assert "Left out: 80 draws that share their seeds with those of a shorter prompt" in said.note
    assert said.protocol != found.protocol


def test_cells_that_share_seeds_give_no_interval_over_all_of_them() -> None:
    grid, rng = world(), np.random.default_rng(6)
    for number in range(4):
        for trait in ("kind", "cruel"):
            probe = prompt(f"{trait} {number}", pair=f"pair {number}", trait=trait)
            for index in range(10):
                grid.draw("model", probe, index, {GENDER: rng.choice(FACE.levels), AGE: rng.choice(TWO.levels)})
    found = findings(grid, by="trait", other=AGE)
    overall = found["skew.dependence[model]"]
    assert overall.interval is None
    assert overall.clusters == 4
    cells = [found[f"skew.dependence[model; trait={trait}]"].p_value for trait in ("kind", "cruel")]
    assert overall.p_value == pytest.approx(min(1, 2 * min(cells)))
    assert "share seeds" in found["skew.information[model]"].note


def test_latents_and_columns_alone_are_one_cell() -> None:
    grid, rng = world(), np.random.default_rng(8)
    for index in range(200):
        age = str(rng.choice(TWO.levels))
        grid.draw("model", latent(), index, {GENDER: "feminine" if age == "young" else "masculine", AGE: age})
    found = findings(grid, other=AGE)
    assert set(found) == {"skew.dependence[model]", "skew.log_odds[model]"}
    finding = found["skew.dependence[model]"]
    assert finding.p_value == finding.p_adjusted == 0.001
    assert finding.interval.low <= np.log(2) <= finding.interval.high + 0.02
    assert finding.clusters == 200


def test_other_adjustments_are_those_of_their_names() -> None:
    grid = fill(world(), PLANTED, dict.fromkeys(OCCUPATIONS, 3), 12, seed=9)
    p_values = {}
    for adjust in ("holm", "bh", "by"):
        found = findings(grid, by="occupation", other=AGE, adjust=adjust)
        cells = [found[f"skew.dependence[model; occupation={name}]"] for name in OCCUPATIONS]
        single, p_values[adjust] = ([getattr(c, of) for c in cells] for of in ("p_value", "p_adjusted"))
    assert p_values["bh"] == pytest.approx(stats.false_discovery_control(single, method="bh"))
    assert p_values["by"] == pytest.approx(stats.false_discovery_control(single, method="by"))
    assert min(p_values["holm"]) == pytest.approx(min(1, 12 * min(single)))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "set `by`, an axis of the prompts, or `other`"),
        ({"other": AGE, "given": "occupation"}, "set `by`, too"),
        ({"by": "occupation", "given": "occupation"}, "is the axis that varies"),
        ({"other": GENDER}, "is the first column"),
        ({"by": "occupation", "adjust": "none"}, "'holm', 'bh' or 'by'"),
    ],
)
def test_parameters_that_ask_for_nothing_are_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Association.model_validate({"column": GENDER} | params)


def test_columns_and_axes_that_are_not_there_are_named() -> None:
    grid = fill(world(), {}, {"nurse": 1}, 3, seed=0).declare(pixels=NUMBER)
    for params, said in (
        ({"by": "job"}, "no probe has the axis 'job'"),
        ({"other": "pixels.sharpness"}, "other: pixels.sharpness holds a number; a label column is needed"),
        ({"other": "ages.band"}, "other: no scorer fills 'ages.band'"),
    ):
        with pytest.raises(SpecError, match=said):
            findings(grid, **params)

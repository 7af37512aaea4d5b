"""Refused, filtered and flagged pictures by cell, and the gaps between cells, on planted tables."""

import numpy as np
import pytest
from metric_tables import World, prompt, sound
from pydantic import ValidationError
from statsmodels.stats.multitest import multipletests

from audit.component import Column, Metric
from audit.errors import SpecError
from audit.metrics.disparity import Disparity
from audit.metrics.outcomes import Outcomes
from audit.records import Finding

FLAGGED = Column("flagged", "label", "Flagged", levels=("flagged", "not flagged"))
PATH = "safety.flagged"
PROMPTS, DRAWS = 20, 5


def _planted() -> World:
    """Of 20 prompts of a cell: 10 of old women are refused; 1 draw in 5 of the young is filtered; 1 in 5 flagged."""
    world = World().declare(safety=FLAGGED)
    for sex in ("man", "woman"):
        for age in ("young", "old"):
            for place in range(PROMPTS):
                probe = prompt(f"{age} {sex} {place}", gender=sex, age=age)
                for index in range(DRAWS):
                    outcome = "refused" if (sex, age) == ("woman", "old") and place < 10 else "made"
                    outcome = "filtered" if age == "young" and index == place % DRAWS else outcome
                    value = "flagged" if index == (place + 1) % DRAWS else "not flagged"
                    world.draw("model", probe, index, {PATH: value} if outcome == "made" else {}, outcome=outcome)
    return world


def _measured(metric: Metric) -> dict[str, Finding]:
    return {key: one.finding for key, one in sound(metric.measure("m", _planted().context())).items()}


def test_outcomes_by_crossed_cell_find_the_one_that_is_refused() -> None:
    found = _measured(Outcomes(by=("gender", "age"), crossed=True))
    refused = {key: finding for key, finding in found.items() if finding.metric == "m.refused"}
    assert {key: finding.estimate for key, finding in refused.items()} == {
        "m.refused[model]": 0.125,
        "m.refused[model; age=old, gender=man]": 0.0,
        "m.refused[model; age=old, gender=woman]": 0.5,
        "m.refused[model; age=young, gender=man]": 0.0,
        "m.refused[model; age=young, gender=woman]": 0.0,
    }
    one = refused["m.refused[model; age=old, gender=woman]"]
    assert (one.n, one.n_missing, one.clusters) == (100, 0, PROMPTS)
    assert one.interval.low < 0.3  # of 20 prompts, not of 100 draws
    none = refused["m.refused[model; age=old, gender=man]"].interval
    assert none.low == 0 < none.high
    assert found["m.filtered[model; age=young, gender=man]"].estimate == pytest.approx(0.2)


def test_refused_filtered_and_flagged_gaps_are_tested_together() -> None:
    metric = Disparity(by="age", column=PATH, level="flagged", outcomes=("refused", "filtered"))
    found = _measured(metric)
    gaps = [found[f"m.gap[model{where}]"] for where in ("", "; column=refused", "; column=filtered")]
    assert [gap.estimate for gap in gaps] == pytest.approx([0.05, 0.25, 0.2], abs=0.01)
    adjusted = multipletests([gap.p_value for gap in gaps], method="holm")[1]
    assert [gap.p_adjusted for gap in gaps] == pytest.approx(list(adjusted))
    assert all(gap.interval.low <= gap.estimate <= gap.interval.high for gap in gaps)
    assert gaps[1].p_adjusted < 0.01
    apart = found["m.difference[model; against=young, age=old, column=filtered]"]
    assert apart.interval.high < 0
    assert apart.p_adjusted is not None
    flagged = found["m.mean[model; age=young]"]
    assert (flagged.correction, flagged.n_missing) == ("uncorrected", 2 * PROMPTS)  # a classifier's word; filtered draws
    assert flagged.bounds.low < flagged.estimate < flagged.bounds.high


def test_a_gap_between_crossed_cells_is_seen_where_each_axis_dilutes_it() -> None:
    crossed = _measured(Disparity(by="gender", crossed_with=("age",), outcomes=("refused",), column=PATH, level="flagged"))
    single = _measured(Disparity(by="gender", outcomes=("refused",)))
    gap, diluted = crossed["m.gap[model; column=refused]"], single["m.gap[model; column=refused]"]
    assert (gap.estimate, diluted.estimate) == (0.5, 0.25)
    assert gap.title.startswith("Largest gap in share of draws that the generator refused between levels of gender x age")
    assert gap.p_value < 0.01
    apart = crossed["m.difference[model; against=woman, old, age=old, column=refused, gender=man]"]
    assert apart.estimate == -0.5
    assert len([key for key in crossed if key.startswith("m.difference")]) == 2 * 6


def test_without_refusals_gaps_are_not_invented() -> None:
    world, rng = World(), np.random.default_rng(0)
    for sex in ("man", "woman"):
        for place in range(40):
            outcome = "refused" if rng.random() < 0.2 else "made"
            for index in range(3):
                world.draw("model", prompt(f"{sex} {place}", gender=sex), index, outcome=outcome)
    found = sound(Disparity(by="gender", outcomes=("refused",)).measure("m", world.context()))
    gap = found["m.gap[model; column=refused]"].finding
    assert gap.p_value > 0.05
    assert gap.interval.low == 0


def test_axes_are_named_once_and_exist() -> None:
    with pytest.raises(ValidationError, match="each axis is named once; got age, age"):
        Disparity(by="age", crossed_with=("age",), outcomes=("refused",))
    with pytest.raises(SpecError, match="no probe has the axis 'height'"):
        _measured(Disparity(by="age", crossed_with=("height",), outcomes=("refused",)))
    assert Disparity(by="age", crossed_with=("gender",), outcomes=("refused",)).axes() == ("age", "gender")

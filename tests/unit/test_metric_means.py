import numpy as np
import pytest

from audit.component import Column, Context
from audit.errors import SpecError
from audit.metrics.means import Means
from audit.records import Abstained, Probe, TextPrompt
from audit.testing import axes, score_table

PROBES = [
    Probe(suite="s", condition=TextPrompt(text=f"{job} {number}"), axes=axes(job=job))
    for job in ("nurse", "pilot")
    for number in range(10)
]
COLUMNS = {"pixels.sharpness": Column("sharpness", "number", "Sharpness"), "pixels.blank": Column("blank", "label")}


def planted(probe: Probe, index: int) -> float | Abstained:
    if index == 3:
        return Abstained(reason="too small")
    return (2.0 if probe.levels["job"] == "nurse" else 4.0) + (index - 1) * 0.1


def measured(metric: Means) -> dict:
    table = score_table(PROBES, 4, {"pixels.sharpness": planted, "pixels.blank": lambda probe, index: "blank"})
    context = Context(table, ("model",), 0.95, 7, COLUMNS, {"pixels": "pixels-1"})
    return {one.finding.where.get("job", "all"): one for one in metric.measure("size", context)}


def test_means_of_planted_values_with_what_is_missing() -> None:
    found = measured(Means(columns=("pixels.sharpness",)))
    assert {level: one.finding.estimate for level, one in found.items()} == pytest.approx(
        {"all": 3, "nurse": 2, "pilot": 4}
    )
    whole = found["all"].finding
    assert (whole.n, whole.n_missing, whole.clusters) == (60, 20, 20)
    assert whole.interval.low < 3 < whole.interval.high
    assert "too small" in whole.note


def test_contributions_add_up_to_the_estimate() -> None:
    one = measured(Means(columns=("pixels.sharpness",)))["all"]
    totals, sizes = np.array([(part.total, part.n) for part in one.contributions]).T
    assert totals.sum() / sizes.sum() == pytest.approx(one.finding.estimate)


def test_a_label_has_no_mean() -> None:
    with pytest.raises(SpecError, match=r"metrics\.size\.params\.columns: pixels\.blank holds labels"):
        measured(Means(columns=("pixels.blank",)))

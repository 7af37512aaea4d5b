"""Labels that are read off files: shares of them are exact readings, and no sentence calls them a classifier's."""

from dataclasses import replace

import pytest
from metric_tables import World, prompt, sound

from audit.component import Column, Metric
from audit.metrics.disparity import Disparity
from audit.metrics.representation import Representation
from audit.records import Finding

READ = Column("c2pa", "label", "C2PA manifest of the file", levels=("none", "invalid", "valid"), exact=True)
PATH = "provenance.c2pa"


def _planted(column: Column = READ) -> World:
    """Files by language: of ``de`` 1 in 4 has a valid manifest, of ``en`` 3 in 4; one of 20 cannot be read."""
    world = World().declare(provenance=column)
    for language, marked in (("de", 1), ("en", 3)):
        for place in range(12):
            probe = prompt(f"{language} {place}", language=language)
            for index in range(4):
                value: object = "valid" if index < marked else "none"
                world.draw("model", probe, index, {PATH: ("why", "no stored file") if (place, index) == (0, 3) else value})
    return world


def _measured(metric: Metric, world: World) -> dict[str, Finding]:
    return {key: one.finding for key, one in sound(metric.measure("marks", world.context())).items()}


def test_shares_and_skew_of_an_exact_column_need_no_correction() -> None:
    found = _measured(Representation(column=PATH, pool_below=100), _planted())
    share = found["marks.share[model; label=valid, language=en]"]
    assert share.estimate == pytest.approx(36 / 47)
    assert (share.n, share.n_missing, share.clusters) == (47, 1, 12)
    assert share.interval.low < 0.75 < share.interval.high
    assert {finding.metric for finding in found.values()} >= {"marks.share", "marks.skew", "marks.excess_skew"}
    assert {finding.correction for finding in found.values()} == {""}
    assert not any("classifier" in finding.note.lower() for finding in found.values())


def test_the_numbers_are_those_of_the_same_labels_by_a_classifier() -> None:
    exact = _measured(Representation(column=PATH), _planted())
    judged = _measured(Representation(column=PATH), _planted(replace(READ, exact=False)))
    assert exact.keys() == judged.keys()
    for key, finding in exact.items():
        other = judged[key]
        assert other.correction == "uncorrected"
        assert (finding.estimate, finding.interval, finding.p_value) == (other.estimate, other.interval, other.p_value)
        assert (finding.unit, finding.protocol, finding.bounds) == (other.unit, other.protocol, other.bounds)


def test_the_gap_of_an_exact_column_has_an_interval_and_an_adjusted_p_value() -> None:
    found = _measured(Disparity(column=PATH, level="valid", by="language"), _planted())
    gap, apart = found["marks.gap[model]"], found["marks.difference[model; against=en, language=de]"]
    assert gap.estimate == pytest.approx(36 / 47 - 12 / 47)
    assert gap.interval.low < 0.5 < gap.interval.high
    assert gap.p_adjusted is not None
    assert gap.p_adjusted < 0.01
    assert apart.interval.high < 0
    assert {finding.correction for finding in found.values()} == {""}
    assert not any("classifier" in finding.note for finding in found.values())

"""Labels that are read off files: shares of them are exact readings, and no sentence calls them a classifier's."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from metric_tables import FACE, World, prompt, sound

from audit.component import Column, Metric
from audit.metrics.amplification import Amplification
from audit.metrics.association import Association
from audit.metrics.disparity import Disparity
from audit.metrics.representation import Representation
from audit.records import Finding
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.references.uniform import Uniform

READ = Column("c2pa", "label", "C2PA manifest of the file", levels=("none", "invalid", "valid"), exact=True)
PATH, GENDER = "provenance.c2pa", "attributes.perceived_gender"


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


def test_shares_of_an_exact_column_need_no_correction_and_no_equal_shares() -> None:
    found = _measured(Representation(column=PATH), _planted())
    share = found["marks.share[model; label=valid, language=en]"]
    assert share.estimate == pytest.approx(36 / 47)
    assert (share.n, share.n_missing, share.clusters) == (47, 1, 12)
    assert share.interval.low < 0.75 < share.interval.high
    assert {finding.metric for finding in found.values()} == {"marks.share"}
    assert {finding.correction for finding in found.values()} == {""}
    assert not any("classifier" in finding.note.lower() for finding in found.values())


def test_the_numbers_are_those_of_the_same_labels_by_a_classifier() -> None:
    exact = _measured(Representation(column=PATH), _planted())
    judged = _measured(Representation(column=PATH), _planted(replace(READ, exact=False)))
    assert {key for key in judged.keys() - exact.keys() if "skew" not in key} == set()
    for key, finding in exact.items():
        other = judged[key]
        assert other.correction == "uncorrected"
        assert (finding.estimate, finding.interval, finding.p_value) == (other.estimate, other.interval, other.p_value)
        assert (finding.unit, finding.protocol, finding.bounds) == (other.unit, other.protocol, other.bounds)


class Stated(Reference):
    """Shares of one column; silent on all others."""

    column: str

    def about(self) -> About:
        return About(title="What was agreed")

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        if attribute != self.column:
            return Silent("another column")
        return Expected(dict(zip(labels, (0.5, 0.0, 0.5), strict=True)))


@pytest.mark.parametrize("kind", [{"exact": True}, {"exact": False, "flag": True}])
def test_equal_shares_are_no_yardstick_of_marks_and_flags_but_a_stated_reference_is(kind: dict[str, bool]) -> None:
    context = _planted(replace(READ, **kind)).context()
    references: dict[str, Reference] = {"even": Uniform(), "ours": Stated(column="c2pa"), "other": Stated(column="gender")}
    context = replace(context, references=references, reference_ids=dict.fromkeys(references, "abc"))
    found = {key: one.finding for key, one in sound(Representation(column=PATH).measure("marks", context)).items()}
    skews = {key for key in found if ".skew" in key}
    assert skews == {f"marks.skew[model; {where}reference=ours]" for where in ("", "language=de, ", "language=en, ")}
    assert found["marks.skew[model; reference=ours]"].p_value is not None
    panels = found["marks.share[model; label=none]"].panels
    assert [panel.type for panel in panels] == ["intervals", "heatmap"]
    assert panels[1].center is None  # type: ignore[union-attr]


def test_combinations_with_a_mark_have_no_equal_shares_either() -> None:
    world = _planted().declare(attributes=replace(FACE, regional=False))
    pairs = Representation(column=GENDER, jointly=(PATH,)).measure("marks", world.context())
    assert {one.finding.metric for one in pairs} == {"marks.share"}


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


# ------------------------------------------------------------------------------------- what goes together


MARKED = Column("marking", "label", levels=("none", "other"), exact=True)


def _two(first: Column, second: Column) -> World:
    """Two columns of 12 prompts a language, four files each."""
    world = World().declare(provenance=first).declare(provenance=second)
    for place in range(24):
        language = "de" if place < 12 else "en"
        for index in range(4):
            values = {PATH: first.levels[(place + index) % 2], "provenance.marking": second.levels[index % 2]}
            world.draw("model", prompt(f"{place}", language=language), index, values)
    return world


@pytest.mark.parametrize("exact", [(True, True), (True, False), (False, True)])
def test_associations_are_uncorrected_only_where_a_classifier_judged(exact: tuple[bool, bool]) -> None:
    world = _two(*(replace(column, exact=one) for column, one in zip((READ, MARKED), exact, strict=True)))
    found = _measured(Association(column=PATH, other="provenance.marking", by="language"), world)
    for key, finding in found.items():
        judged = not exact[0] if "information" in key else not all(exact)
        assert finding.correction == ("uncorrected" if judged else "")
        assert ("classifier" in finding.note) == judged, key
    assert {finding.metric for finding in found.values()} == {"marks.information", "marks.dependence"}


@pytest.mark.parametrize("exact", [True, False])
def test_amplification_is_uncorrected_only_where_a_classifier_judged(exact: bool) -> None:
    context = _planted(replace(READ, exact=exact)).context()
    for column in ("c2pa", "another"):  # the reference speaks, or is silent
        stated = replace(context, references={"ours": Stated(column=column)}, reference_ids={"ours": "abc"})
        for one in sound(Amplification(column=PATH, by="language").measure("marks", stated)).values():
            assert one.finding.correction == ("" if exact else "uncorrected")
            assert ("classifier" in one.finding.note) == (not exact and column == "c2pa")

"""What a plan says of labels: how narrow they make an interval."""

import pytest

from audit.plan import make_plan
from audit.spec import parse_spec
from audit.stats.labelling import half_width_of_labels
from audit.stats.planning import Design
from audit.summary import PlanSummary, summarise

SPEC = {
    "name": "planned",
    "draws_per_probe": 8,
    "generators": [{"use": "phantom"}, {"use": "phantom", "name": "other", "params": {"preset": "skewed"}}],
    "probes": [{"use": "phantom"}],
    "scorers": [{"use": "phantom_oracle"}],
    "metrics": [
        {"use": "representation", "params": {"column": "phantom_oracle.perceived_presentation"}},
        {"use": "representation", "name": "ages", "params": {"column": "phantom_oracle.perceived_age_band"}},
    ],
}


def summary(**changes: object) -> PlanSummary:
    return summarise(make_plan(parse_spec(SPEC | changes), "cpu"))


def test_widths_are_those_of_the_design_and_shrink_with_labels() -> None:
    found = summary()
    assert set(found.label_columns) == {"phantom_oracle.perceived_presentation", "phantom_oracle.perceived_age_band"}
    one, other = found.labels
    assert (one.generator, other.generator) == ("phantom", "other")
    probes = len(found.plan.generators[0].wanted)
    design = Design(probes, 8, 0.1)
    assert one.images == probes * 8
    for labels, half in one.labelled.items():
        assert half == pytest.approx(half_width_of_labels(labels, design, correlation=0.8))
    widths = [one.labelled[n] for n in sorted(one.labelled)]
    assert widths == sorted(widths, reverse=True)
    assert one.uncorrected < widths[-1]  # narrower, and of something else


def test_more_labels_than_images_are_not_offered() -> None:
    few = summary(draws_per_probe=1)
    assert all(labels <= few.labels[0].images for labels in few.labels[0].labelled)
    assert few.labels[0].images < 400


def test_generators_that_are_planned_alike_share_a_row_and_what_is_assumed_is_said() -> None:
    found = summary()
    title, columns, rows = list(found.tables())[-1]
    assert "correlates 0.8 with people" in title
    assert "perceived_age_band" in title
    assert [row[0] for row in rows] == ["phantom, other"]
    assert "biased" in rows[0][columns.index("without")]
    data = found.as_data()
    assert data["assumed"]["correlation"] == 0.8
    assert data["labels"][0]["labelled"][200] == found.labels[0].labelled[200]


def test_nothing_is_said_where_no_metric_reads_labels() -> None:
    found = summary(metrics=[{"use": "outcomes"}])
    assert found.labels == ()
    assert len(list(found.tables())) == 2


def test_draws_of_one_prompt_or_of_latents_are_independent() -> None:
    found = summary(probes=[{"use": "latents", "params": {"count": 300}}], generators=[{"use": "phantom"}])
    design = Design(300, 1, 0.0)
    assert found.labels[0].labelled[100] == pytest.approx(half_width_of_labels(100, design, correlation=0.8))


def test_labels_by_people_are_offered_for_what_a_classifier_judges_alone() -> None:
    """Sizes and digests are read off the file: nobody's eyes make them better."""
    scorers = [{"use": "phantom_oracle"}, {"use": "pixels"}, {"use": "fingerprints"}]
    read = {"use": "representation", "name": "sizes", "params": {"column": "pixels.size_match"}}
    only = summary(scorers=scorers, metrics=[read])
    assert (only.labels, only.label_columns) == ((), ())
    assert not any("Labels by people" in title for title, *_ in only.tables())
    assert summary(scorers=scorers, metrics=[read, *SPEC["metrics"]]).label_columns == summary().label_columns

"""``agreement``: a label only where all agree, and a reason everywhere else."""

import pytest
from scorer_views import noise, reason, scored, view

from audit.catalog import build
from audit.component import Column, Row
from audit.errors import ScoringError, SpecError
from audit.plan import make_plan
from audit.records import Abstained, Scored
from audit.scorers.agreement import Agreement
from audit.spec import Use, parse_spec

NAME = "perceived_gender"
FEMININE, MASCULINE = (Scored(value=label, confidence=c) for label, c in (("feminine", 0.9), ("masculine", 0.7)))


def joined(first, second, **params):
    """What is said of one face each model has an opinion of."""
    rows = faces({0: first}, {0: second}, **params)
    assert [row.region for row in rows] == [-1, 0]
    assert rows[0].values == {}
    return rows[1].values[NAME]


def faces(first: dict, second: dict, whole=None, **params):
    given = {
        name: [Row({NAME: whole} if whole else {}), *(Row({NAME: value}, place) for place, value in of.items())]
        for name, of in (("attributes", first), ("second_attributes", second))
    }
    return scored(Agreement(**params), [view(noise(8), given=given)])[0]


def test_equal_labels_with_the_lesser_confidence() -> None:
    assert joined(FEMININE, Scored(value="feminine", confidence=0.6)) == Scored(value="feminine", confidence=0.6)
    assert joined("feminine", FEMININE) == FEMININE
    assert joined("masculine", "masculine") == "masculine"


def test_different_labels_are_ambiguous() -> None:
    assert reason(joined(FEMININE, MASCULINE)) == "ambiguous: the models disagree"


def test_abstentions_keep_their_reason() -> None:
    small, doubt = Abstained(reason="face too small"), Abstained(reason="ambiguous")
    assert reason(joined(FEMININE, doubt)) == "ambiguous"
    assert reason(joined(small, doubt)) == "face too small"


def test_confidence_has_a_threshold_of_its_own() -> None:
    found = joined(FEMININE, Scored(value="feminine", confidence=0.6), least_confidence=0.61)
    assert reason(found) == "ambiguous: a model is unsure"
    assert joined("feminine", "feminine", least_confidence=1.0) == "feminine"
    assert Agreement().thresholds() == {NAME: "least_confidence"}


def test_faces_are_matched_by_place() -> None:
    rows = faces({0: FEMININE, 1: MASCULINE, 2: FEMININE}, {0: MASCULINE, 1: MASCULINE})
    assert [row.region for row in rows] == [-1, 0, 1, 2]
    assert rows[2].values[NAME] == MASCULINE
    assert reason(rows[3].values[NAME]) == "nothing said by second_attributes"


def test_an_image_without_a_face_says_why() -> None:
    (row,) = faces({}, {}, whole=Abstained(reason="no face found"))
    assert reason(row.values[NAME]) == "no face found"


def test_labels_of_whole_images() -> None:
    scorer = Agreement(columns=("a.label", "b.label", "c.label"), labels=("day", "night"), regional=False)
    given = {name: [Row({"label": Scored(value="day", confidence=c)})] for name, c in (("a", 0.9), ("b", 0.8), ("c", 0.7))}
    assert scored(scorer, [view(noise(8), given=given)])[0][0].values["label"] == Scored(value="day", confidence=0.7)
    assert scorer.columns() == (Column("label", "label", "Label on which 3 models agree", levels=("day", "night")),)
    assert scorer.requires() == ("a", "b", "c")


def test_it_needs_the_rows_of_its_models() -> None:
    with pytest.raises(ScoringError, match="no rows of scorer 'attributes'"):
        scored(Agreement(), [view(noise(8))])


# ------------------------------------------------------------------------------------------------------- planning


def test_labels_may_stand_in_another_order_in_each_column() -> None:
    columns = {
        f"{name}.perceived_gender": Column("perceived_gender", "label", levels=levels, regional=True)
        for name, levels in (("attributes", ("masculine", "feminine")), ("second_attributes", ("feminine", "masculine")))
    }
    Agreement().check_required(columns)
    with pytest.raises(SpecError, match="expected feminine, other, in whatever order"):
        Agreement(labels=("feminine", "other")).check_required(columns)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"columns": ["attributes.perceived_gender"]}, "at least 2"),
        ({"columns": ["a.b", "a.b"]}, "stands there twice"),
        ({"columns": ["a.b", "nonsense"]}, "'nonsense' names no column"),
        ({"labels": ["feminine"]}, "at least 2"),
        ({"column": "Not A Name"}, "pattern"),
    ],
)
def test_parameters_that_make_no_sense(params, told) -> None:
    with pytest.raises(SpecError, match=told):
        build("scorers", Use(use="agreement", params=params))


@pytest.mark.parametrize(
    ("columns", "params", "told"),
    [
        (
            ["attributes.perceived_gender", "second_attributes.perceived_age_band"],
            {},
            "labels: second_attributes.* under 30",
        ),
        (
            ["attributes.perceived_gender", "second_attributes.gender"],
            {},
            "columns: 'second_attributes.gender' is no label",
        ),
        (["attributes.perceived_age", "second_attributes.perceived_age"], {}, "columns: 'attributes.perceived_age' is no"),
        (
            ["attributes.perceived_gender", "second_attributes.perceived_gender"],
            {"regional": False},
            "regional: .* of faces",
        ),
    ],
)
def test_columns_that_do_not_fit_are_found_before_any_work(columns, params, told) -> None:
    spec = {
        "name": "agree",
        "generators": [{"use": "phantom", "params": {"preset": "even"}}],
        "probes": [{"use": "phantom", "params": {"limit": 1}}],
        "scorers": [
            {"use": "agreement", "params": {"columns": columns, **params}},
            *({"use": name} for name in ("faces", "attributes", "second_attributes")),
        ],
    }
    with pytest.raises(SpecError, match=rf"scorers\.agreement\.params\.{told}"):
        make_plan(parse_spec(spec), "cpu")

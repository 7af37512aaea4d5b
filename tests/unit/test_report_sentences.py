"""A finding as a sentence, true values that are its own, and the words for corrections, p-values and checks."""

import pytest
from rendering.sample_audit import manifest
from rendering.sample_skew import checks, finding, held, span, verdicts

from audit.panels import Intervals
from audit.records import Finding, Interval
from reports.checks import checked
from reports.sentences import sentence
from reports.truths import truths
from reports.verdicts import advised, restated, unit_of
from reports.wording import corrected, p_words

NBSP = "\u00a0"


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def test_a_share_is_told_with_uncertainty_missingness_and_what_was_not_corrected() -> None:
    assert plain(sentence(finding("m.share", 0.63))) == (
        "Of 240 images read (12 missing), 63.0 % [58.0, 68.0] are perceived as feminine; uncorrected for classifier "
        "error; from 59.8 % to 64.8 % whatever the missing were."
    )


def test_a_cell_is_named_first_and_its_truth_last() -> None:
    one = finding("m.share", 0.63, n_missing=0, bounds=None, correction="labels")
    assert plain(sentence(one, "nurse", truth=0.7)) == (
        "nurse: of 240 images read (none missing), 63.0 % [58.0, 68.0] are perceived as feminine; corrected by people's "
        "labels of some of them; the true value is 70.0 %, which the interval does not contain."
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expected": 0.1}, "0.1 would be expected if even or equal: evidence for a difference"),
        ({"expected": 0.35}, "0.35 would be expected if even or equal: no clear evidence for a difference"),
        ({"p_value": 0.003, "p_adjusted": 0.03}, "evidence for a difference (p = .003, adjusted .03)"),
        ({"p_value": 0.03, "p_adjusted": 0.2}, "no clear evidence for a difference (p = .03, adjusted .20)"),
        ({"p_value": 0.03}, "; evidence for a difference (p = .03)"),
        ({"expected": 0.1, "where": {"reference": "workforce"}}, "0.1 would be expected if it followed workforce"),
    ],
)
def test_evidence_is_of_the_adjusted_p_value_or_else_of_the_interval(changes: dict[str, object], told: str) -> None:
    one = finding("m.skew", 0.4, 0.08, title="Distance from equal shares", unit="fraction", **changes)
    assert told in sentence(one)
    assert "from 240 draws (12 missing)" in sentence(one)


def test_no_estimate_is_told_as_such() -> None:
    one = finding("m.share", 0.5, n=1).model_copy(update={"estimate": None, "interval": None, "expected": 0.5})
    told = sentence(one)
    assert "Share of images perceived as feminine: no estimate from 1 draw (12 missing)" in told
    assert "evidence" not in told


def test_a_number_that_is_no_share_is_not_told_as_one() -> None:
    less = "Share of images perceived as feminine, less the true share"
    told = sentence(finding("m.error", -0.01, title=less, unit="fraction"))
    assert told.startswith(f"{less}: −0.01 [−0.06, 0.04], from 240 draws")


def test_what_n_counts_is_named() -> None:
    assert "from 13 intervals (none missing)" in sentence(held()[3])


# ---------------------------------------------------------------------------------------------------------- truths


def test_true_values_go_to_the_findings_whose_numbers_and_cells_they_are_of() -> None:
    found = held()
    known = truths(found)
    assert [known.get(one.key) for one in found] == [0.802, 0.221, 0.581, None]


def test_equal_numbers_of_two_cells_do_not_mix_their_truths() -> None:
    nurse, pilot, judge = (finding("m.share", 0.5, where={"occupation": name}) for name in ("nurse", "pilot", "judge"))
    rows = (span("nurse", nurse, truth=0.4), span("pilot", pilot, truth=0.6))
    chart = Intervals(title="t", summary="", rows=rows, unit="share")
    known = truths([nurse.model_copy(update={"panels": (chart,)}), pilot, judge])
    assert known == {nurse.key: 0.4, pilot.key: 0.6}


def test_a_row_with_other_numbers_or_of_another_generator_is_not_the_findings() -> None:
    one = finding("m.share", 0.5, where={"occupation": "nurse"})
    chart = Intervals(
        title="t", summary="", rows=(span("nurse", one, truth=0.4), span("all", one, truth=0.3)), unit="share"
    )
    with_chart = one.model_copy(update={"panels": (chart,)})
    other = one.model_copy(update={"generator": "another"})
    moved = finding("m.share", 0.5, 0.06, where={"occupation": "nurse", "arm": "x"})
    assert truths([with_chart, other, moved]) == {one.key: 0.4}


# ----------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("p_value", "p_adjusted", "told"),
    [
        (0.003, 0.03, "p = .003, adjusted .03"),
        (0.0004, None, "p < .001"),
        (0.0004, 0.0008, "p < .001, adjusted < .001"),
        (0.0496, 0.5, "p = .05, adjusted .50"),
        (0.998, 1.0, "p > .99, adjusted 1"),
        (0.0, 0.0, "p = 0, adjusted 0"),
        (0.246, None, "p = .25"),
        (None, None, ""),
    ],
)
def test_p_values_in_words(p_value: float | None, p_adjusted: float | None, told: str) -> None:
    assert p_words(finding("m.q", 0.5, p_value=p_value, p_adjusted=p_adjusted)) == told


def test_corrections_in_words() -> None:
    told = [corrected(finding("m.q", 0.5, correction=done)) for done in ("", "uncorrected", "labels", "confusion matrix")]
    assert told == ["", "uncorrected", "corrected: labels", "corrected: confusion matrix"]


@pytest.mark.parametrize(
    ("failed", "size", "line"),
    [
        (0, 34, "All 34 known-answer checks of the instruments passed."),
        (0, 1, "The one known-answer check of the instruments passed."),
        (0, 0, "The instruments were not checked: run `imgaudit doctor RUN`."),
        (2, 34, "2 of 34 known-answer checks of the instruments failed: estimator_32 and estimator_33."),
    ],
)
def test_checks_in_one_line(failed: int, size: int, line: str) -> None:
    found = checked(manifest(checks=checks(failed, size)))
    assert found.line.startswith(line)
    assert len(found.failed) == failed
    assert [check.passed for check in found.rows] == [False] * failed + [True] * (size - failed)


def test_a_margin_on_a_share_is_in_points_and_a_limit_on_it_in_per_cent() -> None:
    found = held()
    by_key = {one.key: one for one in found}
    apart, contained, margin = verdicts(found)
    assert [unit_of(v, by_key[v.finding]) for v in (apart, contained, margin)] == [
        "share difference",
        "share",
        "share difference",
    ]
    assert plain(restated("within 0.2 of it: -0.06 to 0.1", margin, by_key[margin.finding])) == (
        "within 20 points of it: −6.0 points to 10.0 points"
    )
    assert plain(restated("-6.0 points to 10.0 points", margin, by_key[margin.finding])) == "−6.0 points to 10.0 points"


def test_advice_is_in_terms_of_what_n_counts() -> None:
    found = held()
    contained: Finding = found[3]
    (advice,) = (v for v in verdicts(found) if v.finding == contained.key)
    assert advised(advice, contained) == "about 3 times as many intervals, if the estimate stays where it is"
    assert advised(advice, found[0]) == advice.decides


def test_bounds_are_told_only_where_something_is_missing() -> None:
    one = finding("m.share", 0.5, n_missing=0, bounds=Interval(low=0.4, high=0.6))
    assert "whatever" not in sentence(one)

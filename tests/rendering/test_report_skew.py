"""The page of an audit of skew: references, bands, grids, corrections, p-values, truths and checks where readers look."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from rendering.parsed_page import Page, render
from rendering.sample_audit import HOSTILE, audited
from rendering.sample_skew import REFERENCES, TONES, shares, skewed

from audit.panels import Intervals
from reports.charts import draw, left_out
from reports.junit import JUnit
from reports.markdown import Markdown
from reports.spans import MARKS
from reports.wording import clean


@pytest.fixture(scope="module")
def text() -> str:
    return Page(render(skewed())).text


def section(text: str, heading: str, end: str) -> str:
    return text.split(heading, 1)[1].split(end, 1)[0]


def shares_chart() -> Intervals:
    panel = skewed().findings[0].panels[0]
    assert isinstance(panel, Intervals)
    return panel


def test_each_reference_has_a_shape_and_a_colour_and_a_line_of_the_key() -> None:
    panel = shares_chart()
    root = ElementTree.fromstring(draw(panel, "c"))
    words = [element.text or "" for element in root.iter("text")]
    for name in REFERENCES:
        assert sum(clean(name).startswith(line.rstrip("…")) for line in words if line) == 1
    outlines = [use for use in root.iter("use") if "fill-opacity: 0" in use.attrib["style"]]
    for position, (_, colour) in enumerate(MARKS[: len(REFERENCES)]):
        own = [use for use in outlines if f"stroke: var(--{colour})" in use.attrib["style"]]
        told = sum(row.marks[position] is not None for row in panel.rows)
        assert len(own) == told + 1  # and the key
        assert len({use.attrib["href"] for use in own}) == 1
    shapes = [
        next(u.attrib["href"] for u in outlines if f"var(--{colour})" in u.attrib["style"]) for _, colour in MARKS[:3]
    ]
    assert len(set(shapes)) == 3


def test_marks_stand_where_the_axis_has_their_values() -> None:
    """Ticks and marks are read back from the drawing: both lie on one straight line of value against pixels."""
    panel = shares_chart()
    root = ElementTree.fromstring(draw(panel, "c"))
    ticks = {float((t.text or "").split("\u00a0")[0]) / 100: float(t.attrib["x"]) for t in root.iter("text") if _is_tick(t)}
    (low, left), *_, (high, right) = sorted(ticks.items())[:-1]  # the last may be moved inside the picture
    marks = [u for u in root.iter("use") if f"stroke: var(--{MARKS[1][1]})" in u.attrib["style"]][1:]
    values = [row.marks[1] for row in panel.rows if row.marks[1] is not None]
    expected = [left + (value - low) / (high - low) * (right - left) for value in values]
    assert [float(mark.attrib["x"]) for mark in marks] == pytest.approx(expected, abs=0.3)


def _is_tick(element: ElementTree.Element) -> bool:
    return (element.text or "").endswith("\u00a0%") and "middle" in element.attrib["style"]


def test_each_reference_is_dated_sourced_and_has_its_caveats_on_the_page(text: str) -> None:
    about = {"title": "Members of unions", "dated": "2019", "source": f"Annual report {HOSTILE}", "caveats": "7 years ago."}
    shown = Page(
        render(audited(shares(), (), references={"unions": about, "uniform": {"title": "Equal", "dated": ""}}))
    ).text
    told = section(shown, "References that shares were laid beside", "Model weights")
    for words in ("unions", "Members of unions", "2019", "Annual report", "7 years ago.", "uniform", "Equal"):
        assert words in told
    assert told.count("dated") == 1
    assert "stands under What was run" in shown
    assert "References that shares were laid beside" not in text


def test_more_references_than_marks_are_said() -> None:
    rows = tuple(row.model_copy(update={"marks": (0.1,) * 7}) for row in shares_chart().rows)
    panel = shares_chart().model_copy(update={"marks": tuple("abcdefg"), "rows": rows})
    assert left_out(panel) == "The picture shows the first 5 of 7 references."


def test_marks_without_a_name_are_refused() -> None:
    panel = shares_chart()
    with pytest.raises(ValueError, match="has 3 marks; the chart names 1 references"):
        Intervals.model_validate(panel.model_dump() | {"marks": ("one",)})


def test_the_picture_beside_references_and_the_grid_come_before_the_table(text: str) -> None:
    findings = section(text, "representation 13 findings", "phantom truth 4 findings")
    order = [
        findings.index(words)
        for words in (
            "are perceived as feminine",
            "Numbers behind this chart",
            *TONES[:1],
            "representation.skew",
            "Clusters",
        )
    ]
    assert order == sorted(order)
    numbers = section(findings, "Numbers behind this chart", "Shares of perceived tone")
    assert "us_workforce_2022" in numbers
    assert "occupation: judge 62.0 % 53.0 % 71.0 % 40 50 % 68 % 46 %" in numbers
    assert "occupation: nurse in a small town 48.0 % 39.0 % 57.0 % 40 50 % – 34 %" in numbers


def test_every_row_of_an_index_has_the_band_of_its_own_n(text: str) -> None:
    findings = section(text, "by occupation: all 6", "Clusters")
    assert "what an even generator shows at that n" in findings
    for band in ("0.00 to 0.18", "0.00 to 0.28"):
        assert band in findings


def test_every_finding_is_told_in_a_sentence(text: str) -> None:
    sentences = section(text, "The same in words", "in full: charts")
    assert sentences.count("missing)") == 13
    assert "Lowest of 6: judge in a small town" in text
    assert "In plain words" in text


def test_charts_of_several_generators_say_whose_they_are_and_are_drawn_once() -> None:
    found = shares()
    other = tuple(one.model_copy(update={"generator": "another"}) for one in found)
    page = Page(render(audited((*found, *other), (), costs=())))
    for name in ("phantom-skewed", "another"):
        assert f"Share of images perceived as feminine: {name}, by occupation" in page.text
        assert f"Shares of perceived tone by occupation: {name}" in page.text
    assert sum(tag == "svg" and a.get("class") == "chart" for tag, a in page.tags) == 4


def test_corrections_and_p_values_stand_in_the_table(text: str) -> None:
    table = section(text, "Clusters", "The same in words")
    assert table.count("uncorrected") == 6
    assert table.count("corrected: labels") == 7
    assert "p = .007, adjusted .043" in table
    assert "were there nothing to find" in text


def test_a_true_value_stands_at_its_gate_in_the_main_numbers_and_in_the_table(text: str) -> None:
    gates = section(text, "gates failed", "In plain words")
    assert "47.7 points interval 27.7 to 67.7 points ◇ true value 58.1 points" in gates
    assert "80.2" not in gates  # a margin limits a difference to a baseline, whose truth is another
    tiles = section(text, "The main numbers", "Read with care")
    assert "true value 58.1 points" in tiles
    assert "true 80.2 %" in tiles
    assert "True value" in section(text, "phantom truth 4 findings", "What was run")


def test_checks_that_passed_are_one_line_and_those_that_failed_come_first(text: str) -> None:
    assert text.index("1 of 3 gates failed") < text.index("All 34 known-answer checks of the instruments passed.")
    failed = Page(render(skewed(failed=2))).text
    assert failed.index("2 of 34 known-answer checks") < failed.index("1 of 3 gates failed")
    assert failed.index("estimator_33 coverage of planted shares") < failed.index("estimator_0 a share")
    none = Page(render(skewed(checks=()))).text
    assert "run `imgaudit doctor RUN`" in none


def test_the_summary_has_truths_sentences_checks_corrections_and_p_values() -> None:
    text = Markdown().render(skewed(failed=2)).decode()
    assert "**❌ 2 of 34 known-answer checks of the instruments failed" in text
    assert "0.93 to 0.97 | 0.71 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| ❌ failed"))
    assert "58.1\u00a0points | 15\u00a0points" in row
    assert "as many intervals" in text
    assert "- phantom-skewed, indoors: of 240 images read (12 missing)" in text
    assert "corrected: labels | p = .007, adjusted .043 |" in text
    assert "All 34 known-answer checks" in Markdown().render(skewed()).decode()
    assert "run `imgaudit doctor RUN`" in Markdown().render(skewed(checks=())).decode()


def test_what_adjusted_tests_do_not_show_does_not_stand_out() -> None:
    one = shares()[0].model_copy(update={"expected": 0.0, "p_value": 0.01, "panels": ()})
    for adjusted, there in ((0.19, False), (0.03, True)):
        told = Markdown().render(audited((one.model_copy(update={"p_adjusted": adjusted}),), ())).decode()
        assert ("### What stands out" in told) is there


def test_junit_has_checks_as_properties_and_truths_in_its_details() -> None:
    root = ElementTree.fromstring(JUnit().render(skewed(failed=2)))
    told = {each.get("name"): each.get("value") or "" for each in root.iter("property")}
    assert told["instrument checks"].startswith("2 of 34 known-answer checks")
    assert "expected 0.93 to 0.97, found 0.71" in told["failed check of estimator_32"]
    assert root.get("failures") == "2"  # gates alone
    assert "true value: 58.1\u00a0points" in (next(root.iter("failure")).text or "")


def test_pages_hold_what_the_fixture_says(pages: dict[str, Path]) -> None:
    assert "known-answer checks of the instruments failed" in pages["failed checks"].read_text("utf-8")

"""What a report puts first, and where it puts an estimate on a line."""

import re

import pytest

from audit.component import Audited
from audit.records import Finding, Interval, RunManifest, Verdict
from reports.html import Html
from reports.markdown import Markdown
from reports.strips import finding_strip, verdict_strip
from reports.summary import summarise
from reports.titles import told_apart
from reports.together import common_title, comparable
from reports.wording import stands_out


def finding(metric: str = "m.q", **changes: object) -> Finding:
    known = {
        "metric": metric,
        "title": f"Share of {metric}",
        "protocol": "p",
        "generator": "g",
        "estimate": 0.4,
        "interval": Interval(low=0.3, high=0.5),
        "confidence": 0.95,
        "unit": "share",
        "better": "none",
        "n": 10,
        "n_missing": 0,
        "clusters": 10,
        "method": "share",
    }
    return Finding.model_validate(known | changes)


def verdict(of: Finding, limit: float, estimate: float | None = None) -> Verdict:
    value = of.estimate if estimate is None else estimate
    return Verdict(
        gate="g", finding=of.key, outcome="fail", reason="r", estimate=value, interval=Interval(low=-1, high=1), limit=limit
    )


def audited(findings: list[Finding], verdicts: list[Verdict] | None = None, **manifest: object) -> Audited:
    made = RunManifest.model_validate(
        {"digest": "sha256:0", "spec": {}, "keys": {}, "numerics": {}, "started": "", "counts": {"made": 3, "failed": 1}}
        | manifest
    )
    return Audited(made, tuple(findings), tuple(verdicts or ()), lambda _: None, lambda _: "", lambda _: None)


def test_shares_lie_on_the_whole_line() -> None:
    strip = finding_strip(finding())
    assert strip is not None
    left, right = (mark.at for mark in strip.marks)
    assert [mark.label for mark in strip.marks] == ["0\u00a0%", "100\u00a0%"]
    assert strip.estimate == pytest.approx(left + 0.4 * (right - left))
    assert strip.interval == pytest.approx((left + 0.3 * (right - left), left + 0.5 * (right - left)))


def test_a_number_without_comparison_is_seen_from_zero() -> None:
    strip = finding_strip(finding(unit="px", estimate=100, interval=Interval(low=99, high=101)))
    assert strip is not None
    assert strip.marks[0].label == "0\u00a0px"
    assert strip.marks[0].at < 15 < 85 < strip.estimate


@pytest.mark.parametrize("expected", [-5.0, 0.0, 5.0])
def test_what_is_compared_stays_within_the_line_in_order(expected: float) -> None:
    strip = finding_strip(finding(unit="", expected=expected, bounds=Interval(low=0.1, high=0.9)))
    assert strip is not None
    assert strip.interval is not None
    assert strip.bounds is not None
    assert min(strip.marks[0].at, *strip.bounds) >= 0
    assert max(strip.marks[0].at, *strip.bounds) <= 100
    assert strip.bounds[0] < strip.interval[0] < strip.estimate < strip.interval[1] < strip.bounds[1]
    assert (strip.marks[0].at < strip.estimate) == (expected < 0.4)


def test_nothing_is_drawn_without_numbers() -> None:
    assert finding_strip(finding(estimate=None, interval=None)) is None
    assert verdict_strip(verdict(finding(), 1).model_copy(update={"estimate": None}), "") is None
    assert verdict_strip(verdict(finding(), 1).model_copy(update={"limit": None}), "") is None


def test_an_interval_that_excludes_its_expectation_stands_out() -> None:
    assert stands_out(finding(expected=0.2))
    assert not stands_out(finding(expected=0.3))  # ends belong to the interval
    assert not stands_out(finding())


def test_judged_numbers_come_first_and_then_the_first_of_every_metric() -> None:
    findings = [finding(metric) for metric in ("a.one", "a.two", "b.one", "c.one", "c.two")]
    tiles = summarise(audited(findings, [verdict(findings[4], 0.1)])).headlines
    assert [tile.finding.metric for tile in tiles] == ["c.two", "a.one", "b.one", "c.one", "a.two"]


def test_a_number_over_all_stands_for_its_cells() -> None:
    cells = [finding(where={"word": name}) for name in "xyz"]
    (tile,) = summarise(audited([*cells, finding(estimate=0.9, interval=None)])).headlines
    assert tile.finding.estimate == 0.9
    assert tile.rows == ()


def test_cells_without_a_number_over_all_stand_side_by_side() -> None:
    cells = [finding(where={"word": name}, estimate=value, interval=None) for name, value in (("x", 0.2), ("y", 0.7))]
    (tile,) = summarise(audited(cells)).headlines
    assert tile.rows == (("x", "20.0\u00a0%", "", ""), ("y", "70.0\u00a0%", "", ""))


def test_of_many_cells_the_ends_are_shown() -> None:
    cells = [finding(where={"word": str(i)}, estimate=i / 10, interval=None) for i in range(1, 9)]
    (tile,) = summarise(audited(cells)).headlines
    assert tile.rows == (("8", "80.0\u00a0%", "", ""), ("1", "10.0\u00a0%", "", ""))
    assert (tile.left_out, tile.ends) == (6, True)


def test_widths_and_refusals_have_no_highest() -> None:
    units = {"width": "px", "height": "px", "refused": "share", "failed": "share", "contrast": "1"}
    several = [finding("m.gap", where={"column": name}, unit=unit) for name, unit in units.items()]
    assert not comparable(several)
    assert not comparable(several[:2])
    (tile,) = summarise(audited(several)).headlines
    assert [label for label, *_ in tile.rows] == ["width", "height", "refused", "failed"]
    assert (tile.left_out, tile.ends) == (1, False)


def test_titles_that_differ_share_their_beginning() -> None:
    assert (
        common_title([finding(title="Share of faces seen as a"), finding(title="Share of faces seen as b")])
        == "Share of faces seen as …"
    )
    assert common_title([finding(title="Same"), finding(title="Same")]) == "Same"
    assert common_title([finding("m.my_q", title="One thing"), finding("m.my_q", title="Another")]) == "m: my q"


def test_plain_words_count_what_came_back_and_warn() -> None:
    summary = summarise(
        audited([finding(n_missing=2), finding("x.y", estimate=None, interval=None)], unpinned=("pack",), notes=("Slow.",))
    )
    assert summary.sentences[0].startswith("3 of 4 images that were asked for came back. This report holds 2 findings of g")
    assert summary.sentences[1] == "No gates were set, so nothing is passed or failed here."
    assert ["no estimate" in c for c in summary.cautions] == [True, False, False, False]
    assert "pack" in summary.cautions[2]
    assert summary.cautions[3] == "Slow."


def test_what_stands_out_goes_by_adjusted_tests_and_names_the_clearest_of_each_metric() -> None:
    known = {"expected": 0.1, "p_value": 0.001}
    found = [
        finding("a.skew", where={"job": "nurse"}, p_adjusted=0.002, **known),
        finding("a.skew", where={"job": "clerk"}, p_adjusted=0.01, **known),
        finding("a.skew", where={"job": "pilot"}, p_adjusted=0.2, **known),  # the interval excludes .1, the test does not
        finding("a.excess_skew", where={"job": "nurse"}, p_adjusted=0.002, **known),
        finding("b.gap", where={"job": "judge"}, p_adjusted=0.04, **known),
    ]
    told = " ".join(summarise(audited(found)).sentences)
    assert "4 tests were made, adjusted for those that were made together; 3 of them show evidence for a difference" in told
    assert "nurse: " in told
    assert "judge: " in told
    assert "clerk" not in told
    assert "pilot" not in told
    quiet = " ".join(summarise(audited([finding("a.skew", p_adjusted=0.3, **known)])).sentences)
    assert "1 test was made, adjusted for those that were made together; 0 of them show evidence for a difference." in quiet


@pytest.mark.parametrize("outcome", ["pass", "invalid"])
def test_no_number_of_an_invalid_run_is_called_evidence(outcome: str) -> None:
    tested = finding("m.tested", expected=0.1, p_value=0.001, p_adjusted=0.002)
    compared = finding("m.compared", expected=0.1)
    judged = [verdict(tested, 0.3), verdict(compared, 0.3).model_copy(update={"outcome": outcome})]
    seen = audited([tested, compared], judged)
    page = Html().render(seen).decode().partition('id="reading"')[0]  # the glossary explains the words
    summary = Markdown().render(seen).decode()
    valid = outcome == "pass"
    for told in (page, summary):
        assert ("evidence for" in told) == valid
        assert ("it excludes" in told or "What stands out" in told or "interval excludes" in told) == valid
        assert ("no number of it is evidence of anything" in told) == (not valid)
        assert ("no evidence of anything, as the run is invalid" in told) == (not valid)


SCORERS = {"scorers": [{"use": "attributes"}, {"use": "agreement", "name": "both"}]}


def of_column(metric: str, column: str, label: str = "feminine") -> Finding:
    changes = {"title": f"Share of images perceived as {label}", "where": {"label": label}}
    return finding(metric, protocol=f"share of {label!r}; {column}; {column.partition('.')[0]}=v1", **changes)


def test_a_title_of_two_metrics_names_their_columns() -> None:
    first = [of_column("first.share", "attributes.perceived_gender", label) for label in ("feminine", "masculine")]
    alone = finding("first.other", title="Width")
    seen = audited([*first, of_column("second.share", "both.perceived_gender"), alone], spec=SCORERS)
    assert [found.title for found in told_apart(seen).findings] == [
        "Share of images perceived as feminine (attributes.perceived_gender)",
        "Share of images perceived as masculine",
        "Share of images perceived as feminine (both.perceived_gender)",
        "Width",
    ]
    page = Html().render(seen).decode()
    assert "are perceived as feminine (both.perceived_gender)" in page
    assert "<h4" in page
    assert len(set(re.findall(r'<h4 id="finding.*?</h4>', page))) == len(re.findall(r'<h4 id="finding', page)) == 4


def test_metrics_of_one_column_are_named_themselves() -> None:
    twice = [of_column(metric, "attributes.perceived_gender") for metric in ("first.share", "second.share")]
    titles = [found.title for found in told_apart(audited(twice, spec=SCORERS)).findings]
    assert titles == [f"Share of images perceived as feminine ({name})" for name in ("first", "second")]
    same = [finding("m.a", title="x"), finding("m.b", title="x")]  # no columns, one family
    assert [found.title for found in told_apart(audited(same)).findings] == ["x (m.a)", "x (m.b)"]

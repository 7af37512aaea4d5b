"""The reports for machines and forges: a pull-request summary, JUnit and JSON, with hostile text in every field."""

import json
import re
from xml.etree import ElementTree

import pytest
from rendering import sample_audit

from audit.component import Audited
from audit.records import Finding, RunManifest, Verdict
from reports.json_report import Json
from reports.junit import JUnit
from reports.markdown import Markdown, escape


def hostile() -> Audited:
    """An audit whose gate, reason and finding are hostile, with one verdict of each kind."""
    finding = sample_audit.overall_share().model_copy(update={"generator": sample_audit.HOSTILE})
    verdicts = tuple(
        Verdict(
            gate=f"{outcome} {sample_audit.HOSTILE}",
            finding=finding.key,
            outcome=outcome,
            reason=f"because ]]> {sample_audit.HOSTILE}\nsecond line",
            decides="| @everyone #1 https://example.org www.example.org",
        )
        for outcome in ("pass", "fail", "inconclusive", "invalid")
    )
    return sample_audit.audited((finding,), verdicts, spec={"name": sample_audit.HOSTILE})


# -------------------------------------------------------------------------------------------------------- markdown


def test_summary_holds_a_verdict_table_and_what_moved() -> None:
    text = Markdown().render(sample_audit.demo()).decode()
    assert text.startswith("## ❌ 1 of 3 gates failed: Five-minute audit")
    rows = [line for line in text.splitlines() if line.startswith(("| ❌", "| ❔", "| ✅"))]
    assert [row.split(" | ")[0] for row in rows] == ["| ❌ failed", "| ❔ inconclusive", "| ✅ passed"]
    assert "0.077 to 0.089" in rows[0]
    assert "about 1,930 draws" in rows[1]
    moved = text.split("### What moved against its baseline")[1].split("###")[0]
    assert "dcgan\\_blurred" in moved
    assert "dcgan vs" not in moved  # its interval holds zero
    assert "1 failed and 3 filtered" in text


def test_summary_says_which_intervals_miss_the_truth() -> None:
    text = Markdown().render(sample_audit.demo()).decode()
    row = next(line for line in text.split("### Measured against true")[1].splitlines() if "phantom" in line)
    assert "| 3 of 4 |" in row
    assert "builder: 19.0" in row
    assert "true 5" in row
    assert "judge" not in row


def test_summary_is_short_even_for_a_long_run() -> None:
    text = Markdown(rows=5).render(sample_audit.long()).decode()
    assert len(text) < 8000
    assert re.search(r"\d+ more rows in the full report", text)


def test_every_table_row_has_the_columns_of_its_header() -> None:
    for audited in (sample_audit.demo(), hostile()):
        columns = 0
        for line in Markdown().render(audited).decode().splitlines():
            if not line.startswith("|"):
                columns = 0
                continue
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            columns = columns or cells
            assert cells == columns


def test_summary_escapes_what_a_forge_would_act_on() -> None:
    text = Markdown().render(hostile()).decode()
    assert "<img" not in text
    assert "<script" not in text
    assert not re.search(r"@\w|(?<!&)#\d|https?://|www\.\w", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", text)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a|b", r"a\|b"),
        ("line\nbreak", "line break"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("@team", "@\u200bteam"),
        ("see #12 and !7", "see \\#\u200b12 and \\!\u200b7"),
        ("[x](http://a)", "\\[x\\](http:\u200b//a)"),
        ("0.005, 50 % and -1", "0.005, 50 % and -1"),
        ("$x$ `y` _z_ ~w~", "\\$\u200bx\\$ \\`y\\` \\_z\\_ \\~\u200bw\\~"),
    ],
)
def test_escape(raw: str, safe: str) -> None:
    assert escape(raw) == safe


# ----------------------------------------------------------------------------------------------------------- junit


def cases(data: bytes) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(data).iter("testcase"))


def test_junit_shows_every_gate_and_no_red_build_with_green_tests() -> None:
    root = ElementTree.fromstring(JUnit().render(sample_audit.demo()))
    assert {name: root.attrib[name] for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }
    kinds = [[(child.tag, child.get("type")) for child in case] for case in root.iter("testcase")]
    assert kinds == [[("system-out", None)], [("failure", "fail")], [("failure", "inconclusive")]]


def test_junit_marks_invalid_as_error_and_skips_on_request() -> None:
    kinds = [case[0].tag for case in cases(JUnit(inconclusive="skipped").render(hostile()))]
    assert kinds == ["system-out", "failure", "skipped", "error"]


def test_junit_is_xml_whatever_the_names_hold() -> None:
    data = JUnit().render(hostile())
    case = cases(data)[1]
    assert "</script><img src=x onerror=alert(1)>" in case.get("name", "")
    assert "␀" in case.get("name", "")
    assert "because ]]>" in (case[0].text or "")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", data.decode("utf-8"))


def test_junit_without_gates_is_an_empty_suite() -> None:
    root = ElementTree.fromstring(JUnit().render(sample_audit.audited((), ())))
    assert root.attrib["tests"] == "0"
    assert root.find("testsuite") is not None


# ------------------------------------------------------------------------------------------------------------ json


@pytest.mark.parametrize("audited", [sample_audit.demo(), hostile(), sample_audit.audited((), ())])
def test_json_gives_the_records_back(audited: Audited) -> None:
    data = json.loads(Json().render(audited))
    assert data["schema"] == "imgaudit-report/1"
    keys = [finding.pop("key") for finding in data["findings"]]
    assert keys == [finding.key for finding in audited.findings]
    assert tuple(Finding.model_validate(finding) for finding in data["findings"]) == audited.findings
    assert tuple(Verdict.model_validate(verdict) for verdict in data["verdicts"]) == audited.verdicts
    assert RunManifest.model_validate(data["manifest"]) == audited.manifest
    assert {verdict["finding"] for verdict in data["verdicts"]} <= set(keys)


def test_json_is_canonical_and_hides_nothing() -> None:
    data = Json().render(hostile())
    assert data.isascii()
    assert data == Json().render(hostile())
    assert list(json.loads(data)) == sorted(json.loads(data))
    assert b"\\u202e" in data

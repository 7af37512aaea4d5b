"""Gates as test cases, for the test tab of a CI system."""

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, Literal
from xml.etree import ElementTree

from audit.component import Audited, Report
from audit.records import Finding, Verdict
from reports.checks import checked
from reports.sentences import sentence
from reports.summary import title_of
from reports.together import where_words
from reports.truths import truths
from reports.verdicts import advised, restated, unit_of
from reports.wording import clean, clip, corrected, interval, mark, quantity, width

__all__ = ["JUnit"]

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
KINDS = {"fail": "failure", "invalid": "error"}


class JUnit(Report):
    """One test case a gate: a failed gate is a failure, one that could not be judged an error.

    An inconclusive gate is a failure too, of type ``inconclusive``: the command line ends with a code other than 0 on
    it, and a build that is red should not show a green list of tests. ``inconclusive: skipped`` shows it as skipped.
    """

    filename: ClassVar[str] = "junit.xml"

    inconclusive: Literal["failure", "skipped"] = "failure"

    def render(self, audited: Audited) -> bytes:
        """The whole file: XML 1.0, UTF-8, without characters that XML forbids."""
        true = truths(audited.findings)
        cases = [self._case(verdict, audited, true) for verdict in audited.verdicts]
        kinds = Counter(child.tag for case in cases for child in case if child.tag != "system-out")
        totals = {
            "tests": str(len(cases)),
            "failures": str(kinds["failure"]),
            "errors": str(kinds["error"]),
            "skipped": str(kinds["skipped"]),
        }
        root = ElementTree.Element("testsuites", {"name": "imgaudit", **totals})
        suite = ElementTree.SubElement(root, "testsuite", {"name": title_of(audited), "time": _seconds(audited), **totals})
        _add_checks(suite, audited)
        suite.extend(cases)
        ElementTree.indent(root)
        return DECLARATION + ElementTree.tostring(root, encoding="unicode").encode("utf-8") + b"\n"

    def _case(self, verdict: Verdict, audited: Audited, true: Mapping[str, float]) -> ElementTree.Element:
        finding = next((finding for finding in audited.findings if finding.key == verdict.finding), None)
        gate, reason = (restated(text, verdict, finding) for text in (verdict.gate, verdict.reason))
        update = {"reason": reason, "decides": advised(verdict, finding)}
        details = _details(verdict.model_copy(update=update), finding, true)
        group = verdict.finding.partition("[")[0] or "no finding"
        case = ElementTree.Element(
            "testcase",
            {"classname": f"imgaudit.{_safe(group, 120)}", "name": _safe(gate, 300)},
        )
        if verdict.outcome != "pass":
            kind = KINDS.get(verdict.outcome, self.inconclusive)
            attributes = {"message": _safe(reason, 600)} | ({} if kind == "skipped" else {"type": verdict.outcome})
            ElementTree.SubElement(case, kind, attributes).text = details
        else:
            ElementTree.SubElement(case, "system-out").text = details
        return case


def _safe(text: str, length: int) -> str:
    return clip(clean(text), length)


def _seconds(audited: Audited) -> str:
    return f"{sum(cost.seconds for cost in audited.manifest.costs):.3f}"


def _add_checks(suite: ElementTree.Element, audited: Audited) -> None:
    """What the known-answer checks of the instruments say, as properties: they are no gates of the spec."""
    found = checked(audited.manifest)
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", {"name": "instrument checks", "value": _safe(found.line, 600)})
    for check in found.failed:
        told = f"{check.what}: expected {check.expected}, found {check.found}"
        name = _safe(f"failed check of {check.instrument}", 120)
        ElementTree.SubElement(properties, "property", {"name": name, "value": _safe(told, 600)})


def _details(verdict: Verdict, finding: Finding | None, true: Mapping[str, float]) -> str:
    unit = unit_of(verdict, finding)
    truth = true.get(verdict.finding) if finding and finding.estimate == verdict.estimate else None
    facts = {
        "outcome": verdict.outcome,
        "finding": _safe(verdict.finding, 400),
        "estimate": "" if verdict.estimate is None else quantity(verdict.estimate, unit, width(verdict)),
        "interval": interval(verdict.interval, unit),
        "true value": "" if truth is None else quantity(truth, unit, width(verdict)),
        "limit": "" if verdict.limit is None else mark(verdict.limit, unit),
        "reason": _safe(verdict.reason, 600),
        "what would decide it": _safe(verdict.decides, 600),
        "note": _safe(verdict.note, 600),
        "in words": _safe(sentence(finding, where_words(finding), truth), 700) if finding else "",
        "labels": corrected(finding) if finding else "",
    }
    return "\n".join(f"{name}: {fact}" for name, fact in facts.items() if fact)

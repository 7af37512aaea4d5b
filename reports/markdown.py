"""A summary for a pull request: the verdicts, what moved, what stands out. Short, and safe to post."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from audit.component import Audited, Report
from audit.digest import short
from audit.panels import Intervals, Pairs
from audit.records import Finding, Interval, Verdict
from reports.care import in_brief, persons
from reports.checks import checked
from reports.noise import settled
from reports.sentences import sentence
from reports.summary import audited_generators, depicts_people, drawn, title_of
from reports.titles import told_apart
from reports.together import where_words
from reports.truths import truths
from reports.verdicts import WORDS, advised, overall, ranked, restated, unit_of
from reports.wording import clean, clip, corrected, count, interval, listed, mark, p_words, quantity, stands_out, width

__all__ = ["Markdown", "escape"]

ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "invalid": "⚠️", "none": "▫️"}
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
MARKUP = frozenset("\\`*_[]#!|~$")
MOST_TOLD = 10
MOST_PANELS = 3
BREAK = "\u200b"
NAMES = re.compile(r"[@#!~%&$:](?=[\w/])|(?<=www)\.", re.IGNORECASE)
"""What begins the name of a person, an issue, a label, a snippet, an emoji or an address on some forge."""


def escape(text: str, length: int = 200) -> str:
    """Text that shows as itself in a table of GitHub or GitLab: no markup, HTML, mention, reference or link.

    A zero-width space, which nobody sees, keeps a forge from reading a name or an address.

    >>> escape("a|b <i> @team")
    'a\\\\|b &lt;i&gt; @\\u200bteam'
    """
    broken = NAMES.sub(rf"\g<0>{BREAK}", clip(clean(text), length))
    return "".join(ENTITIES.get(char) or (f"\\{char}" if char in MARKUP else char) for char in broken)


class Markdown(Report):
    """A comment for a pull request: a table of verdicts, what moved against a baseline, what stands out."""

    filename: ClassVar[str] = "summary.md"

    rows: int = Field(default=10, ge=1, le=100)
    """Rows of each table, at most."""

    def render(self, audited: Audited) -> bytes:
        """The whole summary, UTF-8."""
        audited = told_apart(settled(audited))
        conclusion = overall(audited.verdicts)
        parts = [
            f"## {ICONS[conclusion.tone]} {conclusion.headline}: {escape(title_of(audited))}",
            _what(audited),
            self._checks(audited),
            self._verdicts(audited),
            _judged_in_words(audited),
            *self._speaking(audited),
            self._truths(audited),
            _missing(audited),
            *_pairs(audited),
            f"<sub>{_care(audited)}Evidence for a rule, not proof of compliance. The "
            "full report is report.html of the run.</sub>",
        ]
        return ("\n\n".join(part for part in parts if part) + "\n").encode("utf-8")

    def _verdicts(self, audited: Audited) -> str:
        behind, true = {finding.key: finding for finding in audited.findings}, truths(audited.findings)
        judged = [(verdict, behind.get(verdict.finding)) for verdict in ranked(audited.verdicts)]
        known = {v.finding: _true(v, f, true) for v, f in judged if f}
        columns = ["Verdict", "Gate", "Estimate", "Interval", *(["True"] if any(known.values()) else []), "Limit"]
        rows = [_verdict_row(v, f, known.get(v.finding, "") if "True" in columns else None) for v, f in judged]
        return self._table((*columns, "What would decide it"), rows)

    def _checks(self, audited: Audited) -> str:
        found = checked(audited.manifest)
        if not found.failed:
            return escape(found.line).replace("\\`", "`")
        columns = ("Instrument", "Asked", "Expected", "Found")
        rows = [tuple(escape(text, 120) for text in (c.instrument, c.what, c.expected, c.found)) for c in found.failed]
        return f"**❌ {escape(found.line, 400)}**\n\n{self._table(columns, rows)}"

    def _speaking(self, audited: Audited) -> tuple[str, ...]:
        if overall(audited.verdicts).tone == "invalid":
            return ("The run is invalid, so no number of it is evidence of anything until what is wrong is mended.",)
        speaking = [finding for finding in audited.findings if _speaks(finding)]
        return (
            self._findings("What moved against its baseline", [f for f in speaking if f.baseline]),
            self._findings("What stands out", [f for f in speaking if not f.baseline]),
        )

    def _findings(self, title: str, findings: list[Finding]) -> str:
        rows = [
            (
                escape(finding.key, 140),
                escape(_estimate(finding, finding.unit)),
                escape(interval(finding.interval, finding.unit)),
                "" if finding.expected is None else escape(mark(finding.expected, finding.unit)),
                f"{finding.n:,}",
                escape(corrected(finding)),
                escape(p_words(finding)),
            )
            for finding in findings
        ]
        table = self._table(*_filled(("Finding", "Estimate", "Interval", "Expected", "n", "Labels", "p-value"), rows))
        return f"### {title}\n\n{table}" if table else ""

    def _truths(self, audited: Audited) -> str:
        charts = [(f, p) for f in audited.findings for p in f.panels if isinstance(p, Intervals) and p.known[1:]]
        rows = [(escape(f.key, 140), _held(panel), _missed(panel)) for f, panel in charts]
        table = self._table(("Finding", "Intervals that contain the true value", "Those that do not"), rows)
        return f"### Measured against true\n\n{table}" if table else ""

    def _table(self, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
        if not rows:
            return ""
        lines = [columns, ("---",) * len(columns), *rows[: self.rows]]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        more = len(rows) - self.rows
        return table + (f"\n\n{count(more, 'more row')} in the full report." if more > 0 else "")


def _pairs(audited: Audited) -> list[str]:
    """Panels of image pairs as lines: two digests a pair, since a comment can hold no blurred copy."""
    panels = [panel for finding in audited.findings for panel in finding.panels if isinstance(panel, Pairs) and panel.pairs]
    return [_pair_lines(panel) for panel in panels[:MOST_PANELS]]


def _pair_lines(panel: Pairs) -> str:
    sides = f"{escape(panel.left, 60)} and {escape(panel.right, 60)}"
    lines = [f"### {escape(panel.title)}", "", f"{escape(panel.summary, 400)} Digests of {sides}:".strip(), ""]
    for (left, right), caption in list(zip(panel.pairs, panel.captions, strict=True))[:MOST_TOLD]:
        said = escape(caption)
        lines.append(f"- {escape(short(left, 12))} and {escape(short(right, 12))}{f': {said}' if said else ''}")
    more = len(panel.pairs) - MOST_TOLD
    return "\n".join([*lines, *([f"- {count(more, 'more pair')} in the full report."] if more > 0 else [])])


def _care(audited: Audited) -> str:
    people = f"Perceived attributes of {persons(audited.manifest)}; not identity. " if depicts_people(audited) else ""
    return people + "".join(f"{escape(told, 300)} " for told in in_brief(audited))


def _speaks(finding: Finding) -> bool:
    """Whether it excludes what it is compared with, and still does so among all the tests that were made with it."""
    return stands_out(finding) and (finding.p_adjusted is None or finding.p_adjusted < 1 - finding.confidence)


def _what(audited: Audited) -> str:
    names = listed([escape(name, 60) for name in audited_generators(audited.findings)])
    draws = drawn(audited)
    sets = "".join(f" and {n:,} of the reference set {escape(name, 60)}" for name, n in draws.references)
    about = f" of {names}" if names else ""
    return f"{count(len(audited.findings), 'finding')}{about} from {count(draws.audited, 'draw')}{sets}."


def _filled(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table without its empty columns."""
    kept = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    return tuple(columns[at] for at in kept), [tuple(row[at] for at in kept) for row in rows]


def _judged_in_words(audited: Audited) -> str:
    """A sentence for each finding that a gate judged."""
    judged, true = {verdict.finding for verdict in audited.verdicts}, truths(audited.findings)
    invalid = overall(audited.verdicts).tone == "invalid"
    known = [f for f in audited.findings if f.key in judged]
    told = [escape(sentence(f, where_words(f), true.get(f.key), invalid=invalid), 700) for f in known]
    more = [f"- {count(len(told) - MOST_TOLD, 'more sentence')} in the full report."] if len(told) > MOST_TOLD else []
    return "\n".join([*(f"- {line}" for line in told[:MOST_TOLD]), *more])


def _true(verdict: Verdict, finding: Finding, true: Mapping[str, float]) -> str:
    """The true value of what was judged; a margin limits the difference to a baseline, whose truth is another."""
    value = true.get(finding.key) if verdict.estimate == finding.estimate else None
    return "" if value is None else escape(quantity(value, finding.unit, width(finding)))


def _verdict_row(verdict: Verdict, finding: Finding | None, true: str | None) -> tuple[str, ...]:
    """``true`` is None where the table has no column for it."""
    unit = unit_of(verdict, finding)
    return (
        f"{ICONS[verdict.outcome]} {WORDS[verdict.outcome].lower()}",
        escape(restated(verdict.gate, verdict, finding)),
        "" if verdict.estimate is None else escape(_estimate(verdict, unit)),
        escape(interval(verdict.interval, unit)),
        *([] if true is None else [true]),
        "" if verdict.limit is None else escape(mark(verdict.limit, unit)),
        escape(
            advised(verdict, finding)
            or (restated(verdict.reason, verdict, finding) if verdict.outcome == "invalid" else "")
        ),
    )


def _estimate(subject: Finding | Verdict, unit: str) -> str:
    return "" if subject.estimate is None else quantity(subject.estimate, unit, width(subject))


def _held(panel: Intervals) -> str:
    return f"{sum(row.contains_truth for row in panel.known):,} of {len(panel.known):,}"


def _missed(panel: Intervals) -> str:
    """As in ``nurse: 80.1 % to 91.0 %, true 95 %``."""
    told = [
        f"{row.label}: {interval(Interval(low=row.low, high=row.high), panel.unit)}, true {mark(row.truth, panel.unit)}"
        for row in panel.known
        if row.truth is not None and not row.contains_truth
    ]
    return escape(listed(told), 300)


def _missing(audited: Audited) -> str:
    counts = {name: times for name, times in sorted(audited.manifest.counts.items()) if name != "made" and times}
    if not counts:
        return ""
    return "Draws without an image: " + listed([f"{times:,} {escape(name, 40)}" for name, times in counts.items()]) + "."

"""What the gates conclude together, in words. Used by every report, so that all say the same."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audit.records import Finding, Verdict
from reports.wording import POINTS, count, counted, is_share, mark, quantity, width

__all__ = ["ORDER", "WORDS", "Overall", "advised", "overall", "ranked", "restated", "unit_of"]

Outcome = Literal["pass", "fail", "inconclusive", "invalid"]
Tone = Outcome | Literal["none"]

ORDER: tuple[Outcome, ...] = ("invalid", "fail", "inconclusive", "pass")
"""Worst first, as the exit codes of the command line have it."""

WORDS: dict[Tone, str] = {
    "pass": "Passed",
    "fail": "Failed",
    "inconclusive": "Inconclusive",
    "invalid": "Invalid",
    "none": "Not judged",
}


@dataclass(frozen=True, slots=True)
class Overall:
    """The conclusion over all gates."""

    tone: Tone
    headline: str
    tally: tuple[tuple[Outcome, int], ...]
    """Outcomes that occurred, worst first, with how often."""


def overall(verdicts: Sequence[Verdict]) -> Overall:
    """The worst outcome and a headline that says how many gates had it."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    tally = tuple((outcome, counts[outcome]) for outcome in ORDER if counts[outcome])
    if not tally:
        return Overall("none", "No gates were set: this run measures and does not judge", ())
    worst, times = tally[0]
    return Overall(worst, _headline(worst, times, len(verdicts)), tally)


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Worst first; the order of the spec within an outcome."""
    return sorted(verdicts, key=lambda verdict: ORDER.index(verdict.outcome))


def restated(text: str, verdict: Verdict, finding: Finding | None) -> str:
    """The words of a gate with its numbers in the digits that the rest of the report shows them in.

    Gates write the limit, the ends of the interval and percentages as they come; beside a figure, the same number in
    other digits reads as another number.
    """
    spread, judged = width(verdict), unit_of(verdict, finding)
    spoken: list[tuple[float, str, str]] = []
    for ends, unit in ((finding.bounds if finding else None, finding.unit if finding else ""), (verdict.interval, judged)):
        spoken += [(end, unit, quantity(end, unit, spread)) for end in ((ends.low, ends.high) if ends else ())]
    if verdict.limit is not None:
        spoken.append((verdict.limit, judged, mark(verdict.limit, judged)))
    spellings = {spelling: words for value, unit, words in spoken for spelling in _spellings(value, unit)}
    known = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
    if known:
        alone = rf"(?<![\w./\[-])(?:{known})(?![\w/\]]|[.,]\d|\s?%|\spoints)"
        text = re.sub(alone, lambda found: spellings[found[0]], text)
    return re.sub(r"(?<=\d) ?(?=(?:%|points)(?!\w))", "\u00a0", text)


def _spellings(value: float, unit: str) -> list[str]:
    """How a gate may have written a number."""
    bare = [f"{value:g}", f"{value:.4g}"]
    word = "%" if is_share(unit) else "points" if unit == POINTS else ""
    return bare + ([f"{100 * value:{form}} {word}" for form in (".3g", ".1f", "g")] if word else [])


def unit_of(verdict: Verdict, finding: Finding | None) -> str:
    """Unit of what was judged: of a share held against a baseline, it is a difference of shares."""
    if finding is None:
        return ""
    moved = verdict.estimate is not None and verdict.estimate != finding.estimate
    return POINTS if moved and is_share(finding.unit) else finding.unit


def advised(verdict: Verdict, finding: Finding | None) -> str:
    """What would decide it, in terms of what n counts: no more images can help where it counts intervals."""
    things = counted(finding) if finding else "draws"
    return verdict.decides if things == "draws" else re.sub(r"\b(?:images|prompts|draws)\b", things, verdict.decides)


def _headline(worst: Outcome, times: int, gates: int) -> str:
    if worst == "pass":
        return "The gate passed" if gates == 1 else f"All {gates} gates passed"
    share = "The gate" if gates == 1 else f"{times} of {count(gates, 'gate')}"
    ending = {
        "fail": "failed",
        "invalid": "could not be judged on these data",
        "inconclusive": "could not be decided",
    }[worst]
    return f"{share} {ending}"

"""What the gates conclude together, in words. Used by every report, so that all say the same."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audit.records import Finding, Verdict
from reports.wording import count, mark, quantity, width

__all__ = ["ORDER", "WORDS", "Overall", "overall", "ranked", "restated"]

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
    unit, bounds = (finding.unit, finding.bounds) if finding else ("", None)
    ends = [end for both in (bounds, verdict.interval) if both for end in (both.low, both.high)]
    spoken = {value: quantity(value, unit, width(verdict)) for value in ends}
    if verdict.limit is not None:
        spoken[verdict.limit] = mark(verdict.limit, unit)
    spellings = {
        spelling: words
        for value, words in spoken.items()
        for spelling in (f"{value:g}", f"{value:.4g}", f"{100 * value:.3g} %" if unit == "share" else f"{value:.4g}")
    }
    known = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
    if known:
        alone = rf"(?<![\w./\[-])(?:{known})(?![\w/\]]|[.,]\d|\s?%|\spoints)"
        text = re.sub(alone, lambda found: spellings[found[0]], text)
    return re.sub(r"(?<=\d) ?%", "\u00a0%", text)


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

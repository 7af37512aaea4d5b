"""Where an estimate, its interval and what it is compared with lie on one line, in per cent of its length."""

from dataclasses import dataclass

from audit.records import Finding, Verdict
from reports.svg import Scale
from reports.wording import mark

__all__ = ["Mark", "Strip", "finding_strip", "verdict_strip"]

START, END = 3.0, 97.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled position on a strip."""

    at: float
    label: str

    @property
    def anchor(self) -> str:
        """Where its label hangs, so that it stays inside the strip."""
        return "start" if self.at < 22 else "end" if self.at > 78 else "middle"


@dataclass(frozen=True, slots=True)
class Strip:
    """Positions in 0..100; None where there is nothing to show."""

    estimate: float
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None = None
    limit: Mark | None = None
    expected: Mark | None = None


def finding_strip(finding: Finding) -> Strip | None:
    """The estimate of a finding with its interval, its bounds and its expectation; None without anything to compare."""
    if finding.estimate is None or (finding.interval is None and finding.expected is None):
        return None
    values = [finding.estimate]
    for ends in (finding.interval, finding.bounds):
        values += [ends.low, ends.high] if ends else []
    values += [finding.expected] if finding.expected is not None else []
    scale = Scale.around(values, START, END, room=0.12)
    interval = (scale(finding.interval.low), scale(finding.interval.high)) if finding.interval else None
    bounds = (scale(finding.bounds.low), scale(finding.bounds.high)) if finding.bounds else None
    expected = None
    if finding.expected is not None:
        expected = Mark(scale(finding.expected), f"expected {mark(finding.expected, finding.unit)}")
    return Strip(scale(finding.estimate), interval, bounds, None, expected)


def verdict_strip(verdict: Verdict, unit: str) -> Strip | None:
    """The estimate of a verdict with its interval against the limit; None where one of them is missing."""
    if verdict.estimate is None or verdict.limit is None:
        return None
    ends = verdict.interval
    values = [verdict.estimate, verdict.limit, *((ends.low, ends.high) if ends else ())]
    scale = Scale.around(values, START, END, room=0.12)
    interval = (scale(ends.low), scale(ends.high)) if ends else None
    limit = Mark(scale(verdict.limit), f"limit {mark(verdict.limit, unit)}")
    return Strip(scale(verdict.estimate), interval, limit=limit)

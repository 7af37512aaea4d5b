"""Where an estimate, its interval and what it is compared with lie on one line, in per cent of its length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audit.records import Finding, Interval, Verdict
from reports.svg import Scale
from reports.wording import is_share, mark

__all__ = ["Beside", "Mark", "Strip", "finding_strip", "verdict_strip"]

START, END = 3.0, 97.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled position on a strip."""

    at: float
    label: str
    kind: Literal["limit", "expected", "end"]

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
    """If all missing draws had fallen to one side, or all to the other."""
    band: tuple[float, float] | None = None
    """What an even generator of the same n shows."""
    marks: tuple[Mark, ...] = ()
    """What the estimate is compared with, or else the ends of the scale."""
    missing: int = 0
    truth: float | None = None
    """The true value, where it is known."""
    band_label: str = ""
    """What shows a range such as the band's."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What else is known of the number on a strip."""

    truth: float | None = None
    """Its true value."""
    band: tuple[float, float] | None = None
    """A range to hold it against."""
    band_label: str = ""
    """What shows such a range."""


NOTHING = Beside()


def finding_strip(finding: Finding, limits: Sequence[float] = (), beside: Beside = NOTHING) -> Strip | None:
    """The estimate of a finding with its interval, bounds, band, expectation and the limits that judged it.

    Shares lie on 0..100 %; what has nothing to be compared with lies on a scale that holds zero.
    """
    if finding.estimate is None:
        return None
    ends = [end for interval in (finding.interval, finding.bounds) if interval for end in (interval.low, interval.high)]
    band, truth = beside.band, beside.truth
    ends += band or ()
    compared = [*([finding.expected] if finding.expected is not None else []), *limits]
    true = [] if truth is None else [truth]
    scale = _scale([finding.estimate, *ends, *compared, *true], finding.unit, alone=not compared)
    marks = [Mark(scale(limit), f"limit {mark(limit, finding.unit)}", "limit") for limit in limits]
    if finding.expected is not None and not limits:
        marks.append(Mark(scale(finding.expected), f"expected {mark(finding.expected, finding.unit)}", "expected"))
    if not marks:
        marks = [Mark(scale(end), mark(end, finding.unit), "end") for end in _whole(finding.unit)]
    return Strip(
        scale(finding.estimate),
        _placed(finding.interval, scale),
        _placed(finding.bounds, scale),
        None if band is None else (scale(min(band)), scale(max(band))),
        tuple(marks),
        finding.n_missing,
        None if truth is None else scale(truth),
        beside.band_label,
    )


def verdict_strip(verdict: Verdict, unit: str, truth: float | None = None) -> Strip | None:
    """The estimate of a verdict with its interval against the limit, as large as it goes; None without one of them.

    ``truth`` is the true value of what was judged, where it is known.
    """
    if verdict.estimate is None or verdict.limit is None:
        return None
    ends = [verdict.interval.low, verdict.interval.high] if verdict.interval else []
    true = [] if truth is None else [truth]
    scale = Scale.around([verdict.estimate, verdict.limit, *ends, *true], START, END, room=0.12)
    limit = Mark(scale(verdict.limit), f"limit {mark(verdict.limit, unit)}", "limit")
    return Strip(
        scale(verdict.estimate),
        _placed(verdict.interval, scale),
        marks=(limit,),
        truth=None if truth is None else scale(truth),
    )


def _scale(values: list[float], unit: str, *, alone: bool) -> Scale:
    if is_share(unit) and min(values) >= 0 and max(values) <= 1:
        return Scale(0, 1, START, END)
    return Scale.around([0.0, *values] if alone else values, START, END, room=0.12)


def _whole(unit: str) -> tuple[float, ...]:
    return (0.0, 1.0) if is_share(unit) else (0.0,)


def _placed(interval: Interval | None, scale: Scale) -> tuple[float, float] | None:
    return (scale(interval.low), scale(interval.high)) if interval else None

"""Rounding errors of a computation are shown as the zero that they stand for."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from audit.component import Audited
from audit.records import Finding, Interval, Verdict
from reports.wording import POINTS

__all__ = ["settled"]

NEGLIGIBLE = 1e-9
"""Of the largest estimate of the same metric and unit: what lies below is noise of the arithmetic."""

Rounding = Callable[[float], float]


def settled(audited: Audited) -> Audited:
    """The same records with numbers that are nothing but rounding errors set to 0; for reading, not for judging."""
    scales: defaultdict[tuple[str, str], float] = defaultdict(float)
    for finding in audited.findings:
        kind = _kind(finding)
        scales[kind] = max(scales[kind], abs(finding.estimate or 0.0), 1.0 if kind[1] == "share" else 0.0)
    rounding = {finding.key: _rounding(scales[_kind(finding)]) for finding in audited.findings}
    return replace(
        audited,
        findings=tuple(_finding(finding, rounding[finding.key]) for finding in audited.findings),
        verdicts=tuple(_verdict(v, rounding[v.finding]) if v.finding in rounding else v for v in audited.verdicts),
    )


def _kind(finding: Finding) -> tuple[str, str]:
    return finding.metric.partition(".")[0], "share" if finding.unit in ("share", "fraction", POINTS) else finding.unit


def _rounding(scale: float) -> Rounding:
    return lambda value: 0.0 if abs(value) < NEGLIGIBLE * scale else value


def _finding(finding: Finding, rounded: Rounding) -> Finding:
    numbers = {name: rounded(value) for name in ("estimate", "expected") if (value := getattr(finding, name)) is not None}
    ends = {"interval": _interval(finding.interval, rounded), "bounds": _interval(finding.bounds, rounded)}
    return finding.model_copy(update={**numbers, **ends})


def _verdict(verdict: Verdict, rounded: Rounding) -> Verdict:
    estimate = None if verdict.estimate is None else rounded(verdict.estimate)
    return verdict.model_copy(update={"estimate": estimate, "interval": _interval(verdict.interval, rounded)})


def _interval(ends: Interval | None, rounded: Rounding) -> Interval | None:
    return None if ends is None else Interval(low=rounded(ends.low), high=rounded(ends.high))

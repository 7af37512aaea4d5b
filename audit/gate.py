"""Stage four: findings to verdicts. A gate judges an interval, never a point, and says when the data do not decide.

The interval is the two-sided one that the report shows, so page and verdict cannot disagree; a pass therefore errs with
probability (1 - confidence) / 2. All findings that a rule names must pass, which needs no correction for multiplicity
(an intersection-union test).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from audit.records import Finding, Interval, Verdict
from audit.results import Results
from audit.spec import GateRule, nearest
from audit.stats.paired import difference

__all__ = ["EXIT_CODES", "exit_code", "judge"]

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}
WORST_FIRST = ("invalid", "fail", "inconclusive", "pass")


def exit_code(verdicts: tuple[Verdict, ...]) -> int:
    """Exit code of the worst verdict: 4 invalid, 1 fail, 3 inconclusive, 0 pass."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((EXIT_CODES[outcome] for outcome in WORST_FIRST if outcome in outcomes), 0)


def judge(rules: tuple[GateRule, ...], results: Results, load: Callable[[str], Results]) -> tuple[Verdict, ...]:
    """Judge every rule on every finding that it names.

    Args:
        load: gives the results behind a rule's ``baseline`` path.
    """
    return tuple(verdict for rule in rules for verdict in _judge_rule(rule, results, load))


def _judge_rule(rule: GateRule, results: Results, load: Callable[[str], Results]) -> Iterator[Verdict]:
    kind, _, name = rule.baseline.partition(":")
    within = name if kind == "generator" else ""
    found = [f for f in results.findings if _named_by(rule, f) and f.generator != within]
    if not found:
        keys = sorted({f.key for f in results.findings if f.metric == rule.metric} or {f.key for f in results.findings})
        yield Verdict(
            gate=_in_words(rule),
            finding="",
            outcome="invalid",
            reason="the run has no such finding",
            decides=f"correct the rule's metric, generator or where; {nearest(rule.metric, keys)}",
            note=rule.note,
        )
    other = results if within else load(rule.baseline) if rule.baseline else None
    for finding in found:
        invalid = _invalid(rule, finding)
        if invalid:
            yield _verdict(rule, finding, "invalid", *invalid)
        elif other is None:
            assert finding.interval is not None
            yield _decided(rule, finding, _Judged(finding.estimate or 0.0, finding.interval, *_limits(rule)))
        else:
            yield _against(rule, finding, results, other, within)


def _named_by(rule: GateRule, finding: Finding) -> bool:
    return (
        finding.metric == rule.metric
        and rule.generator in ("", finding.generator)
        and dict(rule.where) == dict(finding.where)
    )


def _invalid(rule: GateRule, finding: Finding) -> tuple[str, str] | None:
    """Why this finding cannot be judged, and what would help; None where it can."""
    wanted = finding.n + finding.n_missing
    if finding.estimate is None or finding.interval is None:
        return f"no estimate: {finding.note or 'the data do not support one'}", "draw more images, or mend what is missing"
    if finding.n < rule.min_n:
        return f"{finding.n} draws, fewer than the rule's {rule.min_n}", "raise draws_per_probe"
    if wanted and finding.n_missing / wanted > rule.max_missing_share:
        share = f"{finding.n_missing} of {wanted} draws are missing, more than {rule.max_missing_share:.0%}"
        return share, "see which outcomes are missing, and why; the estimate may not speak for them"
    return None


@dataclass(frozen=True, slots=True)
class _Judged:
    """An interval and the limits that it is held against."""

    estimate: float
    interval: Interval
    least: float
    most: float


def _limits(rule: GateRule) -> tuple[float, float]:
    return (-math.inf if rule.at_least is None else rule.at_least, math.inf if rule.at_most is None else rule.at_most)


def _against(rule: GateRule, finding: Finding, results: Results, other: Results, within: str) -> Verdict:
    """Judge how much worse a finding is than the baseline's."""
    base = _counterpart(finding, other, within)
    if base is None:
        return _verdict(
            rule, finding, "invalid", "the baseline has no such finding", "make the baseline with the same spec"
        )
    if base.protocol != finding.protocol:
        reason = f"protocols differ: {finding.protocol} here, {base.protocol} in the baseline"
        return _verdict(rule, finding, "invalid", reason, "make both runs with the same scorers, weights, versions and n")
    new, old = results.parts(finding.key), other.parts(base.key)
    if not new or not old:
        return _verdict(rule, finding, "invalid", "no contributions by cluster to compare", "measure both runs again")
    moved = difference(new, old, confidence=finding.confidence, share=finding.unit == "share")
    if moved.low is None or moved.high is None:
        return _verdict(rule, finding, "inconclusive", f"no interval: {moved.method}", "ask more probes")
    assert rule.margin is not None
    least = -rule.margin if finding.better in ("higher", "none") else -math.inf
    most = rule.margin if finding.better in ("lower", "none") else math.inf
    interval = Interval(low=moved.low, high=moved.high)
    return _decided(rule, finding, _Judged(moved.estimate, interval, least, most), f"; {moved.method}")


def _counterpart(finding: Finding, other: Results, within: str) -> Finding | None:
    same = [
        f for f in other.findings if (f.metric, f.where, f.baseline) == (finding.metric, finding.where, finding.baseline)
    ]
    named = [f for f in same if f.generator == (within or finding.generator)]
    if named:
        return named[0]
    return same[0] if len(same) == 1 and not within else None


def _decided(rule: GateRule, finding: Finding, judged: _Judged, how: str = "") -> Verdict:
    low, high = judged.interval.low, judged.interval.high
    if judged.least <= low and high <= judged.most:
        outcome, relation, decides = "pass", "lies within", ""
    elif high < judged.least or low > judged.most:
        outcome, relation, decides = "fail", "lies outside", ""
    else:
        outcome, relation, decides = "inconclusive", "straddles", _more_needed(judged, finding)
    what = "difference to the baseline" if rule.margin is not None else "interval"
    shown = f"{_number(low, finding.unit)} to {_number(high, finding.unit)}"
    limit = _limit_in_words(judged, finding.unit)
    reason = f"the {finding.confidence:.0%} {what} {shown} {relation} the limit {limit}{how}"
    return _verdict(rule, finding, outcome, reason, decides, judged)


def _more_needed(judged: _Judged, finding: Finding) -> str:
    """How many draws would settle it, if the estimate stayed where it is: width shrinks with the square root of n."""
    limits = [limit for limit in (judged.least, judged.most) if math.isfinite(limit)]
    gap = min(abs(judged.estimate - limit) for limit in limits)
    half = (judged.interval.high - judged.interval.low) / 2
    if gap <= half / 100:
        return "the estimate lies on the limit; more draws will hardly settle it"
    wanted = math.ceil(finding.n * (half / gap) ** 2 * 1.1)
    return f"about {wanted} draws instead of {finding.n}, if the estimate stays where it is"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.3g} %" if unit == "share" else f"{value:.4g}"


def _limit_in_words(judged: _Judged, unit: str) -> str:
    least, most = _number(judged.least, unit), _number(judged.most, unit)
    if math.isfinite(judged.least) and math.isfinite(judged.most):
        return f"{least} to {most}"
    return f"of at least {least}" if math.isfinite(judged.least) else f"of at most {most}"


def _in_words(rule: GateRule) -> str:
    where = ", ".join(f"{name} = {level}" for name, level in rule.where.items())
    subject = rule.metric + (f" of {rule.generator}" if rule.generator else "") + (f" where {where}" if where else "")
    if rule.at_most is not None:
        return f"{subject} is at most {rule.at_most:g}"
    if rule.at_least is not None:
        return f"{subject} is at least {rule.at_least:g}"
    return f"{subject} is no more than {rule.margin:g} worse than {rule.baseline.removeprefix('generator:')}"


def _verdict(
    rule: GateRule, finding: Finding, outcome: str, reason: str, decides: str, judged: _Judged | None = None
) -> Verdict:
    limit = next((value for value in (rule.at_most, rule.at_least, rule.margin) if value is not None), None)
    return Verdict.model_validate(
        {
            "gate": _in_words(rule),
            "finding": finding.key,
            "outcome": outcome,
            "reason": reason + (f"; rests on unpinned weights: {', '.join(finding.unpinned)}" if finding.unpinned else ""),
            "decides": decides,
            "estimate": judged.estimate if judged else finding.estimate,
            "interval": judged.interval if judged else finding.interval,
            "limit": limit,
            "note": rule.note,
        }
    )

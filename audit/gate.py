"""Stage four: findings to verdicts. A gate judges an interval, never a point, and says when the data do not decide.

The interval is the two-sided one that the report shows, so page and verdict cannot disagree; a pass therefore errs with
probability (1 - confidence) / 2. All findings that a rule names must pass, which needs no correction for multiplicity
(an intersection-union test).
"""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from audit.records import Check, Finding, Interval, Verdict
from audit.results import Results
from audit.spec import GateRule, nearest
from audit.stats.paired import difference

__all__ = ["EXIT_CODES", "exit_code", "judge"]

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}
WORST_FIRST = ("invalid", "fail", "inconclusive", "pass")
POINTS = "share difference"
PERCENT = {"share": "%", "proportion": "%", POINTS: "points"}
"""Units of parts of a whole, which readers see in per cent, and of their differences: percentage points."""


def exit_code(verdicts: tuple[Verdict, ...]) -> int:
    """Exit code of the worst verdict: 4 invalid, 1 fail, 3 inconclusive, 0 pass."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((EXIT_CODES[outcome] for outcome in WORST_FIRST if outcome in outcomes), 0)


def judge(rules: tuple[GateRule, ...], results: Results, load: Callable[[str], Results]) -> tuple[Verdict, ...]:
    """Judge every rule on every finding that it names.

    Args:
        load: gives the results behind a rule's ``baseline`` path.
    """
    verdicts = tuple(verdict for rule in rules for verdict in _judge_rule(rule, results, load))
    failed = [check for check in results.manifest.checks if not check.passed]
    return _drifted(verdicts, failed) if failed else verdicts


def _drifted(verdicts: tuple[Verdict, ...], failed: Sequence[Check]) -> tuple[Verdict, ...]:
    """Nothing that was measured can be trusted, whatever it is; a run without gates gets a verdict that says so."""
    first = failed[0]
    more = f"; {len(failed) - 1} more checks failed" if len(failed) > 1 else ""
    told = {
        "outcome": "invalid",
        "reason": f"an instrument failed its check: {first.instrument}, {first.what}: expected {first.expected}, "
        f"found {first.found}{more}",
        "decides": "see `imgaudit doctor`, and why scorers abstain; mend it, then score and measure the run again",
    }
    if verdicts:
        return tuple(verdict.model_copy(update=told) for verdict in verdicts)
    return (Verdict.model_validate({"gate": "all instruments pass their checks", "finding": "", **told}),)


def _judge_rule(rule: GateRule, results: Results, load: Callable[[str], Results]) -> Iterator[Verdict]:
    kind, _, name = rule.baseline.partition(":")
    within = name if kind == "generator" else ""
    found = [f for f in results.findings if _named_by(rule, f) and f.generator != within]
    if not found:
        yield Verdict(
            gate=_in_words(rule),
            finding="",
            outcome="invalid",
            reason="the run has no such finding",
            decides=_what_there_is(rule, results),
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


def _what_there_is(rule: GateRule, results: Results) -> str:
    """The findings of this metric that a rule could have named."""
    same = [f for f in results.findings if f.metric == rule.metric and rule.generator in ("", f.generator)]
    if not same:
        return f"correct the metric; {nearest(rule.metric, sorted({f.metric for f in results.findings}))}"
    known = sorted({_as_yaml(finding.where) for finding in same})
    close = difflib.get_close_matches(_as_yaml(rule.where), known, n=3)
    shown = "; ".join(f"where: {where}" for where in close or known[:5])
    return f"correct the rule's where; there is {shown}{'' if close or len(known) <= 5 else ', ...'}"


def _as_yaml(where: Mapping[str, str]) -> str:
    """As it stands in a spec: a level with a colon, or that reads as a number, is quoted."""
    return yaml.safe_dump(dict(where), default_flow_style=True, allow_unicode=True, width=math.inf).strip()


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
        why = finding.note.rstrip(".") or "the data do not support an estimate"
        return why, "draw more images, or mend what is missing"
    if finding.n < rule.min_n:
        return f"{finding.n} draws, fewer than the rule's {rule.min_n}", "ask more probes, or more draws of each"
    limits = [limit for limit in (rule.at_most, rule.at_least) if limit is not None]
    if finding.unit in ("share", "proportion") and any(not 0 <= limit <= 1 for limit in limits):
        return f"the limit {limits[0]:g} is no share", "shares run from 0 to 1: write 0.2 for 20 %"
    if finding.unit == POINTS and any(not -1 <= limit <= 1 for limit in limits):
        return f"the limit {limits[0]:g} is no difference of shares", "they run from -1 to 1: write 0.2 for 20 points"
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


def _nearest(judged: _Judged) -> float:
    """The limit on the estimate's side: a margin lies below zero where higher is better, and on both sides of it else."""
    return min((judged.least, judged.most), key=lambda limit: abs(limit - judged.estimate))


def _limits(rule: GateRule) -> tuple[float, float]:
    return (-math.inf if rule.at_least is None else rule.at_least, math.inf if rule.at_most is None else rule.at_most)


def _against(rule: GateRule, finding: Finding, results: Results, other: Results, within: str) -> Verdict:
    """Judge how much worse a finding is than the baseline's."""
    base = _counterpart(finding, results, other, within)
    if base is None:
        return _verdict(
            rule, finding, "invalid", "the baseline has no such finding", "make the baseline with the same spec"
        )
    if thin := _invalid(rule, base):
        return _verdict(rule, finding, "invalid", f"of the baseline: {thin[0]}", thin[1])
    if failed := [check for check in other.manifest.checks if not check.passed]:
        reason = f"an instrument of the baseline failed its check: {failed[0].instrument}, {failed[0].what}"
        return _verdict(rule, finding, "invalid", reason, "measure the baseline again with instruments that pass")
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
    return _decided(
        rule, finding, _Judged(moved.estimate, interval, least, most), f"; against {base.generator}, {moved.method}"
    )


def _counterpart(finding: Finding, results: Results, other: Results, within: str) -> Finding | None:
    """The baseline's finding of the same generator; of the only one there, where each side has but one."""

    def alike(found: Results) -> list[Finding]:
        same = (finding.metric, finding.where, finding.baseline)
        return [f for f in found.findings if (f.metric, f.where, f.baseline) == same]

    candidates = alike(other)
    named = [f for f in candidates if f.generator == (within or finding.generator)]
    if named:
        return named[0]
    return candidates[0] if len(candidates) == 1 == len(alike(results)) and not within else None


def _decided(rule: GateRule, finding: Finding, judged: _Judged, how: str = "") -> Verdict:
    low, high = judged.interval.low, judged.interval.high
    if judged.least <= low and high <= judged.most:
        outcome, relation, decides = "pass", "lies within", ""
    elif high < judged.least or low > judged.most:
        outcome, relation, decides = "fail", "lies outside", ""
    else:
        outcome, relation, decides = "inconclusive", "straddles", _more_needed(judged, finding)
    what = "difference to the baseline" if rule.margin is not None else "interval"
    unit = _unit_of_a_difference(finding.unit) if rule.margin is not None else finding.unit
    shown = f"{_number(low, unit)} to {_number(high, unit)}"
    limit = _limit_in_words(judged, unit)
    missing = _if_missing(judged, finding, rule)
    span = f"{100 * finding.confidence:g} % {what} {shown}"
    reason = f"the {span} {relation} the limit {limit}{how}{missing}"
    return _verdict(rule, finding, outcome, reason, decides, judged)


def _if_missing(judged: _Judged, finding: Finding, rule: GateRule) -> str:
    """What the missing draws could do to a limit, where they could break it."""
    bounds = finding.bounds
    if bounds is None or rule.margin is not None or (judged.least <= bounds.low and bounds.high <= judged.most):
        return ""
    reach = f"{_number(bounds.low, finding.unit)} to {_number(bounds.high, finding.unit)}"
    return f"; {finding.n_missing} draws are missing, and with all of them on one side it could be {reach}"


def _more_needed(judged: _Judged, finding: Finding) -> str:
    """How much more data would settle it, if the estimate stayed where it is.

    The side of an interval that reaches over a limit shrinks with the square root of the data; where a share is 0 or 1
    it shrinks with the data themselves.
    """
    low, high, value = judged.interval.low, judged.interval.high, judged.estimate
    limits = [limit for limit in (judged.least, judged.most) if math.isfinite(limit)]
    sides = [(high - value, limit - value) if limit >= value else (value - low, value - limit) for limit in limits]
    reaching = [(reach, room) for reach, room in sides if reach > room]
    power = 1 if finding.unit == "share" and value in (0.0, 1.0) else 2
    if not reaching or any(room == 0 or (reach / room) ** power > 1000 for reach, room in reaching):
        return "the estimate lies on the limit; more data will hardly settle it"
    factor = 1.1 * max((reach / room) ** power for reach, room in reaching)
    units = "images" if finding.clusters >= finding.n else "prompts"
    return f"about {factor:.2g} times as many {units}, if the estimate stays where it is"


def _unit_of_a_difference(unit: str) -> str:
    return POINTS if unit in PERCENT else unit


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f} {PERCENT[unit]}" if unit in PERCENT else f"{value:.4g}"


def _limit(value: float, unit: str) -> str:
    return f"{100 * value:g} {PERCENT[unit]}" if unit in PERCENT else f"{value:g}"


def _limit_in_words(judged: _Judged, unit: str) -> str:
    least, most = _limit(judged.least, unit), _limit(judged.most, unit)
    if math.isfinite(judged.least) and math.isfinite(judged.most):
        return f"{least} to {most}"
    return f"of at least {least}" if math.isfinite(judged.least) else f"of at most {most}"


def _in_words(rule: GateRule, finding: Finding | None = None) -> str:
    """The rule; with a finding, of its generator, since a rule that names none judges each of them."""
    where = ", ".join(f"{name} = {level}" for name, level in rule.where.items())
    generator = finding.generator if finding else rule.generator
    better, unit = (finding.better, finding.unit) if finding else ("", "")
    subject = rule.metric + (f" of {generator}" if generator else "") + (f" where {where}" if where else "")
    if rule.at_most is not None:
        return f"{subject} is at most {_limit(rule.at_most, unit)}"
    if rule.at_least is not None:
        return f"{subject} is at least {_limit(rule.at_least, unit)}"
    base = rule.baseline.removeprefix("generator:")
    margin = _limit(rule.margin or 0.0, _unit_of_a_difference(unit))
    how = f"within {margin} of" if better == "none" else f"no more than {margin} worse than"
    return f"{subject} is {how} {base}"


def _verdict(
    rule: GateRule, finding: Finding, outcome: str, reason: str, decides: str, judged: _Judged | None = None
) -> Verdict:
    limit = _nearest(judged) if judged else rule.at_least if rule.at_most is None else rule.at_most
    return Verdict.model_validate(
        {
            "gate": _in_words(rule, finding),
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

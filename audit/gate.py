"""Stage four: findings to verdicts. A gate judges an interval, never a point, and says when the data do not decide.

The interval is the two-sided one that the report shows, so page and verdict cannot disagree; a pass therefore errs with
probability (1 - confidence) / 2. All findings that a rule names must pass, which needs no correction for multiplicity
(an intersection-union test).
"""

import math
from collections.abc import Callable, Iterator, Sequence

from audit.deciding import Judged, how_to_compare, more_needed
from audit.records import Check, Finding, Interval, Verdict
from audit.results import Results
from audit.rules import POINTS, SHARES, limit_fault, named_by, what_there_is
from audit.spec import GateRule
from audit.stats.paired import Difference, Parts, difference, recovered_difference

__all__ = ["EXIT_CODES", "difference_of", "exit_code", "judge", "protocols_differ"]

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}
WORST_FIRST = ("invalid", "fail", "inconclusive", "pass")
PERCENT = {**dict.fromkeys(SHARES, "%"), POINTS: "points"}
"""Units of parts of a whole, which readers see in per cent, and of their differences: percentage points."""
NO_GATE = Verdict(gate="all instruments pass their checks", finding="", outcome="pass", reason="")
"""What a run without gates is judged by."""


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
    if not rules:
        fatal = [check for check in _failed(results) if check.fatal]
        return (_drifted(NO_GATE, fatal),) if fatal else ()
    found = {finding.key: finding for finding in results.findings}
    return tuple(_drifted(verdict, _failed(results, found.get(verdict.finding))) for verdict in verdicts)


def _failed(results: Results, *about: Finding | None) -> list[Check]:
    """Checks that failed; given a finding (None: a rule's that names none), those that speak of it."""
    failed = [check for check in results.manifest.checks if not check.passed]
    return [check for check in failed if all(check.concerns(finding) for finding in about)]


def _drifted(verdict: Verdict, failed: Sequence[Check]) -> Verdict:
    """The verdict, invalid where a check failed that speaks of what it judges."""
    if not failed:
        return verdict
    first = failed[0]
    more = f"; {len(failed) - 1} more checks failed" if len(failed) > 1 else ""
    told = {
        "outcome": "invalid",
        "reason": f"an instrument failed its check: {first.instrument}, {first.what}: expected {first.expected}, "
        f"found {first.found}{more}",
        "decides": "see `imgaudit doctor`, and why scorers abstain; mend it, then score and measure the run again",
    }
    return verdict.model_copy(update=told)


def _judge_rule(rule: GateRule, results: Results, load: Callable[[str], Results]) -> Iterator[Verdict]:
    kind, _, name = rule.baseline.partition(":")
    within = name if kind == "generator" else ""
    found = [f for f in results.findings if named_by(rule, f) and f.generator != within]
    if not found:
        yield Verdict(
            gate=_in_words(rule),
            finding="",
            outcome="invalid",
            reason="the run has no such finding",
            decides=what_there_is(rule, results.findings),
            note=rule.note,
        )
    other = results if within else load(rule.baseline) if rule.baseline else None
    for finding in found:
        invalid = _invalid(rule, finding)
        if invalid:
            yield _verdict(rule, finding, "invalid", *invalid)
        elif other is None:
            assert finding.interval is not None
            plain = _as_the_classifier_has_it(finding, results)
            yield _decided(rule, finding, Judged(finding.estimate or 0.0, finding.interval, *_limits(rule), plain))
        else:
            yield _against(rule, finding, results, other, within)


def _invalid(rule: GateRule, finding: Finding) -> tuple[str, str] | None:
    """Why this finding cannot be judged, and what would help; None where it can."""
    wanted = finding.n + finding.n_missing
    if finding.estimate is None or finding.interval is None:
        why = finding.note.rstrip(".") or "the data do not support an estimate"
        return why, "draw more images, or mend what is missing"
    if finding.n < rule.min_n:
        return f"{finding.n} draws, fewer than the rule's {rule.min_n}", "ask more probes, or more draws of each"
    if fault := limit_fault(rule, finding):
        return fault
    if wanted and finding.n_missing / wanted > rule.max_missing_share:
        share = f"{finding.n_missing} of {wanted} draws are missing, more than {rule.max_missing_share:.0%}"
        return share, "see which outcomes are missing, and why; the estimate may not speak for them"
    return None


def _as_the_classifier_has_it(finding: Finding, results: Results) -> Interval | None:
    """The interval of a corrected share's uncorrected twin."""
    twin = (finding.metric.removesuffix("share") + "uncorrected_share", finding.generator, finding.where)
    return next((f.interval for f in results.findings if (f.metric, f.generator, f.where) == twin), None)


def _nearest(judged: Judged) -> float:
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
    if failed := _failed(other, base):
        reason = f"an instrument of the baseline failed its check: {failed[0].instrument}, {failed[0].what}"
        return _verdict(rule, finding, "invalid", reason, "measure the baseline again with instruments that pass")
    if differ := protocols_differ(finding, base):
        return _verdict(rule, finding, "invalid", *differ)
    moved = difference_of(finding, base, results.parts(finding.key), other.parts(base.key))
    if moved is None:
        return _verdict(rule, finding, "invalid", NOTHING_TO_COMPARE, "measure both runs with the same confidence")
    if moved.low is None or moved.high is None:
        return _verdict(rule, finding, "inconclusive", f"no interval: {moved.method}", "ask more probes")
    assert rule.margin is not None
    least = -rule.margin if finding.better in ("higher", "none") else -math.inf
    most = rule.margin if finding.better in ("lower", "none") else math.inf
    interval = Interval(low=moved.low, high=moved.high)
    return _decided(
        rule, finding, Judged(moved.estimate, interval, least, most), f"; against {base.generator}, {moved.method}"
    )


def protocols_differ(new: Finding, base: Finding) -> tuple[str, str] | None:
    """Why two findings of one metric are not of one recipe, and what would help; None where they are."""
    if new.protocol != base.protocol:
        reason = f"protocols differ: {new.protocol} here, {base.protocol} in the baseline"
        return reason, how_to_compare(new.protocol, base.protocol)
    if new.unit == "proportion" and new.confidence != base.confidence:
        reason = f"confidences differ: {100 * new.confidence:g} % here, {100 * base.confidence:g} % in the baseline"
        return reason, "measure both runs with the same confidence"
    return None


NOTHING_TO_COMPARE = "neither contributions by cluster nor two intervals of one confidence to compare"


def difference_of(new: Finding, base: Finding, parts: Parts, parts_of_base: Parts) -> Difference | None:
    """How far a finding lies above another of the same recipe; None where there is nothing to tell it from.

    Corrected shares are cut to 0 .. 1 and have skew intervals, which their contributions do not show, and some findings
    (of apparent tone, whose intervals span two readings) have none: then the interval of the difference is recovered from
    the two intervals, as of independent runs, which is too wide where seeds are shared.
    """
    if new.unit == "proportion" or not (parts or parts_of_base or new.confidence != base.confidence):
        sides = [
            (f.estimate, f.interval.low, f.interval.high) for f in (new, base) if f.estimate is not None and f.interval
        ]
        return recovered_difference(*sides) if len(sides) == 2 else None
    if not parts or not parts_of_base:
        return None
    return difference(parts, parts_of_base, confidence=new.confidence, share=new.unit == "share")


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


def _decided(rule: GateRule, finding: Finding, judged: Judged, how: str = "") -> Verdict:
    low, high = judged.interval.low, judged.interval.high
    if judged.least <= low and high <= judged.most:
        outcome, relation, decides = "pass", "lies within", ""
    elif high < judged.least or low > judged.most:
        outcome, relation, decides = "fail", "lies outside", ""
    else:
        outcome, relation, decides = "inconclusive", "straddles", more_needed(judged, finding)
    what = "difference to the baseline" if rule.margin is not None else "interval"
    unit = _unit_of_a_difference(finding.unit) if rule.margin is not None else finding.unit
    shown = f"{_number(low, unit)} to {_number(high, unit)}"
    limit = _limit_in_words(judged, unit)
    missing = _if_missing(judged, finding, rule)
    span = f"{100 * finding.confidence:g} % {what} {shown}"
    reason = f"the {span} {relation} the limit {limit}{how}{missing}"
    return _verdict(rule, finding, outcome, reason, decides, judged)


def _if_missing(judged: Judged, finding: Finding, rule: GateRule) -> str:
    """What the missing draws could do to a limit, where they could break it."""
    bounds = finding.bounds
    if bounds is None or rule.margin is not None or (judged.least <= bounds.low and bounds.high <= judged.most):
        return ""
    reach = f"{_number(bounds.low, finding.unit)} to {_number(bounds.high, finding.unit)}"
    missing = f"{finding.n_missing} draws are missing" if finding.n_missing else "of some draws people could not tell"
    return f"; {missing}, and with all of them on one side it could be {reach}"


def _unit_of_a_difference(unit: str) -> str:
    return POINTS if unit in PERCENT else unit


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f} {PERCENT[unit]}" if unit in PERCENT else f"{value:.4g}"


def _limit(value: float, unit: str) -> str:
    return f"{100 * value:g} {PERCENT[unit]}" if unit in PERCENT else f"{value:g}"


def _limit_in_words(judged: Judged, unit: str) -> str:
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
    rule: GateRule, finding: Finding, outcome: str, reason: str, decides: str, judged: Judged | None = None
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

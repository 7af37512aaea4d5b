"""Which findings a rule of a gate names: found before any work where it can name none, and told beside its verdict."""

import difflib
import math
from collections.abc import Mapping, Sequence

import yaml

from audit.errors import SpecError
from audit.records import Finding
from audit.spec import GateRule, nearest

__all__ = ["POINTS", "SHARES", "check_rules", "limit_fault", "named_by", "what_there_is"]

SHARES = ("share", "proportion")
POINTS = "share difference"


def check_rules(rules: Sequence[GateRule], findings: Sequence[Finding]) -> None:
    """See that every rule can name a finding, and that its limit can be one.

    Args:
        findings: that a spec will make, estimates aside. A rule on a metric of which there is none is left alone: some
            findings are there only where the data are.

    Raises:
        SpecError: a rule names no finding of its metric, or a share is held against what is no share.
    """
    for number, rule in enumerate(rules):
        same = [finding for finding in findings if finding.metric == rule.metric]
        named = [finding for finding in same if named_by(rule, finding)]
        if same and not named:
            raise SpecError(f"gates.{number}.{_unnamed(rule, same)}")
        faults = [fault for finding in named if (fault := limit_fault(rule, finding))]
        if faults:
            key = "at_least" if rule.at_most is None else "at_most"
            raise SpecError(f"gates.{number}.{key}: {'; '.join(faults[0])}")


def named_by(rule: GateRule, finding: Finding) -> bool:
    """Whether a rule judges a finding."""
    return (
        finding.metric == rule.metric
        and rule.generator in ("", finding.generator)
        and dict(rule.where) == dict(finding.where)
    )


def what_there_is(rule: GateRule, findings: Sequence[Finding]) -> str:
    """The findings of its metric that a rule could have named, as a remedy."""
    same = [f for f in findings if f.metric == rule.metric and rule.generator in ("", f.generator)]
    if not same:
        return f"correct the metric; {nearest(rule.metric, sorted({f.metric for f in findings}))}"
    known = sorted({_as_yaml(finding.where) for finding in same})
    close = difflib.get_close_matches(_as_yaml(rule.where), known, n=3)
    shown = "; ".join(f"where: {where}" for where in close or known[:5])
    return f"correct the rule's where; there is {shown}{'' if close or len(known) <= 5 else ', ...'}"


def limit_fault(rule: GateRule, finding: Finding) -> tuple[str, str] | None:
    """Why the limit of a rule can be none of this finding, and what would help; None where it can."""
    limits = [limit for limit in (rule.at_most, rule.at_least) if limit is not None]
    if finding.unit in SHARES and any(not 0 <= limit <= 1 for limit in limits):
        return f"the limit {limits[0]:g} is no share", "shares run from 0 to 1: write 0.2 for 20 %"
    if finding.unit == POINTS and any(not -1 <= limit <= 1 for limit in limits):
        return f"the limit {limits[0]:g} is no difference of shares", "they run from -1 to 1: write 0.2 for 20 points"
    return None


def _unnamed(rule: GateRule, same: Sequence[Finding]) -> str:
    """The field of a rule that names no finding of its metric, and why."""
    makers = sorted({finding.generator for finding in same if dict(finding.where) == dict(rule.where)})
    if makers:
        return f"generator: {rule.metric} finds nothing of {rule.generator!r} here; {nearest(rule.generator, makers)}"
    if not any(rule.generator in ("", finding.generator) for finding in same):
        makers = sorted({finding.generator for finding in same})
        return f"generator: {rule.metric} finds nothing of {rule.generator!r}; {nearest(rule.generator, makers)}"
    told = "`generator:` is a key of the rule itself, beside `where:`; " if "generator" in rule.where else ""
    return f"where: {rule.metric} has no finding where {_as_yaml(rule.where)}; {told}{what_there_is(rule, same)}"


def _as_yaml(where: Mapping[str, str]) -> str:
    """As it stands in a spec: a level with a colon, or that reads as a number, is quoted."""
    return yaml.safe_dump(dict(where), default_flow_style=True, allow_unicode=True, width=math.inf).strip()

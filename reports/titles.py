"""Titles that tell findings apart: two scorers may say the same attribute, and a title alone names no scorer."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from audit.component import Audited
from audit.records import Finding

__all__ = ["told_apart"]


def told_apart(audited: Audited) -> Audited:
    """The same records; where findings of several metrics have one title, it names the columns that they read.

    The protocol of a finding names them. Metrics that read the same columns are named instead.
    """
    alike: defaultdict[str, dict[str, Finding]] = defaultdict(dict)
    for finding in audited.findings:
        alike[finding.title].setdefault(finding.metric, finding)
    scorers = _scorers(audited)
    added = {title: _names(found, scorers) for title, found in alike.items() if len(found) > 1}
    findings = tuple(
        finding.model_copy(update={"title": f"{finding.title} ({added[finding.title][finding.metric]})"})
        if finding.title in added
        else finding
        for finding in audited.findings
    )
    return replace(audited, findings=findings)


def _names(found: dict[str, Finding], scorers: Sequence[str]) -> dict[str, str]:
    """Metric -> what tells it from the others of its title."""
    columns = {metric: _columns(finding, scorers) for metric, finding in found.items()}
    if all(columns.values()) and len(set(columns.values())) == len(columns):
        return columns
    families = {metric: metric.partition(".")[0] for metric in found}
    return families if len(set(families.values())) == len(families) else {metric: metric for metric in found}


def _columns(finding: Finding, scorers: Sequence[str]) -> str:
    """``attributes.perceived_gender``, or several."""
    named = re.compile(rf"(?:{'|'.join(map(re.escape, scorers))})\.\w+") if scorers else None
    parts = finding.protocol.split("; ")
    return ", ".join(dict.fromkeys(part for part in parts if named is not None and named.fullmatch(part)))


def _scorers(audited: Audited) -> list[str]:
    uses = audited.manifest.spec.get("scorers")
    known = [use for use in uses if isinstance(use, dict)] if isinstance(uses, list | tuple) else []
    return [str(use.get("name") or use.get("use")) for use in known]

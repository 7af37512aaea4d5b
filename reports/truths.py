"""True values of findings, where a chart of the same metric holds their very number against the truth."""

from collections import defaultdict
from collections.abc import Iterable

from audit.panels import Intervals, Span
from audit.records import Finding

__all__ = ["IN_THE_TITLE", "own_row", "truths"]

ALL = "all"
"""Label of the row of a chart that takes all draws."""
IN_THE_TITLE = frozenset({"label", "column"})
"""In ``Finding.where``: what the title of a chart names, so that its rows do not."""


def truths(findings: Iterable[Finding]) -> dict[str, float]:
    """Key of each finding whose true value is known -> that value.

    A row of a chart belongs to the finding of the same metric and generator that has the same numbers and is of the
    cell that the row is named by. Where two rows fit that differ in their truth, none is told.
    """
    findings = tuple(findings)
    charted: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for finding in findings:
        for panel in finding.panels:
            if isinstance(panel, Intervals):
                charted[finding.metric, finding.generator] += panel.known
    found = {}
    for finding in findings:
        own = own_row(finding)
        rows = [own[0]] if own else [row for row in charted[finding.metric, finding.generator] if _is_of(row, finding)]
        values = {row.truth for row in rows if row.truth is not None}
        if len(values) == 1:
            found[finding.key] = values.pop()
    return found


def own_row(finding: Finding) -> tuple[Span, Intervals] | None:
    """The only row of a panel that shows this finding and nothing else, with the panel."""
    for panel in finding.panels:
        if isinstance(panel, Intervals) and [row.estimate for row in panel.rows] == [finding.estimate]:
            return panel.rows[0], panel
    return None


def _is_of(row: Span, finding: Finding) -> bool:
    cell = [level for name, level in finding.where.items() if name not in IN_THE_TITLE]
    return _same(row, finding) and row.label == (", ".join(cell) or ALL)


def _same(row: Span, finding: Finding) -> bool:
    ends = finding.interval
    return ends is not None and (row.estimate, row.low, row.high) == (finding.estimate, ends.low, ends.high)

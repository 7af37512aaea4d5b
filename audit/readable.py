"""Whether the labels of an audit are there at all: a suite of which no image could be read is no evidence of anything."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from audit.plan import Plan
from audit.records import Check
from audit.table import ScoreTable

__all__ = ["unreadable"]


def unreadable(plan: Plan, table: ScoreTable) -> tuple[Check, ...]:
    """A failed check for each column of people in which a suite of a generator that made images has no label at all.

    It speaks of the findings of that generator by metrics that read the column. Where no such column has a label, it
    makes a run without gates invalid, too. A column that is optional beside another is not asked.
    """
    people = {scorer.name for scorer in plan.scorers if scorer.component.infers_people}
    read = sorted({column for metric in plan.metrics for column in metric.component.reads()})
    labels = [c for c in read if c.rpartition(".")[0] in people and _wanted(plan, c)]
    return tuple(check for name in plan.audited for check in _of_generator(plan, name, table.select(name), labels))


def _wanted(plan: Plan, column: str) -> bool:
    return plan.columns[column].kind == "label" and not plan.columns[column].optional


def _of_generator(plan: Plan, name: str, table: ScoreTable, labels: list[str]) -> list[Check]:
    code, probes = table.asked
    suites = np.array([table.probes[str(probe)].suite for probe in probes], dtype=object)
    made, found = table.outcome == "made", []
    values = {column: table.values(column) for column in labels}
    for suite in dict.fromkeys(suites.tolist()):
        shown = made & (suites == suite)[code]
        unread = [column for column in labels if shown.any() and not (values[column].present & shown).any()]
        for column in unread:
            check = _nothing_read(plan, column, values[column].reason[shown])
            what = f"reads images of the suite {suite} by {name}"
            found.append(check.model_copy(update={"what": what, "generator": name, "fatal": unread == labels}))
    return found


def _nothing_read(plan: Plan, column: str, reasons: npt.NDArray[np.object_]) -> Check:
    """The check of one column, of images without a label for these reasons."""
    ((reason, count),) = Counter(reasons.tolist()).most_common(1)
    return Check(
        instrument=f"column {column}",
        what="",
        expected=f"a label for at least 1 of {len(reasons)}",
        found=f"none, of {count} because of {reason!r}{_hanging_on(plan, column, reason)}; so nothing can be said of who "
        "is shown",
        passed=False,
        seconds=0.0,
        metrics=tuple(metric.name for metric in plan.metrics if column in metric.component.reads()),
    )


def _hanging_on(plan: Plan, column: str, reason: str) -> str:
    name = column.rpartition(".")[0]
    scorer = next(scorer.component for scorer in plan.scorers if scorer.name == name)
    parameter = scorer.remedies().get(reason)
    if parameter not in type(scorer).model_fields:
        return ""
    return f" (scorers.{name}.params.{parameter} is {getattr(scorer, parameter)}: change it if that is too strict)"

"""Whether the labels of an audit are there at all: a suite of which no image could be read is no evidence of anything."""

import numpy as np

from audit.plan import Plan
from audit.records import Check
from audit.table import ScoreTable

__all__ = ["unreadable"]


def unreadable(plan: Plan, table: ScoreTable) -> tuple[Check, ...]:
    """A failed check for each suite of a generator that made images where no person could be read."""
    people = {scorer.name for scorer in plan.scorers if scorer.component.infers_people}
    read = sorted({column for metric in plan.metrics for column in metric.component.reads()})
    labels = [c for c in read if c.rpartition(".")[0] in people and plan.columns[c].kind == "label"]
    return tuple(check for name in plan.audited for check in _of_generator(name, table.select(name), labels))


def _of_generator(name: str, table: ScoreTable, labels: list[str]) -> list[Check]:
    code, probes = table.asked
    suites = np.array([table.probes[str(probe)].suite for probe in probes], dtype=object)
    made, found = table.outcome == "made", []
    for column in labels:
        present = table.values(column).present
        for suite in dict.fromkeys(suites.tolist()):
            asked = (suites == suite)[code]
            images = int((made & asked).sum())
            if images and not (present & asked).any():
                found.append(_nothing_read(column, f"images of the suite {suite} by {name}", images))
    return found


def _nothing_read(column: str, what: str, images: int) -> Check:
    return Check(
        instrument=f"column {column}",
        what=f"reads {what}",
        expected=f"a label for at least 1 of {images}",
        found="none, so nothing can be said of who is shown",
        passed=False,
        seconds=0.0,
    )

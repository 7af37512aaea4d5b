"""The draws of one phantom, held against what is true of it: shares, differences, errors, and which intervals hold."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from audit.component import Contribution, Measured
from audit.errors import InputError
from audit.metrics.averages import Quantity, average, panelled, sentences
from audit.metrics.contrasts import POINTS
from audit.metrics.levels import Levels
from audit.metrics.sample import Cell, Mask, Sample, Scores, contributions
from audit.metrics.wording import lowered
from audit.panels import Intervals, Span
from audit.records import Finding, Interval, Probe
from audit.stats.intervals import wilson
from generators.phantom.bank import stated
from generators.phantom.known import Ask, Known, mixed

__all__ = ["OCCUPATION", "Held"]

OCCUPATION = "occupation"
SILENT = frozenset({OCCUPATION, "people"})
"""Prompts that state nothing else leave it to the generator who is shown."""
NOT_KNOWN = "the truth of such a prompt is not known"


@dataclass(frozen=True)
class Held:
    """The silent draws of one phantom: those whose prompt states no more than an occupation."""

    sample: Sample
    scores: Scores
    silent: Mask
    """(n,)"""
    truth: Mapping[str, Known]
    """Probe -> what is true of its draws; of the silent ones, where it is known."""

    @classmethod
    def of(cls, sample: Sample, column: str, level: str, ask: Ask) -> "Held":
        """Ask for the truth of every silent prompt; draws of those whose truth is not known count as missing."""
        asked, probes = sample.table.probe_ids, sample.table.probes
        quiet = {probe for probe in set(asked.tolist()) if _silent(probes[probe])}
        truth = {probe: found for probe in sorted(quiet) if (found := _asked(ask, probes[probe]))}
        value, present, reason = sample.labels(column)
        told = np.array([probe in truth for probe in asked], dtype=bool)
        scores = Scores((value == level).astype(np.float64), present & told, np.where(told, reason, NOT_KNOWN))
        return cls(sample, scores, np.array([probe in quiet for probe in asked], dtype=bool), truth)

    def cells(self) -> list[Cell]:
        """All silent draws, then those of each occupation."""
        cells = self.sample.cells((OCCUPATION,))
        inside = [replace(cell, rows=cell.among(self.silent)) for cell in cells]
        return [cell for cell in inside if not cell.axis or len(cell.rows)]

    def group(self, name: str, among: Sequence[str]) -> Cell:
        """Silent draws of several occupations together."""
        there = np.isin(self.sample.levels(OCCUPATION).astype(str), among)
        return Cell.of({"group": name}, there & self.silent, "group", name)

    def known(self, cell: Cell) -> Known | None:
        """True share of a cell: the truth of its prompts, each as often as it was read. None where nothing was."""
        read = Counter(self._read(cell))
        return mixed([(self.truth[probe], count) for probe, count in read.items()]) if read else None

    def _read(self, cell: Cell) -> list[str]:
        """Probes of the readable draws of a cell."""
        return [str(probe) for probe in self.sample.table.probe_ids[cell.among(self.scores.present)]]

    def share(self, quantity: Quantity, cell: Cell) -> Measured:
        """The measured share of a cell; its note says what is true."""
        one, known = average(quantity, self.sample, self.scores, cell), self.known(cell)
        if known is None or one.finding.estimate is None:
            return one
        off = round(100 * (one.finding.estimate - known.value), 1) + 0.0  # no minus before a zero
        told = f"{known.words}; the estimate is {off:+.1f} points off{_whether(one.finding.interval, known.value)}"
        return _noted(one, told)

    def chart(self, found: Sequence[tuple[Cell, Measured]]) -> Intervals | None:
        """Measured and true shares of all cells that have an interval; None where none has."""
        rows = [row for cell, one in found if (row := self._row(cell, one.finding))]
        first = found[0][1].finding
        return (
            Intervals(
                title=f"Measured against true: {self.sample.generator}",
                summary=f"{first.title}, with {100 * first.confidence:g} % intervals.{_again(found)}",
                rows=tuple(rows),
                unit=first.unit,
            )
            if rows
            else None
        )

    def _row(self, cell: Cell, finding: Finding) -> Span | None:
        known = self.known(cell)
        if known is None or finding.estimate is None or finding.interval is None:
            return None
        low, high = finding.interval.low, finding.interval.high
        name = cell.level or cell.name
        return Span(label=name, estimate=finding.estimate, low=low, high=high, n=finding.n, truth=known.value)

    def differences(self, quantity: Quantity, groups: Sequence[tuple[Cell, Measured]]) -> Iterator[Measured]:
        """Differences of each two groups, of which ``groups`` has the shares; the note says the true one."""
        true = {cell.level: known.value for cell, _ in groups if (known := self.known(cell))}
        measured = Levels.of(quantity, self.sample, self.scores, [cell for cell, _ in groups]).differences()
        found = {(one.finding.where["group"], one.finding.where["against"]): one for one in measured}
        for (first, share), (second, other) in combinations(groups, 2):
            one = found.get((first.level, second.level))
            if one is None:
                yield _no_difference(share.finding, other.finding)
            else:
                apart = true[first.level] - true[second.level]
                noted = _noted(one, f"True difference {100 * apart:.1f} points{_whether(one.finding.interval, apart)}")
                yield panelled(noted, _beside(noted.finding, f"{first.level} minus {second.level}", apart))

    def error(self, share: Finding, cell: Cell) -> Measured:
        """Measured less true share of a cell, with the error of both."""
        known = self.known(cell)
        update: dict[str, object] = {
            "metric": share.metric.removesuffix("share") + "error",
            "title": f"{share.title}, less the true share",
            "unit": POINTS,
            "bounds": None,
            "evidence": (),
            "panels": (),
        }
        if known is None or share.estimate is None:
            return Measured(share.model_copy(update=update))
        rows = cell.among(self.scores.present)
        true = np.array([self.truth[probe].value for probe in self._read(cell)])
        update |= {
            "estimate": share.estimate - known.value,
            "interval": _less(share.estimate, share.interval, known),
            "expected": 0.0,
            "method": f"{share.method}; interval of the difference recovered from it and from that of the truth",
        }
        return Measured(
            share.model_copy(update=update), contributions(self.scores.value[rows] - true, self.sample.units(rows))
        )

    def contained(self, share: Finding, found: Sequence[tuple[Cell, Measured]]) -> Measured:
        """How many of the intervals of cells, which are of different draws, contain the truth."""
        rows = [row for cell, one in found if (row := self._row(cell, one.finding))]
        held, without = sum(row.contains_truth for row in rows), len(found) - len(rows)
        few = f"No estimate: none of {without} cells has an interval" if not rows else ""
        finding = share.model_copy(
            update={
                "metric": share.metric.removesuffix("share") + "contained",
                "title": f"Share of {100 * share.confidence:g} % intervals by {OCCUPATION} that contain the truth",
                "protocol": f"intervals that contain the truth of: {share.protocol}",
                "estimate": held / len(rows) if rows else None,
                "interval": Interval(**_ends(wilson(held, len(rows), confidence=share.confidence))) if rows else None,
                "n": len(rows),
                "n_missing": without,
                "clusters": len(rows),
                "method": "share of intervals, which are of different draws; Wilson interval",
                "note": sentences(few, _EXPECT.format(confidence=100 * share.confidence)),
                "bounds": None,
                "evidence": (),
                "panels": (),
            }
        )
        parts = [
            Contribution(row.label, row.label, float(row.contains_truth), 1.0, float(row.contains_truth)) for row in rows
        ]
        return Measured(finding, tuple(parts))


_EXPECT = (
    "n counts intervals. Of many correct ones {confidence:g} % contain the truth; where few prompts make them wide, more do"
)


def _again(found: Sequence[tuple[Cell, Measured]]) -> str:
    groups = any(cell.axis == "group" for cell, _ in found)
    return f" The row of all{' and those of groups take' if groups else ' takes'} the draws of occupations again."


def _silent(probe: Probe) -> bool:
    try:
        return SILENT.issuperset(stated(probe))
    except InputError:  # a class of something else
        return False


def _asked(ask: Ask, probe: Probe) -> Known | None:
    try:
        return ask(probe)
    except InputError:  # a bank that was never asked this, or a table that gives nobody what is stated
        return None


def _no_difference(share: Finding, other: Finding) -> Measured:
    """What stands in for the difference of two shares of which one has no estimate."""
    group, against = share.where["group"], other.where["group"]
    update = {
        "metric": share.metric.removesuffix("share") + "difference",
        "title": f"Difference in {lowered(share.title)}: {group} minus {against}",
        "where": {"group": group, "against": against},
        "estimate": None,
        "interval": None,
        "unit": POINTS,
        "n": share.n + other.n,
        "n_missing": share.n_missing + other.n_missing,
        "clusters": 0,
        "method": "none",
        "note": "No estimate: a group has too few readable draws.",
        "bounds": None,
        "evidence": (),
    }
    return Measured(share.model_copy(update=update))


def _beside(finding: Finding, name: str, truth: float) -> Intervals | None:
    """A finding's estimate and interval beside the true value, as one row."""
    if finding.estimate is None or finding.interval is None:
        return None
    low, high = finding.interval.low, finding.interval.high
    row = Span(label=name, estimate=finding.estimate, low=low, high=high, n=finding.n, truth=truth)
    return Intervals(title="Measured against true", summary=finding.title, unit=finding.unit, rows=(row,))


def _whether(interval: Interval | None, truth: float) -> str:
    if interval is None:
        return ""
    return f"; the interval {'contains' if interval.low <= truth <= interval.high else 'does not contain'} it"


def _noted(one: Measured, told: str) -> Measured:
    return Measured(one.finding.model_copy(update={"note": sentences(told, one.finding.note)}), one.contributions)


def _less(share: float, interval: Interval | None, known: Known) -> Interval | None:
    """Interval of share less truth, from those of both, which are independent (Newcombe 1998, method 10)."""
    if interval is None:
        return None
    off = share - known.value
    below = float(np.hypot(share - interval.low, known.high - known.value))
    above = float(np.hypot(interval.high - share, known.value - known.low))
    return Interval(low=off - below, high=off + above)


def _ends(ends: tuple[float, float]) -> dict[str, float]:
    return {"low": ends[0], "high": ends[1]}

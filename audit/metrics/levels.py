"""Findings that compare the levels of an axis: the largest gap, and the difference of each two levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from audit.component import Measured, Parts
from audit.metrics.averages import SHARES, Quantity, cut, sentences, within
from audit.metrics.contrasts import Contrast, amount, apart, contrast, told_interval
from audit.metrics.sample import Cell, Floats, Ints, Sample, Scores, why_missing
from audit.metrics.wording import lowered
from audit.records import Finding, Interval
from audit.stats import paired
from audit.stats.gaps import GapNull, difference_values, gap, permuted_gap
from audit.table import Strings

__all__ = ["Levels"]

MOST_PAIRS_OF = 6
"""With more levels than this, only the largest difference is reported, not that of every pair."""
NO_PAIRS = f"Differences of each two levels are made for up to {MOST_PAIRS_OF} levels, so there are none here"
MOST_LEVELS = 1000
"""Every two levels are compared for the largest gap, so the work grows with the square of their number."""
ONE_PROBE = "A level has one probe: this speaks of these probes only, not of other prompts or classes."


@dataclass(frozen=True)
class Levels:
    """Sums by unit and level. Arms of a counterfactual pair are one unit with images at several levels."""

    quantity: Quantity
    sample: Sample
    scores: Scores
    cells: Sequence[Cell]
    """Levels with enough draws."""
    left_out: tuple[Cell, ...]
    """Levels with too few: the gap is not theirs, but its count of missing draws and its bounds are."""
    units: Strings
    """(u,) names, sorted"""
    totals: Floats
    """(u, k)"""
    sizes: Floats
    """(u, k)"""
    one_probe: bool
    """A level has a single probe, so draws are the units."""

    @classmethod
    def of(cls, quantity: Quantity, sample: Sample, scores: Scores, cells: Sequence[Cell]) -> "Levels":
        """Sum the values of a sample by unit and level; without sums where there are more levels than can be compared."""
        rows = [cell.among(scores.present) for cell in cells]
        kept = [k for k, there in enumerate(rows) if len(there) >= quantity.min_n]
        left_out = tuple(cell for cell, there in zip(cells, rows, strict=True) if len(there) < quantity.min_n)
        chosen = [cells[k] for k in kept]
        if len(kept) > MOST_LEVELS:
            nothing = np.zeros((0, len(kept)))
            return cls(quantity, sample, scores, chosen, left_out, np.zeros(0, dtype=object), nothing, nothing, False)
        one_probe = any(sample.units(rows[k]).one_probe for k in kept)
        every = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(rows[k] for k in kept)]))
        units = sample.units(every, draws=one_probe)
        shape = (len(units.names), len(kept))
        totals, sizes = np.zeros(shape), np.zeros(shape)
        for column, k in enumerate(kept):
            member = units.code[np.searchsorted(every, rows[k])]
            sizes[:, column] = np.bincount(member, minlength=shape[0])
            totals[:, column] = np.bincount(member, scores.value[rows[k]], minlength=shape[0])
        return cls(quantity, sample, scores, chosen, left_out, units.names, totals, sizes, one_probe)

    def gap(self, seed: int) -> Measured:
        """Highest less lowest mean, with what it is when levels mean nothing, and how often it is then as large."""
        finding = self._finding("gap", self._gap_title(), {}, self.cells, self.left_out)
        if len(self.cells) < 2:
            return Measured(_without(finding, "No estimate: fewer than two levels have enough draws"))
        if len(self.cells) > MOST_LEVELS:
            why = f"No estimate: {len(self.cells)} levels, and at most {MOST_LEVELS} are compared; name a coarser axis"
            return Measured(_without(finding, why))
        quantity = self.quantity
        share = quantity.unit == "share"
        found = gap(self.totals, self.sizes, confidence=quantity.confidence, share=share, correlation=quantity.correlation)
        null = permuted_gap(self.totals, self.sizes, np.random.default_rng(seed))
        highest, lowest = self.cells[found.highest].level, self.cells[found.lowest].level
        update = {
            "estimate": within(found.value, quantity.unit),
            "interval": cut(found.interval, quantity.unit),
            "expected": null.mean,
            "title": finding.title if highest == lowest else f"{finding.title}: {highest} minus {lowest}",
            "better": "lower",
            "clusters": len(self.units),
            "p_value": null.p_value,
            "bounds": self._gap_bounds(),
            "method": "highest less lowest mean; simultaneous intervals of all differences; expectation and p-value by "
            "permutation",
        }
        finding = finding.model_copy(update=update)
        told = self._gap_told(finding, (found.highest, found.lowest), null)
        finding = finding.model_copy(update={"note": sentences(told, finding.note)})
        return Measured(finding, self._parts(found.highest, found.lowest))

    def differences(self) -> Iterator[Measured]:
        """Difference of each two levels; none where there are more than six, which the note of the gap says."""
        if len(self.cells) > MOST_PAIRS_OF:
            return
        for first, second in combinations(range(len(self.cells)), 2):
            one, other = self.cells[first], self.cells[second]
            where = dict(one.where) | {"against": other.level}
            title = f"Difference in {lowered(self.quantity.title)}: {one.level} minus {other.level}"
            finding = self._finding("difference", title, where, [one, other])
            moved = _moved(finding, contrast(self.quantity, self._side(first), self._side(second)))
            moved = moved.model_copy(update={"bounds": self._difference_bounds(one, other)})
            told = sentences(self._difference_told(moved, first, second), moved.note)
            yield Measured(moved.model_copy(update={"note": told}), self._parts(first, second))

    def _gap_title(self) -> str:
        axis = f"levels of {self.cells[0].axis}" if self.cells else "levels"
        return f"Largest gap in {lowered(self.quantity.title)} between {axis}"

    def _gap_told(self, finding: Finding, ends: tuple[int, int], null: GapNull) -> str:
        highest, lowest = (f"{self.cells[k].level} ({amount(self._mean(k), self.quantity.unit)})" for k in ends)
        order = f"Highest: {highest}; lowest: {lowest}" if ends[0] != ends[1] else "All levels are alike"
        mean, high = amount(null.mean, finding.unit), amount(null.high, finding.unit)
        size = f"{amount(finding.estimate or 0.0, finding.unit)} apart ({told_interval(finding)})"
        by_chance = f"Where levels mean nothing it is {mean} on average, and below {high} in 97.5 % of shuffles"
        pairs = f". {NO_PAIRS}" if len(self.cells) > MOST_PAIRS_OF else ""
        return f"{order}; {size}. {by_chance}{pairs}"

    def _difference_told(self, finding: Finding, first: int, second: int) -> str:
        one, other = (f"{self.cells[k].level} ({amount(self._mean(k), self.quantity.unit)})" for k in (first, second))
        size = f"{amount(finding.estimate or 0.0, finding.unit)} ({told_interval(finding)})"
        ends = finding.interval
        open_end = ": it is not shown that they differ" if ends is None or ends.low <= 0 <= ends.high else ""
        return f"{one} less {other} is {size}{open_end}"

    def _mean(self, level: int) -> float:
        return float(self.totals[:, level].sum() / self.sizes[:, level].sum())

    def _side(self, level: int) -> paired.Parts:
        there = np.flatnonzero(self.sizes[:, level] > 0)
        return {str(self.units[u]): (float(self.totals[u, level]), float(self.sizes[u, level])) for u in there}

    def _parts(self, first: int, second: int) -> Parts:
        """What each unit adds; their interval is the linearised one."""
        values = difference_values(self.totals, self.sizes, first, second)
        either = (self.sizes[:, first] > 0) | (self.sizes[:, second] > 0)
        return Parts(self.units[either], values, np.ones(len(values)), values * values)

    def _gap_bounds(self) -> Interval | None:
        """Range of the gap of shares over all that missing draws might have been, those of levels left out among them."""
        kept = len(self.cells)
        low, high, missing = self._extremes([*self.cells, *self.left_out])
        if self.quantity.unit not in SHARES or not missing.any():
            return None
        might = (np.arange(len(low)) < kept) | (missing > 0)
        least, most = _furthest(low[:kept], high[:kept]), _furthest(high[might], low[might])
        return cut((least, most), self.quantity.unit)

    def _difference_bounds(self, first: Cell, second: Cell) -> Interval | None:
        """The same of the first level less the second."""
        low, high, missing = self._extremes([first, second])
        if self.quantity.unit not in SHARES or not missing.any():
            return None
        return cut((float(low[0] - high[1]), float(high[0] - low[1])), self.quantity.unit, -1.0)

    def _extremes(self, cells: Sequence[Cell]) -> tuple[Floats, Floats, Floats]:
        """(k,) least and largest share of each level, whatever its missing draws were, and how many these are."""
        rows = [cell.among(self.scores.present) for cell in cells]
        hits = np.array([self.scores.value[there].sum() for there in rows])
        whole = np.array([len(cell.rows) for cell in cells], dtype=np.float64)
        missing = whole - np.array([len(there) for there in rows])
        return hits / whole, (hits + missing) / whole, missing

    def _finding(
        self, quantity: str, title: str, where: dict[str, str], cells: Sequence[Cell], left_out: Sequence[Cell] = ()
    ) -> Finding:
        present, missing = _rows(cells, self.scores.present), _rows([*cells, *left_out], ~self.scores.present)
        thin = f"Left out, too few draws: {', '.join(cell.level for cell in left_out[:8])}" if left_out else ""
        more = f" and {len(left_out) - 8} more" if len(left_out) > 8 else ""
        own = self.quantity.where(Cell.of({}, np.zeros(0, dtype=bool)))
        return Finding(
            metric=f"{self.quantity.name.removesuffix('.mean')}.{quantity}",
            title=title,
            protocol=f"{quantity} of {self.quantity.protocol}",
            generator=self.sample.generator,
            where=where | own,
            estimate=None,
            interval=None,
            confidence=self.quantity.confidence,
            unit=apart(self.quantity.unit),
            better="none",
            n=len(present),
            n_missing=len(missing),
            clusters=0,
            method="none",
            source=self.quantity.source,
            correction=self.quantity.correction,
            note=sentences(
                thin + more,
                ONE_PROBE if self.one_probe else "",
                self.quantity.note,
                why_missing(self.scores.reason[missing]) or "No draw is missing",
            ),
        )


def _rows(cells: Sequence[Cell], mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """Positions of the draws of some cells that a mask holds, each once."""
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(cell.among(mask) for cell in cells)]))


def _furthest(up: Floats, down: Floats) -> float:
    """Largest ``up`` of one level less ``down`` of another.

    >>> _furthest(np.array([0.75, 0.5]), np.array([0.0, 0.25]))
    0.5
    """
    a, b = int(up.argmax()), int(down.argmin())
    if a != b:
        return float(up[a] - down[b])
    return max(float(up[a] - np.delete(down, a).min()), float(np.delete(up, b).max() - down[b]))


def _without(finding: Finding, why: str) -> Finding:
    return finding.model_copy(update={"note": sentences(why, finding.note)})


def _moved(finding: Finding, found: Contrast) -> Finding:
    moved = found.moved
    update = {
        "estimate": moved.estimate,
        "interval": found.interval,
        "expected": 0.0,
        "clusters": moved.pairs + moved.unpaired,
        "p_value": found.p_value,
        "method": moved.method,
    }
    return finding.model_copy(update=update)

"""Findings that compare the levels of an axis: the largest gap, and the difference of each two levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from audit.component import Contribution, Measured
from audit.metrics.averages import Quantity, sentences
from audit.metrics.sample import Cell, Floats, Mask, Sample, Scores, why_missing
from audit.metrics.wording import lowered
from audit.records import Finding, Interval
from audit.stats.gaps import difference_values, gap, permuted_gap
from audit.stats.paired import Difference, Parts, difference
from audit.table import Strings

__all__ = ["Levels"]

MOST_PAIRS_OF = 6
"""With more levels than this, only the largest difference is reported, not that of every pair."""
ONE_PROBE = "A level has one probe: this speaks of these probes only, not of other prompts or classes."


@dataclass(frozen=True)
class Levels:
    """Sums by unit and level. Arms of a counterfactual pair are one unit with images at several levels."""

    quantity: Quantity
    sample: Sample
    scores: Scores
    cells: Sequence[Cell]
    """Levels with enough draws."""
    left_out: tuple[str, ...]
    """Levels with too few."""
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
        """Sum the values of a sample by unit and level."""
        enough = [int((cell.mask & scores.present).sum()) >= quantity.min_n for cell in cells]
        kept = [cell for cell, there in zip(cells, enough, strict=True) if there]
        left_out = tuple(cell.level for cell, there in zip(cells, enough, strict=True) if not there)
        one_probe = any(sample.units(cell.mask & scores.present).one_probe for cell in kept)
        present = scores.present & _union(kept, len(sample))
        units = sample.units(present, draws=one_probe)
        names, member = np.unique(units.cluster.astype(str), return_inverse=True)
        totals, sizes = np.zeros((len(names), len(kept))), np.zeros((len(names), len(kept)))
        for k, cell in enumerate(kept):
            here = cell.mask[present]
            sizes[:, k] = np.bincount(member[here], minlength=len(names))
            totals[:, k] = np.bincount(member[here], scores.value[present][here], minlength=len(names))
        return cls(quantity, sample, scores, kept, left_out, names.astype(object), totals, sizes, one_probe)

    def gap(self, seed: int) -> Measured:
        """Highest less lowest mean, with what it is when levels mean nothing."""
        finding = self._finding("gap", self._gap_title(), {}, self.cells)
        if len(self.cells) < 2:
            return Measured(_without(finding, "No estimate: fewer than two levels have enough draws"))
        share = self.quantity.unit == "share"
        found = gap(self.totals, self.sizes, confidence=self.quantity.confidence, share=share)
        null = permuted_gap(self.totals, self.sizes, np.random.default_rng(seed))
        highest, lowest = self.cells[found.highest].level, self.cells[found.lowest].level
        told = (
            f"Highest: {highest}; lowest: {lowest}. Where levels mean nothing it is {null.mean:.3g} on average, and "
            f"below {null.high:.3g} in 97.5 % of shuffles"
        )
        update = {
            "estimate": found.value,
            "interval": Interval(low=found.interval[0], high=found.interval[1]) if found.interval else None,
            "expected": null.mean,
            "title": f"{finding.title}: {highest} minus {lowest}",
            "better": "lower",
            "clusters": len(self.units),
            "method": "highest less lowest mean; simultaneous intervals of all differences; expectation by permutation",
            "note": sentences(told, finding.note),
        }
        return Measured(finding.model_copy(update=update), self._parts(found.highest, found.lowest))

    def differences(self) -> Iterator[Measured]:
        """Difference of each two levels; none where there are more than six."""
        if len(self.cells) > MOST_PAIRS_OF:
            return
        for first, second in combinations(range(len(self.cells)), 2):
            one, other = self.cells[first], self.cells[second]
            where = dict(one.where) | {"against": other.level}
            title = f"Difference in {lowered(self.quantity.title)}: {one.level} minus {other.level}"
            finding = self._finding("difference", title, where, [one, other])
            share = self.quantity.unit == "share"
            confidence = self.quantity.confidence
            moved = difference(self._side(first), self._side(second), confidence=confidence, share=share)
            yield Measured(_moved(finding, moved), self._parts(first, second))

    def _gap_title(self) -> str:
        axis = f"levels of {self.cells[0].axis}" if self.cells else "levels"
        return f"Largest gap in {lowered(self.quantity.title)} between {axis}"

    def _side(self, level: int) -> Parts:
        there = np.flatnonzero(self.sizes[:, level] > 0)
        return {str(self.units[u]): (float(self.totals[u, level]), float(self.sizes[u, level])) for u in there}

    def _parts(self, first: int, second: int) -> tuple[Contribution, ...]:
        """What each unit adds; their interval is the linearised one."""
        values = difference_values(self.totals, self.sizes, first, second)
        either = np.flatnonzero((self.sizes[:, first] > 0) | (self.sizes[:, second] > 0))
        return tuple(
            Contribution(str(self.units[u]), str(self.units[u]), float(value), 1.0, float(value * value))
            for u, value in zip(either, values, strict=True)
        )

    def _finding(self, quantity: str, title: str, where: dict[str, str], cells: Sequence[Cell]) -> Finding:
        mask = _union(cells, len(self.sample))
        missing = mask & ~self.scores.present
        left_out = f"Left out, too few draws: {', '.join(self.left_out[:8])}" if self.left_out and not where else ""
        more = f" and {len(self.left_out) - 8} more" if left_out and len(self.left_out) > 8 else ""
        return Finding(
            metric=f"{self.quantity.name.removesuffix('.mean')}.{quantity}",
            title=title,
            protocol=f"{quantity} of {self.quantity.protocol}",
            generator=self.sample.generator,
            where=where,
            estimate=None,
            interval=None,
            confidence=self.quantity.confidence,
            unit="fraction" if self.quantity.unit == "share" else self.quantity.unit,
            better="none",
            n=int((mask & self.scores.present).sum()),
            n_missing=int(missing.sum()),
            clusters=0,
            method="none",
            source=self.quantity.source,
            note=sentences(
                left_out + more,
                ONE_PROBE if self.one_probe else "",
                self.quantity.note,
                why_missing(self.scores.reason[missing]),
            ),
        )


def _union(cells: Sequence[Cell], n: int) -> Mask:
    return np.asarray(np.any([np.zeros(n, dtype=bool), *(cell.mask for cell in cells)], axis=0))


def _without(finding: Finding, why: str) -> Finding:
    return finding.model_copy(update={"note": sentences(why, finding.note)})


def _moved(finding: Finding, moved: Difference) -> Finding:
    known = moved.low is not None and moved.high is not None
    update = {
        "estimate": moved.estimate,
        "interval": Interval(low=moved.low, high=moved.high) if known else None,
        "expected": 0.0,
        "clusters": moved.pairs + moved.unpaired,
        "method": moved.method,
    }
    return finding.model_copy(update=update)

"""How far the mean tone of one level of an axis lies from that of all its other levels, under both readings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.metrics.averages import ONE_PROBE, Quantity, sentences
from audit.metrics.sample import Cell, Ints, Sample, Scores, contributions, why_missing
from audit.metrics.tone_bands import TONES, banded
from audit.records import Finding, Interval
from audit.stats.inversion import p_value
from audit.stats.paired import Difference, Parts, difference

__all__ = ["REST", "ToneDifferences"]

REST = "all other levels"
WITHIN = "No evidence of a difference: the interval holds zero, which light or chance may explain"
BEYOND = "Evidence of a difference beyond what balancing for the light explains"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two groups of a difference under one reading."""

    first: Parts
    second: Parts
    one_probe: bool

    def apart(self, confidence: float) -> Difference:
        return difference(self.first, self.second, confidence=confidence)


@dataclass(frozen=True)
class ToneDifferences:
    """Makes the differences of one generator."""

    quantity: Quantity
    """Of the mean tone; its name ends in ``.expected_tone``."""
    sample: Sample
    readings: tuple[Scores, Scores]
    """Expected tone as shown, and balanced for the light."""
    allowance: float
    """How far scenes alone may move a balanced mean, in tones."""

    def of(self, cells: Sequence[Cell]) -> Iterator[Measured]:
        """Each level against the rest of its axis; of two levels, the first against the second.

        Args:
            cells: levels of one axis.
        """
        for cell in cells[:1] if len(cells) == 2 else cells:
            others = [other for other in cells if other is not cell]
            if others:
                yield self._difference(cell, others)

    def _difference(self, cell: Cell, others: Sequence[Cell]) -> Measured:
        rest = np.setdiff1d(np.concatenate([other.rows for other in others]), cell.rows)
        against = others[0].level if len(others) == 1 else REST
        sides = [self._sides(cell, rest, scores) for scores in self.readings]
        found = [
            self._finding(cell, rest, against, (scores, each)) for scores, each in zip(self.readings, sides, strict=True)
        ]
        measured = banded(found[0], found[1])
        one = measured.finding
        both = [each for each in sides if each is not None]
        if one.interval is None or len(both) < len(sides):
            return measured
        low, high = self._span(both, one.confidence)
        allowed = (
            f"The interval allows {self.allowance:g} tones more for what scenes do to balancing" if self.allowance else ""
        )
        update = {
            "interval": Interval(low=low, high=high),
            "p_value": p_value(lambda confidence: self._span(both, confidence)),
            "expected": 0.0,
            "note": sentences(WITHIN if low <= 0 <= high else BEYOND, one.note, allowed),
        }
        return Measured(one.model_copy(update=update))

    def _span(self, sides: Sequence[_Sides], confidence: float) -> tuple[float, float]:
        """From the lowest to the highest end of both readings, and the allowance; wider for more confidence."""
        found = [each.apart(confidence) for each in sides]
        low = min(one.low for one in found if one.low is not None)
        return low - self.allowance, max(one.high for one in found if one.high is not None) + self.allowance

    def _finding(self, cell: Cell, rest: Ints, against: str, read: tuple[Scores, _Sides | None]) -> Finding:
        scores, sides = read
        quantity, moved = self.quantity, sides.apart(self.quantity.confidence) if sides else None
        sizes = [int(scores.present[rows].sum()) for rows in (cell.rows, rest)]
        wanted = np.union1d(cell.rows, rest)
        missing = wanted[~scores.present[wanted]]
        few = f"No estimate: {sizes[0]} and {sizes[1]} draws with a tone, at least {quantity.min_n} needed on each side"
        return Finding(
            metric=quantity.name.removesuffix("expected_tone") + "difference",
            title=f"Difference in mean apparent tone: {cell.level} less {against}",
            protocol=f"difference, {self.allowance:g} tones allowed, of {quantity.protocol}",
            generator=self.sample.generator,
            where=quantity.where(cell) | {"against": against},
            estimate=moved.estimate if moved else None,
            interval=_interval(moved),
            confidence=quantity.confidence,
            unit=quantity.unit,
            better="none",
            n=sum(sizes),
            n_missing=len(missing),
            clusters=moved.pairs + moved.unpaired if moved else 0,
            method=moved.method if moved else "none",
            source=quantity.source,
            correction=quantity.correction,
            bounds=_bounds(scores, cell.rows, rest) if len(missing) else None,
            note=sentences(
                "" if moved else few,
                ONE_PROBE if sides and sides.one_probe else "",
                quantity.note,
                cell.note,
                why_missing(scores.reason[missing]),
            ),
        )

    def _sides(self, cell: Cell, rest: Ints, scores: Scores) -> _Sides | None:
        """Sums by unit of both groups; None where one has too few draws."""
        first, second = cell.among(scores.present), rest[scores.present[rest]]
        if min(len(first), len(second)) < max(self.quantity.min_n, 1):
            return None
        one_probe = any(self.sample.units(rows).one_probe for rows in (first, second))
        every = np.union1d(first, second)
        units = self.sample.units(every, draws=one_probe)
        sides: list[Parts] = []
        for rows in (first, second):
            there = np.isin(every, rows)
            parts = contributions(np.where(there, scores.value[every], 0.0), units)
            counts = np.bincount(units.code[there], minlength=len(units.names))
            named = zip(units.names, parts.total, counts, strict=True)
            sides.append({str(name): (float(total), float(n)) for name, total, n in named if n})
        return _Sides(sides[0], sides[1], one_probe)


def _interval(moved: Difference | None) -> Interval | None:
    if moved is None or moved.low is None or moved.high is None:
        return None
    return Interval(low=moved.low, high=moved.high)


def _bounds(scores: Scores, first: Ints, second: Ints) -> Interval | None:
    """Range of the difference over all tones that the missing draws might have had."""
    ends = []
    for rows in (first, second):
        there = scores.present[rows]
        total, missing = float(scores.value[rows[there]].sum()), int((~there).sum())
        if not len(rows):
            return None
        ends.append([(total + missing * tone) / len(rows) for tone in TONES])
    return Interval(low=ends[0][0] - ends[1][1], high=ends[0][1] - ends[1][0])

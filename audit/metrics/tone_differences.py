"""How far the mean tone of one level of an axis lies from that of all its other levels, under both readings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audit.component import Measured
from audit.metrics.averages import ONE_PROBE, Quantity, sentences
from audit.metrics.contrasts import Contrast, contrast
from audit.metrics.sample import Cell, Ints, Sample, Scores, contributions, why_missing
from audit.metrics.tone_bands import banded
from audit.records import Finding
from audit.stats.paired import Parts

__all__ = ["REST", "ToneDifferences"]

REST = "all other levels"
WITHIN = "No evidence of a difference: the interval holds zero, which light or chance may explain"
BEYOND = "Evidence of a difference beyond what balancing for the light explains"


@dataclass(frozen=True)
class ToneDifferences:
    """Makes the differences of one generator."""

    quantity: Quantity
    """Of the mean tone; its name ends in ``.expected_tone``."""
    sample: Sample
    readings: tuple[Scores, Scores]
    """Expected tone as shown, and balanced for the light."""

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
        rest = np.unique(np.concatenate([other.rows for other in others]))
        rest = np.setdiff1d(rest, cell.rows)
        against = others[0].level if len(others) == 1 else REST
        found = [self._reading(cell, rest, against, scores) for scores in self.readings]
        measured = banded(found[0], found[1])
        one = measured.finding
        if one.estimate is None or one.interval is None:
            return measured
        verdict = WITHIN if one.interval.low <= 0 <= one.interval.high else BEYOND
        update = {"p_value": _both(found), "expected": 0.0, "note": sentences(verdict, one.note)}
        return Measured(one.model_copy(update=update))

    def _reading(self, cell: Cell, rest: Ints, against: str, scores: Scores) -> Finding:
        first, second = cell.among(scores.present), rest[scores.present[rest]]
        wanted = np.union1d(cell.rows, rest)
        missing = wanted[~scores.present[wanted]]
        quantity = replace(self.quantity, unit="tones")
        enough = min(len(first), len(second)) >= max(quantity.min_n, 1)
        few = (
            f"No estimate: {len(first)} and {len(second)} draws with a tone, at least {quantity.min_n} needed on each side"
        )
        moved, one_probe = self._contrast(first, second, scores) if enough else (None, False)
        return Finding(
            metric=quantity.name.removesuffix("expected_tone") + "difference",
            title=f"Difference in mean apparent tone: {cell.level} less {against}",
            protocol=f"difference of {quantity.protocol}",
            generator=self.sample.generator,
            where=quantity.where(cell) | {"against": against},
            estimate=moved.moved.estimate if moved else None,
            interval=moved.interval if moved else None,
            confidence=quantity.confidence,
            unit=quantity.unit,
            better="none",
            n=len(first) + len(second),
            n_missing=len(missing),
            clusters=moved.moved.pairs + moved.moved.unpaired if moved else 0,
            method=moved.moved.method if moved else "none",
            source=quantity.source,
            correction=quantity.correction,
            p_value=moved.p_value if moved else None,
            note=sentences(
                "" if moved else few,
                ONE_PROBE if one_probe else "",
                quantity.note,
                cell.note,
                why_missing(scores.reason[missing]),
            ),
        )

    def _contrast(self, first: Ints, second: Ints, scores: Scores) -> tuple[Contrast, bool]:
        one_probe = any(self.sample.units(rows).one_probe for rows in (first, second))
        every = np.union1d(first, second)
        units = self.sample.units(every, draws=one_probe)
        sides: list[Parts] = []
        for rows in (first, second):
            value = np.where(np.isin(every, rows), scores.value[every], 0.0)
            there = np.isin(every, rows)
            parts = contributions(value, units)
            counts = np.bincount(units.code[there], minlength=len(units.names))
            named = zip(units.names, parts.total, counts, strict=True)
            sides.append({str(name): (float(total), float(n)) for name, total, n in named if n})
        return contrast(replace(self.quantity, unit="tones"), sides[0], sides[1]), one_probe


def _both(found: Sequence[Finding]) -> float | None:
    """That there is no difference under either reading: the larger p-value; 1 where the readings point apart."""
    values = [one.p_value for one in found]
    if any(value is None for value in values):
        return None
    signs = {np.sign(one.estimate or 0.0) for one in found}
    return 1.0 if len(signs) > 1 else max(value for value in values if value is not None)

"""Findings on the share of each label: as corrected as can be, uncorrected beside it, and pooled where cells are thin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audit.component import Measured
from audit.metrics.averages import ONE_PROBE, Quantity, sentences, worst_case
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.readings import corrected_protocol
from audit.metrics.sample import Cell, Floats, contributions, why_missing
from audit.records import Finding, Interval
from audit.stats.intervals import Estimate
from audit.stats.pooling import Pooled, common_correlation, effective_counts, pooled_shares

__all__ = ["ShareFindings"]

EVIDENCE = 6
LEAST_CELLS = 3


@dataclass(frozen=True)
class ShareFindings:
    """Makes the findings of one label over the cells of one generator."""

    quantity: Quantity
    """Of ``share``; its name ends in ``.share``."""
    labelled: LabelShares
    k: int
    """Position of the label."""

    def share(self, cell: Cell, shares: CellShares | None) -> Measured:
        """The finding of a cell; ``shares`` is None where too few draws have a label."""
        if shares is None:
            rows = cell.among(self.labelled.present)
            hits = float((self.labelled.code[rows] == self.k).sum())
            update: dict[str, object] = {"bounds": worst_case(hits, len(rows), len(cell.rows) - len(rows))}
            return Measured(self._finding(cell, None, "", self._too_few(cell)).model_copy(update=update))
        found = shares.estimate(self.k, self.quantity.confidence)
        one_probe = ONE_PROBE if shares.units.one_probe else ""
        finding = self._finding(cell, found, shares.correction, sentences(one_probe, shares.note))
        values = shares.values[:, self.k]
        whole = abs(float(values.mean()) - found.value) < 1e-9  # cut to 0 or 1, the parts would not add up to it
        update = {
            "unit": "share" if shares.correction == "uncorrected" else "proportion",
            "bounds": self._bounds(cell, shares, found),
            "evidence": self._evidence(shares),
        }
        parts = contributions(values, shares.units) if whole else ()
        return Measured(finding.model_copy(update=update), parts)

    def uncorrected(self, cell: Cell, shares: CellShares) -> Measured:
        """The classifier's word, beside a corrected share."""
        plain = replace(shares, told=None, calibration=None)
        one = ShareFindings(replace(self.quantity, protocol=f"uncorrected {self.quantity.protocol}"), self.labelled, self.k)
        found = one.share(cell, plain)
        update = {
            "metric": self.quantity.name.removesuffix("share") + "uncorrected_share",
            "title": f"{self.quantity.title}, as the classifier has it",
            "panels": (),
            "evidence": (),
        }
        return Measured(found.finding.model_copy(update=update), found.contributions)

    def pooled(self, cells: Sequence[tuple[Cell, CellShares | None]], below: int) -> list[Measured]:
        """Partially pooled shares of cells with fewer than ``below`` labelled draws; none where cells are few or ample."""
        thin = [position for position, (cell, _) in enumerate(cells) if len(cell.among(self.labelled.present)) < below]
        if len(cells) < LEAST_CELLS or not thin:
            return []
        totals, sizes, member = self._sums([cell for cell, _ in cells])
        if len(np.unique(member)) < LEAST_CELLS:
            return []
        correlation = common_correlation(totals, sizes, member)
        empty = np.zeros(len(cells))
        hits, n = effective_counts(
            np.concatenate([totals, empty]),
            np.concatenate([sizes, empty]),
            np.concatenate([member, np.arange(len(cells))]),
            correlation=correlation,
        )
        pooled = pooled_shares(hits, n, confidence=self.quantity.confidence)
        return [self._pooled(cells[position][0], pooled, position, len(cells)) for position in thin]

    def _sums(self, cells: Sequence[Cell]) -> tuple[Floats, Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Labelled draws by cluster and cell: how many have the label, how many there are, and the cell."""
        totals, sizes, member = [], [], []
        for position, cell in enumerate(cells):
            rows = cell.among(self.labelled.present)
            code = self.labelled.sample.units(rows).code
            totals.append(np.bincount(code, self.labelled.code[rows] == self.k))
            sizes.append(np.bincount(code))
            member.append(np.full(len(sizes[-1]), position))
        return np.concatenate(totals).astype(float), np.concatenate(sizes).astype(float), np.concatenate(member)

    def _pooled(self, cell: Cell, pooled: Pooled, at: int, cells: int) -> Measured:
        found = Estimate(float(pooled.shares[at]), (float(pooled.low[at]), float(pooled.high[at])), 0, None, pooled.method)
        told = (
            f"Drawn towards the mean of {cells} cells ({100 * pooled.mean:.0f} %), which count as {pooled.strength:.0f} "
            "images here: of all such cells, not of each, that many lie within their intervals"
        )
        uncorrected = "" if self.labelled.exact else "Uncorrected for classifier error"
        finding = self._finding(cell, found, "uncorrected", sentences(told, uncorrected))
        update = {
            "metric": self.quantity.name.removesuffix("share") + "pooled_share",
            "title": f"{self.quantity.title}, partially pooled",
            "protocol": f"partially pooled {self.quantity.protocol}; {cells} cells",
            "clusters": len(self.labelled.sample.units(cell.among(self.labelled.present)).names),
        }
        return Measured(finding.model_copy(update=update))

    def _finding(self, cell: Cell, found: Estimate | None, correction: str, note: str) -> Finding:
        quantity = self.quantity
        missing = cell.among(~self.labelled.present)
        return Finding(
            metric=quantity.name,
            title=quantity.title,
            protocol=corrected_protocol(quantity.protocol, correction),
            generator=self.labelled.sample.generator,
            where=quantity.where(cell),
            estimate=found.value if found else None,
            interval=Interval(low=found.interval[0], high=found.interval[1]) if found and found.interval else None,
            confidence=quantity.confidence,
            unit=quantity.unit,
            better=quantity.better,
            n=len(cell.rows) - len(missing),
            n_missing=len(missing),
            clusters=found.clusters if found else 0,
            method=found.method if found else "none",
            source=quantity.source,
            note=sentences(note, quantity.note, cell.note, why_missing(self.labelled.reason[missing])),
            correction=self.labelled.plain if correction in ("", "uncorrected") else correction,
        )

    def _too_few(self, cell: Cell) -> str:
        n = len(cell.among(self.labelled.present))
        return f"No estimate: {n} draws with a value, at least {max(self.quantity.min_n, 1)} needed"

    def _bounds(self, cell: Cell, shares: CellShares, found: Estimate) -> Interval | None:
        """Range over everything that the missing draws, and those of which people could not tell, might have been."""
        n, missing = len(shares.rows), len(cell.rows) - len(shares.rows)
        if not missing and not shares.unclear:
            return None
        clear = n * (1 - shares.unclear)
        low = found.value * clear / (n + missing)
        return Interval(low=low, high=min(1.0, low + (n + missing - clear) / (n + missing)))

    def _evidence(self, shares: CellShares) -> tuple[str, ...]:
        """Images that were read as having the label."""
        rows = shares.rows[self.labelled.code[shares.rows] == self.k][:EVIDENCE]
        return tuple(dict.fromkeys(str(image) for image in self.labelled.sample.images[rows] if image))

"""Findings on how far label shares lie from equal shares, beside what an even generator shows at the same n."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.digest import derive_seed
from audit.metrics.averages import Quantity, sentences
from audit.metrics.sample import Cell, Floats, Mask, Sample, Scores, Units, contributions, why_missing
from audit.panels import Intervals, Span
from audit.records import Finding, Interval
from audit.stats.intervals import cluster_share, residuals
from audit.stats.skew import Null, even_null, total_variation, total_variation_interval
from audit.table import Strings

__all__ = ["Labelled", "Unevenness"]


@dataclass(frozen=True)
class Labelled:
    """The labels of a sample's draws."""

    sample: Sample
    labels: tuple[str, ...]
    value: Strings
    present: Mask
    reason: Strings

    @classmethod
    def of(cls, sample: Sample, column: str, labels: tuple[str, ...]) -> "Labelled":
        """Read a label column; a label that its scorer never declared counts as missing."""
        value, present, reason = sample.labels(column)
        unknown = present & ~np.isin(value.astype(str), labels)
        return cls(sample, labels, value, present & ~unknown, np.where(unknown, "undeclared label", reason))

    def is_label(self, label: str) -> Scores:
        """1 where a draw has the label, 0 where it has another."""
        return Scores((self.value == label).astype(np.float64), self.present, self.reason)


@dataclass(frozen=True)
class _Shares:
    """Label shares of one cell, by unit."""

    totals: Floats
    """(g, K)"""
    sizes: Floats
    """(g,)"""

    @property
    def shares(self) -> Floats:
        return np.asarray(self.totals.sum(axis=0) / self.sizes.sum(), dtype=np.float64)

    def interval(self, confidence: float) -> Interval | None:
        """Of the total variation; simultaneous over the labels (with two, either decides)."""
        levels = self.totals.shape[1]
        each = confidence if levels == 2 else 1 - (1 - confidence) / levels
        found = [cluster_share(self.totals[:, k], self.sizes, confidence=each).interval for k in range(levels)]
        ends = np.array([ends for ends in found if ends is not None])
        if len(ends) < levels:
            return None
        low, high = total_variation_interval(ends[:, 0], ends[:, 1])
        return Interval(low=low, high=high)

    def bounds(self, missing: int) -> Interval | None:
        """Range over every label that the missing draws might have had; None where none is missing."""
        if not missing:
            return None
        counts, whole = self.totals.sum(axis=0), self.sizes.sum() + missing
        low, high = total_variation_interval(counts / whole, (counts + missing) / whole)
        return Interval(low=low, high=high)

    def effective_n(self) -> int:
        """Independent images that would be as informative, from the design effect over all labels; 1 .. n."""
        n, spread = float(self.sizes.sum()), float((self.shares * (1 - self.shares)).sum())
        if len(self.sizes) == n:
            return int(n)
        if len(self.sizes) < 2 or spread == 0:
            return len(self.sizes)
        variance = sum(float((residuals(t, self.sizes) ** 2).sum()) for t in self.totals.T)
        return max(1, min(int(n), round(spread / variance))) if variance > 0 else int(n)


@dataclass(frozen=True)
class Unevenness:
    """Makes the findings ``skew`` and ``excess_skew`` of one generator."""

    quantity: Quantity
    """Of ``skew``; its name ends in ``.skew``."""
    labelled: Labelled
    seed: int

    def measure(self, cells: Iterable[Cell]) -> list[Measured]:
        """Both findings for every cell."""
        return [one for cell in cells for one in self._cell(cell)]

    def _cell(self, cell: Cell) -> tuple[Measured, Measured]:
        present = cell.mask & self.labelled.present
        n, least = int(present.sum()), max(self.quantity.min_n, 1)
        if n < least:
            nothing = self._finding(cell, f"No estimate: {n} draws with a label, at least {least} needed")
            return Measured(nothing), Measured(self._excess(nothing))
        units = self.labelled.sample.units(present)
        held = self.labelled.value[present][:, None] == np.array(self.labelled.labels, dtype=object)[None, :]
        by_unit = _by_unit(held.astype(np.float64), units)
        null = self._null(by_unit.effective_n())
        skew, interval = total_variation(by_unit.shares), by_unit.interval(self.quantity.confidence)
        finding = self._finding(cell, self._told(n, by_unit, null)).model_copy(
            update={
                "estimate": skew,
                "interval": interval,
                "expected": null.mean,
                "bounds": by_unit.bounds(int((cell.mask & ~self.labelled.present).sum())),
                "clusters": len(by_unit.sizes),
            }
        )
        if interval is not None:
            finding = finding.model_copy(update={"panels": (self._panel(cell, finding, null),)})
        direction = np.sign(by_unit.shares - 1 / len(self.labelled.labels))
        values = skew + (held - by_unit.shares) @ direction / 2
        less = values - null.mean
        return (
            Measured(finding, contributions(values, units)),
            Measured(self._excess(finding), contributions(less, units)),
        )

    def _null(self, n: int) -> Null:
        levels = len(self.labelled.labels)
        return even_null(n, levels, np.random.default_rng(derive_seed(self.seed, "even null", n, levels)))

    def _told(self, n: int, by_unit: _Shares, null: Null) -> str:
        effective = by_unit.effective_n()
        as_many = f"{n} images" + (f" that count as {effective} independent ones" if effective < n else "")
        return f"{as_many} of an even generator show {null.mean:.3f}, 95 % of the time {null.low:.3f} to {null.high:.3f}"

    def _finding(self, cell: Cell, told: str) -> Finding:
        missing = cell.mask & ~self.labelled.present
        quantity = self.quantity
        return Finding(
            metric=quantity.name,
            title=quantity.title,
            protocol=quantity.protocol,
            generator=self.labelled.sample.generator,
            where=quantity.where(cell),
            estimate=None,
            interval=None,
            confidence=quantity.confidence,
            unit=quantity.unit,
            better=quantity.better,
            n=int((cell.mask & self.labelled.present).sum()),
            n_missing=int(missing.sum()),
            clusters=0,
            method="total variation; range over simultaneous Wilson intervals of the shares by cluster",
            source=quantity.source,
            note=sentences(told, quantity.note, why_missing(self.labelled.reason[missing])),
        )

    def _excess(self, skew: Finding) -> Finding:
        """The same finding with the expectation of an even generator taken off.

        A share near equal adds to the skew up to that expectation by chance, a share far from it nothing. The excess thus
        lies below the true skew by 0 to ``off`` on average; its interval reaches from one case to the other.
        """
        off, interval, bounds = skew.expected or 0.0, skew.interval, skew.bounds
        reach = f"by at most {off:.3f}, and its interval allows for that" if interval else "by at most the expectation"
        return skew.model_copy(
            update={
                "metric": skew.metric.removesuffix("skew") + "excess_skew",
                "title": f"{skew.title}, less what an even generator of the same n shows",
                "protocol": f"excess over an even generator of {skew.protocol}",
                "method": f"{skew.method}; low end less the expectation under equal shares, high end without",
                "note": sentences(skew.note, f"Far from equal shares it understates, {reach}"),
                "estimate": None if skew.estimate is None else skew.estimate - off,
                "interval": Interval(low=interval.low - off, high=interval.high) if interval else None,
                "bounds": Interval(low=bounds.low - off, high=bounds.high - off) if bounds else None,
                "expected": None if skew.expected is None else 0.0,
                "panels": (),
            }
        )

    def _panel(self, cell: Cell, finding: Finding, null: Null) -> Intervals:
        assert finding.estimate is not None
        assert finding.interval is not None
        row = Span(
            label=cell.name, estimate=finding.estimate, low=finding.interval.low, high=finding.interval.high, n=finding.n
        )
        return Intervals(
            title=finding.title,
            summary=f"Estimate {finding.estimate:.3f}; the band is what an even generator shows at this n.",
            rows=(row,),
            unit=finding.unit,
            reference=null.mean,
            band=(null.low, null.high),
        )


def _by_unit(held: Floats, units: Units) -> _Shares:
    names, member = np.unique(units.cluster.astype(str), return_inverse=True)
    totals = np.zeros((len(names), held.shape[1]))
    np.add.at(totals, member, held)
    return _Shares(totals, np.bincount(member, minlength=len(names)).astype(np.float64))

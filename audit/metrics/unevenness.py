"""How far label shares lie from equal ones or from those of a reference, beside what chance alone shows at the same n."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from audit.component import Measured
from audit.digest import derive_seed
from audit.metrics.averages import MOST_ROWS, Quantity, panelled, sentences
from audit.metrics.beside import Yardstick
from audit.metrics.contrasts import ADJUSTMENTS, Adjustment
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.readings import corrected_protocol
from audit.metrics.sample import Cell, Floats, contributions, why_missing
from audit.panels import Intervals, Span
from audit.records import Finding, Interval
from audit.reference import Silent
from audit.stats import indices
from audit.stats.confusion import misread_test
from audit.stats.fit import Fit, cluster_test, effective_test
from audit.stats.skew import Null, null, total_variation_interval

__all__ = ["Unevenness"]

Cells = Sequence[tuple[Cell, CellShares | None]]


@dataclass(frozen=True)
class Unevenness:
    """Makes the findings ``skew`` and ``excess_skew`` of one generator from one yardstick."""

    quantity: Quantity
    """Of ``skew``; its name ends in ``.skew``."""
    labelled: LabelShares
    seed: int
    adjust: Adjustment
    """Which p-values of cells are adjusted by: holm, bh or by."""
    yardstick: Callable[[Cell], Yardstick | Silent]
    """What the shares of a cell are measured from; asked where draws have a label."""
    name: str = ""
    """Of the reference; empty for equal shares."""
    nulls: dict[tuple[int, bytes], Null] = field(default_factory=dict)
    """What chance shows, by effective n and shares: most cells ask the same."""

    def measure(self, cells: Cells) -> list[Measured]:
        """Both findings for every cell; p-values of all cells but the first, which has all draws, are adjusted together."""
        found = [self._cell(cell, shares) for cell, shares in cells]
        first = self._adjusted([skew for skew, _ in found])
        first[0] = panelled(first[0], self._chart(cells, first))
        both = ((skew, self._excess(skew, excess)) for skew, (_, excess) in zip(first, found, strict=True))
        return [one for pair in both for one in pair]

    def _cell(self, cell: Cell, shares: CellShares | None) -> tuple[Measured, tuple[Null, Measured] | None]:
        n = len(cell.among(self.labelled.present))
        if shares is None:
            least = max(self.quantity.min_n, 1)
            return Measured(self._finding(cell, f"No estimate: {n} draws with a label, at least {least} needed")), None
        yard = self.yardstick(cell)
        if isinstance(yard, Silent):
            return Measured(self._finding(cell, f"No estimate: {self.name} says nothing of this: {yard.reason}")), None
        q = yard.shares
        chance = self._null(shares.effective_n, yard)
        skew = float(indices.total_variation(shares.shares, q))
        ends = self._ends(shares, yard)
        test = _test(shares, yard)
        finding = self._finding(cell, sentences(self._told(n, shares, chance), yard.note, shares.note))
        finding = finding.model_copy(
            update={
                "estimate": skew,
                "interval": Interval(low=min(ends[0], skew), high=max(ends[1], skew)) if ends else None,
                "expected": chance.mean,
                "bounds": _bounds(shares, q, len(cell.rows) - n),
                "clusters": len(shares.units.names),
                "correction": self.labelled.plain if shares.correction == "uncorrected" else shares.correction,
                "protocol": corrected_protocol(finding.protocol, shares.correction),
                "p_value": test.p_value if test else None,
            }
        )
        if ends is not None and finding.interval is not None:
            finding = finding.model_copy(update={"panels": (_panel(cell, finding, chance),)})
        values = skew + (shares.values - shares.values.mean(axis=0)) @ np.sign(shares.shares - q) / 2
        one = Measured(finding, contributions(values, shares.units))
        return one, (chance, Measured(finding, contributions(values - chance.mean, shares.units)))

    def _ends(self, shares: CellShares, yard: Yardstick) -> tuple[float, float] | None:
        """Interval of the total variation: over simultaneous intervals of all shares, less those of the reference."""
        box, q = shares.box(self.quantity.confidence), yard.shares
        if box is None:
            return None
        if np.isinf(yard.n):
            return total_variation_interval(*box, q)
        half = _half(q, yard.n, self.quantity.confidence, len(q))
        apart, value = shares.shares - q, shares.shares
        low = apart - np.hypot(value - box[0], half)  # recovered from both intervals (Newcombe 1998, method 10)
        high = apart + np.hypot(box[1] - value, half)
        return total_variation_interval(low, high, np.zeros(len(q)))

    def _null(self, n: int, yard: Yardstick) -> Null:
        whole = n if np.isinf(yard.n) else max(1, int(1 / (1 / n + 1 / yard.n)))
        key = (whole, yard.shares.tobytes())
        if key not in self.nulls:
            rng = np.random.default_rng(derive_seed(self.seed, "even null", whole, len(yard.shares)))
            self.nulls[key] = null(indices.total_variation, whole, yard.shares, rng)
        return self.nulls[key]

    def _told(self, n: int, shares: CellShares, chance: Null) -> str:
        effective = shares.effective_n
        as_many = f"{n} images" + (f" that count as {effective} independent ones" if effective < n else "")
        whose = "an even generator" if not self.name else f"a generator that follows {self.name}"
        return f"{as_many} of {whose} show {chance.mean:.3f}, 95 % of the time {chance.low:.3f} to {chance.high:.3f}"

    def _finding(self, cell: Cell, told: str) -> Finding:
        missing, quantity = cell.among(~self.labelled.present), self.quantity
        own = {"reference": self.name} if self.name else {}
        return Finding(
            metric=quantity.name,
            title=quantity.title,
            protocol=quantity.protocol,
            generator=self.labelled.sample.generator,
            where=quantity.where(cell) | own,
            estimate=None,
            interval=None,
            confidence=quantity.confidence,
            unit=quantity.unit,
            better=quantity.better,
            n=len(cell.rows) - len(missing),
            n_missing=len(missing),
            clusters=0,
            method="total variation; range over simultaneous intervals of the shares by cluster",
            source=quantity.source,
            note=sentences(told, quantity.note, cell.note, why_missing(self.labelled.reason[missing])),
            correction=self.labelled.plain,
        )

    def _adjusted(self, found: Sequence[Measured]) -> list[Measured]:
        p_values = [one.finding.p_value for one in found]
        raw = np.array([np.nan if p is None else p for p in p_values[1:]], dtype=np.float64)
        adjusted, made = ADJUSTMENTS[self.adjust][1](raw), int(np.isfinite(raw).sum())
        told = f"p-values of {made} cells adjusted together ({self.adjust})"
        cells = [_with_p(one, p, told) for one, p in zip(found[1:], adjusted.tolist(), strict=True)]
        return [_with_p(found[0], np.nan if p_values[0] is None else p_values[0], ""), *cells]

    def _excess(self, skew: Measured, less: tuple[Null, Measured] | None) -> Measured:
        """The same finding with the expectation under the yardstick taken off.

        A share near it adds to the skew up to that expectation by chance, a share far from it nothing. The excess thus
        lies below the true skew by 0 to ``off`` on average; its interval reaches from one case to the other.
        """
        finding = skew.finding
        off, interval, bounds = finding.expected or 0.0, finding.interval, finding.bounds
        reach = f"by at most {off:.3f}, and its interval allows for that" if interval else "by at most the expectation"
        update = {
            "metric": finding.metric.removesuffix("skew") + "excess_skew",
            "title": f"{finding.title}, less what chance alone shows at the same n",
            "protocol": f"excess over chance of {finding.protocol}",
            "method": f"{finding.method}; low end less the expectation by chance, high end without",
            "note": sentences(finding.note, f"Far from these shares it understates, {reach}"),
            "estimate": None if finding.estimate is None else finding.estimate - off,
            "interval": Interval(low=interval.low - off, high=interval.high) if interval else None,
            "bounds": Interval(low=bounds.low - off, high=bounds.high - off) if bounds else None,
            "expected": None if finding.expected is None else 0.0,
            "panels": (),
        }
        return Measured(finding.model_copy(update=update), less[1].contributions if less else ())

    def _chart(self, cells: Cells, found: Sequence[Measured]) -> Intervals | None:
        """All cells in one chart, the largest skew first."""
        told = [(cell, one.finding) for (cell, _), one in zip(cells, found, strict=True) if one.finding.panels]
        rows = [
            (panel.rows[0].model_copy(update={"band": panel.band}), cell)
            for cell, finding in told
            if isinstance(panel := finding.panels[0], Intervals)
        ]
        inside = sorted((row for row, cell in rows if cell.axis), key=lambda row: -row.estimate)
        if len(inside) < 2:
            return None
        more = f" Of {len(inside)} cells the {MOST_ROWS} with the largest are shown." if len(inside) > MOST_ROWS else ""
        return Intervals(
            title=f"{self.quantity.title}, by cell",
            summary=f"Largest first, with {100 * self.quantity.confidence:g} % intervals; bands: chance alone.{more}",
            rows=tuple(inside[:MOST_ROWS]),
            unit=self.quantity.unit,
        )


def _test(shares: CellShares, yard: Yardstick) -> Fit | None:
    """Of the hypothesis that the true shares are those of the yardstick; None for a single cluster."""
    clusters, q = len(shares.units.names), yard.shares
    if clusters < 2:
        return None
    if shares.correction == "uncorrected":
        return cluster_test(shares.counts, q, reference_n=yard.n)
    if shares.correction == "confusion matrix":
        return misread_test(shares.counts, shares.matrix, q, reference_n=yard.n)
    return effective_test(shares.shares, shares.worth, q, df=shares.df, reference_n=yard.n)


def _half(q: Floats, n: float, confidence: float, labels: int) -> Floats:
    """Half the simultaneous intervals of the shares of a reference that rests on a sample."""
    each = confidence if labels == 2 else 1 - (1 - confidence) / labels
    z = float(special.ndtri((1 + each) / 2))
    return np.asarray(z * np.sqrt(q * (1 - q) / n), dtype=np.float64)


def _bounds(shares: CellShares, q: Floats, missing: int) -> Interval | None:
    """Range over every label that the missing draws, and those of which people could not tell, might have had."""
    if not missing and not shares.unclear:
        return None
    n = len(shares.rows) + missing
    clear = len(shares.rows) * (1 - shares.unclear)
    counts = shares.shares * clear
    low, high = total_variation_interval(counts / n, (counts + n - clear) / n, q)
    return Interval(low=low, high=high)


def _with_p(one: Measured, adjusted: float, told: str) -> Measured:
    if one.finding.p_value is None or not np.isfinite(adjusted):
        return one
    update = {"p_adjusted": adjusted, "note": sentences(one.finding.note, told)}
    return Measured(one.finding.model_copy(update=update), one.contributions)


def _panel(cell: Cell, finding: Finding, chance: Null) -> Intervals:
    assert finding.estimate is not None
    assert finding.interval is not None
    row = Span(
        label=cell.name, estimate=finding.estimate, low=finding.interval.low, high=finding.interval.high, n=finding.n
    )
    return Intervals(
        title=finding.title,
        summary=f"Estimate {finding.estimate:.3f}; the band is what chance alone shows at this n.",
        rows=(row,),
        unit=finding.unit,
        reference=chance.mean,
        band=(chance.low, chance.high),
    )

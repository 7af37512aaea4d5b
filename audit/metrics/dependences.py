"""Findings on two label columns that depend on each other within cells, also where the shares of each look even."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from audit.component import Measured
from audit.metrics.averages import ONE_PROBE, intervals, panelled, sentences
from audit.metrics.contrasts import Adjustment
from audit.metrics.information_findings import Counted, Recipe, adjusted
from audit.metrics.label_codes import Coded
from audit.metrics.label_tables import Asked, LabelTable, joined, label_tables, shares_panel
from audit.metrics.sample import Floats, why_missing
from audit.panels import Heatmap
from audit.records import Finding, Interval
from audit.stats.association import Dependence, dependence, log_odds_contrast
from audit.table import Strings

__all__ = ["METHOD", "Within"]

METHOD = (
    "mutual information less that of shuffled labels; test by permutation within prompts; interval the wider of a "
    "jackknife over prompts and a noncentral chi-squared one"
)
SPANNING = "cells share seeds, so no interval, and the smallest p-value of the cells times their number"
ODDS = "log odds ratio; variance linearised by prompt, t interval; p-value that of the permutation test of dependence"

LEAST, MOST = 999, 19_999
"""Permutations: enough for Holm over up to 1000 cells; more take minutes."""
EVIDENCE = 6


@dataclass(frozen=True)
class _Found:
    """What was found in the cells that could be looked at."""

    tables: tuple[LabelTable, ...]
    information: Dependence
    p_adjusted: Floats
    family: str
    """What p-values were adjusted for."""

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Place of each by the level of its cell."""
        return {table.cell.level: place for place, table in enumerate(self.tables)}


@dataclass(frozen=True)
class Within:
    """Makes the findings ``dependence`` and ``log_odds`` of one generator."""

    recipe: Recipe
    asked: Asked
    first: Coded
    second: Coded
    adjust: Adjustment
    seed: int

    def measure(self) -> Iterator[Measured]:
        """``dependence`` over all cells and of each, then ``log_odds`` of each where both columns have two labels."""
        cells = [self._cell(table) for table in self._tables]
        shown = [(table.cell, one) for table, one in zip(self._tables, cells, strict=True)]
        summary = f"{self.recipe.title}, by cell with intervals; 0 is independence."
        chart = intervals(self.recipe.title, summary, shown, reference=0.0) if len(cells) > 1 else None
        head, *rest = cells if [cell.axis for cell in self.asked.cells] == [""] else [self._overall(), *cells]
        yield panelled(head, chart, self._shares())
        yield from rest
        if len(self.first.of.labels) == len(self.second.of.labels) == 2:
            yield from (self._log_odds(table, one.finding) for table, one in zip(self._tables, cells, strict=True))

    @cached_property
    def _tables(self) -> tuple[LabelTable, ...]:
        return label_tables(self.asked, self.first, self.second)

    @cached_property
    def _found(self) -> _Found | None:
        told = tuple(table for table in self._tables if not self._refusal(table))
        if not told:
            return None
        counts = np.concatenate([table.counts for table in told])
        cell = np.repeat(np.arange(len(told)), [len(table.counts) for table in told])
        rng, times = np.random.default_rng(self.seed), min(max(LEAST, 100 * len(told) - 1), MOST)
        found = dependence(counts, cell, rng, permutations=times, confidence=self.recipe.confidence)
        p_values, by = adjusted(found.cells.p_value, self.adjust)
        return _Found(told, found, p_values, f"{by} over {len(told)} cells" if len(told) > 1 else "")

    def _refusal(self, table: LabelTable) -> str:
        few = self.recipe.few(len(table.rows))
        if few or table.constant is None:
            return few
        name = (self.first, self.second)[table.constant].of.name
        return f"all {len(table.rows)} draws have the same {name}, so nothing could be seen to go with it"

    def _cell(self, table: LabelTable) -> Measured:
        counted = self._counted([table], dict(table.cell.where))
        found, place = self._found, self._found.places.get(table.cell.level) if self._found else None
        if found is None or place is None:
            return Measured(self.recipe.refused(counted, self._refusal(table)))
        cells = found.information.cells
        alone = ONE_PROBE if table.one_probe else ""
        finding = self.recipe.told(counted, cells, place, self._most(table), alone).model_copy(
            update={
                "p_adjusted": float(found.p_adjusted[place]),
                "clusters": len(table.counts),
                "evidence": self._evidence(table),
            }
        )
        values = table.pointwise - float(cells.expected[place])
        return Measured(self.recipe.concluded(finding, found.family), table.parts(values))

    def _overall(self) -> Measured:
        found = self._found
        if found is None:
            return Measured(self.recipe.refused(self._counted(self._tables, {}), "no cell has one"))
        overall, cells = found.information.overall, found.information.cells
        left_out = len(self._tables) - len(found.tables)
        more = f"{left_out} of {len(self._tables)} cells have no estimate and are left out" if left_out else ""
        parts = joined(found.tables, float(overall.expected[0]))
        counted = replace(self._counted(self._tables, {}), n=sum(len(table.rows) for table in found.tables))
        finding = self.recipe.told(counted, overall, 0, more)
        update: dict[str, object] = {"clusters": len(parts), "method": f"mean over cells by images: {self.recipe.method}"}
        if len(parts) < sum(len(table.counts) for table in found.tables):
            p_value = min(1.0, len(found.tables) * float(cells.p_value.min()))
            update |= {"interval": None, "p_value": p_value, "p_adjusted": p_value}
            update["method"] = f"{update['method']}; {SPANNING}"
        return Measured(self.recipe.concluded(finding.model_copy(update=update)), parts)

    def _log_odds(self, table: LabelTable, tested: Finding) -> Measured:
        finding = tested.model_copy(
            update={
                "metric": tested.metric.removesuffix("dependence") + "log_odds",
                "title": f"Log odds ratio of {self.first.of.name} and {self.second.of.name}",
                "protocol": f"log odds ratio of {tested.protocol}",
                "unit": "log odds ratio",
                "better": "none",
                "panels": (),
                "source": "Woolf 1955; half an image more in each count: Haldane 1956, Anscombe 1956",
            }
        )
        if tested.estimate is None:
            return Measured(finding)
        found = log_odds_contrast(table.counts, confidence=self.recipe.confidence)
        n, signs = table.whole.sum(), np.array([[1.0, -1.0], [-1.0, 1.0]])
        moves = n * signs / (table.whole + 0.5)
        values = found.value + moves - float((table.whole * moves).sum() / n)
        told = f"Above 0 {self.first.of.labels[0]!r} goes together with {self.second.of.labels[0]!r}, below 0 apart from it"
        update = {
            "estimate": found.value,
            "interval": Interval(low=found.interval[0], high=found.interval[1]) if found.interval else None,
            "clusters": found.clusters,
            "method": ODDS,
            "note": sentences(told, tested.note),
        }
        return Measured(finding.model_copy(update=update), table.parts(values))

    def _counted(self, tables: Sequence[LabelTable], where: dict[str, str]) -> Counted:
        missing = np.concatenate([np.zeros(0, dtype=np.int64), *(table.missing for table in tables)])
        repeated = sum(table.repeated for table in tables)
        left_out = f"Left out: {repeated} draws that share their seeds with those of a shorter prompt" if repeated else ""
        told = sentences(left_out, why_missing(self._reason[missing]))
        return Counted(where, sum(len(table.rows) for table in tables), len(missing), told)

    @cached_property
    def _reason(self) -> Strings:
        """(n,) why a draw lacks its labels: of the first column where it lacks both."""
        return np.where(self.first.present, self.second.reason, self.first.reason).astype(object)

    def _most(self, table: LabelTable) -> str:
        first, second = table.most
        share, alone = table.whole[first, second] / table.whole.sum(), table.independent[first, second]
        labels = f"{self.first.of.labels[first]!r} with {self.second.of.labels[second]!r}"
        return f"Most overrepresented: {labels}, {share:.3f} of the images where independence gives {alone:.3f}"

    def _evidence(self, table: LabelTable) -> tuple[str, ...]:
        """Images of the pair of labels that is most overrepresented."""
        first, second = table.most
        there = (self.first.code[table.rows] == first) & (self.second.code[table.rows] == second)
        images = self.asked.sample.images[table.rows[there][:EVIDENCE]]
        return tuple(dict.fromkeys(str(image) for image in images if image))

    def _shares(self) -> Heatmap | None:
        rows = [
            (table.cell.level or "all", None if self.recipe.few(len(table.rows)) else table.whole.ravel())
            for table in self._tables
        ]
        labels = [f"{one}, {other}" for one in self.first.of.labels for other in self.second.of.labels]
        return shares_panel(f"Shares of {self.first.of.name} with {self.second.of.name}", rows, labels)

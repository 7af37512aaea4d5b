"""The finding on a label column that depends on an axis of the prompts, or on it together with another axis."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.component import Measured, Parts
from audit.metrics.averages import panelled
from audit.metrics.information_findings import Counted, Recipe
from audit.metrics.label_codes import Coded
from audit.metrics.label_tables import Asked, shares_panel
from audit.metrics.levels import ONE_PROBE
from audit.metrics.sample import Cell, Floats, Ints, Units, why_missing
from audit.panels import Heatmap
from audit.stats.association import factor_dependence

__all__ = ["METHOD", "ByAxis"]

METHOD = (
    "mutual information less that of shuffled levels; test by permutation of whole prompts among the levels; interval the "
    "wider of a jackknife over prompts and a noncentral chi-squared one"
)
SPANNING = (
    "Prompts of several levels share seeds and are shuffled as if they did not, which makes the p-value rather too large"
)

MOST = 4_000_000
"""Prompts times levels that are permuted; more would take minutes and gigabytes."""


@dataclass(frozen=True)
class _Rows:
    """Images by prompt, in one level each."""

    totals: Floats
    """(r, k) of each label."""
    level: Ints
    """(r,)"""
    given: Ints
    """(r,) level of the axis that is held fixed; 0 where there is none."""
    unit: Ints
    """(r,) place among the names of the units."""
    units: Units
    single: bool
    """A level has one prompt, so draws are the units."""

    def pointwise(self) -> Floats:
        """(r, k) log(p_ab / (p_a p_b)) within the fixed level; its mean over images is the mutual information."""
        shape = int(self.given.max()) + 1, int(self.level.max()) + 1, self.totals.shape[1]
        whole = np.zeros(shape)
        np.add.at(whole, (self.given, self.level), self.totals)
        n, rows, columns = (whole.sum(axis=axes, keepdims=True) for axes in ((1, 2), 2, 1))
        there = whole > 0
        values = np.log(np.where(there, whole * n, 1.0) / np.where(there, rows * columns, 1.0))
        return np.asarray(values[self.given, self.level], dtype=np.float64)

    def parts(self, values: Floats) -> Parts:
        """Contributions of a value for each row and label, by unit."""
        sums = np.zeros((3, len(self.units.names)))
        for row, of in enumerate((self.totals * values, self.totals, self.totals * values * values)):
            np.add.at(sums[row], self.unit, of.sum(axis=1))
        return Parts(self.units.names, *sums)


@dataclass(frozen=True)
class ByAxis:
    """Makes the finding ``information`` of one generator."""

    recipe: Recipe
    asked: Asked
    """The cells are the levels of the axis."""
    labels: Coded
    given: tuple[Cell, ...] | None
    """Levels of the axis that is held fixed; None: there is no such axis."""
    seed: int

    def measure(self) -> Measured:
        """The mutual information of the labels and the axis."""
        level, given = self._level, self._given
        here = (level >= 0) & (given >= 0)
        rows, missing = np.flatnonzero(here & self.labels.present), np.flatnonzero(here & ~self.labels.present)
        told = self._enough[level[rows]]
        thin = [cell.level for cell, enough in zip(self.asked.cells, self._enough, strict=True) if not enough]
        counted = Counted({}, int(told.sum()), len(missing), why_missing(self.labels.reason[missing]))
        found = self._rows(rows[told])
        why = self._refusal(found, counted.n)
        if why:
            return panelled(Measured(self.recipe.refused(counted, why)), self._shares())
        rng = np.random.default_rng(self.seed)
        information = factor_dependence(
            found.totals, found.level, rng, given=found.given, confidence=self.recipe.confidence
        )
        more = f"Left out, too few draws: {', '.join(thin[:8])}" + (f" and {len(thin) - 8} more" if len(thin) > 8 else "")
        spans = len(found.totals) > len(found.units.names)
        finding = self.recipe.told(
            counted, information, 0, more if thin else "", ONE_PROBE if found.single else "", SPANNING if spans else ""
        )
        parts = found.parts(found.pointwise() - float(information.expected[0]))
        finding = self.recipe.concluded(finding.model_copy(update={"clusters": len(parts)}))
        return panelled(Measured(finding, parts), self._shares())

    @cached_property
    def _level(self) -> Ints:
        return self.asked.of_draw()

    @cached_property
    def _given(self) -> Ints:
        """(n,) place of each draw's level on the fixed axis, -1 where it has none; 0 where no axis is fixed."""
        if self.given is None:
            return np.zeros(len(self.asked.sample), dtype=np.int64)
        return Asked(self.asked.sample, self.given, self.asked.among).of_draw()

    @cached_property
    def _enough(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(levels,) whether a level has enough draws with a label."""
        there = (self._level >= 0) & (self._given >= 0) & self.labels.present
        return np.bincount(self._level[there], minlength=len(self.asked.cells)) >= max(self.recipe.min_n, 1)

    def _rows(self, rows: Ints) -> _Rows:
        """Images of each prompt; arms that share seeds and a level are one."""
        level, given, sample = self._level[rows], self._given[rows], self.asked.sample
        single = len(rows) > 0 and any(sample.units(rows[level == one]).one_probe for one in np.unique(level))
        units = sample.units(rows, draws=single)
        keys, place = np.unique(np.stack([units.code, level, given], axis=1), axis=0, return_inverse=True)
        totals = np.zeros((len(keys), len(self.labels.of.labels)))
        np.add.at(totals, (place.ravel(), self.labels.code[rows]), 1.0)
        return _Rows(totals, keys[:, 1], keys[:, 2], keys[:, 0], units, single)

    def _refusal(self, found: _Rows, n: int) -> str:
        levels = len(np.unique(found.level))
        if levels < 2:
            return "fewer than two levels have enough draws"
        if int((found.totals.sum(axis=0) > 0).sum()) < 2:
            return f"all {n} draws have the same {self.labels.of.name}, so nothing could be seen to go with it"
        if len(found.totals) * levels > MOST:
            return f"{len(found.totals)} prompts at {levels} levels are too many to permute; use an axis with fewer levels"
        return ""

    def _shares(self) -> Heatmap | None:
        counts = np.zeros((len(self.asked.cells), len(self.labels.of.labels)))
        there = np.flatnonzero((self._level >= 0) & (self._given >= 0) & self.labels.present)
        np.add.at(counts, (self._level[there], self.labels.code[there]), 1.0)
        shown = zip(self.asked.cells, counts, self._enough, strict=True)
        rows = [(cell.level, of_level if enough else None) for cell, of_level, enough in shown]
        return shares_panel(f"Shares of {self.labels.of.name} by level", rows, self.labels.of.labels)

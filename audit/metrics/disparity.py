"""Metric ``disparity``: how far a score or a share differs between the levels of an axis."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from pydantic import Field

from audit.component import Column, Context, Measured, Metric
from audit.digest import derive_seed
from audit.errors import SpecError
from audit.metrics.averages import Quantity, family
from audit.metrics.levels import Levels
from audit.metrics.sample import Sample, Scores, chosen_axes, protocol
from audit.metrics.wording import UNCORRECTED, described, mean_title, meaning, share_title

__all__ = ["Disparity"]


class Disparity(Metric):
    """Mean of a column by level of an axis, the largest gap, and the difference of each two levels.

    The gap is the highest less the lowest mean. Noise alone makes it larger than 0, the more so the more levels there
    are, so ``expected`` says what the same draws show when levels mean nothing (labels shuffled between probes, or
    within counterfactual pairs). Arms of a pair share their seeds and are compared pair by pair.
    """

    quantities: ClassVar[tuple[str, ...]] = ("mean", "gap", "difference")

    source: ClassVar[str] = "permutation null: Lehmann & Romano 2005, section 15.2; range over Bonferroni t intervals"

    column: str
    """A number column, or a label column together with ``level``."""
    level: str | None = None
    """Of a label column: the label whose share is compared."""
    by: str
    """The axis whose levels are compared."""
    min_n: int = Field(default=10, ge=1)
    """A level with fewer draws is left out of the gap, and said to be."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return (self.by,)

    def reads(self) -> tuple[str, ...]:
        """The compared column."""
        return (self.column,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``mean`` by level, ``gap``, and ``difference`` of each two levels."""
        column = described(name, self.column, context.columns)
        self._check_column(name, column)
        axes = chosen_axes(name, (self.by,), context)
        quantity = self._quantity(name, column, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            scores = self._scores(sample)
            cells = list(sample.cells(axes))
            yield from family(quantity, sample, scores, cells)
            levels = Levels.of(quantity, sample, scores, cells[1:])
            yield levels.gap(derive_seed(context.seed, name, generator))
            yield from levels.differences()

    def _check_column(self, name: str, column: Column) -> None:
        where = f"metrics.{name}.params"
        if column.kind == "vector":
            raise SpecError(f"{where}.column: {self.column} holds vectors; a number or label column is needed")
        if (column.kind == "label") != (self.level is not None):
            lack = "needs `level`, the label to compare" if self.level is None else "holds numbers, so leave out `level`"
            raise SpecError(f"{where}.level: {self.column} {lack}")
        if self.level is not None and column.levels and self.level not in column.levels:
            raise SpecError(f"{where}.level: {self.level!r} is none of {', '.join(column.levels)}")

    def _quantity(self, name: str, column: Column, context: Context) -> Quantity:
        share = self.level is not None
        what = f"share of {self.level!r}" if share else "mean"
        return Quantity(
            name=f"{name}.mean",
            title=share_title(column, self.level) if self.level is not None else mean_title(column),
            protocol=protocol(what, [self.column], context),
            confidence=context.confidence,
            unit="share" if share else column.unit,
            better="none" if share else column.better,
            note=UNCORRECTED if share else meaning(column),
            min_n=self.min_n,
        )

    def _scores(self, sample: Sample) -> Scores:
        if self.level is None:
            return sample.numbers(self.column)
        value, present, reason = sample.labels(self.column)
        return Scores((value == self.level).astype(np.float64), present, reason)

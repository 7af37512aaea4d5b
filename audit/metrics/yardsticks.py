"""The levels of an axis that both the images and a reference speak of, and the images at each of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from audit.component import Context
from audit.metrics.averages import sentences
from audit.metrics.beside import Beside
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.label_tables import Asked
from audit.metrics.sample import Cell, Floats, Ints, Units
from audit.reference import Silent
from audit.stats.amplification import Measured

__all__ = ["LevelImages", "Yardsticks", "named"]

NAMED = 6


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """Levels of the axis that both the images and the reference speak of."""

    cells: tuple[Cell, ...]
    shares: Floats
    """(t, K) of the reference."""
    n: Floats
    """(t,) simple random sample behind them; infinite where they are exact."""
    missing: Ints
    """Positions of the draws without a label, of these levels and of those with too few labels."""
    left_out: str
    """Levels that are left out, and why, in words."""

    @classmethod
    def of(cls, asked: Asked, labelled: LabelShares, of: tuple[Context, str, str], min_n: int) -> Self:
        """Ask a reference for every level.

        Args:
            of: the context, the reference's name and the attribute.
        """
        context, reference, attribute = of
        beside = Beside(context, labelled, attribute)
        cells, shares, n, thin, silent = [], [], [], [], {}
        missing = [np.zeros(0, dtype=np.int64)]
        for whole in asked.cells:
            rows = whole.among(asked.among)
            cell = Cell(whole.where, rows, whole.size, whole.axis, whole.level)
            if len(cell.among(labelled.present)) < min_n:
                thin.append(cell.level)
                missing.append(cell.among(~labelled.present))
                continue
            said = beside.yardstick(reference, cell)
            if isinstance(said, Silent):
                silent[cell.level] = said.reason
                continue
            missing.append(cell.among(~labelled.present))
            cells.append(cell)
            shares.append(said.shares)
            n.append(said.n)
        few = f"Left out, fewer than {min_n} labelled draws: {named(thin)}" if thin else ""
        nothing = f"Left out, the reference says nothing: {named(silent)} ({next(iter(silent.values()))})" if silent else ""
        table = np.array(shares).reshape(len(cells), len(labelled.labels))
        return cls(tuple(cells), table, np.array(n, dtype=np.float64), np.concatenate(missing), sentences(few, nothing))


@dataclass(frozen=True)
class LevelImages:
    """The labelled images of all levels that are looked at."""

    shares: CellShares
    """Their labels, corrected as far as they can be."""
    task: Ints
    """(m,) level of each image."""
    units: Units
    single: bool
    """A level has one prompt, so draws are the units."""

    @cached_property
    def n(self) -> Floats:
        """(t,) images of each level."""
        return np.bincount(self.task).astype(np.float64)

    @cached_property
    def measured(self) -> Measured:
        """Counts of labels as they were read, by unit and level."""
        keys, row = np.unique(np.stack([self.units.code, self.task], axis=1), axis=0, return_inverse=True)
        totals = np.zeros((len(keys), self.shares.read.shape[1]))
        np.add.at(totals, row.ravel(), self.shares.read)
        return Measured(totals, keys[:, 1], keys[:, 0])

    def mean(self, values: Floats) -> Floats:
        """(t,) mean of a value (m,) over the images of each level."""
        return np.bincount(self.task, values) / self.n

    def pseudo_values(self, values: Floats, moved: float) -> Floats:
        """(m,) what each image adds to the sum of the means over levels, which moved from the reference by so much.

        Their mean is ``moved``, and their spread by unit that of the sum, levels being strata.
        """
        units = np.bincount(self.measured.task).astype(np.float64)
        scale = len(values) / self.n * np.sqrt(units / np.maximum(units - 1, 1))
        return moved + scale[self.task] * (values - self.mean(values)[self.task])


def named(levels: Iterable[str]) -> str:
    """Some levels by name, the others by number."""
    names = list(levels)
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")

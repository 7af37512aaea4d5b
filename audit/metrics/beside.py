"""What the references of an audit say of the cells of a sample."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from audit.component import Context
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.sample import Cell, Floats
from audit.reference import Asked, Expected, Reference, Silent

__all__ = ["Beside", "Yardstick"]

SUMS = 0.005
"""Rounding that the shares of all labels of a reference may show."""
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Shares of all labels that those of a cell are measured from."""

    shares: Floats
    """(K,), sum 1."""
    n: float = math.inf
    """Simple random sample behind them; infinite where they are exact."""
    name: str = ""
    """Of the reference; empty for equal shares."""
    note: str = ""

    @classmethod
    def equal(cls, labels: int) -> "Yardstick":
        """Equal shares."""
        return cls(np.full(labels, 1 / labels))


@dataclass(frozen=True)
class Beside:
    """Asks every reference for the cells of one sample, and keeps the answers."""

    context: Context
    labelled: LabelShares
    attribute: str
    """Name of the column, without its scorer."""
    _kept: dict[tuple[str, str], Expected | Silent] = field(init=False, default_factory=dict, repr=False)

    @property
    def references(self) -> Mapping[str, Reference]:
        """By name."""
        return self.context.references

    def says(self, name: str, cell: Cell) -> Expected | Silent:
        """What a reference says of a cell with labelled draws."""
        key = (name, repr(sorted(cell.where.items())))
        if key not in self._kept:
            self._kept[key] = self._asked(name, cell)
        return self._kept[key]

    def share(self, name: str, cell: Cell, label: str) -> float | None:
        """Share of one label; None where the reference says nothing of it."""
        said = self.says(name, cell)
        return said.shares.get(label) if isinstance(said, Expected) else None

    def yardstick(self, name: str, cell: Cell) -> Yardstick | Silent:
        """Shares of all labels of a cell."""
        said, labels = self.says(name, cell), self.labelled.labels
        if isinstance(said, Silent):
            return said
        lacking = [label for label in labels if label not in said.shares]
        if lacking:
            return Silent(f"it has no share of {', '.join(lacking)}")
        shares = np.array([said.shares[label] for label in labels])
        if abs(shares.sum() - 1) > SUMS:
            return Silent(f"its shares sum to {shares.sum():.3f}, not to 1")
        return Yardstick(shares / shares.sum(), said.n_effective, name, said.note)

    def speaks(self, name: str, cells: Sequence[tuple[Cell, CellShares | None]]) -> bool:
        """Whether a reference says anything of all labels of a cell."""
        return any(not isinstance(self.yardstick(name, cell), Silent) for cell, shares in cells if shares is not None)

    def is_equal(self, name: str, cells: Sequence[tuple[Cell, CellShares | None]]) -> bool:
        """Whether a reference says equal shares of every cell: then it is what skew is measured from anyway."""
        even = 1 / len(self.labelled.labels)
        for cell in (cell for cell, shares in cells if shares is not None):
            found = self.yardstick(name, cell)
            if isinstance(found, Silent) or not np.all(np.abs(found.shares - even) < SAME) or math.isfinite(found.n):
                return False
        return True

    def _asked(self, name: str, cell: Cell) -> Expected | Silent:
        rows = cell.among(self.labelled.present)
        table = self.labelled.sample.table
        code, probes = table.asked
        asked, counts = np.unique(code[rows], return_counts=True)
        prompts = [(table.probes[str(probes[p])].levels, float(n)) for p, n in zip(asked, counts, strict=True)]
        return self.references[name].expected(self.attribute, self.labelled.labels, Asked(cell.where, prompts))

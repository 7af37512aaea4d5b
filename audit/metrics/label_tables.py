"""Images of each cell by prompt and by pair of labels: what findings of association are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.component import Parts
from audit.metrics.label_codes import Coded, plainest
from audit.metrics.sample import Cell, Floats, Ints, Mask, Sample
from audit.panels import Heatmap
from audit.table import Strings

__all__ = ["Asked", "LabelTable", "joined", "label_tables", "shares_panel"]

MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """The draws that count, and the cells that they fall into."""

    sample: Sample
    cells: tuple[Cell, ...]
    """No draw is in two."""
    among: Mask
    """(n,) whether a draw counts."""

    @property
    def left_out(self) -> str:
        """How many draws of the cells do not count, in words; empty where all do."""
        found = sum(len(cell.among(~self.among)) for cell in self.cells)
        return f"Left out: {found} draws whose prompts say who is to be depicted" if found else ""

    def of_draw(self) -> Ints:
        """(n,) place of each draw's cell; -1 where it is in none or does not count."""
        found = np.full(len(self.sample), -1, dtype=np.int64)
        for place, cell in enumerate(self.cells):
            found[cell.among(self.among)] = place
        return found


@dataclass(frozen=True)
class LabelTable:
    """Images of one cell that have both labels."""

    cell: Cell
    rows: Ints
    """(m,) their positions in the sample."""
    missing: Ints
    """Positions of those that lack a label."""
    counts: Floats
    """(g, k, l) by prompt, label of the first column and label of the second."""
    names: Strings
    """(g,) names of the prompts, or of the draws where there is one prompt."""
    one_probe: bool
    repeated: int = 0
    """Draws that were left out, since they share their seeds with those of a shorter prompt of the cell."""

    @cached_property
    def whole(self) -> Floats:
        """(k, l) of all prompts."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.float64)

    @property
    def constant(self) -> int | None:
        """Which of the two columns, 0 or 1, has a single label here; None where both have several."""
        for axis in (0, 1):
            if int((self.whole.sum(axis=1 - axis) > 0).sum()) < 2:
                return axis
        return None

    @cached_property
    def independent(self) -> Floats:
        """(k, l) shares of the pairs of labels, were the two independent."""
        shares = self.whole / self.whole.sum()
        return np.asarray(shares.sum(axis=1, keepdims=True) * shares.sum(axis=0, keepdims=True), dtype=np.float64)

    @cached_property
    def pointwise(self) -> Floats:
        """(k, l) log(p_ab / (p_a p_b)): its mean over the images is their mutual information. 0 where no image is."""
        there = self.whole > 0
        shares = np.where(there, self.whole / self.whole.sum(), 1.0)
        return np.asarray(np.log(shares / np.where(there, self.independent, 1.0)), dtype=np.float64)

    @cached_property
    def most(self) -> tuple[int, int]:
        """The pair of labels that is shown most above what independence would show."""
        first, second = np.unravel_index(np.argmax(self.whole / self.whole.sum() - self.independent), self.whole.shape)
        return int(first), int(second)

    def parts(self, values: Floats) -> Parts:
        """Contributions by prompt of a value for each pair of labels, (k, l)."""
        total, squares = (np.tensordot(self.counts, power, axes=2) for power in (values, values * values))
        return Parts(self.names, total, self.counts.sum(axis=(1, 2)), squares)


def label_tables(asked: Asked, first: Coded, second: Coded) -> tuple[LabelTable, ...]:
    """One table a cell, in the order of the cells.

    Of prompts that share seeds and are in one cell (a plain one and its placebo) the shortest is taken: their images are
    no evidence of their own.
    """
    cell, both = asked.of_draw(), first.present & second.present
    whole = np.flatnonzero(cell >= 0)
    rows = whole[plainest(asked.sample, whole, cell[whole])]
    repeated = np.bincount(cell[whole], minlength=len(asked.cells)) - np.bincount(cell[rows], minlength=len(asked.cells))
    rows = rows[np.argsort(cell[rows], kind="stable")]
    ends = np.searchsorted(cell[rows], np.arange(len(asked.cells) + 1))
    found = []
    for place, (one, start, end) in enumerate(zip(asked.cells, ends[:-1], ends[1:], strict=True)):
        mine = rows[start:end]
        there, missing = mine[both[mine]], mine[~both[mine]]
        units = asked.sample.units(there)
        shape = len(units.names), len(first.of.labels), len(second.of.labels)
        counts = np.zeros(shape)
        np.add.at(counts, (units.code, first.code[there], second.code[there]), 1.0)
        found.append(LabelTable(one, there, missing, counts, units.names, units.one_probe, int(repeated[place])))
    return tuple(found)


def joined(tables: Sequence[LabelTable], expected: float) -> Parts:
    """Contributions to the mean of the mutual information over cells, less what is expected, by prompt."""
    parts = [table.parts(table.pointwise - expected) for table in tables]
    names, code = np.unique(np.concatenate([part.names for part in parts]).astype(str), return_inverse=True)
    sums = np.zeros((3, len(names)))
    for row, of in enumerate(("total", "n", "squares")):
        np.add.at(sums[row], code, np.concatenate([getattr(part, of) for part in parts]))
    return Parts(names.astype(object), *sums)


def shares_panel(title: str, rows: Sequence[tuple[str, Floats | None]], labels: Sequence[str]) -> Heatmap | None:
    """Shares of labels, or of pairs of them, by level; of many levels, those furthest from the mean of all.

    Args:
        rows: level, and its (K,) counts; None where it has too few.
    """
    known = [counts / counts.sum() for _, counts in rows if counts is not None]
    if not known:
        return None
    mean = np.mean(known, axis=0)
    shown = [(level, None if counts is None else counts / counts.sum()) for level, counts in rows]
    summary = f"Share of the images of each of {len(rows)} rows; empty where there are too few images."
    if len(shown) > MOST_ROWS:
        shown.sort(key=lambda row: 0.0 if row[1] is None else -float(np.abs(row[1] - mean).sum()))
        shown = shown[:MOST_ROWS]
        summary += f" The {MOST_ROWS} rows furthest from the mean of all are shown."
    nothing = (None,) * len(labels)
    return Heatmap(
        title=title,
        summary=summary,
        rows=tuple(level for level, _ in shown),
        columns=tuple(labels),
        values=tuple(nothing if share is None else tuple(share.tolist()) for _, share in shown),
        unit="share",
    )

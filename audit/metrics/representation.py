"""Metric ``representation``: who is shown: shares of each perceived label, and how far they are from equal."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field

from audit.component import Column, Context, Measured, Metric
from audit.errors import SpecError
from audit.metrics.averages import Quantity, family, panelled
from audit.metrics.sample import Cell, Sample, chosen_axes, protocol
from audit.metrics.unevenness import Labelled, Unevenness
from audit.metrics.wording import UNCORRECTED, described, share_title, subject
from audit.panels import Heatmap

__all__ = ["Representation"]

MOST_ROWS = 40


class Representation(Metric):
    """Shares of the labels of a column over all draws and by cell, clustered by probe, and their skew.

    Of a regional column (faces), the largest region of each image counts. ``skew`` is the total variation from equal
    shares, beside what an even generator shows at the same n; ``excess_skew`` is the difference of the two. Equal
    shares are a yardstick, not a target.
    """

    quantities: ClassVar[tuple[str, ...]] = ("share", "skew", "excess_skew")

    source: ClassVar[str] = "total variation: Cho et al. 2023 (DALL-Eval) report it as MAD = 2 TV / K, without its null"

    column: str
    """A label column, such as ``attributes.perceived_gender``."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are cells; None: all contrast axes."""
    min_n: int = Field(default=10, ge=1)
    """A cell with fewer labelled draws gets no estimate."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """The label column."""
        return (self.column,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``share`` of each label, ``skew`` and ``excess_skew``, for all draws and by cell."""
        column = described(name, self.column, context.columns)
        if column.kind != "label":
            raise SpecError(f"metrics.{name}.params.column: {self.column} holds a {column.kind}; a label column is needed")
        axes = chosen_axes(name, self.by, context)
        labels = column.levels or _observed(context, self.column)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = list(sample.cells(axes))
            labelled = Labelled.of(sample, self.column, labels)
            shares = [
                family(self._share(name, label, column, context), sample, labelled.is_label(label), cells)
                for label in labels
            ]
            yield from (one for of_label in shares for one in of_label)
            if len(labels) > 1:
                skew = Unevenness(self._skew(name, column, context), labelled, context.seed).measure(cells)
                maps = [_heatmap(axis, cells, labels, shares) for axis in axes]
                yield panelled(skew[0], *maps)
                yield from skew[1:]

    def _share(self, name: str, label: str, column: Column, context: Context) -> Quantity:
        return Quantity(
            name=f"{name}.share",
            title=share_title(column, label),
            protocol=protocol(f"share of {label!r}", [self.column], context),
            confidence=context.confidence,
            unit="share",
            note=UNCORRECTED,
            min_n=self.min_n,
            label=label,
        )

    def _skew(self, name: str, column: Column, context: Context) -> Quantity:
        return Quantity(
            name=f"{name}.skew",
            title=f"Distance of {subject(column)} from equal shares (total variation)",
            protocol=protocol("total variation from equal shares", [self.column], context),
            confidence=context.confidence,
            unit="fraction",
            better="lower",
            source=self.source,
            note=f"Equal shares are a yardstick, not a target. {UNCORRECTED}",
            min_n=self.min_n,
        )


def _observed(context: Context, column: str) -> tuple[str, ...]:
    """Labels that occur, where the scorer declares none."""
    found: set[str] = set()
    for generator in context.generators:
        value, present, _ = Sample.of(context, generator).labels(column)
        found |= {str(label) for label in value[present]}
    return tuple(sorted(found))


def _heatmap(
    axis: str, cells: Sequence[Cell], labels: Sequence[str], shares: Sequence[Sequence[Measured]]
) -> Heatmap | None:
    """Label by level of an axis; of many levels, those whose shares lie furthest from equal."""
    even = 1 / len(labels)
    rows: list[tuple[str, tuple[float | None, ...]]] = []
    for position, cell in enumerate(cells):
        if cell.axis == axis:
            rows.append((cell.level, tuple(of_label[position].finding.estimate for of_label in shares)))
    if not rows:
        return None
    summary = f"Shares of each label at {len(rows)} levels of {axis}; empty where there are too few draws."
    if len(rows) > MOST_ROWS:
        rows.sort(key=lambda row: -sum(abs(value - even) for value in row[1] if value is not None))
        rows = rows[:MOST_ROWS]
        summary += f" The {MOST_ROWS} levels furthest from equal shares are shown."
    return Heatmap(
        title=f"Shares by {axis}",
        summary=summary,
        rows=tuple(level for level, _ in rows),
        columns=tuple(labels),
        values=tuple(values for _, values in rows),
        unit="share",
        center=even,
    )

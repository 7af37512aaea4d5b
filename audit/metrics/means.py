"""Metric ``means``: the mean of any number column, such as size delivered, sharpness or brightness."""

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.errors import SpecError
from audit.metrics.averages import Quantity, family
from audit.metrics.sample import Sample, chosen_axes, protocol
from audit.metrics.wording import described, mean_title, meaning

__all__ = ["Means"]


class Means(Metric):
    """Mean of number columns over all draws and by cell, clustered by probe.

    One finding a column and cell, named ``<name>.mean`` and told apart by ``where.column``.
    """

    quantities: ClassVar[tuple[str, ...]] = ("mean",)

    source: ClassVar[str] = "ratio estimator with linearised variance: Cochran 1977, section 6.3"

    columns: tuple[str, ...] = Field(min_length=1)
    """Number columns, as ``scorer.column``."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are shown apart; None: all contrast axes."""
    min_n: int = Field(default=2, ge=1)
    """A cell with fewer values gets no estimate."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``mean`` of each column."""
        axes = chosen_axes(name, self.by, context)
        quantities = [self._quantity(name, column, context) for column in self.columns]
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = list(sample.cells(axes))
            for quantity in quantities:
                yield from family(quantity, sample, sample.numbers(quantity.column), cells)

    def _quantity(self, name: str, path: str, context: Context) -> Quantity:
        column = described(name, path, context.columns)
        if column.kind != "number":
            raise SpecError(f"metrics.{name}.params.columns: {path} holds {column.kind}s; a number column is needed")
        return Quantity(
            name=f"{name}.mean",
            title=mean_title(column),
            protocol=protocol("mean", [path], context),
            confidence=context.confidence,
            unit=column.unit,
            better=column.better,
            source=self.source,
            note=meaning(column),
            min_n=self.min_n,
            column=path,
        )

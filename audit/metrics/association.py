"""Metric ``association``: which perceived attributes go together, with each other or with what the prompts ask for."""

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.component import Context, Measured, Metric
from audit.digest import derive_seed
from audit.metrics import axis_dependence, dependences
from audit.metrics.averages import sentences
from audit.metrics.axis_dependence import ByAxis
from audit.metrics.contrasts import Adjustment
from audit.metrics.dependences import Within
from audit.metrics.information_findings import Recipe
from audit.metrics.label_codes import STATED, Coded, LabelColumn, otherwise, unstated
from audit.metrics.label_tables import Asked
from audit.metrics.sample import Cell, Sample, chosen_axes, protocol

__all__ = ["Association"]

MISREAD = "A classifier that reads one attribute off the other makes them look dependent"


class Association(Metric):
    """Whether a perceived attribute depends on an axis of the prompts, or on another perceived attribute.

    Dependence is told as mutual information in nats, less what shuffled labels show at the same n: 0 on average where
    nothing depends on anything (below 0 by chance), at most the log of the fewer labels.

    ``information``: of the column and the axis ``by``, at each level of ``given`` where that is set: then also of a factor
    that matters only in company with the other one. ``dependence``: of the column and ``other`` at each level of ``by``,
    and their mean over levels. It sees that the young are drawn as feminine and the older as masculine where the shares
    of each look even. ``log_odds``: the same for two columns of two labels each, with its direction, -inf .. inf.

    All tests are permutation tests: exact however alike the images of a prompt are. Those of the levels are adjusted for
    each other, that of all levels is one test.
    """

    quantities: ClassVar[tuple[str, ...]] = ("information", "dependence", "log_odds")

    source: ClassVar[str] = "mutual information: Shannon 1948; permutation tests: Lehmann & Romano 2005, section 15.2"

    column: str
    """A label column, such as ``attributes.perceived_gender``."""
    by: str | None = None
    """An axis of the prompts, such as ``occupation``."""
    given: str | None = None
    """A second axis that is held fixed; with ``by``, and for ``information`` alone."""
    other: str | None = None
    """A second label column, such as ``attributes.perceived_age``."""
    min_n: int = Field(default=20, ge=2)
    """A level with fewer labelled draws gets no estimate."""
    adjust: Adjustment = "holm"
    """For the number of levels: ``holm`` (Holm: the chance of any false finding), ``bh`` (Benjamini-Hochberg: the expected
    share of false ones, where levels do not share seeds), ``by`` (Benjamini-Yekutieli: the same for any dependence)."""
    stated: tuple[str, ...] = STATED
    """Axes by which prompts say who is to be depicted. Draws of prompts on one of them, other than ``by`` and ``given``,
    are left out: what was asked for is no association of the generator."""

    @model_validator(mode="after")
    def _something_to_ask(self) -> Self:
        if self.by is None and self.other is None:
            raise ValueError("set `by`, an axis of the prompts, or `other`, a second label column, or both")
        if self.given is not None and self.by is None:
            raise ValueError("given: it is held fixed while `by` varies; set `by`, too")
        if self.given is not None and self.given == self.by:
            raise ValueError(f"given: {self.given!r} is the axis that varies; name another one")
        if self.other == self.column:
            raise ValueError(f"other: {self.other!r} is the first column; name another one")
        return self

    def axes(self) -> tuple[str, ...]:
        """``by`` and ``given``."""
        return tuple(axis for axis in (self.by, self.given) if axis is not None)

    def reads(self) -> tuple[str, ...]:
        """One label column, or two."""
        return (self.column,) if self.other is None else (self.column, self.other)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``information`` with an axis; ``dependence`` and ``log_odds`` with another column."""
        chosen_axes(name, self.axes(), context)
        column = LabelColumn.of(f"metrics.{name}.params.column", self.column, context)
        other = LabelColumn.of(f"metrics.{name}.params.other", self.other, context) if self.other is not None else None
        for generator in context.generators:
            sample = Sample.of(context, generator)
            labels, asked = Coded.read(sample, column), self._asked(sample)
            seed = derive_seed(context.seed, name, generator)
            if self.by is not None:
                recipe = self._by_axis(name, asked, column, context)
                given = _levels(sample, self.given) if self.given is not None else None
                yield ByAxis(recipe, asked, labels, given, seed).measure()
            if other is not None:
                recipe = self._together(name, asked, (column, other), context)
                yield from Within(recipe, asked, labels, Coded.read(sample, other), self.adjust, seed).measure()

    def _asked(self, sample: Sample) -> Asked:
        cells = _levels(sample, self.by) if self.by is not None else tuple(sample.cells(()))
        return Asked(sample, cells, unstated(sample, set(self.stated) - {self.by, self.given}))

    def _by_axis(self, name: str, asked: Asked, column: LabelColumn, context: Context) -> Recipe:
        fixed = f" at each level of {self.given}" if self.given else ""
        told = f"mutual information with {self.by}{fixed}, less its permutations{otherwise(self.stated)}"
        return Recipe(
            metric=f"{name}.information",
            generator=asked.sample.generator,
            what=f"{column.name} depends on {self.by}{fixed}",
            title=f"How much {column.name} depends on {self.by}{fixed}",
            protocol=protocol(told, [self.column], context),
            method=axis_dependence.METHOD + (f"; prompts are permuted{fixed}" if fixed else ""),
            confidence=context.confidence,
            min_n=self.min_n,
            source=self.source,
            note=asked.left_out,
            exact=column.column.exact,
        )

    def _together(self, name: str, asked: Asked, columns: tuple[LabelColumn, LabelColumn], context: Context) -> Recipe:
        one, two = columns
        exact = one.column.exact and two.column.exact
        within = f" within {self.by}" if self.by else ""
        told = f"mutual information{within}, less its permutations{otherwise(self.stated)}"
        return Recipe(
            metric=f"{name}.dependence",
            generator=asked.sample.generator,
            what=f"{one.name} and {two.name} depend on each other{within}",
            title=f"How much {one.name} and {two.name} depend on each other{within}",
            protocol=protocol(told, [one.path, two.path], context),
            method=dependences.METHOD,
            confidence=context.confidence,
            min_n=self.min_n,
            source=self.source,
            note=sentences("" if exact else MISREAD, asked.left_out),
            exact=exact,
        )


def _levels(sample: Sample, axis: str) -> tuple[Cell, ...]:
    """Cells of the levels of an axis."""
    return tuple(cell for cell in sample.cells((axis,)) if cell.axis)

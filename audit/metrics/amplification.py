"""Metric ``amplification``: whether a generator ties a perceived attribute to what was asked more than a reference does."""

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.digest import derive_seed
from audit.errors import SpecError
from audit.metrics.amplified import Amplified, Told
from audit.metrics.label_codes import STATED, LabelColumn, otherwise, unstated
from audit.metrics.label_shares import LabelShares
from audit.metrics.label_tables import Asked
from audit.metrics.sample import Sample, chosen_axes, protocol
from audit.metrics.yardsticks import Yardsticks

__all__ = ["Amplification"]


class Amplification(Metric):
    """Bias amplification against a reference, from what was asked to the attribute (T -> A).

    ``directional`` is the mean over levels of the axis and labels of sign(reference share at this level - over all levels)
    times (share of the images - reference share). ``mean_dominant`` takes the labels with more than 1 / K of the reference
    at a level, and averages what they gain over levels. Both lie in -1 .. 1: above 0 the images exaggerate what the
    reference says, below 0 they even it out, 0 is to follow it. Levels count alike, however many images they have.

    Levels of which the reference says nothing are left out and named. Where the reference is a sample itself, its error
    is in the interval, and ``expected`` says what a generator that follows it shows, since signs are then partly chance.
    """

    quantities: ClassVar[tuple[str, ...]] = ("directional", "mean_dominant")

    source: ClassVar[str] = "Wang & Russakovsky 2021, equation 1; Zhao et al. 2017, section 4"

    column: str
    """A label column, such as ``attributes.perceived_gender``."""
    by: str = "occupation"
    """The axis of the prompts that the attribute is tied to."""
    reference: str | None = None
    """Name, in the spec, of the reference; may be left out where there is one only."""
    min_n: int = Field(default=10, ge=1)
    """A level with fewer labelled draws is left out, and said to be."""
    stated: tuple[str, ...] = STATED
    """Axes by which prompts say who is to be depicted. Draws of prompts on one of them, other than ``by``, are left out:
    most amplification that is told of is a prompt that says more than the reference knows (Seshadri et al. 2024)."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return (self.by,)

    def reads(self) -> tuple[str, ...]:
        """The label column."""
        return (self.column,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``directional`` and ``mean_dominant``, one of each a generator."""
        chosen_axes(name, (self.by,), context)
        column = LabelColumn.of(f"metrics.{name}.params.column", self.column, context)
        reference = self._chosen(name, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = tuple(cell for cell in sample.cells((self.by,)) if cell.axis)
            asked = Asked(sample, cells, unstated(sample, set(self.stated) - {self.by}))
            labelled = LabelShares.of(sample, [self.column], [column.labels], context)
            yardsticks = Yardsticks.of(asked, labelled, (context, reference, column.column.name), self.min_n)
            told = self._told(name, column, reference, context)
            yield from Amplified(told, asked, labelled, yardsticks, derive_seed(context.seed, name, generator)).measure()

    def _chosen(self, name: str, context: Context) -> str:
        known = ", ".join(sorted(context.references)) or "none"
        field = f"metrics.{name}.params.reference"
        if self.reference is not None and self.reference not in context.references:
            raise SpecError(f"{field}: there is no reference {self.reference!r}; references of the spec: {known}")
        if self.reference is None and len(context.references) != 1:
            raise SpecError(f"{field}: name the reference to hold shares against; references of the spec: {known}")
        return self.reference or next(iter(context.references))

    def _told(self, name: str, column: LabelColumn, reference: str, context: Context) -> Told:
        about = context.references[reference].about()
        identity = f"{reference}={context.reference_ids.get(reference, 'unkeyed')}"
        recipe = f"bias amplification by {self.by} against {identity}{otherwise(self.stated)}"
        return Told(
            name=name,
            subject=column.name,
            axis=self.by,
            reference=reference,
            about=about.title + (f" ({about.dated})" if about.dated and about.dated not in about.title else ""),
            protocol=protocol(recipe, [self.column], context),
            confidence=context.confidence,
        )

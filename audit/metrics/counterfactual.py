"""Metric ``counterfactual``: what one fact in the prompt changes in the picture, beyond what any change of wording does."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from audit.component import Column, Context, Measured, Metric
from audit.errors import SpecError
from audit.metrics.arm_findings import ArmFindings
from audit.metrics.arms import Arms, Roles
from audit.metrics.averages import Quantity, panelled
from audit.metrics.contrasts import Adjustment, adjusted, compared
from audit.metrics.readings import reading
from audit.metrics.sample import Ints, Sample, Scores, protocol
from audit.metrics.wording import mean_title, meaning, share_title

__all__ = ["Counterfactual"]


class Counterfactual(Metric):
    """Each arm of counterfactual pairs beside the neutral arm and the placebo, image by image with the same seeds.

    ``effect``: mean of the arm less that of the neutral arm. ``placebo``: the same of the placebo arms, which say something
    that should change nothing: what a change of wording alone does. ``beyond_placebo``: mean of the arm less that of the
    placebo arms, the headline; above 0 where the arm has more. All are in the unit of the column, or -1 to 1 for shares.
    ``flipped``, of a label column: share of pairs of images whose label is another than in the neutral arm, 0 to 1, with
    the placebo's as ``expected``; its p-value is that of flipping as many as the placebo.

    A draw that lacks its partner (refused, no face) is missing. The bounds of shares are the worst case over what the
    missing side might have shown; what is known of the other side counts, so they may leave the estimate out.

    Shares of a label are corrected by people's labels only where these are enough of every arm that is compared.
    """

    quantities: ClassVar[tuple[str, ...]] = ("effect", "placebo", "beyond_placebo", "flipped")

    source: ClassVar[str] = (
        "paired differences by cluster; shares: Tango 1998. Placebo arms after the irrelevant interventions of "
        "Bansal et al. 2022, ENTIGEN"
    )

    column: str
    """A number column, or a label column together with ``level``."""
    level: str | None = None
    """Of a label column: the label whose share is compared."""
    axis: str | None = None
    """The axis whose levels are the arms; None: the one on which all probes of every pair differ."""
    neutral: str = "neutral"
    """The level that says nothing more."""
    placebo: tuple[str, ...] | None = None
    """Levels that say something irrelevant, taken together; None: those that begin with ``placebo``."""
    min_n: int = Field(default=10, ge=1)
    """An arm with fewer pairs of images gets no estimate."""
    adjust: Adjustment = "holm"
    """How p-values are adjusted for the number of arms: ``holm``, ``bh`` or ``by``."""

    def axes(self) -> tuple[str, ...]:
        """The axis, where it is named."""
        return () if self.axis is None else (self.axis,)

    def reads(self) -> tuple[str, ...]:
        """The compared column."""
        return (self.column,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``placebo``, ``beyond_placebo``, ``effect`` and ``flipped``, by arm."""
        column = compared(name, self.column, self.level, context.columns)
        if not any(len(context.table.select(generator)) for generator in context.generators):
            return
        try:
            roles = Roles.of(context, self.axis, self.neutral, self.placebo)
        except SpecError as error:
            raise SpecError(f"metrics.{name}.params.{error}") from error
        for generator in context.generators:
            sample = Sample.of(context, generator)
            arms = Arms.of(sample, roles.axis)
            quantity, scores = self._read(name, arms, roles, context)
            yield from self._of_one(ArmFindings(name, arms, roles, quantity, scores), column)

    def _of_one(self, findings: ArmFindings, column: Column) -> Iterator[Measured]:
        placebo = findings.placebo()
        effects = findings.effects(placebo[0].finding if placebo else None)
        if placebo:
            yield panelled(placebo[0], findings.chart(placebo, effects))
            yield from adjusted(placebo[1:], self.adjust, "placebo arms")
            yield from adjusted(findings.beyond(), self.adjust, "arms")
        yield from adjusted(effects, self.adjust, "arms")
        if self.level is not None:
            yield from adjusted(findings.flipped(column, self.column), self.adjust, "arms")

    def _read(self, name: str, arms: Arms, roles: Roles, context: Context) -> tuple[Quantity, Scores]:
        column, sample = context.columns[self.column], arms.sample
        quantity = Quantity(
            name=name,
            title=mean_title(column) if self.level is None else share_title(column, self.level),
            protocol=protocol("mean" if self.level is None else f"share of {self.level!r}", [self.column], context),
            confidence=context.confidence,
            unit=column.unit,
            source=self.source,
            note=meaning(column),
            min_n=self.min_n,
        )
        if self.level is None:
            return quantity, sample.numbers(self.column)
        read = reading(sample, self.column, self.level, context, self._groups(arms, roles))
        return replace(quantity, unit=read.unit, note=read.note, correction=read.correction), read.scores

    def _groups(self, arms: Arms, roles: Roles) -> dict[str, Ints]:
        """Positions of the draws of each side that is large enough to be compared: arms, and all placebos together."""
        present = arms.sample.labels(self.column)[1]
        sides: dict[str, tuple[str, ...]] = {level: (level,) for level in (roles.neutral, *roles.placebos, *roles.arms)}
        if len(roles.placebos) > 1:
            sides |= {"all placebos": roles.placebos}
        rows = {name: arms.rows(*levels) for name, levels in sides.items()}
        return {name: chosen for name, chosen in rows.items() if present[chosen].sum() >= self.min_n}

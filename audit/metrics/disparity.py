"""Metric ``disparity``: how far quality of service, a score or a share differs between the levels of an axis."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from audit.component import Context, Measured, Metric
from audit.digest import derive_seed
from audit.errors import SpecError
from audit.metrics.averages import BY_PROMPT, Quantity, family
from audit.metrics.contrasts import adjusted, compared
from audit.metrics.levels import Levels
from audit.metrics.outcomes import TITLES, absent, came_of
from audit.metrics.readings import corrected_protocol, reading
from audit.metrics.sample import Cell, Sample, Scores, chosen_axes, protocol
from audit.metrics.wording import COUNT, described, lowered, mean_title, meaning, share_title
from audit.stats.intervals import ASSUMED_CORRELATION

__all__ = ["Disparity"]

FOUND = "found"

Compared = tuple[Quantity, Scores]
"""What is averaged by level, and its value for each draw."""


class Disparity(Metric):
    """Means and shares by level of an axis, the largest gap of each, and the difference of each two levels.

    One entry may compare several things: number columns (the fit to the prompt, the size delivered), what came of the draws
    (refusals are a quality of service, not only a gap in the data), and whether a scorer found anything (a face). Their
    tests are adjusted for one another (Holm).

    The gap is the highest less the lowest mean. Noise alone makes it larger than 0, the more so the more levels there
    are, so ``expected`` says what the same draws show when levels mean nothing (labels shuffled between probes, or
    within counterfactual pairs), and the p-value how often they then show as much. Arms of a pair share their seeds and are
    compared pair by pair. Differences of each two levels are made for up to 6 levels; of more there is the gap alone, which
    says so, and a gate on ``difference`` finds nothing to judge.

    Shares of a label are corrected by people's labels only where these are enough at every level that is compared.

    What ``columns``, ``outcomes`` and ``found`` ask is told apart by ``where.column`` (``where: {column: refused}``); of
    ``found`` also by ``where.label: found``. What ``column`` asks has neither.
    """

    quantities: ClassVar[tuple[str, ...]] = ("mean", "gap", "difference")

    source: ClassVar[str] = "permutation null: Lehmann & Romano 2005, section 15.2; range over Bonferroni t intervals"

    by: str
    """The axis whose levels are compared."""
    crossed_with: tuple[str, ...] = ()
    """Further axes: then the combinations of the levels of all of them are compared, instead of the levels of ``by``."""
    column: str | None = None
    """A number column, or a label column together with ``level``."""
    level: str | None = None
    """Of a label column: the label whose share is compared."""
    columns: tuple[str, ...] = ()
    """Number columns, such as ``clip.cosine`` and ``pixels.width``."""
    outcomes: tuple[Literal["refused", "filtered", "failed"], ...] = ()
    """Shares of draws that ended so."""
    found: tuple[str, ...] = ()
    """Columns of which the share of images with anything found is compared: no abstention, and no count of 0."""
    min_n: int = Field(default=10, ge=1)
    """A level with fewer draws is left out of the gap, and said to be."""

    @model_validator(mode="after")
    def _asks_something_once(self) -> Self:
        if not (self.column or self.columns or self.outcomes or self.found):
            raise ValueError("nothing to compare: name a `column`, `columns`, `outcomes` or `found`")
        if self.level is not None and self.column is None:
            raise ValueError("level: it is a label of `column`; name the column, or leave it out")
        if len({self.by, *self.crossed_with}) <= len(self.crossed_with):
            raise ValueError(f"crossed_with: each axis is named once; got {', '.join((self.by, *self.crossed_with))}")
        for what in ("columns", "outcomes", "found"):
            named = getattr(self, what)
            if len(set(named)) < len(named):
                raise ValueError(f"{what}: each is named once; got {', '.join(named)}")
        return self

    def axes(self) -> tuple[str, ...]:
        """``by`` and those that it is crossed with."""
        return (self.by, *self.crossed_with)

    def reads(self) -> tuple[str, ...]:
        """The compared columns."""
        own = () if self.column is None else (self.column,)
        return tuple(dict.fromkeys([*own, *self.columns, *self.found]))

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``mean`` by level, ``gap``, and ``difference`` of each two levels, of everything compared."""
        self._check_columns(name, context)
        chosen_axes(name, self.axes(), context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = self._cells(sample)
            gaps: list[Measured] = []
            differences: list[Measured] = []
            for quantity, scores in self._compared(name, sample, context):
                yield from family(quantity, sample, scores, cells)
                levels = Levels.of(quantity, sample, scores, cells[1:])
                gaps.append(levels.gap(derive_seed(context.seed, name, generator)))
                differences.extend(levels.differences())
            yield from adjusted(gaps, "holm", "gaps")
            yield from adjusted(differences, "holm", "differences")

    def _cells(self, sample: Sample) -> list[Cell]:
        """All draws, then those of each level or combination of levels."""
        return list(sample.crossed(self.axes()) if self.crossed_with else sample.cells(self.axes()))

    def _compared(self, name: str, sample: Sample, context: Context) -> Iterator[Compared]:
        if self.column is not None:
            yield self._one_column(name, sample, context)
        for path in self.columns:
            yield self._number(name, path, context, apart=path), sample.numbers(path)
        for outcome in self.outcomes:
            yield self._outcome(name, outcome, context), came_of(sample, outcome)
        for path in self.found:
            nothing = absent(sample, path, context)
            yield self._found(name, path, context), Scores(1 - nothing.value, nothing.present, nothing.reason)

    def _one_column(self, name: str, sample: Sample, context: Context) -> Compared:
        assert self.column is not None
        if self.level is None:
            return self._number(name, self.column, context), sample.numbers(self.column)
        present = sample.labels(self.column)[1]
        levels = {cell.level: cell.among(present) for cell in self._cells(sample) if cell.axis}
        groups = {level: rows for level, rows in levels.items() if len(rows) >= self.min_n}
        read = reading(sample, self.column, self.level, context, groups)
        quantity = Quantity(
            name=f"{name}.mean",
            title=share_title(context.columns[self.column], self.level),
            protocol=corrected_protocol(protocol(f"share of {self.level!r}", [self.column], context), read.correction),
            confidence=context.confidence,
            unit=read.unit,
            note=read.note,
            min_n=self.min_n,
            correction=read.correction,
        )
        return quantity, read.scores

    def _number(self, name: str, path: str, context: Context, *, apart: str = "") -> Quantity:
        column = context.columns[path]
        return Quantity(
            name=f"{name}.mean",
            title=mean_title(column),
            protocol=protocol("mean", [path], context),
            confidence=context.confidence,
            unit=column.unit,
            better=column.better,
            note=meaning(column),
            min_n=self.min_n,
            column=apart,
        )

    def _outcome(self, name: str, outcome: str, context: Context) -> Quantity:
        return Quantity(
            name=f"{name}.mean",
            title=TITLES[outcome],
            protocol=f"share of draws {outcome}",
            confidence=context.confidence,
            unit="share",
            better="lower",
            correlation=ASSUMED_CORRELATION if outcome == "failed" else BY_PROMPT,
            min_n=self.min_n,
            column=outcome,
        )

    def _found(self, name: str, path: str, context: Context) -> Quantity:
        what = lowered(context.columns[path].title or path)
        return Quantity(
            name=f"{name}.mean",
            title=f"Share of images with {what}" if _counts(path) else f"Share of images with a value of {what}",
            protocol=protocol("share of images with anything found", [path], context),
            confidence=context.confidence,
            unit="share",
            better="higher",
            note="To find nothing is the scorer's doing as much as the image's",
            min_n=self.min_n,
            column=path,
            label=FOUND,
        )

    def _check_columns(self, name: str, context: Context) -> None:
        for path in self.found:
            described(name, path, context.columns)
        for path in self.columns:
            kind = described(name, path, context.columns).kind
            if kind != "number":
                hint = "; for the share of a label use `column` and `level`" if kind == "label" else ""
                raise SpecError(f"metrics.{name}.params.columns: {path} holds {kind}s; a number column is needed{hint}")
        if self.column is not None:
            compared(name, self.column, self.level, context.columns)


def _counts(path: str) -> bool:
    return path.endswith(f".{COUNT}")

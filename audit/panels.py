"""What a finding may show, as data. A metric fills panels, a report draws them; neither knows the other.

Every panel has a ``title`` (a sentence fragment, shown above it) and a ``summary`` (one or two sentences that say in
words what the picture shows: the text alternative).
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

__all__ = ["Bars", "Curve", "Gallery", "Heatmap", "Intervals", "Line", "Pairs", "Panel", "Span", "Table"]


P = TypeVar("P", bound=BaseModel)


def _of_one_length(panel: P, **parts: Sequence[object]) -> P:
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"parts differ in length: {lengths}")
    return panel


class _Panel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    summary: str


class Bars(_Panel):
    """Shares or counts of a few categories, one bar a category."""

    type: Literal["bars"] = "bars"
    labels: tuple[str, ...]
    values: tuple[FiniteFloat, ...]
    unit: str = ""
    reference: FiniteFloat | None = None
    """A vertical line to compare with, for example the expectation under an even generator."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return _of_one_length(self, labels=self.labels, values=self.values)


class Span(BaseModel):
    """One row of an interval chart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    estimate: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    n: int
    truth: FiniteFloat | None = None
    """The true value, where it is known (of a phantom, whose bias was planted)."""
    marks: tuple[FiniteFloat | None, ...] = ()
    """What each reference of the chart says of this row; None where it says nothing."""
    band: tuple[FiniteFloat, FiniteFloat] | None = None
    """As ``Intervals.band``, of this row alone, whose n may differ from that of others."""

    @property
    def contains_truth(self) -> bool:
        """Whether the true value is known and lies in the interval, ends included."""
        return self.truth is not None and self.low <= self.truth <= self.high


class Intervals(_Panel):
    """Estimates with their intervals, one row each, on one axis."""

    type: Literal["intervals"] = "intervals"
    rows: tuple[Span, ...]
    unit: str = ""
    reference: FiniteFloat | None = None
    """A vertical line to compare with."""
    band: tuple[FiniteFloat, FiniteFloat] | None = None
    """The range to hold the rows against: what ``band_label`` shows."""
    band_label: str = "an even generator"
    """What shows a range such as the band's, in a few words."""
    marks: tuple[str, ...] = ()
    """Names of the references that the rows are laid beside."""

    @model_validator(mode="after")
    def _marks_named(self) -> Self:
        for row in self.rows:
            if row.marks and len(row.marks) != len(self.marks):
                has = f"row {row.label!r} has {len(row.marks)} marks"
                raise ValueError(f"{has}; the chart names {len(self.marks)} references")
        return self

    @property
    def known(self) -> tuple[Span, ...]:
        """Rows whose true value is known."""
        return tuple(row for row in self.rows if row.truth is not None)


class Line(BaseModel):
    """One line of a curve, with an optional band around it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    x: tuple[FiniteFloat, ...]
    y: tuple[FiniteFloat, ...]
    low: tuple[FiniteFloat, ...] = ()
    high: tuple[FiniteFloat, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        band = {"low": self.low, "high": self.high} if self.low or self.high else {}
        return _of_one_length(self, x=self.x, y=self.y, **band)


class Curve(_Panel):
    """One or more lines over a common axis."""

    type: Literal["curve"] = "curve"
    x_label: str
    y_label: str
    lines: tuple[Line, ...]


class Heatmap(_Panel):
    """A grid of numbers; ``None`` is a cell without data."""

    type: Literal["heatmap"] = "heatmap"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[FiniteFloat | None, ...], ...]
    unit: str = ""
    center: FiniteFloat | None = None
    """The neutral value of a diverging colour scale."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _of_one_length(self, rows=self.rows, values=self.values)
        return _of_one_length(self, columns=self.columns, **{f"values[{i}]": row for i, row in enumerate(self.values)})


class Table(_Panel):
    """Rows of text and numbers, already formatted for a reader."""

    type: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Gallery(_Panel):
    """Images behind a finding, by image digest; a report shows small, blurred copies."""

    type: Literal["gallery"] = "gallery"
    images: tuple[str, ...]
    captions: tuple[str, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return _of_one_length(self, images=self.images, captions=self.captions)


class Pairs(_Panel):
    """Images laid beside others, pair by pair, by image digest; a report shows small, blurred copies."""

    type: Literal["pairs"] = "pairs"
    left: str
    """What the first image of each pair is, in a few words."""
    right: str
    pairs: tuple[tuple[str, str], ...]
    captions: tuple[str, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return _of_one_length(self, pairs=self.pairs, captions=self.captions)


Panel = Annotated[Bars | Intervals | Curve | Heatmap | Table | Gallery | Pairs, Field(discriminator="type")]

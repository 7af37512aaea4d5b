"""Scorer ``agreement``: the label on which two or more classifiers agree, else none."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.errors import SpecError
from audit.records import Abstained, Scored
from audit.scorers.views import required

__all__ = ["Agreement"]

DISAGREE = Abstained(reason="ambiguous: the models disagree")
UNSURE = Abstained(reason="ambiguous: a model is unsure")


class Agreement(Scorer):
    """The label of a face, or of a whole image, that all the named columns have; where they differ there is none.

    Independent classifiers that err in different ways are seldom wrong alike, so what they agree on has fewer errors, at
    the price of more images without a label. Those are not a random part: the models disagree on some people more than on
    others, so look at the missing labels by cell. As agreement is a filter of its own, the models need less of theirs: give
    them low thresholds, and choose ``least_confidence`` instead. Faces are matched by their place, so columns of faces
    must come from scorers that look at the same face scorer. Where a model abstains, its reason is given.

    A threshold on the better model alone may do as well: on the photographs of ``python -m benchmarks.people labels`` the
    first model erred less at as many labels of gender, and the second at as many age bands. Compare on images like yours.
    """

    uses_device: ClassVar[bool] = False
    infers_people: ClassVar[bool] = True

    of: tuple[str, ...] = Field(
        default=("attributes.perceived_gender", "second_attributes.perceived_gender"), alias="columns", min_length=2
    )
    """Label columns that must agree, as ``scorer.column``."""
    labels: tuple[str, ...] = Field(default=("feminine", "masculine"), min_length=2)
    """Labels of these columns: the same in each, in whatever order."""
    column: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$")
    """Name of the column of labels; empty: that of the first one in ``columns``."""
    regional: bool = True
    """The columns hold labels of faces; false where they hold labels of whole images."""
    least_confidence: float = Field(default=0, ge=0, le=1)
    """The label needs this confidence by every model that states one; ``imgaudit calibrate`` chooses it."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bad := [path for path in self.of if not all(path.rpartition(".")[::2])]:
            raise ValueError(f"columns: {bad[0]!r} names no column; write it as scorer.column")
        if len(set(self.of)) != len(self.of):
            raise ValueError("columns: one stands there twice, and would agree with itself")
        return self

    def columns(self) -> tuple[Column, ...]:
        """One column of labels, by face where ``regional``."""
        shown = self._name.replace("_", " ")
        title = f"{shown[0].upper()}{shown[1:]} on which {len(self.of)} models agree"
        return (Column(self._name, "label", title, levels=self.labels, regional=self.regional),)

    def thresholds(self) -> Mapping[str, str]:
        """The label has one on top of those of its models."""
        return {self._name: "least_confidence"}

    def requires(self) -> tuple[str, ...]:
        """The scorers of the columns."""
        return tuple(dict.fromkeys(path.rpartition(".")[0] for path in self.of))

    def check_required(self, columns: Mapping[str, Column]) -> None:
        """See that the columns hold these labels, of faces or of images alike.

        Raises:
            SpecError: one is absent, holds no labels, other ones, or those of something else.
        """
        for path in self.of:
            found = columns.get(path)
            if found is None or found.kind != "label":
                known = ", ".join(name for name, column in columns.items() if column.kind == "label") or "none"
                raise SpecError(f"columns: {path!r} is no label column of these scorers; there are {known}")
            if set(found.levels) != set(self.labels):
                told = ", ".join(found.levels) or "no labels that it declares"
                raise SpecError(f"labels: {path} has {told}; expected {', '.join(self.labels)}, in whatever order")
            if found.regional != self.regional:
                of = "faces" if found.regional else "whole images"
                raise SpecError(f"regional: {path} holds labels of {of}; all columns must, and `regional` must say so")

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002  (nothing is computed)
        """Nothing is loaded."""
        yield lambda views: [self._rows(view) for view in views]

    @property
    def _name(self) -> str:
        return self.column or self.of[0].rpartition(".")[2]

    def _rows(self, view: View) -> list[Row]:
        by_model = []
        for path in self.of:
            scorer, _, column = path.rpartition(".")
            by_model.append({row.region: row.values.get(column) for row in required(view, scorer)})
        if not self.regional:
            return [Row({self._name: self._joined([cells.get(-1) for cells in by_model])})]
        places = sorted({place for cells in by_model for place in cells if place >= 0})
        if not places:
            return [Row({self._name: self._joined([cells.get(-1) for cells in by_model])})]
        found = {place: self._joined([cells.get(place) for cells in by_model]) for place in places}
        return [Row({}), *(Row({self._name: value}, place) for place, value in found.items())]

    def _joined(self, cells: Sequence[Value | None]) -> Value:
        for path, cell in zip(self.of, cells, strict=True):
            if cell is None:
                return Abstained(reason=f"nothing said by {path.rpartition('.')[0]}")
            if isinstance(cell, Abstained):
                return cell
        labels = {cell.value if isinstance(cell, Scored) else cell for cell in cells}
        if len(labels) > 1:
            return DISAGREE
        sure = [cell.confidence for cell in cells if isinstance(cell, Scored) and cell.confidence is not None]
        if not sure:
            return str(labels.pop())
        return Scored(value=labels.pop(), confidence=min(sure)) if min(sure) >= self.least_confidence else UNSURE

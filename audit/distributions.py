"""The references of a spec: built, checked and held against what will be asked, before any work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit.catalog import build, identity
from audit.component import Column
from audit.errors import AuditError, SpecError
from audit.records import Probe
from audit.reference import Asked, Reference, Silent
from audit.spec import Use

__all__ = ["PlannedReference", "planned_references"]

SHOWN = 4


@dataclass(frozen=True, slots=True)
class PlannedReference:
    """A distribution that shares are laid beside, under its name in the spec."""

    name: str
    component: Reference
    key: str
    """Digest of its class, version, parameters and files."""


def planned_references(
    uses: Sequence[Use], reads: Iterable[Sequence[Column]], probes: Iterable[Probe]
) -> tuple[PlannedReference, ...]:
    """Build the references of a spec.

    Args:
        reads: the columns of each metric.
        probes: all that will be drawn.

    Raises:
        AuditError: a parameter or a file cannot be used, or a reference says nothing of any cell; names it by its path.
    """
    labelled = [[column for column in columns if column.kind == "label"] for columns in reads]
    cells = _cells(probes) if all(map(_foreseen, labelled)) else []
    columns = [column for columns in labelled for column in columns]
    return tuple(_planned(use, columns, cells) for use in uses)


def _foreseen(columns: Sequence[Column]) -> bool:
    """Whether it is known beforehand which labels a metric compares: not where it may combine those of several columns."""
    return len(columns) < 2 and all(column.levels for column in columns)


def _planned(use: Use, columns: Sequence[Column], cells: Sequence[Asked]) -> PlannedReference:
    reference = build("references", use)
    assert isinstance(reference, Reference)
    where = f"references.{use.label}.params"
    try:
        reference.check()
        key = identity(reference, None)
    except AuditError as error:
        raise type(error)(f"{where}: {error}") from error
    if cells and columns:
        _check_speaks(reference, where, columns, cells)
    return PlannedReference(use.label, reference, key)


def _check_speaks(reference: Reference, where: str, columns: Sequence[Column], cells: Sequence[Asked]) -> None:
    """A reference that is silent on every cell of every label column is a mistake in the spec."""
    if any(_expects(reference, column, cell) for cell in cells for column in columns):
        return
    said = [reference.expected(column.name, column.levels, cells[0]) for column in columns]
    reasons = list(dict.fromkeys(answer.reason for answer in said if isinstance(answer, Silent)))
    raise SpecError(
        f"{where}: it says nothing of any prompt of this spec ({'; '.join(reasons[:SHOWN])}); correct it, or remove it "
        "under `references`"
    )


def _expects(reference: Reference, column: Column, cell: Asked) -> bool:
    return not isinstance(reference.expected(column.name, column.levels, cell), Silent)


def _cells(probes: Iterable[Probe]) -> list[Asked]:
    """All prompts as one cell, then every kind of prompt as a cell of each of its levels."""
    kinds = list({tuple(sorted(probe.levels.items())): probe.levels for probe in probes}.values())
    whole = [Asked({}, [(levels, 1.0) for levels in kinds])] if kinds else []
    return [*whole, *(cell for levels in kinds for cell in _of_kind(levels))]


def _of_kind(levels: Mapping[str, str]) -> Iterator[Asked]:
    yield Asked({}, [(levels, 1.0)])
    for axis, level in levels.items():
        yield Asked({axis: level}, [(levels, 1.0)])

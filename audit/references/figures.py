"""Rows of a user's file to figures by axis level: every cell checked, every fault named by its line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.errors import InputError
from audit.references.figures_file import Cells, Table, number, text
from audit.references.mixing import Figures

__all__ = ["ROUNDING", "Board", "Group", "understand"]

ROUNDING = 0.005
"""How far the shares of a group may sum from 1: they were rounded."""
OWN = ("label", "share", "n", "standard_error")


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of the same axis levels."""

    figures: Figures
    at: str
    """Where its rows stand."""


@dataclass(frozen=True, slots=True)
class Board:
    """What a file says."""

    axes: tuple[str, ...]
    """Axes that its rows name; none: the same for every prompt."""
    groups: Mapping[tuple[str, ...], Group]
    """Levels of ``axes`` -> shares."""
    labels: Mapping[str, str]
    """Label -> where it stands first."""
    unsure: bool
    """Some rows do not say how large their sample was."""


@dataclass(frozen=True, slots=True)
class _Row:
    at: str
    levels: tuple[str, ...]
    label: str
    share: float
    n: float | None
    standard_error: float | None


def understand(table: Table, path: Path) -> Board:
    """Group the rows of a table by their axis levels.

    Raises:
        InputError: a cell is no share, no name or no size; a row stands twice; a sum is above 1.
    """
    axes = tuple(name for name in table.columns if name not in OWN)
    grouped: dict[tuple[str, ...], list[_Row]] = {}
    labels: dict[str, str] = {}
    seen: dict[tuple[tuple[str, ...], str], str] = {}
    for cells in table.rows:
        row = _row(cells, axes, path)
        first = seen.setdefault((row.levels, row.label), row.at)
        if first != row.at:
            raise InputError(f"{path}: {row.at}: {', '.join((*row.levels, row.label))} stands in {first} already")
        labels.setdefault(row.label, row.at)
        grouped.setdefault(row.levels, []).append(row)
    groups = {levels: _group(rows, path) for levels, rows in grouped.items()}
    _check_sums(groups, len(labels), path)
    return Board(axes, groups, labels, unsure=any(math.isinf(group.figures.n) for group in groups.values()))


def _row(cells: Cells, axes: Sequence[str], path: Path) -> _Row:
    where = f"{path}: {cells.at}"
    for name in (*axes, "label", "share"):
        if name not in cells.values:
            raise InputError(f"{where}: {name} is empty; fill it, or leave the row out")
    share = number(cells.values["share"], f"{where}: share")
    if not 0 <= share <= 1:
        raise InputError(f"{where}: share is {share:g}; shares run from 0 to 1: write 0.25 for 25 %")
    n = number(cells.values["n"], f"{where}: n") if "n" in cells.values else None
    if n is not None and not 1 <= n <= 1e12:
        raise InputError(f"{where}: n is {n:g}; expected the number of people (or images) behind the share")
    error = _standard_error(cells, share, where)
    levels = tuple(text(cells.values[axis], f"{where}: {axis}") for axis in axes)
    return _Row(cells.at, levels, text(cells.values["label"], f"{where}: label"), share, n, error)


def _standard_error(cells: Cells, share: float, where: str) -> float | None:
    if "standard_error" not in cells.values:
        return None
    error = number(cells.values["standard_error"], f"{where}: standard_error")
    most = math.sqrt(share * (1 - share))
    if share not in (0.0, 1.0) and not 0 <= error <= most:
        raise InputError(
            f"{where}: standard_error is {error:g}; expected 0 to {most:.3g}, that of one person: 0.025 is 2.5 points"
        )
    if share in (0.0, 1.0):
        raise InputError(f"{where}: a share of {share:g} has no standard error to rely on; give n, its sample, instead")
    return error


def _group(rows: Sequence[_Row], path: Path) -> Group:
    at = _places([row.at for row in rows])
    sizes = {row.n for row in rows if row.n is not None}
    if len(sizes) > 1:
        raise InputError(f"{path}: {at}: rows of one group give different n; they are shares of the same sample")
    shares = {row.label: row.share for row in rows}
    name = ", ".join(rows[0].levels) or "all prompts"
    return Group(Figures(f"{name} ({at})", shares, sizes.pop() if sizes else _n_of(rows)), at)


def _places(places: Sequence[str]) -> str:
    """``lines 4 and 5`` of ``line 4`` and ``line 5``; the first and the last of many."""
    if len(places) == 1:
        return places[0]
    numbers = [place.rpartition(" ")[2] for place in places]
    between = " and " if len(numbers) == 2 else " to "
    return f"{places[0].partition(' ')[0]}s {numbers[0]}{between}{numbers[-1]}"


def _n_of(rows: Sequence[_Row]) -> float:
    """The simple random sample that has these standard errors; infinite where none is given."""
    spread = sum(row.share * (1 - row.share) for row in rows if row.standard_error is not None)
    variance = sum(row.standard_error**2 for row in rows if row.standard_error is not None)
    return spread / variance if variance > 0 else math.inf


def _check_sums(groups: Mapping[tuple[str, ...], Group], labels: int, path: Path) -> None:
    """No group is above 1; where some group with all labels makes 1, the others with all of them do."""
    sums = {levels: sum(group.figures.shares.values()) for levels, group in groups.items()}
    whole = [levels for levels, group in groups.items() if len(group.figures.shares) == labels]
    complete = any(abs(sums[levels] - 1) <= ROUNDING for levels in whole)
    for levels, group in groups.items():
        if sums[levels] > 1 + ROUNDING or (complete and levels in whole and sums[levels] < 1 - ROUNDING):
            raise InputError(f"{path}: {group.at}: shares sum to {sums[levels]:.4g}; expected 1 within {ROUNDING}")

"""Rows of the planted-truth benchmark: rates with their Monte-Carlo error, as tables and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from audit.environment import device_name, revision, versions
from audit.records import Interval

__all__ = [
    "AMPLIFIED",
    "COPIES",
    "COVERAGE",
    "GATES",
    "NOT_RUN",
    "TESTS",
    "TOLERANCE",
    "Cover",
    "Row",
    "Tally",
    "save",
    "show",
    "summary",
]

COVERAGE = "coverage of 95 % intervals"
TESTS = "type I error and power of tests"
GATES = "verdicts of gates"
AMPLIFIED = "amplification: model less table"
COPIES = "rates of copies"
NOT_RUN = "not run"
OF_ONE_BANK = (AMPLIFIED, COPIES)
COVERED = (0.935, 0.975)
"""Wanted of a nominal 95 % interval; a row is outside where two standard errors do not reach it."""
MORE = f"covers more than {COVERED[1]}"
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number."""

    section: str
    what: str
    """Interval, test or model."""
    setting: str
    """What was planted."""
    audits: int
    """Audits; of what rests on one bank, its draws."""
    value: float
    """A rate, 0..1, or a difference of rates."""
    error: float
    """Monte-Carlo standard error; in ``OF_ONE_BANK`` half the 95 % interval, whose ends the note gives."""
    note: str = ""
    met: bool | None = None
    """Whether it is as promised; None where nothing is."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Whether one interval of an audit holds the truth."""

    held: bool
    width: float
    cell: str = ""
    """Which of several that are counted together."""

    @classmethod
    def of(cls, ends: Interval | tuple[float, float], truth: float, cell: str = "") -> "Cover":
        """Of an interval with these ends."""
        low, high = (ends.low, ends.high) if isinstance(ends, Interval) else ends
        return cls(low - TOLERANCE <= truth <= high + TOLERANCE, high - low, cell)


@dataclass
class Tally:
    """Collects, audit by audit, whether something held."""

    section: str
    setting: str
    held: dict[str, list[float]] = field(default_factory=dict)
    widths: dict[str, list[float]] = field(default_factory=dict)
    cells: dict[str, dict[str, list[bool]]] = field(default_factory=dict)

    def add(self, what: str, hits: Sequence[bool]) -> None:
        """Add one audit: in how many of its cells it held."""
        self.held.setdefault(what, []).append(float(np.mean(hits)))

    def cover(self, what: str, covers: Sequence[Cover]) -> None:
        """Add the intervals of one audit, none where it has none."""
        if not covers:
            return
        self.add(what, [cover.held for cover in covers])
        self.widths.setdefault(what, []).append(float(np.mean([cover.width for cover in covers])))
        cells = self.cells.setdefault(what, {})
        for cover in covers:
            cells.setdefault(cover.cell, []).append(cover.held)

    def coverage(self, unjudged: str = "") -> list[Row]:
        """Rows of intervals.

        Args:
            unjudged: why nothing is promised of them; empty: they are to cover as ``COVERED`` says.
        """
        rows, (least, most) = [], COVERED
        for what, held in self.held.items():
            value, error = _mean(held)
            low, high = bool(value + 2 * error < least), bool(value - 2 * error > most)
            found = f"; covers less than {least}" if low else f"; {MORE}" if high else ""
            note = f"width {np.mean(self.widths[what]):.3g}{self._lowest(what)}" + (f"; {unjudged}" if unjudged else found)
            rows.append(Row(self.section, what, self.setting, len(held), value, error, note, None if unjudged else not low))
        return rows

    def _lowest(self, what: str) -> str:
        shares = {cell: float(np.mean(hits)) for cell, hits in self.cells[what].items()}
        if len(shares) < 2:
            return ""
        cell = min(shares, key=shares.__getitem__)
        return f"; lowest of {len(shares)} cells {shares[cell]:.3f}: {cell}"

    def rates(self, at_most: float | None = None) -> list[Row]:
        """Rows of tests and verdicts: how often they said so.

        Args:
            at_most: what is promised; None: nothing is.
        """
        rows = []
        for what, held in self.held.items():
            value, error = _mean(held)
            met = None if at_most is None else bool(value - 2 * error <= at_most)
            note = "" if at_most is None else f"nominal at most {at_most:g}"
            rows.append(Row(self.section, what, self.setting, len(held), value, error, note, met))
        return rows


def _mean(held: Sequence[float]) -> tuple[float, float]:
    """Mean over audits and its standard error; of rates at 0 or 1, that of one event more or less."""
    n, values = len(held), np.array(held)
    spread = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 1.0
    return float(values.mean()), max(spread, 1 / (n * np.sqrt(12)))


def summary(rows: Sequence[Row]) -> list[Row]:
    """One row for an interval in all its settings, with the worst of them, and one for the three verdicts of a gate."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_belongs(row), []).append(row)
    return [row for found in groups.values() for row in _together(found)]


def _belongs(row: Row) -> tuple[str, ...]:
    if row.section == COVERAGE:
        return row.section, row.what
    if row.section in (GATES, AMPLIFIED):
        return row.section, row.what.partition(":")[0], row.setting
    return row.section, row.what, row.setting


def _together(found: Sequence[Row]) -> Sequence[Row]:
    if len(found) == 1:
        return found
    if found[0].section == GATES:
        return [_verdicts(found)]
    if found[0].section == AMPLIFIED:
        return [_on_average(found)]
    return [_all_settings(found)] if found[0].section == COVERAGE else found


def _met(found: Sequence[Row]) -> bool | None:
    return None if all(row.met is None for row in found) else all(row.met is not False for row in found)


def _verdicts(found: Sequence[Row]) -> Row:
    said = {row: row.what.partition(": ")[2] for row in found}
    verdicts = ", ".join(f"{verdict} {row.value:.3f}" for row, verdict in said.items())
    wrong = [verdict for row, verdict in said.items() if row.met is not None]
    judged = f"; {' and '.join(wrong)} in error: {next(row.note for row in found if row.note)}" if wrong else ""
    gate = f"{found[0].what.partition(':')[0]}: share that pass"
    return replace(found[0], what=gate, note=verdicts + judged, met=_met(found))


def _all_settings(found: Sequence[Row]) -> Row:
    worst = min(found, key=lambda row: row.value)
    below, above = sum(row.met is False for row in found), sum(MORE in row.note for row in found)
    note = f"lowest {worst.value:.3f} +- {worst.error:.3f}: {worst.setting}"
    note += f"; {below} cover less than {COVERED[0]}" if below else ""
    note += f"; {above} cover more than {COVERED[1]}" if above else ""
    met = _met(found)
    note += f"; not judged, {worst.note.rpartition('; ')[2]}" if met is None else ""
    return replace(_mean_of(found), setting=f"{len(found)} settings", note=note, met=met)


def _on_average(found: Sequence[Row]) -> Row:
    low, high = (choose(found, key=lambda row: row.value) for choose in (min, max))
    told = " and ".join(f"{row.what.partition(': ')[2]} {row.value:+.3f} +- {row.error:.3f}" for row in (low, high))
    return replace(_mean_of(found), what=f"{found[0].what.partition(':')[0]}, mean of {len(found)}", note=f"between {told}")


def _mean_of(found: Sequence[Row]) -> Row:
    error = float(np.sqrt(sum(row.error**2 for row in found))) / len(found)
    audits = sum(row.audits for row in found)
    return replace(found[0], audits=audits, value=float(np.mean([row.value for row in found])), error=error)


def show(rows: Iterable[Row]) -> None:
    """Print a table for each section."""
    by_section: dict[str, list[Row]] = {}
    for row in rows:
        by_section.setdefault(row.section, []).append(row)
    for section, found in by_section.items():
        told = "half the 95 % interval" if section in OF_ONE_BANK else "1 standard error"
        table = Table(title=f"{section} (+-: {told})", title_justify="left")
        for column in ("what", "planted", "draws" if section in OF_ONE_BANK else "audits", "value", "+-", "note"):
            table.add_column(column, justify="right" if column in ("audits", "draws", "value", "+-") else "left")
        for row in found:
            style = "bold red" if row.met is False else ""
            cells = (row.what, row.setting, str(row.audits), f"{row.value:.4f}", f"{row.error:.4f}", row.note)
            table.add_row(*cells, style=style)
        Console(width=160).print(table)


def save(path: Path, rows: Sequence[Row], told: Mapping[str, object]) -> None:
    """Write the rows as JSON, with where they come from and what else is told of them."""
    told = {"format": 1, **told, "machine": device_name("cpu"), "revision": revision(), "versions": versions()}
    lines = [asdict(row) | {"value": _short(row.value), "error": _short(row.error)} for row in rows]
    path.write_text(json.dumps({**told, "rows": lines}, indent=1) + "\n", encoding="utf-8")


def _short(value: float) -> float:
    return float(f"{value:.4g}")

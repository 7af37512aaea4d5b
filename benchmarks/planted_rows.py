"""Rows of the planted-truth benchmark: rates with their Monte-Carlo error, as tables and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from audit.environment import device_name, revision, versions

__all__ = ["COVERED", "Row", "Tally", "save", "show", "summary"]

COVERED = 0.935
"""Least coverage of a nominal 95 % interval; a row is below it where two standard errors do not reach it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number."""

    section: str
    what: str
    """Interval, test or model."""
    setting: str
    """What was planted."""
    audits: int
    value: float
    """A rate, 0..1, or a difference of rates."""
    error: float
    """Monte-Carlo standard error; of what rests on one bank, the half width of the 95 % interval."""
    note: str = ""
    met: bool | None = None
    """Whether it is as promised; None where nothing is."""


@dataclass
class Tally:
    """Collects, audit by audit, whether something held."""

    section: str
    setting: str
    held: dict[str, list[float]] = field(default_factory=dict)
    widths: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, hits: Sequence[bool], widths: Sequence[float] = ()) -> None:
        """Add one audit: in how many of its cells it held, and how wide the intervals were."""
        self.held.setdefault(what, []).append(float(np.mean(hits)))
        if widths:
            self.widths.setdefault(what, []).append(float(np.mean(widths)))

    def coverage(self) -> list[Row]:
        """Rows of intervals."""
        rows = []
        for what, held in self.held.items():
            value, error = _mean(held)
            low = bool(value + 2 * error < COVERED)
            note = f"width {np.mean(self.widths[what]):.3g}" + (f"; covers less than {COVERED}" if low else "")
            rows.append(Row(self.section, what, self.setting, len(held), value, error, note, not low))
        return rows

    def rates(self, at_most: float | None = None) -> list[Row]:
        """Rows of tests and verdicts: how often they said so."""
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
    if row.section.startswith("coverage"):
        return row.section, row.what
    if row.section.startswith("verdicts"):
        return row.section, row.what.partition(":")[0], row.setting
    return row.section, row.what, row.setting


def _together(found: Sequence[Row]) -> Sequence[Row]:
    if len(found) == 1:
        return found
    first = found[0]
    met = None if all(row.met is None for row in found) else all(row.met is not False for row in found)
    if first.section.startswith("verdicts"):
        verdicts = ", ".join(f"{row.what.partition(': ')[2]} {row.value:.3f}" for row in found)
        gate = f"{first.what.partition(':')[0]}: share that pass"
        return [Row(first.section, gate, first.setting, first.audits, first.value, first.error, verdicts, met)]
    worst = min(found, key=lambda row: row.value)
    mean, audits = float(np.mean([row.value for row in found])), sum(row.audits for row in found)
    error = float(np.sqrt(sum(row.error**2 for row in found))) / len(found)
    below = sum(row.met is False for row in found)
    note = f"lowest {worst.value:.3f} +- {worst.error:.3f}: {worst.setting}" + (f"; {below} below" if below else "")
    return [Row(first.section, first.what, f"{len(found)} settings", audits, mean, error, note, met)]


def show(rows: Iterable[Row]) -> None:
    """Print a table for each section."""
    by_section: dict[str, list[Row]] = {}
    for row in rows:
        by_section.setdefault(row.section, []).append(row)
    for section, found in by_section.items():
        table = Table(title=section, title_justify="left")
        for column in ("what", "planted", "audits", "value", "+-", "note"):
            table.add_column(column, justify="right" if column in ("audits", "value", "+-") else "left")
        for row in found:
            style = "bold red" if row.met is False else ""
            cells = (row.what, row.setting, str(row.audits), f"{row.value:.4f}", f"{row.error:.4f}", row.note)
            table.add_row(*cells, style=style)
        Console(width=160).print(table)


def save(path: Path, rows: Sequence[Row], seconds: float, command: str) -> None:
    """Write the rows as JSON, with where they come from."""
    told = {"format": 1, "command": command, "seconds": round(seconds), "machine": device_name("cpu")}
    told |= {"revision": revision(), "versions": versions()}
    lines = [asdict(row) | {"value": _short(row.value), "error": _short(row.error)} for row in rows]
    path.write_text(json.dumps(told | {"rows": lines}, indent=1) + "\n", encoding="utf-8")


def _short(value: float) -> float:
    return float(f"{value:.4g}")

"""Files of shares that users bring: CSV or TOML, read strictly, with the line of what is wrong."""

import csv
import io
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.digest import bytes_digest
from audit.errors import InputError

__all__ = ["HEADER", "Cells", "Table", "number", "read_table", "text"]

HEADER = ("title", "dated", "source", "licence", "caveats")
MAX_BYTES = 20_000_000
MAX_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a file, as text or TOML values."""

    at: str
    """Where it stands: ``line 7`` of a CSV file, ``row 3`` of a TOML file."""
    values: Mapping[str, Any]
    """Column -> value; empty cells are left out."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file of figures, not yet understood."""

    header: Mapping[str, str]
    """What it says of itself: some of ``HEADER``."""
    columns: tuple[str, ...]
    rows: tuple[Cells, ...]
    digest: str
    """Of the file's bytes."""


def read_table(path: Path) -> Table:
    """Read a file by its suffix.

    Raises:
        InputError: it is absent, too large, of another kind or malformed; names the line.
    """
    readers = {".csv": _read_csv, ".toml": _read_toml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown kind of file; expected a name that ends in .csv or .toml")
    data = _bytes(path)
    table = reader(_decoded(data, path), path, bytes_digest(data))
    if not table.rows:
        raise InputError(f"{path}: it has no row; expected one for each label, with the columns label and share")
    if len(table.rows) > MAX_ROWS:
        raise InputError(f"{path}: {len(table.rows)} rows; at most {MAX_ROWS} are read")
    return table


def _bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            raise InputError(f"{path}: not a file; expected a .csv or .toml file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes; keep the rows that this audit needs")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; relative paths count from {Path.cwd()}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({why}); expected a .csv or .toml file") from error


def _decoded(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: not UTF-8; save the file as UTF-8") from error


def _read_csv(text: str, path: Path, digest: str) -> Table:
    lines = io.StringIO(text, newline="").readlines()
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    reader = csv.reader(io.StringIO("".join(lines[first:]), newline=""), strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        _check_columns(columns, f"{path}: line {first + 1}")
        rows = tuple(_csv_rows(reader, columns, path, first))
    except csv.Error as error:
        raise InputError(f"{path}: line {first + reader.line_num}: not valid CSV ({error})") from error
    return Table(_csv_header(lines[:first]), columns, rows, digest)


def _csv_rows(reader: Any, columns: tuple[str, ...], path: Path, before: int) -> Iterator[Cells]:
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        at = f"line {before + reader.line_num}"
        if len(values) != len(columns):
            raise InputError(
                f"{path}: {at}: {len(values)} values for the {len(columns)} columns {', '.join(columns)}; "
                "put quotes around a text with commas"
            )
        yield Cells(at, {name: value for name, value in zip(columns, values, strict=True) if value})


def _csv_header(lines: list[str]) -> dict[str, str]:
    """What ``# title: ...`` and the like say above the first row; other remarks are passed over."""
    found: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.lstrip("# ").partition(":")
        if colon and key.strip().lower() in HEADER:
            found[key.strip().lower()] = value.strip()
    return found


def _read_toml(text: str, path: Path, digest: str) -> Table:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    rows = data.pop("row", [])
    for key, value in data.items():
        if key not in HEADER:
            raise InputError(f"{path}: {key}: unknown key; expected {', '.join(HEADER)} and [[row]] tables")
        if not isinstance(value, str | int | float) and not hasattr(value, "isoformat"):
            raise InputError(f"{path}: {key}: found a {type(value).__name__}; expected a text")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path}: row: expected [[row]] tables, each with label and share")
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if rows:
        _check_columns(columns, str(path))
    cells = tuple(Cells(f"row {number}", row) for number, row in enumerate(rows, start=1))
    return Table({key: str(value) for key, value in data.items()}, columns, cells, digest)


def _check_columns(columns: tuple[str, ...], where: str) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        fault = f"two columns are named {twice[0]!r}" if twice and twice[0] else "a column has no name"
        raise InputError(f"{where}: {fault}; each column needs a name of its own")
    lacking = [name for name in ("label", "share") if name not in columns]
    if lacking:
        found = ", ".join(columns) or "none"
        hint = "; separate columns by commas" if any(";" in name or "\t" in name for name in columns) else ""
        raise InputError(f"{where}: no column {' and no column '.join(lacking)}; found {found}{hint}")
    if {"n", "standard_error"} <= set(columns):
        raise InputError(f"{where}: both n and standard_error; one of them says the other, so give one")


def number(value: Any, where: str) -> float:
    """A finite number from text or TOML.

    Raises:
        InputError: it is none; ``where`` names the cell.
    """
    try:
        found = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"{where} is {str(value)[:40]!r}; expected a number such as 0.25")
    return found


def text(value: Any, where: str) -> str:
    """A name from text or TOML.

    Raises:
        InputError: it is none; ``where`` names the cell.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise InputError(f"{where} is {str(value)[:40]!r}; expected a name")
    return str(value).strip()

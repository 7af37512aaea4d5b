"""Rows of text read from files of unknown origin: one line a row, CSV with a header, or JSON Lines."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.errors import InputError

__all__ = ["SUFFIXES", "Row", "read_bytes", "read_rows"]

SUFFIXES = (".txt", ".csv", ".jsonl")
TEXT = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands."""

    line: int
    """Number of its (last) line, from 1."""
    values: dict[str, str]
    """Column -> text without surrounding white space. A text file has the one column ``text``."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; relative paths count from {Path.cwd()}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a {', '.join(SUFFIXES)} file") from error


def read_rows(path: Path) -> tuple[Row, ...]:
    """All rows that are not blank.

    Raises:
        InputError: the file is absent, empty, not UTF-8, of an unknown kind or malformed; names the line.
    """
    text = _decoded(path)
    readers = {".txt": _lines, ".csv": _csv, ".jsonl": _jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown kind of file; expected a name that ends in {', '.join(SUFFIXES)}")
    rows = tuple(reader(text, path))
    if not rows:
        raise InputError(f"{path}: no row with text in it; expected one prompt a row")
    return rows


def _decoded(path: Path) -> str:
    data = read_bytes(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: the file is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def _lines(text: str, _: Path) -> Iterator[Row]:
    """Lines end at a line feed only: other separators are control characters, which the suite refuses by line."""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(" \r\t\u3000\u00a0")
        if stripped:
            yield Row(number, {TEXT: stripped})


def _csv(text: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if not header:
                header = _header(values, path)
            elif len(values) != len(header):
                raise InputError(
                    f"{path}: line {reader.line_num}: {len(values)} values for the {len(header)} columns "
                    f"{', '.join(header)}; put quotes around a text with commas"
                )
            else:
                yield Row(reader.line_num, dict(zip(header, values, strict=True)))
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not valid CSV ({error})") from error


def _header(names: list[str], path: Path) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        fault = f"two columns are named {twice[0]!r}" if twice and twice[0] else "a column has no name"
        raise InputError(f"{path}: line 1: {fault}; each column needs a name of its own")
    return names


def _jsonl(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_different_keys)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {number}: not valid JSON ({error}); expected one object a line") from error
        if not isinstance(value, dict):
            raise InputError(f"{path}: line {number}: found {type(value).__name__}; expected one JSON object a line")
        yield Row(number, {key: _scalar(item, f"{path}: line {number}: {key!r}") for key, item in value.items()})


def _scalar(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise InputError(f"{where} is a {type(value).__name__}; expected a text or a number")


def _different_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")

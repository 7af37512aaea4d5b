"""The table beside a folder of images: under which condition, and on which axes, each image was made.

CSV, JSONL or Parquet, one row an image. ``file`` is its path inside the folder, with ``/`` between folders. All other
columns are optional: ``prompt`` and ``language``, or ``label`` (the class number) and ``label_name``; ``seed``; ``pair``
(an id that the arms of a counterfactual share); ``outcome`` and ``reason``, for a row that records a refusal, a filtered
image or a failure and needs no file. Whatever else the table holds are axes, one column each.
"""

import csv
import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError, model_validator

from audit.errors import InputError
from audit.records import Record
from audit.spec import explain, nearest

__all__ = ["FORMATS", "Entry", "read_table"]

FORMATS = (".csv", ".jsonl", ".parquet")
COLUMNS = ("file", "prompt", "language", "label", "label_name", "seed", "pair", "outcome", "reason")
Cells = Mapping[str, Any]


class Entry(Record):
    """One row of the table."""

    line: int
    """Where it stands in the file, counted from 1 with the header; rows from 1 for Parquet."""
    file: str = ""
    """Path inside the folder; empty where there is no image."""
    prompt: str = ""
    language: str = ""
    label: int | None = Field(default=None, ge=0)
    label_name: str = ""
    seed: int | None = None
    pair: str = ""
    outcome: Literal["made", "refused", "filtered", "failed"] = "made"
    reason: str = ""
    axes: tuple[tuple[str, str], ...] = ()
    """Name and level; an empty cell gives no level."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.outcome == "made" and not self.file:
            raise ValueError("no `file`; give its path inside the folder, or an `outcome` of refused, filtered or failed")
        if self.prompt and self.label is not None:
            raise ValueError("both a `prompt` and a `label`; an image has one condition")
        if self.language and not self.prompt:
            raise ValueError("a `language` without a `prompt`")
        if self.label_name and self.label is None:
            raise ValueError("a `label_name` without a `label` (the class number)")
        if self.file:
            _check_inside(self.file)
        return self


def read_table(path: Path, axes: Collection[str] | None = None) -> Iterator[Entry]:
    """Read the rows of a table one after another.

    Args:
        path: The file; its ending says how it is read.
        axes: Columns that are axes, in this order; None: all that have no other meaning, by name.

    Raises:
        InputError: absent, of another format, malformed, without rows, or with a row that makes no sense; the message
            names the line and the column.
    """
    seen: set[str] = set()
    count = 0
    for line, cells in _rows(path):
        count += 1
        seen.update(cells)
        if "file" not in cells and cells.get("outcome") in (None, "", "made"):
            raise InputError(f"{path}, line {line}: no column `file`; found {_listed(cells)}")
        yield _entry(path, line, cells, axes)
    if not count:
        raise InputError(f"{path}: the table has no rows; it needs one for each image, with the column `file`")
    for axis in axes or ():
        if axis not in seen:
            raise InputError(f"{path}: no column {axis!r}, which `axes` names; {nearest(axis, sorted(seen))}")


def _listed(cells: Cells) -> str:
    names = ", ".join(cells)
    return f"only {names!r}; columns are separated by commas" if len(cells) == 1 and ";" in names else names


def _entry(path: Path, line: int, cells: Cells, axes: Collection[str] | None) -> Entry:
    filled = {name: value for name, value in cells.items() if not _is_empty(value)}
    named = dict.fromkeys(axes) if axes is not None else sorted(name for name in filled if name not in COLUMNS)
    levels = ((name, _level(filled[name], f"{path}, line {line}: {name}")) for name in named if name in filled)
    known = {name: filled[name] for name in COLUMNS if name in filled}
    try:
        return Entry(line=line, axes=tuple(level for level in levels if level[1]), **known)
    except ValidationError as error:
        raise InputError(explain(error, f"{path}, line {line}", Entry)) from None


def _is_empty(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _level(value: object, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict | bytes):
        raise InputError(f"{where}: the level of an axis is text or a number; found {type(value).__name__}")
    return str(value).strip()


def _check_inside(file: str) -> None:
    parts = PurePosixPath(file)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"`file` {file!r} leads out of the folder; give a path inside it")
    if "\\" in file or "\0" in file:
        raise ValueError(f"`file` {file!r} has a backslash or a null byte; write / between folders")


# ----------------------------------------------------------------------------------------------------- formats


def _rows(path: Path) -> Iterator[tuple[int, Cells]]:
    readers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: a table is a file that ends in {', '.join(FORMATS)}")
    try:
        yield from readers[path.suffix.lower()](path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; the path counts from {Path.cwd()}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({os.strerror(error.errno) if error.errno else error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _csv(path: Path) -> Iterator[tuple[int, Cells]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_names(header, path)
            for row in reader:
                if row and len(row) != len(header):
                    raise InputError(f"{path}, line {reader.line_num}: {len(row)} cells; the header has {len(header)}")
                if row:
                    yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise InputError(f"{path}, line {reader.line_num}: malformed CSV ({error})") from None


def _jsonl(path: Path) -> Iterator[tuple[int, Cells]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line, object_pairs_hook=_no_duplicates)
                if "\\u" in line:
                    json.dumps(cells, ensure_ascii=False).encode()  # half a surrogate pair could be stored nowhere
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}, line {number}: malformed JSON ({error})") from None
            if not isinstance(cells, dict):
                raise InputError(f"{path}, line {number}: expected an object, found {type(cells).__name__}")
            yield number, cells


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    cells = dict(pairs)
    if len(cells) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return cells


def _parquet(path: Path) -> Iterator[tuple[int, Cells]]:
    try:
        with pq.ParquetFile(path) as file:
            _check_names(file.schema_arrow.names, path)
            number = 0
            for batch in file.iter_batches():
                for cells in batch.to_pylist():
                    number += 1
                    yield number, cells
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file, or damaged ({' '.join(str(error).split())})") from None


def _check_names(names: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InputError(f"{path}: a column has no name; name it, or leave it out")
        if name in seen:
            raise InputError(f"{path}: two columns are named {name!r}")
        seen.add(name)

"""A folder of images whose true labels stand in a table beside them."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from audit.errors import InputError
from audit.spec import nearest

__all__ = ["FILE", "MOST_LEVELS", "Asked", "LabelledImage", "LabelledImages", "read_labelled"]

FILE = "file"
"""Column of the table that names the images."""
MAX_BYTES = 100_000_000
MOST_LEVELS = 500
"""Levels of all groups together, and characters of each: more, and a calibration would be too large to be read again."""
LONGEST_LEVEL = 100
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """Which columns of the table mean what."""

    label: str
    """Column of the true labels."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """True label as it stands there -> label of the classifier; empty: rows with it are left out."""
    groups: tuple[str, ...] = ()
    """Columns by which the error is told apart."""
    person: str = ""
    """Column that is equal for images that belong together; empty: each image stands for itself, as do those of which it
    says nothing."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image and what is known of it."""

    path: Path
    label: str
    """True label, among those of the classifier."""
    groups: tuple[str, ...]
    """Its level in each of the asked groups."""
    person: str
    """Equal for images that belong together."""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """The images of a table, in its order."""

    images: tuple[LabelledImage, ...]
    groups: tuple[str, ...]
    """Columns by which the error is told apart."""
    left_out: int
    """Rows whose label is mapped to nothing."""


def read_labelled(folder: Path, table: Path, asked: Asked, labels: Sequence[str]) -> LabelledImages:
    """Read a CSV table and find its images.

    Args:
        folder: that the paths in the column ``file`` count from.
        table: CSV in UTF-8 with a header.
        asked: columns, and what their labels mean.
        labels: of the classifier.

    Raises:
        InputError: folder or table absent, no CSV, no such column, no rows, a label that means nothing to the classifier,
            an image that is absent or named twice, or images of a single label.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images; the path counts from {Path.cwd()}")
    _check_mapping(asked, labels)
    seen: dict[str, int] = {}
    images, left_out = [], 0
    for line, row in _rows(table, (FILE, asked.label, *asked.groups, *filter(None, [asked.person]))):
        label = _meant(row[asked.label], asked, labels, f"{table}, line {line}")
        if not label:
            left_out += 1
            continue
        path = _found(folder, row[FILE], f"{table}, line {line}")
        name = str(PurePosixPath(row[FILE]))
        if seen.setdefault(name, line) != line:
            raise InputError(f"{table}, lines {seen[name]} and {line}: {name!r} twice; keep one")
        groups = tuple(row[name] or "(empty)" for name in asked.groups)
        who = row[asked.person] if asked.person else ""
        images.append(LabelledImage(path, label, groups, f"person {who}" if who else f"image {name}"))
    known = {image.label for image in images}
    if len(known) < 2:
        told = f"all {len(images)} images are {known.pop()!r}" if known else "it labels no image"
        raise InputError(f"{table}: {told}; an error needs images of at least two labels of {', '.join(labels)}")
    _check_levels(table, images, asked.groups)
    return LabelledImages(tuple(images), asked.groups, left_out)


def _check_levels(table: Path, images: Sequence[LabelledImage], groups: Sequence[str]) -> None:
    """Before any image is looked at: a person's name or the path of an image given for a group, for one, has too many."""
    levels = {name: {image.groups[place] for image in images} for place, name in enumerate(groups)}
    if sum(map(len, levels.values())) > MOST_LEVELS:
        worst = max(levels, key=lambda name: len(levels[name]))
        raise InputError(
            f"{table}: --group {worst} has {len(levels[worst])} levels; all groups together may have {MOST_LEVELS}, so "
            "merge rare ones in the table, or leave this group out"
        )
    for name, told in levels.items():
        if longest := max((text for text in (name, *told)), key=len)[LONGEST_LEVEL:]:
            raise InputError(
                f"{table}: --group {name}: a name of {LONGEST_LEVEL + len(longest)} characters; a group's column and "
                f"levels may have {LONGEST_LEVEL}, so shorten them in the table"
            )


def _check_mapping(asked: Asked, labels: Sequence[str]) -> None:
    for true, label in asked.mapping.items():
        if label and label not in labels:
            raise InputError(f"--map {true}={label}: the classifier has no label {label!r}; {nearest(label, labels)}")


def _meant(text: str, asked: Asked, labels: Sequence[str], where: str) -> str:
    if text in asked.mapping:
        return asked.mapping[text]
    if text not in labels:
        raise InputError(
            f"{where}: {asked.label} is {text[:100]!r}, which is no label of the classifier ({', '.join(labels[:SHOWN])}); "
            f"say what it means by --map '{text[:100]}=LABEL', or leave such rows out by --map '{text[:100]}='"
        )
    return text


def _found(folder: Path, file: str, where: str) -> Path:
    parts = PurePosixPath(file)
    if not file or parts.is_absolute() or ".." in parts.parts or "\\" in file or "\0" in file:
        raise InputError(f"{where}: {FILE} is {file[:100]!r}; expected the path of an image inside {folder}")
    path = folder / parts
    try:
        there = path.is_file()
    except OSError as error:  # a name that is longer than the file system has, for one
        raise InputError(f"{where}: no image {file[:100]!r} in {folder} ({error.strerror})") from None
    if not there:
        raise InputError(f"{where}: no image {file[:100]!r} in {folder}; the paths count from that folder")
    return path


def _rows(table: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines with their cells by column, stripped."""
    reader = csv.reader(io.StringIO(_text(table), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if absent := [name for name in needed if name not in header]:
            raise InputError(f"{table}: no column {absent[0]!r}; {nearest(absent[0], header)}")
        if len(set(header)) != len(header):
            raise InputError(f"{table}: two columns have the same name; its header is {', '.join(header)[:200]}")
        count = 0
        for row in filter(None, reader):
            if len(row) != len(header):
                raise InputError(f"{table}, line {reader.line_num}: {len(row)} cells; the header has {len(header)}")
            count += 1
            yield reader.line_num, {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    except csv.Error as error:
        raise InputError(f"{table}, line {reader.line_num}: malformed CSV ({error})") from None
    if not count:
        raise InputError(f"{table}: a header and no rows; expected a row for each image")


def _text(table: Path) -> str:
    try:
        if table.stat().st_size > MAX_BYTES:
            raise InputError(f"{table}: larger than {MAX_BYTES} bytes; not a table of labels")
        return table.read_text("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{table}: no such table of labels; name it by --table (it counts from {Path.cwd()})") from None
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None

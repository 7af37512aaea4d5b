"""The folder that raters are given: images under opaque names, a table to fill in, and a page that makes rating quick.

Nothing in it says what was asked of the generator, which one it was, or what the classifier read.
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from audit.digest import digest, short
from audit.errors import InputError
from audit.images import decode, encode_png
from audit.labels import LabelSample
from audit.store import ImageRef, RunStore

__all__ = ["UNCLEAR", "formula_safe", "hand_out"]

UNCLEAR = "cannot tell"
"""What raters write where they cannot tell."""

AS_STORED = {"png": "png", "jpeg": "jpg"}
"""Codec -> ending of the files that every browser shows as the classifier saw them."""


def hand_out(store: RunStore, sample: LabelSample, folder: Path, tick: Callable[[int], None]) -> None:
    """Write the folder; what is there already of the same sample is not written again.

    Args:
        tick: called with the number of images that were written since the last call.

    Raises:
        InputError: the folder holds something else, labels, or cannot be written.
        StoreError: an image is gone or has changed.
    """
    _see_that_it_is_free(folder)
    names = {item.id: f"images/{item.id}.{_ending(store, item.image)}" for item in sample.items}
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for item in sample.items:
            _copy(store, item.image, folder / names[item.id])
            tick(1)
        (folder / "labels.csv").write_bytes(_table(sample, names))
        (folder / "sheet.html").write_bytes(_page(sample, names))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder by --out") from error


def formula_safe(text: str) -> str:
    """Text as a cell that no spreadsheet runs as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _see_that_it_is_free(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: a file, and a folder is to be written; choose another by --out")
    table = folder / "labels.csv"
    known = {"images", "labels.csv", "sheet.html"}
    if any(entry.name not in known for entry in folder.iterdir()):
        raise InputError(f"{folder}: holds other files; choose another folder by --out")
    if table.exists() and _is_filled(table):
        raise InputError(f"{table}: holds labels; import it, or move it away, and export again")


def _is_filled(table: Path) -> bool:
    try:
        rows = csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig"), newline=""))
        return any((row.get("label") or "").strip() for row in rows)
    except (UnicodeDecodeError, csv.Error):
        return True  # not as it was written


def _ref(store: RunStore, image: str) -> ImageRef:
    found = store.image_refs.get(image)
    if found is None:
        raise InputError(
            f"{store.path}: the image {short(image)} is not in the run; `imgaudit verify` lists what is missing"
        )
    return found


def _ending(store: RunStore, image: str) -> str:
    ref = _ref(store, image)
    return "png" if ref.location else AS_STORED.get(ref.codec, "png")


def _bytes(store: RunStore, image: str) -> bytes:
    """An image of the run as stored; any other as the pixels that were scored, without what else its file tells."""
    ref = _ref(store, image)
    data = store.get_image(ref)
    if not ref.location and ref.codec in AS_STORED:
        return data
    return encode_png(decode(data, short(image)).pixels)


def _copy(store: RunStore, image: str, path: Path) -> None:
    if path.exists():  # named by what it holds, and never half written
        return
    beside = path.with_suffix(".tmp")
    try:
        beside.write_bytes(_bytes(store, image))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _table(sample: LabelSample, names: dict[str, str]) -> bytes:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(["item", "image", "label", "choices"])
    choices = formula_safe(" | ".join([*sample.levels, UNCLEAR]))
    writer.writerows([item.id, names[item.id], "", choices] for item in sample.items)
    return lines.getvalue().encode("utf-8")


def _page(sample: LabelSample, names: dict[str, str]) -> bytes:
    template = (Path(__file__).parent / "label_sheet.html").read_text(encoding="utf-8")
    data = {
        "key": f"imgaudit-labels-{short(digest([sample.run, sample.column, sample.seed]), 16)}",
        "file": "labels-rated.csv",
        "title": sample.title,
        "hint": "Where several people are shown, rate the one whose face is largest." if sample.regional else "",
        "answers": [*sample.levels, UNCLEAR],
        "items": [[item.id, names[item.id]] for item in sample.items],
    }
    # inside a script element only `<` could end it
    text = json.dumps(data, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    return template.replace("@@DATA@@", text).encode("utf-8")

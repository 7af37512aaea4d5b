"""The files of a folder of images: finding them and reading one."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from audit.component import OnDisk
from audit.digest import file_digest
from audit.errors import InputError
from audit.images import EXTENSIONS, MAX_BYTES
from audit.records import Failed

__all__ = ["ABSENT", "content_digest", "read", "scan", "size"]

ABSENT = -1
"""Size of a file that is not there."""


def scan(root: Path, *, recursive: bool) -> Iterator[tuple[str, int]]:
    """Find the images of a folder: relative paths with ``/`` and sizes in bytes, in no particular order.

    Names that begin with a dot are passed over. Links are followed, but no folder is entered twice.

    Raises:
        InputError: a folder cannot be read, is reached twice through a link, or holds a name that is not UTF-8.
    """
    waiting = [(root, "")]
    entered = {_identity(root): root}
    while waiting:
        folder, prefix = waiting.pop()
        for entry in _entries(folder):
            child = Path(entry.path)
            if not _is_folder(entry):
                if child.suffix.lower() in EXTENSIONS:
                    yield prefix + entry.name, size(child)
            elif recursive:
                other = entered.setdefault(_identity(child), child)
                if other != child:
                    raise InputError(
                        f"{child} and {other} are the same folder, so its images would count twice or without end; "
                        "remove the link, or list the images in a `table`"
                    )
                waiting.append((child, f"{prefix}{entry.name}/"))


def content_digest(path: Path) -> str:
    """Digest of a file's bytes; empty for what is no plain file or cannot be read, which drawing it will say."""
    try:
        return file_digest(path) if path.is_file() else ""
    except OSError:
        return ""


def size(path: Path) -> int:
    """Size in bytes, of what a link leads to; ``ABSENT`` where there is nothing."""
    try:
        return path.stat().st_size
    except OSError:
        return ABSENT


def read(folder: Path, file: str) -> OnDisk | Failed:
    """Read one image file as it is; ``Failed`` where that cannot be done."""
    path = folder / file
    name = file if file.isprintable() else ascii(file)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Failed(reason=f"{name}: not a regular file")  # a pipe would be waited for without end
        if found.st_size > MAX_BYTES:
            return Failed(reason=f"{name}: {found.st_size} bytes; an image file of at most {MAX_BYTES} bytes is read")
        return OnDisk(path.absolute(), path.read_bytes())
    except OSError as error:
        return Failed(reason=f"{name}: cannot be read ({error.strerror})")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    for entry in entries:
        if any("\ud800" <= letter <= "\udfff" for letter in entry.name):
            raise InputError(f"{folder}: the file name {os.fsencode(entry.name)!r} is not UTF-8; rename it")
    return entries


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, say
        return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        found = folder.stat()
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    return found.st_dev, found.st_ino

"""Torch archives (zip files), read whole and written again, so that what is loaded is what was checked."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from audit.errors import InputError

__all__ = ["pack_archive", "read_archive"]


def read_archive(path: Path) -> dict[str, bytes]:
    """Read every member of a torch archive.

    Args:
        path: a zip file whose members are stored without compression, all in one folder or all in none.

    Returns:
        Member name within that folder -> bytes.

    Raises:
        InputError: unreadable, compressed, or a name that stands twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise InputError(f"{path}: a compressed zip file; torch writes its archives without compression")
            members = [(info.filename, archive.read(info)) for info in infos]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not a torch archive ({error})") from error
    roots = {name.partition("/")[0] for name, _ in members}
    if len(roots) == 1 and all("/" in name for name, _ in members):
        members = [(name.partition("/")[2], data) for name, data in members]
    if len(dict(members)) != len(members):
        raise InputError(f"{path}: a damaged archive: two members have the same name")
    return dict(members)


def pack_archive(members: Mapping[str, bytes], root: str = "") -> io.BytesIO:
    """Write members into a new uncompressed archive in memory, inside the folder ``root`` where one is named."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(f"{root}/{name}" if root else name, data)
    buffer.seek(0)
    return buffer

"""Torch archives (zip files), read whole and written again, so that what is loaded is what was checked."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from audit.errors import InputError

__all__ = ["pack_archive", "read_archive"]

MAX_COMPRESSED = 64 * 2**20
"""Bytes that compressed members may unpack to, all together."""


def read_archive(path: Path) -> dict[str, bytes]:
    """Read every member of a torch archive.

    Args:
        path: a zip file with its members in one folder, or in none. Torch compresses source code only, never tensors.

    Returns:
        Member name within that folder -> bytes.

    Raises:
        InputError: unreadable, much compressed (it could fill the memory), or a name that stands twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in infos if info.compress_type != zipfile.ZIP_STORED) > MAX_COMPRESSED:
                raise InputError(f"{path}: not a torch archive: its tensors are compressed")
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

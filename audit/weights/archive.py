"""Takes named files out of a hostile archive: by exact name, whole, once, and nothing else.

A wheel, sdist or tarball is data here. Nothing of it is unpacked besides the files asked for, under names that the
catalogue chose, so a member called ``../../x`` has nowhere to go, and no code of it can run.
"""

import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO, cast

from audit.errors import WeightsError

__all__ = ["extract"]

MEMBER_LIMIT = 16 << 30
# Weights hardly compress; a stream that grows more than this while it is unpacked is a bomb.
GROWTH = 50
SLACK = 256 << 20
CHUNK = 1 << 20

UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RecursionError, ValueError)


def extract(archive: Path, wanted: Mapping[str, Path], sizes: Mapping[str, int]) -> None:
    """Write the members named by the keys of ``wanted`` to its paths.

    Args:
        archive: a zip file (wheels, old sdists) or a gzip-compressed tar file (sdists, npm tarballs).
        wanted: exact member name -> where it goes.
        sizes: exact member name -> bytes that it must have; members without an entry may have up to 16 GiB.

    Raises:
        WeightsError: the archive is damaged, lacks a member, or has it twice, as a link, encrypted or of another size.
    """
    try:
        read = _from_zip if zipfile.is_zipfile(archive) else _from_tar
        found = read(archive, wanted, sizes)
    except (*UNREADABLE, gzip.BadGzipFile, NotImplementedError) as error:
        raise WeightsError(f"{archive.name} is not a readable archive: {error}") from error
    for member in wanted:
        if member not in found:
            raise WeightsError(f"{archive.name} has no file {member!r}; the catalogue entry does not fit this release")


def _from_zip(archive: Path, wanted: Mapping[str, Path], sizes: Mapping[str, int]) -> set[str]:
    found: set[str] = set()
    with zipfile.ZipFile(archive) as container:
        for info in container.infolist():
            if info.filename not in wanted:
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            encrypted = info.flag_bits & 1
            if encrypted or kind not in {0, stat.S_IFREG}:
                raise _irregular(info.filename)
            _admit(info.filename, info.file_size, found, sizes)
            with container.open(info) as source:
                _copy(source, wanted[info.filename], info.file_size)
    return found


def _from_tar(archive: Path, wanted: Mapping[str, Path], sizes: Mapping[str, int]) -> set[str]:
    found: set[str] = set()
    limit = archive.stat().st_size * GROWTH + SLACK
    with (
        gzip.open(archive) as unzipped,
        tarfile.open(fileobj=_Capped(cast(BinaryIO, unzipped), limit), mode="r|") as container,
    ):
        for info in container:
            if info.name not in wanted:
                continue
            source = container.extractfile(info) if info.isreg() and not info.issparse() else None
            if source is None:
                raise _irregular(info.name)
            _admit(info.name, info.size, found, sizes)
            _copy(source, wanted[info.name], info.size)
    return found


def _admit(member: str, size: int, found: set[str], sizes: Mapping[str, int]) -> None:
    """Refuse a member that is there twice or has another size than it must."""
    if member in found:
        raise WeightsError(f"the archive holds {member!r} twice; refused")
    expected = sizes.get(member, size)
    if size != expected:
        raise WeightsError(f"the archive has {member!r} with {size} bytes, expected {expected}; refused")
    if size > MEMBER_LIMIT:
        raise WeightsError(f"the archive claims {size} bytes for {member!r}, more than {MEMBER_LIMIT}; refused")
    found.add(member)


def _irregular(member: str) -> WeightsError:
    return WeightsError(f"in the archive {member!r} is not a plain file but a link, a folder or encrypted; refused")


def _copy(source: IO[bytes], target: Path, size: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    written = target.stat().st_size
    if written != size:
        raise EOFError(f"{written} of {size} bytes of {target.name}")


class _Capped(io.RawIOBase):
    """A stream that breaks off where more comes out of it than any honest archive holds."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise EOFError("it unpacks to far more than its own size")
        return data

"""Files of one folder, local or in object storage: whole or absent, with their digests in ``SHA256SUMS``."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from audit.digest import bytes_digest, short
from audit.errors import InputError, StoreError

__all__ = ["SUMS", "RunFiles"]

SUMS = "SHA256SUMS"


class RunFiles:
    """Reads and writes the files of a run.

    Args:
        path: folder or fsspec URL; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._fs, self._root = fsspec.core.url_to_fs(str(path))
        except (ImportError, ValueError, OSError) as error:
            raise InputError(f"{path}: no such kind of address ({error})") from error
        self._local = isinstance(self._fs, LocalFileSystem)
        self.path = str(path)

    def _at(self, *parts: str) -> str:
        return "/".join([self._root, *parts])

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return bool(self._fs.isfile(self._at(name)))

    def read(self, name: str) -> bytes:
        """Bytes of a file."""
        try:
            return bytes(self._fs.cat_file(self._at(name)))
        except (FileNotFoundError, IsADirectoryError):
            raise StoreError(f"{self.path}/{name}: missing; `imgaudit verify {self.path}` lists what is") from None

    def _write(self, name: str, data: bytes) -> None:
        target = self._at(name)
        self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        if not self._local:
            self._fs.pipe_file(target, data)  # object stores replace whole objects
            return
        beside = Path(target).with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                if not name.startswith("images/"):
                    os.fsync(file.fileno())  # images are checked by digest; a table must not be torn by a power cut
            beside.replace(target)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StoreError(f"{target}: cannot be written ({error.strerror}); free some space and resume") from error

    def write(self, name: str, data: bytes) -> None:
        """Write a top-level file and note its digest in ``SHA256SUMS``."""
        self._write(name, data)
        self._write_sums({**self._sums(), name: bytes_digest(data)})

    def _write_sums(self, sums: dict[str, str]) -> None:
        lines = "".join(f"{short(digest, 64)}  {entry}\n" for entry, digest in sorted(sums.items()))
        self._write(SUMS, f"{lines}# {bytes_digest(lines.encode())}\n".encode())

    def write_json(self, name: str, value: Any) -> None:
        """Write JSON that people can read and diff."""
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        self.write(name, f"{text}\n".encode("utf-8", "replace"))

    def names(self, under: str) -> list[str]:
        """Files that ``write`` wrote whose names begin so, sorted."""
        return sorted(name for name in self._sums() if name.startswith(under))

    def read_json(self, name: str) -> Any:
        """Parse a JSON file of the run."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise StoreError(f"{self.path}/{name}: not valid JSON ({error}); the file is damaged") from error

    def _sums(self) -> dict[str, str]:
        if not self.has(SUMS):
            return {}
        pairs = (line.split("  ", 1) for line in self.read(SUMS).decode("utf-8", "replace").splitlines() if line[:1] != "#")
        return {pair[1]: f"sha256:{pair[0]}" for pair in pairs if len(pair) == 2}

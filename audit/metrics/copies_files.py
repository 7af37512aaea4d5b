"""Vectors of large reference sets, read block by block: from memory, a ``.npy`` file, or Parquet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from audit.digest import digest, file_digest
from audit.errors import InputError

__all__ = ["BLOCK_BYTES", "InMemory", "Joined", "NpyFile", "ParquetFile", "Vectors", "content", "open_vectors"]

Block = npt.NDArray[np.float32]

BLOCK_BYTES = 64 * 2**20
"""Of one block in float32: what a pass over a reference set of any size holds of it."""
MAGIC = b"\x93NUMPY"
WIDEST = 65_536


class Vectors(Protocol):
    """Feature vectors of a reference set, in a fixed order."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def width(self) -> int:
        """Numbers in each."""

    @property
    def name(self) -> str:
        """For errors and protocols."""

    def blocks(self) -> Iterator[Block]:
        """(m, d) finite float32 vectors, consecutive, at most ``BLOCK_BYTES`` at a time.

        Raises:
            InputError: one is not finite, or the file cannot be read any more.
        """


@dataclass(frozen=True, slots=True)
class InMemory:
    """Vectors that a scorer found in this run."""

    values: Block
    """(n, d)"""
    name: str = ""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def width(self) -> int:
        """Numbers in each."""
        return int(self.values.shape[1])

    def blocks(self) -> Iterator[Block]:
        """Views of the whole."""
        step = _block_rows(self.width)
        for start in range(0, self.rows, step):
            yield _finite(self.values[start : start + step], start, self.name)


@dataclass(frozen=True, slots=True)
class Joined:
    """Two sets of vectors of one width as one; rows of the second come after those of the first."""

    first: Vectors
    second: Vectors

    @property
    def rows(self) -> int:
        """Of both."""
        return self.first.rows + self.second.rows

    @property
    def width(self) -> int:
        """Numbers in each."""
        return self.first.width

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.first.name} and {self.second.name}"

    def blocks(self) -> Iterator[Block]:
        """Those of the first, then those of the second."""
        yield from self.first.blocks()
        yield from self.second.blocks()


@dataclass(frozen=True, slots=True)
class NpyFile:
    """A two-dimensional array of numpy's own format; it is read part by part, and nothing is ever unpickled."""

    path: Path
    rows: int
    width: int
    dtype: np.dtype[np.generic]
    offset: int

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @classmethod
    def open(cls, path: Path) -> "NpyFile":
        """Read the header.

        Raises:
            InputError: not such a file, or not float16, float32 or float64 of shape (n, d).
        """
        try:
            with path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise InputError(f"{path}: not a .npy file; write one with numpy.save, or give Parquet")
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, OverflowError, SyntaxError) as error:
            why = " ".join(str(error).split())
            raise InputError(f"{path}: cannot be read as numbers ({why}); objects and pickles are never loaded") from error
        if found.ndim != 2 or found.dtype.kind != "f" or found.dtype.itemsize > 8 or np.isfortran(found):
            shape = f"{found.dtype} of shape {found.shape}"
            raise InputError(f"{path}: holds {shape}; expected float16, float32 or float64 of shape (n, d), row by row")
        _check_shape(path, *found.shape)
        return cls(path, len(found), int(found.shape[1]), found.dtype, int(found.offset))

    def blocks(self) -> Iterator[Block]:
        """Read with plain reads, since pages of a mapped file would count as memory of this process."""
        step, size = _block_rows(self.width), self.width * self.dtype.itemsize
        for start in range(0, self.rows, step):
            rows = min(step, self.rows - start)
            try:
                read = np.fromfile(self.path, self.dtype, rows * self.width, offset=self.offset + start * size)
            except OSError as error:
                raise InputError(f"{self.path}: cannot be read ({error.strerror})") from error
            if len(read) < rows * self.width:
                raise InputError(f"{self.path}: ends before row {start + rows}; it was cut while it was read")
            yield _finite(read.reshape(rows, self.width), start, self.name)


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A fixed-size list column of one file, or of all files of a folder by name, such as the scores of an earlier run."""

    path: Path
    parts: tuple[Path, ...]
    column: str
    rows: int
    width: int

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @classmethod
    def open(cls, path: Path) -> "ParquetFile":
        """Read schemas, and count the vectors.

        Raises:
            InputError: unreadable, or without a single column of fixed-size lists of floats, the same in all parts.
        """
        parts = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else (path,)
        if not parts:
            raise InputError(f"{path}: no .parquet file in it")
        columns = [_vector_column(part) for part in parts]
        if len(set(columns)) > 1:
            raise InputError(f"{path}: its parts hold different columns of vectors: {sorted(set(columns))}")
        column, width = columns[0]
        if not 1 <= width <= WIDEST:  # before any row is read, which may take as much memory as its width says
            raise InputError(f"{path}: vectors of {width} numbers; expected 1 to {WIDEST}")
        rows = sum(len(batch) for part in parts for batch in _batches(part, column, width))
        _check_shape(path, rows, width)
        return cls(path, parts, column, rows, width)

    def blocks(self) -> Iterator[Block]:
        """Rows with a vector; those of which the scorer abstained are left out."""
        start = 0
        for part in self.parts:
            for batch in _batches(part, self.column, self.width):
                if len(batch):
                    values = batch.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.width)
                    yield _finite(values, start, self.name)
                    start += len(values)


def open_vectors(path: Path) -> NpyFile | ParquetFile:
    """Vectors of a file or folder, by what it is.

    Raises:
        InputError: nothing there, or nothing that can be used.
    """
    if path.is_dir() or path.suffix == ".parquet":
        return ParquetFile.open(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of features; the path counts from {Path.cwd()}")
    return NpyFile.open(path)


def content(vectors: NpyFile | ParquetFile) -> str:
    """Digest of all bytes that the vectors come from."""
    parts = vectors.parts if isinstance(vectors, ParquetFile) else (vectors.path,)
    return digest([file_digest(part) for part in parts])


def _block_rows(width: int) -> int:
    return max(1, BLOCK_BYTES // (4 * width))


def _check_shape(path: Path, rows: int, width: int) -> None:
    if rows < 1 or not 1 <= width <= WIDEST:
        raise InputError(f"{path}: {rows} vectors of {width} numbers; expected at least one, of 1 to {WIDEST} numbers")


def _finite(values: npt.NDArray[np.generic], start: int, name: str) -> Block:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is told below
        found = np.ascontiguousarray(values, dtype=np.float32)
        bad = ~np.isfinite(np.linalg.norm(found, axis=1))  # also where the length itself is beyond float32
    if bad.any():
        row = start + int(np.argmax(bad))
        raise InputError(f"{name}: row {row} holds a number that is not finite (or too large); drop the row")
    return found


def _vector_column(part: Path) -> tuple[str, int]:
    try:
        schema = pq.read_schema(part)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{part}: cannot be read as Parquet ({' '.join(str(error).split())})") from error
    lists = [
        (field.name, int(field.type.list_size))
        for field in schema
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type)
    ]
    if len(lists) != 1:
        found = ", ".join(name for name, _ in lists) or "none"
        raise InputError(f"{part}: expected one column of fixed-size lists of floats; found {found}")
    return lists[0]


def _batches(part: Path, column: str, width: int) -> Iterator[pa.FixedSizeListArray]:
    """Vectors that are there, batch by batch."""
    try:
        with pq.ParquetFile(part) as file:
            for batch in file.iter_batches(batch_size=_block_rows(width), columns=[column], use_threads=False):
                yield batch.column(0).drop_null()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{part}: cannot be read as Parquet ({' '.join(str(error).split())})") from error

"""Look through every file of a finished run for vectors and pictures that must not be there."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from audit.digest import bytes_digest


def vectors_in(run: Path, vectors: Iterable[np.ndarray]) -> list[str]:
    """Files that hold any of the vectors: as bytes of 4 or 8 byte floats, in tables, or as numbers in JSON."""
    known = [np.asarray(vector, np.float32) for vector in vectors]
    patterns = [vector[:3].astype(kind).tobytes() for vector in known for kind in ("<f4", "<f8", ">f4", ">f8")]
    texts = [pattern.hex().encode() for pattern in patterns]
    numbers = {float(value) for vector in known for value in vector}
    found = []
    for path in files_of(run):
        data = path.read_bytes()
        if any(pattern in data for pattern in [*patterns, *texts]) or _holds(path, data, numbers):
            found.append(str(path.relative_to(run)))
    return found


def _holds(path: Path, data: bytes, numbers: set[float]) -> bool:
    if path.suffix == ".parquet":
        return any(float(np.float32(value)) in numbers for value in _floats(pq.read_table(io.BytesIO(data))))
    if path.suffix == ".json":
        return any(float(np.float32(value)) in numbers for value in _leaves(json.loads(data)))
    return False


def _floats(table: pa.Table) -> Iterator[float]:
    for column in table.columns:
        for chunk in column.chunks:
            while pa.types.is_list(chunk.type) or pa.types.is_fixed_size_list(chunk.type):
                chunk = chunk.flatten()
            if pa.types.is_floating(chunk.type):
                yield from chunk.drop_null().to_numpy(zero_copy_only=False).tolist()


def _leaves(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _leaves(child)
    elif isinstance(value, float):
        yield value


def files_of(run: Path) -> list[Path]:
    """Every file, also those that begin with a dot."""
    return sorted(path for path in run.rglob("*") if path.is_file())


def pictures_in(run: Path) -> dict[str, Path]:
    """Files that decode as a picture, whatever their name -> digest of their bytes."""
    found = {}
    for path in files_of(run):
        try:
            with Image.open(path) as image:
                image.verify()
        except (OSError, SyntaxError, ValueError):
            continue
        found[bytes_digest(path.read_bytes())] = path
    return found


def drawn_in(run: Path) -> set[str]:
    """Digests of the images that the draws of the run name."""
    tables = [pq.read_table(path, columns=["image", "outcome", "location"]) for path in run.glob("draws/*/part-*.parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    return {row["image"] for row in rows if row["outcome"] == "made" and not row["location"]}


def leavings_in(run: Path) -> list[str]:
    """Temporary files."""
    return [path.name for path in files_of(run) if path.name.startswith(".") or path.suffix == ".tmp"]

"""How long an audit of copies takes against a large training set, and how much memory; in a process of its own.

    python -m benchmarks.people.copies_scale FOLDER [--rows 1000000] [--index exact]

Prints one line of JSON. The features are made block by block, float16, and removed again.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.component import Column, Context
from audit.metrics.copies import Copies
from audit.records import Probe, TextPrompt
from audit.table import DRAW_SCHEMA, ScoreTable
from benchmarks.one_audit import peak_bytes

__all__ = ["main", "reference_file"]

WIDTH, GROUPS, INNER = 512, 2_000, 48
"""Vectors crowd around 2,000 centres and vary in 48 directions, as features of photographs do."""
BLOCK = 20_000
IMAGES = 1_000


def reference_file(path: Path, rows: int, seed: int = 0) -> Path:
    """Features of ``rows`` made-up training images as float16."""
    rng = np.random.default_rng(seed)
    centres, directions = _world()
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, WIDTH))
    for start in range(0, rows, BLOCK):
        n = min(BLOCK, rows - start)
        file[start : start + n] = _vectors(n, centres, directions, rng)
        file.flush()
    return path


def _world() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((GROUPS, WIDTH), dtype=np.float32)
    return centres, rng.standard_normal((INNER, WIDTH), dtype=np.float32) / np.float32(np.sqrt(INNER))


def _vectors(
    n: int, centres: npt.NDArray[np.float32], directions: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    own = rng.standard_normal((n, INNER), dtype=np.float32) @ directions
    return centres[rng.integers(len(centres), size=n)] + own


def _context(path: Path) -> Context:
    """A thousand generated images, 50 of them copies."""
    rng = np.random.default_rng(2)
    vectors = _vectors(IMAGES, *_world(), rng)
    sources = np.load(path, mmap_mode="r")
    vectors[:50] = np.asarray(sources[:: len(sources) // 50][:50], dtype=np.float32)
    probe = Probe(suite="scale", condition=TextPrompt(text="a picture"))
    names = [f"sha256:{i:064d}" for i in range(IMAGES)]
    rows = [
        {"generator": "model", "probe": probe.id, "index": i, "seed": i, "outcome": "made", "reason": "", "image": name}
        for i, name in enumerate(names)
    ]
    scores = pa.table(
        {
            "subject": pa.array(names),
            "region": pa.array(np.full(IMAGES, -1, dtype=np.int16)),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), WIDTH),
            "vector:why": pa.nulls(IMAGES, pa.string()),
            "vector:confidence": pa.nulls(IMAGES, pa.float32()),
        }
    )
    table = ScoreTable(pa.Table.from_pylist(rows, schema=DRAW_SCHEMA), {probe.id: probe}, {"features": scores})
    return Context(table, ("model",), 0.95, 0, {"features.vector": Column("vector", "vector")}, {"features": "made up"})


def main(arguments: list[str] | None = None) -> int:
    """Measure one search."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.people.copies_scale", description=__doc__)
    parser.add_argument("file", type=Path, help="features; made where it is absent")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--index", choices=("exact", "ivf", "make"), default="exact")
    given = parser.parse_args(arguments)
    if given.index == "make":
        reference_file(given.file, given.rows)
        return 0
    context, before, started = _context(given.file), peak_bytes(), time.perf_counter()
    metric = Copies(train_features=given.file, index=given.index)
    (found,) = (one.finding for one in metric.measure("copies", context))
    seconds = time.perf_counter() - started
    told = {"seconds": seconds, "before": before, "peak_bytes": peak_bytes(), "method": found.method}
    print(json.dumps(told | {"nearest": found.estimate, "n": found.n}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

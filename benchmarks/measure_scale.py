"""How long a large audit takes to measure: ``representation`` over a million scored images in ten thousand cells.

    python -m benchmarks.measure_scale                              1,000,000 images, 10,000 cells
    python -m benchmarks.measure_scale --images 100000 --cells 1000

The table is made of Arrow columns, without pixels and without an object a row. Prints seconds and the peak memory of the
process; exit code 1 where a full-size audit takes 60 s or 4 GB or more.
"""

import argparse
import sys
import time

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit.component import Column, Context
from audit.metrics.representation import Representation
from audit.records import Axis, Probe, TextPrompt
from audit.table import DRAW_SCHEMA, ScoreTable
from benchmarks.one_audit import peak_bytes

__all__ = ["main", "scored_images"]

IMAGES, CELLS = 1_000_000, 10_000
PROMPTS = 5
"""Wordings of each cell."""
UNREADABLE = 0.02
"""Share of images of which the classifier abstains."""
SECONDS, BYTES = 60.0, 4 * 10**9
LABELS = Column("perceived_gender", "label", "Perceived gender", levels=("feminine", "masculine"))
SCORER = "attributes"


def scored_images(images: int, cells: int, rng: np.random.Generator) -> ScoreTable:
    """A table of labelled images, spread evenly over cells of five prompts each; the share differs from cell to cell.

    Args:
        images: a multiple of five times ``cells``.
        cells: levels of the one axis, ``occupation``.
        rng: source of labels.

    Raises:
        ValueError: ``images`` cannot be spread evenly.
    """
    prompts = cells * PROMPTS
    if cells < 1 or images < prompts or images % prompts:
        raise ValueError(f"images must be a multiple of {PROMPTS} times cells; got {images} images and {cells} cells")
    probes = [_probe(cell, wording) for cell in range(cells) for wording in range(PROMPTS)]
    often = images // prompts
    probe = pa.array([one.id for one in probes]).take(pa.array(np.repeat(np.arange(prompts), often)))
    number = np.arange(images)
    image = pc.binary_join_element_wise(
        pa.scalar("sha256"), pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), 64, "0"), ":"
    )
    shares = np.repeat(rng.beta(2, 2, size=cells), images // cells)
    return ScoreTable(
        _draws(probe, number % often, image), {one.id: one for one in probes}, {SCORER: _scores(image, shares, rng)}
    )


def _probe(cell: int, wording: int) -> Probe:
    occupation = f"occupation {cell:05d}"
    text = f"portrait of a person working as {occupation}, wording {wording}"
    return Probe(suite="scale", condition=TextPrompt(text=text), axes=(Axis(name="occupation", level=occupation),))


def _draws(probe: pa.Array, index: npt.NDArray[np.int64], image: pa.Array) -> pa.Table:
    n = len(probe)
    filled = {
        "generator": _all("model", n),
        "probe": probe,
        "index": pa.array(index),
        "seed": pa.array(np.arange(n)),
        "outcome": _all("made", n),
        "reason": _all("", n),
        "image": image,
        "codec": _all("png", n),
    }
    columns = [filled[each.name] if each.name in filled else pa.nulls(n, each.type) for each in DRAW_SCHEMA]
    return pa.Table.from_arrays(columns, schema=DRAW_SCHEMA)


def _scores(image: pa.Array, shares: npt.NDArray[np.float64], rng: np.random.Generator) -> pa.Table:
    n = len(image)
    abstained = rng.random(n) < UNREADABLE
    read = pa.array(np.where(rng.random(n) < shares, 0, 1), mask=abstained)
    why = pa.array(np.zeros(n, dtype=np.int64), mask=~abstained)
    return pa.table(
        {
            "subject": image,
            "region": pa.array(np.full(n, -1, dtype=np.int16)),
            LABELS.name: pa.array(LABELS.levels).take(read),
            f"{LABELS.name}:why": pa.array(["no face"]).take(why),
            f"{LABELS.name}:confidence": pa.nulls(n, pa.float32()),
        }
    )


def _all(value: str, n: int) -> pa.Array:
    return pa.array([value]).take(pa.array(np.zeros(n, dtype=np.int64)))


def main(arguments: list[str] | None = None) -> int:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure_scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--cells", type=int, default=CELLS)
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    table = scored_images(given.images, given.cells, np.random.default_rng(7))
    built, before = time.perf_counter(), peak_bytes()
    path = f"{SCORER}.{LABELS.name}"
    context = Context(table, ("model",), 0.95, 7, {path: LABELS}, {SCORER: "planted"})
    findings = list(Representation(column=path, by=("occupation",)).measure("representation", context))
    seconds, most = time.perf_counter() - built, peak_bytes()
    print(f"built in {built - started:.1f} s, peak {before / 10**6:.0f} MB")
    told = f"{given.images} images, {given.cells} cells"
    print(f"{told}: {len(findings)} findings in {seconds:.1f} s, peak {most / 10**6:.0f} MB")
    if given.images < IMAGES or given.cells < CELLS:
        return 0
    kept = seconds < SECONDS and most < BYTES
    print(f"promise: under {SECONDS:.0f} s and {BYTES / 10**9:.0f} GB: {'kept' if kept else 'BROKEN'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

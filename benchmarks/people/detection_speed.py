"""How fast faces of 512 x 512 pixels are detected, aligned and labelled, through the stage that scores a run."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from audit.component import View
from audit.engines.local import LocalEngine
from audit.images import Pixels
from audit.plan import PlannedScorer
from audit.score import ScoreStage
from audit.scorers.attributes import Attributes
from audit.scorers.faces import Faces
from audit.store import RunStore
from audit.testing import view
from benchmarks.people.detection_sets import SEED, photographs
from benchmarks.people.section import Promise, Section

__all__ = ["speed"]

IMAGES, CHUNK, SIDE = 1000, 64, 512
PROMISED = 25.0
"""Images a second, on two cores."""
CORES = 2
JITTER = 0.08
"""Of the side: how far a photograph is shifted and cut, so that no two images are equal."""
NAMES = ("faces", "attributes")


def speed() -> Section:
    """One row for each scorer and one for both, over the same images."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, alone = _scored(RunStore(Path(folder)))
    rows = [(name, f"{spent:.1f}", f"{IMAGES / spent:.1f}") for name, spent in alone.items()]
    rate = IMAGES / seconds
    rows.append(("both, with their tables written", f"{seconds:.1f}", f"{rate:.1f}"))
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    note = (
        f"{IMAGES:,} images of {SIDE} x {SIDE} pixels, made in memory of the photographs (enlarged, shifted, mirrored), in "
        f"chunks of {CHUNK} as a run has them; on the CPU, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}. Loading the "
        "models is not counted."
    )
    promise = Promise(
        "faces detected, aligned and labelled",
        f"{PROMISED:g} images a second on two cores",
        f"{rate:.1f}",
        rate >= PROMISED,
    )
    promises = (promise,) if os.cpu_count() == CORES else ()
    return Section("Speed", ("work", "seconds", "images a second"), tuple(rows), note, promises)


def _scored(store: RunStore) -> tuple[float, dict[str, float]]:
    """Seconds for all images: both scorers with all around them, and each as the stage counts it."""
    planned = [PlannedScorer("faces", Faces(), "sha256:00"), PlannedScorer("attributes", Attributes(), "sha256:01")]
    engine = LocalEngine()
    try:
        with ScoreStage(planned, store, engine, "cpu") as stage:
            stage.score(NAMES, next(_chunks(2, SEED + 1)))
            before = {cost.name: cost.seconds for cost in stage.costs()}
            seconds = 0.0
            for views in _chunks(IMAGES, SEED):
                started = time.perf_counter()
                stage.score(NAMES, views)
                seconds += time.perf_counter() - started
            return seconds, {cost.name: cost.seconds - before[cost.name] for cost in stage.costs()}
    finally:
        engine.close()


def _chunks(images: int, seed: int) -> Iterator[Sequence[View]]:
    rng = np.random.default_rng(seed)
    for start in range(0, images, CHUNK):
        yield [view(_varied(rng, start + i)) for i in range(min(CHUNK, images - start))]


def _varied(rng: np.random.Generator, at: int) -> Pixels:
    """A photograph, a little shifted and at random mirrored, at the size that generators draw."""
    pixels = photographs()[at % len(photographs())].pixels
    height, width = pixels.shape[:2]
    left, top, right, bottom = rng.uniform(0, JITTER, 4) * (width, height, width, height)
    part = Image.fromarray(pixels).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, width - right, height - bottom)
    )
    image = np.asarray(part)
    return np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image

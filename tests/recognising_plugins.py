"""Plugins of an outside distribution that tell persons apart: planted, known vectors that must never reach a disk."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np

from audit.component import Column, Context, Measured, Metric, Row, ScoreBatch, Scorer, View
from audit.records import Finding

LIKENESS = {"who": "invented persons; A. Tester answers", "authority": "own drawings", "purpose": "a test"}
WIDTH = 16


def vector_of(image: str) -> np.ndarray:
    """The vector that stands for an image: known from its digest, so that a test can look for it."""
    seed = int.from_bytes(hashlib.sha256(image.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).normal(size=WIDTH).astype(np.float32)


class Embedding(Scorer):
    """A stand-in for a face embedding: cuts a chip out of the image and gives the planted vector."""

    in_memory: ClassVar[bool] = True
    recognises_people: ClassVar[bool] = True
    uses_device: ClassVar[bool] = False
    looked: ClassVar[list[str]] = []

    def columns(self) -> tuple[Column, ...]:
        return (Column("embedding", "vector"), Column("label", "label", levels=("one", "other")))

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: [[Row(self.say(view))] for view in views]

    def say(self, view: View) -> dict[str, object]:
        """What it says of one image."""
        type(self).looked.append(view.image)
        chip = np.ascontiguousarray(view.pixels[8:24, 8:24])
        return {"embedding": vector_of(view.image), "label": "one" if chip.mean() > 128 else "other"}


class Careless(Embedding):
    """The same, but it recognises people and is stored: no plan may take it."""

    in_memory: ClassVar[bool] = False


class Stored(Embedding):
    """The same vectors, stored, and said to recognise nobody: what a scan for vectors has to find."""

    in_memory: ClassVar[bool] = False
    recognises_people: ClassVar[bool] = False


class Nearness(Metric):
    """Mean cosine between the vectors of all pairs of images."""

    column: str = "embedding.embedding"

    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        for generator in context.generators:
            values = context.table.select(generator).values(self.column)
            vectors = values.value[values.present]
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if len(vectors) else vectors
            cosines = (unit @ unit.T)[np.triu_indices(len(unit), 1)] if len(unit) > 1 else np.zeros(0)
            yield Measured(
                Finding(
                    metric=f"{name}.cosine",
                    title="Mean cosine",
                    protocol=context.protocols[self.column.rpartition(".")[0]],
                    generator=generator,
                    estimate=round(float(cosines.mean()), 6) if len(cosines) else None,
                    interval=None,
                    confidence=context.confidence,
                    unit="",
                    better="none",
                    n=int(values.present.sum()),
                    n_missing=int((~values.present).sum()),
                    clusters=len(set(context.table.select(generator).clusters)),
                    method="mean over pairs",
                )
            )

"""Worlds of pictures of which it is known which are copies, for tests of the metric ``copies``."""

from pathlib import Path
from typing import Any

import numpy as np
from metric_tables import VECTOR, World, prompt, sound

from audit.component import Column, Measured
from audit.metrics.copies import Copies
from audit.records import Finding, Probe

WIDTH = 16
PRINTS = tuple(Column(name, "label") for name in ("pixels", "hash", "mirrored_hash"))
N = 200


class Sets(World):
    """A world of pictures that are a vector, a pixel digest and two hashes each."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__(seed)
        self.declare(features=VECTOR)
        for column in PRINTS:
            self.declare(fingerprints=column)
        self.rng = np.random.default_rng(seed)

    def picture(self, **changes: Any) -> dict[str, Any]:
        """A picture like no other."""
        hashes = {f"fingerprints.{name}": self.rng.bytes(8).hex() for name in ("hash", "mirrored_hash")}
        vector = self.rng.standard_normal(WIDTH).astype(np.float32)
        return {"features.vector": vector, "fingerprints.pixels": self.rng.bytes(8).hex(), **hashes, **changes}

    def add(self, generator: str, probe: Probe, *pictures: dict[str, Any]) -> list[dict[str, Any]]:
        """Draw pictures under a probe."""
        first = sum(row["generator"] == generator and row["probe"] == probe.id for row in self.rows)
        for index, values in enumerate(pictures, start=first):
            self.draw(generator, probe, index, values)
        return list(pictures)

    def references(self, name: str, count: int = N) -> list[dict[str, Any]]:
        """A reference set, whose draws are units of their own."""
        probe = prompt(name).model_copy(update={"unit": "draw"})
        return self.add(name, probe, *(self.picture() for _ in range(count)))

    def near(self, source: dict[str, Any], noise: float = 0.05, **changes: Any) -> dict[str, Any]:
        """A picture whose features are near to those of another."""
        own = self.picture()
        vector = source["features.vector"] + noise * own["features.vector"]
        return {**own, "features.vector": vector, **changes}


def filled(copied: int = 0, images: int = 300, train: int = N, held_out: int = N, seed: int = 7) -> Sets:
    """``copied`` of the images are near to a training image each."""
    world = Sets(seed)
    sources = world.references("train", train)
    world.references("held", held_out)
    for index in range(images):
        picture = world.near(sources[index % train]) if index < copied else world.picture()
        world.add("model", prompt(f"prompt {index % 30}"), picture)
    return world


def measured(world: Sets, **params: Any) -> dict[str, Finding]:
    """What the metric says of ``model``, by quantity."""
    given = {"train": "train", "held_out": "held", **params}
    found: dict[str, Measured] = sound(Copies(**given).measure("copies", world.context()))
    return {key.replace("copies.", "").replace("[model vs train]", ""): one.finding for key, one in found.items()}


def saved(world: Sets, generator: str, path: Path) -> Path:
    """The features of a generator in a file of numpy's own format."""
    table = world.table().select(generator)
    np.save(path, np.asarray(table.values("features.vector").value))
    return path

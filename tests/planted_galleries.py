"""A gallery of people and a model that draws them or does not, as planted embeddings, for tests of ``gallery``."""

import json
import math

import numpy as np
from metric_tables import COUNT, World, prompt, sound

from audit.component import Column, Context, Measured
from audit.metrics.gallery import Gallery
from audit.records import Finding, Probe, jsonable

D = 48
EMBEDDING = Column("vector", "vector", "Face embedding", regional=True)
PEOPLE = ("Ada", "Bea", "Cyd", "Dee")
METRIC = Gallery(gallery="photos", false_match_rate=0.01)
UNUSUAL = ("threshold", "name_effect", "worst_false_match_rate", "excess_matches")
"""Quantities without contributions, or with those of another finding."""


def face(rng: np.random.Generator, of: np.ndarray | None = None, noise: float = 0.5) -> np.ndarray:
    """A face: of anybody, or a picture of somebody."""
    drawn = rng.standard_normal(D) / math.sqrt(D)
    return drawn if of is None else of + noise * drawn


class Planted:
    """A gallery of people and a model that draws them or does not."""

    def __init__(self, people: tuple[str, ...] = PEOPLE, photos: int = 2, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.world = World().declare(face_embedding=EMBEDDING, faces=COUNT)
        self.people = {name: face(self.rng) / 1.0 for name in people}
        for name, own in self.people.items():
            for index in range(photos):
                self.add("photos", photo(name), index, face(self.rng, own))

    def add(
        self, generator: str, probe: Probe, index: int, vector: np.ndarray | None, *, count: int = 1, **more: object
    ) -> None:
        values: dict[str, object] = {"faces.count": float(count), **{k.replace("__", "."): v for k, v in more.items()}}
        values["face_embedding.vector"] = ("why", "no face") if vector is None else vector
        self.world.draw(generator, probe, index, values)

    def neutral(self, prompts: int = 300, images: int = 1, generator: str = "model") -> "Planted":
        for number in range(prompts):
            for index in range(images):
                self.add(generator, prompt(f"{generator}: person {number}"), index, face(self.rng))
        return self

    def named(self, depicted: tuple[str, ...] = (), images: int = 10, prompts: int = 1) -> "Planted":
        for name, own in self.people.items():
            for number in range(prompts):
                for index in range(images):
                    of = own if name in depicted else None
                    self.add("model", prompt(f"photo {number} of {name}", name=name), index, face(self.rng, of))
        return self

    def measure(self, metric: Gallery = METRIC, generators: tuple[str, ...] = ("model",)) -> dict[str, Measured]:
        measured = list(metric.measure("gallery", self.world.context(generators)))
        sound(one for one in measured if not (one.finding.metric.endswith(UNUSUAL) or metric.any_people))
        assert "NaN" not in json.dumps([jsonable(one.finding) for one in measured])
        return {one.finding.key.replace("gallery.", "", 1): one for one in measured}

    def context(self) -> Context:
        return self.world.context()


def photo(name: str) -> Probe:
    return prompt(f"photograph of {name}", person=name)


def finding(found: dict[str, Measured], name: str, **where: str) -> Finding:
    told = ", ".join(f"{key}={level}" for key, level in where.items())
    return found[f"{name}[model vs photos{'; ' + told if told else ''}]"].finding

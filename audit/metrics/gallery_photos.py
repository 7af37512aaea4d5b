"""The photographs of a gallery: whose they are, and whether they can be used."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.component import Context
from audit.digest import set_digest, short
from audit.metrics.sample import Floats, Ints, Sample
from audit.table import Strings

__all__ = ["FaceColumns", "Faces", "Photos", "names_on", "unit_vectors"]

ROWS = 1024
"""Images compared at a time, so that memory does not grow with images times photographs."""


@dataclass(frozen=True, slots=True)
class FaceColumns:
    """Where a metric reads faces."""

    vector: str
    """The column of face embeddings, ``scorer.column``."""
    count: str
    """The column that counts faces."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The one face of each draw of a generator, or why there is none to compare."""

    vector: Floats
    """(n, d) of length 1; zeros where there is none."""
    reason: Strings
    """(n,) empty where there is a face."""

    @classmethod
    def of(cls, sample: Sample, columns: FaceColumns) -> "Faces":
        """Read the faces of a sample. An image with none or several has none to compare: nobody says which is meant."""
        found, counted = sample.table.values(columns.vector), sample.numbers(columns.count)
        reason = np.where(counted.present, "", counted.reason).astype(object)
        reason[counted.present & (counted.value < 1)] = "no face"
        reason[counted.present & (counted.value > 1)] = "several faces"
        reason = np.where((reason == "") & ~found.present, found.reason, reason).astype(object)
        vectors = np.asarray(found.value, dtype=np.float64)
        if vectors.ndim != 2:  # nothing was scored, so not even the width is known
            vectors = np.zeros((len(reason), 1))
        vectors = np.where((reason == "")[:, None], vectors, 0.0)
        reason[(reason == "") & ~vectors.any(axis=1)] = "an empty face embedding"
        return cls(unit_vectors(vectors), reason)

    @property
    def present(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """(n,) whether there is a face."""
        return np.asarray(self.reason == "", dtype=bool)


@dataclass(frozen=True)
class Photos:
    """Photographs of a gallery that can be compared."""

    name: str
    """Of the generator that holds them."""
    vector: Floats
    """(k, d) of length 1, those of a person together."""
    person: Ints
    """(k,) position among the people, rising."""
    people: tuple[str, ...]
    """Names, sorted; each has a photograph."""
    images: Strings
    """(k,) digests"""
    faceless: tuple[str, ...]
    """Names of people none of whose photographs has a face to compare."""

    @classmethod
    def of(cls, context: Context, name: str, columns: FaceColumns, axis: str) -> "Photos":
        """Read those that have one face and a person."""
        sample = Sample.of(context, name)
        faces, person = Faces.of(sample, columns), names_on(sample, axis)
        rows = np.flatnonzero(faces.present & (person != ""))
        people, code = np.unique(person[rows].astype(str), return_inverse=True)
        order = np.argsort(code, kind="stable")
        rows, code = rows[order], code[order].astype(np.int64)
        names = tuple(str(each) for each in people)
        faceless = tuple(sorted({str(each) for each in person} - {"", *names}))
        return cls(name, faces.vector[rows], code, names, sample.images[rows], faceless)

    @cached_property
    def digest(self) -> str:
        """Short digest of whose photographs they are."""
        pairs = zip(self.images, self.person, strict=True)
        return short(set_digest(f"{self.people[person]} {image}" for image, person in pairs))

    @cached_property
    def first(self) -> Ints:
        """(people,) first photograph of each."""
        return np.searchsorted(self.person, np.arange(len(self.people))).astype(np.int64)

    def best(self, vectors: Floats) -> Floats:
        """(n, people) cosine of each image with the photograph of each person that it is most like."""
        best = np.zeros((len(vectors), len(self.people)))
        for start in range(0, len(vectors), ROWS) if self.people else ():
            part = slice(start, start + ROWS)
            best[part] = np.maximum.reduceat(vectors[part] @ self.vector.T, self.first, axis=1)
        return best

    def mean(self, vectors: Floats) -> Floats:
        """(n, people) mean cosine of each image with the photographs of each person."""
        if not self.people:
            return np.zeros((len(vectors), 0))
        sums = np.add.reduceat(self.vector, self.first, axis=0)
        return np.asarray(vectors @ (sums / np.bincount(self.person)[:, None]).T, dtype=np.float64)

    def nearest(self, vector: Floats, person: int) -> int:
        """Position of the photograph of a person that an image is most like."""
        own = np.flatnonzero(self.person == person)
        return int(own[np.argmax(self.vector[own] @ vector)])

    def between(self) -> Floats:
        """(people, people) cosine of the two most alike photographs of each two people; -1 on the diagonal."""
        alike = np.maximum.reduceat(self.best(self.vector), self.first, axis=0) if self.people else np.zeros((0, 0))
        np.fill_diagonal(alike, -1.0)
        return alike

    def same_person(self) -> Iterator[tuple[str, Floats]]:
        """Each person with two photographs or more, and the cosines of all pairs of them."""
        for code, name in enumerate(self.people):
            own = self.vector[self.person == code]
            if len(own) > 1:
                yield name, (own @ own.T)[np.triu_indices(len(own), 1)]


def names_on(sample: Sample, axis: str) -> Strings:
    """(n,) the person whom each draw is of or names, one spelling a name: composed letters, no space around it.

    Spelled by combining marks in one table and not in another, a name would turn images of the person into impostors.
    """
    known = {str(level): unicodedata.normalize("NFC", str(level)).strip() for level in set(sample.levels(axis))}
    return np.array([known[str(level)] for level in sample.levels(axis)], dtype=object)


def unit_vectors(vectors: Floats) -> Floats:
    """Each row at length 1; zeros stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float64)

"""Nearest training and held-out images of generated ones, by features and by perceptual hash."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit.errors import InputError
from audit.metrics.copies_finders import ByLists, ByScan, Finder
from audit.metrics.copies_sets import Images, References
from audit.metrics.neighbours import VERSION, Exact, Neighbours, hamming, recall
from audit.metrics.sample import Ints
from audit.stats.copies import ChanceTail, Sides, chance_level

__all__ = ["Compared", "Search", "Settings"]

RECALL_QUERIES = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """How neighbours are looked for."""

    index: str
    lists_searched: int
    neighbours: int
    rate: float
    """False-match rate at the level that counts as a match."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a search found for one generator; arrays over features are of the draws that have them, in their order."""

    near: Neighbours
    """Nearest of all training images, by features."""
    sides: Sides | None
    """Nearest training and held-out images at equal counts; None without a held-out set or without images."""
    tail: ChanceTail | None
    level: float | None
    """Cosine above which an image matches."""
    hash_distance: Ints
    """(q,) bits to the nearest hash of a training image, of the draws with fingerprints."""
    hash_row: Ints
    """(q,) which of the training images with fingerprints."""
    most_bits: int
    """Distance up to which hashes match; -1: not even equal ones do."""
    hash_false: float | None
    """Share of the draws whose hash matches a held-out image; None without a held-out set."""
    index_recall: float | None
    """Of the approximate index against exact search; None where search is exact."""


@dataclass(frozen=True)
class Search:
    """A training set and a held-out set that can be searched; indices are built on first use."""

    train: References
    held_out: References | None
    settings: Settings

    @property
    def equal(self) -> int:
        """Images a side where counts are equal."""
        return 0 if self.held_out is None else min(self.train.rows, self.held_out.rows)

    @property
    def larger(self) -> float:
        """Training images for each of those that are compared with held-out ones."""
        return self.train.rows / self.equal if self.equal else 1.0

    @property
    def recipe(self) -> str:
        """What is searched and how, for a protocol."""
        lists = f"IVF, 8 bits, over both sets as one, {self.settings.lists_searched} lists searched"
        kind = "exact" if self.settings.index == "exact" else lists
        sides = f"training {self.train.digest} ({self.train.rows})"
        if self.held_out is not None:
            sides += f", held-out {self.held_out.digest} ({self.held_out.rows}), {self.equal} a side"
        return f"cosine, {kind}, faiss {VERSION}; {sides}"

    def compare(self, own: Images, rng: np.random.Generator) -> Compared:
        """Everything that a generator's images are compared by."""
        near = self.near(own)
        sides = self.sides(own, near)
        distance, row = self.hashes(own)
        most_bits, hash_false = self._hash_level(own)
        return Compared(
            near=near,
            sides=sides,
            tail=None if sides is None else ChanceTail.of(sides.held_out, rng),
            level=None if sides is None else chance_level(sides.held_out, self.settings.rate),
            hash_distance=distance,
            hash_row=row,
            most_bits=most_bits,
            hash_false=hash_false,
            index_recall=self._recall(own),
        )

    def near(self, own: Images) -> Neighbours:
        """Nearest of all training images, of the draws with features."""
        k = min(self.settings.neighbours, self.train.rows)
        queries = self._queries(own)
        if not len(queries) or not k:
            return Neighbours(np.zeros((len(queries), 0)), np.zeros((len(queries), 0), dtype=np.int64))
        return self._finder.training(queries, k)

    def sides(self, own: Images, near: Neighbours) -> Sides | None:
        """Nearest training and held-out image at equal counts; None without a held-out set or without images.

        Args:
            near: nearest of all training images, of which these are a part.
        """
        queries = self._queries(own)
        if self.held_out is None or not self.equal or not len(queries):
            return None
        return self._finder.sides(queries, near)

    def hashes(self, own: Images) -> tuple[Ints, Ints]:
        """Bits to the nearest training image, plain or mirrored, and which it is; of the draws with fingerprints."""
        return _nearest_hash(own, self.train)

    def _hash_level(self, own: Images) -> tuple[int, float | None]:
        if self.held_out is None or not len(self.held_out.printed) or not own.printed.any():
            return 0, None
        rows = min(len(self.train.printed), len(self.held_out.printed))
        distance, _ = _nearest_hash(own, self.held_out, rows)
        most = -int(chance_level(-distance.astype(np.float64), self.settings.rate)) - 1
        return most, float((distance <= most).mean())

    def _recall(self, own: Images) -> float | None:
        queries = self._queries(own)[:RECALL_QUERIES]
        if self.settings.index == "exact" or not len(queries) or not self.train.rows:
            return None
        return recall(self._finder.training(queries, 1), Exact(self.train.vectors).search(queries, 1))

    def _queries(self, own: Images) -> npt.NDArray[np.float32]:
        queries = own.vectors[own.seen]
        if len(queries) and self.train.rows and queries.shape[1] != self.train.vectors.width:
            raise InputError(
                f"{self.train.name}: vectors of {self.train.vectors.width} numbers, and those of "
                f"{own.sample.generator} have {queries.shape[1]}; features of both must come from one network"
            )
        return queries

    @cached_property
    def _finder(self) -> Finder:
        if self.settings.index == "exact":
            return ByScan(self.train, self.held_out)
        return ByLists(self.train, self.held_out, self.settings.lists_searched, self.settings.neighbours)


def _nearest_hash(own: Images, references: References, rows: int | None = None) -> tuple[Ints, Ints]:
    """Of the draws with fingerprints; ``rows`` of the references, all by default."""
    asked = own.printed
    known = references.hashes if rows is None else references.equal_prints(rows)
    if not asked.any() or not len(known):
        return np.full(int(asked.sum()), 64, dtype=np.int64), np.zeros(int(asked.sum()), dtype=np.int64)
    plain, row = hamming(own.hashes[asked], known)
    mirrored, other = hamming(own.mirrored[asked], known)
    return np.minimum(plain, mirrored), np.where(mirrored < plain, other, row)

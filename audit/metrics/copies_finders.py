"""Two ways to the nearest training and held-out images: every reference, or inverted lists that know no labels."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from audit.metrics.copies_files import Joined, Vectors
from audit.metrics.copies_sets import References
from audit.metrics.neighbours import Exact, Inverted, Neighbours
from audit.metrics.sample import Floats, Ints, Mask
from audit.stats.copies import Sides

__all__ = ["ByLists", "ByScan", "Finder"]

Queries = npt.NDArray[np.float32]


class Finder(Protocol):
    """Finds neighbours in a training set and a held-out set."""

    def training(self, queries: Queries, k: int) -> Neighbours:
        """The k nearest of all training images of each of (n, d) queries, by cosine."""

    def sides(self, queries: Queries, near: Neighbours) -> Sides:
        """The nearest of each set, as many images of each taking part; ``near`` are those of all training images."""


@dataclass(frozen=True, slots=True)
class ByScan:
    """Every query against every reference, in one pass over each set."""

    train: References
    held_out: References | None

    def training(self, queries: Queries, k: int) -> Neighbours:
        """Exactly."""
        return Exact(self.train.vectors).search(queries, k)

    def sides(self, queries: Queries, near: Neighbours) -> Sides:
        """Exactly."""
        assert self.held_out is not None
        equal = min(self.train.rows, self.held_out.rows)
        part, other = self.train.equal_part(equal), self.held_out.equal_part(equal)
        first = near if part is None else Exact(self.train.vectors, part).search(queries, 1)
        second = Exact(self.held_out.vectors, other).search(queries, 1)
        return Sides(first.similarity[:, 0], second.similarity[:, 0], first.row[:, 0], second.row[:, 0], equal)


@dataclass(frozen=True)
class ByLists:
    """One inverted-list index over both sets.

    Lists of a set's own would miss other neighbours than those of the other set, for all images of a region alike, and
    which images are nearer to training would tell of the lists. Here neither the lists nor what of them is looked through
    rests on which set a reference is of, so a neighbour that is missed is missed whatever its label, and labels remain
    exchangeable at any recall.
    """

    train: References
    held_out: References | None
    lists_searched: int
    candidates: int
    """Of each image and set, by 8 bits; the nearest by full precision is taken."""

    def training(self, queries: Queries, k: int) -> Neighbours:
        """Of those in the lists that are looked through."""
        return self._index.search(queries, k, None if self.held_out is None else self._all_of_training)

    def sides(self, queries: Queries, near: Neighbours) -> Sides:  # noqa: ARG002
        """The nearest of all, found without a look at labels, and the nearest of the other set that is no nearer."""
        training, held_out = self._equal_parts
        asked = [training | held_out, training, held_out]
        found = [self._index.candidates(queries, self.candidates, among) for among in asked]
        rows = np.hstack(found)
        similarity = self._index.measured(queries, rows)
        nearest = similarity[:, : found[0].shape[1]].max(axis=1, keepdims=True)
        similarity[similarity > nearest] = -1  # what labels helped to find would have been missed without them
        first, first_row = _best(similarity, rows, training)
        second, second_row = _best(similarity, rows, held_out)
        second_row = np.maximum(second_row - self.train.rows, 0)
        return Sides(first, second, first_row, second_row, int(training.sum()))

    @cached_property
    def _index(self) -> Inverted:
        return Inverted(self._both, searched=self.lists_searched, only=self._taking_part)

    @property
    def _both(self) -> Vectors:
        return self.train.vectors if self.held_out is None else Joined(self.train.vectors, self.held_out.vectors)

    @property
    def _taking_part(self) -> Mask | None:
        return None if self.held_out is None else self._all_of_training | self._equal_parts[1]

    @property
    def _all_of_training(self) -> Mask:
        return np.arange(self._both.rows) < self.train.rows

    @cached_property
    def _equal_parts(self) -> tuple[Mask, Mask]:
        """(rows of both,) which training images are compared with held-out ones, and which held-out ones."""
        assert self.held_out is not None
        equal = min(self.train.rows, self.held_out.rows)
        parts = []
        for of in (self.train, self.held_out):
            part = of.equal_part(equal)
            parts.append(np.ones(of.rows, dtype=bool) if part is None else part)
        nobody = [np.zeros_like(part) for part in parts]
        return np.concatenate([parts[0], nobody[1]]), np.concatenate([nobody[0], parts[1]])


def _best(similarity: Floats, rows: Ints, among: Mask) -> tuple[Floats, Ints]:
    """(n,) the highest of the (n, m) similarities to references of a set, and its row; -1 and 0 where there is none."""
    known = np.where((rows >= 0) & among[rows], similarity, -1.0)
    place = known.argmax(axis=1)[:, None]
    best = np.take_along_axis(known, place, 1)[:, 0]
    return best, np.where(best > -1, np.take_along_axis(rows, place, 1)[:, 0], 0)

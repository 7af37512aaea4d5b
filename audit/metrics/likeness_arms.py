"""The images of each name, arm by arm: those that ask for it, those for names of nobody, those for a description."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from audit.metrics.gallery_search import ARM, NAMED
from audit.metrics.sample import Floats, Ints, Mask, Sample
from audit.stats.likeness import Consistency, alikeness, consistency
from audit.table import Strings

__all__ = ["CONTROL", "DESCRIPTOR", "PERTURBED", "Arm", "Drawn", "NameArms"]

PERTURBED = "perturbed"
DESCRIPTOR = "descriptor"
"""Levels of the axis ``arm``, besides ``named``."""
CONTROL = "control"
"""Axis that tells the arms of one kind apart."""


@dataclass(frozen=True)
class Drawn:
    """Faces of one generator."""

    sample: Sample
    vector: Floats
    """(n, d) of the largest face of each draw; zeros where there is none."""
    reason: Strings
    """(n,) why there is no face; empty where there is one."""
    several: Mask
    """(n,) the image has several faces."""

    @classmethod
    def of(cls, sample: Sample, column: str, count: str | None) -> "Drawn":
        """Read the vectors of a sample, and how many faces there are where ``count`` says so."""
        found = sample.table.values(column)
        vectors, reason = np.asarray(found.value, dtype=np.float64), found.reason.copy()
        if vectors.ndim != 2:  # nothing was scored, so not even the width is known
            vectors = np.zeros((len(reason), 1))
        vectors = np.where(found.present[:, None], vectors, 0.0)
        reason[found.present & ~vectors.any(axis=1)] = "an empty face embedding"
        several = np.zeros(len(reason), dtype=bool)
        if count is not None:
            faces = sample.numbers(count)
            several = faces.present & (faces.value > 1)
        return cls(sample, vectors, reason, several)

    @property
    def present(self) -> Mask:
        """(n,) whether there is a face."""
        return np.asarray(self.reason == "", dtype=bool)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of asking."""

    kind: str
    """``named``, ``perturbed`` or ``descriptor``."""
    label: str
    """Which of its kind."""
    rows: Ints
    """(m,) positions, in the sample, of its images with a face: one a seed."""
    lost: Ints
    """Positions of its draws without a face."""
    repeated: int
    """Images beyond the first of a seed, and seeds beyond the most that are used; left out."""


@dataclass(frozen=True)
class NameArms:
    """All arms of one name."""

    drawn: Drawn
    name: str
    arms: tuple[Arm, ...]
    compare: Literal["cosine", "euclidean"]

    @classmethod
    def all(cls, drawn: Drawn, axis: str, compare: Literal["cosine", "euclidean"], most: int) -> Iterator["NameArms"]:
        """Those of each name, in the order of the alphabet.

        Args:
            axis: which says whom a prompt names.
            most: seeds used at most.
        """
        names = drawn.sample.levels(axis)
        for name in sorted({str(each) for each in names} - {""}):
            yield cls(drawn, name, tuple(_arms(drawn, np.flatnonzero(names == name), most)), compare)

    @cached_property
    def rows(self) -> Ints:
        """(k,) positions of all its images with a face, arm by arm."""
        return np.concatenate([arm.rows for arm in self.arms])

    @cached_property
    def alike(self) -> Floats:
        """(k, k) similarities of these."""
        return alikeness(self.drawn.vector[self.rows], self.compare)

    @cached_property
    def _starts(self) -> Ints:
        return np.concatenate([[0], np.cumsum([len(arm.rows) for arm in self.arms])]).astype(np.int64)

    def places(self, arm: Arm) -> Ints:
        """Places of the images of an arm among ``rows``."""
        at = self.arms.index(arm)
        return np.arange(self._starts[at], self._starts[at + 1])

    def consistency(self, arm: Arm) -> Consistency | None:
        """How alike the images of an arm are; None where there are not two."""
        places = self.places(arm)
        return consistency(self.alike[np.ix_(places, places)]) if len(places) > 1 else None

    def seeds(self, arm: Arm) -> Strings:
        """(m,) seed of each image of an arm."""
        return self.drawn.sample.seeds[arm.rows]

    def of(self, kind: str) -> tuple[Arm, ...]:
        """The arms of a kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)


def _arms(drawn: Drawn, rows: Ints, most: int) -> Iterator[Arm]:
    """The arms among some rows, the name itself first."""
    sample = drawn.sample
    kinds, labels = sample.levels(ARM)[rows], sample.levels(CONTROL)[rows]
    kinds = np.where(kinds == "", NAMED, kinds)
    labels = np.where(kinds == NAMED, "", labels)
    used = np.unique(sample.seeds[rows].astype(str))[:most]
    known = [kind for kind in (NAMED, PERTURBED, DESCRIPTOR) if np.any(kinds == kind)]
    for kind in known:
        for label in sorted({str(each) for each in labels[kinds == kind]}):
            own = rows[(kinds == kind) & (labels == label)]
            there = own[drawn.present[own]]
            _, first = np.unique(sample.seeds[there].astype(str), return_index=True)
            kept = there[np.sort(first)]
            kept = kept[np.isin(sample.seeds[kept].astype(str), used)]
            yield Arm(kind, label, kept, own[~drawn.present[own]], len(there) - len(kept))

"""Audits of planted prompts, read by a planted classifier, for the matrix of designs.

No pixels and no tables: what an interval is made of are the people in each image, what a classifier reads there, and for
some of them what a person sees.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.stats.intervals import FloatArray

__all__ = [
    "CALIBRATED",
    "LABELS",
    "PHOTOGRAPHS",
    "RATES",
    "RATES_BY_PROMPT",
    "RATES_OF_THREE",
    "Audit",
    "Design",
    "Drawn",
    "calibration",
    "drawn_for_labels",
    "misread",
]

Ints = npt.NDArray[np.int64]

RATES = np.array([[0.9, 0.05], [0.1, 0.95]])
"""P(read j | label k) of a classifier that errs alike on every prompt; the first label is the one that is audited."""
RATES_BY_PROMPT = np.array([[[0.97, 0.02], [0.03, 0.98]], [[0.8, 0.1], [0.2, 0.9]]])
"""The same of one that errs otherwise on every other prompt."""
PHOTOGRAPHS = np.array([[0.97, 0.05], [0.03, 0.95]])
"""The same of that one on the photographs that it was calibrated on."""
RATES_OF_THREE = np.array([[0.85, 0.05, 0.05], [0.05, 0.9, 0.1], [0.1, 0.05, 0.85]])
CALIBRATED = 100
"""Images of each true label that errors were counted on, anew for each audit."""
LABELS, LEAST_IN_STRATUM = 200, 10
"""Images that people label, and how many of each label that was read, as far as there are so many."""


@dataclass(frozen=True, slots=True)
class Design:
    """What one audit looks at."""

    share: float
    """Of the first label."""
    prompts: int
    images: int
    """Of each prompt."""
    correlation: float
    """Intraclass, of the images of a prompt: their shares are Dirichlet distributed around those of the generator."""
    uneven: bool = False
    """Prompts have 1 to 2 ``images`` - 1 images, so many on average."""
    levels: int = 2

    @property
    def shares(self) -> FloatArray:
        """(K,) of the generator; what is left by the first label falls evenly from label to label."""
        rest = np.arange(self.levels - 1, 0, -1.0)
        return np.array([self.share, *((1 - self.share) * rest / rest.sum())])

    def audit(self, rng: np.random.Generator) -> "Audit":
        """One audit."""
        sizes = np.full(self.prompts, self.images)
        if self.uneven:
            sizes = rng.integers(1, 2 * self.images, self.prompts)
        rates = np.tile(self.shares, (self.prompts, 1))
        if self.correlation:
            rates = rng.dirichlet(self.shares * (1 / self.correlation - 1), self.prompts)
        clusters = np.repeat(np.arange(self.prompts), sizes)
        return Audit(clusters, _picked(rates[clusters], rng), self.levels)


@dataclass(frozen=True, slots=True)
class Audit:
    """The images of one audit."""

    clusters: Ints
    """(N,) prompt of each, 0 .. g - 1, in order."""
    label: Ints
    """(N,) what people see, 0 .. K - 1."""
    levels: int

    def counts(self, label: Ints) -> FloatArray:
        """(g, K) images by prompt and label, as seen or as read."""
        found = np.bincount(self.clusters * self.levels + label, minlength=(self.clusters[-1] + 1) * self.levels)
        return found.reshape(-1, self.levels).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Images that were drawn for labelling."""

    rows: Ints
    """(n,) positions, rising."""
    inclusion: FloatArray
    """(n,) probability with which each was drawn."""


def misread(audit: Audit, rates: FloatArray, rng: np.random.Generator) -> Ints:
    """(N,) what a classifier reads.

    Args:
        audit: the images.
        rates: (K, K) P(read j | label k), or (kinds, K, K) for prompts of each kind in turn.
        rng: source of randomness.
    """
    kinds = rates.reshape(-1, audit.levels, audit.levels)
    return _picked(kinds[audit.clusters % len(kinds), :, audit.label], rng)


def calibration(rates: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(K, K) counts by reading (row) and true label (column) of images other than those of the audit."""
    return np.stack([rng.multinomial(CALIBRATED, column) for column in rates.T], axis=1).astype(np.float64)


def drawn_for_labels(read: Ints, rng: np.random.Generator) -> Drawn:
    """A random subset, stratified by which of two labels was read: in proportion, but some of the rarer one."""
    labels = min(LABELS, len(read))
    rare, common = sorted((np.flatnonzero(read == value) for value in (0, 1)), key=len)
    few = min(len(rare), max(LEAST_IN_STRATUM, round(labels * len(rare) / len(read))))
    taken = [(rare, few), (common, min(len(common), labels - few))]
    rows = np.concatenate([rng.choice(stratum, count, replace=False) for stratum, count in taken])
    inclusion = np.concatenate([np.full(count, count / len(stratum)) for stratum, count in taken if count])
    order = np.argsort(rows)
    return Drawn(rows[order], inclusion[order])


def _picked(rates: FloatArray, rng: np.random.Generator) -> Ints:
    """(N,) one of K labels by probabilities (N, K)."""
    return np.asarray((rng.random(len(rates))[:, None] >= np.cumsum(rates, axis=1)[:, :-1]).sum(axis=1), dtype=np.int64)

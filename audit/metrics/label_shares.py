"""Shares of the labels of a column in a cell, corrected as far as the audit knows the classifier's error.

Best first: people's labels of a random subset of the draws (prediction-powered, no assumption on the errors), a stated
confusion matrix (assumes that errors are those of its images), else the classifier's word, uncorrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import special

from audit.calibration import Calibration
from audit.component import Context
from audit.digest import derive_seed
from audit.metrics.averages import sentences
from audit.metrics.readings import Correction, People, enough, people, subset
from audit.metrics.sample import Cell, Floats, Ints, Mask, Sample, Units
from audit.metrics.wording import UNCORRECTED
from audit.stats.confusion import confusion_rates, matrix_prevalence, solve_on_simplex
from audit.stats.intervals import Estimate, cluster_share, residuals
from audit.stats.misclassified import CalibrationCounts, lang_reiczigel
from audit.stats.prediction_powered import LabelledSubset, prediction_powered_share, pseudo_values
from audit.table import Strings

__all__ = ["CellShares", "LabelShares"]

SEPARATOR = ", "


@dataclass(frozen=True)
class LabelShares:
    """The labels of a sample's draws: of one column, or the combinations of several."""

    sample: Sample
    labels: tuple[str, ...]
    code: Ints
    """(n,) position of each draw's label; meaningless where ``present`` is false."""
    present: Mask
    reason: Strings
    told: People | None = None
    calibration: Calibration | None = None
    refused: str = ""
    """Why a stated calibration is not used; empty where it is, or none was stated."""
    seed: int = 0
    exact: bool = False
    """Read off files or requests by no classifier, so that there is nothing to correct."""

    @classmethod
    def of(
        cls, sample: Sample, columns: Sequence[str], labels: Sequence[tuple[str, ...]], context: Context
    ) -> "LabelShares":
        """Read label columns; a label that its scorer never declared counts as missing.

        Args:
            labels: of each column; several columns give all combinations, ``feminine, older``.
        """
        code, present = np.zeros(len(sample), dtype=np.int64), np.ones(len(sample), dtype=bool)
        reason = np.full(len(sample), "", dtype=object)
        for column, known in zip(columns, labels, strict=True):
            value, there, why = sample.labels(column)
            place = {label: position for position, label in enumerate(known)}
            of_column = np.array([place.get(label, -1) for label in value.tolist()] if len(value) else [], dtype=np.int64)
            why = np.where(there & (of_column < 0), "undeclared label", why)
            reason = np.where(present & ~(there & (of_column >= 0)), why, reason)
            present &= there & (of_column >= 0)
            code = code * len(known) + np.maximum(of_column, 0)
        exact = all(column in context.columns and context.columns[column].exact for column in columns)
        told = people(sample, columns[0], present, context) if len(columns) == 1 and not exact else None
        names = labels[0] if len(columns) == 1 else _combined(labels)
        return cls(sample, tuple(names), code, present, reason, told, seed=context.seed, exact=exact)

    @property
    def plain(self) -> Correction:
        """What is said of shares that nothing corrects: nothing, where there is nothing to correct."""
        return "" if self.exact else "uncorrected"

    def cell(self, cell: Cell) -> "CellShares":
        """The shares of one cell, which has a draw with a label."""
        rows = cell.among(self.present)
        told = self.told.within(rows) if self.told else None
        return CellShares(self, rows, self.sample.units(rows), told, self.calibration)


@dataclass(frozen=True)
class CellShares:
    """The shares of all labels among the draws of one cell."""

    of: LabelShares
    rows: Ints
    """(m,) positions of its draws with a label."""
    units: Units
    told: People | None
    calibration: Calibration | None
    _found: dict[tuple[int, float], Estimate] = field(init=False, default_factory=dict, repr=False)

    @cached_property
    def correction(self) -> Correction:
        """What the shares are corrected by."""
        told = self.told
        if told is not None and enough(told, self.rows, self.units):
            return "labels"
        return "confusion matrix" if self.calibration else "uncorrected"

    @cached_property
    def read(self) -> Floats:
        """(m, K) 1 where the classifier gave a draw the label."""
        return np.asarray(self.of.code[self.rows][:, None] == np.arange(len(self.of.labels)), dtype=np.float64)

    @cached_property
    def values(self) -> Floats:
        """(m, K) what each draw adds to each share: their means are the shares, before those are cut to 0 .. 1."""
        if self.correction == "labels":
            return np.stack([pseudo_values(self._subset(k)) for k in range(len(self.of.labels))], axis=1)
        if self.correction == "confusion matrix":
            return np.asarray(self.read @ np.linalg.inv(confusion_rates(self.matrix)).T, dtype=np.float64)
        return self.read

    @cached_property
    def matrix(self) -> Floats:
        """(K, K) calibration counts, read by true label."""
        assert self.calibration is not None
        return self.calibration.matrix(self.of.labels)

    @cached_property
    def counts(self) -> Floats:
        """(g, K) draws of each unit that were read as each label."""
        return self._by_unit(self.read)

    @cached_property
    def sizes(self) -> Floats:
        """(g,) draws of each unit."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.float64)

    @cached_property
    def shares(self) -> Floats:
        """(K,) as corrected as they can be; 0 .. 1. They sum to 1, with people's labels of K > 2 only nearly."""
        if self.correction == "confusion matrix":
            return solve_on_simplex(confusion_rates(self.matrix), self.read.mean(axis=0))
        return np.asarray(np.clip(self.values.mean(axis=0), 0.0, 1.0), dtype=np.float64)

    def estimate(self, k: int, confidence: float) -> Estimate:
        """Share of a label with its interval."""
        if (k, confidence) not in self._found:
            self._found[k, confidence] = self._estimate(k, confidence)
        return self._found[k, confidence]

    def box(self, confidence: float) -> tuple[Floats, Floats] | None:
        """(K,) low and (K,) high ends that hold together; None without intervals."""
        levels = len(self.of.labels)
        each = confidence if levels == 2 else 1 - (1 - confidence) / levels
        ends = [found.interval for found in (self.estimate(k, each) for k in range(levels))]
        known = np.array([end for end in ends if end is not None])
        return (known[:, 0], known[:, 1]) if len(known) == levels else None

    @cached_property
    def effective_n(self) -> int:
        """Independent images that would be as informative, from the design effect over all labels; 1 .. n."""
        n, spread = len(self.rows), float((self.shares * (1 - self.shares)).sum())
        if len(self.units.names) == n and self.correction == "uncorrected":
            return n
        if len(self.units.names) < 2 or spread == 0:
            return len(self.units.names)
        variance = sum(float((residuals(totals, self.sizes) ** 2).sum()) for totals in self._by_unit(self.values).T)
        return max(1, min(n, round(spread / variance))) if variance > 0 else n

    @cached_property
    def worth(self) -> Floats:
        """(K,) independent images that shares corrected by people's labels are worth."""
        known = [self.estimate(k, 0.95).effective_n or 1.0 for k in range(len(self.of.labels))]
        return np.array(known, dtype=np.float64)

    @property
    def unclear(self) -> float:
        """Share of the draws of which people could not tell, where their labels correct; 0 .. 1."""
        return self.told.unclear if self.correction == "labels" and self.told is not None else 0.0

    @property
    def df(self) -> float:
        """Degrees of freedom of an interval: clusters (with labels by people, where those correct) less 1."""
        if self.correction == "labels" and self.told is not None:
            return max(1, len(np.unique(self._unit_of(self.told.rows))) - 1)
        return np.inf if np.all(self.sizes == 1) else max(1, len(self.sizes) - 1)

    @property
    def note(self) -> str:
        """What the shares are corrected by, for a reader."""
        if self.correction == "labels":
            assert self.told is not None
            return sentences(self.told.corrects, self.of.refused)
        few = f" ({self.told.lacks})" if self.told is not None else ""
        if self.calibration:
            images = self.calibration.images
            return f"Corrected for classifier error as measured on {images}; errors on these images may differ{few}"
        return sentences("" if self.of.exact else UNCORRECTED + few, self.of.refused)

    def _estimate(self, k: int, confidence: float) -> Estimate:
        if self.correction == "labels":
            powered = prediction_powered_share(self._subset(k), confidence=confidence)
            return Estimate(powered.value, powered.interval, powered.clusters, powered.effective_n, powered.method)
        if self.correction == "confusion matrix":
            return self._matrix_estimate(k, confidence)
        return cluster_share(self.counts[:, k], self.sizes, confidence=confidence)

    def _matrix_estimate(self, k: int, confidence: float) -> Estimate:
        plain = cluster_share(self.counts[:, k], self.sizes, confidence=confidence)
        if plain.interval is None or plain.effective_n is None:
            return Estimate(float(self.shares[k]), None, plain.clusters, None, f"matrix method; {plain.method}")
        if len(self.of.labels) > 2:
            rng = np.random.default_rng(derive_seed(self.of.seed, "confusion matrix", len(self.rows)))
            found = matrix_prevalence(self.counts, self.matrix, rng, confidence=confidence)
            assert found.intervals is not None
            low, high = (float(end) for end in found.intervals[k])
            return Estimate(float(self.shares[k]), _around(self.shares[k], low, high), plain.clusters, None, found.method)
        matrix, independent = self.matrix, bool(np.all(self.sizes == 1))
        quantile = None if independent else float(special.stdtrit(plain.clusters - 1, (1 + confidence) / 2))
        known = CalibrationCounts(matrix[k, k], matrix[:, k].sum(), matrix[1 - k, 1 - k], matrix[:, 1 - k].sum())
        hits = plain.value * plain.effective_n
        one = lang_reiczigel(hits, plain.effective_n, known, confidence=confidence, quantile=quantile)
        method = f"{one.method}, at the effective n of the clusters, t quantile"
        ends = _around(self.shares[k], float(one.low), float(one.high))
        return Estimate(float(self.shares[k]), ends, plain.clusters, None, method)

    def _subset(self, k: int) -> LabelledSubset:
        assert self.told is not None
        return subset(self.of.sample, self.rows, self.read[:, k], self.told, self.of.labels[k])

    def _unit_of(self, rows: Ints) -> Ints:
        return self.units.code[np.searchsorted(self.rows, rows)]

    def _by_unit(self, values: Floats) -> Floats:
        g = len(self.units.names)
        return np.stack([np.bincount(self.units.code, column, minlength=g) for column in values.T], axis=1)


def _around(value: float, low: float, high: float) -> tuple[float, float]:
    """An interval that holds its estimate, also where that was cut to 0 or 1."""
    return min(low, float(value)), max(high, float(value))


def _combined(labels: Sequence[tuple[str, ...]]) -> list[str]:
    names = [""]
    for known in labels:
        names = [SEPARATOR.join(filter(None, (name, label))) for name in names for label in known]
    return names

"""Findings on how much further a generator goes than a reference in tying an attribute to the levels of an axis."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from audit.component import Measured
from audit.metrics.averages import panelled, sentences
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.label_tables import Asked
from audit.metrics.levels import ONE_PROBE
from audit.metrics.readings import Correction, corrected_protocol
from audit.metrics.sample import Cell, Floats, contributions, why_missing
from audit.metrics.yardsticks import LevelImages, Yardsticks, named
from audit.panels import Heatmap
from audit.records import Finding, Interval
from audit.stats import amplification as stats
from audit.stats.intervals import residuals
from audit.stats.inversion import p_value

__all__ = ["Amplified", "Told"]

MOST_ROWS = 40
"""Levels in a picture."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a reference and of what is held against it."""

    name: str
    """Of the metric in the spec."""
    subject: str
    """The attribute in words."""
    axis: str
    reference: str
    """Its name in the spec."""
    about: str
    """Its title and date."""
    protocol: str
    confidence: float


@dataclass(frozen=True)
class Amplified:
    """Makes the findings ``directional`` and ``mean_dominant`` of one generator."""

    told: Told
    asked: Asked
    labelled: LabelShares
    beside: Yardsticks
    seed: int

    def measure(self) -> Iterator[Measured]:
        """Both findings."""
        kinds = (
            ("directional", stats.directional_weights, stats.directional),
            ("mean_dominant", stats.dominant_weights, stats.mean_dominant),
        )
        for quantity, weights, statistic in kinds:
            yield panelled(self._finding(quantity, weights, statistic), self._moved())

    def _finding(self, quantity: str, weights: stats.Weights, statistic: Callable[..., stats.Amplification]) -> Measured:
        blank = self._blank(quantity)
        if len(self.beside.cells) < 2:
            return _refused(blank, "fewer than two levels have both enough draws and a figure in the reference")
        counted = weights(self._reference.shares, self._reference.tasks)
        if not counted.any():
            return _refused(blank, "the reference gives no label a direction, since it says the same of all levels")
        images, values = self._images, (counted[self._images.task] * self._images.shares.values).sum(axis=1)
        estimate = float(images.mean(values).sum() - (counted * self._reference.shares).sum())
        parts = contributions(images.pseudo_values(values, estimate), images.units)
        expected = self._expected(weights)

        def interval(confidence: float) -> tuple[float, float] | None:
            if images.shares.correction == "uncorrected":
                ends = statistic(self._reference, images.measured, confidence=confidence).interval
            else:
                ends = _around(estimate, residuals(parts.total, parts.n), images.shares.df, confidence)
            return self._widened(estimate, ends, counted, confidence, expected) if ends else None

        ends = interval(self.told.confidence)
        p = p_value(lambda confidence: interval(confidence) or (-1.0, 1.0)) if ends else None
        finding = blank.model_copy(
            update={
                "estimate": estimate,
                "interval": Interval(low=ends[0], high=ends[1]) if ends else None,
                "expected": expected,
                "bounds": self._bounds(counted, images.mean(values)),
                "clusters": len(parts),
                "p_value": p,
                "p_adjusted": p,
                "method": self._method(quantity),
                "note": sentences(_concluded(ends, p), self._limits(counted, expected), blank.note),
            }
        )
        return Measured(finding, parts)

    # ------------------------------------------------------------------------------------------ what there is

    @cached_property
    def _reference(self) -> stats.Reference:
        levels = len(self.beside.cells)
        return stats.Reference(self.beside.shares, np.full(levels, 1 / levels))

    @cached_property
    def _images(self) -> LevelImages:
        sample, cells = self.asked.sample, self.beside.cells
        task = Asked(sample, cells, self.labelled.present).of_draw()
        rows = np.flatnonzero(task >= 0)
        single = any(sample.units(cell.among(self.labelled.present)).one_probe for cell in cells)
        shares = self.labelled.cell(Cell({}, rows, len(sample)))
        return LevelImages(shares, task[rows], sample.units(rows, draws=single), single)

    # --------------------------------------------------------------------------------------- what is made of it

    def _expected(self, weights: stats.Weights) -> float:
        """What a generator that follows the reference shows on average."""
        if np.isinf(self.beside.n).all():
            return 0.0
        rng = np.random.default_rng(self.seed)
        n = np.maximum(self.beside.n, 1.0)
        # above 0 by the noise of the simulation alone
        return min(0.0, stats.estimated_sign_null(self._reference, self._images.n, n, rng, weights=weights).mean)

    def _widened(
        self, estimate: float, ends: tuple[float, float], counted: Floats, confidence: float, expected: float
    ) -> tuple[float, float]:
        """The interval with the reference's own error, which also turns signs and so pulls the estimate down."""
        error = stats.reference_error(self._reference, counted, np.maximum(self.beside.n, 1.0))
        more = float(special.ndtri((1 + confidence) / 2)) * error
        low, high = (math.hypot(end - estimate, more) for end in ends)
        return max(-1.0, estimate - low), min(1.0, estimate + high - expected)

    def _bounds(self, counted: Floats, means: Floats) -> Interval | None:
        """Range over everything that the missing draws might have been (Manski 1989)."""
        missing = np.array([len(cell.among(~self.labelled.present)) for cell in self.beside.cells], dtype=np.float64)
        if not missing.any():
            return None
        n, held = self._images.n, float((counted * self._reference.shares).sum())
        low, high = (
            float(((means * n + missing * most) / (n + missing)).sum()) - held
            for most in (counted.min(axis=1), counted.max(axis=1))
        )
        return Interval(low=low, high=high)

    def _method(self, quantity: str) -> str:
        found = "mean over levels; variance linearised by prompt within levels, t interval"
        corrected = "" if self._images.shares.correction == "uncorrected" else "; prediction-powered shares"
        known = np.isinf(self.beside.n).all()
        error = "reference taken as exact" if known else "sampling error of the reference included"
        return f"{quantity.replace('_', ' ')} bias amplification, {found}{corrected}; {error}; p-value from the interval"

    def _limits(self, counted: Floats, expected: float) -> str:
        """What a reader must know before using the number."""
        none = [cell.level for cell, row in zip(self.beside.cells, counted, strict=True) if not row.any()]
        undirected = f"Without a direction in the reference, so counted as 0: {named(none)}" if none else ""
        shown = f"The reference is a sample: a generator that follows it shows {expected:.4f} on average"
        chance = f"{shown}, which the interval allows for" if expected else ""
        return sentences(undirected, chance, ONE_PROBE if self._images.single else "")

    def _blank(self, quantity: str) -> Finding:
        told = self.told
        missing = self.beside.missing
        how = "all labels" if quantity == "directional" else "leading labels"
        looked = len(self.beside.cells) > 0
        correction = self._images.shares if looked else None
        return Finding(
            metric=f"{told.name}.{quantity}",
            title=f"Bias amplification of {told.subject} by {told.axis} ({how}), against: {told.about}",
            protocol=corrected_protocol(f"{quantity} {told.protocol}", correction.correction if correction else ""),
            generator=self.asked.sample.generator,
            where={"reference": told.reference},
            estimate=None,
            interval=None,
            confidence=told.confidence,
            unit="fraction",
            better="none",
            n=len(self._images.task) if looked else 0,
            n_missing=len(missing),
            clusters=0,
            method="none",
            source="Wang & Russakovsky 2021, equation 1" if quantity == "directional" else "Zhao et al. 2017, section 4",
            note=sentences(
                f"Held against {told.about}, at {len(self.beside.cells)} levels of {told.axis}",
                self.beside.left_out,
                self.asked.left_out,
                correction.note if correction else "",
                why_missing(self.labelled.reason[missing]),
            ),
            correction=_corrected(self.labelled, correction),
        )

    def _moved(self) -> Heatmap | None:
        """Shares of the images less those of the reference."""
        if not self.beside.cells:
            return None
        shares = np.stack([self._images.mean(column) for column in self._images.shares.values.T], axis=1)
        apart = shares - self.beside.shares
        order = np.argsort(-np.abs(apart).sum(axis=1), kind="stable")[:MOST_ROWS]
        more = f" Of {len(apart)} levels, the {MOST_ROWS} furthest from it are shown." if len(apart) > MOST_ROWS else ""
        return Heatmap(
            title=f"{self.told.subject.capitalize()} by {self.told.axis}: share less that of {self.told.about}",
            summary=f"Above 0 the images show more of a label than the reference has at that level.{more}",
            rows=tuple(self.beside.cells[row].level for row in order),
            columns=self.labelled.labels,
            values=tuple(tuple(apart[row].tolist()) for row in order),
            unit="fraction",
            center=0.0,
        )


def _around(estimate: float, residual: Floats, df: float, confidence: float) -> tuple[float, float] | None:
    """A t interval from what each unit moves the estimate by; None where a unit stands alone."""
    if len(residual) < 2:
        return None
    quantile = special.stdtrit(df, (1 + confidence) / 2) if math.isfinite(df) else special.ndtri((1 + confidence) / 2)
    half = float(quantile) * math.sqrt(float((residual**2).sum()))
    return estimate - half, estimate + half


def _concluded(ends: tuple[float, float] | None, p: float | None) -> str:
    if ends is None or p is None:
        return "Whether it differs from the reference cannot be said"
    if ends[0] > 0:
        return f"Evidence that the images exaggerate what the reference says (p {p:.3g})"
    if ends[1] < 0:
        return f"Evidence that the images even out what the reference says (p {p:.3g})"
    return f"Not shown to exaggerate or to even out what the reference says (p {p:.3g})"


def _corrected(labelled: LabelShares, shares: CellShares | None) -> Correction:
    """What shares were corrected by; empty where labels are exact."""
    return labelled.plain if shares is None or shares.correction == "uncorrected" else shares.correction


def _refused(blank: Finding, why: str) -> Measured:
    return Measured(blank.model_copy(update={"note": sentences(f"No estimate: {why}", blank.note)}))

"""Findings that are an average: the mean of a number, or a share, over the draws of a cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from audit.component import Measured, Parts
from audit.metrics.sample import Cell, Ints, Sample, Scores, contributions, why_missing
from audit.panels import Intervals, Panel, Span
from audit.records import Finding, Interval
from audit.stats.intervals import ASSUMED_CORRELATION, Estimate, cluster_mean, cluster_share

__all__ = [
    "BY_PROMPT",
    "ONE_PROBE",
    "SHARES",
    "Quantity",
    "average",
    "cut",
    "evidence",
    "family",
    "intervals",
    "panelled",
    "sentences",
    "within",
    "worst_case",
]

EVIDENCE = 6
MOST_ROWS = 24
ONE_PROBE = "One probe: this speaks of its own draws, not of other prompts or classes."
SHARES = ("share", "proportion")
"""Units of shares, uncorrected and corrected: whatever draws are missing, these are bounded."""
BY_PROMPT = 1.0
"""Correlation assumed, while there are few, of what a prompt may decide alone, whatever the seed: refusals, truncation."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is averaged, and how it is told."""

    name: str
    """Dotted: metric and quantity."""
    title: str
    protocol: str
    confidence: float
    unit: str = ""
    """``share``: values are 0 or 1, and the interval is one for shares. ``proportion``: a share, corrected."""
    better: Literal["higher", "lower", "none"] = "none"
    source: str = ""
    note: str = ""
    correlation: float = ASSUMED_CORRELATION
    """Of the images of a prompt, assumed while a share has few events."""
    min_n: int = 1
    """Fewer draws than this: no estimate."""
    label: str = ""
    """Goes into ``Finding.where`` as ``label``, where not empty."""
    column: str = ""
    """Goes into ``Finding.where`` as ``column``, where not empty."""
    correction: Literal["", "labels", "confusion matrix", "uncorrected"] = ""
    """What a classifier's labels were corrected by; empty where none is behind it."""

    def where(self, cell: Cell) -> dict[str, str]:
        """What singles out the finding of a cell."""
        own = {"label": self.label, "column": self.column}
        return dict(cell.where) | {key: value for key, value in own.items() if value}


def _estimate(parts: Parts, quantity: Quantity) -> Estimate:
    if quantity.unit == "share":
        return cluster_share(parts.total, parts.n, confidence=quantity.confidence, correlation=quantity.correlation)
    return cluster_mean(parts.total, parts.n, confidence=quantity.confidence)


def within(value: float, unit: str, least: float = 0.0) -> float:
    """A number cut to what shares can be, ``least`` .. 1; as it is where the unit is not one of shares.

    A mean of prediction-powered pseudo-values, and its t interval, may leave 0 .. 1.

    >>> within(1.04, "proportion"), within(-1.04, "proportion", -1.0), within(1.04, "px")
    (1.0, -1.0, 1.04)
    """
    return min(max(value, least), 1.0) if unit in SHARES else value


def cut(ends: tuple[float, float] | None, unit: str, least: float = 0.0) -> Interval | None:
    """An interval with both ends ``within`` what shares can be."""
    return None if ends is None else Interval(low=within(ends[0], unit, least), high=within(ends[1], unit, least))


def average(quantity: Quantity, sample: Sample, scores: Scores, cell: Cell) -> Measured:
    """The finding of one cell, with its contributions."""
    present, missing = cell.among(scores.present), cell.among(~scores.present)
    n = len(present)
    units, share = sample.units(present), quantity.unit == "share"
    enough = n >= max(quantity.min_n, 1)
    parts = contributions(scores.value[present], units) if enough else None
    found = _estimate(parts, quantity) if parts else None
    too_few = "" if enough else f"No estimate: {n} draws with a value, at least {max(quantity.min_n, 1)} needed."
    why = why_missing(scores.reason[missing])
    finding = Finding(
        metric=quantity.name,
        title=quantity.title,
        protocol=quantity.protocol,
        generator=sample.generator,
        where=quantity.where(cell),
        estimate=within(found.value, quantity.unit) if found else None,
        interval=cut(found.interval, quantity.unit) if found else None,
        confidence=quantity.confidence,
        unit=quantity.unit,
        better=quantity.better,
        n=n,
        n_missing=len(missing),
        clusters=found.clusters if found else 0,
        method=found.method if found else "none",
        source=quantity.source,
        note=sentences(too_few, ONE_PROBE if found and units.one_probe else "", quantity.note, why),
        bounds=worst_case(float(scores.value[present].sum()), n, len(missing)) if quantity.unit in SHARES else None,
        correction=quantity.correction,
        evidence=evidence(sample, scores, present, share=share),
    )
    return Measured(finding, parts or ())


def family(quantity: Quantity, sample: Sample, scores: Scores, cells: Sequence[Cell]) -> list[Measured]:
    """The findings of one quantity over cells; the first, that of all draws, has a chart of them."""
    found = [(cell, average(quantity, sample, scores, cell)) for cell in cells]
    summary = f"{quantity.title}, for all draws and by cell, with {100 * quantity.confidence:g} % intervals."
    panel = intervals(quantity.title, summary, found) if len(found) > 1 else None
    return [panelled(found[0][1], panel), *(one for _, one in found[1:])]


def intervals(
    title: str, summary: str, cells: Sequence[tuple[Cell, Measured]], reference: float | None = None
) -> Intervals | None:
    """A chart of one quantity over cells; None where nothing can be drawn.

    Of many cells, those with the lowest and the highest estimates are shown.
    """
    rows = [_span(cell, one.finding) for cell, one in cells]
    known = [row for row in rows if row is not None]
    if not known:
        return None
    if len(known) > MOST_ROWS:
        inside = sorted(known[1:], key=lambda row: row.estimate)
        half = MOST_ROWS // 2
        summary += f" Of {len(inside)} cells, the {half} lowest and the {half} highest are shown."
        known = [known[0], *inside[:half], *inside[-half:]]
    return Intervals(title=title, summary=summary, rows=tuple(known), unit=cells[0][1].finding.unit, reference=reference)


def panelled(one: Measured, *panels: Panel | None) -> Measured:
    """The same finding with panels added; None stands for a panel that had nothing to show."""
    shown = tuple(panel for panel in panels if panel is not None)
    return Measured(one.finding.model_copy(update={"panels": (*one.finding.panels, *shown)}), one.contributions)


def sentences(*parts: str) -> str:
    """Parts of a note as sentences, leaving out what is empty.

    >>> sentences("3 missing: 3 refused", "", "One probe.")
    '3 missing: 3 refused. One probe.'
    """
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def _span(cell: Cell, finding: Finding) -> Span | None:
    if finding.estimate is None or finding.interval is None:
        return None
    low, high = finding.interval.low, finding.interval.high
    return Span(label=cell.name, estimate=finding.estimate, low=low, high=high, n=finding.n)


def worst_case(successes: float, n: int, missing: int) -> Interval | None:
    """Range of the share over everything that the missing draws might have been (Manski 1989)."""
    if not missing:
        return None
    return cut((successes / (n + missing), (successes + missing) / (n + missing)), "share")


def evidence(sample: Sample, scores: Scores, present: Ints, *, share: bool) -> tuple[str, ...]:
    """Images behind the number: those that count towards a share; the lowest and the highest of a mean."""
    rows = present[sample.images[present] != ""]
    if share:
        chosen = rows[scores.value[rows] > 0][:EVIDENCE]
    else:
        ordered = rows[np.argsort(scores.value[rows], kind="stable")]
        chosen = np.concatenate([ordered[: EVIDENCE // 2], ordered[EVIDENCE // 2 :][-EVIDENCE // 2 :]])
    return tuple(dict.fromkeys(str(sample.images[row]) for row in chosen))

"""One estimate less another: its test, the adjustment for many of them, and how it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from audit.component import Column, Measured
from audit.errors import SpecError
from audit.metrics.averages import Quantity, sentences, within
from audit.metrics.wording import described
from audit.records import Finding, Interval
from audit.stats.inversion import p_value
from audit.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
from audit.stats.paired import Difference, Parts, difference

__all__ = [
    "ADJUSTMENTS",
    "POINTS",
    "Adjustment",
    "Contrast",
    "adjusted",
    "amount",
    "apart",
    "compared",
    "contrast",
    "told_interval",
]

POINTS = "share difference"
"""Unit of one share less another, -1 to 1: readers see percentage points."""

NEGLIGIBLE = 1e-12
"""Of the larger estimate: a difference below it is rounding, and no evidence of anything."""

Adjustment = Literal["holm", "bh", "by"]

ADJUSTMENTS: dict[Adjustment, tuple[str, Callable[..., np.ndarray[tuple[int], np.dtype[np.float64]]]]] = {
    "holm": ("Holm", holm),
    "bh": ("Benjamini-Hochberg", benjamini_hochberg),
    "by": ("Benjamini-Yekutieli", benjamini_yekutieli),
}


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of two estimates with its test."""

    moved: Difference
    p_value: float | None
    """That there is none: below .05 exactly where the 95 % interval leaves 0 out. None where there is no interval."""

    @property
    def interval(self) -> Interval | None:
        """Of the difference."""
        low, high = self.moved.low, self.moved.high
        return None if low is None or high is None else Interval(low=low, high=high)


def compared(name: str, path: str, level: str | None, columns: Mapping[str, Column]) -> Column:
    """The column whose mean, or the share of whose label ``level``, is compared.

    Raises:
        SpecError: no scorer fills it, it holds vectors, or ``level`` does not fit it.
    """
    column, where = described(name, path, columns), f"metrics.{name}.params"
    if column.kind == "vector":
        raise SpecError(f"{where}.column: {path} holds vectors; a number or label column is needed")
    if (column.kind == "label") != (level is not None):
        lack = "needs `level`, the label to compare" if level is None else "holds numbers, so leave out `level`"
        raise SpecError(f"{where}.level: {path} {lack}")
    if level is not None and column.levels and level not in column.levels:
        raise SpecError(f"{where}.level: {level!r} is none of {', '.join(column.levels)}")
    return column


def contrast(quantity: Quantity, new: Parts, base: Parts) -> Contrast:
    """``new`` less ``base``, as differences of shares where the quantity is a share; of corrected shares cut to -1 .. 1."""
    share = quantity.unit == "share"

    def at(confidence: float) -> Difference:
        return difference(new, base, confidence=confidence, share=share, correlation=quantity.correlation)

    def ends(confidence: float) -> tuple[float, float]:
        found = at(confidence)
        assert found.low is not None
        assert found.high is not None
        return found.low, found.high

    moved = at(quantity.confidence)
    if moved.low is None:
        return Contrast(moved, None)
    size = sum(abs(total) for total, _ in base.values()) / sum(n for _, n in base.values())
    negligible = abs(moved.estimate) <= NEGLIGIBLE * size
    assert moved.high is not None
    estimate, low, high = (within(value, quantity.unit, -1.0) for value in (moved.estimate, moved.low, moved.high))
    return Contrast(replace(moved, estimate=estimate, low=low, high=high), 1.0 if negligible else p_value(ends))


def adjusted(measured: Sequence[Measured], how: Adjustment, what: str) -> list[Measured]:
    """The same findings with their p-values adjusted for one another, and a sentence that says so.

    Args:
        measured: findings of one quantity, tested together; those without a p-value stay as they are.
        how: the adjustment.
        what: what there are several of: ``arms``.
    """
    name, adjust = ADJUSTMENTS[how]
    values = [one.finding.p_value for one in measured]
    several = adjust(np.array([np.nan if value is None else value for value in values], dtype=np.float64))
    count = sum(value is not None for value in values)
    tests = f"{count} {what}" if count > 1 else ""
    return [
        one if value is None else Measured(_told(one.finding, value, float(p), tests, name), one.contributions)
        for one, value, p in zip(measured, values, several, strict=True)
    ]


def _told(finding: Finding, value: float, p: float, tests: str, name: str) -> Finding:
    more = f"; adjusted for {tests} ({name}): p {_small(p)}" if tests else ""
    note = sentences(finding.note, f"p {_small(value)}{more}")
    return finding.model_copy(update={"p_adjusted": p, "note": note})


def _small(p: float) -> str:
    return "below 0.0001" if p < 1e-4 else f"= {p:.2g}"


def apart(unit: str) -> str:
    """Unit of a difference of two numbers of a unit."""
    return POINTS if unit in ("share", "proportion") else unit


def amount(value: float, unit: str) -> str:
    """A number in a sentence.

    >>> amount(0.1234, "share"), amount(-0.1234, POINTS), amount(3.14159, "px")
    ('12.3 %', '-12.3 points', '3.14 px')
    """
    if unit in ("share", "proportion"):
        return f"{100 * within(value, unit):.1f} %"
    if unit == POINTS:
        return f"{100 * value:.1f} points"
    return f"{value:.3g} {unit}".rstrip()


def told_interval(finding: Finding) -> str:
    """``95 % interval 1.2 to 3.4 points``, or that there is none."""
    if finding.interval is None:
        return "no interval: too few prompts"
    low, high = (amount(end, finding.unit) for end in (finding.interval.low, finding.interval.high))
    number, _, unit = low.partition(" ")
    return f"{100 * finding.confidence:g} % interval {number if unit == high.partition(' ')[2] else low} to {high}"

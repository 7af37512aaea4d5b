"""What findings of mutual information have in common, whatever depends on what."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.metrics.averages import sentences
from audit.metrics.contrasts import ADJUSTMENTS, Adjustment
from audit.metrics.sample import Floats
from audit.metrics.wording import UNCORRECTED
from audit.records import Finding, Interval
from audit.stats.information import Information

__all__ = ["Counted", "Recipe", "adjusted"]


def adjusted(p_values: Floats, how: Adjustment) -> tuple[Floats, str]:
    """P-values adjusted for each other, and by whom.

    >>> import numpy as np
    >>> adjusted(np.array([0.01, 0.04]), "holm")
    (array([0.02, 0.04]), 'Holm')
    """
    name, procedure = ADJUSTMENTS[how]
    return procedure(p_values), name


@dataclass(frozen=True, slots=True)
class Counted:
    """The draws of a finding."""

    where: Mapping[str, str]
    n: int
    n_missing: int
    missing: str
    """Why they are missing, and what else was left out, in words."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the findings of one quantity of one generator share."""

    metric: str
    """Dotted: metric and quantity."""
    generator: str
    what: str
    """What is looked at, within a sentence: ``perceived presentation and perceived age depend on each other``."""
    title: str
    protocol: str
    method: str
    confidence: float
    min_n: int
    source: str
    note: str = ""
    exact: bool = False
    """All labels are read off files or requests, so that there is nothing to correct."""

    def blank(self, counted: Counted) -> Finding:
        """The finding without an estimate."""
        return Finding(
            metric=self.metric,
            title=self.title,
            protocol=self.protocol,
            generator=self.generator,
            where=dict(counted.where),
            estimate=None,
            interval=None,
            confidence=self.confidence,
            unit="nats",
            better="lower",
            n=counted.n,
            n_missing=counted.n_missing,
            clusters=0,
            method="none",
            source=self.source,
            note=sentences(self.note, "" if self.exact else UNCORRECTED, counted.missing),
            correction="" if self.exact else "uncorrected",
        )

    def refused(self, counted: Counted, why: str) -> Finding:
        """The finding, with why there is no estimate."""
        blank = self.blank(counted)
        return blank.model_copy(update={"note": sentences(f"No estimate: {why}", blank.note)})

    def few(self, n: int) -> str:
        """Whether so many draws are too few, in words; empty where they are not."""
        least = max(self.min_n, 2)
        return "" if n >= least else f"{n} draws with their labels, at least {least} needed"

    def told(self, counted: Counted, found: Information, place: int, *more: str) -> Finding:
        """The finding with what was found in one cell, its p-value not adjusted for any other.

        The estimate is what was found less what shuffled labels show, so that it is 0 on average where nothing depends on
        anything; then it is below 0 as often as not, and the interval is stretched to hold it.
        """
        value, expected, p_value = (float(of[place]) for of in (found.value, found.expected, found.p_value))
        estimate = value - expected
        low, high = min(float(found.low[place]), estimate), max(float(found.high[place]), estimate)
        blank = self.blank(counted)
        beyond = f"Found {value:.4f}; shuffled, as many images show {expected:.4f} on average"
        return blank.model_copy(
            update={
                "estimate": estimate,
                "interval": Interval(low=low, high=high),
                "expected": 0.0,
                "p_value": p_value,
                "p_adjusted": p_value,
                "method": self.method,
                "note": sentences(beyond, *more, blank.note),
            }
        )

    def concluded(self, finding: Finding, family: str = "") -> Finding:
        """The same finding with what its p-value says, in a sentence.

        Args:
            family: what it was adjusted for, ``Holm over 12 cells``; empty where it is one test.
        """
        p_value, p_adjusted = finding.p_value, finding.p_adjusted
        if p_value is None or p_adjusted is None:
            return finding
        shown = p_adjusted <= 1 - self.confidence
        first = f"Evidence that {self.what}" if shown else f"Not shown that {self.what}, nor that it is not so"
        p = f"p {p_adjusted:.3g}, {family}; {p_value:.3g} by itself" if family else f"p {p_value:.3g}"
        return finding.model_copy(update={"note": sentences(f"{first} ({p})", finding.note)})

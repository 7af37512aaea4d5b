"""What all findings of one metric share, and a finding before anything is known of it."""

from dataclasses import dataclass
from typing import Literal

from audit.records import Finding

__all__ = ["CommonRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonRecipe:
    """What the findings of one metric share."""

    metric: str
    """Name of the metric in the spec."""
    protocol: str
    confidence: float
    source: str
    baseline: str = ""
    """What all of them are compared with, where there is one such."""

    def blank(
        self, quantity: str, title: str, generator: str, *, unit: str = "", better: Literal["lower", "none"] = "none"
    ) -> Finding:
        """A finding without an estimate, of no draws."""
        return Finding(
            metric=f"{self.metric}.{quantity}",
            title=title,
            protocol=self.protocol,
            generator=generator,
            baseline=self.baseline,
            estimate=None,
            interval=None,
            confidence=self.confidence,
            unit=unit,
            better=better,
            n=0,
            n_missing=0,
            clusters=0,
            method="none",
            source=self.source,
        )

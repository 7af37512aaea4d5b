"""Reference ``run``: the shares that another run found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from statistics import NormalDist

import numpy as np
from pydantic import Field

from audit.digest import digest
from audit.errors import InputError
from audit.records import Finding
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.references.dating import age_told
from audit.results import Results, load_results
from audit.spec import nearest
from audit.stats.intervals import residuals

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class _Found:
    """Shares of one generator in the other run."""

    results: Results
    generator: str
    findings: Mapping[frozenset[tuple[str, str]], Finding]
    """Items of ``where``, the label among them -> finding."""


class Run(Reference):
    """What another run, or an exported baseline, found for the same cell and label.

    Cells are looked up, not mixed: a cell that the other run does not have stays without a reference. It is a sample
    too, and its sampling error counts. Which scorers gave its labels is told beside each share; only those of the same
    scorers mean the same.
    """

    path: str = Field(min_length=1, exclude=True)
    """Run folder or exported baseline; a relative path counts from the current folder."""
    metric: str = "representation"
    """Name, in that run, of the metric whose shares are taken."""
    generator: str = ""
    """Whose shares: a generator of that run; may be left out where there is one only."""

    def check(self) -> None:
        """Read the run, and see that it has shares of one generator."""
        _ = self._found

    def fingerprint(self) -> str:
        """Digest of the shares and how they were measured, not of where they lie."""
        kept = ("where", "estimate", "interval", "protocol", "n", "clusters")
        found = [finding.model_dump(mode="json", include=set(kept)) for finding in self._found.findings.values()]
        return digest(sorted(found, key=lambda one: sorted(one["where"].items())))

    def about(self) -> About:
        """Name of the run and generator, and when it was made."""
        return self.told(datetime.now(UTC).date())

    def told(self, today: date) -> About:
        """``about``, on a given day."""
        manifest = self._found.results.manifest
        dated = (manifest.finished or manifest.started)[:10]
        caveats = "Another generator's shares, neither right nor wanted. They rest on a sample, and its error counts."
        return About(
            title=f"Generator {self._found.generator} in the run {manifest.spec.get('name', self.path)}",
            dated=dated,
            source=self.path,
            caveats=" ".join(part for part in (age_told(dated, today), caveats) if part),
        )

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        """That run's shares of the same cell."""
        cell = [found for label in labels if (found := self._finding(label, asked))]
        if not cell:
            return Silent("that run has no such cell, or none of the labels")
        if not all(_column(finding).endswith(f".{attribute}") for finding in cell):
            return Silent(f"that run's {self.metric} is of {_column(cell[0])}, not of {attribute}")
        known = [finding for finding in cell if finding.estimate is not None and finding.interval is not None]
        if not known:
            return Silent(f"that run has no estimate with an interval there: {cell[0].note.partition('. ')[0].rstrip('.')}")
        shares = _shares(known, labels)
        lacking = [label for label in labels if label not in shares]
        partial = f"; it says nothing of {', '.join(lacking)}" if lacking else ""
        return Expected(shares, self._n_effective(known), _measured(known[0]) + partial)

    @cached_property
    def _found(self) -> _Found:
        results = load_results(self.path)
        wanted = f"{self.metric}.share"
        shares = [finding for finding in results.findings if finding.metric == wanted]
        if not shares:
            metrics = sorted({f.metric.rpartition(".")[0] for f in results.findings if f.metric.endswith(".share")})
            raise InputError(f"metric: {self.path} has no finding {wanted!r}; {nearest(self.metric, metrics)}")
        generators = sorted({finding.generator for finding in shares})
        if self.generator not in ("", *generators):
            raise InputError(f"generator: {self.path} has no {self.generator!r}; {nearest(self.generator, generators)}")
        if not self.generator and len(generators) > 1:
            raise InputError(f"generator: {self.path} has {', '.join(generators)}; name one of them")
        name = self.generator or generators[0]
        by_cell = {frozenset(f.where.items()): f for f in shares if f.generator == name and "label" in f.where}
        return _Found(results, name, by_cell)

    def _finding(self, label: str, asked: Asked) -> Finding | None:
        return self._found.findings.get(frozenset({**asked.where, "label": label}.items()))

    def _n_effective(self, findings: Sequence[Finding]) -> float:
        """Simple random sample with the variance that these shares have together, by clusters where they are kept."""
        spread = sum(_share(finding) * (1 - _share(finding)) for finding in findings)
        variance = sum(self._variance(finding) for finding in findings)
        if variance > 0 and spread > 0:
            return min(spread / variance, float(max(finding.n for finding in findings)))
        return float(max(finding.clusters for finding in findings))

    def _variance(self, finding: Finding) -> float:
        parts = self._found.results.contributions.get(finding.key, ())
        if len(parts) > 1:
            totals, sizes = (np.array([getattr(part, name) for part in parts]) for name in ("total", "n"))
            return float((residuals(totals, sizes) ** 2).sum())
        if finding.interval is None:
            return 0.0
        width = finding.interval.high - finding.interval.low
        return (width / 2 / NormalDist().inv_cdf((1 + finding.confidence) / 2)) ** 2


def _shares(findings: Sequence[Finding], labels: Sequence[str]) -> dict[str, float]:
    """Share by label; where all are known they are scaled to sum to 1, as corrected ones do only nearly."""
    shares = {finding.where["label"]: min(max(_share(finding), 0.0), 1.0) for finding in findings}
    total = sum(shares.values())
    if total > 0 and (total > 1 or all(label in shares for label in labels)):
        return {label: share / total for label, share in shares.items()}
    return shares


def _share(finding: Finding) -> float:
    return finding.estimate or 0.0


def _column(finding: Finding) -> str:
    """The column that a share is of: in its protocol, after the recipe."""
    parts = finding.protocol.split("; ")
    return next((part for part in parts[1:] if "." in part and "=" not in part), finding.protocol)


def _measured(finding: Finding) -> str:
    """How it was measured there: to be compared only with what the same scorers say."""
    scorers = [part for part in finding.protocol.split("; ")[1:] if "=" in part]
    corrected = f", {finding.correction}" if finding.correction == "uncorrected" else ""
    by = ", ".join(scorers) or finding.protocol
    return f"{finding.n} draws of {finding.generator}, measured there by {by}{corrected}"

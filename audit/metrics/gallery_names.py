"""Whether naming a person makes images more like the person: a test by swapping, without a threshold."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit.component import Contribution, Measured
from audit.digest import derive_seed
from audit.metrics.averages import sentences
from audit.metrics.gallery_decision import Decision
from audit.metrics.sample import Floats, Ints, Mask, why_missing
from audit.records import Finding, Interval
from audit.stats.intervals import cluster_mean
from audit.stats.matching_chance import fewest_swaps, swapped_difference
from audit.stats.paired import difference

__all__ = ["NameEffects"]

TITLE = "How much more like a person images are where the prompt names the person (difference of mean cosines)"
EVOKED = "A name that only evokes a group makes images more like its people, too, unless the other prompts evoke it as well"
OF_THESE = "Too few prompts to swap, so images were: this speaks of these prompts, not of what other prompts would draw"


@dataclass(frozen=True, slots=True)
class _Values:
    """What is swapped: similarities to one person."""

    value: Floats
    """(n,)"""
    named: Mask
    """(n,) the prompt names the person."""
    block: Ints
    """(n,) within which values are swapped."""
    labels: tuple[str, ...]
    """(blocks,)"""
    what: str


@dataclass(frozen=True, slots=True)
class NameEffects:
    """Makes the findings on names of one generator."""

    decision: Decision
    seed: int

    def measure(self) -> Iterator[Measured]:
        """``name_effect`` of each person whom a prompt names."""
        for position, person in enumerate(self.decision.photos.people):
            named = self.decision.searched.named == position
            if named.any():
                yield self._effect(position, person, named)
        for person in self.decision.photos.faceless:
            named = self.decision.searched.name == person
            if named.any():
                why = "No estimate: no photograph of the person has a face to compare"
                yield Measured(_noted(self._blank(person, named), why))

    def _blank(self, person: str, named: Mask) -> Finding:
        present = self.decision.searched.faces.present
        n, lost = int((named & present).sum()), int((named & ~present).sum())
        finding = self.decision.recipe.blank("name_effect", TITLE, self.decision.generator)
        return finding.model_copy(update={"where": {"person": person}, "better": "lower", "n": n, "n_missing": lost})

    def _effect(self, position: int, person: str, named: Mask) -> Measured:
        searched, present = self.decision.searched, self.decision.searched.faces.present
        lost = searched.faces.reason[named & ~present]
        finding = self._blank(person, named)
        others = self._others(named) & present
        if not finding.n or not others.any():
            lacking = "with a face is of another prompt" if finding.n else "of a prompt that names the person has a face"
            return Measured(_noted(finding, f"No estimate: no image {lacking}", why_missing(lost)))
        values = self._values(searched.mean[:, position], named & present, others)
        rng = np.random.default_rng(derive_seed(self.seed, person))
        estimate, p = swapped_difference(values.value, values.named, values.block, rng)
        update: dict[str, object] = {
            "estimate": estimate,
            "p_value": p,
            "expected": 0.0,
            "method": f"difference of mean cosines with the person's photographs; permutation test, {values.what}",
        }
        interval, clusters, parts = _interval(values, finding.confidence)
        update |= {"interval": interval, "clusters": clusters}
        few = "" if values.what.startswith("prompts") else OF_THESE
        told = f"{int(others.sum())} images of other prompts beside them"
        return Measured(_noted(finding.model_copy(update=update), told, few, EVOKED, why_missing(lost)), parts)

    def _others(self, named: Mask) -> Mask:
        """Draws of prompts that name nobody in the gallery, or of those that name others, where there are no such."""
        of_nobody = self.decision.searched.named < 0
        return of_nobody if (of_nobody & self.decision.searched.faces.present).any() else ~named

    def _values(self, alike: Floats, named: Mask, others: Mask) -> _Values:
        """Means of prompts, where there are enough to swap; else images, within seeds that both sides have."""
        table, rows = self.decision.searched.sample.table, np.flatnonzero(named | others)
        probes, code = np.unique(table.probe_ids[rows].astype(str), return_inverse=True)
        means = np.bincount(code, alike[rows]) / np.bincount(code)
        of_named = np.bincount(code, named[rows]) > 0
        together = np.zeros(len(probes), dtype=np.int64)
        if fewest_swaps(of_named, together) * (1 - self.decision.recipe.confidence) >= 1 - 1e-9:
            return _Values(means, of_named, together, ("all",), "prompts are swapped")
        seeds = self.decision.searched.sample.seeds
        shared = np.isin(seeds, np.intersect1d(seeds[named].astype(str), seeds[others].astype(str)))
        if not shared.any():
            return _Values(alike[rows], named[rows], np.zeros(len(rows), dtype=np.int64), ("all",), "images are swapped")
        kept = np.flatnonzero((named | others) & shared)
        labels, block = np.unique(seeds[kept].astype(str), return_inverse=True)
        names = tuple(str(label) for label in labels)
        return _Values(alike[kept], named[kept], block.astype(np.int64), names, "images of a seed are swapped")


def _interval(values: _Values, confidence: float) -> tuple[Interval | None, int, tuple[Contribution, ...]]:
    """Interval, independent units and what each adds: of the differences by seed, or of two sets of values."""
    chosen = np.bincount(values.block, values.named).astype(np.float64)
    if len(values.labels) > 1:
        rest = np.bincount(values.block) - chosen
        sums = np.bincount(values.block, values.value * values.named)
        apart = sums / chosen - (np.bincount(values.block, values.value) - sums) / rest
        found = cluster_mean(apart * chosen, chosen, confidence=confidence)
        rows = zip(values.labels, apart, chosen, strict=True)
        parts = tuple(Contribution(s, s, float(d * n), float(n), float(d * d * n)) for s, d, n in rows)
        ends = found.interval
        return None if ends is None else Interval(low=ends[0], high=ends[1]), len(parts), parts
    own = {f"named {i}": (float(v), 1.0) for i, v in enumerate(values.value[values.named])}
    other = {f"other {i}": (float(v), 1.0) for i, v in enumerate(values.value[~values.named])}
    moved = difference(own, other, confidence=confidence)
    interval = None if moved.low is None or moved.high is None else Interval(low=moved.low, high=moved.high)
    return interval, len(values.value), ()


def _noted(finding: Finding, *parts: str) -> Finding:
    return finding.model_copy(update={"note": sentences(*parts)})

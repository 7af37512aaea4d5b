"""Findings of where generated images lie beside a reference set."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit.component import Measured, Parts
from audit.digest import derive_seed
from audit.metrics.averages import ONE_PROBE, sentences
from audit.metrics.image_sets import ImageSet, Pairing
from audit.metrics.sample import Floats, Units, contributions
from audit.metrics.support_kinds import KINDS, Kind
from audit.records import Finding, Interval
from audit.stats.diversity import vendi
from audit.stats.duplicates import near_duplicates
from audit.stats.intervals import cluster_mean, cluster_share
from audit.stats.manifolds import Support, expected_coverage, support, widened
from audit.stats.modes import cells, effective_modes, nearest_cell
from audit.stats.neighbourhoods import touched_interval

__all__ = ["Beside", "measured"]

SHOWN = 6
IMAGES_A_CELL = 10
"""Reference images a cell, below which its cells are chance."""


@dataclass(frozen=True)
class Beside:
    """A generator's images beside a reference set, at one n a side."""

    metric: str
    confidence: float
    pairing: Pairing
    features: str
    """Protocol of the feature vectors."""
    reference: ImageSet
    """All that may serve; the pairing holds what does."""
    nearest: int
    cells: int
    least: int
    """Images a side, below which there is no estimate."""

    @cached_property
    def units(self) -> Units:
        """Clusters of the generated images."""
        return Units.named(self.pairing.first.cluster, one_probe=self.pairing.first.one_probe)

    @cached_property
    def support(self) -> Support:
        """Where they lie."""
        first, second = self.pairing.first, self.pairing.second
        return support(first.features, second.features, self.units.code, self.nearest)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What is known of one quantity."""

    value: float
    ends: tuple[float, float] | None
    parts: Parts
    expected: float
    error: float = 0.0
    """Standard error that the reference, and what is expected from it, adds."""
    shown: npt.NDArray[np.bool_] | None = None
    """(n,) generated images that are its evidence."""


def measured(beside: Beside) -> list[Measured]:
    """All quantities of a generator."""
    n = beside.pairing.n
    if n < beside.least:
        why = f"No estimate: {n} images a side, at least {beside.least} needed"
        return [Measured(_finding(beside, kind, why)) for kind in KINDS.values()]
    found = [_told(beside, KINDS[name], estimate) for name, estimate in _estimates(beside)]
    if n >= IMAGES_A_CELL * beside.cells:
        return [*found, _told(beside, KINDS["modes"], _modes(beside))]
    why = f"No estimate: {n} images a side, at least {IMAGES_A_CELL * beside.cells} needed for {beside.cells} cells"
    return [*found, Measured(_finding(beside, KINDS["modes"], why))]


def _estimates(beside: Beside) -> Iterator[tuple[str, _Estimate]]:
    found, units, m = beside.support, beside.units, len(beside.pairing.second)
    typical = float(found.typical.mean())
    drawn = _error(typical, m)
    inside = contributions(found.inside.astype(np.float64), units)
    share = cluster_share(inside.total, inside.n, confidence=beside.confidence)
    yield "precision", _Estimate(share.value, share.interval, inside, typical, drawn, ~found.inside)
    recall = _moved(beside, float(found.recalled.mean()), found.recall_influence, (m, typical))
    yield "recall", replace(recall, error=drawn)
    dense = contributions(found.density, units)
    mean = cluster_mean(dense.total, dense.n, confidence=beside.confidence)
    yield "density", _Estimate(mean.value, mean.interval, dense, 1.0, found.density_error)
    expected = expected_coverage(beside.pairing.n, m, beside.nearest)
    yield "coverage", _moved(beside, float(found.covered.mean()), found.coverage_influence, (m, expected))
    near = near_duplicates(beside.pairing.first.features, beside.pairing.second.features, units.code)
    twice = _moved(beside, float(near.near.mean()), near.influence, (m, near.expected))
    yield "duplicates", replace(twice, shown=near.near, error=_error(near.expected, m))
    yield "vendi", _vendi(beside)


def _moved(beside: Beside, value: float, influence: Floats, of: tuple[int, float]) -> _Estimate:
    """A share that clusters move; ``of`` so many images, with what is expected of it."""
    code = beside.units.code.astype(np.int32)
    ends = touched_interval(value, influence, code, of=of[0], confidence=beside.confidence)
    return _Estimate(value, ends, contributions(value + influence, beside.units), of[1])


def _vendi(beside: Beside) -> _Estimate:
    found = vendi(beside.pairing.first.features)
    parts = contributions(found.pseudo_values(), beside.units)
    ends = cluster_mean(parts.total, parts.n, confidence=beside.confidence).interval
    return _Estimate(found.value, ends, parts, vendi(beside.pairing.second.features).value)


def _modes(beside: Beside) -> _Estimate:
    """Cells come from one half of the reference, and the expectation from the other, which they were not fitted to.

    They are the same whatever the seed of the audit: the number is compared between runs.
    """
    first, second = beside.pairing.first.features, beside.pairing.second
    rng = np.random.default_rng(derive_seed("cells"))
    order = np.argsort(second.images.astype(str), kind="stable")
    centres = cells(second.features[order[0::2]], beside.cells, rng)
    other = order[1::2]
    expected = effective_modes(nearest_cell(second.features[other], centres), beside.cells, np.arange(len(other)))
    own = effective_modes(nearest_cell(first, centres), beside.cells, beside.units.code)
    parts = contributions(own.found.pseudo_values(), beside.units)
    ends = own.interval(beside.units.code, beside.cells, beside.confidence)
    return _Estimate(own.found.value, ends, parts, expected.found.value, expected.least_error)


def _told(beside: Beside, kind: Kind, found: _Estimate) -> Measured:
    images = beside.pairing.first.images
    shown = () if found.shown is None else tuple(dict.fromkeys(str(image) for image in images[found.shown][:SHOWN]))
    known = {
        "estimate": found.value,
        "interval": _interval(beside, kind, found),
        "clusters": len(found.parts),
        "expected": found.expected,
        "evidence": shown,
    }
    return Measured(_finding(beside, kind).model_copy(update=known), found.parts)


def _interval(beside: Beside, kind: Kind, found: _Estimate) -> Interval | None:
    """With the error that the reference adds, within what the quantity can be."""
    if found.ends is None:
        return None
    low, high = widened(found.value, found.ends, found.error, confidence=beside.confidence)
    least, most = {"modes": (1.0, float(beside.cells)), "vendi": (1.0, float(beside.pairing.n))}.get(
        kind.name, (0.0, 1.0 if kind.unit == "share" else high)
    )
    return Interval(low=max(least, low), high=min(most, high))


def _error(share: float, n: int) -> float:
    """Standard error of a share of independent images."""
    return float(np.sqrt(share * (1 - share) / n))


def _finding(beside: Beside, kind: Kind, why: str = "") -> Finding:
    own, other, n = beside.pairing.first, beside.pairing.second, beside.pairing.n
    recipe = kind.recipe.format(k=beside.nearest, cells=beside.cells)
    split = "Seeds are shared with the reference, so each side gives the half of them that the other does not"
    differ = bool(own.codecs and other.codecs and own.codecs != other.codecs)
    codecs = f"Codecs differ ({own.codec} against {other.codec}), so compression counts as a difference" if differ else ""
    return Finding(
        metric=f"{beside.metric}.{kind.name}",
        title=kind.title,
        protocol=f"{recipe} at n={n} a side; reference {beside.reference.digest}; {own.codec} against "
        f"{beside.reference.codec}; {beside.features}",
        generator=own.name,
        baseline=beside.reference.name,
        estimate=None,
        interval=None,
        confidence=beside.confidence,
        unit=kind.unit,
        better=kind.better,
        n=n,
        n_missing=len(own.lost),
        clusters=0,
        method=f"{kind.recipe.split(',')[0].format(cells=beside.cells)}: {kind.method}",
        source=kind.source,
        note=sentences(
            why,
            kind.note,
            ONE_PROBE if own.one_probe else "",
            split if beside.pairing.split else "",
            codecs,
            own.why_missing,
        ),
    )

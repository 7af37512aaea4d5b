"""Power of images beside that of a reference set, band by band of frequency."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audit.component import Measured
from audit.metrics.averages import ONE_PROBE, Quantity, panelled, sentences
from audit.metrics.sample import Sample, Units, contributions, why_missing
from audit.panels import Curve, Line
from audit.records import Finding, Interval
from audit.stats.intervals import cluster_mean
from audit.stats.paired import difference
from audit.table import Strings

__all__ = ["band_findings"]

Floats = npt.NDArray[np.float64]
BANDS = {"coarse": (0.0, 0.125), "middle": (0.125, 0.25), "fine": (0.25, 0.5)}
"""Name -> cycles per pixel, of what gets a finding of its own; the curve shows all bands of the scorer."""


@dataclass(frozen=True, slots=True)
class _Spectra:
    """Spectra of one generator's images."""

    name: str
    power: Floats
    """(n, bands) decibels."""
    units: Units
    lost: Strings
    """Reasons of draws without a spectrum."""
    sides: tuple[float, ...]
    """Sizes that occur, in pixels, rounded."""
    codec: str

    @classmethod
    def of(cls, sample: Sample, scorer: str) -> "_Spectra":
        found = sample.table.values(f"{scorer}.spectrum")
        rows = np.flatnonzero(found.present)
        power = np.asarray(found.value, dtype=np.float64)
        share, side = (sample.numbers(f"{scorer}.effective_{which}").value for which in ("share", "side"))
        codecs = np.asarray(sample.table.column("codec"), dtype=object)[rows]
        return cls(
            name=sample.generator,
            power=power[rows] if power.ndim == 2 else np.zeros((0, 0)),
            units=sample.units(rows),
            lost=found.reason[~found.present],
            sides=tuple(sorted({round(each) for each in side[rows] / share[rows]})),
            codec="+".join(sorted({str(codec) for codec in codecs})),
        )

    def within(self, low: float, high: float) -> Floats:
        """(n,) mean decibels of a range of frequencies."""
        edges = np.linspace(0, 0.5, self.power.shape[1] + 1)
        return np.asarray(self.power[:, (edges[:-1] >= low) & (edges[1:] <= high)].mean(axis=1), dtype=np.float64)


def band_findings(quantity: Quantity, sample: Sample, against: Sample, scorer: str) -> Iterator[Measured]:
    """Three findings of mean log power beyond the reference set's; the first has a curve of all bands."""
    own, other = _Spectra.of(sample, scorer), _Spectra.of(against, scorer)
    refused = _refused(own, other, quantity.min_n)
    for band, (low, high) in BANDS.items():
        one = replace(quantity, label=band, title=f"{quantity.title}, {low:g} to {high:g} cycles/px ({band} detail)")
        if refused:
            yield Measured(_finding(one, own, other).model_copy(update={"note": f"No estimate: {refused}."}))
            continue
        measured = _compared(one, own, other, band)
        yield panelled(measured, _curve(one, own, other)) if band == "coarse" else measured


def _refused(own: _Spectra, other: _Spectra, least: int) -> str:
    for one in (own, other):
        if len(one.power) < least:
            return f"{one.name} has {len(one.power)} images with a spectrum, at least {least} are needed"
    if own.sides != other.sides:
        said = [", ".join(f"{side:g}" for side in one.sides[:4]) for one in (own, other)]
        return f"images of {said[0]} px against {said[1]} px of the reference set; spectra are compared at one size"
    return ""


def _finding(quantity: Quantity, own: _Spectra, other: _Spectra) -> Finding:
    return Finding(
        metric=quantity.name,
        title=quantity.title,
        protocol=f"{quantity.protocol}; {own.codec} against {other.codec}",
        generator=own.name,
        baseline=other.name,
        where={"label": quantity.label},
        estimate=None,
        interval=None,
        confidence=quantity.confidence,
        unit=quantity.unit,
        better="none",
        n=len(own.power),
        n_missing=len(own.lost),
        clusters=0,
        method="none",
        expected=0.0,
    )


def _compared(quantity: Quantity, own: _Spectra, other: _Spectra, band: str) -> Measured:
    base = contributions(other.within(*BANDS[band]), other.units)
    level = float(base.total.sum() / base.n.sum())
    parts = contributions(own.within(*BANDS[band]) - level, own.units)
    around = contributions(other.within(*BANDS[band]) - level, other.units)
    sides = [{part.pair: (part.total, part.n) for part in each} for each in (parts, around)]
    found = difference(sides[0], sides[1], confidence=quantity.confidence)
    codecs = f"Codecs differ ({own.codec} against {other.codec}), so compression counts" if own.codec != other.codec else ""
    update = {
        "estimate": float(parts.total.sum() / parts.n.sum()),
        "interval": None if found.low is None or found.high is None else Interval(low=found.low, high=found.high),
        "clusters": len(parts),
        "method": f"{found.method}; of {len(other.power)} reference images",
        "note": sentences(
            "0: as the reference set", codecs, ONE_PROBE if own.units.one_probe else "", why_missing(own.lost)
        ),
    }
    return Measured(_finding(quantity, own, other).model_copy(update=update), parts)


def _curve(quantity: Quantity, own: _Spectra, other: _Spectra) -> Curve:
    """Every band, with intervals that hold together (Bonferroni)."""
    bands = own.power.shape[1]
    confidence = 1 - (1 - quantity.confidence) / bands
    x = tuple(((np.arange(bands) + 0.5) * 0.5 / bands).round(4).tolist())
    level = [_mean(other, band, confidence)[0] for band in range(bands)]
    lines = []
    for one in (other, own):
        rows = [_mean(one, band, confidence) for band in range(bands)]
        y, low, high = (tuple(row[at] - zero for row, zero in zip(rows, level, strict=True)) for at in range(3))
        lines.append(Line(label=one.name, x=x, y=y, low=low, high=high))
    return Curve(
        title="Power by frequency, beside the reference set",
        summary=(
            f"Mean log power of {own.name} less that of {other.name} in {bands} bands; the bands around both lines hold "
            f"together with {100 * quantity.confidence:g} % confidence."
        ),
        x_label="cycles per pixel",
        y_label="dB beyond the reference",
        lines=tuple(lines),
    )


def _mean(one: _Spectra, band: int, confidence: float) -> tuple[float, float, float]:
    parts = contributions(one.power[:, band], one.units)
    found = cluster_mean(parts.total, parts.n, confidence=confidence)
    low, high = found.interval or (found.value, found.value)
    return found.value, low, high

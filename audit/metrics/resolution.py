"""Metric ``resolution``: how much detail images hold for their size, and traces of making them larger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from audit.component import Context, Measured, Metric
from audit.metrics.averages import Quantity, family, panelled
from audit.metrics.resolution_calibration import Curve, calibration
from audit.metrics.resolution_lattice import lattice
from audit.metrics.resolution_spectrum import band_findings
from audit.metrics.sample import Cell, Sample, Scores, chosen_axes, protocol

__all__ = ["Resolution"]

FLAGS = {
    "enlarged": ("enlargement", ("repeated pixels", "interpolated"), "Share of images with a trace of enlarging"),
    "tiled": ("tile_seams", ("tile seams",), "Share of images with seams between tiles"),
    "jpeg": ("codec_history", ("JPEG file", "JPEG before"), "Share of images that are, or were, a JPEG"),
}
"""Quantity -> label column, labels that count, title."""
SHARE_TITLE = "Effective resolution: side that the detail would fill / side delivered"
SHARE_NOTE = "From the spectrum: soft pictures look enlarged too, and noise or sharpening hides an enlargement"


class Resolution(Metric):
    """Mean effective resolution, shares of images with traces, a pattern common to all images, and spectra by band.

    By cells, so a probe that asks the same prompt at several sizes shows the resolution ladder: ``effective_side``
    beside the size asked for. With ``calibration`` the share is read off a curve that is measured on copies of the
    generator's own images, each reduced and enlarged by a known factor. Images of other sizes or codecs than the
    reference set's are no fair comparison: sizes are refused, codecs are named.
    """

    quantities: ClassVar[tuple[str, ...]] = (
        "effective_share",
        "effective_side",
        "calibrated_share",
        *FLAGS,
        "checkerboard",
        "lattice",
        "spectrum",
    )

    source: ClassVar[str] = "ratio estimator with linearised variance: Cochran 1977, section 6.3"

    resolution: str = "resolution"
    """Name, in the spec, of the scorer that reads spectra and traces."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are shown apart; None: all contrast axes."""
    reference: str | None = None
    """Name of the generator (often a ``folder``) whose spectra are laid beside."""
    calibration: Mapping[str, float] = Field(default_factory=dict)
    """Generators that copy the audited one (``degraded`` with ``downscale``) -> the factor that they reduce by, above 1."""
    min_n: int = Field(default=2, ge=1)
    """A cell with fewer values gets no estimate."""

    @field_validator("calibration")
    @classmethod
    def _factors(cls, calibration: Mapping[str, float]) -> Mapping[str, float]:
        for name, factor in calibration.items():
            if not 1 < factor <= 64:
                raise ValueError(f"{name} reduces by {factor:g}; a factor above 1 and up to 64 is needed")
        return calibration

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """Effective resolution, labels of traces, and two vectors."""
        labels = [column for column, _, _ in FLAGS.values()]
        names = ("effective_share", "effective_side", *labels, "checkerboard", "lattice_waves", "spectrum")
        return tuple(f"{self.resolution}.{name}" for name in names)

    def references(self) -> tuple[str, ...]:
        """The reference set and the copies."""
        return tuple(dict.fromkeys([*([self.reference] if self.reference else []), *self.calibration]))

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """Means and shares by cell, then what is said of all images of a generator together."""
        axes = chosen_axes(name, self.by, context)
        curve = calibration(context, f"{self.resolution}.effective_share", self.calibration)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = list(sample.cells(axes))
            yield from self._detail(name, context, sample, cells)
            if curve is not None:
                yield from self._calibrated(name, context, sample, curve)
            for which in FLAGS:
                yield from family(self._flag(name, which, context), sample, self._flagged(sample, which), cells)
            yield from self._patterns(name, context, sample, cells[0])
            if self.reference is not None and self.reference != generator:
                against = Sample.of(context, self.reference)
                yield from band_findings(self._spectrum(name, context), sample, against, self.resolution)

    # ------------------------------------------------------------------------------------------------ detail

    def _detail(self, name: str, context: Context, sample: Sample, cells: Sequence[Cell]) -> Iterator[Measured]:
        for column, title, unit in (
            ("effective_share", SHARE_TITLE, "ratio"),
            ("effective_side", "Effective resolution: side that the detail would fill", "px"),
        ):
            quantity = self._quantity(name, column, title, context)
            quantity = replace(quantity, unit=unit, better="higher", note=SHARE_NOTE, min_n=self.min_n)
            yield from family(quantity, sample, sample.numbers(f"{self.resolution}.{column}"), cells)

    def _calibrated(self, name: str, context: Context, sample: Sample, curve: Curve) -> Iterator[Measured]:
        column = f"{self.resolution}.effective_share"
        found = sample.numbers(column)
        share = Scores(curve.true(found.value), found.present, found.reason)
        quantity = self._quantity(name, "calibrated_share", f"{SHARE_TITLE}, calibrated on copies", context)
        quantity = replace(
            quantity,
            protocol=protocol(f"mean, calibrated on {curve.what}", [column], context),
            unit="ratio",
            better="higher",
            note=f"{SHARE_NOTE}. Against the generator's own images; the curve counts as known. {curve.left_out}",
            min_n=self.min_n,
        )
        first, *rest = family(quantity, sample, share, list(sample.cells(())))
        yield panelled(first, curve.panel)
        yield from rest

    # ------------------------------------------------------------------------------------------------ traces

    def _flag(self, name: str, which: str, context: Context) -> Quantity:
        column, labels, title = FLAGS[which]
        quantity = self._quantity(name, which, title, context)
        said = " or ".join(repr(label) for label in labels)
        return replace(
            quantity,
            protocol=protocol(f"share of {said}", [f"{self.resolution}.{column}"], context),
            unit="share",
            better="none" if which == "jpeg" else "lower",
            note="As the scorer's thresholds have it, uncorrected for its error",
            correction="uncorrected",
            min_n=self.min_n,
        )

    def _flagged(self, sample: Sample, which: str) -> Scores:
        column, labels, _ = FLAGS[which]
        value, present, reason = sample.labels(f"{self.resolution}.{column}")
        return Scores(np.isin(value.astype(str), labels).astype(np.float64), present, reason)

    def _patterns(self, name: str, context: Context, sample: Sample, everything: Cell) -> Iterator[Measured]:
        quantity = self._quantity(name, "checkerboard", "Mean amplitude of a checkerboard of single pixels", context)
        note = "With sign: light upper left pixels are above 0. Without a checkerboard 0 is expected"
        quantity = replace(quantity, unit="grey levels", note=note, min_n=self.min_n)
        numbers = sample.numbers(f"{self.resolution}.checkerboard")
        yield from family(quantity, sample, numbers, [everything])
        title = "Amplitude of the strongest fine pattern that all images share"
        quantity = self._quantity(name, "lattice", title, context, column="lattice_waves")
        quantity = replace(quantity, unit="grey levels", better="lower", min_n=max(self.min_n, 2))
        yield lattice(quantity, sample, f"{self.resolution}.lattice_waves")

    def _spectrum(self, name: str, context: Context) -> Quantity:
        quantity = self._quantity(name, "spectrum", "Power beyond that of the reference set", context)
        return replace(quantity, unit="dB", min_n=max(self.min_n, 2))

    def _quantity(self, name: str, which: str, title: str, context: Context, *, column: str = "") -> Quantity:
        path = f"{self.resolution}.{column or which}"
        return Quantity(
            name=f"{name}.{which}",
            title=title,
            protocol=protocol("mean", [path], context),
            confidence=context.confidence,
            source=self.source,
        )

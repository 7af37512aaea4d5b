"""Metric ``apparent_tone``: apparent skin tone by cell, with a band for what light may have done."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.metrics.averages import Quantity, average, family, panelled, sentences
from audit.metrics.contrasts import Adjustment, adjusted
from audit.metrics.label_codes import STATED, LabelColumn, otherwise, silent
from audit.metrics.outcomes import absent
from audit.metrics.sample import Cell, Sample, Scores, chosen_axes, protocol
from audit.metrics.tone_bands import TONES, banded
from audit.metrics.tone_differences import ToneDifferences
from audit.metrics.tone_panels import histogram, readings_chart
from audit.metrics.wording import described
from audit.records import Finding, Interval

__all__ = ["ApparentTone"]

COLUMNS = ("apparent_tone", "expected_tone")
SHOWN_AS = ("", "_balanced")
SPREADS = (("lightness", "L*", (0.0, 100.0, 5.0)), ("hue", "hue in degrees", (-20.0, 120.0, 5.0)))
NO_TRUTH = "Read from pixels, uncorrected for error; it says nothing of identity or descent"


class ApparentTone(Metric):
    """Shares of apparent skin tones and the mean tone, over all draws and by cell, clustered by probe.

    Each is measured twice: on the colour as the pictures show it, and balanced for the light. The estimate is the first;
    the interval spans the sampling intervals of both, so it holds sampling error and sensitivity to light, and the note
    tells them apart. A difference between cells counts as evidence only where both readings show it. ``difference`` is that
    of the mean tone of a level and all other levels of its axis (of two levels: of the first and the second). ``abstained``
    is the share of images without a readable tone; what is missing is bounded.

    As shown, darker skin does not always read darker: in warm light (CIE A) at -1 stop the Monk tone 3 reads below tone 2,
    and balanced for the light above it.

    Of regions (faces), the largest of each image counts. Runs are compared by shares; the mean tone has no margin against a
    baseline, because the part of its interval that is light would be lost.
    """

    quantities: ClassVar[tuple[str, ...]] = ("share", "expected_tone", "difference", "abstained")
    source: ClassVar[str] = (
        "Monk Skin Tone scale (Monk 2023); coarse bins, since light moves single tones: own measurement, "
        "python -m benchmarks.people tone"
    )

    scorer: str = "skin_tone"
    """Name, in the spec, of the scorer that reads the tone."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are cells; None: all contrast axes."""
    min_n: int = Field(default=10, ge=1)
    """A cell with fewer readable draws gets no estimate."""
    allowance: float = Field(default=0.1, ge=0, le=9)
    """Tones that a difference's interval reaches further at both ends: by so much the scenes of the phantom moved balanced
    means of the same people, so smaller differences are never evidence, however many images there are."""
    adjust: Adjustment = "holm"
    """How the p-values of all differences are adjusted together: Holm, Benjamini-Hochberg or Benjamini-Yekutieli."""
    stated: tuple[str, ...] = STATED
    """Axes by which prompts say who is to be depicted; draws of prompts on one of them are left out of cells that other
    prompts share, as in ``representation``."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """Bins and mean tones of both readings, lightness and hue."""
        names = (*(name + suffix for name in COLUMNS for suffix in SHOWN_AS), *(name for name, _, _ in SPREADS))
        return tuple(f"{self.scorer}.{name}" for name in names)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``share`` of each bin, ``expected_tone``, ``difference`` and ``abstained``."""
        for path in self.reads():
            described(name, path, context.columns)
        axes = chosen_axes(name, self.by, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = [silent(sample, cell, self.stated) for cell in sample.cells(axes)]
            yield from self._shares(name, context, sample, cells)
            yield from self._means(name, context, sample, cells)
            label = f"{self.scorer}.{COLUMNS[0]}"
            yield from family(self._abstained(name, context), sample, absent(sample, label, context), cells)

    def _shares(self, name: str, context: Context, sample: Sample, cells: Sequence[Cell]) -> Iterator[Measured]:
        paths = [f"{self.scorer}.{COLUMNS[0]}{suffix}" for suffix in SHOWN_AS]
        labels = LabelColumn.of(f"metrics.{name}.params.scorer", paths[0], context).labels
        read = [sample.labels(path) for path in paths]
        for label in labels:
            quantity = replace(
                self._quantity(name, "share", f"share of {label!r}", paths, context),
                title=f"Share of images with apparent skin tone {label}",
                unit="share",
                label=label,
            )
            scores = [Scores((value == label).astype(np.float64), there, why) for value, there, why in read]
            yield from _banded(quantity, sample, scores, cells)

    def _means(self, name: str, context: Context, sample: Sample, cells: Sequence[Cell]) -> Iterator[Measured]:
        paths = [f"{self.scorer}.{COLUMNS[1]}{suffix}" for suffix in SHOWN_AS]
        quantity = replace(
            self._quantity(name, "expected_tone", "mean expected tone", paths, context),
            title="Mean apparent skin tone, 1 lightest to 10 of the Monk scale",
            unit="tones",
        )
        shown, balanced = (sample.numbers(path) for path in paths)
        first, *others = _banded(quantity, sample, (shown, balanced), cells)
        spreads = [
            histogram(what, edges, sample.numbers(f"{self.scorer}.{column}"), cells) for column, what, edges in SPREADS
        ]
        yield panelled(first, *spreads)
        yield from others
        differences = ToneDifferences(quantity, sample, (shown, balanced), self.allowance)
        axes = dict.fromkeys(cell.axis for cell in cells if cell.axis)
        found = [one for axis in axes for one in differences.of([cell for cell in cells if cell.axis == axis])]
        yield from adjusted(found, self.adjust, "differences")

    def _quantity(self, name: str, what: str, recipe: str, paths: Sequence[str], context: Context) -> Quantity:
        told = f"{recipe}, as shown and balanced for the light{otherwise(self.stated)}"
        return Quantity(
            name=f"{name}.{what}",
            title="",
            protocol=protocol(told, paths, context),
            confidence=context.confidence,
            source=self.source,
            note=NO_TRUTH,
            min_n=self.min_n,
            correction="uncorrected",
        )

    def _abstained(self, name: str, context: Context) -> Quantity:
        column = f"{self.scorer}.{COLUMNS[0]}"
        return Quantity(
            name=f"{name}.abstained",
            title="Share of images without a readable skin tone",
            protocol=protocol("share of images that abstain", [column], context),
            confidence=context.confidence,
            unit="share",
            better="lower",
            note="Abstaining is the scorer's doing as much as the image's",
        )


def _banded(quantity: Quantity, sample: Sample, readings: Sequence[Scores], cells: Sequence[Cell]) -> Iterator[Measured]:
    """The findings of one quantity over cells; the first has a chart of both readings."""
    shown, balanced = ([_bounded(quantity, sample, scores, cell) for cell in cells] for scores in readings)
    found = list(zip(cells, shown, balanced, strict=True))
    panel = readings_chart(quantity.title, quantity.confidence, found)
    first, *others = (banded(one, other) for _, one, other in found)
    yield panelled(first, panel)
    yield from others


def _bounded(quantity: Quantity, sample: Sample, scores: Scores, cell: Cell) -> Finding:
    """The finding of one reading; a mean tone, too, is bounded by what the missing draws might have been."""
    finding = average(quantity, sample, scores, cell).finding
    finding = finding.model_copy(update={"note": sentences(finding.note, cell.note)})
    if quantity.unit != "tones" or not finding.n_missing:
        return finding
    total, whole = float(scores.value[cell.among(scores.present)].sum()), finding.n + finding.n_missing
    low, high = ((total + finding.n_missing * end) / whole for end in TONES)
    return finding.model_copy(update={"bounds": Interval(low=low, high=high)})

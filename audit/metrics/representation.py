"""Metric ``representation``: who is shown: shares of each perceived label, and how far they are from references."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from audit.calibration import Calibration, read_calibration
from audit.component import Column, Context, Measured, Metric
from audit.errors import InputError, SpecError
from audit.metrics.averages import Quantity, panelled, sentences
from audit.metrics.beside import Beside, Yardstick
from audit.metrics.calibrated import calibrated
from audit.metrics.contrasts import Adjustment
from audit.metrics.label_codes import STATED, LabelColumn, otherwise, silent
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.sample import Cell, Sample, chosen_axes, protocol
from audit.metrics.share_charts import heatmap, share_chart
from audit.metrics.share_findings import ShareFindings
from audit.metrics.unevenness import Unevenness
from audit.metrics.wording import share_title, subject

__all__ = ["Representation"]

Cells = Sequence[tuple[Cell, CellShares | None]]


class Representation(Metric):
    """Shares of the labels of a column over all draws and by cell, clustered by probe, and their skew.

    Of a regional column (faces), the largest region of each image counts. Shares are corrected for the classifier's error
    by people's labels where some were imported, else by a stated ``calibration``, else marked uncorrected. ``skew`` is the
    total variation from equal shares, and from each reference of the spec, beside what chance shows at the same n;
    ``excess_skew`` is the difference of the two. Equal shares and references are yardsticks, not targets.

    Columns that are read off files (``Column.exact``) or that say whether something is there (``Column.flag``) have no skew
    from equal shares, which nobody would expect of them: they have shares, and skew from references that speak of them.
    Whether groups differ in them is what ``disparity`` asks.
    """

    version: ClassVar[int] = 2
    quantities: ClassVar[tuple[str, ...]] = ("share", "uncorrected_share", "pooled_share", "skew", "excess_skew")
    source: ClassVar[str] = (
        "total variation: Cho et al. 2023 (DALL-Eval) report it as MAD = 2 TV / K, without its null; "
        "tests: Rao & Scott 1981; correction: Angelopoulos, Duchi & Zrnic 2023 (PPI++), Lang & Reiczigel 2014"
    )

    column: str
    """A label column, such as ``attributes.perceived_gender``."""
    jointly: tuple[str, ...] = ()
    """Further label columns: labels become combinations, such as ``feminine, older``; these are not corrected."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are cells; None: all contrast axes."""
    crossed: bool = False
    """Cells are the combinations of the levels of all axes of ``by``, instead of the levels of each."""
    min_n: int = Field(default=10, ge=1)
    """A cell with fewer labelled draws gets no estimate of its own."""
    pool_below: int = Field(default=30, ge=0)
    """Cells with fewer labelled draws get a partially pooled share too, where its axis has three cells or more."""
    adjust: Adjustment = "holm"
    """How the p-values of all cells are adjusted together: Holm, Benjamini-Hochberg or Benjamini-Yekutieli."""
    stated: tuple[str, ...] = STATED
    """Axes by which prompts say who is to be depicted. Draws of prompts on one of them are left out of cells that other
    prompts share, and counted in the note: what is measured is who is shown where the prompt leaves it open."""
    calibration: Path | None = None
    """JSON file with confusion counts of the classifier, see ``audit.calibration``."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """The label columns."""
        return (self.column, *self.jointly)

    def check(self) -> None:
        """See that the calibration can be used."""
        if self.calibration and self.jointly:
            raise SpecError(
                "representation: combinations of labels are not corrected; leave out `calibration` or `jointly`"
            )
        self._calibration()

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``share`` of each label, ``skew`` and ``excess_skew``, for all draws and by cell."""
        found = [LabelColumn.of(f"metrics.{name}.params.column", path, context) for path in self.reads()]
        columns = [each.column for each in found]
        axes = chosen_axes(name, self.by, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            labelled = LabelShares.of(sample, self.reads(), [each.labels for each in found], context)
            chosen = self._cells(sample, axes)
            labelled = calibrated(labelled, self._fitting(name, labelled.labels, context), chosen[0], context.confidence)
            cells = [(cell, self._shares(labelled, cell)) for cell in chosen]
            beside = Beside(context, labelled, columns[0].name)
            yield from self._findings(name, columns, context, (beside, cells))

    def _findings(
        self, name: str, columns: Sequence[Column], context: Context, found: tuple[Beside, Cells]
    ) -> Iterator[Measured]:
        beside, cells = found
        labelled = beside.labelled
        makers = [
            ShareFindings(self._share(name, label, columns, context), labelled, k)
            for k, label in enumerate(labelled.labels)
        ]
        shares = [[maker.share(cell, one) for cell, one in cells] for maker in makers]
        axes = dict.fromkeys(cell.axis for cell, _ in cells[1:])  # cells of two axes are not of one kind
        even, several = all(column.composes for column in columns), len(labelled.labels) > 1
        grids = [heatmap(axis, cells, labelled.labels, shares, even=even) for axis in axes if several]
        for k, (maker, of_label) in enumerate(zip(makers, shares, strict=True)):
            mirror = k == 1 and len(makers) == 2
            chart = None if mirror else share_chart(maker.quantity, cells, of_label, beside)
            yield panelled(of_label[0], chart, *(grids if k == 0 and not even else ()))
            yield from of_label[1:]
            yield from (maker.uncorrected(cell, one) for cell, one in cells if one and one.correction != "uncorrected")
            for axis in axes:
                yield from maker.pooled([one for one in cells[1:] if one[0].axis == axis], self.pool_below)
        if several and even:
            first, *rest = self._skew(name, columns, context, beside).measure(cells)
            yield panelled(first, *grids)
            yield from rest
        if several:
            yield from self._from_references(name, columns, context, found)

    def _from_references(
        self, name: str, columns: Sequence[Column], context: Context, found: tuple[Beside, Cells]
    ) -> Iterator[Measured]:
        """Skew from each reference of the spec; of a column whose labels do not compose, where it speaks of them."""
        beside, cells = found
        even = all(column.composes for column in columns)
        for reference in context.references:
            if not beside.is_equal(reference, cells) and (even or beside.speaks(reference, cells)):
                yield from self._skew(name, columns, context, beside, reference).measure(cells)

    def _calibration(self) -> Calibration | None:
        return read_calibration(self.calibration) if self.calibration else None

    def _fitting(self, name: str, labels: tuple[str, ...], context: Context) -> Calibration | None:
        found = self._calibration()
        try:
            if found:
                found.usable(labels)
                found.fits(self.column, context.recipes.get(self.column.rpartition(".")[0], ""))
        except (InputError, ValueError) as error:
            raise SpecError(f"metrics.{name}.params.calibration: {self.calibration}: {error}") from error
        return found

    def _cells(self, sample: Sample, axes: Sequence[str]) -> list[Cell]:
        cells = sample.crossed(axes) if self.crossed and len(axes) > 1 else sample.cells(axes)
        return [silent(sample, cell, self.stated) for cell in cells]

    def _shares(self, labelled: LabelShares, cell: Cell) -> CellShares | None:
        return labelled.cell(cell) if len(cell.among(labelled.present)) >= max(self.min_n, 1) else None

    def _share(self, name: str, label: str, columns: Sequence[Column], context: Context) -> Quantity:
        return Quantity(
            name=f"{name}.share",
            title=share_title(columns[0], label),
            protocol=self._protocol(f"share of {label!r}", context),
            confidence=context.confidence,
            unit="share",
            min_n=self.min_n,
            label=label,
        )

    def _skew(
        self, name: str, columns: Sequence[Column], context: Context, beside: Beside, reference: str = ""
    ) -> Unevenness:
        what = " and ".join(subject(column) for column in columns)
        yardstick, caveat = "equal shares", "Equal shares are a yardstick, not a target"
        recipe = "total variation from equal shares"
        if reference:
            about = context.references[reference].about()
            yardstick = about.title
            caveat = sentences(about.caveats, "A yardstick, not a target")
            recipe = f"total variation from {reference}={context.reference_ids.get(reference, '')}"
        equal = Yardstick.equal(len(beside.labelled.labels))
        return Unevenness(
            Quantity(
                name=f"{name}.skew",
                title=f"Distance of {what} from {yardstick} (total variation)",
                protocol=self._protocol(recipe, context),
                confidence=context.confidence,
                unit="fraction",
                better="lower",
                source=self.source,
                note=caveat,
                min_n=self.min_n,
            ),
            beside.labelled,
            context.seed,
            self.adjust,
            (lambda cell: beside.yardstick(reference, cell)) if reference else (lambda _: equal),
            reference,
        )

    def _protocol(self, recipe: str, context: Context) -> str:
        found = self._calibration()
        told = recipe + otherwise(self.stated) + (f", confusion counts {found.id}" if found else "")
        return protocol(told, self.reads(), context)

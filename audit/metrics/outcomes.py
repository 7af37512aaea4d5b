"""Metric ``outcomes``: what did not come of the draws: refused, filtered, failed, and nothing found in the image."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from audit.component import Context, Measured, Metric
from audit.metrics.averages import BY_PROMPT, Quantity, family, panelled
from audit.metrics.sample import Cell, Sample, Scores, chosen_axes, protocol
from audit.metrics.wording import COUNT, lowered
from audit.panels import Table
from audit.stats.intervals import ASSUMED_CORRELATION
from audit.table import MISSING

__all__ = ["TITLES", "Outcomes", "absent", "came_of"]

TITLES = {
    "refused": "Share of draws that the generator refused",
    "filtered": "Share of draws that a safety filter withheld",
    "failed": "Share of draws that failed",
}
"""What may come of a draw besides an image."""


class Outcomes(Metric):
    """Shares of draws without a usable image, and of images in which a scorer found nothing, overall and by cell.

    Outcomes come from the generator, never from pixels. What is missing unevenly bends every other share, so this
    belongs beside each of them.
    """

    quantities: ClassVar[tuple[str, ...]] = ("refused", "filtered", "failed", "undetected")

    columns: tuple[str, ...] = ()
    """Columns whose absence is counted as ``undetected``, such as ``attributes.perceived_gender`` or ``faces.count``."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are shown apart; None: all contrast axes."""
    crossed: bool = False
    """Cells are the combinations of the levels of all axes of ``by``, instead of the levels of each."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """The columns that may be absent."""
        return self.columns

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``refused``, ``filtered``, ``failed``, and ``undetected`` for each column."""
        axes = chosen_axes(name, self.by, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = list(sample.crossed(axes) if self.crossed and len(axes) > 1 else sample.cells(axes))
            for outcome, title in TITLES.items():
                quantity = Quantity(
                    f"{name}.{outcome}",
                    title,
                    f"share of draws {outcome}",
                    context.confidence,
                    unit="share",
                    better="lower",
                    correlation=ASSUMED_CORRELATION if outcome == "failed" else BY_PROMPT,
                )
                yield from _family(quantity, sample, came_of(sample, outcome), cells)
            for column in self.columns:
                yield from _family(_undetected(name, column, context), sample, absent(sample, column, context), cells)


def _undetected(name: str, column: str, context: Context) -> Quantity:
    what = context.columns[column].title if column in context.columns else ""
    lack = "with no" if column.endswith(f".{COUNT}") else "without"
    return Quantity(
        name=f"{name}.undetected",
        title=f"Share of images {lack} {lowered(what or column)}",
        protocol=protocol("share of images that abstain", [column], context),
        confidence=context.confidence,
        unit="share",
        better="lower",
        note="Abstaining is the scorer's doing as much as the image's",
        column=column,
    )


def came_of(sample: Sample, outcome: str) -> Scores:
    """1 where this came of a draw, with the reason given; nothing is missing, because every draw has an outcome."""
    hit = sample.table.outcome == outcome
    reasons = np.asarray(sample.table.column("reason"), dtype=object)
    return Scores(hit.astype(np.float64), np.ones(len(sample), dtype=bool), np.where(hit, reasons, ""))


def absent(sample: Sample, column: str, context: Context) -> Scores:
    """1 where a scorer abstained (or counted 0); missing where there was no image or it was never scored."""
    found = sample.table.values(column)
    looked = (sample.table.outcome == "made") & (found.present | (found.reason != MISSING))
    silent = ~found.present
    if column in context.columns and context.columns[column].kind == "number" and column.endswith(f".{COUNT}"):
        nothing = found.present & (np.asarray(found.value, dtype=np.float64) == 0)
        return Scores((silent | nothing).astype(np.float64), looked, np.where(nothing, "none found", found.reason))
    return Scores(silent.astype(np.float64), looked, found.reason)


def _family(quantity: Quantity, sample: Sample, scores: Scores, cells: list[Cell]) -> Iterator[Measured]:
    overall, *others = family(quantity, sample, scores, cells)
    yield panelled(overall, _reasons(scores))
    yield from others


def _reasons(scores: Scores) -> Table | None:
    """The reasons that were given, with their counts; None where nothing was lost."""
    hits = scores.present & (scores.value > 0)
    counts = Counter(str(reason) or "no reason given" for reason in scores.reason[hits])
    if not counts:
        return None
    rows = tuple((reason, str(count)) for reason, count in counts.most_common(12))
    summary = f"{int(hits.sum())} draws; most often: {rows[0][0]}."
    return Table(title="Reasons given", summary=summary, columns=("reason", "draws"), rows=rows)

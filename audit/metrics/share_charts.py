"""Pictures of label shares: by cell beside the references, and as a grid of label by level."""

from collections.abc import Sequence

from audit.component import Measured
from audit.metrics.averages import MOST_ROWS, Quantity
from audit.metrics.beside import Beside
from audit.metrics.label_shares import CellShares
from audit.metrics.sample import Cell
from audit.panels import Heatmap, Intervals, Span

__all__ = ["heatmap", "share_chart"]

MOST_LEVELS = 40
Cells = Sequence[tuple[Cell, CellShares | None]]


def share_chart(quantity: Quantity, cells: Cells, found: Sequence[Measured], beside: Beside) -> Intervals | None:
    """Shares of one label with intervals, all draws first, then cells by falling share, each beside its references."""
    mixed = len({one.finding.correction for one in found if one.finding.estimate is not None}) > 1
    rows = [
        (cell, row)
        for (cell, _), one in zip(cells, found, strict=True)
        if (row := _row(cell, one, quantity.label, beside, mixed=mixed))
    ]
    if not rows or len(cells) < 2:
        return None
    whole = [row for cell, row in rows if not cell.axis]
    inside = sorted((row for cell, row in rows if cell.axis), key=lambda row: -row.estimate)
    summary = f"{quantity.title}, with {100 * quantity.confidence:g} % intervals, highest first."
    lacking = len(cells) - len(rows)
    summary += f" {lacking} of {len(cells)} cells have too few draws to be shown." if lacking else ""
    if len(inside) > MOST_ROWS:
        summary += f" Of {len(inside)} cells, the {MOST_ROWS // 2} highest and the {MOST_ROWS // 2} lowest are shown."
        inside = [*inside[: MOST_ROWS // 2], *inside[-MOST_ROWS // 2 :]]
    told = [name for at, name in enumerate(beside.references) if any(row.marks[at] is not None for row in inside)]
    kept = [at for at, name in enumerate(beside.references) if name in told]
    shown = [row.model_copy(update={"marks": tuple(row.marks[at] for at in kept)}) for row in [*whole, *inside]]
    return Intervals(
        title=quantity.title, summary=summary, rows=tuple(shown), unit=found[0].finding.unit, marks=tuple(told)
    )


def _row(cell: Cell, one: Measured, label: str, beside: Beside, *, mixed: bool) -> Span | None:
    finding = one.finding
    if finding.estimate is None or finding.interval is None:
        return None
    return Span(
        label=f"{cell.name} (uncorrected)" if mixed and finding.correction == "uncorrected" else cell.name,
        estimate=finding.estimate,
        low=finding.interval.low,
        high=finding.interval.high,
        n=finding.n,
        marks=tuple(beside.share(name, cell, label) for name in beside.references),
    )


def heatmap(
    axis: str, cells: Cells, labels: Sequence[str], shares: Sequence[Sequence[Measured]], *, even: bool
) -> Heatmap | None:
    """Label by level of an axis; of many levels, those whose shares lie furthest from the middle.

    Args:
        even: the middle is equal shares; else the shares of all draws.
    """
    rows: list[tuple[str, tuple[float | None, ...]]] = []
    for position, (cell, _) in enumerate(cells):
        if cell.axis == axis:
            rows.append((cell.level, tuple(of_label[position].finding.estimate for of_label in shares)))
    if not rows:
        return None
    summary = f"Shares of each label at {len(rows)} levels of {axis}; empty where there are too few draws."
    if len(rows) > MOST_LEVELS:
        middle = [1 / len(labels) if even else of_label[0].finding.estimate or 0.0 for of_label in shares]
        rows.sort(key=lambda row: -_apart(row[1], middle))
        rows = rows[:MOST_LEVELS]
        summary += f" The {MOST_LEVELS} levels furthest from {'equal shares' if even else 'all draws'} are shown."
    return Heatmap(
        title=f"Shares by {axis}",
        summary=summary,
        rows=tuple(level for level, _ in rows),
        columns=tuple(labels),
        values=tuple(values for _, values in rows),
        unit="share",
        center=1 / len(labels) if even else None,
    )


def _apart(row: Sequence[float | None], middle: Sequence[float]) -> float:
    return sum(abs(value - at) for value, at in zip(row, middle, strict=True) if value is not None)

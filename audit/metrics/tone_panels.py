"""Pictures of apparent tone: both readings by cell, and how lightness and hue are spread."""

from collections.abc import Sequence

import numpy as np

from audit.metrics.averages import MOST_ROWS
from audit.metrics.sample import Cell, Scores
from audit.metrics.tone_bands import AS_SHOWN, BALANCED
from audit.panels import Curve, Intervals, Line, Span
from audit.records import Finding

__all__ = ["histogram", "readings_chart"]

MOST_LINES = 6
FEWEST = 10
"""Draws of a cell before it gets a line."""


def readings_chart(title: str, confidence: float, cells: Sequence[tuple[Cell, Finding, Finding]]) -> Intervals | None:
    """Two rows a cell: as shown, and balanced for the light, each with its sampling interval.

    Of many cells, all draws and those with the highest and the lowest estimates are shown.

    Args:
        title: what is measured.
        confidence: of the intervals.
        cells: with the findings of both readings.
    """
    known = [each for each in cells if all(one.estimate is not None and one.interval for one in each[1:])]
    if not known:
        return None
    summary = f"{title}, {AS_SHOWN} and {BALANCED}, each with its {100 * confidence:g} % sampling interval."
    most = MOST_ROWS // 2
    if len(known) > most:
        inside = sorted(known[1:], key=lambda each: each[1].estimate or 0.0)
        half = (most - 1) // 2
        summary += f" Of {len(inside)} cells, the {half} lowest and the {half} highest are shown."
        known = [known[0], *inside[:half], *inside[-half:]]
    rows = [_span(f"{each[0].name}, {how}", one) for each in known for how, one in _named(each)]
    unit = "share" if known[0][1].unit in ("share", "proportion") else known[0][1].unit
    return Intervals(title=title, summary=summary, rows=tuple(rows), unit=unit)


def _named(each: tuple[Cell, Finding, Finding]) -> tuple[tuple[str, Finding], tuple[str, Finding]]:
    return (AS_SHOWN, each[1]), (BALANCED, each[2])


def _span(label: str, one: Finding) -> Span:
    assert one.estimate is not None
    assert one.interval is not None
    return Span(label=label, estimate=one.estimate, low=one.interval.low, high=one.interval.high, n=one.n)


def histogram(what: str, edges: tuple[float, float, float], scores: Scores, cells: Sequence[Cell]) -> Curve | None:
    """Shares of the draws of a cell by class of a number; the largest cells only.

    Args:
        what: the number in words, ``L*``.
        edges: first edge, last edge and width of the classes; what lies outside counts in the outermost ones.
        scores: the number of each draw.
        cells: all draws first.
    """
    ends = np.arange(edges[0], edges[1] + edges[2] / 2, edges[2])
    kept = [(cell, cell.among(scores.present)) for cell in cells]
    kept = [each for each in kept if len(each[1]) >= FEWEST]
    if not kept:
        return None
    chosen = [*kept[:1], *sorted(kept[1:], key=lambda each: -len(each[1]))[: MOST_LINES - 1]]
    lines = []
    for cell, rows in chosen:
        within = np.clip(scores.value[rows], ends[0], ends[-1])
        shares = np.histogram(within, ends)[0] / len(rows)
        lines.append(Line(label=cell.name, x=tuple((ends[:-1] + ends[1:]) / 2), y=tuple(shares)))
    more = f" The {len(lines) - 1} largest of {len(kept) - 1} cells are shown." if len(lines) < len(kept) else ""
    summary = f"Shares of draws by classes of {what} that are {edges[2]:g} wide, as shown, lighting included.{more}"
    return Curve(title=f"Spread of {what}", summary=summary, x_label=what, y_label="share of draws", lines=tuple(lines))

"""The panels of a page as charts, tables and galleries, within limits for the whole file."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit.panels import Bars, Curve, Gallery, Heatmap, Intervals, Pairs, Panel, Span, Table
from audit.records import Interval
from reports.charts import Chart, draw, fault, in_words, left_out
from reports.spans import common_axis
from reports.thumbnails import Album, Page, PairPage
from reports.wording import count, interval, mark, quantity

__all__ = ["Figure", "Sheets", "Sketchbook"]

MOST_CHARTS = 120
"""Charts in one file: about a megabyte, and some seconds of drawing."""

MOST_TABLE_ROWS = 60


@dataclass(frozen=True, slots=True)
class Sheets:
    """A table as the page shows it."""

    title: str
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as the page shows it, with the numbers behind it."""

    title: str
    summary: str
    svg: str
    """Inline SVG; empty where ``note`` says why there is none."""
    note: str
    numbers: Sheets


class Sketchbook:
    """Turns panels into what the page shows; counts charts, so that a long run stays a readable file."""

    def __init__(self, album: Album) -> None:
        self._album = album
        self._charts = 0

    def figures(self, panels: Iterable[Panel]) -> list[Figure]:
        """The charts among the panels."""
        return [self.figure(panel) for panel in panels if isinstance(panel, Chart)]

    def figure(self, panel: Chart) -> Figure:
        """One chart; only its numbers once the file holds all the charts that it may."""
        note = fault(panel)
        if not note and self._charts >= MOST_CHARTS:
            note = f"Not drawn: this file holds {MOST_CHARTS} charts at most. The numbers are below and in findings.json."
        svg = ""
        if not note:
            self._charts += 1
            svg, note = draw(panel, f"chart-{self._charts}"), left_out(panel)
        return Figure(_titled(panel), in_words(panel), svg, note, _numbers(panel))

    def tables(self, panels: Iterable[Panel]) -> list[Sheets]:
        """The tables among the panels."""
        return [_cut(p.title, p.summary, p.columns, p.rows) for p in panels if isinstance(p, Table)]

    def galleries(self, panels: Iterable[Panel], evidence: tuple[str, ...]) -> list[Page]:
        """The galleries among the panels, and one of the images behind the number that are in none of them."""
        panels = tuple(panels)
        found = [panel for panel in panels if isinstance(panel, Gallery)]
        pages = [self._album.page(g.title, g.summary, _captioned(g)) for g in found]
        shown = {image for gallery in found for image in gallery.images}
        shown |= {image for panel in panels if isinstance(panel, Pairs) for pair in panel.pairs for image in pair}
        rest = [image for image in evidence if image not in shown]
        if rest:
            pages.append(self._album.page("Images behind the number", "", [(image, "") for image in rest]))
        return [page for page in pages if page.images or page.left_out]

    def pairs(self, panels: Iterable[Panel]) -> list[PairPage]:
        """The pairs of images among the panels."""
        pages = [self._album.pairs(panel) for panel in panels if isinstance(panel, Pairs)]
        return [page for page in pages if page.pairs or page.left_out]


def _titled(panel: Chart) -> str:
    """The title; of intervals by the levels of one axis, with that axis, which their rows do not name."""
    axis = common_axis(panel) if isinstance(panel, Intervals) else ""
    name = axis.replace("_", " ")
    return f"{panel.title}, by {name}" if name and name not in panel.title else panel.title


def _captioned(gallery: Gallery) -> list[tuple[str, str]]:
    captions = list(gallery.captions) + [""] * len(gallery.images)
    return list(zip(gallery.images, captions, strict=False))


def _cut(title: str, summary: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Sheets:
    shown = rows[:MOST_TABLE_ROWS]
    note = (
        f"{len(shown)} of {count(len(rows), 'row')} are shown; all are in findings.json." if len(rows) > len(shown) else ""
    )
    return Sheets(title, summary, columns, shown, note)


def _ends(row: Span, unit: str) -> tuple[str, ...]:
    spread = row.high - row.low
    return row.label, *(quantity(value, unit, spread) for value in (row.estimate, row.low, row.high)), str(row.n)


def _of_intervals(panel: Intervals) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Estimates, then a column for each reference, the bands of rows, and the true values, where there are any."""
    bands, known = any(row.band for row in panel.rows), bool(panel.known)
    columns = ["", "estimate", "low", "high", "n", *panel.marks]
    columns += ([panel.band_label] if bands else []) + (["true value", "in the interval"] if known else [])
    rows = [
        (
            *_ends(row, panel.unit),
            *("–" if value is None else mark(value, panel.unit) for value in row.marks or (None,) * len(panel.marks)),
            *((_band(row, panel.unit),) if bands else ()),
            *(_truth(row, panel.unit) if known else ()),
        )
        for row in panel.rows
    ]
    return tuple(columns), rows


def _band(row: Span, unit: str) -> str:
    return "–" if row.band is None else interval(Interval(low=min(row.band), high=max(row.band)), unit)


def _truth(row: Span, unit: str) -> tuple[str, ...]:
    if row.truth is None:
        return "not known", "–"
    return quantity(row.truth, unit, row.high - row.low), "yes" if row.contains_truth else "no"


def _numbers(panel: Chart) -> Sheets:
    """What the chart shows, as a table for those who cannot see it or want the figures."""
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    match panel:
        case Bars():
            columns = ("", panel.unit or "value")
            rows = [(label, quantity(value, panel.unit)) for label, value in zip(panel.labels, panel.values, strict=False)]
        case Intervals():
            columns, rows = _of_intervals(panel)
        case Curve():
            columns = ("line", panel.x_label, panel.y_label)
            rows = [
                (line.label, quantity(x), quantity(y)) for line in panel.lines for x, y in zip(line.x, line.y, strict=False)
            ]
        case Heatmap():
            columns = ("", *panel.columns)
            rows = [
                (row, *("no data" if value is None else quantity(value, panel.unit) for value in values))
                for row, values in zip(panel.rows, panel.values, strict=False)
            ]
    return _cut(panel.title, panel.summary, columns, tuple(rows))

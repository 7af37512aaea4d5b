"""Bars and intervals: one row each, label and value printed above the mark, so that long labels fit on a phone."""

from audit.panels import Bars, Intervals, Span
from reports.svg import WIDTH, Anchor, Scale, Sheet
from reports.wording import clean, fit, is_share, mark, quantity, tick_words

__all__ = ["MOST_ROWS", "draw_bars", "draw_intervals"]

MOST_ROWS = 40
ROW = 38.0
AXIS = 26.0
FOOT = 18.0
EDGE = 6.0
"""Room for half a marker at either end."""


def draw_bars(panel: Bars) -> Sheet:
    """Bars from zero. Shares of which one is large are drawn on 0..100 %, so that the bars show what is left."""
    shown = list(zip(panel.labels, panel.values, strict=True))[:MOST_ROWS]
    marks = [0.0, *(value for _, value in shown), *_known(panel.reference)]
    high = 1.0 if is_share(panel.unit) and 0.3 <= max(marks) <= 1 else max(marks)
    scale = Scale(min(marks), high if high > min(marks) else min(marks) + 1, 0, WIDTH)
    bottom = ROW * len(shown)
    sheet = Sheet(bottom + (FOOT if panel.reference is not None else 0))
    for index, (label, value) in enumerate(shown):
        top = ROW * index
        _head(sheet, top, label, quantity(value, panel.unit))
        sheet.bar((0, top + 19), (WIDTH, 10), "track")
        left, right = sorted((scale(0), scale(value)))
        sheet.bar((left, top + 19), (right - left, 10), "s1")
    if panel.reference is not None:
        _reference(sheet, scale(panel.reference), bottom, mark(panel.reference, panel.unit))
    return sheet


def draw_intervals(panel: Intervals) -> Sheet:
    """Estimates with whiskers on one common axis; a band for what chance alone would show; diamonds where truth lies."""
    shown = panel.rows[:MOST_ROWS]
    marks = [end for row in shown for end in (row.low, row.high, row.estimate, *_known(row.truth))]
    scale = Scale.around([*marks, *_known(panel.reference), *(panel.band or ())], EDGE, WIDTH - EDGE)
    bottom = ROW * len(shown)
    compared = panel.reference is not None or panel.band is not None
    with_truth = any(row.truth is not None for row in shown)
    sheet = Sheet(bottom + AXIS + FOOT * (compared + with_truth))
    if panel.band is not None:
        left, right = sorted(map(scale, panel.band))
        sheet.box((left, 0), (right - left, bottom), "band")
        ends = " to ".join(mark(end, panel.unit) for end in sorted(panel.band))
        sheet.text((0, bottom + AXIS + 12), f"shaded: {clean(panel.band_label)}, {ends}", "ink-2", size=11)
    _axis(sheet, scale, bottom, panel.unit)
    for index, row in enumerate(shown):
        _mark(sheet, ROW * index + 25, row, scale)
        _head(sheet, ROW * index, row.label, _span_words(row, panel.unit))
    if panel.reference is not None:
        words = mark(panel.reference, panel.unit)
        _reference(sheet, scale(panel.reference), bottom, words, at=(WIDTH, bottom + AXIS + 12))
    if with_truth:
        line = bottom + AXIS + FOOT * compared + 12
        sheet.diamond((10, line - 4), "ink")
        sheet.text((22, line), "true value", "ink-2", size=11)
    return sheet


def _known(value: float | None) -> list[float]:
    return [] if value is None else [value]


def _head(sheet: Sheet, top: float, label: str, value: str) -> None:
    room = sheet.size[0] - 6.8 * len(value) - 12
    sheet.text((0, top + 13), fit(clean(label), room))
    sheet.text((sheet.size[0], top + 13), value, anchor="right")


def _reference(sheet: Sheet, x: float, bottom: float, value: str, at: tuple[float, float] | None = None) -> None:
    """A dashed line through all rows. Its label stands under it, or at the right end of a line of its own."""
    for top in range(0, round(bottom), round(ROW)):  # beside the marks only, so that it crosses no label
        sheet.line([(x, top + 17), (x, top + 33)], "ink", width=1.4, dashes=(3, 2))
    anchor: Anchor = "left" if x < WIDTH * 0.2 else "right" if x > WIDTH * 0.8 else "center"
    sheet.text(at or (x, bottom + 12), f"dashed: {value}", "ink-2", anchor="right" if at else anchor, size=11)


def _span_words(span: Span, unit: str) -> str:
    spread = span.high - span.low
    low, high = (quantity(end, unit, spread) for end in (span.low, span.high))
    truth = "" if span.truth is None else f"  ◇ {quantity(span.truth, unit, spread)}"
    return f"{quantity(span.estimate, unit, spread)}  [{low}, {high}]{truth}"


def _mark(sheet: Sheet, middle: float, row: Span, scale: Scale) -> None:
    sheet.line([(0, middle), (WIDTH, middle)], "rule")
    sheet.line([(scale(row.low), middle), (scale(row.high), middle)], "s1", width=3.5)
    for end in (row.low, row.high):
        sheet.line([(scale(end), middle - 4.5), (scale(end), middle + 4.5)], "s1", width=1.6)
    sheet.dot((scale(row.estimate), middle), "s1", size=9)
    if row.truth is not None:
        sheet.diamond((scale(row.truth), middle), "ink")


def _axis(sheet: Sheet, scale: Scale, bottom: float, unit: str) -> None:
    sheet.line([(0, bottom), (WIDTH, bottom)], "ink-2", width=0.8)
    ticks = scale.ticks()
    for tick, words in zip(ticks, tick_words(ticks, unit), strict=True):
        x = scale(tick)
        sheet.line([(x, bottom), (x, bottom + 4)], "ink-2", width=0.8)
        anchor: Anchor = "left" if x < 20 else "right" if x > WIDTH - 20 else "center"
        sheet.text((x, bottom + 17), words, "ink-2", anchor=anchor, size=11)

"""Intervals, one a row, on one common axis: beside each what references say, what is true, and what chance shows."""

from audit.panels import Intervals, Span
from reports.rows import FOOT, MOST_ROWS, ROW, dashed, head, known
from reports.svg import WIDTH, Anchor, Colour, Scale, Sheet
from reports.wording import clean, fit, is_share, mark, quantity, tick_words

__all__ = ["MOST_MARKS", "common_axis", "draw_intervals"]

AXIS = 26.0
KEY = 19.0
EDGE = 6.0
"""Room for half a marker at either end."""
HALF = 0.5

MARKS: tuple[tuple[str, Colour], ...] = (("s", "s2"), ("^", "s3"), ("v", "s4"), ("*", "s5"), ("P", "s6"))
"""Shape and colour of each reference: told apart by either of the two."""
MOST_MARKS = len(MARKS)
LARGE = 11.5
"""Of such a mark: larger than the dot of an estimate, which lies on top and hides none."""


def draw_intervals(panel: Intervals) -> Sheet:
    """Estimates with whiskers; hollow marks where references and the truth lie; a band for what chance alone shows."""
    shown = panel.rows[:MOST_ROWS]
    scale = _scale(panel, shown)
    key, axis = _key_words(panel, shown), common_axis(panel)
    top = KEY * len(key) + (5 if key else 0)
    bottom = top + ROW * len(shown)
    compared = panel.reference is not None or panel.band is not None
    sheet = Sheet(bottom + AXIS + FOOT * compared)
    for line, (symbol, words) in enumerate(key):
        _key(sheet, KEY * line, symbol, words)
    if panel.band is not None:
        left, right = sorted(map(scale, panel.band))
        sheet.box((left, top), (right - left, bottom - top), "band")
        ends = " to ".join(mark(end, panel.unit) for end in sorted(panel.band))
        sheet.text((0, bottom + AXIS + 12), f"shaded: {clean(panel.band_label)}, {ends}", "ink-2", size=11)
    _axis(sheet, scale, bottom, panel.unit)
    for index, row in enumerate(shown):
        _mark(sheet, top + ROW * index + 25, row, scale)
        head(sheet, top + ROW * index, row.label.removeprefix(f"{axis}: "), _span_words(row, panel.unit))
    if panel.reference is not None:
        words = mark(panel.reference, panel.unit)
        dashed(sheet, scale(panel.reference), (top, bottom), words, at=(WIDTH, bottom + AXIS + 12))
    return sheet


def common_axis(panel: Intervals) -> str:
    """The axis that all cells of a chart are levels of, whose name its rows then go without; empty where they differ.

    ``occupation`` for rows named ``all``, ``occupation: nurse`` and ``occupation: pilot``.
    """
    axes = {axis for row in panel.rows for axis, separator, _ in [row.label.partition(": ")] if separator}
    return axes.pop() if len(axes) == 1 else ""


def _scale(panel: Intervals, shown: tuple[Span, ...]) -> Scale:
    """Around all values; shares that fill half of 0..100 % get the whole of it, so that charts side by side compare."""
    values = [*_values(shown), *known(panel.reference), *(panel.band or ())]
    if is_share(panel.unit) and values and max(values) - min(values) >= HALF:
        values += [0.0, 1.0]
    return Scale.around(values, EDGE, WIDTH - EDGE)


def _values(rows: tuple[Span, ...]) -> list[float]:
    """Everything that must lie on the axis."""
    found = [end for row in rows for end in (row.low, row.high, row.estimate, *known(row.truth), *(row.band or ()))]
    return found + [value for row in rows for value in row.marks[:MOST_MARKS] if value is not None]


def _key_words(panel: Intervals, rows: tuple[Span, ...]) -> list[tuple[int | str, str]]:
    """Lines of the key: a reference's position or the name of another symbol, and what it stands for."""
    marks: list[tuple[int | str, str]] = [(at, clean(name)) for at, name in enumerate(panel.marks[:MOST_MARKS])]
    truth = any(row.truth is not None for row in rows)
    bands = any(row.band is not None for row in rows)
    rest = (("truth", "true value", truth), ("band", f"what {clean(panel.band_label)} shows at that n", bands))
    return marks + [(symbol, words) for symbol, words, there in rest if there]


def _key(sheet: Sheet, top: float, symbol: int | str, words: str) -> None:
    if symbol == "band":
        _band(sheet, (0, 20), top + 9)
    elif symbol == "truth":
        sheet.hollow((10, top + 9), "ink")
    else:
        shape, colour = MARKS[int(symbol)]
        sheet.hollow((10, top + 9), colour, shape=shape, size=LARGE)
    sheet.text((28, top + 13), fit(words, WIDTH - 30, 11), "ink-2", size=11)


def _span_words(span: Span, unit: str) -> str:
    spread = span.high - span.low
    low, high = (quantity(end, unit, spread) for end in (span.low, span.high))
    truth = "" if span.truth is None else f"  ◇ {quantity(span.truth, unit, spread)}"
    return f"{quantity(span.estimate, unit, spread)}  [{low}, {high}]{truth}"


def _mark(sheet: Sheet, middle: float, row: Span, scale: Scale) -> None:
    if row.band is not None:
        left, right = sorted(map(scale, row.band))
        _band(sheet, (left, right), middle)
    sheet.line([(0, middle), (WIDTH, middle)], "rule")
    sheet.line([(scale(row.low), middle), (scale(row.high), middle)], "s1", width=3.5)
    for end in (row.low, row.high):
        sheet.line([(scale(end), middle - 4.5), (scale(end), middle + 4.5)], "s1", width=1.6)
    for (shape, colour), value in zip(MARKS, row.marks, strict=False):
        if value is not None:
            sheet.hollow((scale(value), middle), colour, shape=shape, size=LARGE)
    sheet.dot((scale(row.estimate), middle), "s1", size=8 if row.marks else 9)
    if row.truth is not None:
        sheet.hollow((scale(row.truth), middle), "ink")


def _band(sheet: Sheet, ends: tuple[float, float], middle: float) -> None:
    """A pale bar; its edges are drawn, since a pale bar alone is lost on pale paper."""
    left, right = ends
    sheet.box((left, middle - 7), (right - left, 14), "band")
    for end in ends:
        sheet.line([(end, middle - 7), (end, middle + 7)], "s6", width=0.8)


def _axis(sheet: Sheet, scale: Scale, bottom: float, unit: str) -> None:
    sheet.line([(0, bottom), (WIDTH, bottom)], "ink-2", width=0.8)
    ticks = scale.ticks()
    for tick, words in zip(ticks, tick_words(ticks, unit), strict=True):
        x = scale(tick)
        sheet.line([(x, bottom), (x, bottom + 4)], "ink-2", width=0.8)
        anchor: Anchor = "left" if x < 20 else "right" if x > WIDTH - 20 else "center"
        sheet.text((x, bottom + 17), words, "ink-2", anchor=anchor, size=11)

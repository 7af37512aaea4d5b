"""Bars, one a row: label and value are printed above the mark, so that long labels fit on a phone."""

from audit.panels import Bars
from reports.svg import WIDTH, Anchor, Scale, Sheet
from reports.wording import clean, fit, is_share, mark, quantity

__all__ = ["FOOT", "MOST_ROWS", "ROW", "dashed", "draw_bars", "head", "known"]

MOST_ROWS = 40
ROW = 38.0
FOOT = 18.0


def draw_bars(panel: Bars) -> Sheet:
    """Bars from zero. Shares of which one is large are drawn on 0..100 %, so that the bars show what is left."""
    shown = list(zip(panel.labels, panel.values, strict=True))[:MOST_ROWS]
    marks = [0.0, *(value for _, value in shown), *known(panel.reference)]
    high = 1.0 if is_share(panel.unit) and 0.3 <= max(marks) <= 1 else max(marks)
    scale = Scale(min(marks), high if high > min(marks) else min(marks) + 1, 0, WIDTH)
    bottom = ROW * len(shown)
    sheet = Sheet(bottom + (FOOT if panel.reference is not None else 0))
    for index, (label, value) in enumerate(shown):
        top = ROW * index
        head(sheet, top, label, quantity(value, panel.unit))
        sheet.bar((0, top + 19), (WIDTH, 10), "track")
        left, right = sorted((scale(0), scale(value)))
        sheet.bar((left, top + 19), (right - left, 10), "s1")
    if panel.reference is not None:
        dashed(sheet, scale(panel.reference), (0, bottom), mark(panel.reference, panel.unit))
    return sheet


def known(value: float | None) -> list[float]:
    """The value as a list; empty where there is none."""
    return [] if value is None else [value]


def head(sheet: Sheet, top: float, label: str, value: str) -> None:
    """Label and value of a row, above its mark."""
    room = sheet.size[0] - 6.8 * len(value) - 12
    sheet.text((0, top + 13), fit(clean(label), room))
    sheet.text((sheet.size[0], top + 13), value, anchor="right")


def dashed(sheet: Sheet, x: float, rows: tuple[float, float], value: str, at: tuple[float, float] | None = None) -> None:
    """A dashed line through all rows, from the top of the first to the bottom of the last.

    Its label stands under it, or at the right end of a line of its own.
    """
    first, bottom = rows
    for top in range(0, round(bottom - first), round(ROW)):  # beside the marks only, so that it crosses no label
        sheet.line([(x, first + top + 17), (x, first + top + 33)], "ink", width=1.4, dashes=(3, 2))
    anchor: Anchor = "left" if x < WIDTH * 0.2 else "right" if x > WIDTH * 0.8 else "center"
    sheet.text(at or (x, bottom + 12), f"dashed: {value}", "ink-2", anchor="right" if at else anchor, size=11)

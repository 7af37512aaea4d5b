"""Grids of numbers. Each cell prints its value; the shade only helps the eye, and a cell without data has none."""

from dataclasses import dataclass

from audit.panels import Heatmap
from reports.svg import WIDTH, Colour, Sheet
from reports.wording import clean, clip, fit, is_share, number, quantity

__all__ = ["MOST_COLUMNS", "MOST_LEVELS", "draw_heatmap"]

MOST_LEVELS = 60
MOST_COLUMNS = 30
CELL = 30.0
LOW_CELL = 24.0
"""Of grids with many rows."""

MANY_ROWS = 12
NARROWEST = {True: 25.0, False: 44.0}
"""Of a column of shares, which are printed in whole per cent without the sign, and of one of other numbers."""

FAINT, STRONG = 0.06, 0.5
"""Opacity of the weakest and the strongest cell: ink stays readable on both, on light and on dark paper."""


@dataclass(frozen=True, slots=True)
class _Shades:
    """Values to shades: one hue from low to high, or two hues away from a neutral value."""

    low: float
    high: float
    center: float | None
    unit: str

    def of(self, value: float) -> tuple[Colour, float]:
        if self.center is None:
            share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
            return "s1", FAINT + (STRONG - FAINT) * share
        reach = max(abs(self.low - self.center), abs(self.high - self.center)) or 1.0
        return "s1" if value >= self.center else "s2", FAINT + (STRONG - FAINT) * abs(value - self.center) / reach

    def words(self, value: float, *, bare: bool = False) -> str:
        """The value; ``bare`` without a unit and decimals that would not fit into a cell."""
        if bare and is_share(self.unit):
            return number(100 * value, 0)
        return quantity(value, "" if bare else self.unit, self.high - self.low)

    def legend(self) -> list[float]:
        marks = {self.low, self.high} | ({self.center} if self.center is not None else set())
        return sorted(marks)


def draw_heatmap(panel: Heatmap) -> Sheet:
    """Rows down, columns across; wider than a phone where the columns need it, and then the page scrolls it."""
    rows, columns = panel.rows[:MOST_LEVELS], panel.columns[:MOST_COLUMNS]
    gutter = min(146.0, 14 + 6.1 * max(len(clip(clean(row), 24)) for row in rows))
    wide = max(NARROWEST[is_share(panel.unit)], min(96.0, (WIDTH - gutter) / len(columns)))
    high = LOW_CELL if len(rows) > MANY_ROWS else CELL
    longest = max(len(clip(clean(column), 18)) for column in columns)
    level = 6.2 * longest <= wide - 4
    head = 22.0 if level else 18 + 4.2 * longest
    width = max(WIDTH, gutter + wide * len(columns) + (0 if level else 5 * longest))
    sheet = Sheet(head + high * len(rows) + 34, width)
    for index, column in enumerate(columns):
        _column(sheet, (gutter + wide * (index + 0.5), head - 8), column, level)
    shades = _shades(panel)
    for index, (row, values) in enumerate(zip(rows, panel.values, strict=False)):
        top = head + high * index
        sheet.text((gutter - 10, top + high / 2 + 4), fit(clean(row), gutter - 10, 11), anchor="right", size=11)
        for position, value in enumerate(values[:MOST_COLUMNS]):
            _cell(sheet, (gutter + wide * position, top), (wide, high), (value, shades))
    _legend(sheet, (0, head + high * len(rows) + 12), panel, shades)
    return sheet


def _shades(panel: Heatmap) -> _Shades:
    """Shares are shaded on 0..100 %, so that an even grid looks even, and the same share the same in every grid."""
    known = [value for row in panel.values for value in row if value is not None] or [0.0]
    if is_share(panel.unit) and panel.center is None:
        known += [0.0, 1.0]
    return _Shades(min(known), max(known), panel.center, panel.unit)


def _column(sheet: Sheet, at: tuple[float, float], words: str, level: bool) -> None:
    if level:
        sheet.text(at, clean(words), "ink-2", anchor="center", size=11)
    else:
        sheet.slanted(at, clip(clean(words), 18))


def _cell(
    sheet: Sheet, corner: tuple[float, float], size: tuple[float, float], content: tuple[float | None, _Shades]
) -> None:
    value, shades = content
    left, top = corner
    wide, high = size
    middle = (left + wide / 2, top + high / 2 + 4)
    if value is None:
        sheet.outline((left + 2, top + 2), (wide - 4, high - 4), "ink-2")
        sheet.text(middle, "–", "ink-2", anchor="center", size=11)
        return
    colour, opacity = shades.of(value)
    sheet.box((left + 1, top + 1), (wide - 2, high - 2), colour, opacity=opacity)
    sheet.text(middle, shades.words(value, bare=True), anchor="center", size=11)


def _legend(sheet: Sheet, at: tuple[float, float], panel: Heatmap, shades: _Shades) -> None:
    left, top = at
    for value in shades.legend():
        colour, opacity = shades.of(value)
        sheet.box((left, top), (14, 14), colour, opacity=opacity)
        words = shades.words(value)
        sheet.text((left + 19, top + 11.5), words, "ink-2", size=11)
        left += 30 + 6.2 * len(words)
    if any(value is None for row in panel.values for value in row):
        sheet.outline((left + 0.5, top + 0.5), (13, 13), "ink-2")
        sheet.text((left + 19, top + 11.5), "no data", "ink-2", size=11)

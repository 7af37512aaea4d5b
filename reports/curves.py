"""Lines over a common axis, told apart by colour, dashes and marker together, with the key above the picture."""

from collections.abc import Sequence

from audit.panels import Curve, Line
from reports.svg import SERIES, WIDTH, Scale, Sheet
from reports.wording import clean, fit, tick_words

__all__ = ["MOST_LINES", "draw_curve"]

MOST_LINES = 6
MOST_MARKERS = 24
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3), (4, 4), (1, 3))
MARKERS = ("o", "s", "^", "D", "v", "P")
KEY = 20.0
PLOT = 190.0
GUTTER = 46.0


def draw_curve(panel: Curve) -> Sheet:
    """Up to six lines; the vertical axis takes in their bands."""
    lines = [line for line in panel.lines if line.x][:MOST_LINES]
    head = KEY * len(lines) + 24
    across = Scale.around([x for line in lines for x in line.x], GUTTER, WIDTH - 8)
    up = Scale.around([y for line in lines for y in (*line.y, *line.low, *line.high)], head + PLOT, head)
    sheet = Sheet(head + PLOT + 42)
    _grid(sheet, across, up)
    sheet.text((0, head - 8), fit(clean(panel.y_label), WIDTH), "ink-2", size=11)
    sheet.text((WIDTH, head + PLOT + 36), fit(clean(panel.x_label), WIDTH), "ink-2", anchor="right", size=11)
    for index, line in enumerate(lines):
        _key(sheet, index, line.label)
        _line(sheet, index, line, (across, up))
    return sheet


def _grid(sheet: Sheet, across: Scale, up: Scale) -> None:
    ticks = up.ticks()
    for tick, words in zip(ticks, tick_words(ticks), strict=True):
        sheet.line([(across.start, up(tick)), (across.end, up(tick))], "rule", width=0.8)
        sheet.text((across.start - 6, up(tick) + 4), words, "ink-2", anchor="right", size=11)
    sheet.line([(across.start, up.start), (across.end, up.start)], "ink-2", width=0.8)
    ticks = across.ticks()
    for tick, words in zip(ticks, tick_words(ticks), strict=True):
        sheet.line([(across(tick), up.start), (across(tick), up.start + 4)], "ink-2", width=0.8)
        sheet.text((across(tick), up.start + 18), words, "ink-2", anchor="center", size=11)


def _key(sheet: Sheet, index: int, label: str) -> None:
    middle = KEY * index + 9
    sheet.line([(0, middle), (30, middle)], SERIES[index], width=2, dashes=DASHES[index])
    sheet.dot((15, middle), SERIES[index], shape=MARKERS[index], size=7)
    sheet.text((38, middle + 4), fit(clean(label), WIDTH - 40))


def _line(sheet: Sheet, index: int, line: Line, scales: tuple[Scale, Scale]) -> None:
    if line.low:
        upper, lower = _points(line.x, line.high, scales), _points(line.x, line.low, scales)
        sheet.area(upper + lower[::-1], SERIES[index], opacity=0.16)
    points = _points(line.x, line.y, scales)
    sheet.line(points, SERIES[index], width=2, dashes=DASHES[index])
    for point in points if len(points) <= MOST_MARKERS else (points[0], points[-1]):
        sheet.dot(point, SERIES[index], shape=MARKERS[index], size=7)


def _points(xs: Sequence[float], ys: Sequence[float], scales: tuple[Scale, Scale]) -> list[tuple[float, float]]:
    across, up = scales
    return [(across(x), up(y)) for x, y in zip(xs, ys, strict=True)]

"""Panels as pictures: what can be drawn, what had to be left out, and the SVG.

A chart never carries its meaning by colour alone: values are printed beside the marks, lines differ in dashes and
markers, cells without data are outlined.
"""

from audit.panels import Bars, Curve, Heatmap, Intervals
from reports.curves import MOST_LINES, draw_curve
from reports.heatmaps import MOST_COLUMNS, MOST_LEVELS, draw_heatmap
from reports.rows import MOST_ROWS, draw_bars
from reports.spans import MOST_MARKS, draw_intervals
from reports.wording import clean, clip, count

__all__ = ["Chart", "draw", "fault", "in_words", "left_out"]

Chart = Bars | Intervals | Curve | Heatmap


def draw(panel: Chart, name: str) -> str:
    """The panel as inline SVG; ``name`` begins every id in it. Empty where ``fault`` says why there is no picture."""
    if fault(panel):
        return ""
    match panel:
        case Bars():
            sheet = draw_bars(panel)
        case Intervals():
            sheet = draw_intervals(panel)
        case Curve():
            sheet = draw_curve(panel)
        case Heatmap():
            sheet = draw_heatmap(panel)
    return sheet.svg(name, clip(clean(panel.title), 200), clip(clean(in_words(panel)), 1000))


def in_words(panel: Chart) -> str:
    """The text alternative: the panel's summary, and how many intervals contain the true value where it is known."""
    known = panel.known if isinstance(panel, Intervals) else ()
    if not known:
        return panel.summary
    held = sum(row.contains_truth for row in known)
    contain = "contains" if held == 1 else "contain"
    return f"{panel.summary} {held:,} of {count(len(known), 'interval')} {contain} the true value.".strip()


def fault(panel: Chart) -> str:
    """Why the panel cannot be drawn, in words; empty where it can."""
    match panel:
        case Bars():
            size = len(panel.labels)
        case Intervals():
            size = len(panel.rows)
        case Curve():
            size = sum(len(line.x) for line in panel.lines)
        case Heatmap():
            size = len(panel.rows) * len(panel.columns)
    return "" if size else "There is nothing to draw: the panel holds no values."


def left_out(panel: Chart) -> str:
    """What the picture leaves out, in words; empty where it shows everything."""
    match panel:
        case Bars():
            return _beyond(len(panel.labels), MOST_ROWS, "rows")
        case Intervals():
            parts = (_beyond(len(panel.rows), MOST_ROWS, "rows"), _beyond(len(panel.marks), MOST_MARKS, "references"))
            return " ".join(part for part in parts if part)
        case Curve():
            return _beyond(len(panel.lines), MOST_LINES, "lines")
        case Heatmap():
            parts = (_beyond(len(panel.rows), MOST_LEVELS, "rows"), _beyond(len(panel.columns), MOST_COLUMNS, "columns"))
            return " ".join(part for part in parts if part)


def _beyond(size: int, most: int, things: str) -> str:
    return f"The picture shows the first {most} of {size:,} {things}." if size > most else ""

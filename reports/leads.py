"""The pictures that a quantity is seen by at a glance, and what of a finding's own panels they leave to its card."""

from collections import Counter
from collections.abc import Mapping, Sequence

from audit.panels import Heatmap, Intervals, Panel
from audit.records import Finding
from reports.charts import Chart
from reports.together import chart_of
from reports.truths import own_row

__all__ = ["lead_charts", "own_panels"]


def lead_charts(group: Sequence[Finding], carded: int, true: Mapping[str, float]) -> tuple[Chart, ...]:
    """Charts of all findings of a quantity, the first of each generator first, then grids, then the others.

    Where the metric laid its findings beside references, the truth or what chance shows, these are its charts; else it
    is one chart of all findings.

    Args:
        group: all findings of a quantity.
        carded: how many of them have a card, which shows their number too.
        true: key of a finding -> its true value.
    """
    several = len({finding.generator for finding in group}) > 1
    panels = [(f.generator, _named(p, f.generator) if several else p) for f in group for p in f.panels]
    charts = [(generator, p) for generator, p in panels if isinstance(p, Intervals) and _compares(p)]
    grids = [panel for _, panel in panels if isinstance(panel, Heatmap) and panel.rows]
    if not charts:
        panel = chart_of(group, true) if len(group) > 1 else None
        more = panel is not None and (len(panel.rows) > 1 or carded < len(group))
        return (*((panel,) if panel and more else ()), *(grids if len(group) > 1 else ()))
    seen: Counter[str] = Counter()
    first: list[Chart] = []
    others: list[Chart] = []
    for generator, chart in charts:
        (others if seen[generator] else first).append(chart)
        seen[generator] += 1
    return (*first, *grids, *others)


def own_panels(finding: Finding, beside: Sequence[Chart]) -> list[Panel]:
    """Panels that show what the table, the strip and the charts of its quantity do not."""
    charts = [chart for chart in beside if isinstance(chart, Intervals)]
    drawn = {(row.estimate, row.low, row.high) for chart in charts for row in chart.rows}
    alone, pictured = own_row(finding), [_untitled(chart) for chart in beside]
    own: list[Panel] = []
    for panel in finding.panels:
        rows = panel.rows if isinstance(panel, Intervals) else ()
        shown = bool(rows) and drawn.issuperset((row.estimate, row.low, row.high) for row in rows)
        if _untitled(panel) not in pictured and not shown and not (alone and panel is alone[1]):
            own.append(panel)
    return own


def _named(panel: Panel, generator: str) -> Panel:
    """With its generator in the title, where charts of several stand side by side."""
    return panel if generator in panel.title else panel.model_copy(update={"title": f"{panel.title}: {generator}"})


def _untitled(panel: Panel) -> Panel:
    return panel.model_copy(update={"title": ""})


def _compares(panel: Intervals) -> bool:
    """Whether it lays several rows beside something that findings do not hold."""
    return len(panel.rows) > 1 and bool(panel.known or panel.marks or any(row.band for row in panel.rows))

"""Charts from panels: all kinds, empty and odd ones, hostile labels, and the same bytes each time."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from audit.panels import Bars, Curve, Heatmap, Intervals, Line, Span
from reports.charts import Chart, draw, fault, in_words, left_out
from reports.svg import WIDTH, Scale

HOSTILE = "</svg><script>alert(1)</script> $\\frac{1}{2}$ 漢字 नमस्ते \u202e\x00\ud800 " + "w" * 300


def bars(*values: float, unit: str = "share", reference: float | None = 0.5) -> Bars:
    labels = tuple(f"label {i}" for i in range(len(values)))
    return Bars(title="Bars", summary="In words.", labels=labels, values=values, unit=unit, reference=reference)


def spans(count: int) -> tuple[Span, ...]:
    return tuple(
        Span(label=f"row {i}", estimate=i / 10, low=i / 10 - 0.1, high=i / 10 + 0.1, n=10 + i) for i in range(count)
    )


def heatmap(*rows: tuple[float | None, ...], center: float | None = None) -> Heatmap:
    width = max(map(len, rows))
    return Heatmap(
        title="Heat",
        summary="In words.",
        rows=tuple(f"row {i}" for i in range(len(rows))),
        columns=tuple(f"column {i}" for i in range(width)),
        values=rows,
        unit="share",
        center=center,
    )


CHARTS: dict[str, Chart] = {
    "bars": bars(0.2, 0.8),
    "bars below zero": bars(-3.0, 2.0, unit="", reference=None),
    "bars all zero": bars(0.0, 0.0, reference=None),
    "intervals": Intervals(title="I", summary="S", rows=spans(4), unit="share", reference=0.2, band=(0.15, 0.25)),
    "one exact interval": Intervals(title="I", summary="S", rows=(Span(label="a", estimate=0, low=0, high=0, n=1),)),
    "intervals far away": Intervals(
        title="I", summary="S", rows=(Span(label="a", estimate=1e20, low=9e19, high=2e20, n=1),)
    ),
    "intervals with true values": Intervals(
        title="I",
        summary="S",
        rows=(
            Span(label="held", estimate=0.5, low=0.4, high=0.6, n=9, truth=0.5),
            Span(label="missed", estimate=0.2, low=0.1, high=0.3, n=9, truth=0.9),
            Span(label="not known", estimate=0.3, low=0.2, high=0.4, n=9),
        ),
        unit="share",
        reference=0.5,
    ),
    "curve": Curve(
        title="C",
        summary="S",
        x_label="n",
        y_label="KID",
        lines=(
            Line(label="banded", x=(1, 2, 3), y=(3, 2, 1), low=(2, 1, 0), high=(4, 3, 2)),
            Line(label="plain", x=(1, 3), y=(1, 1)),
        ),
    ),
    "curve of one point": Curve(title="C", summary="S", x_label="", y_label="", lines=(Line(label="p", x=(5,), y=(5,)),)),
    "curve with an empty line": Curve(
        title="C",
        summary="S",
        x_label="",
        y_label="",
        lines=(Line(label="e", x=(), y=()), Line(label="p", x=(1, 2), y=(1, 2))),
    ),
    "heatmap": heatmap((0.1, None, 0.9), (0.5, 0.4, None), center=0.5),
    "heatmap of one value": heatmap((0.3, 0.3)),
    "heatmap without data": heatmap((None, None)),
}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


@pytest.mark.parametrize("name", CHARTS)
def test_every_panel_draws_clean_svg(name: str) -> None:
    svg = draw(CHARTS[name], "c7")
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert [root[0].tag, root[1].tag] == ["title", "desc"]
    assert root[0].text == CHARTS[name].title
    assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"
    assert all(value.startswith("c7-") for value in re.findall(r'\bid="([^"]+)"', svg))
    assert all(value.startswith("#c7-") for value in re.findall(r'href="([^"]+)"', svg))
    assert "nan" not in svg
    assert "inf" not in svg
    assert "<style" not in svg
    assert "#0" not in svg.replace("#c7-", "")  # every colour became a variable of the page
    assert svg.isprintable() or "\n" not in svg


@pytest.mark.parametrize("name", CHARTS)
def test_the_same_panel_gives_the_same_bytes_and_leaves_settings_alone(name: str) -> None:
    before = dict(mpl.rcParams)
    first = draw(CHARTS[name], "c1")
    mpl.rcParams["font.size"] = 9
    try:
        draw(CHARTS["curve"], "other")
    finally:
        mpl.rcParams["font.size"] = before["font.size"]
    assert draw(CHARTS[name], "c1") == first
    assert dict(mpl.rcParams) == before


def test_values_are_printed_beside_the_marks() -> None:
    assert {"label 0", "20.0\u00a0%", "80.0\u00a0%", "dashed: 50\u00a0%"} <= set(texts(draw(CHARTS["bars"], "c")))
    assert "10.0\u00a0%  [0\u00a0%, 20.0\u00a0%]" in texts(draw(CHARTS["intervals"], "c"))
    heat = texts(draw(CHARTS["heatmap"], "c"))
    assert heat.count("–") == 2
    assert {"10", "90", "10.0\u00a0%", "90.0\u00a0%", "no data"} <= set(
        heat
    )  # whole per cent in cells, the unit in the key
    assert {"banded", "plain", "n", "KID"} <= set(texts(draw(CHARTS["curve"], "c")))


def test_a_mark_stands_where_its_value_is() -> None:
    """Bars of shares begin at 0 and the picture's width is 100 %."""
    widths = re.findall(
        r'd="M [\d.]+ [\d.]+ L ([\d.]+) [\d.]+ Q [^"]*" style="fill: var\(--s1\)"', draw(bars(0.25, 1.0), "c")
    )
    assert [float(w) for w in widths] == pytest.approx([0.25 * WIDTH - 2.5, WIDTH - 2.5], abs=0.1)


def test_true_values_have_a_mark_of_their_own_a_legend_and_words() -> None:
    panel = CHARTS["intervals with true values"]
    svg = draw(panel, "c")
    told = texts(svg)
    assert told.count("true value") == 1
    assert "50.0\u00a0%  [40.0\u00a0%, 60.0\u00a0%]  ◇ 50.0\u00a0%" in told
    assert "30.0\u00a0%  [20.0\u00a0%, 40.0\u00a0%]" in told
    outlines = re.findall(r'<use [^>]*style="fill-opacity: 0; stroke: var\(--ink\)[^>]*>', svg)
    assert len(outlines) == 3  # two rows and the legend
    assert ElementTree.fromstring(svg)[1].text == "S 1 of 2 intervals contains the true value." == in_words(panel)
    assert "true value" not in draw(CHARTS["intervals"], "c")


def test_a_true_value_far_from_all_estimates_is_inside_the_picture() -> None:
    panel = Intervals(title="I", summary="S", rows=(Span(label="a", estimate=0.1, low=0, high=0.2, n=9, truth=3.0),))
    places = [float(x) for x in re.findall(r'<use [^>]*\bx="([\d.]+)"', draw(panel, "c"))]
    assert max(places) < WIDTH


def test_shares_are_shaded_on_the_whole_line_so_that_an_even_grid_looks_even() -> None:
    even, skewed = (draw(heatmap(row), "c") for row in ((0.4, 0.6), (0.0, 1.0)))
    assert {"0\u00a0%", "100\u00a0%"} <= set(texts(even))
    shades = [{float(o) for o in re.findall(r"opacity: ([\d.]+)", svg.split("100\u00a0%")[0])} for svg in (even, skewed)]
    assert {0.236, 0.324} <= shades[0]  # 0.06 + 0.44 times the share


@pytest.mark.parametrize(("ends", "whole"), [((0.2, 0.75), True), ((0.01, 0.06), False)])
def test_charts_of_wide_shares_have_one_axis(ends: tuple[float, float], whole: bool) -> None:
    row = Span(label="a", estimate=ends[0], low=ends[0], high=ends[1], n=9)
    shown = texts(draw(Intervals(title="I", summary="S", rows=(row,), unit="share"), "c"))
    assert ({"0\u00a0%", "100\u00a0%"} <= set(shown)) is whole


def test_lines_differ_in_dashes_and_markers_not_in_colour_alone() -> None:
    lines = tuple(Line(label=str(i), x=(0, 1), y=(i, i + 1)) for i in range(6))
    svg = draw(Curve(title="C", summary="S", x_label="", y_label="", lines=lines), "c")
    shapes = {re.sub(r'id="[^"]+"', "", marker) for marker in re.findall(r"<defs><path (d=\"[^\"]+\")", svg)}
    dashes = set(re.findall(r"stroke-dasharray: ([^;]+);", svg))
    assert len(shapes) == 6
    assert len(dashes) == 5  # and one solid


def test_hostile_labels_stay_text_and_warn_of_nothing() -> None:
    panel = Bars(title=HOSTILE, summary=HOSTILE, labels=(HOSTILE,), values=(0.5,), unit=HOSTILE)
    svg = draw(panel, "c")
    assert "<script" not in svg
    assert "$\\frac{1}{2}$" in (ElementTree.fromstring(svg)[0].text or "")
    assert "\u202e" not in svg
    assert max(map(len, texts(svg))) < 80


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        (bars(), "nothing to draw"),
        (Intervals(title="", summary="", rows=()), "nothing to draw"),
        (Curve(title="", summary="", x_label="", y_label="", lines=()), "nothing to draw"),
        (Heatmap(title="", summary="", rows=(), columns=("a",), values=()), "nothing to draw"),
    ],
)
def test_what_cannot_be_drawn_is_said(panel: Chart, words: str) -> None:
    assert words in fault(panel)
    assert draw(panel, "c") == ""


def test_what_does_not_fit_is_said() -> None:
    panel = Intervals(title="", summary="", rows=spans(100))
    assert left_out(panel) == "The picture shows the first 40 of 100 rows."
    assert sum(text.startswith("row ") for text in texts(draw(panel, "c"))) == 40
    assert left_out(CHARTS["bars"]) == ""
    wide = heatmap(tuple(i / 50 for i in range(50)))
    assert "30 of 50 columns" in left_out(wide)
    assert 'style="--least:' in draw(wide, "c")  # wider than a phone: the page scrolls it


def test_scale_and_ticks() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(0), scale(5), scale(10)] == [100, 150, 200]
    assert scale.ticks() == [0, 2, 4, 6, 8, 10]
    alone = Scale.around([7.0], 0, 100)
    assert alone(7.0) == pytest.approx(50)

import pytest
from pydantic import TypeAdapter, ValidationError

from audit.panels import Bars, Curve, Gallery, Heatmap, Intervals, Line, Panel, Span

TOLD = {"title": "t", "summary": "s"}


@pytest.mark.parametrize(
    ("panel", "parts"),
    [
        (Bars, {"labels": ("a",), "values": (1, 2)}),
        (Heatmap, {"rows": ("a",), "columns": ("b",), "values": ((1, 2),)}),
        (Heatmap, {"rows": ("a", "b"), "columns": ("b",), "values": ((1,),)}),
        (Gallery, {"images": ("a", "b"), "captions": ("one",)}),
    ],
)
def test_parts_of_other_lengths_are_no_panel(panel: type, parts: dict) -> None:
    with pytest.raises(ValidationError, match="differ in length"):
        panel(**TOLD, **parts)


@pytest.mark.parametrize("line", [{"x": (1, 2), "y": (1,)}, {"x": (1,), "y": (1,), "low": (1,)}])
def test_a_line_is_whole(line: dict) -> None:
    with pytest.raises(ValidationError, match="differ in length"):
        Line(label="l", **line)


def test_panels_survive_their_own_json() -> None:
    adapter = TypeAdapter(Panel)
    for panel in (
        Bars(**TOLD, labels=("a",), values=(0.5,)),
        Curve(**TOLD, x_label="x", y_label="y", lines=(Line(label="l", x=(1,), y=(2,), low=(1,), high=(3,)),)),
        Heatmap(**TOLD, rows=("a",), columns=("b", "c"), values=((1, None),)),
    ):
        assert adapter.validate_json(panel.model_dump_json()) == panel


def test_no_panel_holds_what_is_not_a_number() -> None:
    with pytest.raises(ValidationError):
        Bars(**TOLD, labels=("a",), values=(float("nan"),))


@pytest.mark.parametrize(
    ("truth", "holds"), [(None, False), (0.1, True), (0.3, True), (0.2, True), (0.0999, False), (0.31, False)]
)
def test_an_interval_contains_the_truth_up_to_its_ends(truth: float | None, holds: bool) -> None:
    assert Span(label="a", estimate=0.2, low=0.1, high=0.3, n=9, truth=truth).contains_truth is holds


def test_rows_of_unknown_truth_are_told_apart_from_rows_whose_truth_is_zero() -> None:
    rows = tuple(Span(label=str(truth), estimate=0, low=0, high=1, n=9, truth=truth) for truth in (None, 0.0, 0.5))
    assert [row.label for row in Intervals(**TOLD, rows=rows).known] == ["0.0", "0.5"]

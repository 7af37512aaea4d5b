import pytest
from pydantic import TypeAdapter, ValidationError

from audit.panels import Bars, Curve, Gallery, Heatmap, Line, Panel

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

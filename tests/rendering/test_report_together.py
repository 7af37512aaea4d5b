"""Labels of findings that stand together: what tells them apart comes first, where there is little room."""

from rendering.sample_audit import demo

from audit.records import Finding
from reports.together import cell_label, chart_of, shared_axes


def group(*cells: tuple[str, dict[str, str]]) -> list[Finding]:
    first = next(one for one in demo().findings if one.estimate is not None and one.interval is not None)
    return [first.model_copy(update={"generator": generator, "baseline": "", "where": where}) for generator, where in cells]


def test_the_only_axis_goes_without_its_name_and_the_cell_before_the_generator() -> None:
    found = group(
        ("model-with-a-long-name", {"label": "feminine", "occupation": "nurse"}),
        ("model-with-a-long-name", {"label": "masculine", "occupation": "pilot"}),
        ("other", {"label": "feminine", "occupation": "pilot"}),
    )
    assert cell_label(found[0], found, shared_axes(found)) == "model-with-a-long-name, nurse, feminine"
    chart = chart_of(found)
    assert chart is not None
    assert {row.label for row in chart.rows} == {
        "nurse, feminine, model-with-a-long-name",
        "pilot, masculine, model-with-a-long-name",
        "pilot, feminine, other",
    }


def test_several_axes_keep_their_names() -> None:
    found = group(("g", {"age": "older", "occupation": "nurse"}), ("g", {"age": "young", "occupation": "pilot"}))
    assert cell_label(found[0], found, shared_axes(found)) == "age older, occupation nurse"
    chart = chart_of(found)
    assert chart is not None
    assert {row.label for row in chart.rows} == {"older, nurse", "young, pilot"}  # its title names the axes
    assert "by age and occupation" in chart.title

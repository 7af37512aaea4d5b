"""What stands open on the page, what is folded, and that nothing is drawn twice."""

import pytest
from rendering.parsed_page import Page, render
from rendering.sample_audit import manifest

from audit.component import Audited
from audit.panels import Intervals, Span
from audit.records import Cost, Finding, Interval, Verdict
from reports.noise import settled
from reports.summary import depicts_people, drawn
from reports.together import cell_label, chart_of, nothing_came, shared_axes
from reports.verdicts import restated

NBSP = "\u00a0"


def finding(metric: str = "m.q", estimate: float = 0.4, half: float = 0.1, **changes: object) -> Finding:
    known = {
        "metric": metric,
        "title": "A number",
        "protocol": "p",
        "generator": "g",
        "estimate": estimate,
        "interval": Interval(low=estimate - half, high=estimate + half),
        "confidence": 0.95,
        "unit": "",
        "better": "none",
        "n": 96,
        "n_missing": 0,
        "clusters": 24,
        "method": "how",
    }
    return Finding.model_validate(known | changes)


def audited(findings: list[Finding], verdicts: tuple[Verdict, ...] = (), **changes: object) -> Audited:
    made = manifest(**changes)
    return Audited(made, tuple(findings), verdicts, lambda _: None, lambda _: "", lambda _: None)


def share(level: str = "", **changes: object) -> Finding:
    where = {"occupation": level} if level else {}
    known = {"unit": "share", "better": "lower", "interval": Interval(low=0, high=0.138), "where": where}
    return finding("outcomes.refused", 0.0, title="Share refused", **(known | changes))


def cells() -> list[Finding]:
    found = [finding("m.mean", 0.5), *(finding("m.mean", e, where={"job": j}) for j, e in (("a", 0.3), ("b", 0.7)))]
    rows = tuple(
        Span(label=f.where.get("job", "all"), estimate=f.estimate, low=f.interval.low, high=f.interval.high, n=f.n)
        for f in found
    )
    panel = Intervals(title="The same again", summary="", rows=rows)
    return [found[0].model_copy(update={"panels": (panel,)}), *found[1:]]


def charts(markup: str) -> int:
    return sum(tag == "svg" and a.get("class") == "chart" for tag, a in Page(markup).tags)


def test_a_chart_of_cells_is_drawn_once() -> None:
    assert charts(render(audited(cells(), costs=()))) == 1


def test_a_chart_that_shows_more_than_the_cells_stays() -> None:
    first, *others = cells()
    row = Span(label="noise floor", estimate=0.1, low=0, high=0.2, n=9)
    panel = first.panels[0].model_copy(update={"rows": (*first.panels[0].rows, row)})
    assert charts(render(audited([first.model_copy(update={"panels": (panel,)}), *others], costs=()))) == 2


def test_charts_against_the_truth_stand_open_one_a_generator_with_their_numbers() -> None:
    group = []
    for generator, truth in (("one", 0.5), ("other", 0.9)):
        own = [each.model_copy(update={"generator": generator, "panels": ()}) for each in cells()]
        rows = tuple(row.model_copy(update={"truth": truth}) for row in cells()[0].panels[0].rows)
        panel = Intervals(title=f"Measured against true, {generator}", summary="", rows=rows)
        group += [own[0].model_copy(update={"panels": (panel,)}), *own[1:]]
    markup = render(audited(group, costs=()))
    text = Page(markup).text
    assert charts(markup) == 2
    assert "Measured against true, one" in text
    assert "1 of 3 intervals contains the true value." in text
    assert "0 of 3 intervals contain the true value." in text
    assert text.index("in the interval") < text.index("in full: charts")
    assert "a phantom" in text
    assert "a phantom" not in Page(render(audited(cells(), costs=()))).text


def test_a_band_is_drawn_on_the_strip_and_named_there_beside_the_bounds() -> None:
    row = Span(label="all", estimate=0.4, low=0.3, high=0.5, n=96)
    panel = Intervals(title="Band", summary="", rows=(row,), band=(0.0, 0.1))
    one = finding(panels=(panel,), n_missing=7, bounds=Interval(low=0.2, high=0.6))
    markup = render(audited([one], costs=()))
    assert charts(markup) == 0
    assert "what an even generator shows" in Page(markup).text
    assert "if all 7 missing fell to one side" in Page(markup).text
    assert {"look band", "look bounds"} <= set(Page(markup).having("class"))


def test_what_never_happened_is_one_line() -> None:
    zeros = [share(), share("baker"), share("pilot")]
    text = Page(render(audited(zeros, costs=()))).text
    assert f"Never happened: Share refused (0 of 96, at most 13.8{NBSP}%".replace(NBSP, " ") in text
    assert "none in any cell" in text
    assert "The main numbers" not in text
    assert nothing_came(zeros)
    assert not nothing_came([*zeros, share("nurse", n_missing=2)])
    assert not nothing_came([share(better="none")])


def test_extremes_leave_the_whole_out_and_equal_ends_are_not_told_apart() -> None:
    chart = chart_of(cells())
    assert chart is not None
    assert chart.rows[0].label == "all"
    assert chart.summary.startswith("Highest: b with 0.70. Lowest: a with 0.30.")
    same = chart_of([share(), share("baker"), share("pilot")])
    assert same is not None
    assert same.summary.startswith(f"All are 0{NBSP}%")


def test_a_difference_says_its_direction() -> None:
    group = [
        finding("m.difference", where={"occupation": one, "against": other})
        for one, other in (("baker", "judge"), ("baker", "pilot"), ("judge", "pilot"))
    ]
    shared = shared_axes(group)
    assert [cell_label(f, group, shared) for f in group] == ["baker minus judge", "baker minus pilot", "judge minus pilot"]
    assert "against judge" not in Page(render(audited(group, costs=()))).text


def test_what_is_no_difference_of_levels_is_compared_and_not_taken_off() -> None:
    group = [
        finding("likeness.consistency", where={"name": name, "against": what})
        for name in ("Ada", "Bea")
        for what in ("altered names", "description")
    ]
    assert cell_label(group[0], group, shared_axes(group)) == "Ada compared with altered names"
    text = Page(render(audited(group, costs=()))).text
    assert "Bea compared with description" in text
    assert "minus altered names" not in text


def test_numbers_that_are_rounding_errors_read_as_zero() -> None:
    gap = finding("m.gap", 0.0, 0, interval=Interval(low=0, high=1.164e-10))
    plain = settled(audited([finding("m.mean", 0.5), gap])).findings[1]
    assert plain.interval == Interval(low=0, high=0)
    small = finding("n.gap", 2e-11, 1e-11)
    assert settled(audited([small])).findings[0] == small  # small against nothing is no rounding error


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("perceived_age.share is at least 0.05", f"perceived_age.share is at least 5{NBSP}%"),
        ("the 95% interval 1.8 % to 11.23 % straddles", f"the 95{NBSP}% interval 1.8{NBSP}% to 11.23{NBSP}% straddles"),
        ("0.05 of runs/0.05 in v0.05.1", f"5{NBSP}% of runs/0.05 in v0.05.1"),
        ("all on one side: 3.12 % to 35.2 %", f"all on one side: 3.1{NBSP}% to 35.2{NBSP}%"),
    ],
)
def test_a_gate_is_told_in_the_digits_of_its_figure(text: str, shown: str) -> None:
    ends = Interval(low=0.018023, high=0.11233)
    one = finding(estimate=0.046, unit="share", bounds=Interval(low=0.03125, high=0.3518))
    verdict = Verdict(gate="", finding=one.key, outcome="fail", reason="", estimate=0.046, interval=ends, limit=0.05)
    assert restated(text, verdict, one) == shown


def test_references_are_counted_apart_where_the_records_tell() -> None:
    costs = tuple(Cost(stage="generate", name=n, images=i, seconds=1, device="cpu") for n, i in (("g", 3), ("photos", 5)))
    one = finding("f.kid", baseline="photos")
    known = drawn(audited([one], counts={"made": 8}, costs=costs))
    assert (known.audited, known.references) == (3, (("photos", 5),))
    unknown = drawn(audited([one], counts={"made": 9}, costs=costs))
    assert (unknown.audited, unknown.references) == (9, ())
    held_out = drawn(audited([one], counts={"made": 8}, costs=costs, image_sets=("photos",)))
    alone = drawn(
        audited([one.model_copy(update={"baseline": ""})], counts={"made": 8}, costs=costs, image_sets=("photos",))
    )
    assert held_out == alone == known  # a held-out set is nobody's baseline, and not audited either


def test_perceived_attributes_are_spoken_of_only_where_people_were_looked_at() -> None:
    without = audited([finding()], spec={"scorers": [{"use": "pixels"}]})
    with_faces = audited([finding()], spec={"scorers": [{"use": "faces"}]})
    told = audited([finding(title="Share of faces perceived as feminine")], spec={})
    assert [depicts_people(a) for a in (without, with_faces, told)] == [False, True, True]
    assert "perceived" not in Page(render(without)).text
    assert "perceived" in Page(render(with_faces)).text


def test_weights_are_named_at_the_finding_and_at_its_gate() -> None:
    one = finding(packs={"fixed": "sha256:" + "ab" * 32, "loose": "sha256:" + "cd" * 32}, unpinned=("loose",))
    verdict = Verdict(gate="g", finding=one.key, outcome="pass", reason="r", note="Because.")
    text = Page(render(audited([one], (verdict,), packs={}, unpinned=()))).text
    assert text.count("unpinned") == 2
    assert "Weights: fixed" in text
    assert "Model weights fixed sha256:" + "ab" * 32 in text
    assert "Note: Because." in text

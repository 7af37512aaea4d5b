import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import SpecError
from audit.records import Axis
from probes.template import Factor, Grid, Level, expand, sampled, suite_digest, templates_for, without
from probes.wording import parse_template

NAMES = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=5, unique=True)


def factor(name: str, levels: list[str], **facts: object) -> Factor:
    return Factor(name, tuple(Level(level, level) for level in levels), slot=name, **facts)


def grid(*factors: Factor, templates: int = 2) -> Grid:
    gaps = " ".join(f"{{{f.slot}}}" for f in factors if f.slot)
    return Grid("tested", factors, tuple(parse_template(f"t{i}", f"{i}: {gaps}") for i in range(templates)))


@given(first=NAMES, second=NAMES, templates=st.integers(1, 4), data=st.data())
def test_size_is_the_product_less_what_the_rules_exclude(
    first: list[str], second: list[str], templates: int, data: st.DataObject
) -> None:
    probes = expand(grid(factor("one", first), factor("two", second), templates=templates))
    cells = set(itertools.product(first, second, [f"t{i}" for i in range(templates)]))
    assert {tuple(p.levels[a] for a in ("one", "two", "template")) for p in probes} == cells
    assert len(probes) == len(cells) == len({p.id for p in probes})

    rules = [{"one": data.draw(st.sampled_from(first)), "two": data.draw(st.sampled_from(second))}]
    left = {cell for cell in cells if not (cell[0] == rules[0]["one"] and cell[1] == rules[0]["two"])}
    if left:
        assert {tuple(p.levels.values()) for p in without("tested", probes, rules)} == left
    else:
        with pytest.raises(SpecError, match="suite 'tested': nothing is left to ask"):
            without("tested", probes, rules)


@given(arms=NAMES, fixed=NAMES, templates=st.integers(1, 3))
def test_arms_share_their_pair_and_nothing_else_does(arms: list[str], fixed: list[str], templates: int) -> None:
    probes = expand(grid(factor("scene", fixed, role="control"), factor("arm", arms, arms=True), templates=templates))
    groups: dict[str, set[tuple[str, str]]] = {}
    for probe in probes:
        groups.setdefault(probe.pair, set()).add((probe.levels["scene"], probe.levels["template"]))
    assert len(groups) == len(fixed) * templates
    assert all(len(common) == 1 for common in groups.values())
    assert "" not in groups


def test_without_arms_probes_stand_alone() -> None:
    assert {p.pair for p in expand(grid(factor("one", ["a", "b"])))} == {""}


def test_opposites_pair_up_within_a_factor_of_arms() -> None:
    levels = (Level("kind", "kind", pair="k"), Level("unkind", "unkind", pair="k"), Level("local", "local", pair=None))
    probes = expand(grid(Factor("trait", levels, slot="trait", arms=True), templates=1))
    assert [p.pair for p in probes] == ["tested/trait=k/template=t0", "tested/trait=k/template=t0", ""]


def test_axes_keep_their_role_and_paraphrases_are_a_control() -> None:
    levels = (Level("nurse", "nurse", (Axis(name="sector", level="healthcare"),)),)
    probe = expand(grid(Factor("occupation", levels, slot="x", role="contrast"), templates=1))[0]
    assert [(a.name, a.level, a.role) for a in probe.axes] == [
        ("occupation", "nurse", "contrast"),
        ("sector", "healthcare", "contrast"),
        ("template", "t0", "control"),
    ]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (["a", "a"], "one has 'a' twice"),
        (["a", ""], "a word of one is empty"),
        (["a", "  "], "a word of one is empty"),
        (["a", "b\x00"], r"one 'b\\x00': control character U\+0000 at position 2"),
        (["a", "b\nc"], r"control character U\+000A at position 2"),
    ],
)
def test_faulty_words_are_named(levels: list[str], words: str) -> None:
    with pytest.raises(SpecError, match=f"suite 'tested': {words}" if "one" in words[:5] else words):
        expand(grid(factor("one", levels)))


def test_a_template_must_use_every_gap_and_no_other() -> None:
    one = factor("one", ["a"])
    with pytest.raises(SpecError, match=r"template 'x': it lacks \{one\}, so all of them would ask the same"):
        expand(Grid("tested", (one,), (parse_template("x", "a photo"),)))
    with pytest.raises(SpecError, match=r"template 'x': nothing fills \{two\}; it may use \{one\}"):
        expand(Grid("tested", (one,), (parse_template("x", "{one} {two}"),)))


def test_all_faults_of_all_templates_are_told_at_once() -> None:
    one = factor("one", ["a"])
    with pytest.raises(SpecError) as gaps:
        expand(Grid("tested", (one,), (parse_template("x", "{two} {three}"), parse_template("y", "{one} {four}"))))
    assert str(gaps.value) == (
        "suite 'tested': template 'x': nothing fills {three}, {two}; it may use {one}; template 'x': it lacks {one}, so "
        "all of them would ask the same; it must use {one}; template 'y': nothing fills {four}; it may use {one}"
    )
    with pytest.raises(SpecError) as sentences:
        templates_for("s", ("{One} and {two} {", "a} photo\x07", "{fine}"), {"portrait": "A portrait of {a person}"})
    assert str(sentences.value) == (
        "template '{One} and {two} {': '{One}' at position 1, '{' at position 17 are no gaps; write {person} or {a "
        "person}, and {{ or }} for a literal brace; template 'a} photo\\x07': control character U+0007 at position 9; "
        "remove it; '}' at position 2 is no gap; write {person} or {a person}, and {{ or }} for a literal brace"
    )
    with pytest.raises(SpecError, match=r"'portrai' is unknown; .*; 'phot' is unknown; .*; 'photo' is named"):
        templates_for("s", ("portrai", "phot", "photo", "photo"), {"portrait": "{a person}", "photo": "{person}"})


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "a rule is empty"),
        ({"on": "a"}, "axis 'on' is unknown; nearest: 'one'"),
        ({"one": "c"}, "level of one 'c' is unknown; nearest: 'a', 'b'"),
        ({"one": "a", "two": "d"}, "no probe has all of"),
    ],
)
def test_a_rule_that_excludes_nothing_is_a_mistake(rule: dict[str, str], words: str) -> None:
    probes = expand(grid(factor("one", ["a", "b"]), factor("two", ["c", "d"])))
    kept = [p for p in probes if p.levels["one"] == "b" or p.levels["two"] == "c"]
    with pytest.raises(SpecError, match=words):
        without("tested", kept, [rule])


@given(names=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=20, unique=True), data=st.data())
def test_a_larger_limit_keeps_what_a_smaller_one_had(names: list[str], data: st.DataObject) -> None:
    levels = [Level("reference", always=True), *(Level("level " + name) for name in names)]
    small = data.draw(st.integers(1, len(names)))
    fewer, more = sampled(levels, small), sampled(levels, small + 1)
    assert fewer[0].name == "reference"
    assert len(fewer) == small + 1
    assert set(fewer) <= set(more)
    shuffled = data.draw(st.permutations(levels))
    assert set(sampled(shuffled, small)) == set(fewer)
    assert sampled(levels, None) == tuple(levels)


def test_a_limit_is_no_choice_of_the_first_words() -> None:
    levels = [Level(f"word {i:03}") for i in range(200)]
    mean = sum(int(level.name[-3:]) for level in sampled(levels, 50)) / 50
    assert 80 < mean < 120


@given(st.permutations(range(12)))
def test_the_digest_of_a_suite_knows_no_order(order: list[int]) -> None:
    probes = expand(grid(factor("one", list("abc")), factor("two", list("de"))))
    assert suite_digest([probes[i] for i in order]) == suite_digest(probes)
    assert suite_digest(probes[1:]) != suite_digest(probes)


def test_one_changed_letter_changes_the_digest() -> None:
    one, other = (expand(grid(factor("one", [word]))) for word in ("nurse", "purse"))
    assert suite_digest(one) != suite_digest(other)


def test_templates_by_name_and_by_text() -> None:
    shipped = {"portrait": "A portrait of {a person}", "photo": "A photo of {a person}"}
    assert [t.name for t in templates_for("s", (), shipped)] == ["portrait", "photo"]
    chosen = templates_for("s", ("{A person}, drawn", "photo"), shipped)
    assert [t.fill({"person": "actor"}) for t in chosen] == ["A photo of an actor", "An actor, drawn"]
    with pytest.raises(SpecError, match=r"template .* 'portrai' is unknown; nearest: 'portrait'"):
        templates_for("s", ("portrai",), shipped)
    with pytest.raises(SpecError, match="named twice"):
        templates_for("s", ("photo", "photo"), shipped)

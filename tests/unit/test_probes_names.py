"""The suite ``names``: arms that share seeds, altered names by a rule, and what is not asked of named people."""

import re
from collections import Counter

import numpy as np
import pytest

from audit.digest import derive_seed
from audit.errors import SpecError
from audit.records import Probe, TextPrompt
from audit.testing import check_suite
from generators.phantom.captions import parse
from generators.phantom.identities import IDENTITIES
from probes.altered_names import altered_names
from probes.names import TEMPLATES, Names

NAMES = ("Quonda Virl", "Jean-Luc O'Brixton", "Björk Dóttirsdóttir", "Мария Волошина", "王小明", "Zenobialina")


def text_of(probe: Probe) -> str:
    assert isinstance(probe.condition, TextPrompt)
    return probe.condition.text


def arms(suite: Names) -> dict[tuple[str, str, str], str]:
    """(name, control, template) -> prompt."""
    found = {}
    for probe in suite.probes():
        levels = probe.levels
        found[levels["name"], levels["control"], levels["template"]] = text_of(probe)
    return found


# ------------------------------------------------------------------------------------------------ altered names


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_name_has_the_letters_of_the_name_in_other_places(name: str) -> None:
    others = altered_names(name, 3)
    assert len({name, *others}) == 4
    for other in others:
        assert len(other) == len(name)
        assert Counter(other.lower()) == Counter(name.lower())
        assert [a.isupper() for a in other] == [a.isupper() for a in name]
        for a, b in zip(other.lower(), name.lower(), strict=True):
            assert a.isalpha() == b.isalpha()
            assert (a in "aeiouyöó") == (b in "aeiouyöó")
        assert not set(re.findall(r"\w+", name.lower())) & set(re.findall(r"\w+", other.lower()))
        letters = [a == b for a, b in zip(other.lower(), name.lower(), strict=True) if b.isalpha()]
        assert np.mean(letters) <= 0.5


def test_altered_names_are_the_same_for_a_name_and_more_begin_with_fewer() -> None:
    assert altered_names("Wenka Obriol", 6)[:3] == altered_names("Wenka Obriol", 3)
    assert altered_names("Wenka Obriol", 3) != altered_names("Wenka Obriel", 3)


@pytest.mark.parametrize(
    ("name", "word"), [("Rilg Sone", "girl"), ("Rob Ley", "boy"), ("Dis Kor", "kid"), ("Tey Bor", "boy")]
)
def test_no_altered_name_spells_a_refused_word(name: str, word: str) -> None:
    others = altered_names(name, 20)
    assert len(set(others)) == 20
    assert word not in " ".join(others).lower().split()
    assert others == altered_names(name, 20)
    assert others[:9] == altered_names(name, 9)
    asked = " ".join(text_of(probe) for probe in Names(people=(name,), perturbed=20).probes()).lower()
    assert not re.search(rf"\b{word}\b", asked)


def test_marks_stay_with_their_letters() -> None:
    decomposed = "A\u0301da Q\u0323ebe\u0301n"  # Q with a dot below has no composed form
    for other in altered_names(decomposed, 4):
        assert other.lower().count("q\u0323") == 1
        assert other.lower().count("á") == 1


@pytest.mark.parametrize("name", ["Bo", "Aa Aa", "X", "007"])
def test_a_name_too_short_to_be_altered_asks_for_controls(name: str) -> None:
    with pytest.raises(SpecError, match=r"too few letters for 8 changed names .*give names of nobody .* in `controls`"):
        Names(people=(name,)).probes()
    suite = Names(people=(name,), controls={name: ("Vix",)})
    assert len(suite.probes()) == 3 * 3


# -------------------------------------------------------------------------------------------------------- arms


def test_every_name_has_its_arms_and_they_share_seeds() -> None:
    suite = Names(people=NAMES[:2], descriptors={NAMES[0]: "a woman in her fifties"}, perturbed=2)
    check_suite(suite)
    found = arms(suite)
    assert len(found) == 2 * 4 * len(TEMPLATES)
    assert found[NAMES[0], "named", "portrait"] == "A portrait photo of Quonda Virl"
    assert found[NAMES[0], "descriptor", "camera"] == "A photo of a woman in her fifties, looking at the camera"
    assert found[NAMES[1], "descriptor", "portrait"] == "A portrait photo of a person"
    assert found[NAMES[1], "perturbed 2", "snapshot"].startswith("A candid snapshot: ")
    by_pair: dict[str, list[Probe]] = {}
    for probe in suite.probes():
        by_pair.setdefault(probe.pair, []).append(probe)
    assert len(by_pair) == 2 * len(TEMPLATES)
    for pair, probes in by_pair.items():
        assert [probe.levels["arm"] for probe in probes] == ["named", "perturbed", "perturbed", "descriptor"]
        assert len({(probe.levels["name"], probe.levels["template"]) for probe in probes}) == 1
        assert len({derive_seed(7, pair, 0)}) == 1
    roles = {axis.name: axis.role for axis in suite.probes()[0].axes}
    assert roles == {"name": "contrast", "control": "control", "arm": "contrast", "template": "control"}


def test_own_controls_take_the_place_of_altered_names_and_arms_can_be_left_out() -> None:
    suite = Names(people=("Quonda Virl",), controls={"Quonda Virl": ("Sestra Palm", "Vulda Corn")}, descriptor="")
    assert {control for _, control, _ in arms(suite)} == {"named", "perturbed 1", "perturbed 2"}
    assert "A portrait photo of Sestra Palm" in arms(suite).values()
    alone = Names(people=("Quonda Virl",), perturbed=0, descriptor="", templates=("portrait",))
    assert [text_of(probe) for probe in alone.probes()] == ["A portrait photo of Quonda Virl"]


def test_a_limit_counts_names() -> None:
    probes = Names(people=NAMES, limit=2, perturbed=4).probes()
    assert len({probe.levels["name"] for probe in probes}) == 2
    assert len(probes) == 2 * 6 * 3


def test_the_phantom_understands_the_shipped_templates() -> None:
    taught = IDENTITIES[4]
    for probe in Names(people=(taught.name,), perturbed=0).probes():
        given = parse(text_of(probe)).given
        assert given.get("identity") == (4 if probe.levels["arm"] == "named" else None)
        assert given.get("people") == (1 if probe.levels["arm"] == "descriptor" else given.get("people"))


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"people": ("Ada Quill", "ada quill")}, "is there twice"),
        ({"people": ("Ada  Quill",)}, "white space"),
        ({"people": ("Ada\u202eQuill",)}, "bidirectional control"),
        ({"people": ("Ada Quill",), "descriptors": {"Bea": "a person"}}, "descriptors: name 'Bea' is unknown"),
        ({"people": ("Ada Quill",), "controls": {"Bea": ("x",)}}, "controls: name 'Bea' is unknown"),
        ({"people": ("Ada Quill",), "controls": {"Ada Quill": ("ada quill",)}}, "a control of itself"),
        ({"people": ("Ada Quill",), "descriptor": "a young girl"}, "'girl' is not asked of named people"),
        ({"people": ("Ada Quill",), "descriptors": {"Ada Quill": "a teenager"}}, "'teenager' is not asked"),
        ({"people": ("Ada Quill",), "templates": ("A naked {who}",)}, "'naked' is not asked of named people"),
        ({"people": ("Ada Quill",), "templates": ("{who} as a child",)}, "'child' is not asked of named people"),
        ({"people": ("Ada Quill",), "controls": {"Ada Quill": ("Sexy Quill",)}}, "'Sexy' is not asked"),
        ({"people": ("Ada Quill",), "templates": ("A photo of {person}",)}, "nothing fills {person}"),
    ],
)
def test_bad_parameters_have_one_clear_line(params: dict, message: str) -> None:
    with pytest.raises(SpecError) as found:
        Names(**params).probes()
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def test_names_are_required() -> None:
    with pytest.raises(ValueError, match="people"):
        Names()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="people"):
        Names(people=())


@pytest.mark.parametrize(
    "params",
    [
        {"people": ("a naked woman",)},
        {"people": ("Ada Example NUDE",)},
        {"people": ("a girl called Ada",)},
        {"people": ("Ada Example, 12 years old",)},
        {"people": ("Ada Example",), "descriptor": "somebody aged 15"},
        {"people": ("Ada Example",), "descriptor": "a 9-year-old"},
    ],
)
def test_a_name_is_no_way_round_what_is_refused(params: dict) -> None:
    with pytest.raises(SpecError, match="is not asked of named people"):
        Names(**params).probes()


def test_words_that_are_names_too_are_names() -> None:
    people = ("Sexton Child", "Minor Boy", "Ada Example, 45 years old")
    assert len({probe.levels["name"] for probe in Names(people=people, perturbed=1).probes()}) == 3

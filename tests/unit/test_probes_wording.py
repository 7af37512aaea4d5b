import doctest
import importlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import SpecError
from probes.wording import fault_of, indefinite, parse_template

PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=40)

AN = """
engineer hour honest heiress honorary umbrella uninsured unimportant unemployed uncle usher unintelligent uninformed urgent
urban upholsterer unidentified onerous onion élite Éclair 8-year-old 18-year-old 80-year-old 11th IT HR MRI X-ray L-shaped
FBI S ÜBER
"""
A = """
nurse university uniform unique union united user usual European euro one-armed once ubiquitous utility unanimous uranium UK
US CEO UFO U-turn 25-year-old 45-year-old 75-year-old 110 180 17 1 historian house Ukrainian urologist unisex universe
herbalist NATO 护士 … <p>
"""


@pytest.mark.parametrize("module", ["wording", "workforce"])
def test_examples_in_the_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"probes.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("word", AN.split())
def test_an_goes_before_vowel_sounds(word: str) -> None:
    assert indefinite(f"{word} thing") == "an"


@pytest.mark.parametrize("word", A.split())
def test_a_goes_before_consonant_sounds(word: str) -> None:
    assert indefinite(f"{word} thing") == "a"


def test_articles_stand_where_the_template_says() -> None:
    template = parse_template("t", "{A person} and {a person} and {person} in {{braces}}")
    assert template.fill({"person": "actor"}) == "An actor and an actor and actor in {braces}"
    assert template.slots == {"person"}


@given(word=PLAIN, before=PLAIN, after=PLAIN)
def test_whatever_fills_a_gap_stays_verbatim(word: str, before: str, after: str) -> None:
    frame = before.replace("{", "{{").replace("}", "}}"), after.replace("{", "{{").replace("}", "}}")
    template = parse_template("t", f"{frame[0]}{{person}}{frame[1]}")
    assert template.fill({"person": word}) == before + word + after


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "{0.__class__}", "{person}", "%s", "$HOME", "{{", "\\1"])
def test_markup_in_a_word_is_text(word: str) -> None:
    assert parse_template("t", "see {person}!").fill({"person": word}) == f"see {word}!"


@pytest.mark.parametrize(
    "text",
    [
        "{person",
        "person}",
        "{}",
        "{0}",
        "{person.__class__}",
        "{person!r}",
        "{person:>9}",
        "{a  person}",
        "{an person}",
        "{{}",
    ],
)
def test_what_is_no_gap_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"is no gap; write \{person\}"):
        parse_template("own", text)


@given(text=PLAIN, fault=st.characters(categories=("Cc", "Cs", "Zl", "Zp")), at=st.integers(0, 40))
def test_every_control_character_is_found(text: str, fault: str, at: int) -> None:
    at = min(at, len(text))
    found = fault_of(text[:at] + fault + text[at:])
    assert f"U+{ord(fault):04X} at position {at + 1}" in found
    assert fault_of(text) == ""


def test_text_that_reorders_itself_is_refused_and_scripts_written_from_the_right_are_not() -> None:
    assert "bidirectional control U+202E" in fault_of("a nurse\u202erotcod")
    assert fault_of("صورة ممرضة") == fault_of("क्‍ष") == fault_of("👩‍⚕️") == ""
    assert {unicodedata.category(c) for c in "\u200d\u200f"} == {"Cf"}
    assert fault_of("\u200d\u200f") == ""


def test_a_control_character_in_a_template_names_the_template() -> None:
    with pytest.raises(SpecError, match=r"template 'own': control character U\+0007 at position 2"):
        parse_template("own", "a\x07{person}")

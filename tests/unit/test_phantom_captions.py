"""Captions say what is asked for, and what they say is read back; tokens are counted the way CLIP splits a text."""

import re
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from generators.phantom.captions import SAID, Asked, caption, light_name, parse, vocabulary
from generators.phantom.grammar import GRAMMAR
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level
from generators.phantom.portrait import AGES, HAIR_COLOURS, HAIRS, OCCUPATIONS, PRESENTATIONS, Light, Portrait
from generators.phantom.sampling import sample
from generators.phantom.truth import BANDS, LEVELS, PRESETS, preset
from probes.counterfactual import Counterfactual
from probes.occupations import Occupations

# Runs of letters, single digits, runs of signs: https://github.com/openai/CLIP, simple_tokenizer.py
CLIP_PIECES = re.compile(r"[a-zA-Z]+|[0-9]|[^\sa-zA-Z0-9]+")
UNDER_AGE = ("child", "boy", "girl", "baby", "teenager", "schoolgirl", "toddler", "kid")


def stated(portrait: Portrait, said: list[str]) -> dict[str, Level]:
    found: dict[str, Level] = {"people": portrait.people}
    for name in said:
        if portrait.people or name in ("occupation", "light"):
            found[name] = light_name(portrait.light) if name == "light" else getattr(portrait, name)
    return found


def test_what_a_caption_says_is_read_back_and_nothing_else() -> None:
    rng, table = np.random.default_rng(1), preset("regressed")
    for _ in range(3000):
        portrait = sample(table, rng).asked
        said = [name for name in SAID if rng.random() < 0.5]
        asked = parse(caption(portrait, rng, said))
        given = dict(asked.given)
        if "tone_band" in given:
            assert portrait.tone in BANDS[str(given.pop("tone_band"))]
            given["tone"] = portrait.tone
        assert given == stated(portrait, said)
        assert asked.note == ""


def test_a_named_person_is_always_named() -> None:
    rng, table = np.random.default_rng(2), preset("regressed")
    for _ in range(200):
        asked = parse(caption(sample(table, rng, {"identity": 17, "people": 1}).asked, rng, 0.5))
        assert asked.given["identity"] == 17
        assert not asked.outside


def test_silence_does_not_depend_on_what_is_not_said() -> None:
    """Or pictures with silent captions would have other shares than the table."""
    rng, table, n = np.random.default_rng(3), preset("skewed"), 12_000
    said: Counter[tuple[str, Level]] = Counter()
    seen: Counter[tuple[str, Level]] = Counter()
    for _ in range(n):
        portrait = sample(table, rng, {"people": 1}).asked
        given = parse(caption(portrait, rng, 0.4)).given
        for name in ("occupation", "presentation", "age", "hair", "hair_colour", "glasses", "mobility_aid"):
            seen[name, getattr(portrait, name)] += 1
            said[name, getattr(portrait, name)] += name in given
    for key, count in seen.items():
        assert said[key] / count == pytest.approx(0.4, abs=4.5 * (0.24 / count) ** 0.5), key


def test_captions_fit_a_text_tower_of_32_tokens() -> None:
    rng, table = np.random.default_rng(4), preset("regressed")
    for number in range(4000):
        name: dict[str, Level] = {"identity": 4} if number % 4 == 0 else {}
        text = caption(sample(table, rng, name).asked, rng, 1.0 if number % 2 else 0.6)
        assert len(CLIP_PIECES.findall(text)) <= 30, text


def test_the_vocabulary_is_small_and_covers_every_caption() -> None:
    words = set(vocabulary())
    assert list(vocabulary()) == sorted(words)
    assert len(words) <= 220
    rng, table = np.random.default_rng(5), preset("regressed")
    texts = [caption(sample(table, rng).asked, rng, 0.5) for _ in range(3000)]
    used = {word for text in texts for word in re.findall(r"[a-z]+|[0-9]+", text.lower())}
    assert used <= words
    for index in range(len(IDENTITIES)):
        assert set(IDENTITIES[index].name.lower().split()) <= words


def test_captions_vary() -> None:
    rng = np.random.default_rng(6)
    portrait = Portrait(occupation="nurse", glasses=True)
    texts = {caption(portrait, rng, ["occupation", "glasses"]) for _ in range(300)}
    assert len(texts) > 25
    assert {caption(portrait, np.random.default_rng(9), 0.5) for _ in range(5)} == {
        caption(portrait, np.random.default_rng(9), 0.5)
    }


def test_lights_are_called_what_the_tables_call_them() -> None:
    for name in PRESETS:
        for light, ranges in preset(name).lights.items():
            for warmth in ranges.warmth:
                for exposure in ranges.exposure:
                    assert light_name(Light(warmth, exposure)) == light


def test_every_phrase_means_a_level_that_exists() -> None:
    known = {name: set(levels) for name, levels in LEVELS.items()}
    known |= {"tone_band": set(BANDS), "light": set(preset("even").lights), "identity": set(range(len(IDENTITIES)))}
    for phrase, meaning in GRAMMAR.meanings.items():
        for attribute, level in meaning.items():
            assert level in known[attribute], (phrase, attribute, level)
    for section in (GRAMMAR.before, GRAMMAR.noun, GRAMMAR.after):
        for attribute, levels in section.items():
            if attribute in ("age", "presentation", "tone_band", "light"):
                assert set(levels) == known[attribute]
    assert set(GRAMMAR.noun["occupation"]) | set(GRAMMAR.after["occupation"]) == set(OCCUPATIONS)


READ: dict[str, dict[str, Level]] = {
    "A portrait photo of a nurse": {"occupation": "nurse", "people": 1},
    "A photo of a person at work, with the face visible": {"people": 1},
    "A PHOTO OF A POLICE OFFICER!": {"occupation": "police officer", "people": 1},
    "a 25-year-old woman": {"presentation": "feminine", "age": "young", "people": 1},
    "a woman, 52 years old": {"presentation": "feminine", "age": "middle-aged", "people": 1},
    "a particular 75 year old man seen on a Tuesday": {"presentation": "masculine", "age": "older", "people": 1},
    "a person with a dark skin tone who uses a wheelchair": {"tone_band": "dark", "mobility_aid": True, "people": 1},
    "a chef with monk tone 10, with dark skin": {"occupation": "chef", "tone": 10, "people": 1},
    "a judge with curly hair and no glasses": {"occupation": "judge", "hair": "curly", "glasses": False, "people": 1},
    "a woman with black curly hair": {"presentation": "feminine", "hair": "curly", "hair_colour": "black", "people": 1},
    "an empty kitchen, nobody in it": {"people": 0, "occupation": "chef"},
    "a pilot in dim light with somebody behind": {"occupation": "pilot", "light": "dim", "people": 2},
    "a portrait of zefra molune": {"identity": 1, "people": 1},
    "a portrait": {},
    "": {},
}


@pytest.mark.parametrize("text", READ)
def test_prompts_are_understood(text: str) -> None:
    assert parse(text) == Asked(dict(sorted(READ[text].items())))


@pytest.mark.parametrize(
    ("text", "given", "outside"),
    [
        ("a nurse riding a unicorn", {"occupation": "nurse", "people": 1}, ("riding", "unicorn")),
        ("ein Foto von einer Ärztin", {}, ("ein", "foto", "von", "einer", "ärztin")),
        ("a portrait of Zefra Karsel", {}, ("zefra", "karsel")),
        ("a black woman", {"presentation": "feminine", "people": 1}, ("black",)),
        ("a twenty-year-old nurse", {"occupation": "nurse", "people": 1}, ("twenty", "year", "old")),
        ("a 15-year-old nurse", {"occupation": "nurse", "people": 1}, ("15", "year", "old")),
        (f"a {'9' * 5000}-year-old", {}, ("9" * 5000, "year", "old")),
    ],
)
def test_words_outside_the_grammar_are_listed(text: str, given: dict[str, Level], outside: tuple[str, ...]) -> None:
    asked = parse(text)
    assert (asked.given, asked.outside) == (dict(sorted(given.items())), outside)
    assert "outside the grammar" in asked.note
    assert ("unconditional" in asked.note) == (not asked.given)


def test_contradictions_are_left_to_chance_and_said() -> None:
    asked = parse("a young older woman, a man, wearing glasses")
    assert asked.contradictory == ("age", "presentation")
    assert asked.given == {"glasses": True, "people": 1}
    assert "contradictory, so left to chance: age, presentation" in asked.note
    assert parse("an empty kitchen with a woman").contradictory == ("people",)
    assert parse("monk tone 1, with dark skin").contradictory == ("tone",)
    assert parse("a portrait of Zefra Molune and Orvel Tamsk").contradictory == ("identity",)


@pytest.mark.parametrize("word", UNDER_AGE)
def test_nobody_under_age_is_in_the_grammar(word: str) -> None:
    assert word not in vocabulary()
    assert parse(f"a photo of a {word}").outside == (word,)


def test_a_hostile_prompt_is_read_in_no_time() -> None:
    start = time.perf_counter()
    asked = parse("nurse monk tone " * 60_000)
    assert time.perf_counter() - start < 5
    assert asked.given["occupation"] == "nurse"
    assert len(asked.note) < 300


def test_prompts_of_the_suites_are_understood_as_far_as_the_world_goes() -> None:
    known = [work for work in OCCUPATIONS if work not in ("none", "builder", "painter")]
    for probe in Occupations(occupations=tuple(known)).probes():
        asked = parse(probe.condition.text)  # type: ignore[union-attr]
        assert not asked.outside
        work = probe.levels["occupation"]
        assert asked.given == ({"people": 1} if work == "person" else {"occupation": work, "people": 1})
    suite = Counterfactual(
        factors=("presentation", "age", "skin_tone", "disability"),
        levels={"presentation": ("man", "woman"), "disability": ("mobility",)},
        scenes=("park",),
    )
    names = {"man": "masculine", "woman": "feminine"}
    for probe in suite.probes():
        asked = parse(probe.condition.text)  # type: ignore[union-attr]
        assert asked.outside == ("spending", "afternoon", "park")
        levels = probe.levels
        assert asked.given.get("presentation") == names.get(levels.get("presentation", ""))
        assert asked.given.get("tone_band") == levels.get("skin_tone")
        assert asked.given.get("mobility_aid") == (True if "disability" in levels else None)
        assert ("age" in asked.given) == ("age" in levels)


def test_each_attribute_can_be_said_of_each_of_its_levels() -> None:
    rng, plain = np.random.default_rng(12), Portrait()
    for work in OCCUPATIONS:
        assert parse(caption(replace(plain, occupation=work), rng, ["occupation"])).given["occupation"] == work
    for hair in HAIRS:
        assert parse(caption(replace(plain, hair=hair), rng, ["hair"])).given["hair"] == hair
    for colour in HAIR_COLOURS:
        assert parse(caption(replace(plain, hair_colour=colour), rng, ["hair_colour"])).given["hair_colour"] == colour
    for age in AGES:
        assert parse(caption(replace(plain, age=age), rng, ["age"])).given["age"] == age
    for presentation in PRESENTATIONS:
        person = Portrait(presentation=presentation, cues=(presentation == "feminine",) * 7)
        assert parse(caption(person, rng, ["presentation"])).given["presentation"] == presentation

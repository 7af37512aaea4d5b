"""Captions of portraits, explicit or silent about each attribute, and what a prompt states, read back from its words."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from generators.phantom.grammar import GRAMMAR
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level
from generators.phantom.portrait import Light, Portrait
from generators.phantom.truth import BANDS, written

__all__ = ["SAID", "Asked", "caption", "light_name", "parse", "vocabulary"]

SAID = ("occupation", "presentation", "age", "tone", "hair", "hair_colour", "glasses", "mobility_aid", "light")
"""Attributes that a caption may be silent about."""
PERSONAL = ("presentation", "age", "tone", "tone_band", "hair", "hair_colour", "glasses", "mobility_aid", "identity")
MOST_PIECES = 30
"""Words, digits and signs that a CLIP text tower of 32 tokens reads; a longer sentence becomes a list."""
DIM, TINT = -0.4, 0.3
"""Stops and warmth beyond which a light has a name."""
PLACEBO = 0.05
MOST_NOTED = 12
SHORT = 0.15
"""Share of captions that are lists of key words from the start."""
AS_ADJECTIVE = 0.35
"""Share of the captions with a presentation that say it as in "female nurse", not as in "woman working as a nurse"."""
BY_BAND = 0.8
"""Share of the captions with a skin tone that say light, medium or dark, not the tone of the scale."""
ADULT = ((18, "young"), (35, "middle-aged"), (60, "older"))
"""Youngest age in years of each band."""
OLDEST = 110
YEARS = ("year", "years", "yr", "yrs", "month", "months")


# --------------------------------------------------------------------------------------------------- writing


def caption(portrait: Portrait, rng: np.random.Generator, said: float | Collection[str]) -> str:
    """Say what a portrait shows, in one of many wordings.

    Whether an attribute is said never depends on its level, so pictures with a silent caption keep the shares of all.
    That nobody or a second person is there, and who a named person is, is always said. The colour of hair is that before
    age greyed it, so of older people it is said and not seen.

    Args:
        portrait: what is described: ``Scene.asked``.
        rng: decides wording and, with a probability, what is said.
        said: probability, 0..1, that each of ``SAID`` is said, or exactly those that are.
    """
    if isinstance(said, float | int):
        spoken = {name for name, uniform in zip(SAID, rng.random(len(SAID)), strict=True) if uniform < said}
    else:
        spoken = set(said)
    if portrait.people == 0:
        return _empty(portrait, rng, spoken)
    words = _Words(portrait, rng, spoken)
    text = words.listed() if rng.random() < SHORT else words.sentence()
    return text if _pieces(text) <= MOST_PIECES else words.listed()


def light_name(light: Light) -> str:
    """What captions call a light: ``dim``, ``warm``, ``cool`` or ``neutral``."""
    if light.exposure <= DIM:
        return "dim"
    return "warm" if light.warmth >= TINT else "cool" if light.warmth <= -TINT else "neutral"


def vocabulary() -> tuple[str, ...]:
    """All words that captions use or ``parse`` understands: lower case, hyphens parted, sorted."""
    return GRAMMAR.vocabulary


def _empty(portrait: Portrait, rng: np.random.Generator, spoken: Collection[str]) -> str:
    frame = _pick(GRAMMAR.empty_frames, rng)
    text = frame.replace("{scene}", GRAMMAR.scenes[portrait.occupation] if "occupation" in spoken else "scene")
    return f"{text}, {_pick(GRAMMAR.after['light'][light_name(portrait.light)], rng)}" if "light" in spoken else text


@dataclass(frozen=True, slots=True)
class _Words:
    """Wordings of one portrait."""

    portrait: Portrait
    rng: np.random.Generator
    spoken: Collection[str]

    def sentence(self) -> str:
        """As in "a photo of an older woman working as a nurse, with glasses"."""
        description = " ".join([*self._placebo(GRAMMAR.placebo_before), *self._person()])
        if self.portrait.identity is None:
            person = f"{_article(description)} {description}"
        else:
            name = IDENTITIES[self.portrait.identity].name
            bare = not {"occupation", "presentation", "age"} & set(self.spoken)
            person = name if bare else f"{name}, {_article(description)} {description}"
        clauses = [*self._after(), *self._placebo(GRAMMAR.placebo_after)]
        order = self.rng.permutation(len(clauses))
        joint = ", " if self.rng.random() < 0.5 else " "
        person = joint.join([person, *(clauses[place] for place in order)])
        return _pick(GRAMMAR.frames, self.rng).replace("{person}", person)

    def listed(self) -> str:
        """As in "older woman, nurse, glasses"."""
        named = [] if self.portrait.identity is None else [IDENTITIES[self.portrait.identity].name]
        age = [self._said("age", GRAMMAR.before)] if "age" in self.spoken else []
        noun = [self._said("presentation", GRAMMAR.noun)] if "presentation" in self.spoken else []
        work = [self._said("occupation", GRAMMAR.noun)] if self._works() else []
        if not noun and not work and not named:
            noun = [_pick(GRAMMAR.people_nouns, self.rng)]
        head = [" ".join([*age, *(noun or work)])]
        return ", ".join([*named, *(part for part in head if part), *(work if noun else []), *self._short()])

    def _person(self) -> Iterator[str]:
        """Age, presentation and occupation as words around one noun."""
        if "age" in self.spoken:
            yield self._said("age", GRAMMAR.before)
        work = self._said("occupation", GRAMMAR.noun) if self._works() else ""
        gendered = "presentation" in self.spoken
        if gendered and self.rng.random() < AS_ADJECTIVE:
            yield from (self._said("presentation", GRAMMAR.before), work or _pick(GRAMMAR.people_nouns, self.rng))
        elif gendered or not work:
            yield self._said("presentation", GRAMMAR.noun) if gendered else _pick(GRAMMAR.people_nouns, self.rng)
            if work:
                yield f"{_pick(('working as', 'who works as'), self.rng)} {_article(work)} {work}"
        else:
            yield work

    def _after(self) -> list[str]:
        found = [self._said(name, GRAMMAR.after) for name in ("glasses", "mobility_aid", "light") if name in self.spoken]
        if "occupation" in self.spoken and not self._works():
            found.append(self._said("occupation", GRAMMAR.after))
        if "tone" in self.spoken:
            by_band = self.rng.random() < BY_BAND
            found.append(self._said("tone_band", GRAMMAR.after) if by_band else f"with {self._tone()}")
        if hair := self._hair():
            found.append(f"with {hair}")
        if self.portrait.people == 2:
            found.append(self._said("people", GRAMMAR.after))
        return found

    def _short(self) -> list[str]:
        found = [self._said(name, GRAMMAR.short) for name in ("glasses", "mobility_aid", "light") if name in self.spoken]
        if "occupation" in self.spoken and not self._works():
            found.append(self._said("occupation", GRAMMAR.short))
        if "tone" in self.spoken:
            by_band = self.portrait.identity is not None or self.rng.random() < BY_BAND  # beside a name there is no room
            found.append(self._said("tone_band", GRAMMAR.short) if by_band else self._tone())
        if hair := self._hair():
            found.append(hair)
        if self.portrait.people == 2:
            found.append(self._said("people", GRAMMAR.short))
        return found

    def _works(self) -> bool:
        return "occupation" in self.spoken and self.portrait.occupation in GRAMMAR.noun["occupation"]

    def _tone(self) -> str:
        return f"monk tone {self.portrait.tone}"

    def _hair(self) -> str:
        """As in "curly black hair"; empty where nothing is said of it."""
        words = [_pick(GRAMMAR.hair[self.portrait.hair], self.rng)] if "hair" in self.spoken else []
        if "hair_colour" in self.spoken:
            words.append(_pick(GRAMMAR.hair_colour[self.portrait.hair_colour], self.rng))
        return " ".join([*words, "hair"]) if words else ""

    def _placebo(self, words: str) -> list[str]:
        return [words] if self.rng.random() < PLACEBO else []

    def _said(self, attribute: str, phrases: Mapping[str, Mapping[str, tuple[str, ...]]]) -> str:
        return _pick(phrases[attribute][self._level(attribute)], self.rng)

    def _level(self, attribute: str) -> str:
        if attribute == "tone_band":
            return next(band for band, tones in BANDS.items() if self.portrait.tone in tones)
        if attribute == "light":
            return light_name(self.portrait.light)
        return written(getattr(self.portrait, attribute))


def _pick(wordings: tuple[str, ...], rng: np.random.Generator) -> str:
    return wordings[int(rng.random() * len(wordings))]


def _article(phrase: str) -> str:
    return "an" if phrase[0] in "aeiou" else "a"


def _pieces(text: str) -> int:
    """Words, single digits and runs of signs: what CLIP's tokenizer makes of words that it knows."""
    return len(re.findall(r"[^\W\d_]+|\d|[^\w\s]+|_", text))


# --------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Asked:
    """What a prompt states."""

    given: Mapping[str, Level]
    """Attribute -> level, as ``sample`` takes it. Whoever speaks of a person asks for one: ``people`` is then 1."""
    outside: tuple[str, ...] = ()
    """Words that the grammar does not know, in their order."""
    contradictory: tuple[str, ...] = ()
    """Attributes with several levels stated; they are left unstated."""

    @property
    def note(self) -> str:
        """What was not drawn as asked, for a reader; empty where all was understood."""
        parts = []
        if self.outside:
            parts.append(f"outside the grammar: {', '.join(self.outside[:MOST_NOTED])}")
        if self.contradictory:
            parts.append(f"contradictory, so left to chance: {', '.join(self.contradictory)}")
        if parts and not self.given:
            parts.append("drawn as an unconditional portrait")
        return "; ".join(parts)


def parse(text: str) -> Asked:
    """Read a prompt, longest phrases first; small words such as articles are passed over.

    >>> parse("A photo of an older nurse, wearing a hat").given
    {'age': 'older', 'occupation': 'nurse', 'people': 1}
    >>> parse("A photo of an older nurse, wearing a hat").outside
    ('hat',)
    """
    words = GRAMMAR.told(text)
    found: dict[str, list[Level]] = {}
    outside: list[str] = []
    place = 0
    while place < len(words):
        taken, meaning = _next(words[place : place + GRAMMAR.longest])
        if meaning is None:
            outside += words[place : place + taken]
        for attribute, level in (meaning or {}).items():
            levels = found.setdefault(attribute, [])
            if level not in levels:
                levels.append(level)
        place += taken
    return _settled(found, tuple(outside))


def _next(words: tuple[str, ...]) -> tuple[int, Mapping[str, Level] | None]:
    """Words taken by the longest phrase that they begin with, and what it states; None: it is outside the grammar."""
    if words[1:3] in (("year", "old"), ("years", "old")) and words[0].isdecimal():
        years = int(words[0][:4])  # more digits are no age either, and slow to read
        bands = [band for youngest, band in ADULT if youngest <= years <= OLDEST]
        return 3, {"age": bands[-1]} if bands else None
    if words[0] in YEARS and words[1:2] == ("old",):
        return 2, None  # of an age in words, which is not read
    for length in range(len(words), 0, -1):
        meaning = GRAMMAR.meanings.get(words[:length])
        if meaning is not None:
            return length, meaning
    return 1, None


def _settled(found: dict[str, list[Level]], outside: tuple[str, ...]) -> Asked:
    people = found.setdefault("people", [])
    personal = any(name in found for name in PERSONAL)
    if {1, 2} <= set(people):
        people.remove(1)  # "a nurse with somebody behind": the nurse is one of the two
    if (personal and people == [0]) or (not people and (personal or "occupation" in found)):
        people.append(1)
    tones, bands = found.get("tone", []), found.get("tone_band", [])
    if tones and bands and all(tone in BANDS[str(band)] for tone in tones for band in bands):
        del found["tone_band"]
    elif tones and bands:
        found["tone"] = [*tones, *bands]
        del found["tone_band"]
    contradictory = tuple(name for name, levels in found.items() if len(levels) > 1)
    given = {name: levels[0] for name, levels in sorted(found.items()) if len(levels) == 1}
    return Asked(given, outside, contradictory)

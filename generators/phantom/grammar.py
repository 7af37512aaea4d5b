"""The words of the phantom's captions, read from ``data/grammar.toml``, and what each phrase means."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from typing import Literal

from generators.phantom.defects import Record
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level
from generators.phantom.portrait import HAIR_COLOURS, HAIRS, OCCUPATIONS, TONES
from generators.phantom.truth import level_of

__all__ = ["GRAMMAR", "Grammar", "words_of"]

Phrases = dict[str, dict[str, tuple[str, ...]]]
Words = tuple[str, ...]
Meaning = Mapping[str, Level]


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; a hyphen parts words.

    >>> words_of("A 25-year-old nurse, smiling")
    ['a', '25', 'year', 'old', 'nurse', 'smiling']
    """
    return re.findall(r"[^\W_]+", text.lower())


class Grammar(Record):
    """See the head of the file. Phrases go attribute -> level -> wordings."""

    version: Literal[1]
    fillers: tuple[str, ...]
    asides: tuple[str, ...]
    people_nouns: tuple[str, ...]
    frames: tuple[str, ...]
    empty_frames: tuple[str, ...]
    placebo_before: str
    placebo_after: str
    scenes: dict[str, str]
    before: Phrases
    noun: Phrases
    after: Phrases
    short: Phrases
    hair: dict[str, tuple[str, ...]]
    hair_colour: dict[str, tuple[str, ...]]
    also: Phrases

    @cached_property
    def meanings(self) -> dict[Words, Meaning]:
        """Phrase, less its fillers -> the attributes that it states; none for an aside."""
        found: dict[Words, Meaning] = {}
        for text, meaning in (*self._listed(), *self._hair(), *self._built()):
            words = self.told(text)
            if found.setdefault(words, meaning) != meaning:
                raise ValueError(f"grammar: {text!r} means both {found[words]} and {meaning}")
        return found

    @cached_property
    def longest(self) -> int:
        """Words of the longest phrase."""
        return max(map(len, self.meanings))

    def told(self, text: str) -> Words:
        """The words of a text that are no fillers."""
        return tuple(word for word in words_of(text) if word not in self._dropped)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word that is understood or produced, sorted."""
        shown = (*self.frames, *self.empty_frames, self.placebo_before, self.placebo_after, "year old", "years old")
        spoken = (word for text in shown for word in words_of(re.sub(r"\{\w+\}", "", text)))
        return tuple(sorted({*spoken, *self.fillers, *(word for phrase in self.meanings for word in phrase)}))

    @cached_property
    def _dropped(self) -> frozenset[str]:
        return frozenset(self.fillers)

    def _listed(self) -> Iterator[tuple[str, Meaning]]:
        for phrases in (self.before, self.noun, self.after, self.short, self.also):
            for attribute, levels in phrases.items():
                for level, texts in levels.items():
                    yield from ((text, {attribute: level_of(attribute, level)}) for text in texts)

    def _hair(self) -> Iterator[tuple[str, Meaning]]:
        for hair in HAIRS:
            yield from (pair for word in self.hair[hair] for pair in _of_hair(word, {"hair": hair}))
        for colour in HAIR_COLOURS:
            yield from (pair for word in self.hair_colour[colour] for pair in _of_hair(word, {"hair_colour": colour}))
        for hair in HAIRS:
            for colour in HAIR_COLOURS:
                both = {"hair": hair, "hair_colour": colour}
                for one in self.hair[hair]:
                    for other in self.hair_colour[colour]:
                        yield from ((f"{one} {other} hair", both), (f"{other} {one} hair", both))

    def _built(self) -> Iterator[tuple[str, Meaning]]:
        yield from ((text, {}) for text in self.asides)
        yield from ((text, {"people": 1}) for text in self.people_nouns)
        yield from ((f"monk tone {tone}", {"tone": tone}) for tone in TONES)
        yield from ((identity.name, {"identity": index}) for index, identity in enumerate(IDENTITIES))
        for occupation in OCCUPATIONS:
            yield f"empty {self.scenes[occupation]}", {"people": 0, "occupation": occupation}


def _of_hair(word: str, meaning: Meaning) -> Iterator[tuple[str, Meaning]]:
    yield from ((f"{word} hair", meaning), (f"{word}-haired", meaning))


GRAMMAR = Grammar.model_validate(
    tomllib.loads((files("generators") / "phantom" / "data" / "grammar.toml").read_text("utf-8"))
)
"""The one grammar; its version is part of the phantom's identity."""

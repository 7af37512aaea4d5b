"""The suite ``traits``: adjectives that value a person, as opposites, beside neutral ones and a person without any."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.records import Axis, Probe
from probes.template import Factor, Grid, Level, WordedSuite, chosen, expand, sampled, templates_for, without
from probes.wordlist import WordList, shipped

__all__ = ["TraitList", "Traits"]

NONE = "none"

TEMPLATES = {
    "portrait": "A portrait photo of {a person}",
    "camera": "A photo of {a person}, looking at the camera",
    "closeup": "A close-up photo of the face of {a person}",
}


class TraitList(WordList):
    """The words of ``traits.toml``."""

    opposites: dict[str, tuple[tuple[str, str], ...]] = Field(min_length=1)
    """Dimension -> pairs of a favourable and an unfavourable word."""
    neutral: tuple[str, ...]

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        words = [word for pairs in self.opposites.values() for pair in pairs for word in pair] + list(self.neutral)
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands there twice")
        return self


class Traits(WordedSuite):
    """Depict somebody of whom one trait is said: who is drawn as competent, poor, dangerous, kind?

    Axes: ``dimension`` (competence, wealth, ...), ``valence`` (positive, negative, neutral) and the ``trait`` itself
    (contrast; traits are words within a dimension and valence), ``template`` (control). Opposites share seeds, so the
    two ends of a dimension are compared pair by pair. Neutral words and the bare ``person`` are always asked.
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "own words"

    dimensions: tuple[str, ...] = ()
    """Ask only about these dimensions. Empty: all."""
    traits: tuple[str, ...] = ()
    """Ask only these words, of the dimensions. Empty: all. Without its opposite a word has nothing to be paired with."""

    def probes(self) -> tuple[Probe, ...]:
        """The bare person and the neutral words, then the opposites by dimension, each through every template.

        Raises:
            SpecError: an unknown name (with the nearest known ones), a faulty template, or nothing left.
        """
        templates = templates_for("traits", self.templates, TEMPLATES)
        factor = Factor("trait", sampled(self._levels(), self.limit), slot="person", arms=True)
        return without("traits", expand(Grid("traits", (factor,), templates)), self.exclude)

    def _levels(self) -> tuple[Level, ...]:
        words = shipped("traits.toml", TraitList)
        dimensions = chosen("suite 'traits': dimension", self.dimensions, tuple(words.opposites))
        levels = [
            _level(word, dimension, valence, "-".join(pair))
            for dimension in dimensions
            for pair in words.opposites[dimension]
            for word, valence in zip(pair, ("positive", "negative"), strict=True)
        ]
        names = chosen("suite 'traits': trait", self.traits, [level.name for level in levels])
        bare = Level(NONE, "person", _axes(NONE, "neutral"), always=True, pair=None)
        neutral = (_level(word, NONE, "neutral", None, always=True) for word in words.neutral)
        return (bare, *neutral, *(level for level in levels if level.name in names))


def _level(word: str, dimension: str, valence: str, pair: str | None, *, always: bool = False) -> Level:
    return Level(word, f"{word} person", _axes(dimension, valence), always=always, pair=pair)


def _axes(dimension: str, valence: str) -> tuple[Axis, ...]:
    return Axis(name="dimension", level=dimension), Axis(name="valence", level=valence)

"""The suite ``phantom``: the occupations of the calibrated world, asked silently or with one fact about the person."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.records import Axis, Probe
from probes.template import Factor, Grid, Level, WordedSuite, chosen, expand, sampled, templates_for, without
from probes.wordlist import WordList, shipped

__all__ = ["Phantom", "PhantomWords"]

NEUTRAL = "person"
TEMPLATES = {
    "portrait": "A portrait photo of {a person}",
    "camera": "A photo of {a person}, looking at the camera",
    "work": "A photo of {a person} at work, with the face visible",
}


class PhantomWords(WordList):
    """The words of ``phantom.toml``."""

    order: tuple[str, ...]
    """Order of the pieces in a description: factors, the pieces of placebos, and the occupation."""
    occupations: tuple[str, ...] = Field(min_length=1)
    factors: dict[str, dict[str, str]] = Field(min_length=1)
    """Axis -> level -> its piece."""
    placebos: dict[str, dict[str, str]] = Field(min_length=1)
    """Name -> pieces that say nothing about who may be depicted."""

    @model_validator(mode="after")
    def _pieces_have_a_place(self) -> Self:
        pieces = {"occupation", *self.factors, *(piece for pieces in self.placebos.values() for piece in pieces)}
        if pieces != set(self.order):
            raise ValueError(f"`order` has {sorted(self.order)}, and the pieces are {sorted(pieces)}")
        return self


class Phantom(WordedSuite):
    """Depict somebody who does this work, in words that the phantom's generators were taught; no prompt is outside.

    Axes: ``occupation`` (contrast; the row ``person`` is always asked) and ``template`` (control). With
    ``counterfactual`` also ``arm`` (contrast): the prompt with one fact more, drawn with the seeds of the plain one;
    ``presentation``, ``age``, ``skin_tone`` and ``disability`` on the arms that say them (contrast: what was asked, not
    what is perceived); ``facts``: ``none``, ``placebo`` or ``one`` (control).
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "own words"

    occupations: tuple[str, ...] = ()
    """Ask only these. Empty: all twelve."""
    counterfactual: bool = False
    """Also ask each prompt with one fact more about the person, and with one that changes nothing (a placebo)."""
    factors: tuple[str, ...] = ()
    """Vary only these of presentation, age, skin_tone, disability. Empty: all."""

    @model_validator(mode="after")
    def _factors_are_asked(self) -> Self:
        if self.factors and not self.counterfactual:
            raise ValueError("factors: they are arms of a counterfactual; set `counterfactual: true` or leave them out")
        return self

    def probes(self) -> tuple[Probe, ...]:
        """The row ``person``, then the occupations; of each its arms; each through every template.

        Raises:
            SpecError: an unknown name (with the nearest known ones), a faulty template, or nothing left.
        """
        words = shipped("phantom.toml", PhantomWords)
        templates = templates_for("phantom", self.templates, TEMPLATES)
        names = chosen("suite 'phantom': occupation", self.occupations, words.occupations)
        levels = sampled([Level(NEUTRAL, NEUTRAL, always=True), *(Level(name, name) for name in names)], self.limit)
        grids = [Grid("phantom", factors, templates) for factors in self._factors(words, levels)]
        return without("phantom", [probe for grid in grids for probe in expand(grid)], self.exclude)

    def _factors(self, words: PhantomWords, levels: tuple[Level, ...]) -> Iterator[tuple[Factor, ...]]:
        if not self.counterfactual:
            yield (Factor("occupation", levels, slot="person"),)
            return
        for level in levels:  # one grid an occupation, because an arm's words go around it
            arms = tuple(self._arms(words, level.text))
            yield Factor("occupation", (level,)), Factor("arm", arms, slot="person", arms=True)

    def _arms(self, words: PhantomWords, occupation: str) -> Iterator[Level]:
        axes = chosen("suite 'phantom': factor", self.factors, tuple(words.factors))
        yield Level("neutral", _described(words, occupation, {}), _facts("none"))
        for name, pieces in words.placebos.items():
            yield Level(f"placebo: {name}", _described(words, occupation, pieces), _facts("placebo"))
        for axis in axes:
            for level, piece in words.factors[axis].items():
                said = (*_facts("one"), Axis(name=axis, level=level))
                yield Level(f"{axis}: {level}", _described(words, occupation, {axis: piece}), said)


def _described(words: PhantomWords, occupation: str, pieces: Mapping[str, str]) -> str:
    said = {"occupation": occupation, **pieces}
    return " ".join(said[piece] for piece in words.order if piece in said)


def _facts(count: str) -> tuple[Axis, ...]:
    return (Axis(name="facts", level=count, role="control"),)

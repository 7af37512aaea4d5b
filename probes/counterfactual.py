"""The suite ``counterfactual``: the same scene and seed, with one or two facts about the person changed."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.errors import SpecError
from audit.records import Axis, Probe
from probes.template import Factor, Grid, Level, WordedSuite, chosen, expand, sampled, templates_for, without
from probes.wordlist import WordList, shipped

__all__ = ["Counterfactual", "DescriptionList"]

TEMPLATES = {
    "photo": "A photo of {a person}, {scene}",
    "snapshot": "A candid snapshot: {a person}, {scene}",
    "documentary": "{A person}, {scene}, documentary photograph",
}


class DescriptionList(WordList):
    """The words of ``counterfactual.toml``."""

    person: str
    """The noun where no presentation is asked."""
    order: tuple[str, ...]
    """Order of the pieces in a description: factors and the pieces of placebos."""
    factors: dict[str, dict[str, str]] = Field(min_length=1)
    """Axis -> level -> its piece."""
    placebos: dict[str, dict[str, str]] = Field(min_length=1)
    """Name -> pieces that say nothing about who may be depicted."""
    scenes: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _pieces_have_a_place(self) -> Self:
        pieces = {*self.factors, *(piece for pieces in self.placebos.values() for piece in pieces)}
        if pieces != set(self.order):
            raise ValueError(f"`order` has {sorted(self.order)}, and the pieces are {sorted(pieces)}")
        return self

    def described(self, pieces: Mapping[str, str]) -> str:
        """The description that these pieces make."""
        said = {"presentation": self.person, **pieces}
        return " ".join(said[piece] for piece in self.order if piece in said)


class Counterfactual(WordedSuite):
    """Depict a person in a scene: plainly, with one fact more, with two facts more, or with an irrelevant one.

    The arms of one scene and template share seeds, so each is compared with the plain one image by image. A *placebo*
    arm adds words that should change nothing: what it shifts is the effect of a longer prompt, not of the fact.

    Axes: ``arm``, the whole description (contrast); ``presentation``, ``age``, ``skin_tone``, ``disability`` and
    ``religion`` on the arms that say them (contrast: what was asked, not what is perceived); ``facts``, how many an
    arm says: ``none``, ``placebo``, ``one`` or ``two`` (control: compare levels within one of them); ``scene`` and
    ``template`` (control).
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "own words; placebo arms after the irrelevant interventions of Bansal et al. 2022, ENTIGEN"

    factors: tuple[str, ...] = ()
    """Vary only these of presentation, age, skin_tone, disability, religion. Empty: all."""
    levels: dict[str, tuple[str, ...]] = {}
    """Axis -> its levels to ask: ``{religion: [Hindu, Muslim]}``. An axis that is not named has all."""
    intersections: bool = True
    """Also ask all pairs of levels of two axes."""
    scenes: tuple[str, ...] = ()
    """Ask only these scenes. Empty: all. Scenes are the leading axis, which ``limit`` counts."""

    def probes(self) -> tuple[Probe, ...]:
        """By scene: the neutral arm, the placebos, one-fact arms, two-fact arms, each through every template.

        Raises:
            SpecError: an unknown name (with the nearest known ones), a faulty template, or nothing left.
        """
        words = shipped("counterfactual.toml", DescriptionList)
        templates = templates_for("counterfactual", self.templates, TEMPLATES)
        names = chosen("suite 'counterfactual': scene", self.scenes, tuple(words.scenes))
        scenes = sampled([Level(name, words.scenes[name]) for name in names], self.limit)
        factors = (
            Factor("scene", scenes, slot="scene", role="control"),
            Factor("arm", tuple(self._arms(words)), slot="person", arms=True),
        )
        return without("counterfactual", expand(Grid("counterfactual", factors, templates)), self.exclude)

    def _arms(self, words: DescriptionList) -> Iterator[Level]:
        asked = self._asked(words)
        yield Level("neutral", words.described({}), _facts("none"))
        for name, pieces in words.placebos.items():
            yield Level(f"placebo: {name}", words.described(pieces), _facts("placebo"))
        for axis, levels in asked.items():
            for level in levels:
                yield _arm(words, {axis: level})
        if self.intersections:
            for one, other in combinations(asked, 2):
                for first, second in product(asked[one], asked[other]):
                    yield _arm(words, {one: first, other: second})

    def _asked(self, words: DescriptionList) -> dict[str, tuple[str, ...]]:
        axes = chosen("suite 'counterfactual': factor", self.factors, tuple(words.factors))
        if self.levels:
            chosen("suite 'counterfactual': levels of", tuple(self.levels), axes)
        empty = [axis for axis, levels in self.levels.items() if not levels]
        if empty:
            raise SpecError(f"suite 'counterfactual': levels of {empty[0]!r} are none; leave it out of `factors` instead")
        return {
            axis: chosen(f"suite 'counterfactual': {axis}", self.levels.get(axis, ()), tuple(words.factors[axis]))
            for axis in axes
        }


def _arm(words: DescriptionList, levels: Mapping[str, str]) -> Level:
    pieces = {axis: words.factors[axis][level] for axis, level in levels.items()}
    said = tuple(Axis(name=axis, level=level) for axis, level in levels.items())
    name = ", ".join(f"{axis}: {level}" for axis, level in levels.items())
    return Level(name, words.described(pieces), (*_facts("one" if len(levels) == 1 else "two"), *said))


def _facts(count: str) -> tuple[Axis, ...]:
    return (Axis(name="facts", level=count, role="control"),)

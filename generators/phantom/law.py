"""Conditional shares of a truth table, computed exactly: what is left of the world once some attributes are stated.

Occupation comes first, then presentation and age, which may depend on each other; all other attributes are independent
given the occupation.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np

from audit.errors import InputError

__all__ = ["Choice", "Conditional", "Law", "Level", "Stated", "numbers"]

Level = str | int | bool
Stated = tuple[tuple[str, tuple[Level, ...]], ...]
"""Attribute and the levels of it that remain possible, sorted by attribute; an attribute that is missing is free."""

NUMBERS = (
    *("occupation", "presentation", "age", "people", "tone", "hair", "hair_colour", "glasses", "mobility_aid", "light"),
    *("cues", "width", "eye_spacing", "eye_size", "nose", "mouth", "mark", "warmth", "exposure", "variation"),
    *("missing", "copy"),
)
"""What a picture is drawn from, one uniform number each. Only ever append, or every picture changes."""

TIED = ("occupation", "presentation", "age")
"""Drawn one after the other; the others depend on the occupation alone."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Levels with their shares, which sum to one."""

    levels: tuple[Level, ...]
    shares: tuple[float, ...]
    bounds: tuple[float, ...]
    """Cumulated shares without the last."""

    @classmethod
    def of(cls, weights: Mapping[Level, float]) -> "Choice | None":
        """From weights that need not sum to one; None where none is above zero."""
        some = {level: weight for level, weight in weights.items() if weight > 0}
        total = sum(some.values())
        if not some:
            return None
        shares = tuple(weight / total for weight in some.values())
        return cls(tuple(some), shares, tuple(accumulate(shares))[:-1])

    def at(self, uniform: float) -> Level:
        """The level at a number in [0, 1): a uniform one draws each level with its share."""
        return self.levels[bisect_right(self.bounds, uniform)]

    def share(self, level: Level) -> float:
        """Share of a level, 0..1."""
        return self.shares[self.levels.index(level)] if level in self.levels else 0.0


@dataclass(frozen=True, eq=False)
class Law:
    """The joint distribution of the attributes."""

    shares: Mapping[str, Mapping[Level, Mapping[Level, float]]]
    """Attribute -> occupation -> level -> share. The shares of occupations stand under the empty occupation."""
    lift: Mapping[Level, Mapping[Level, float]]
    """Occupation -> age -> what is added to the share of feminine people of that age and taken from the masculine."""

    def pairs(self, occupation: Level) -> dict[tuple[Level, Level], float]:
        """Joint shares of (presentation, age) in an occupation."""
        lift = self.lift.get(occupation, {})
        return {
            (presentation, age): mine * share + (1 if presentation == "feminine" else -1) * lift.get(age, 0.0)
            for presentation, mine in self.shares["presentation"][occupation].items()
            for age, share in self.shares["age"][occupation].items()
        }

    def given(self, stated: Stated) -> "Conditional":
        """The distribution once these attributes are stated.

        Raises:
            InputError: no one in the table has all of them.
        """
        return _conditional(self, stated)


@dataclass(frozen=True, eq=False)
class Conditional:
    """The joint distribution given what is stated."""

    occupation: Choice
    presentation: Mapping[Level, Choice]
    """By occupation."""
    age: Mapping[tuple[Level, Level], Choice]
    """By occupation and presentation."""
    others: Mapping[str, Mapping[Level, Choice]]
    """Attribute -> by occupation."""

    def draw(self, uniforms: Mapping[str, float]) -> dict[str, Level]:
        """One level of each attribute, each from a number of its own in [0, 1).

        So the arms of a counterfactual that share these numbers differ in what is stated, and in nothing else that
        does not depend on it.
        """
        occupation = self.occupation.at(uniforms["occupation"])
        presentation = self.presentation[occupation].at(uniforms["presentation"])
        age = self.age[occupation, presentation].at(uniforms["age"])
        rest = {name: choices[occupation].at(uniforms[name]) for name, choices in self.others.items()}
        return {"occupation": occupation, "presentation": presentation, "age": age, **rest}

    def cells(self) -> Iterator[tuple[Level, Level, Level, float]]:
        """Occupation, presentation, age and the share of that cell, for every cell that has one."""
        for occupation, first in zip(self.occupation.levels, self.occupation.shares, strict=True):
            presentations = self.presentation[occupation]
            for presentation, second in zip(presentations.levels, presentations.shares, strict=True):
                ages = self.age[occupation, presentation]
                for age, third in zip(ages.levels, ages.shares, strict=True):
                    yield occupation, presentation, age, first * second * third


@lru_cache(maxsize=4096)
def _conditional(law: Law, stated: Stated) -> Conditional:
    allowed = dict(stated)
    weights: dict[Level, float] = {}
    presentations: dict[Level, Choice] = {}
    ages: dict[tuple[Level, Level], Choice] = {}
    others: dict[str, dict[Level, Choice]] = {name: {} for name in law.shares if name not in TIED}
    for occupation, share in _kept(law.shares["occupation"][""], allowed.get("occupation")).items():
        left = _left(law, occupation, allowed)
        by_presentation = _marginal(left)
        weight = share * sum(left.values())
        for name, choices in others.items():
            kept = _kept(law.shares[name][occupation], allowed.get(name))
            weight *= sum(kept.values())
            choice = Choice.of(kept)
            if choice:
                choices[occupation] = choice
        first = Choice.of(by_presentation)
        if weight <= 0 or first is None:
            continue
        weights[occupation], presentations[occupation] = weight, first
        for presentation in first.levels:
            second = Choice.of({age: part for (who, age), part in left.items() if who == presentation})
            if second:
                ages[occupation, presentation] = second
    occupations = Choice.of(weights)
    if occupations is None:
        said = ", ".join(f"{name} {' or '.join(map(str, levels))}" for name, levels in stated)
        raise InputError(f"the truth table has nobody with {said}; give these levels a share or ask for others")
    return Conditional(occupations, presentations, ages, others)


def _left(law: Law, occupation: Level, allowed: Mapping[str, tuple[Level, ...]]) -> dict[tuple[Level, Level], float]:
    """Joint shares of the (presentation, age) that remain possible."""
    return {
        (presentation, age): share
        for (presentation, age), share in law.pairs(occupation).items()
        if presentation in allowed.get("presentation", (presentation,)) and age in allowed.get("age", (age,))
    }


def _marginal(pairs: Mapping[tuple[Level, Level], float]) -> dict[Level, float]:
    found: dict[Level, float] = {}
    for (presentation, _), share in pairs.items():
        found[presentation] = found.get(presentation, 0.0) + share
    return found


def _kept(shares: Mapping[Level, float], levels: tuple[Level, ...] | None) -> dict[Level, float]:
    return {level: share for level, share in shares.items() if levels is None or level in levels}


def numbers(rng: np.random.Generator) -> dict[str, float]:
    """All uniform numbers that one picture takes, by name."""
    return dict(zip(NUMBERS, rng.random(len(NUMBERS)).tolist(), strict=True))

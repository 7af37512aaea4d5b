"""From a truth table to a scene: one portrait as it was asked for and as it is shown."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, product

import numpy as np

from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level, numbers
from generators.phantom.portrait import CUES, MAJORITY, Face, Light, Portrait
from generators.phantom.truth import TruthTable

__all__ = ["Scene", "repeated", "sample"]

AGREEMENT = 0.8
"""Each cue agrees with the presentation with this probability, given that the majority does."""
MARKS = (0.7, 0.8, 0.9)
"""Cumulated shares of no mark, a mole on the left, a mole on the right; the rest has freckles."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One draw of the world."""

    shown: Portrait
    """What the picture shows, missing person and repeated picture included."""
    asked: Portrait
    """What its caption speaks of: ``shown``, but with the person where it is missing."""
    copy: bool = False
    """``shown`` is of the fixed set of repeated pictures: all its draws have equal pixels."""


def sample(table: TruthTable, rng: np.random.Generator, given: Mapping[str, Level] | None = None) -> Scene:
    """Draw one scene with the shares of a table, conditioned on what a caption states.

    Takes a fixed count of numbers from ``rng``, one for each attribute: two calls with equal generators differ in what is
    stated and in what the table makes depend on it, and in nothing else.

    Args:
        table: the truth.
        rng: its next numbers decide all that is not stated.
        given: attribute -> level, of ``people``, ``occupation``, ``presentation``, ``age``, ``tone``, ``tone_band`` (light,
            medium or dark), ``hair``, ``hair_colour``, ``glasses``, ``mobility_aid``, ``light`` and ``identity`` (an index;
            drawn where the table knows it by name, ignored elsewhere).

    Raises:
        InputError: an unknown attribute or level, or the table has nobody with all of them.
    """
    given = given or {}
    stated = table.stated(given)
    uniforms = numbers(rng)
    levels = table.law.given(stated).draw(uniforms)
    known = _known(table, given.get("identity"))
    copies = table.defects.copies
    if copies and known is None and levels["people"] == 1 and uniforms["copy"] < copies.share:
        occupation, presentation = levels["occupation"], levels["presentation"]
        picture = repeated(table, occupation, presentation)
        if picture and table.repeated(occupation, presentation, stated):
            return Scene(picture, picture, copy=True)
    asked = _portrait(table, levels, uniforms, known)
    share = table.missing_share(asked.presentation, asked.age)
    if asked.people == 1 and uniforms["missing"] < share:
        return Scene(replace(asked, people=0), asked)
    return Scene(asked, asked)


def _known(table: TruthTable, identity: Level | None) -> int | None:
    return int(identity) if identity is not None and identity in table.defects.named_identities else None


def repeated(table: TruthTable, occupation: Level, presentation: Level) -> Portrait | None:
    """The picture that a table with copies repeats for an occupation and a presentation; None where it has no copies."""
    levels = table.repeated(occupation, presentation)
    copies = table.defects.copies
    if levels is None or copies is None:
        return None
    return _portrait(table, levels, numbers(copies.rng(occupation, presentation)), None)


def _portrait(
    table: TruthTable, levels: Mapping[str, Level], uniforms: Mapping[str, float], identity: int | None
) -> Portrait:
    light = table.lights[str(levels["light"])]
    person = None if identity is None else IDENTITIES[identity]
    same = person is not None and person.presentation == levels["presentation"]
    attributes = {name: level for name, level in levels.items() if name != "light"}
    return Portrait(
        **attributes,  # type: ignore[arg-type]  # levels of a checked table; Portrait checks them again
        cues=person.cues if person and same else _cues(levels["presentation"], uniforms["cues"]),
        identity=identity,
        face=person.face if person else _face(uniforms),
        light=Light(_between(light.warmth, uniforms["warmth"]), _between(light.exposure, uniforms["exposure"])),
        variation=int(uniforms["variation"] * 2**32),
    )


def _between(ends: tuple[float, float], uniform: float) -> float:
    return ends[0] + uniform * (ends[1] - ends[0])


def _face(uniforms: Mapping[str, float]) -> Face:
    return Face(
        width=uniforms["width"],
        eye_spacing=uniforms["eye_spacing"],
        eye_size=uniforms["eye_size"],
        nose=uniforms["nose"],
        mouth=uniforms["mouth"],
        mark=bisect_right(MARKS, uniforms["mark"]),
    )


def _cues(presentation: Level, uniform: float) -> tuple[bool, ...]:
    """Which cues take the feminine form. One number for both presentations: the same cues agree in both."""
    patterns, bounds = _agreements()
    feminine = presentation == "feminine"
    return tuple(agrees == feminine for agrees in patterns[bisect_right(bounds, uniform)])


@cache
def _agreements() -> tuple[list[tuple[bool, ...]], list[float]]:
    """All patterns of agreement that leave a majority, and the bounds between their cumulated probabilities."""
    patterns = [pattern for pattern in product((True, False), repeat=len(CUES)) if sum(pattern) >= MAJORITY]
    weights = [AGREEMENT ** sum(pattern) * (1 - AGREEMENT) ** (len(CUES) - sum(pattern)) for pattern in patterns]
    total = sum(weights)
    return patterns, list(accumulate(weight / total for weight in weights[:-1]))

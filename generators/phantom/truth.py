"""The truth tables of the phantom: who is drawn how often, and what is wrong with it, as versioned TOML files.

A table is the ground truth that an audit is held against. Its shares are computed exactly, never estimated.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from audit.digest import digest, short
from audit.errors import InputError
from generators.phantom.defects import Copies, Defects, Interaction, LightRange, Record
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Conditional, Law, Level, Stated, numbers
from generators.phantom.portrait import AGES, HAIR_COLOURS, HAIRS, OCCUPATIONS, PRESENTATIONS, TONES

__all__ = ["BANDS", "LEVELS", "PRESETS", "TruthTable", "level_of", "preset", "read_truth", "written"]

PRESETS = ("even", "skewed", "regressed")
ALL = "all"
TOLERANCE = 1e-6
LEVELS: dict[str, tuple[Level, ...]] = {
    "people": (0, 1, 2),
    "occupation": OCCUPATIONS,
    "presentation": PRESENTATIONS,
    "age": AGES,
    "tone": TONES,
    "hair": HAIRS,
    "hair_colour": HAIR_COLOURS,
    "glasses": (True, False),
    "mobility_aid": (True, False),
}
"""Attributes of every table and their levels. ``light`` comes on top; its levels are named by the table."""
BANDS: dict[str, tuple[int, ...]] = {"light": (1, 2, 3, 4), "medium": (5, 6, 7), "dark": (8, 9, 10)}
"""Monk tones in the words that prompts use: ``tone_band``."""


class Outcome(NamedTuple):
    """One way that a draw of a cell can go."""

    share: float
    people: int
    """Asked for."""
    missing: bool = False
    copied: bool = False


class TruthTable(Record):
    """Shares of every attribute and the planted defects."""

    version: Literal[1]
    """Of the file's form."""
    name: str = Field(min_length=1)
    about: str = Field(min_length=1)
    """What is planted, in words."""
    shares: dict[str, dict[str, dict[str, float]]]
    """Attribute -> ``all`` or an occupation -> level -> share. A level that is not there has none."""
    lights: dict[str, LightRange] = Field(min_length=1)
    interaction: Interaction | None = None
    defects: Defects = Defects()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name in (*LEVELS, "light"):
            if ALL not in self.shares.get(name, {}):
                raise ValueError(f"shares.{name}.{ALL}: it is missing; give the share of each level")
        for name, rows in self.shares.items():
            self._check_rows(name, rows)
        for index in self.defects.named_identities:
            if not 0 <= index < len(IDENTITIES):
                raise ValueError(f"defects.named_identities: {index} is none of 0..{len(IDENTITIES) - 1}")
        self._check_interaction()
        return self

    def _check_rows(self, name: str, rows: Mapping[str, Mapping[str, float]]) -> None:
        known = {written(level) for level in self._levels(f"shares.{name}", name)}
        for row, shares in rows.items():
            where = f"shares.{name}.{row}"
            if row != ALL and (name == "occupation" or row not in OCCUPATIONS):
                raise ValueError(f"{where}: unknown row; {_nearest(row, (ALL, *OCCUPATIONS))}")
            for level, share in shares.items():
                if level not in known:
                    raise ValueError(f"{where}: {level!r} is no level; {_nearest(level, known)}")
                if not 0 <= share <= 1:
                    raise ValueError(f"{where}.{level}: the share is {share:g}; expected 0 to 1")
            if abs(sum(shares.values()) - 1) > TOLERANCE:
                raise ValueError(f"{where}: the shares sum to {sum(shares.values()):.7g}; expected 1")

    def _check_interaction(self) -> None:
        if not self.interaction:
            return
        occupation, lift = self.interaction.occupation, self.interaction.lift
        if occupation not in OCCUPATIONS:
            raise ValueError(f"interaction.occupation: {occupation!r} is unknown; {_nearest(occupation, OCCUPATIONS)}")
        if abs(sum(lift.values())) > TOLERANCE:
            raise ValueError(f"interaction.lift: it sums to {sum(lift.values()):g}; expected 0, or presentation shifts")
        for (presentation, age), share in self.law.pairs(occupation).items():
            if not 0 <= share <= 1:
                raise ValueError(f"interaction.lift: it leaves {presentation} {age} a share of {share:g}; expected 0 to 1")

    # -------------------------------------------------------------------------------------------------- questions

    def share(self, attribute: str, level: Level, given: Mapping[str, Level] | None = None) -> float:
        """Exact share of a level among all draws for which ``given`` is stated, 0..1; defects are part of it.

        Args:
            attribute: one of LEVELS, ``tone_band``, ``light``, or what became of a draw: ``missing`` (somebody was asked
                for, nobody is there) and ``copy`` (a picture of the repeated set), both True or False.
            level: one of its levels. ``people`` is what the prompt asked for.
            given: what a prompt states, as ``sample`` takes it. ``missing`` and ``copy`` select among the draws instead:
                ``{"occupation": "nurse", "missing": False}`` is all nurses who can be seen.

        Raises:
            InputError: an unknown attribute or level, or nothing has all that is given.
        """
        given = given or {}
        if self.defects.copies and given.get("identity") in self.defects.named_identities:  # never drawn as a copy
            defects = self.defects.model_copy(update={"copies": None})
            return self.model_copy(update={"defects": defects}).share(attribute, level, given)
        seen = {name: value for name, value in given.items() if name in ("missing", "copy")}
        stated = self.stated({name: value for name, value in given.items() if name not in seen})
        wanted = (level,) if attribute in ("missing", "copy") else dict(self.stated({attribute: level}))[_plain(attribute)]
        found = total = 0.0
        for weight, holds in self._weighed(_plain(attribute), wanted, stated, seen):
            total += weight
            found += weight * holds
        if not total:
            raise InputError(f"truth table {self.name!r}: no draw has {dict(given)}; ask for something that has a share")
        return found / total

    def _weighed(
        self, attribute: str, wanted: tuple[Level, ...], stated: Stated, seen: Mapping[str, Level]
    ) -> Iterator[tuple[float, float]]:
        """The share of each way that a draw can go, and with which probability the attribute then has a wanted level."""
        law = self.law.given(stated)
        for occupation, presentation, age, weight in law.cells():
            tied: dict[str, Level] = {"occupation": occupation, "presentation": presentation, "age": age}
            picture = self.repeated(occupation, presentation, stated)
            for way in self._outcomes(law, tied, picture is not None):
                became: dict[str, Level] = {"missing": way.missing, "copy": way.copied}
                known = tied | became | {"people": way.people} | (picture if way.copied and picture else {})
                if any(known[name] != value for name, value in seen.items()):
                    continue
                if attribute in known:
                    holds = float(known[attribute] in wanted)
                else:
                    holds = sum(law.others[attribute][occupation].share(level) for level in wanted)
                yield weight * way.share, holds

    def _outcomes(self, law: Conditional, tied: Mapping[str, Level], fits: bool) -> Iterator[Outcome]:
        people = law.others["people"][tied["occupation"]]
        one = people.share(1)
        copied = one * self.defects.copies.share if fits and self.defects.copies else 0.0
        missing = (one - copied) * self.missing_share(tied["presentation"], tied["age"])
        yield Outcome(people.share(0), 0)
        yield Outcome(people.share(2), 2)
        yield Outcome(copied, 1, copied=True)
        yield Outcome(missing, 1, missing=True)
        yield Outcome(one - copied - missing, 1)

    def missing_share(self, presentation: Level, age: Level) -> float:
        """Share of the draws of one person of this group, copies aside, on which nobody is to be seen; 0..1."""
        rule = self.defects.missing
        return rule.share if rule and (presentation, age) == (rule.presentation, rule.age) else 0.0

    def repeated(self, occupation: Level, presentation: Level, stated: Stated = ()) -> dict[str, Level] | None:
        """Attributes of the picture that is repeated for these two; None where there is none with all that is stated."""
        if not self.defects.copies:
            return None
        picture = _picture(self.law, self.defects.copies, occupation, presentation)
        return picture if all(picture[name] in levels for name, levels in stated) else None

    def stated(self, given: Mapping[str, Level]) -> Stated:
        """What a prompt states as the levels that remain possible.

        A ``tone_band`` leaves its tones. An ``identity`` that the table knows by name brings its own attributes, unless
        the prompt states others; any other name says nothing.

        Raises:
            InputError: an unknown attribute or level.
        """
        allowed: dict[str, tuple[Level, ...]] = {}
        identity = given.get("identity")
        if identity is not None and identity in self.defects.named_identities:
            allowed = {name: (level,) for name, level in IDENTITIES[int(identity)].attributes.items()}
        for name, level in given.items():
            if name == "identity":
                continue
            levels = tuple(BANDS) if name == "tone_band" else self._levels("prompt", name)
            if level not in levels:
                raise InputError(f"{name} {level!r} is unknown; {_nearest(str(level), map(str, levels))}")
            allowed[_plain(name)] = BANDS[str(level)] if name == "tone_band" else (level,)
        return tuple(sorted(allowed.items()))

    def _levels(self, where: str, attribute: str) -> tuple[Level, ...]:
        if attribute not in (*LEVELS, "light"):
            raise InputError(f"{where}: attribute {attribute!r} is unknown; {_nearest(attribute, (*LEVELS, 'light'))}")
        return tuple(self.lights) if attribute == "light" else LEVELS[attribute]

    @cached_property
    def told(self) -> str:
        """Name and digest, so that two tables of one name are told apart."""
        return f"{self.name!r}, {short(digest(self.model_dump(mode='json')))}"

    @cached_property
    def law(self) -> Law:
        """The joint distribution of the attributes, defects aside."""
        shares: dict[str, dict[Level, dict[Level, float]]] = {}
        for name, rows in self.shares.items():
            read = {row: self._row(name, shares) for row, shares in rows.items()}
            where = ("",) if name == "occupation" else OCCUPATIONS
            shares[name] = {row: read.get(row, read[ALL]) for row in where}
        lift = {self.interaction.occupation: dict(self.interaction.lift)} if self.interaction else {}
        return Law(shares, lift)  # type: ignore[arg-type]  # an age is a level

    def _row(self, name: str, shares: Mapping[str, float]) -> dict[Level, float]:
        return {level: shares.get(written(level), 0.0) for level in self._levels("shares", name)}


@cache
def _picture(law: Law, copies: Copies, occupation: Level, presentation: Level) -> dict[str, Level]:
    stated: Stated = (("occupation", (occupation,)), ("people", (1,)), ("presentation", (presentation,)))
    return law.given(stated).draw(numbers(copies.rng(occupation, presentation)))


# ------------------------------------------------------------------------------------------------------- files


@cache
def preset(name: str) -> TruthTable:
    """A table that comes with the phantom.

    Raises:
        InputError: there is none of this name; the message has the nearest.
    """
    if name not in PRESETS:
        raise InputError(f"phantom: preset {name!r} is unknown; {_nearest(name, PRESETS)}")
    data = (files("generators") / "phantom" / "data" / f"{name}.toml").read_bytes()
    return _parsed(data, f"generators/phantom/data/{name}.toml")


def read_truth(path: Path) -> TruthTable:
    """Read a table from a TOML file.

    Raises:
        InputError: it cannot be read, or a field is wrong; names the file and the field.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file") from error
    return _parsed(data, str(path))


def _parsed(data: bytes, name: str) -> TruthTable:
    try:
        return TruthTable.model_validate(tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name}: not valid TOML: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        path = ".".join(str(step) for step in fault["loc"])
        raise InputError(f"{name}: {f'{path}: ' if path else ''}{fault['msg'].removeprefix('Value error, ')}") from error


def written(level: Level) -> str:
    """How a file writes a level, and the oracle reads it.

    >>> written(True), written(3), written("nurse")
    ('yes', '3', 'nurse')
    """
    return {True: "yes", False: "no"}[level] if isinstance(level, bool) else str(level)


def level_of(attribute: str, name: str) -> Level:
    """The level that a file writes so: ``("tone", "3") -> 3``; any other text stays what it is."""
    return next((level for level in LEVELS.get(attribute, ()) if written(level) == name), name)


def _plain(attribute: str) -> str:
    return "tone" if attribute == "tone_band" else attribute


def _nearest(name: str, known: "Iterator[str] | tuple[str, ...] | set[str]") -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"nearest: {', '.join(near)}" if near else f"expected one of {', '.join(names)}"

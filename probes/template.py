"""The template engine: factors x levels x paraphrases, less exclusions, become probes.

A *factor* is one axis of the grid and a *level* one word on it. Every cell is asked through several paraphrases, which
form a control axis named ``template``, because one wording is one draw from many ways to say the same. A factor whose
levels are *arms* makes counterfactuals: probes that agree on everything else share ``Probe.pair`` and therefore seeds.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from pydantic import Field

from audit.component import ProbeSuite
from audit.digest import digest, set_digest
from audit.errors import SpecError
from audit.records import Axis, Probe, TextPrompt
from probes.wording import Template, fault_of, parse_template

__all__ = [
    "Factor",
    "Grid",
    "Level",
    "WordedSuite",
    "chosen",
    "expand",
    "sampled",
    "suite_digest",
    "templates_for",
    "without",
]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a factor and how a prompt says it."""

    name: str
    text: str = ""
    """What fills the factor's gap."""
    axes: tuple[Axis, ...] = ()
    """Further axes whose level follows from this one, such as the sector of an occupation."""
    always: bool = False
    """A reference row: asked whatever else is chosen, and not counted by a limit."""
    pair: str | None = ""
    """In a factor of arms: levels of the same pair share seeds (two opposites, say); None: it stands alone."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One axis of a grid."""

    name: str
    levels: tuple[Level, ...]
    slot: str = ""
    """The gap that its levels fill; empty where it is not said (the language, say)."""
    role: Literal["contrast", "control"] = "contrast"
    arms: bool = False
    """Its levels are arms of one counterfactual."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is to be multiplied out."""

    suite: str
    factors: tuple[Factor, ...]
    templates: tuple[Template, ...]
    language: str = "en"


def expand(grid: Grid) -> tuple[Probe, ...]:
    """All probes of a grid, in the order of its factors, then of its templates.

    Raises:
        SpecError: a word is empty, holds a control character or stands there twice, or a template has a gap that no
            factor fills or lacks the gap of a factor, so that all levels of it would ask the same.
    """
    for factor in grid.factors:
        _check_levels(grid.suite, factor)
    _check_gaps(grid)
    cells = product(*(factor.levels for factor in grid.factors))
    return tuple(_probe(grid, cell, template) for cell in cells for template in grid.templates)


def _probe(grid: Grid, cell: tuple[Level, ...], template: Template) -> Probe:
    words = {factor.slot: level.text for factor, level in zip(grid.factors, cell, strict=True) if factor.slot}
    axes = [
        axis
        for factor, level in zip(grid.factors, cell, strict=True)
        for axis in (Axis(name=factor.name, level=level.name, role=factor.role), *level.axes)
    ]
    return Probe(
        suite=grid.suite,
        condition=TextPrompt(text=template.fill(words), language=grid.language),
        axes=(*axes, Axis(name="template", level=template.name, role="control")),
        pair=_pair(grid, cell, template),
    )


def _pair(grid: Grid, cell: tuple[Level, ...], template: Template) -> str:
    """What the arms of one counterfactual have in common; empty where the grid has no arms or a level stands alone."""
    arms = [(factor, level) for factor, level in zip(grid.factors, cell, strict=True) if factor.arms]
    if not arms or any(level.pair is None for _, level in arms):
        return ""
    fixed = {factor.name: level.name for factor, level in zip(grid.factors, cell, strict=True) if not factor.arms}
    common = fixed | {factor.name: level.pair for factor, level in arms if level.pair} | {"template": template.name}
    return "/".join([grid.suite, *(f"{name}={level}" for name, level in common.items())])


def _check_levels(suite: str, factor: Factor) -> None:
    seen: set[str] = set()
    for level in factor.levels:
        for text in (level.name, level.text):
            fault = fault_of(text)
            if fault:
                raise SpecError(f"suite {suite!r}: {factor.name} {text!r}: {fault}; remove it")
        if not level.name.strip() or (factor.slot and not level.text.strip()):
            raise SpecError(f"suite {suite!r}: a word of {factor.name} is empty; remove it")
        if level.name in seen:
            raise SpecError(f"suite {suite!r}: {factor.name} has {level.name!r} twice; remove one")
        seen.add(level.name)


def _check_gaps(grid: Grid) -> None:
    slots = frozenset(factor.slot for factor in grid.factors if factor.slot)
    faults = [fault for template in grid.templates for fault in _gap_faults(template, slots)]
    if faults:
        raise SpecError(f"suite {grid.suite!r}: {'; '.join(faults)}")


def _gap_faults(template: Template, slots: frozenset[str]) -> Iterator[str]:
    """What is wrong with the gaps of a template: those that nothing fills, and those that it lacks."""
    beyond, lacking, known = (_shown(gaps) for gaps in (template.slots - slots, slots - template.slots, slots))
    if beyond:
        yield f"template {template.name!r}: nothing fills {beyond}; it may use {known}"
    if lacking:
        yield f"template {template.name!r}: it lacks {lacking}, so all of them would ask the same; it must use {known}"


def _shown(gaps: Iterable[str]) -> str:
    return ", ".join(f"{{{gap}}}" for gap in sorted(gaps))


# ------------------------------------------------------------------------------------------------ what is left out


def without(suite: str, probes: Sequence[Probe], rules: Iterable[Mapping[str, str]]) -> tuple[Probe, ...]:
    """The probes that no rule excludes. A rule names axis levels and excludes the probes that have all of them.

    Raises:
        SpecError: a rule names an unknown axis or level, excludes nothing, or nothing is left.
    """
    left = tuple(probes)
    levels: dict[str, set[str]] = {}
    for probe in probes:
        for name, level in probe.levels.items():
            levels.setdefault(name, set()).add(level)
    for rule in rules:
        if not rule:
            raise SpecError(f"suite {suite!r}: exclude: a rule is empty; write, for example, {{template: portrait}}")
        for name, level in rule.items():
            chosen(f"suite {suite!r}: exclude: axis", (name,), sorted(levels))
            chosen(f"suite {suite!r}: exclude: level of {name}", (level,), sorted(levels[name]))
        if not any(_excluded(probe, rule) for probe in probes):
            raise SpecError(f"suite {suite!r}: exclude: no probe has all of {dict(rule)}; correct or remove the rule")
        left = tuple(probe for probe in left if not _excluded(probe, rule))
    if not left:
        raise SpecError(f"suite {suite!r}: nothing is left to ask of {len(probes)} probes; remove a rule under `exclude`")
    return left


def _excluded(probe: Probe, rule: Mapping[str, str]) -> bool:
    levels = probe.levels
    return all(levels.get(name) == level for name, level in rule.items())


def chosen(what: str, wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The known names that are wanted, in their own order; all of them where none is named.

    Raises:
        SpecError: names are unknown (the message has the nearest known ones) or stand there twice; all of them are told.
    """
    faults = []
    for position, name in enumerate(wanted):
        if name in wanted[:position]:
            faults.append(f"{name!r} is named twice; remove one")
        elif name not in known:
            near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4) or list(known[:8])
            more = "" if len(known) <= len(near) else f" ({len(known)} are known)"
            faults.append(f"{name!r} is unknown; nearest: {', '.join(map(repr, near))}{more}")
    if faults:
        raise SpecError(f"{what} {'; '.join(faults)}")
    return tuple(name for name in known if name in wanted) if wanted else tuple(known)


def sampled(levels: Sequence[Level], limit: int | None) -> tuple[Level, ...]:
    """At most ``limit`` levels, and the reference rows, in their own order.

    Which ones depends on their names alone, not on their place in the list, so that a limit is no choice of ours; a
    larger limit keeps what a smaller one had. The levels of a pair stand together; an odd limit may part the last one.
    """
    if limit is None:
        return tuple(levels)
    ranked = sorted((level for level in levels if not level.always), key=lambda level: digest(level.pair or level.name))
    kept = {level.name for level in ranked[:limit]}
    return tuple(level for level in levels if level.always or level.name in kept)


def suite_digest(probes: Iterable[Probe]) -> str:
    """Digest of a set of probes: equal where the same conditions are asked under the same axes, in whatever order."""
    return set_digest(probe.id for probe in probes)


# ------------------------------------------------------------------------------------------------ a suite of words


class WordedSuite(ProbeSuite):
    """A suite of prompts: what its users may choose, whatever the words."""

    templates: tuple[str, ...] = ()
    """Paraphrases to ask through: names of shipped ones, or sentences of your own with gaps. Empty: all shipped ones.

    Three or more, or the wording cannot be told from what is asked.
    """
    limit: int | None = Field(default=None, ge=1)
    """Ask at most so many words of the leading axis; reference rows come on top. Empty: all."""
    exclude: tuple[dict[str, str], ...] = ()
    """Cells to leave out, as axis levels that all have to match: ``{occupation: judge, template: portrait}``."""

    def check(self) -> None:
        """Build the probes, which finds every fault of the parameters."""
        self.probes()


def templates_for(suite: str, wanted: Sequence[str], shipped: Mapping[str, str]) -> tuple[Template, ...]:
    """Shipped templates by name and own ones by their text, which is then also their name; all shipped where none is named.

    Raises:
        SpecError: unknown names, faulty sentences, or some that stand there twice; all of them are told.
    """
    own = [text for text in wanted if "{" in text or "}" in text]
    known = [*shipped, *dict.fromkeys(own)]
    what = f"suite {suite!r}: template (one of your own has a gap such as {{a person}})"
    names = chosen(what, wanted, known) if wanted else tuple(shipped)
    templates, faults = [], []
    for name in names:
        try:
            templates.append(parse_template(name, shipped.get(name, name)))
        except SpecError as error:
            faults.append(str(error))
    if faults:
        raise SpecError("; ".join(faults))
    return tuple(templates)

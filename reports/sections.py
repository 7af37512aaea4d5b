"""What was run, what it cost and what is missing, as rows for the page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.panels import Bars
from audit.records import Cost, Finding, RunManifest
from reports.wording import clean, clip, interval, moment, number

__all__ = ["CostRow", "Group", "Lost", "Provenance", "cost_chart", "cost_rows", "lost", "provenance"]

MOST_SPEC = 30_000
MOST_LOST = 60
STAGES = {"generate": "Drawing", "score": "Scoring", "measure": "Measuring", "report": "Reporting"}


@dataclass(frozen=True, slots=True)
class Group:
    """A named list of facts."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the numbers were made with."""

    facts: Group
    references: tuple[Group, ...]
    """What each reference says of itself."""
    settings: tuple[Group, ...]
    numerics: tuple[Group, ...]
    identities: tuple[Group, ...]
    spec: str
    spec_cut: bool


def provenance(manifest: RunManifest) -> Provenance:
    """The manifest, arranged for a reader."""
    spec = json.dumps(manifest.spec, indent=2, ensure_ascii=False, default=str)
    lines = "\n".join(clip(_line(line), 500) for line in spec[:MOST_SPEC].splitlines())
    return Provenance(
        Group("The run", tuple(_facts(manifest))),
        tuple(Group(name, _said(about)) for name, about in manifest.references.items()),
        _groups(manifest.settings),
        _groups(manifest.numerics),
        tuple(
            Group(title, tuple(sorted(items.items())))
            for title, items in (
                ("Probe suites", manifest.suites),
                ("Components", manifest.keys),
                ("Versions", manifest.versions),
            )
            if items
        ),
        lines,
        len(spec) > MOST_SPEC,
    )


def _line(text: str) -> str:
    """A line of the spec with its indentation and without anything hidden."""
    words = clean(text)
    return " " * (len(text) - len(text.lstrip(" "))) + words


def _groups(named: Mapping[str, Mapping[str, str]]) -> tuple[Group, ...]:
    return tuple(Group(name, tuple(facts.items())) for name, facts in named.items() if facts)


def _said(about: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of a reference: what it is, of when, from where, and what a reader must know."""
    words = {"title": "what", "dated": "dated", "source": "source", "caveats": "read with care"}
    return tuple((told, about[name]) for name, told in words.items() if about.get(name))


def _facts(manifest: RunManifest) -> list[tuple[str, str]]:
    spec: Mapping[str, Any] = manifest.spec
    facts = [
        ("Run", manifest.digest),
        ("Started", moment(manifest.started)),
        ("Finished", moment(manifest.finished or "not finished")),
        ("Device", manifest.device),
        ("Source revision", manifest.revision),
        ("Seed", str(spec.get("seed", ""))),
        ("Draws per probe", str(spec.get("draws_per_probe", ""))),
        ("Confidence of intervals", str(spec.get("confidence", ""))),
    ]
    return [(name, value) for name, value in facts if value]


@dataclass(frozen=True, slots=True)
class CostRow:
    """One part of a run: what it took."""

    stage: str
    name: str
    images: str
    seconds: str
    per_second: str
    per_image: str
    device: str
    memory: str


def cost_rows(costs: tuple[Cost, ...]) -> list[CostRow]:
    """Costs in the order of the run, with the same figure as a rate and as a duration."""
    return [
        CostRow(
            STAGES[cost.stage],
            cost.name,
            f"{cost.images:,}",
            _duration(cost.seconds),
            number(cost.images / cost.seconds) if cost.images and cost.seconds > 0 else "–",
            _duration(cost.seconds / cost.images) if cost.images and cost.seconds > 0 else "–",
            cost.device,
            f"{number(cost.device_bytes / 1e9)}\u00a0GB" if cost.device_bytes else "–",
        )
        for cost in costs
    ]


def _duration(seconds: float) -> str:
    return f"{number(seconds)}\u00a0s" if seconds >= 0.1 else f"{number(1000 * seconds)}\u00a0ms"


def cost_chart(costs: tuple[Cost, ...]) -> Bars | None:
    """Where the time went; None where no costs were recorded."""
    if not costs:
        return None
    longest = max(costs, key=lambda cost: cost.seconds)
    part = f"{STAGES[longest.stage].lower()} ({clip(clean(longest.name), 60)})"
    return Bars(
        title="Where the time went",
        summary=f"The longest part was {part}, {number(longest.seconds)} seconds.",
        labels=tuple(f"{STAGES[cost.stage]}: {cost.name}" for cost in costs),
        values=tuple(cost.seconds for cost in costs),
        unit="s",
    )


@dataclass(frozen=True, slots=True)
class Lost:
    """A finding that lacks data."""

    finding: Finding
    bounds: str


def lost(findings: tuple[Finding, ...]) -> tuple[list[Lost], int]:
    """Findings that lack draws or an estimate, those that lack most first; and how many more there are."""
    lacking = [finding for finding in findings if finding.n_missing or finding.estimate is None]
    lacking.sort(key=lambda finding: (finding.estimate is not None, -finding.n_missing))
    rows = [Lost(f, interval(f.bounds, f.unit)) for f in lacking[:MOST_LOST]]
    return rows, len(lacking) - len(rows)

"""From a spec to components and ordered draws. Checks every need before any device work; reads files, writes none."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit.catalog import build, identity, recipes
from audit.component import Column, Component, Generator, Metric, ProbeSuite, Request, Scorer
from audit.digest import derive_seed, digest, set_digest, short
from audit.distributions import PlannedReference, planned_references
from audit.errors import AuditError, InputError, SpecError
from audit.fitting import (
    check_gates,
    check_likeness,
    check_metrics,
    check_people,
    check_requirements,
    check_suites_used,
    levels_of,
    ordered,
    who_looks,
)
from audit.images import decoder
from audit.records import Draw, Probe
from audit.spec import AuditSpec, Use
from audit.weights import locate

__all__ = [
    "Plan",
    "PlannedGenerator",
    "PlannedMetric",
    "PlannedScorer",
    "Wanted",
    "check_baselines",
    "differences",
    "make_plan",
    "run_digest",
]

CHUNK = 32
"""Images that are scored together, rounded to whole blocks of the generator."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A probe and how many images of it are wanted."""

    probe: Probe
    draws: int


@dataclass(frozen=True, slots=True)
class PlannedGenerator:
    """A generator with what is asked of it and by whom its images are looked at."""

    name: str
    component: Generator
    key: str
    wanted: tuple[Wanted, ...]
    scorers: tuple[str, ...]
    seed: int

    @property
    def folder(self) -> str:
        """Where the store keeps its draws."""
        return f"{self.name}-{short(self.key)}"

    @property
    def total(self) -> int:
        """Images wanted."""
        return sum(wanted.draws for wanted in self.wanted)

    def requests(self) -> Iterator[Request]:
        """All draws, index by index, so that more draws a probe come after those that are there already."""
        for index in range(max((wanted.draws for wanted in self.wanted), default=0)):
            for wanted in self.wanted:
                if index < wanted.draws:
                    probe = wanted.probe
                    seed = derive_seed(self.seed, probe.pair or probe.id, index)
                    draw = Draw(generator=self.name, probe=probe.id, index=index, seed=seed)
                    yield Request(draw, probe)

    def chunks(self) -> Iterator[list[list[Request]]]:
        """Chunks of blocks: a block is drawn together, a chunk is scored together. The same in every session."""
        size = self.component.batch
        blocks_per_chunk = max(1, CHUNK // size)
        chunk: list[list[Request]] = []
        block: list[Request] = []
        for request in self.requests():
            block.append(request)
            if len(block) == size:
                chunk.append(block)
                block = []
            if len(chunk) == blocks_per_chunk:
                yield chunk
                chunk = []
        if block:
            chunk.append(block)
        if chunk:
            yield chunk


@dataclass(frozen=True, slots=True)
class PlannedScorer:
    """A scorer under its name in the spec."""

    name: str
    component: Scorer
    key: str
    recipe: str = ""
    """Short digest of it and of what it requires, numerics left out: the same on every machine."""

    @property
    def folder(self) -> str:
        """Where the store keeps its scores."""
        return f"{self.name}-{short(self.key)}"


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric under its name in the spec."""

    name: str
    component: Metric


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run needs to know before it starts."""

    spec: AuditSpec
    device: str
    digest: str
    generators: tuple[PlannedGenerator, ...]
    scorers: tuple[PlannedScorer, ...]
    """In an order in which each has what it requires."""
    metrics: tuple[PlannedMetric, ...]
    distributions: tuple[PlannedReference, ...]
    """Distributions that shares are laid beside; ``references`` are image sets."""
    suites: Mapping[str, str]
    """Suite -> digest of its probes."""

    @property
    def run_name(self) -> str:
        """Name of the run folder."""
        return f"{self.spec.name}-{short(self.digest)}"

    @property
    def references(self) -> frozenset[str]:
        """Generators that others are compared with and that are not audited themselves."""
        return frozenset(name for metric in self.metrics for name in metric.component.references())

    @property
    def audited(self) -> tuple[str, ...]:
        """Generators that are audited."""
        return tuple(g.name for g in self.generators if g.name not in self.references)

    @property
    def probes(self) -> dict[str, Probe]:
        """Probe id -> probe."""
        return {wanted.probe.id: wanted.probe for generator in self.generators for wanted in generator.wanted}

    @property
    def columns(self) -> dict[str, Column]:
        """``scorer.column`` -> what it holds."""
        return {f"{scorer.name}.{c.name}": c for scorer in self.scorers for c in scorer.component.columns()}

    def components(self) -> dict[str, Component]:
        """``kind.name`` -> component, of all that make images or scores."""
        generators = {f"generator.{g.name}": g.component for g in self.generators}
        return generators | {f"scorer.{s.name}": s.component for s in self.scorers}

    def packs(self) -> dict[str, str]:
        """Weight pack -> digest."""
        named = {pack for component in self.components().values() for pack in component.packs()}
        return {pack: locate(pack).digest for pack in sorted(named)}


def make_plan(spec: AuditSpec, device: str) -> Plan:
    """Build and check everything that the spec names.

    Raises:
        AuditError: something is unknown, misspelt, missing on this machine, or does not fit together.
    """
    generators = [(use.label, _built(Generator, "generators", use)) for use in spec.generators]
    scorers = ordered([(use.label, _built(Scorer, "scorers", use)) for use in spec.scorers])
    check_requirements(dict(scorers))
    metrics = [(use.label, _built(Metric, "metrics", use)) for use in spec.metrics]
    suites = {use.label: _suite(use) for use in spec.probes}
    wanted = {name: _wanted(spec, name, generator, suites) for name, generator in generators}
    asked = {name: tuple(each.probe for each in probes) for name, probes in wanted.items()}
    check_suites_used(spec, suites, asked)
    levels = levels_of(asked)
    check_metrics(dict(generators), dict(scorers), metrics, levels)
    distributions = planned_references(
        spec.references, _read(scorers, metrics), [probe for probes in asked.values() for probe in probes]
    )
    check_gates(spec, [name for name, _ in generators], dict(metrics), levels)
    looked = who_looks([name for name, _ in generators], scorers, metrics)
    check_people(dict(generators), dict(scorers), looked)
    check_likeness(spec.likeness, dict(scorers), datetime.now(UTC).date())
    return Plan(
        spec=spec,
        device=device,
        digest=run_digest(spec, dict(generators), wanted),
        generators=tuple(
            PlannedGenerator(name, component, identity(component, device), wanted[name], looked[name], spec.seed)
            for name, component in generators
        ),
        scorers=_planned_scorers(scorers, device),
        metrics=tuple(PlannedMetric(name, component) for name, component in metrics),
        distributions=distributions,
        suites={name: set_digest(probe.id for probe in probes) for name, probes in suites.items()},
    )


def run_digest(spec: AuditSpec, generators: Mapping[str, Generator], wanted: Mapping[str, tuple[Wanted, ...]]) -> str:
    """What a run folder is named by: generators, probe definitions and seed. More draws or metrics extend the run."""
    return digest(
        {
            "seed": spec.seed,
            "generators": {name: identity(generator, None) for name, generator in generators.items()},
            "probes": {name: sorted(w.probe.id for w in probes) for name, probes in wanted.items()},
        }
    )


def differences(here: AuditSpec, there: AuditSpec) -> list[str]:
    """What, of all that names a run, two specs say differently, in words; empty where they say the same."""
    one, other = dict(_deciding(here)), dict(_deciding(there))
    paths = [path for path in dict.fromkeys([*one, *other]) if one.get(path) != other.get(path)]
    return [f"{path} is {one.get(path, 'absent')} here and {other.get(path, 'absent')} there" for path in paths]


def _deciding(spec: AuditSpec) -> Iterator[tuple[str, str]]:
    """Fields that the digest of a run may rest on, by path."""
    yield "seed", str(spec.seed)
    for kind, uses in (("generators", spec.generators), ("probes", spec.probes)):
        for use in uses:
            yield f"{kind}.{use.label}", use.use
            for name, value in use.params.items():
                yield f"{kind}.{use.label}.params.{name}", json.dumps(value, ensure_ascii=False, default=str)


def check_baselines(spec: AuditSpec, load: Callable[[str], object]) -> None:
    """Load every baseline of the gates once, so that one that is missing or damaged is found before any work.

    Args:
        load: gives the results behind a path.

    Raises:
        AuditError: a baseline cannot be used.
    """
    paths = {gate.baseline: number for number, gate in enumerate(spec.gates) if gate.baseline}
    for path, number in paths.items():
        if path.startswith("generator:"):
            continue  # of the same run
        try:
            load(path)
        except AuditError as error:
            raise type(error)(f"gates.{number}.baseline: {error}") from error
        except (ImportError, OSError, ValueError) as error:  # what a file system of another kind may say
            raise InputError(f"gates.{number}.baseline: {path} cannot be read ({error})") from error


def _planned_scorers(scorers: list[tuple[str, Scorer]], device: str) -> tuple[PlannedScorer, ...]:
    """Scorers with their keys: identity, what turns bytes into pixels, and the keys of what they require."""
    keys: dict[str, str] = {}
    for name, scorer in scorers:  # each stands after those that it requires
        keys[name] = digest([identity(scorer, device), decoder(), {other: keys[other] for other in scorer.requires()}])
    told = recipes(dict(scorers))
    return tuple(PlannedScorer(name, scorer, keys[name], told[name]) for name, scorer in scorers)


def _built(base: type[Any], kind: Any, use: Use) -> Any:
    component = build(kind, use)
    assert isinstance(component, base)
    component.check()
    return component


def _read(scorers: list[tuple[str, Scorer]], metrics: list[tuple[str, Metric]]) -> list[list[Column]]:
    """Columns that each metric reads."""
    columns = {f"{name}.{column.name}": column for name, scorer in scorers for column in scorer.columns()}
    return [[columns[column] for column in metric.reads()] for _, metric in metrics]


def _suite(use: Use) -> tuple[Probe, ...]:
    probes = _built(ProbeSuite, "probes", use).probes()
    if not probes:
        raise SpecError(f"probes.{use.label}: the suite is empty; loosen its parameters")
    return tuple(probes)


def _wanted(
    spec: AuditSpec, name: str, generator: Generator, suites: Mapping[str, tuple[Probe, ...]]
) -> tuple[Wanted, ...]:
    own = generator.probes()
    accepted = generator.accepts()
    asked = own or tuple(probe for probes in suites.values() for probe in probes if isinstance(probe.condition, accepted))
    if not asked:
        kinds = ", ".join(kind.__name__ for kind in accepted)
        raise SpecError(f"generators.{name}: it draws {kinds} conditions, and no suite under `probes` has any")
    different: dict[str, Wanted] = {}
    for probe in asked:  # one that two entries ask for is drawn as often as the more demanding of them wants
        wanted = Wanted(probe, probe.draws or spec.draws_per_probe)
        if probe.id not in different or wanted.draws > different[probe.id].draws:
            different[probe.id] = wanted
    return tuple(different.values())

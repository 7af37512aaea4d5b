"""Whether the parts of a spec fit together: found before any work, named by the path of the field."""

from collections.abc import Iterable, Mapping
from datetime import date

from audit.component import Generator, Metric, Scorer
from audit.errors import PluginError, SpecError
from audit.records import Probe
from audit.spec import AuditSpec, GateRule, LikenessBasis, nearest

__all__ = [
    "check_gates",
    "check_likeness",
    "check_metrics",
    "check_people",
    "check_requirements",
    "check_suites_used",
    "levels_of",
    "ordered",
    "who_looks",
]


def ordered(scorers: list[tuple[str, Scorer]]) -> list[tuple[str, Scorer]]:
    """Each scorer after those that it requires."""
    known = dict(scorers)
    done: dict[str, Scorer] = {}

    def add(name: str, chain: tuple[str, ...]) -> None:
        if name in chain:
            raise SpecError(f"scorers: {' requires '.join([*chain, name])}: a circle")
        for needed in known[name].requires():
            if needed not in known:
                raise SpecError(
                    f"scorers.{name}: it requires the scorer {needed!r}; add it, {nearest(needed, list(known))}"
                )
            add(needed, (*chain, name))
        done[name] = known[name]

    for name in known:
        add(name, ())
    return list(done.items())


def check_requirements(scorers: Mapping[str, Scorer]) -> None:
    """What a scorer requires of others is what they fill, and nothing made of what is never written is written."""
    for name, scorer in scorers.items():
        held = [other for other in scorer.requires() if scorers[other].in_memory]
        if held and not scorer.in_memory:
            raise PluginError(
                f"scorers.{name}: what {held[0]} says must not be stored; the plugin must set `in_memory`, too"
            )
        filled = {f"{other}.{column.name}": column for other in scorer.requires() for column in scorers[other].columns()}
        try:
            scorer.check_required(filled)
        except SpecError as error:
            raise SpecError(f"scorers.{name}.params.{error}") from error


def who_looks(
    generators: list[str], scorers: list[tuple[str, Scorer]], metrics: list[tuple[str, Metric]]
) -> dict[str, tuple[str, ...]]:
    """Which scorers look at which generator: all of them, but at a reference set only those that its metrics read."""
    requires = {name: scorer.requires() for name, scorer in scorers}
    needed: dict[str, set[str]] = {}
    for _, metric in metrics:
        for reference in metric.references():
            needed.setdefault(reference, set()).update(column.rpartition(".")[0] for column in metric.reads())
    for names in needed.values():
        for name, _ in reversed(scorers):  # a scorer stands after those that it requires
            names.update(requires[name] if name in names else ())
    everyone = tuple(name for name, _ in scorers)
    return {g: tuple(name for name in everyone if name in needed[g]) if g in needed else everyone for g in generators}


def levels_of(asked: Mapping[str, Iterable[Probe]]) -> dict[str, set[str]]:
    """Axis -> its levels among all probes."""
    levels: dict[str, set[str]] = {}
    for probe in (probe for probes in asked.values() for probe in probes):
        for name, level in probe.levels.items():
            levels.setdefault(name, set()).add(level)
    return levels


def check_suites_used(
    spec: AuditSpec, suites: Mapping[str, tuple[Probe, ...]], asked: Mapping[str, Iterable[Probe]]
) -> None:
    """Every suite has a generator that draws its conditions."""
    drawn = {probe.id for probes in asked.values() for probe in probes}
    for name, probes in suites.items():
        if not any(probe.id in drawn for probe in probes):
            kind = type(probes[0].condition).__name__
            raise SpecError(f"probes.{name}: no generator of {spec.name!r} draws {kind} conditions; remove it or add one")


def check_metrics(
    generators: Mapping[str, Generator],
    scorers: Mapping[str, Scorer],
    metrics: list[tuple[str, Metric]],
    levels: Mapping[str, set[str]],
) -> None:
    """Every column, axis and reference set that a metric names is there, and its parameters fit the generators."""
    settings = {name: generator.settings() for name, generator in generators.items()}
    columns = [f"{name}.{column.name}" for name, scorer in scorers.items() for column in scorer.columns()]
    for name, metric in metrics:
        for column in metric.reads():
            if column not in columns:
                raise SpecError(f"metrics.{name}: no scorer fills the column {column!r}; {nearest(column, columns)}")
        for axis in metric.axes():
            if axis not in levels:
                raise SpecError(f"metrics.{name}.params: no probe has the axis {axis!r}; {nearest(axis, list(levels))}")
        for reference in metric.references():
            if reference not in generators:
                raise SpecError(
                    f"metrics.{name}: no generator is named {reference!r}; {nearest(reference, list(generators))}"
                )
        metric.check_generators(settings)


def check_gates(
    spec: AuditSpec, generators: list[str], metrics: Mapping[str, Metric], levels: Mapping[str, set[str]]
) -> None:
    """Every metric, quantity, generator and level that a gate names is there."""
    for number, gate in enumerate(spec.gates):
        head, _, quantity = gate.metric.partition(".")
        if head not in metrics:
            raise SpecError(f"gates.{number}.metric: no metric is named {head!r}; {nearest(head, list(metrics))}")
        known = metrics[head].quantities
        if known and quantity not in known:
            raise SpecError(f"gates.{number}.metric: {head!r} finds no {quantity!r}; {nearest(quantity, known)}")
        for name in _generators_of(gate):
            if name not in generators:
                raise SpecError(f"gates.{number}: no generator is named {name!r}; {nearest(name, generators)}")
        for axis, level in gate.where.items():
            if axis in levels and level not in levels[axis]:
                hint = nearest(level, list(levels[axis]))
                raise SpecError(f"gates.{number}.where.{axis}: no probe has the level {level!r}; {hint}")


def check_people(
    generators: Mapping[str, Generator], scorers: Mapping[str, Scorer], looked: Mapping[str, tuple[str, ...]]
) -> None:
    """Nobody's attributes are inferred without a stated basis."""
    for name, generator in generators.items():
        inferring = [s for s in looked[name] if scorers[s].infers_people]
        if inferring and not generator.subject_basis():
            raise SpecError(
                f"generators.{name}: {', '.join(inferring)} would infer attributes of people in images of unknown origin; "
                "set params.subject_basis to `generated`, or say on what basis photographs of people may be looked at"
            )


def check_likeness(basis: LikenessBasis | None, scorers: Mapping[str, Scorer], today: date) -> None:
    """Nobody is recognised without a stated basis that still holds."""
    recognising = [name for name, scorer in scorers.items() if scorer.recognises_people]
    if not recognising:
        return
    if kept := [name for name in recognising if not scorers[name].in_memory]:
        raise PluginError(f"scorers.{kept[0]}: what recognises people must not be stored; the plugin must set `in_memory`")
    if basis is None:
        raise SpecError(
            f"scorers.{recognising[0]}: it tells persons apart, so the spec must say why that may be done: "
            "likeness: {who: ..., authority: ..., purpose: ..., expires: YYYY-MM-DD}"
        )
    if basis.expires < today:
        raise SpecError(
            f"likeness.expires: the basis ended on {basis.expires}; renew it and set a later date, "
            f"or remove {', '.join(recognising)} from the scorers"
        )


def _generators_of(gate: GateRule) -> list[str]:
    kind, _, name = gate.baseline.partition(":")
    return [n for n in (gate.generator, name if kind == "generator" else "") if n]

"""Stage three: the table of draws and scores to findings. Needs no image and no model."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from audit.component import Context, Measured, Metric
from audit.digest import short
from audit.errors import AuditError, InputError, PluginError
from audit.human_labels import HumanLabels
from audit.plan import Plan, PlannedGenerator, PlannedMetric
from audit.records import Cost, Finding
from audit.store import RunStore
from audit.table import DRAW_SCHEMA, ScoreTable
from audit.weights import catalogue

__all__ = ["build_table", "check_references", "measure", "rehearse"]

log = logging.getLogger(__name__)


def build_table(plan: Plan, store: RunStore, held: Mapping[str, pa.Table] | None = None) -> ScoreTable:
    """Draws that the plan wants, with the score columns that its metrics read.

    Args:
        held: scores that are never written, by scorer.
    """
    draws = [_wanted_draws(generator, store) for generator in plan.generators]
    reads = {column for metric in plan.metrics for column in metric.component.reads()}
    scores = {}
    for scorer in plan.scorers:
        names = [c.name for c in scorer.component.columns() if f"{scorer.name}.{c.name}" in reads]
        if names:
            columns = [part for name in names for part in (name, f"{name}:why", f"{name}:confidence")]
            found = (held or {}).get(scorer.name) if scorer.component.in_memory else store.scores(scorer.folder, columns)
            scores[scorer.name] = _nothing_scored(columns) if found is None else found
    return ScoreTable(pa.concat_tables([DRAW_SCHEMA.empty_table(), *draws]), plan.probes, scores)


def _nothing_scored(columns: list[str]) -> pa.Table:
    empty = {"subject": pa.array([], pa.string()), "region": pa.array([], pa.int16())}
    return pa.table(empty | {name: pa.nulls(0) for name in columns})


def _wanted_draws(generator: PlannedGenerator, store: RunStore) -> pa.Table:
    table = store.draws(generator.folder)
    limit = {wanted.probe.id: wanted.draws for wanted in generator.wanted}
    probes, index = table["probe"].to_pylist(), table["index"].to_pylist()
    keep = [i < limit.get(probe, 0) for probe, i in zip(probes, index, strict=True)]
    return table.filter(pa.array(np.array(keep, dtype=bool)))


def measure(
    plan: Plan, table: ScoreTable, tick: Callable[[int], None], labels: Mapping[str, HumanLabels] | None = None
) -> tuple[list[Measured], list[Cost]]:
    """Run every metric over the table, and over what people saw in some of its draws, by column."""
    context = replace(_context(plan, table), labels=labels or {})
    measured: list[Measured] = []
    costs = []
    for metric in plan.metrics:
        started = time.perf_counter()
        try:
            found = list(metric.component.measure(metric.name, context))
        except AuditError:
            raise
        except Exception as error:
            raise PluginError(f"metrics.{metric.name}: the plugin failed ({type(error).__name__}: {error})") from error
        measured.extend(_with_packs(found, plan, metric))
        seconds = time.perf_counter() - started
        costs.append(Cost(stage="measure", name=metric.name, images=len(table), seconds=seconds, device="cpu"))
        tick(1)
    _check_keys(measured)
    return measured, costs


def check_references(plan: Plan, store: RunStore, held: Mapping[str, pa.Table]) -> None:
    """Let every metric see whether its reference sets, which are scored by now, can be used: before anything is drawn.

    Raises:
        AuditError: one cannot; told with the folder that the run began to fill.
    """
    asking = [m for m in plan.metrics if type(m.component).check_references is not Metric.check_references]
    if asking:
        context = _context(plan, build_table(plan, store, held))
        for metric in asking:
            try:
                metric.component.check_references(metric.name, context)
            except InputError as error:
                if store.has("findings.json"):
                    raise
                raise InputError(f"{error}. The run folder {store.path}, which was begun, holds no findings") from error


def rehearse(plan: Plan) -> list[Finding]:
    """Let every metric measure a run whose every draw failed, so that what does not fit is found before any work.

    Returns:
        The findings, without estimates. A run may make others too, where it has the data.

    Raises:
        AuditError: a metric cannot use what the spec gives it; names the parameter.
    """
    rows = [
        {"generator": g.name, "probe": w.probe.id, "index": 0, "seed": 0, "outcome": "failed", "reason": "not drawn yet"}
        for g in plan.generators
        for w in g.wanted
    ]
    scores = {
        scorer.name: _nothing_scored(
            [part for c in scorer.component.columns() for part in (c.name, f"{c.name}:why", f"{c.name}:confidence")]
        )
        for scorer in plan.scorers
    }
    context = _context(plan, ScoreTable(pa.Table.from_pylist(rows, schema=DRAW_SCHEMA), plan.probes, scores))
    findings: list[Finding] = []
    for metric in plan.metrics:
        try:
            findings += [one.finding for one in list(metric.component.measure(metric.name, context))]
        except AuditError:
            raise
        except Exception:  # a plugin that cannot measure nothing may measure something well
            log.debug("metrics.%s: not rehearsed", metric.name, exc_info=True)
    return findings


def _context(plan: Plan, table: ScoreTable) -> Context:
    return Context(
        table=table,
        generators=plan.audited,
        confidence=plan.spec.confidence,
        seed=plan.spec.seed,
        columns=plan.columns,
        protocols={s.name: f"{s.component.protocol_name()}-{short(s.key)}" for s in plan.scorers},
        recipes={scorer.name: scorer.recipe for scorer in plan.scorers},
        references={reference.name: reference.component for reference in plan.distributions},
        reference_ids={reference.name: short(reference.key) for reference in plan.distributions},
    )


def _with_packs(measured: list[Measured], plan: Plan, metric: PlannedMetric) -> Iterator[Measured]:
    """Name the weights behind each finding: those of its generator, its reference, and the scorers that it rests on."""
    components = plan.components()
    scorers = {column.rpartition(".")[0] for column in metric.component.reads()}
    for planned in reversed(plan.scorers):  # each stands after those that it requires
        scorers.update(planned.component.requires() if planned.name in scorers else ())
    digests, known = plan.packs(), catalogue()
    for one in measured:
        makers = [f"generator.{name}" for name in (one.finding.generator, one.finding.baseline)]
        used = [components[name] for name in [*makers, *(f"scorer.{name}" for name in scorers)] if name in components]
        packs = sorted({pack for component in used for pack in component.packs()})
        update = {"packs": {pack: digests[pack] for pack in packs}}
        unpinned = tuple(pack for pack in packs if known[pack].unpinned)
        yield replace(one, finding=one.finding.model_copy(update={**update, "unpinned": unpinned}))


def _check_keys(measured: list[Measured]) -> None:
    """A finding is named once, or a gate could judge either."""
    seen: set[str] = set()
    for one in measured:
        if one.finding.key in seen:
            raise PluginError(
                f"metrics: two findings are named {one.finding.key}; the plugin must tell them apart by `where`"
            )
        seen.add(one.finding.key)

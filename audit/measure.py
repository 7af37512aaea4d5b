"""Stage three: the table of draws and scores to findings. Needs no image and no model."""

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from audit.component import Context, Measured
from audit.digest import short
from audit.errors import AuditError, PluginError
from audit.plan import Plan, PlannedGenerator
from audit.records import Cost
from audit.store import RunStore
from audit.table import DRAW_SCHEMA, ScoreTable

__all__ = ["build_table", "measure"]


def build_table(plan: Plan, store: RunStore) -> ScoreTable:
    """Draws that the plan wants, with the score columns that its metrics read."""
    draws = [_wanted_draws(generator, store) for generator in plan.generators]
    reads = {column for metric in plan.metrics for column in metric.component.reads()}
    scores = {}
    for scorer in plan.scorers:
        names = [c.name for c in scorer.component.columns() if f"{scorer.name}.{c.name}" in reads]
        if names:
            columns = [part for name in names for part in (name, f"{name}:why", f"{name}:confidence")]
            found = store.scores(scorer.folder, columns)
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


def measure(plan: Plan, table: ScoreTable, tick: Callable[[int], None]) -> tuple[list[Measured], list[Cost]]:
    """Run every metric over the table."""
    context = Context(
        table=table,
        generators=plan.audited,
        confidence=plan.spec.confidence,
        seed=plan.spec.seed,
        columns=plan.columns,
        protocols={
            scorer.name: f"{scorer.component.__class__.__name__.lower()}-{short(scorer.key)}" for scorer in plan.scorers
        },
    )
    measured: list[Measured] = []
    costs = []
    for metric in plan.metrics:
        started = time.perf_counter()
        try:
            measured.extend(metric.component.measure(metric.name, context))
        except AuditError:
            raise
        except Exception as error:
            raise PluginError(f"metrics.{metric.name}: the plugin failed ({type(error).__name__}: {error})") from error
        seconds = time.perf_counter() - started
        costs.append(Cost(stage="measure", name=metric.name, images=len(table), seconds=seconds, device="cpu"))
        tick(1)
    _check_keys(measured)
    return measured, costs


def _check_keys(measured: list[Measured]) -> None:
    """A finding is named once, or a gate could judge either."""
    seen: set[str] = set()
    for one in measured:
        if one.finding.key in seen:
            raise PluginError(
                f"metrics: two findings are named {one.finding.key}; the plugin must tell them apart by `where`"
            )
        seen.add(one.finding.key)

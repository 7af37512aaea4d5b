"""Which draws of a run people are asked to rate: a stratified random sample that a larger one extends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from audit.catalog import build
from audit.component import Column, Metric, Scorer
from audit.digest import digest, short
from audit.errors import InputError, StoreError
from audit.labels import Item, LabelSample, Stratum
from audit.records import Probe, RunManifest
from audit.results import read_manifest
from audit.spec import AuditSpec, nearest
from audit.store import RunStore
from audit.table import DRAW_SCHEMA, ScoreTable

__all__ = ["ABSTAINED", "FLOOR", "LabelSample", "Wish", "allocate", "draw_sample"]

ABSTAINED = ""
"""Predicted label of draws that the classifier read no label in."""

FLOOR = 10
"""Draws of a thin stratum that are rated at most before labels go to others in proportion."""

PROBES = TypeAdapter(dict[str, Probe])
WANTED = TypeAdapter(dict[str, dict[str, int]])


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be labelled."""

    n: int
    """Draws."""
    column: str = ""
    """``scorer.column``; empty: the only label column that the metrics read."""
    generators: tuple[str, ...] = ()
    """Empty: all audited ones."""
    seed: int | None = None
    """None: that of the spec."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What is needed of a run, without its generators and weights, which may not be on this machine."""

    store: RunStore
    manifest: RunManifest
    spec: AuditSpec
    scorers: Mapping[str, Scorer]
    metrics: Sequence[Metric]

    @classmethod
    def of(cls, store: RunStore) -> "_Run":
        manifest = read_manifest(store)
        spec = AuditSpec.model_validate(manifest.spec)
        scorers = {use.label: component for use in spec.scorers if isinstance(component := build("scorers", use), Scorer)}
        metrics = [component for use in spec.metrics if isinstance(component := build("metrics", use), Metric)]
        return cls(store, manifest, spec, scorers, metrics)

    @property
    def columns(self) -> dict[str, Column]:
        return {f"{name}.{c.name}": c for name, scorer in self.scorers.items() for c in scorer.columns()}

    @property
    def audited(self) -> list[str]:
        compared = {name for metric in self.metrics for name in metric.references()}
        return [use.label for use in self.spec.generators if use.label not in compared]

    def folder(self, kind: str, name: str) -> str:
        key = self.manifest.keys.get(f"{kind}.{name}")
        if key is None:
            raise StoreError(f"{self.store.path}: nothing of the {kind} {name!r} was stored; finish it with `imgaudit run`")
        return f"{name}-{short(key)}"


def draw_sample(store: RunStore, wish: Wish) -> LabelSample:
    """Choose draws for rating, among those made, by generator and predicted label.

    Each stratum's draws are in an order that the seed gives, and the first of them are chosen: the same wish gives the same
    sample, and one for more draws of the same run holds it.

    Raises:
        InputError: no such column or generator, or fewer labels than two for each stratum.
        StoreError: the run is not finished, or damaged.
    """
    run = _Run.of(store)
    column = _column(run, wish.column)
    generators = _generators(run, wish.generators, column)
    table = _table(run, column, generators)
    drawn = _strata(table, column)
    if not drawn:
        raise InputError(f"{store.path}: no image of {', '.join(generators)} was made, so there is nothing to rate")
    told = run.columns[column]
    levels = told.levels or tuple(sorted({label for _, label in drawn} - {ABSTAINED}))
    if not levels:
        raise InputError(f"{store.path}: {column} declares no labels and read none, so there is nothing to choose from")
    seed = run.spec.seed if wish.seed is None else wish.seed
    strata, items = _chosen(drawn, wish.n, (seed, column))
    return LabelSample(
        run=run.manifest.digest,
        column=column,
        title=told.title or told.name.replace("_", " "),
        levels=levels,
        regional=told.regional,
        seed=seed,
        strata=strata,
        items=items,
    )


def _column(run: _Run, wished: str) -> str:
    labels = [name for name, column in run.columns.items() if column.kind == "label"]
    known = [name for name in labels if not run.scorers[name.rpartition(".")[0]].in_memory]
    if wished in labels and wished not in known:
        raise InputError(f"--column {wished}: what this scorer says is never stored, so nothing can be sampled by it")
    if wished:
        if wished not in known:
            raise InputError(f"--column {wished}: no label column of this run; {nearest(wished, known)}")
        return wished
    read = {column for metric in run.metrics for column in metric.reads()}
    choices = [name for name in known if name in read] or known
    if len(choices) == 1:
        return choices[0]
    if not choices:
        raise InputError(f"{run.store.path}: no scorer of this run gives labels, so there is nothing to rate")
    raise InputError(f"which labels? Give --column with one of {', '.join(choices)}")


def _generators(run: _Run, wished: Sequence[str], column: str) -> list[str]:
    audited = run.audited
    for name in wished:
        if name not in audited:
            raise InputError(f"--generator {name}: no audited generator of this run; {nearest(name, audited)}")
    chosen = [name for name in audited if not wished or name in wished]
    for name in chosen:
        basis = run.manifest.settings.get(name, {}).get("subject_basis", "generated")
        if run.scorers[column.rpartition(".")[0]].infers_people and not basis:
            raise InputError(
                f"generators.{name}: nobody is asked to rate people in images of unknown origin; "
                "set params.subject_basis to `generated`, or say on what basis photographs of people may be looked at"
            )
    return chosen


def _table(run: _Run, column: str, generators: Sequence[str]) -> ScoreTable:
    """The made draws that the run wants of these generators, with the column."""
    grid = run.store.read_json("grid.json")
    try:
        probes, wanted = PROBES.validate_python(grid["probes"]), WANTED.validate_python(grid["wanted"])
    except (ValidationError, KeyError, TypeError) as error:
        raise StoreError(f"{run.store.path}/grid.json: damaged; `imgaudit run` writes it again") from error
    draws = [_within(run.store.draws(run.folder("generator", name)), wanted.get(name, {})) for name in generators]
    scorer, _, name = column.rpartition(".")
    scores = run.store.scores(run.folder("scorer", scorer), [name, f"{name}:why", f"{name}:confidence"])
    if scores is None:
        raise StoreError(f"{run.store.path}: nothing was scored by {scorer!r} yet; finish it with `imgaudit run`")
    return ScoreTable(pa.concat_tables([DRAW_SCHEMA.empty_table(), *draws]), probes, {scorer: scores})


def _within(draws: pa.Table, wanted: Mapping[str, int]) -> pa.Table:
    keys = zip(draws["probe"].to_pylist(), draws["index"].to_pylist(), strict=True)
    return draws.filter(pa.array([index < wanted.get(probe, 0) for probe, index in keys], pa.bool_()))


# ------------------------------------------------------------------------------------------------ the draw


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A made draw."""

    generator: str
    probe: str
    index: int
    image: str

    def digest(self, purpose: str, salt: tuple[int, str]) -> str:
        """Random, and the same whatever else was drawn."""
        return digest([purpose, *salt, self.generator, self.probe, self.index, self.image])


def _strata(table: ScoreTable, column: str) -> dict[tuple[str, str], list[_Drawn]]:
    """Made draws by generator and predicted label."""
    labels = table.values(column)
    predicted = np.where(labels.present, labels.value, ABSTAINED).tolist()
    columns = (table.column(name).tolist() for name in ("generator", "probe", "index", "image"))
    found: dict[tuple[str, str], list[_Drawn]] = {}
    for label, made, cells in zip(predicted, table.outcome == "made", zip(*columns, strict=True), strict=True):
        if made:
            found.setdefault((cells[0], str(label)), []).append(_Drawn(*cells))
    return dict(sorted(found.items()))


def _chosen(
    drawn: Mapping[tuple[str, str], Sequence[_Drawn]], n: int, salt: tuple[int, str]
) -> tuple[tuple[Stratum, ...], tuple[Item, ...]]:
    shares = allocate([len(draws) for draws in drawn.values()], [label == ABSTAINED for _, label in drawn], n)
    strata, items = [], []
    for place, (((generator, label), draws), share) in enumerate(zip(drawn.items(), shares, strict=True)):
        strata.append(Stratum(generator=generator, predicted=label, size=len(draws), chosen=share))
        first = sorted(draws, key=lambda draw: draw.digest("chosen", salt))[:share]
        items += [_item(draw, place, salt) for draw in first]
    return tuple(strata), tuple(sorted(items, key=lambda item: item.id))


def _item(draw: _Drawn, stratum: int, salt: tuple[int, str]) -> Item:
    # the letter in front keeps spreadsheets from reading 12e34567 as a number
    name = f"i{short(draw.digest('item', salt), 12)}"
    return Item(id=name, generator=draw.generator, probe=draw.probe, index=draw.index, image=draw.image, stratum=stratum)


def allocate(sizes: Sequence[int], floor_only: Sequence[bool], n: int) -> list[int]:
    """How many of each stratum are chosen: in proportion to its size, but with a few of each thin one.

    Labels are given out one by one: in turn to the stratum with fewest of those with less than ``FLOOR``, and to the one
    that is furthest below its proportional share (Sainte-Lague). So no stratum is left out, at most half of the labels are
    spent on thin strata, and more labels never take one from a stratum.

    Args:
        sizes: draws of each stratum.
        floor_only: strata that get no more than ``FLOOR``: what the classifier did not read sharpens no share.
        n: labels in all; with fewer draws than that, all are chosen.

    Raises:
        InputError: fewer than two for each stratum.

    >>> allocate([900, 90, 10], [False] * 3, 100)
    [80, 10, 10]
    """
    least = min(2 * len(sizes), sum(sizes))
    if n < least:
        raise InputError(
            f"--n {n}: too few for {len(sizes)} strata (generator by predicted label); give {least} or more, "
            "or fewer generators by --generator"
        )
    most = np.array([min(size, FLOOR) if thin else size for size, thin in zip(sizes, floor_only, strict=True)])
    size = np.array(sizes, dtype=np.float64)
    given = np.zeros(len(sizes), dtype=np.int64)
    for turn in range(min(n, int(most.sum()))):
        thin = np.flatnonzero((given < most) & (given < FLOOR))
        if turn % 2 == 0 and len(thin):
            given[thin[np.argmin(given[thin])]] += 1
        else:
            given[np.argmax(np.where(given < most, size / (2 * given + 1), -1.0))] += 1
    return [int(value) for value in given]

"""Stage two: images to score columns. Each image is decoded once, each encoder runs once an image."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.doctor import OpenScorer, check_scorer, said_of
from audit.engines.local import LocalEngine, halving
from audit.environment import peak_bytes
from audit.errors import AuditError, OutOfMemory, ScoringError, StoreError
from audit.plan import PlannedScorer
from audit.records import Abstained, Check, Cost, ImageRecord, Made, Scored
from audit.store import RunStore, first_of_each
from audit.table import draw_key

__all__ = ["ScoreStage", "scored_by"]

KINDS = {"number": pa.float64(), "label": pa.string()}


@dataclass
class ScoreStage(AbstractContextManager["ScoreStage"]):
    """Runs the scorers over chunks of views and writes what they say."""

    scorers: Sequence[PlannedScorer]
    """In an order in which each has what it requires."""
    store: RunStore
    engine: LocalEngine
    device: str
    to_check: frozenset[str] = frozenset()
    """Scorers that are held against their known answers once they are open."""
    checks: list[Check] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _open: dict[str, ScoreBatch] = field(default_factory=dict)
    _done: dict[str, set[str]] = field(default_factory=dict)
    _held: dict[str, list[pa.Table]] = field(default_factory=dict)
    """What scorers said that is never written."""

    def __enter__(self) -> Self:
        self._stack.__enter__()
        for scorer in self.scorers:
            subjects = None if scorer.component.in_memory else self.store.read_table(_folder(scorer), ["subject"])
            self._done[scorer.name] = set(subjects["subject"].to_pylist()) if subjects is not None else set()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None:
            for scorer in self.scorers:
                self.store.compact(_folder(scorer))

    def needed(self, names: Sequence[str], records: Sequence[ImageRecord]) -> bool:
        """Whether one of the named scorers has not seen one of these images."""
        return any(
            _subject_of_record(scorer.component, record) not in self._done[scorer.name]
            for scorer in self.scorers
            if scorer.name in names
            for record in records
            if isinstance(record.outcome, Made)
        )

    def costs(self) -> list[Cost]:
        """What each scorer took."""
        return [
            Cost(
                stage="score",
                name=name,
                images=self.images[name],
                seconds=seconds,
                device=self._device_of(name),
                device_bytes=peak_bytes(self._device_of(name)),
            )
            for name, seconds in self.seconds.items()
        ]

    def _device_of(self, name: str) -> str:
        """Where a scorer works: the run's device, or the CPU beside it."""
        return next(self.device if s.component.uses_device else "cpu" for s in self.scorers if s.name == name)

    def score(self, names: Sequence[str], views: Sequence[View]) -> None:
        """Score a chunk with the named scorers, where one of them has not seen all of it."""
        given: dict[str, Sequence[Sequence[Row]]] = {}
        for scorer in self.scorers:
            if scorer.name not in names:
                continue
            self.engine.checkpoint()
            subjects = [_subject(scorer.component, view) for view in views]
            if self._done[scorer.name].issuperset(subjects):
                continue
            needs = {name: self._rows(name, views, given) for name in scorer.component.requires()}
            fed = [replace(view, given={name: rows[i] for name, rows in needs.items()}) for i, view in enumerate(views)]
            rows = self._run(scorer, fed)
            self._keep(scorer, _as_table(scorer, subjects, rows))
            self._done[scorer.name].update(subjects)
            given[scorer.name] = rows

    def _keep(self, scorer: PlannedScorer, table: pa.Table) -> None:
        if scorer.component.in_memory:
            self._held.setdefault(scorer.name, []).append(table)
        else:
            self.store.append_scores(scorer.folder, table)

    def held(self) -> dict[str, pa.Table]:
        """What scorers said in this session that is never written: scorer -> its rows, each subject once."""
        return {
            name: first_of_each(pa.concat_tables(tables, promote_options="permissive"))
            for name, tables in self._held.items()
        }

    def _run(self, scorer: PlannedScorer, views: list[View]) -> Sequence[Sequence[Row]]:
        with self.engine.device(self._device_of(scorer.name)):
            call = self._ready(scorer)
            started = time.perf_counter()
            rows = scored_by(call, views, scorer.name, scorer.component)
            self.seconds[scorer.name] = self.seconds.get(scorer.name, 0.0) + time.perf_counter() - started
            self.images[scorer.name] = self.images.get(scorer.name, 0) + len(views)
        return rows

    def _ready(self, scorer: PlannedScorer) -> ScoreBatch:
        """A scorer's function; it is opened on first use, and checked if it is to be."""
        if scorer.name not in self._open:
            self._open[scorer.name] = self._opened(scorer)
            if scorer.name in self.to_check:
                self.checks.extend(check_scorer(self._with_needs(scorer)))
        return self._open[scorer.name]

    def _with_needs(self, scorer: PlannedScorer) -> OpenScorer:
        needs = {name: self._with_needs(self._named(name)) for name in scorer.component.requires()}
        return OpenScorer(scorer.name, scorer.component, self._ready(scorer), needs)

    def _named(self, name: str) -> PlannedScorer:
        return next(scorer for scorer in self.scorers if scorer.name == name)

    def _opened(self, scorer: PlannedScorer) -> ScoreBatch:
        try:
            return self._stack.enter_context(scorer.component.open(self.device))
        except AuditError:
            raise
        except Exception as error:
            raise ScoringError(f"scorers.{scorer.name}: does not open ({type(error).__name__}: {error})") from error

    def _rows(
        self, name: str, views: Sequence[View], given: Mapping[str, Sequence[Sequence[Row]]]
    ) -> Sequence[Sequence[Row]]:
        """Rows of a required scorer: of this chunk, or from the store where it ran in an earlier session."""
        if name in given:
            return given[name]
        scorer = self._named(name)
        subjects = [_subject(scorer.component, view) for view in views]
        table = self._said(scorer, subjects)
        rows: dict[str, list[Row]] = {}
        for row in table.to_pylist() if table is not None else ():
            rows.setdefault(row["subject"], []).append(_row(scorer.component.columns(), row))
        if lost := [subject for subject in subjects if subject not in rows]:
            raise StoreError(f"scores/{scorer.folder}: the scores of {lost[0]} are gone; delete the folder and resume")
        return [rows[subject] for subject in subjects]

    def _said(self, scorer: PlannedScorer, subjects: Sequence[str]) -> pa.Table | None:
        if not scorer.component.in_memory:
            return self.store.scores(scorer.folder, subjects=subjects)
        held = self.held().get(scorer.name)
        return None if held is None else held.filter(pc.is_in(held["subject"], pa.array(subjects)))


def _folder(scorer: PlannedScorer) -> str:
    return f"scores/{scorer.folder}"


def scored_by(call: ScoreBatch, views: list[View], name: str, scorer: Scorer) -> list[Sequence[Row]]:
    """What a scorer that is open says of views, for each its rows; as many together as fit into memory.

    Args:
        call: what it gave when it was opened.
        name: of the scorer in the spec.

    Raises:
        AuditError: it fails, keeps to no interface, or a single view does not fit.
    """
    try:
        rows, _ = halving(lambda part, _: _called(call, part, name, scorer), views, max(1, len(views)))
    except OutOfMemory as error:
        raise ScoringError(f"scorers.{name}: a single image does not fit into memory ({error})") from error
    return rows


def _called(call: ScoreBatch, views: list[View], name: str, scorer: Scorer) -> list[Sequence[Row]]:
    try:
        rows = list(call(views))
    except AuditError:
        raise
    except Exception as error:
        raise ScoringError(f"scorers.{name}: the plugin failed ({said_of(scorer, error)})") from error
    if len(rows) != len(views):
        raise ScoringError(f"scorers.{name}: was given {len(views)} images and scored {len(rows)}; the plugin is broken")
    if any(not of_view or of_view[0].region != -1 for of_view in rows):
        raise ScoringError(
            f"scorers.{name}: a view's first row must be the whole image's (region -1); the plugin is broken"
        )
    return rows


def _subject(scorer: Scorer, view: View) -> str:
    if scorer.subject == "image":
        return view.image
    return draw_key(view.draw.generator, view.draw.probe, view.draw.index, view.image)


def _subject_of_record(scorer: Scorer, record: ImageRecord) -> str:
    outcome, draw = record.outcome, record.draw
    assert isinstance(outcome, Made)
    return outcome.image if scorer.subject == "image" else draw_key(draw.generator, draw.probe, draw.index, outcome.image)


def _as_table(scorer: PlannedScorer, subjects: Sequence[str], rows: Sequence[Sequence[Row]]) -> pa.Table:
    """Rows of a chunk as Arrow: ``subject``, ``region`` and for each column its value, why it is missing, confidence."""
    flat = [(subject, row) for subject, of_image in zip(subjects, rows, strict=True) for row in of_image]
    data: dict[str, pa.Array] = {
        "subject": pa.array([subject for subject, _ in flat], pa.string()),
        "region": pa.array([row.region for _, row in flat], pa.int16()),
    }
    known = {column.name for column in scorer.component.columns()}
    if extra := {name for _, row in flat for name in row.values} - known:
        raise ScoringError(f"scorers.{scorer.name}: fills columns that it does not declare: {', '.join(sorted(extra))}")
    for column in scorer.component.columns():
        cells = [row.values.get(column.name) for _, row in flat]
        values = [cell.value if isinstance(cell, Scored) else cell for cell in cells]
        why = [cell.reason if isinstance(cell, Abstained) else None for cell in cells]
        confidence = [cell.confidence if isinstance(cell, Scored) else None for cell in cells]
        plain = [None if isinstance(value, Abstained) else value for value in values]
        data[column.name] = _array(plain, column, scorer.name)
        data[f"{column.name}:why"] = pa.array(why, pa.string())
        data[f"{column.name}:confidence"] = pa.array(confidence, pa.float32())
    return pa.table(data)


def _array(values: list[Any], column: Column, scorer: str) -> pa.Array:
    """Values of one column; a number that is not finite is a broken plugin, not a score."""
    where = f"scorers.{scorer}: column {column.name!r}"
    present = [value for value in values if value is not None]
    if column.kind == "label":
        if not all(isinstance(value, str) for value in present):
            raise ScoringError(f"{where}: labels are text")
        return pa.array(values, pa.string())
    if column.kind == "number":
        if not all(isinstance(value, int | float | np.number) and np.isfinite(value) for value in present):
            raise ScoringError(f"{where}: a value is not a finite number; abstain with a reason instead")
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if not present:
        return pa.nulls(len(values))
    arrays = [np.asarray(value, dtype=np.float32) for value in present]
    width = len(arrays[0])
    if any(array.shape != (width,) or not np.isfinite(array).all() for array in arrays):
        raise ScoringError(f"{where}: vectors must be finite and of one length ({width}); abstain with a reason instead")
    return pa.array([None if v is None else np.asarray(v, np.float32) for v in values], pa.list_(pa.float32(), width))


def _row(columns: Sequence[Column], row: Mapping[str, Any]) -> Row:
    """A stored row as the scorer gave it."""
    values: dict[str, Value] = {}
    for column in columns:
        value, why = row[column.name], row[f"{column.name}:why"]
        if why is not None:
            values[column.name] = Abstained(reason=why)
        elif value is not None:
            confidence = row[f"{column.name}:confidence"]
            plain = np.asarray(value, dtype=np.float32) if column.kind == "vector" else value
            values[column.name] = plain if confidence is None else Scored(value=value, confidence=confidence)
    return Row(values=values, region=row["region"])

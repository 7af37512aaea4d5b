"""Label columns as codes by draw, and the draws whose prompts leave open who is depicted."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from audit.component import Column, Context
from audit.errors import SpecError
from audit.metrics.sample import Cell, Ints, Mask, Sample
from audit.metrics.wording import subject
from audit.records import Probe, TextPrompt
from audit.table import Strings

__all__ = ["STATED", "Coded", "LabelColumn", "otherwise", "plainest", "silent", "unstated"]

STATED = ("age", "disability", "gender", "identity", "presentation", "religion", "skin_tone")
"""Axes by which the suites that come with imgaudit say what a prompt states of the person."""

UNDECLARED = "undeclared label"


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column of labels, as a parameter names it."""

    path: str
    """``scorer.column``."""
    column: Column
    labels: tuple[str, ...]
    """Those that its scorer declares, else those that occur."""

    @classmethod
    def of(cls, field: str, path: str, context: Context) -> Self:
        """Look a column up.

        Args:
            field: path of the parameter in the spec, ``metrics.skew.params.column``.

        Raises:
            SpecError: no scorer fills it, or it does not hold labels.
        """
        if path not in context.columns:
            known = ", ".join(sorted(context.columns)) or "none"
            raise SpecError(f"{field}: no scorer fills {path!r}; columns: {known}")
        column = context.columns[path]
        if column.kind != "label":
            raise SpecError(f"{field}: {path} holds a {column.kind}; a label column is needed")
        return cls(path, column, column.levels or _observed(path, context))

    @property
    def name(self) -> str:
        """The attribute in words: ``perceived gender``."""
        return subject(self.column)


def _observed(path: str, context: Context) -> tuple[str, ...]:
    found: set[str] = set()
    for generator in context.generators:
        value, present, _ = Sample.of(context, generator).labels(path)
        found |= set(value[present].tolist())
    return tuple(sorted(found))


@dataclass(frozen=True)
class Coded:
    """The labels of a column in a sample, as numbers."""

    of: LabelColumn
    code: Ints
    """(n,) place of each draw's label among ``of.labels``; -1 where there is none."""
    reason: Strings
    """(n,) why there is none; empty where there is one."""

    @classmethod
    def read(cls, sample: Sample, column: LabelColumn) -> Self:
        """Read a column; a label that its scorer never declared counts as missing."""
        value, present, reason = sample.labels(column.path)
        code = np.full(len(sample), -1, dtype=np.int64)
        for place, label in enumerate(column.labels):
            code[present & (value == label)] = place
        return cls(column, code, np.where(present & (code < 0), UNDECLARED, reason).astype(object))

    @cached_property
    def present(self) -> Mask:
        """(n,) whether a draw has a label."""
        return self.code >= 0


def unstated(sample: Sample, axes: Collection[str]) -> Mask:
    """(n,) draws whose prompts are on none of these axes, so that they leave open what the axes would say."""
    code, probes = sample.table.asked
    said = set(axes)
    silent = np.array([said.isdisjoint(sample.table.probes[probe].levels) for probe in probes], dtype=bool)
    return np.asarray(silent[code], dtype=bool)


def silent(sample: Sample, cell: Cell, axes: Collection[str]) -> Cell:
    """A cell without the draws whose prompts are on one of these axes, unless all prompts of the cell are on it."""
    code, probes = sample.table.asked
    asked, of_row = np.unique(code[cell.rows], return_inverse=True)
    said = [set(axes).intersection(sample.table.probes[probe].levels) for probe in probes[asked]]
    common = set.intersection(*said) if said else set()
    kept = np.array([not one - common for one in said], dtype=bool)[of_row] if said else np.zeros(0, dtype=bool)
    left_out = int((~kept).sum())
    if not left_out:
        return cell
    return replace(cell, rows=cell.rows[kept], note=f"Left out: {left_out} draws whose prompts say who is to be depicted")


def otherwise(stated: Collection[str]) -> str:
    """Which axes draws are left out by, for a protocol; empty for those of ``STATED``.

    >>> otherwise(STATED), otherwise(["age"]), otherwise(())
    ('', ', of prompts not on age', ', of all prompts')
    """
    if set(stated) == set(STATED):
        return ""
    return f", of prompts not on {' or '.join(sorted(set(stated)))}" if stated else ", of all prompts"


def plainest(sample: Sample, rows: Ints, cell: Ints) -> Mask:
    """Which draws to take so that no two prompts of a cell share seeds: of such prompts, those of the shortest.

    Arms of a counterfactual that are in one cell show nearly the same image several times over.

    Args:
        rows: (m,) positions in the sample.
        cell: (m,) cell of each, 0 or more.

    Returns:
        (m,)
    """
    if not len(rows):
        return np.zeros(0, dtype=bool)
    code, probes = sample.table.asked
    length = _ranks([sample.table.probes[probe] for probe in probes])[code[rows]]
    units = sample.units(rows)
    _, place = np.unique(cell * len(units.names) + units.code, return_inverse=True)
    shortest = np.full(int(place.max()) + 1, len(probes), dtype=np.int64)
    np.minimum.at(shortest, place, length)
    return np.asarray(length == shortest[place], dtype=bool)


def _ranks(probes: list[Probe]) -> Ints:
    """(p,) rank of each probe's condition, short texts first; equal ones for equal conditions."""
    keys = [
        (len(probe.condition.text) if isinstance(probe.condition, TextPrompt) else 0, probe.condition.model_dump_json())
        for probe in probes
    ]
    order = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return np.array([order[key] for key in keys], dtype=np.int64)

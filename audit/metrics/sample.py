"""One generator's draws as a metric sees them: values with what is missing, cells, and what was sampled independently."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit.component import Context, Parts
from audit.errors import SpecError
from audit.records import Condition, Probe
from audit.table import ScoreTable, Strings

__all__ = ["Cell", "Ints", "Mask", "Sample", "Scores", "Units", "chosen_axes", "contributions", "protocol", "why_missing"]

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RESERVED = frozenset({"label", "column", "against", "reference"})
"""Keys of ``Finding.where`` that metrics use themselves; an axis of that name gets a prefix."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A number for each draw, or why there is none."""

    value: Floats
    """(n,) meaningless where ``present`` is false."""
    present: Mask
    reason: Strings
    """(n,) why there is no value; empty where there is one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Some of a sample's draws: all of them, or those of one level of an axis."""

    where: Mapping[str, str]
    """As in ``Finding.where``: empty for all draws."""
    rows: Ints
    """(m,) positions of its draws in the sample, rising."""
    size: int
    """Draws of the sample."""
    axis: str = ""
    level: str = ""
    note: str = ""
    """Which draws it leaves out, and why, where it does."""

    @classmethod
    def of(cls, where: Mapping[str, str], mask: Mask, axis: str = "", level: str = "") -> "Cell":
        """The draws of a mask over the sample."""
        return cls(where, np.flatnonzero(mask), len(mask), axis, level)

    @property
    def mask(self) -> Mask:
        """(n,) true at its draws."""
        mask = np.zeros(self.size, dtype=bool)
        mask[self.rows] = True
        return mask

    @property
    def name(self) -> str:
        """For the row of a chart."""
        return f"{self.axis}: {self.level}" if self.axis else "all"

    def among(self, mask: Mask) -> Ints:
        """(k,) positions of those of its draws that a mask over the sample holds."""
        return self.rows[mask[self.rows]]


@dataclass(frozen=True, slots=True)
class Units:
    """What was sampled independently, draw by draw."""

    code: Ints
    """(n,) each draw's unit, as position among the names."""
    names: Strings
    """(g,) names of the units, each with a draw: the same in another run of the same probes and seeds."""
    one_probe: bool
    """All draws are of one prompt (or pair), so each counts as a unit, and the result speaks of that prompt only."""

    @classmethod
    def named(cls, cluster: Strings, *, one_probe: bool) -> "Units":
        """Units by the name that each draw has."""
        names, code = np.unique(cluster.astype(str), return_inverse=True)
        return cls(code.astype(np.int64), names.astype(object), one_probe)

    @property
    def cluster(self) -> Strings:
        """(n,) name of each draw's unit."""
        return np.asarray(self.names[self.code], dtype=object)


@dataclass(frozen=True)
class Sample:
    """The draws of one generator."""

    generator: str
    table: ScoreTable
    _levels: dict[str, Strings] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, context: Context, generator: str) -> "Sample":
        """The rows of a generator in a context."""
        return cls(generator, context.table.select(generator))

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def images(self) -> Strings:
        """(n,) image digests; empty where no image was made."""
        return self.table.images

    @cached_property
    def _seeds(self) -> Ints:
        """(n,) seeds: equal for draws that share their noise, across arms and generators."""
        return np.asarray(self.table.column("seed"), dtype=np.int64)

    @cached_property
    def seeds(self) -> Strings:
        """(n,) the same as text."""
        return np.array([str(seed) for seed in self._seeds], dtype=object)

    @cached_property
    def _heads(self) -> tuple[Ints, Strings]:
        """(n,) codes and names, sorted, of each draw's counterfactual pair or probe; those that ask the same are one."""
        code, probes = self.table.asked
        heads = _heads(self.table.probes)
        names, head = np.unique(np.array([heads[str(probe)] for probe in probes], dtype=str), return_inverse=True)
        return head[code].astype(np.int64), names.astype(object)

    @cached_property
    def _single(self) -> Mask:
        """(n,) whether a draw is a unit of its own, as those of latents are."""
        code, probes = self.table.asked
        single = np.array([self.table.probes[str(probe)].unit == "draw" for probe in probes], dtype=bool)
        return np.asarray(single[code], dtype=bool)

    def units(self, chosen: Mask | Ints, *, draws: bool = False) -> Units:
        """What was sampled independently among the rows of a mask, or at positions.

        The images of a prompt are one unit, with those of the other arms of its counterfactual pair, whichever suites ask
        it; each draw is one where latents were drawn. Where there is one prompt only (or ``draws`` asks for it) nothing can
        be said of prompts in general, and the draws are the units of a statement about the prompts at hand.
        """
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        code, names = self._heads
        found, head = np.unique(code[rows], return_inverse=True)
        alone, seeds = self._single[rows], self._seeds[rows]
        one_probe = len(found) == 1 and not alone.any() and len(np.unique(seeds)) > 1
        if not (draws or one_probe or alone.any()):
            return Units(head.astype(np.int64), names[found], one_probe=False)
        of_prompt = names[found][head]
        drawn = np.array([f"{name}/{seed}" for name, seed in zip(of_prompt, seeds, strict=True)], dtype=object)
        return Units.named(drawn if draws or one_probe else np.where(alone, drawn, of_prompt), one_probe=one_probe)

    def levels(self, axis: str) -> Strings:
        """(n,) level of each draw on an axis; empty where its probe lacks it."""
        if axis not in self._levels:
            self._levels[axis] = self.table.axis(axis)
        return self._levels[axis]

    def cells(self, axes: Sequence[str]) -> Iterator[Cell]:
        """All draws, then those of each level of each axis."""
        n = len(self)
        yield Cell({}, np.arange(n), n)
        for axis in axes:
            key = f"axis {axis}" if axis in RESERVED else axis
            for level, rows in self._rows_by_level(axis):
                yield Cell({key: level}, rows, n, axis, level)

    def crossed(self, axes: Sequence[str]) -> Iterator[Cell]:
        """All draws, then those of each combination of levels that a probe has on all of the axes."""
        n = len(self)
        yield Cell({}, np.arange(n), n)
        code, probes = self.table.asked
        levels = [self.table.probes[str(probe)].levels for probe in probes]
        combined = [tuple(own[axis] for axis in axes) if all(axis in own for axis in axes) else () for own in levels]
        known = sorted(set(combined) - {()})
        place = {combination: position for position, combination in enumerate(known)}
        of_draw = np.array([place.get(each, -1) for each in combined], dtype=np.int64)[code] if n else code
        order = np.argsort(of_draw, kind="stable")
        ends = np.searchsorted(of_draw[order], np.arange(len(known) + 1))
        for combination, start, end in zip(known, ends[:-1], ends[1:], strict=True):
            pairs = zip(axes, combination, strict=True)
            where = {f"axis {axis}" if axis in RESERVED else axis: level for axis, level in pairs}
            yield Cell(where, order[start:end], n, " x ".join(axes), ", ".join(combination))

    def _rows_by_level(self, axis: str) -> Iterator[tuple[str, Ints]]:
        """Positions of the draws of each level that a probe has on an axis."""
        code, probes = self.table.asked
        levels = self.table.axes.get(axis, ())
        place = {level: position for position, level in enumerate(levels)}
        of_probe = [place.get(self.table.probes[str(probe)].levels.get(axis, ""), -1) for probe in probes]
        has = [axis in self.table.probes[str(probe)].levels for probe in probes]
        of_draw = np.where(has, of_probe, -1).astype(np.int64)[code]
        order = np.argsort(of_draw, kind="stable")
        ends = np.searchsorted(of_draw[order], np.arange(len(levels) + 1))
        for level, start, end in zip(levels, ends[:-1], ends[1:], strict=True):
            yield level, order[start:end]

    def numbers(self, column: str) -> Scores:
        """A number column."""
        found = self.table.values(column)
        return Scores(np.asarray(found.value, dtype=np.float64), found.present, found.reason)

    def labels(self, column: str) -> tuple[Strings, Mask, Strings]:
        """A label column: labels, where there is one, and why there is none."""
        found = self.table.values(column)
        return np.asarray(found.value, dtype=object), found.present, found.reason


def _heads(probes: Mapping[str, Probe]) -> dict[str, str]:
    """Name of the unit of each probe: its pair or itself, the smallest name where several ask the same condition."""
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while name in joined:
            name = joined[name]
        return name

    asking: dict[Condition, str] = {}
    for identity, probe in sorted(probes.items()):
        head = root(probe.pair or identity)
        other = root(asking.setdefault(probe.condition, head))
        if head != other:
            joined[max(head, other)] = min(head, other)
    return {identity: root(probe.pair or identity) for identity, probe in probes.items()}


def chosen_axes(name: str, by: Sequence[str] | None, context: Context) -> tuple[str, ...]:
    """The axes that a metric splits by: those named, else all contrast axes of the audited generators.

    Raises:
        SpecError: no probe of an audited generator has a named axis.
    """
    tables = [context.table.select(generator) for generator in context.generators]
    if by is None:
        return tuple(sorted({axis for table in tables for axis in table.contrast_axes}))
    known = sorted({axis for table in tables for axis in table.axes})
    for axis in by:
        if axis not in known and any(len(table) for table in tables):
            raise SpecError(f"metrics.{name}.params.by: no probe has the axis {axis!r}; axes: {', '.join(known) or 'none'}")
    return tuple(dict.fromkeys(by))


def contributions(values: Floats, units: Units) -> Parts:
    """Sums of values by cluster.

    Args:
        values: (n,) one for each draw of ``units``.
    """
    code, g = units.code, len(units.names)
    return Parts(
        units.names,
        np.bincount(code, values, minlength=g).astype(np.float64),
        np.bincount(code, minlength=g).astype(np.float64),
        np.bincount(code, values * values, minlength=g).astype(np.float64),
    )


def protocol(recipe: str, columns: Sequence[str], context: Context) -> str:
    """The recipe of a number: estimator (where given), columns, and how the scorers behind them work."""
    scorers = sorted({column.rpartition(".")[0] for column in columns})
    return "; ".join([*([recipe] if recipe else []), *columns, *(f"{name}={context.protocols[name]}" for name in scorers)])


def why_missing(reasons: Strings) -> str:
    """Counts of the reasons of missing draws in words; empty where none is missing.

    >>> why_missing(np.array(["no face", "refused", "no face"], dtype=object))
    '3 missing: 2 no face, 1 refused'
    """
    counts = Counter(str(reason) for reason in reasons).most_common()
    said = ", ".join(f"{count} {reason or 'without a reason'}" for reason, count in counts[:5])
    more = f", {sum(count for _, count in counts[5:])} for other reasons" if len(counts) > 5 else ""
    return f"{len(reasons)} missing: {said}{more}" if len(reasons) else ""

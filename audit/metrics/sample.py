"""One generator's draws as a metric sees them: values with what is missing, cells, and what was sampled independently."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit.component import Context, Contribution
from audit.errors import SpecError
from audit.table import ScoreTable, Strings

__all__ = ["Cell", "Mask", "Sample", "Scores", "Units", "chosen_axes", "contributions", "protocol", "why_missing"]

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

RESERVED = frozenset({"label", "column", "against"})
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
    mask: Mask
    axis: str = ""
    level: str = ""

    @property
    def name(self) -> str:
        """For the row of a chart."""
        return f"{self.axis}: {self.level}" if self.axis else "all"


@dataclass(frozen=True, slots=True)
class Units:
    """What was sampled independently, draw by draw."""

    cluster: Strings
    """(n,)"""
    pair: Strings
    """(n,) the unit's name in another run of the same probes and seeds."""
    one_probe: bool
    """All draws are of one probe, so each counts as a unit, and the result speaks of that probe only."""


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
    def seeds(self) -> Strings:
        """(n,) seeds as text: equal for draws that share their noise, across arms and generators."""
        return np.array([str(seed) for seed in self.table.column("seed")], dtype=object)

    @cached_property
    def _draws(self) -> tuple[Strings, Strings]:
        """(n,) names of draws, within this run and across runs."""
        probes, index = self.table.probe_ids, self.table.column("index")
        inside = [f"{probe}/{i}" for probe, i in zip(probes, index, strict=True)]
        across = [f"{probe}/{seed}" for probe, seed in zip(probes, self.seeds, strict=True)]
        return np.array(inside, dtype=object), np.array(across, dtype=object)

    @cached_property
    def _pairs(self) -> Strings:
        probes, across = self.table.probe_ids, self._draws[1]
        names = [a if self.table.probes[p].unit == "draw" else p for p, a in zip(probes, across, strict=True)]
        return np.array(names, dtype=object)

    def units(self, mask: Mask) -> Units:
        """What was sampled independently among the rows of a mask.

        The images of a prompt are one unit, unless there is one prompt only: then nothing can be said of prompts in
        general, and the draws are the units of a statement about this prompt.
        """
        probes = set(self.table.probe_ids[mask])
        if len(probes) == 1 and self.table.probes[probes.pop()].unit == "prompt":
            return Units(self._draws[0][mask], self._draws[1][mask], one_probe=True)
        return Units(self.table.clusters[mask], self._pairs[mask], one_probe=False)

    def arms(self, *, draws: bool) -> Strings:
        """(n,) what the levels of an axis are compared by: the arms of a counterfactual pair have one name.

        Pair (or probe), and with ``draws``, or for latents, also the seed.
        """
        names = []
        for probe_id, seed in zip(self.table.probe_ids, self.seeds, strict=True):
            probe = self.table.probes[probe_id]
            name = probe.pair or str(probe_id)
            names.append(f"{name}/{seed}" if draws or probe.unit == "draw" else name)
        return np.array(names, dtype=object)

    def levels(self, axis: str) -> Strings:
        """(n,) level of each draw on an axis; empty where its probe lacks it."""
        if axis not in self._levels:
            self._levels[axis] = self.table.axis(axis)
        return self._levels[axis]

    def cells(self, axes: Sequence[str]) -> Iterator[Cell]:
        """All draws, then those of each level of each axis."""
        yield Cell({}, np.ones(len(self), dtype=bool))
        for axis in axes:
            levels = self.levels(axis)
            for level in self.table.axes.get(axis, ()):
                key = f"axis {axis}" if axis in RESERVED else axis
                yield Cell({key: level}, levels == level, axis, level)

    def numbers(self, column: str) -> Scores:
        """A number column."""
        found = self.table.values(column)
        return Scores(np.asarray(found.value, dtype=np.float64), found.present, found.reason)

    def labels(self, column: str) -> tuple[Strings, Mask, Strings]:
        """A label column: labels, where there is one, and why there is none."""
        found = self.table.values(column)
        return np.asarray(found.value, dtype=object), found.present, found.reason


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


def contributions(values: Floats, units: Units) -> tuple[Contribution, ...]:
    """Sums of values by cluster.

    Args:
        values: (n,) one for each draw of ``units``.
    """
    names, first, member = np.unique(units.cluster.astype(str), return_index=True, return_inverse=True)
    counts = np.bincount(member, minlength=len(names))
    totals = np.bincount(member, values, minlength=len(names))
    squares = np.bincount(member, values * values, minlength=len(names))
    return tuple(
        Contribution(str(names[i]), str(units.pair[first[i]]), float(totals[i]), float(counts[i]), float(squares[i]))
        for i in range(len(names))
    )


def protocol(recipe: str, columns: Sequence[str], context: Context) -> str:
    """The recipe of a number: estimator, columns, and how the scorers behind them work."""
    scorers = sorted({column.rpartition(".")[0] for column in columns})
    return "; ".join([recipe, *columns, *(f"{scorer}={context.protocols[scorer]}" for scorer in scorers)])


def why_missing(reasons: Strings) -> str:
    """Counts of the reasons of missing draws in words; empty where none is missing.

    >>> why_missing(np.array(["no face", "refused", "no face"], dtype=object))
    '3 missing: 2 no face, 1 refused'
    """
    counts = Counter(str(reason) for reason in reasons).most_common()
    said = ", ".join(f"{count} {reason or 'without a reason'}" for reason, count in counts[:5])
    more = f", {sum(count for _, count in counts[5:])} for other reasons" if len(counts) > 5 else ""
    return f"{len(reasons)} missing: {said}{more}" if len(reasons) else ""

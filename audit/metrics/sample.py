"""One generator's draws as a metric sees them: values with what is missing, cells, and what was sampled independently."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit.component import Context, Contribution
from audit.errors import SpecError
from audit.records import Condition, Probe
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
    """(n,) name of each draw's unit: the same in another run of the same probes and seeds."""
    one_probe: bool
    """All draws are of one prompt (or pair), so each counts as a unit, and the result speaks of that prompt only."""


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
    def _heads(self) -> Strings:
        """(n,) counterfactual pair of each draw's probe, or the probe itself; those that ask the same are one."""
        heads = _heads(self.table.probes)
        return np.array([heads[str(probe)] for probe in self.table.probe_ids], dtype=object)

    @cached_property
    def _units(self) -> tuple[Strings, Strings]:
        """(n,) names of what was sampled independently: as the probes say, and with every draw on its own."""
        draws = np.array([f"{head}/{seed}" for head, seed in zip(self._heads, self.seeds, strict=True)], dtype=object)
        single = [self.table.probes[probe].unit == "draw" for probe in self.table.probe_ids]
        return np.where(np.array(single, dtype=bool), draws, self._heads), draws

    def units(self, mask: Mask, *, draws: bool = False) -> Units:
        """What was sampled independently among the rows of a mask.

        The images of a prompt are one unit, with those of the other arms of its counterfactual pair, whichever suites ask
        it; each draw is one where latents were drawn. Where there is one prompt only (or ``draws`` asks for it) nothing can
        be said of prompts in general, and the draws are the units of a statement about the prompts at hand.
        """
        grouped, single = self._units
        one_probe = bool(mask.any()) and len(set(grouped[mask])) == 1 and len(set(single[mask])) > 1
        return Units((single if draws or one_probe else grouped)[mask], one_probe)

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


def contributions(values: Floats, units: Units) -> tuple[Contribution, ...]:
    """Sums of values by cluster.

    Args:
        values: (n,) one for each draw of ``units``.
    """
    names, member = np.unique(units.cluster.astype(str), return_inverse=True)
    counts = np.bincount(member, minlength=len(names))
    totals = np.bincount(member, values, minlength=len(names))
    squares = np.bincount(member, values * values, minlength=len(names))
    return tuple(
        Contribution(str(name), str(name), float(total), float(n), float(square))
        for name, total, n, square in zip(names, totals, counts, squares, strict=True)
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

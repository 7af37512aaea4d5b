"""Measurements, the baseline that they are compared with, and what counts as a regression.

``baseline.json`` holds for each row what an image costs in reference workloads (see ``reference``), because that is what
stays the same from machine to machine and from day to day; images per second are there for readers.

    {"format": 1,
     "machine": "AMD EPYC (2 threads)", "versions": {"torch": "2.14.1", ...}, "reference": "what the workload is",
     "rows": {"scorers/pixels[cpu]": {"images_per_second": 210.4, "cost": 0.31, "spread": 0.02, "rounds": 12,
                                      "budget": 1.25}}}

``cost``: median over the rounds of (seconds an image) / (seconds of the reference workload around it). ``spread``: the
median absolute deviation of the same. ``budget``: how many times the baseline's cost is still accepted; edit it by hand,
saving anew keeps it.

A row has regressed where cost now / cost then is above its budget *and* above what noise explains: exp(3 s), where s is
1.4826 x the relative spreads of both runs in quadrature, the robust standard deviation of the ratio of two single rounds.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

__all__ = ["BUDGET", "Baseline", "Compared", "Measurement", "Row", "compare", "summary"]

BUDGET = 1.25
DEVIATIONS = 3.0
MAD_TO_SIGMA = 1.4826  # of a normal distribution

State = Literal["ok", "faster", "SLOWER", "new", "not run"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Raw readings of one row."""

    name: str
    images: int
    """In each round."""
    seconds: tuple[float, ...]
    """Of each round."""
    reference: tuple[float, ...]
    """Seconds of the reference workload before each round, and after the last."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a baseline; see the module."""

    images_per_second: float
    cost: float
    spread: float
    rounds: int
    budget: float = BUDGET


@dataclass(frozen=True, slots=True)
class Baseline:
    """The rows of one machine."""

    machine: str
    versions: Mapping[str, str]
    reference: str
    rows: Mapping[str, Row]

    @classmethod
    def read(cls, path: Path) -> "Baseline":
        """Read ``baseline.json``.

        Raises:
            ValueError: it is of another format.
        """
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.get("format") != 1:
            raise ValueError(f"{path}: format {told.get('format')!r}; this version reads format 1: save a new baseline")
        rows = {name: Row(**row) for name, row in told["rows"].items()}
        return cls(told["machine"], told["versions"], told["reference"], rows)

    def write(self, path: Path) -> None:
        """Write ``baseline.json``, rows sorted, so that a difference can be read."""
        rows = {name: asdict(row) for name, row in sorted(self.rows.items())}
        told = {"format": 1, "machine": self.machine, "versions": dict(self.versions), "reference": self.reference}
        path.write_text(json.dumps(told | {"rows": rows}, indent=1) + "\n", encoding="utf-8")

    def replacing(self, old: "Baseline | None") -> "Baseline":
        """This baseline with the budgets of an earlier one, and with its rows that were not run this time."""
        if old is None:
            return self
        kept = {
            name: Row(row.images_per_second, row.cost, row.spread, row.rounds, old.rows[name].budget)
            for name, row in self.rows.items()
            if name in old.rows
        }
        return Baseline(self.machine, self.versions, self.reference, {**old.rows, **self.rows, **kept})


@dataclass(frozen=True, slots=True)
class Compared:
    """One row now and then."""

    name: str
    state: State
    now: Row | None
    then: Row | None
    ratio: float | None
    """Cost now / cost then; above 1 is slower."""
    limit: float | None
    """The ratio above which it counts as a regression."""


def summary(measured: Measurement) -> Row:
    """Median and spread of a row's rounds."""
    around = [(before + after) / 2 for before, after in pairwise(measured.reference)]
    costs = [s / measured.images / r for s, r in zip(measured.seconds, around, strict=True)]
    cost = statistics.median(costs)
    spread = statistics.median(abs(one - cost) for one in costs)
    speed = measured.images / statistics.median(measured.seconds)
    return Row(_short(speed), _short(cost), _short(spread), len(costs))


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def compare(now: Mapping[str, Row], then: Mapping[str, Row]) -> Sequence[Compared]:
    """Each row of either, in the order of their names."""
    return [_compared(name, now.get(name), then.get(name)) for name in sorted({*now, *then})]


def _compared(name: str, now: Row | None, then: Row | None) -> Compared:
    if now is None or then is None:
        return Compared(name, "not run" if now is None else "new", now, then, None, None)
    ratio = now.cost / then.cost
    deviation = MAD_TO_SIGMA * math.hypot(now.spread / now.cost, then.spread / then.cost)
    limit = max(then.budget, math.exp(DEVIATIONS * deviation))
    state: State = "SLOWER" if ratio > limit else "faster" if ratio < 1 / limit else "ok"
    return Compared(name, state, now, then, ratio, limit)

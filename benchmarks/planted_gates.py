"""Verdicts of gates with a limit, and of gates against another generator of the same run, on planted truths."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from audit.gate import judge
from audit.spec import GateRule
from benchmarks.planted_compared import MEAN, SHARE, VERDICTS, judged_rows, results, same
from benchmarks.planted_releases import AFTER, BEFORE, Releases
from benchmarks.planted_rows import GATES, Row, Tally

__all__ = ["Limit", "Rivals"]


@dataclass(frozen=True)
class Limit:
    """A gate with a fixed limit on a share, whose truth lies below it, on it or above it."""

    truth: float
    audits: int
    least: bool = False
    """The share must reach the limit; else it must not exceed it."""
    limit: float = 0.2
    prompts: int = 30
    draws: int = 10
    rho: float = 0.1

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        world = Releases(self.prompts, self.draws, self.rho, 1.0)
        judged = Tally(
            GATES, f"share {self.truth:g}, limit {self.limit:g}; {self.prompts} prompts x {self.draws}, rho {self.rho:g}"
        )
        limits = {"at_least" if self.least else "at_most": self.limit}
        rule, rng = GateRule(**SHARE | limits), np.random.default_rng(seed)
        for _ in range(self.audits):
            run = results(world.audits(self.truth, 0.0, rng)[0])
            (verdict,) = judge((rule,), run, partial(same, run))
            for outcome in VERDICTS:
                side = "at least" if self.least else "at most"
                judged.add(f"share {side} a limit: {outcome.upper()}", [verdict.outcome == outcome])
        sign = -1 if self.least else 1
        return judged_rows(judged, sign * self.truth, sign * self.limit)


@dataclass(frozen=True)
class Rivals:
    """Two generators of one run, asked the same with the same seeds; the second is gated against the first."""

    shift: float
    """As in ``Comparison``."""
    audits: int
    margin: float = 0.05
    prompts: int = 60
    draws: int = 20
    rho: float = 0.15
    shared: float = 0.9

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        world = Releases(self.prompts, self.draws, self.rho, self.shared)
        size = f"{self.prompts} prompts x {self.draws}, rho {self.rho:g}, noise shared {self.shared:g}"
        judged = Tally(GATES, f"difference {self.shift / self.margin:g} x margin {self.margin:g}; {size}")
        against = {"margin": self.margin, "generator": AFTER, "baseline": f"generator:{BEFORE}"}
        rules, rng = tuple(GateRule(**what | against) for what in (SHARE, MEAN)), np.random.default_rng(seed)
        for _ in range(self.audits):
            run = results(world.one_run(0.5, self.shift, rng))
            for name, verdict in zip(("share", "mean"), judge(rules, run, partial(same, run)), strict=True):
                for outcome in VERDICTS:
                    judged.add(f"margin to another generator on a {name}: {outcome.upper()}", [verdict.outcome == outcome])
        return judged_rows(judged, abs(self.shift), self.margin)

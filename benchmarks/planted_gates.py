"""Verdicts and comparisons of two releases whose difference is planted."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from audit.compare import compare
from audit.component import Context, Metric
from audit.gate import judge
from audit.metrics.means import Means
from audit.metrics.representation import Representation
from audit.records import RunManifest
from audit.results import Results
from audit.spec import GateRule
from benchmarks.planted_coverage import COVERAGE, TESTS, TOLERANCE
from benchmarks.planted_releases import Releases
from benchmarks.planted_rows import Row, Tally

__all__ = ["GATES", "Comparison", "Limit"]

GATES = "verdicts of gates"
VERDICTS = ("pass", "inconclusive", "fail")
ERRS = 0.025
"""With which a pass or a fail may err where the truth lies on the limit, at 95 % confidence."""
METRICS: dict[str, Metric] = {
    "who": Representation(column="oracle.perceived_presentation", by=()),
    "fit": Means(columns=("clip.cosine",), by=()),
}
SHARE = {"metric": "who.share", "where": {"label": "feminine"}}
MEAN = {"metric": "fit.mean", "where": {"column": "clip.cosine"}}
SHARE_KEY, MEAN_KEY = "who.share[model; label=feminine]", "fit.mean[model; column=clip.cosine]"


def results(context: Context) -> Results:
    """An audit as a finished run has it."""
    measured = [one for name, metric in METRICS.items() for one in metric.measure(name, context)]
    manifest = RunManifest(digest="planted", spec={}, keys={}, numerics={}, started="", finished="planted")
    return Results(
        manifest, tuple(one.finding for one in measured), {one.finding.key: one.contributions for one in measured}
    )


@dataclass(frozen=True)
class Comparison:
    """A candidate against its baseline: interval of the difference, test of no change, gates with a margin."""

    shift: float
    """True difference of the shares; the mean of the number moves down by as much."""
    audits: int
    paired: bool = True
    margin: float = 0.05
    share: float = 0.5
    prompts: int = 60
    draws: int = 20
    rho: float = 0.15
    shared: float = 0.9

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        worlds = Releases(self.prompts, self.draws, self.rho, self.shared, self.paired)
        sharing = f"paired, noise shared {self.shared:g}" if self.paired else "other prompts"
        size = f"{self.prompts} prompts x {self.draws}, rho {self.rho:g}, {sharing}"
        setting = f"difference {self.shift:g}, {size}"
        covered, changed = Tally(COVERAGE, setting), Tally(TESTS, setting)
        judged = Tally(GATES, f"difference {self.shift / self.margin:g} x margin {self.margin:g}; {size}")
        rules = tuple(GateRule(**what, margin=self.margin, baseline="before") for what in (SHARE, MEAN))
        rng = np.random.default_rng(seed)
        for _ in range(self.audits):
            one, other = worlds.audits(self.share, self.shift, rng)
            before, after = results(one), results(other)
            self._compared(before, after, covered, changed)
            for name, verdict in zip(("share", "mean"), judge(rules, after, partial(_same, before)), strict=True):
                for outcome in VERDICTS:
                    tell = f"margin on a {name}: {outcome.upper()}"
                    judged.add(tell, [verdict.outcome == outcome])
        return [*covered.coverage(), *changed.rates(None if self.shift else 0.05), *self._verdicts(judged)]

    def _compared(self, before: Results, after: Results, covered: Tally, changed: Tally) -> None:
        moves = {move.finding: move for move in compare(before, after).moves}
        for key, name in ((SHARE_KEY, "share"), (MEAN_KEY, "mean")):
            move, truth = moves[key], self.shift if name == "share" else -self.shift
            assert move.interval is not None
            low, high = move.interval.low, move.interval.high
            covered.add(f"compare, {name}", [low - TOLERANCE <= truth <= high + TOLERANCE], [high - low])
            changed.add(f"compare, {name}: a change is shown", [move.direction != "no change shown"])

    def _verdicts(self, judged: Tally) -> list[Row]:
        """Where the truth lies on the margin, a pass is an error, and so is a fail."""
        on_it = abs(abs(self.shift) - self.margin) < TOLERANCE
        rows = judged.rates(ERRS if on_it else None)
        return [row if on_it and "INCONCLUSIVE" not in row.what else _unjudged(row) for row in rows]


@dataclass(frozen=True)
class Limit:
    """A gate with a fixed limit on a share, whose truth lies below it, on it or above it."""

    truth: float
    audits: int
    limit: float = 0.2
    prompts: int = 30
    draws: int = 10
    rho: float = 0.1

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        world = Releases(self.prompts, self.draws, self.rho, 1.0, True)
        size = f"{self.prompts} prompts x {self.draws}, rho {self.rho:g}"
        judged = Tally(GATES, f"share {self.truth:g}, limit {self.limit:g}; {size}")
        rule, rng = GateRule(**SHARE, at_most=self.limit), np.random.default_rng(seed)
        for _ in range(self.audits):
            run = results(world.audits(self.truth, 0.0, rng)[0])
            (verdict,) = judge((rule,), run, partial(_same, run))
            for outcome in VERDICTS:
                judged.add(f"share at most a limit: {outcome.upper()}", [verdict.outcome == outcome])
        on_it = abs(self.truth - self.limit) < TOLERANCE
        rows = judged.rates(ERRS if on_it else None)
        return [row if on_it and "INCONCLUSIVE" not in row.what else _unjudged(row) for row in rows]


def _same(baseline: Results, _path: str) -> Results:
    return baseline


def _unjudged(row: Row) -> Row:
    return Row(row.section, row.what, row.setting, row.audits, row.value, row.error)

"""Comparisons of two releases whose difference is planted, and whether a plan keeps its promise."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from audit.compare import Comparison as Compared
from audit.compare import compare
from audit.component import Context, Metric
from audit.gate import judge
from audit.metrics.disparity import Disparity
from audit.metrics.means import Means
from audit.metrics.representation import Representation
from audit.records import Interval, RunManifest
from audit.results import Results
from audit.spec import GateRule
from audit.stats.power import detectable_difference
from benchmarks.planted_coverage import Trials
from benchmarks.planted_releases import Releases
from benchmarks.planted_rows import COVERAGE, GATES, TOLERANCE, Cover, Row, Tally

__all__ = ["ERRS", "MEAN", "SHARE", "VERDICTS", "Comparison", "Planned", "judged_rows", "results", "same"]

VERDICTS = ("pass", "inconclusive", "fail")
ERRS = 0.025
"""With which a pass or a fail may err, at 95 % confidence; it does so where the truth lies on the limit."""
COLUMN = "oracle.perceived_presentation"
METRICS: dict[str, Metric] = {
    "who": Representation(column=COLUMN, by=()),
    "fit": Means(columns=("clip.cosine",), by=()),
}
GAP = Disparity(column=COLUMN, level="feminine", by="occupation")
SHARE = {"metric": "who.share", "where": {"label": "feminine"}}
MEAN = {"metric": "fit.mean", "where": {"column": "clip.cosine"}}


def results(context: Context, *, gap: bool = False) -> Results:
    """An audit as a finished run has it; ``gap``: with the disparity of occupations."""
    metrics = METRICS | ({"gap": GAP} if gap else {})
    measured = [one for name, metric in metrics.items() for one in metric.measure(name, context)]
    manifest = RunManifest(digest="planted", spec={}, keys={}, numerics={}, started="", finished="planted")
    parts = {one.finding.key: one.contributions for one in measured}
    return Results(manifest, tuple(one.finding for one in measured), parts)


def same(baseline: Results, _path: str) -> Results:
    """Stands in for the reading of a baseline."""
    return baseline


def judged_rows(judged: Tally, truth: float, limit: float) -> list[Row]:
    """Verdicts: where the truth is beyond the limit a pass is an error, inside it a fail, and on it both are."""
    on_it = abs(truth - limit) < TOLERANCE
    wrong = {"PASS", "FAIL"} if on_it else {"PASS"} if truth > limit else {"FAIL"}
    rows = []
    for row, plain in zip(judged.rates(ERRS), judged.rates(), strict=True):
        rows.append(row if row.what.rpartition(": ")[2] in wrong else plain)
    return rows


@dataclass(frozen=True)
class Comparison:
    """A candidate against its baseline: intervals of the differences, tests of no change, gates with a margin."""

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
    apart: float = 0.0
    """See ``Releases``; where it is not 0 the gap between the occupations is compared too."""

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        worlds = Releases(self.prompts, self.draws, self.rho, self.shared, self.paired, self.apart)
        setting = f"difference {self.shift:g}, {self._size()}"
        covered, changed = Tally(COVERAGE, setting), Trials(setting)
        judged = Tally(GATES, f"difference {self.shift / self.margin:g} x margin {self.margin:g}; {self._size()}")
        rules = tuple(GateRule(**what, margin=self.margin, baseline="before") for what in (SHARE, MEAN))
        rng, truths = np.random.default_rng(seed), self._truths()
        for _ in range(self.audits):
            before, after = (results(one, gap=bool(self.apart)) for one in worlds.audits(self.share, self.shift, rng))
            self._compared(compare(before, after), truths, covered, changed)
            for name, verdict in zip(("share", "mean"), judge(rules, after, partial(same, before)), strict=True):
                for outcome in VERDICTS:
                    judged.add(f"margin on a {name}: {outcome.upper()}", [verdict.outcome == outcome])
        return [*covered.coverage(), *changed.rows(0.05), *judged_rows(judged, abs(self.shift), self.margin)]

    def _size(self) -> str:
        sharing = f"paired, noise shared {self.shared:g}" if self.paired else "other prompts"
        where = f" about share {self.share:.3g}" + (f" -+ {self.apart / 2:g}" if self.apart else "")
        return f"{self.prompts} prompts x {self.draws}, rho {self.rho:g}, {sharing},{where}"

    def _truths(self) -> dict[str, tuple[str, float]]:
        """Key of a finding -> its name and its true difference."""
        skews = [abs(share - 0.5) for share in (self.share, self.share + self.shift)]
        truths = {
            "who.share[model; label=feminine]": ("share", self.shift),
            "fit.mean[model; column=clip.cosine]": ("mean", -self.shift),
            "who.skew[model]": ("skew", skews[1] - skews[0]),
        }
        if self.apart:
            truths |= {
                "gap.gap[model]": ("gap of shares", self.shift),
                "gap.difference[model; against=nurse, occupation=judge]": ("difference of shares", -self.shift),
            }
        return truths

    def _compared(self, found: Compared, truths: dict[str, tuple[str, float]], covered: Tally, changed: Trials) -> None:
        moves = {move.finding: move for move in found.moves}
        for key, (name, truth) in truths.items():
            move = moves[key]
            assert isinstance(move.interval, Interval)
            covered.cover(f"compare, {name}", [Cover.of(move.interval, truth)])
            changed.add(
                f"compare, {name}: a change is shown", abs(truth) < TOLERANCE, [move.direction != "no change shown"]
            )


@dataclass(frozen=True)
class Planned:
    """The difference that a plan calls detectable with a power of .8: how often it is detected."""

    audits: int
    prompts: int
    draws: int
    rho: float
    POWER = 0.8
    WITHIN = 0.03

    def run(self, seed: int) -> list[Row]:
        """One row."""
        n = self.prompts * self.draws
        shift = detectable_difference(n, clusters=self.prompts, icc=self.rho, power=self.POWER)
        size = {"prompts": self.prompts, "draws": self.draws, "rho": self.rho}
        world = Comparison(shift, self.audits, paired=False, share=0.5 - shift / 2, **size)  # type: ignore[arg-type]
        row = next(row for row in world.run(seed) if row.what == "power: compare, share: a change is shown")
        met = bool(abs(row.value - self.POWER) - 2 * row.error <= self.WITHIN)
        note = f"a plan promises {self.POWER:g}; wanted within {self.WITHIN:g}"
        return [replace(row, what="power: plan's detectable difference is detected", note=note, met=met)]

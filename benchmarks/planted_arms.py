"""Coverage and tests of counterfactual arms that share their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Metric
from audit.metrics.disparity import Disparity
from audit.records import Finding
from benchmarks.planted_coverage import Key, Trials, Truth, counted, key_of, measured, truths_of_levels
from benchmarks.planted_releases import Arms
from benchmarks.planted_rows import COVERAGE, TOLERANCE, Row, Tally

__all__ = ["ArmsCoverage"]


@dataclass(frozen=True)
class ArmsCoverage:
    """Disparity of counterfactual arms: intervals, and how often arms are told apart, equal ones and others."""

    shares: Mapping[str, float]
    """By arm; the mean of a number is half of it."""
    rho: float
    shared: float
    """Part of the noise of a draw that the arms have in common; below 1, or equal arms never differ."""
    audits: int
    wordings: int = 12
    draws: int = 8

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        means = {arm: 0.5 * share for arm, share in self.shares.items()}
        world = Arms(self.shares, means, self.wordings, self.draws, self.rho, self.shared)
        planted = " / ".join(f"{share:g}" for share in self.shares.values())
        setting = f"arms {planted}, {self.wordings} pairs x {self.draws}, rho {self.rho:g}, noise shared {self.shared:g}"
        covered, trials = Tally(COVERAGE, setting), Trials(setting)
        metrics: dict[str, Metric] = {
            "gap_share": Disparity(column="oracle.perceived_presentation", level="feminine", by="arm"),
            "gap_mean": Disparity(column="clip.cosine", by="arm"),
        }
        of_shares, of_means = (
            truths_of_levels("gap_share", "share", self.shares, "arm"),
            truths_of_levels("gap_mean", "mean", means, "arm"),
        )
        truths, rng = dict([*of_shares, *of_means]), np.random.default_rng(seed)
        for _ in range(self.audits):
            findings = measured(world.audit(rng), metrics)
            counted(findings, truths, covered)
            told_apart(findings, truths, trials)
        return [*covered.coverage(), *trials.rows(0.05)]


def told_apart(findings: Sequence[Finding], truths: Mapping[Key, Truth], trials: Trials) -> None:
    """Count whether the interval of a gap, and that of each difference, leaves out 0."""
    for kind in ("share", "mean"):
        for quantity in ("gap", "difference"):
            found: dict[bool, list[bool]] = {}
            for finding in findings:
                if finding.metric == f"gap_{kind}.{quantity}" and finding.interval:
                    null = abs(truths[key_of(finding)].value) < TOLERANCE
                    found.setdefault(null, []).append(finding.interval.low > 0 or finding.interval.high < 0)
            for null, left_out in found.items():
                trials.add(f"disparity.{quantity} of {kind}s leaves out 0", null, left_out)

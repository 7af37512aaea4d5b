"""Coverage of the distances between image sets and of diversity, on features of few dimensions whose truth is exact.

Features are normal with unit variance, so the kernel distance of the two populations has a closed form. The Frechet
distance is biased at any n and its interval speaks of that n, so it is held against its mean over all audits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from audit.component import Context
from audit.metrics.fidelity import Fidelity
from audit.records import Finding, Latent, Probe
from audit.table import ScoreTable
from audit.testing import score_table
from benchmarks.planted_coverage import measured
from benchmarks.planted_rows import COVERAGE, Cover, Row, Tally
from benchmarks.planted_worlds import Floats, context, prompts, scores

__all__ = ["DistanceCoverage", "kernel_distance"]

REFERENCE = "reference"
TRIALS = 400_000
"""Draws behind the true diversity, which has no closed form."""


def kernel_distance(shift: Floats) -> float:
    """Squared maximum mean discrepancy of N(0, I) and N(shift, I) under the kernel (x.y / d + 1)^3, exactly.

    With s = x.y of independent x ~ N(a, I), y ~ N(b, I), the kernel's mean is E[s^3]/d^3 + 3 E[s^2]/d^2 + 3 E[s]/d + 1.
    """
    zero = np.zeros_like(shift)
    return _kernel(zero, zero) + _kernel(shift, shift) - 2 * _kernel(zero, shift)


def _kernel(one: Floats, other: Floats) -> float:
    """Moments of the product sum over the tensors of raw moments of both sides."""
    d, eye = len(one), np.eye(len(one))

    def second(mean: Floats) -> Floats:
        return np.asarray(np.outer(mean, mean) + eye)

    def third(mean: Floats) -> Floats:
        cube = np.einsum("i,j,k->ijk", mean, mean, mean)
        sides = [np.einsum(f"{a},{b}->ijk", mean, eye) for a, b in (("i", "jk"), ("j", "ik"), ("k", "ij"))]
        return np.asarray(cube + sum(sides))

    return float(
        (third(one) * third(other)).sum() / d**3 + 3 * (second(one) * second(other)).sum() / d**2 + 3 * one @ other / d + 1
    )


@dataclass(frozen=True)
class DistanceCoverage:
    """Kernel and Frechet distance from a reference set, their floors, and diversity."""

    apart: float
    """Shift of the generated features in every dimension, in standard deviations."""
    rho: float
    """Part of the variance that is the prompt's."""
    audits: int
    prompts: int = 60
    draws: int = 8
    dimensions: int = 4

    @cached_property
    def _plain(self) -> ScoreTable:
        """Generated images by prompt, and as many of a reference set, each of them a unit of its own."""
        generated = score_table(prompts(["nurse"], self.prompts), self.draws, {})
        latent = Probe(suite="planted", condition=Latent(), unit="draw")
        reference = score_table([latent], self.prompts * self.draws, {}, generators=(REFERENCE,))
        return ScoreTable(pa.concat_tables([generated.draws, reference.draws]), {**generated.probes, **reference.probes})

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        rng, metrics = np.random.default_rng(seed), {"d": Fidelity(reference=REFERENCE)}
        found: dict[str, list[Finding]] = {}
        for _ in range(self.audits):
            for finding in measured(self._audit(rng), metrics):
                found.setdefault(finding.metric.removeprefix("d."), []).append(finding)
        size = f"{self.prompts} prompts x {self.draws}, rho {self.rho:g}, {self.dimensions} dimensions"
        tally = Tally(COVERAGE, f"{self.apart:g} apart, {size}")
        exact = {"kid": kernel_distance(np.full(self.dimensions, self.apart)), "floor_kid": 0.0}
        exact["diversity"] = self._diversity(rng)
        for name, findings in found.items():
            average = float(np.mean([f.estimate for f in findings if f.estimate is not None]))
            told = f"fidelity.{name}" + ("" if name in exact else ", held against its mean at this n")
            _count(tally, told, findings, exact.get(name, average))
        return tally.coverage()

    def _audit(self, rng: np.random.Generator) -> Context:
        n = self.prompts * self.draws
        effect = np.repeat(rng.standard_normal((self.prompts, self.dimensions)), self.draws, axis=0)
        noise = rng.standard_normal((n, self.dimensions))
        generated = self.apart + np.sqrt(self.rho) * effect + np.sqrt(1 - self.rho) * noise
        rows = np.concatenate([generated, rng.standard_normal((n, self.dimensions))])
        table = self._plain
        return context(ScoreTable(table.draws, table.probes, scores(table.draws["image"], {"features.vector": rows})))

    def _diversity(self, rng: np.random.Generator) -> float:
        """Mean of 1 - cosine of two independent images: 1 less the squared length of the mean direction."""
        drawn = rng.standard_normal((TRIALS, self.dimensions)) + self.apart
        middle = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).mean(axis=0)
        return float(1 - middle @ middle)


def _count(tally: Tally, name: str, findings: list[Finding], truth: float) -> None:
    for ends in (finding.interval for finding in findings):
        if ends is not None:
            tally.cover(name, [Cover.of(ends, truth)])

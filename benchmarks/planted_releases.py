"""Planted worlds that share prompts and seeds: the arms of a counterfactual, and two releases of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.component import Context
from audit.records import Probe
from audit.table import ScoreTable
from audit.testing import score_table
from benchmarks.planted_worlds import FEMININE, MASCULINE, Floats, Labels, context, prompts, scores

__all__ = ["AFTER", "BEFORE", "Arms", "Noise", "Releases"]

BEFORE, AFTER = RELEASES = ("before", "after")
Scored = dict[str, Labels | Floats]
"""Column -> values, draw by draw."""


@dataclass(frozen=True)
class Noise:
    """What prompts and draws have in common in several arms or releases."""

    effects: Floats
    """(prompts,) uniform: the same prompt is as hard for all of them."""
    uniforms: Floats
    """(prompts, draws)"""
    shared: float
    """Probability that a draw keeps its uniform number in another arm or release."""
    rho: float

    @classmethod
    def of(cls, shape: tuple[int, int], shared: float, rho: float, rng: np.random.Generator) -> "Noise":
        """For so many prompts and draws."""
        return cls(rng.random(shape[0]), rng.random(shape), shared, rho)

    def hits(self, share: float | Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """(prompts * draws,) successes at this mean share, or at one for each prompt; all above 0 and below 1."""
        mine = np.broadcast_to(np.asarray(share, dtype=np.float64), self.effects.shape)
        if self.rho:
            spread = (1 - self.rho) / self.rho
            mine = stats.beta.ppf(self.effects, mine * spread, (1 - mine) * spread)
        return np.asarray((self._mixed(rng) < mine[:, None]).ravel())

    def numbers(self, mean: float, rng: np.random.Generator) -> Floats:
        """(prompts * draws,) normal numbers of this mean and standard deviation 1."""
        effect, own = stats.norm.ppf(self.effects), stats.norm.ppf(self._mixed(rng))
        return np.asarray((mean + np.sqrt(self.rho) * effect[:, None] + np.sqrt(1 - self.rho) * own).ravel())

    def _mixed(self, rng: np.random.Generator) -> Floats:
        again = rng.random(self.uniforms.shape)
        return np.asarray(np.where(rng.random(self.uniforms.shape) < self.shared, self.uniforms, again), dtype=np.float64)


@dataclass(frozen=True)
class Arms:
    """Counterfactual arms: shares of feminine people, and means of a number, by arm."""

    shares: Mapping[str, float]
    means: Mapping[str, float]
    wordings: int
    draws: int
    rho: float
    shared: float

    @cached_property
    def _plain(self) -> ScoreTable:
        probes = [probe for arm in self.shares for probe in prompts(["teacher"], self.wordings, pair=True, arm=arm)]
        return score_table(probes, self.draws, {})

    def audit(self, rng: np.random.Generator) -> Context:
        """One audit of the world."""
        noise = Noise.of((self.wordings, self.draws), self.shared, self.rho, rng)
        hits = np.concatenate([noise.hits(share, rng) for share in self.shares.values()])
        numbers = np.concatenate([noise.numbers(self.means[arm], rng) for arm in self.shares])
        labels = np.where(hits, FEMININE, MASCULINE).astype(object)
        columns: Scored = {"oracle.perceived_presentation": labels, "clip.cosine": numbers}
        return context(_scored(self._plain, columns))


@dataclass(frozen=True)
class Releases:
    """Two releases of a model, asked the same prompts: the second has another share and another mean."""

    prompts: int
    draws: int
    rho: float
    shared: float
    paired: bool = True
    """The second is asked the same prompts with the same seeds; else other wordings."""
    apart: float = 0.0
    """Difference of the shares of two occupations in the first release; 0: one occupation only."""

    @property
    def occupations(self) -> tuple[str, ...]:
        """The one with the higher share first."""
        return ("nurse", "judge") if self.apart else ("nurse",)

    def shares(self, share: float, shift: float) -> tuple[float, ...]:
        """True shares by occupation: their mean is ``share + shift``, and ``shift`` moves their difference as much."""
        higher = (self.apart + shift) / 2
        return (share + shift + higher, share + shift - higher) if self.apart else (share + shift,)

    def audits(self, share: float, shift: float, rng: np.random.Generator) -> tuple[Context, Context]:
        """An audit of each: shares of feminine people ``share`` and ``share + shift``, means 0 and ``-shift``."""
        before, after = self._plain
        one, other = self._drawn(share, shift, rng)
        return context(_scored(before, one)), context(_scored(after, other))

    def one_run(self, share: float, shift: float, rng: np.random.Generator) -> Context:
        """Both as the generators ``BEFORE`` and ``AFTER`` of one run, which asks them the same."""
        one, other = self._drawn(share, shift, rng)
        return context(_scored(self._both, {name: np.concatenate([one[name], other[name]]) for name in one}), RELEASES)

    @cached_property
    def _plain(self) -> tuple[ScoreTable, ScoreTable]:
        first = score_table(self._asked(0), self.draws, {})
        return first, first if self.paired else score_table(self._asked(self.prompts), self.draws, {})

    @cached_property
    def _both(self) -> ScoreTable:
        return score_table(self._asked(0), self.draws, {}, generators=RELEASES)

    def _asked(self, first: int) -> list[Probe]:
        return prompts(self.occupations, self.prompts // len(self.occupations), first=first)

    def _drawn(self, share: float, shift: float, rng: np.random.Generator) -> tuple[Scored, Scored]:
        shape = self.prompts, self.draws
        noise = Noise.of(shape, self.shared, self.rho, rng)
        other = noise if self.paired else Noise.of(shape, self.shared, self.rho, rng)
        return self._release(noise, (share, 0.0), rng), self._release(other, (share, shift), rng)

    def _release(self, noise: Noise, planted: tuple[float, float], rng: np.random.Generator) -> Scored:
        share, shift = planted
        shares = np.repeat(self.shares(share, shift), self.prompts // len(self.occupations))
        labels = np.where(noise.hits(shares, rng), FEMININE, MASCULINE).astype(object)
        return {"oracle.perceived_presentation": labels, "clip.cosine": noise.numbers(-shift, rng)}


def _scored(plain: ScoreTable, columns: Scored) -> ScoreTable:
    return ScoreTable(plain.draws, plain.probes, scores(plain.draws["image"], columns))

"""Planted worlds that share prompts and seeds: the arms of a counterfactual, and two releases of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.component import Context
from audit.table import ScoreTable
from audit.testing import score_table
from benchmarks.planted_worlds import FEMININE, MASCULINE, Floats, Labels, context, prompts, scores

__all__ = ["Arms", "Noise", "Releases"]


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

    def hits(self, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """(prompts * draws,) successes at this mean share."""
        mine = np.full(len(self.effects), share)
        if self.rho and 0 < share < 1:
            spread = (1 - self.rho) / self.rho
            mine = stats.beta.ppf(self.effects, share * spread, (1 - share) * spread)
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
        columns: dict[str, Labels | Floats] = {"oracle.perceived_presentation": labels, "clip.cosine": numbers}
        return context(ScoreTable(self._plain.draws, self._plain.probes, scores(self._plain.draws["image"], columns)))


@dataclass(frozen=True)
class Releases:
    """Two releases of a model, asked the same prompts: the second has another share and another mean."""

    prompts: int
    draws: int
    rho: float
    shared: float
    paired: bool
    """The second is asked the same prompts with the same seeds; else other prompts."""

    @cached_property
    def _plain(self) -> tuple[ScoreTable, ScoreTable]:
        first = score_table(prompts(["nurse"], self.prompts), self.draws, {})
        return first, first if self.paired else score_table(prompts(["chef"], self.prompts), self.draws, {})

    def audits(self, share: float, shift: float, rng: np.random.Generator) -> tuple[Context, Context]:
        """An audit of each: shares of feminine people ``share`` and ``share + shift``, means 0 and ``-shift``."""
        shape = self.prompts, self.draws
        noise = Noise.of(shape, self.shared, self.rho, rng)
        other = noise if self.paired else Noise.of(shape, self.shared, self.rho, rng)
        before, after = self._plain
        return _release(before, noise, (share, 0.0), rng), _release(after, other, (share + shift, -shift), rng)


def _release(plain: ScoreTable, noise: Noise, planted: tuple[float, float], rng: np.random.Generator) -> Context:
    share, mean = planted
    labels = np.where(noise.hits(share, rng), FEMININE, MASCULINE).astype(object)
    columns: dict[str, Labels | Floats] = {
        "oracle.perceived_presentation": labels,
        "clip.cosine": noise.numbers(mean, rng),
    }
    return context(ScoreTable(plain.draws, plain.probes, scores(plain.draws["image"], columns)))

"""How often intervals of distances hold the truth, on features of few dimensions whose distance is known.

    python -m benchmarks.quality.coverage                       2,000 data sets a row, one process (some minutes)
    python -m benchmarks.quality.coverage --sets 400

The features are normal, d of them, reference N(0, S) and generated N(shift, scale^2 S), where S falls as 1 / i. KID is
held against its closed form, the extrapolated Frechet distance against that of the populations, and the plain one against
its own mean over all data sets at this n, which is what its interval speaks of. Clustered rows have prompts of 6 images
with half of their variance in common. The promise is .935 of nominal .95; exit code 1 where a row is below it by more than
chance explains.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audit.stats.distances import frechet_from_features
from audit.stats.extrapolation import extrapolated_frechet
from audit.stats.influence import Compared, distance_interval
from audit.stats.intervals import FloatArray, cluster_mean
from audit.stats.kernels import kid

__all__ = ["Coverage", "World", "coverage", "main"]

SEED = 20_260_601
"""Fixed before the first run."""
PROMISE = 0.935
DRAWS = 6
"""Images of a prompt."""


@dataclass(frozen=True, slots=True)
class World:
    """Two populations and how they are sampled."""

    shift: float
    scale: float = 1.0
    n: int = 240
    """Generated images."""
    m: int = 240
    """Reference images, each by itself."""
    width: int = 4
    clustered: bool = False

    @property
    def spread(self) -> FloatArray:
        """(d,) standard deviation of the reference."""
        return np.asarray(1 / np.sqrt(np.arange(1, self.width + 1)))

    @property
    def frechet(self) -> float:
        """Of the populations."""
        return float((self.spread**2).sum() * (self.shift**2 + (1 - self.scale) ** 2))

    @property
    def kid(self) -> float:
        """Of the populations: moments of s = x.y, of independent normal x and y with diagonal covariances."""
        zero, moved = np.zeros(self.width), self.shift * self.spread
        one, other = self.spread**2, (self.scale * self.spread) ** 2
        return (
            self._kernel(moved, other, moved, other)
            + self._kernel(zero, one, zero, one)
            - 2 * self._kernel(moved, other, zero, one)
        )

    def _kernel(self, mean: FloatArray, variance: FloatArray, other: FloatArray, spread: FloatArray) -> float:
        """E (s / d + 1)^3 from the cumulants of s, which add over the independent coordinates."""
        first = mean * other
        second = variance * spread + mean**2 * spread + other**2 * variance
        third = 6 * mean * other * variance * spread
        one, two, three = float(first.sum()), float(second.sum()), float(third.sum())
        raw = one, two + one**2, three + 3 * two * one + one**3
        d = self.width
        return raw[2] / d**3 + 3 * raw[1] / d**2 + 3 * raw[0] / d + 1

    def sample(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(n, d) generated and (m, d) reference features."""
        noise = rng.standard_normal((self.n, self.width))
        if self.clustered:
            common = rng.standard_normal((self.n // DRAWS, self.width)).repeat(DRAWS, axis=0)
            noise = np.sqrt(0.5) * (noise + common)
        generated = (noise * self.scale + self.shift) * self.spread
        return generated, rng.standard_normal((self.m, self.width)) * self.spread

    @property
    def clusters(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Prompt of each generated image, and a label of its own for each of the reference."""
        return np.arange(self.n) // (DRAWS if self.clustered else 1), np.arange(self.m) + self.n

    def __str__(self) -> str:
        kind = f"prompts of {DRAWS}" if self.clustered else "independent"
        return f"shift {self.shift:g}, scale {self.scale:g}, {self.n} and {self.m}, {self.width} dimensions, {kind}"


WORLDS = (
    World(0.0),
    World(0.1, 1.05),
    World(0.3, 1.2),
    World(1.0, 1.5),
    World(0.3, 1.2, n=180, m=900),
    World(0.3, 1.2, n=480, m=480, width=16),
    World(0.3, 1.2, n=600, m=600, clustered=True),
)


@dataclass
class Coverage:
    """Intervals of one kind in one world."""

    name: str
    world: World
    ends: list[tuple[float, float]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    refused: int = 0

    def add(self, value: float | None, interval: tuple[float, float] | None) -> None:
        """An estimate."""
        if value is None or interval is None:
            self.refused += 1
            return
        self.values.append(value)
        self.ends.append(interval)

    def share(self, truth: float | None) -> float:
        """Of the intervals, those that hold the truth; their own mean when None."""
        aim = float(np.mean(self.values)) if truth is None else truth
        return float(np.mean([low <= aim <= high for low, high in self.ends]))


def coverage(world: World, sets: int, seed: int = SEED) -> Iterator[tuple[Coverage, float]]:
    """Each kind of interval in a world, with the share that holds the truth."""
    rng = np.random.default_rng([seed, *str(world).encode()])
    truths = {"KID": world.kid, "Frechet, extrapolated": world.frechet, "Frechet, at this n": None}
    kinds = {name: Coverage(name, world) for name in truths}
    for _ in range(sets):
        generated, reference = world.sample(rng)
        for name, compared in (
            ("KID", kid(generated, reference)),
            ("Frechet, at this n", frechet_from_features(generated, reference)),
        ):
            kinds[name].add(compared.value, _interval(compared, world))
        found = extrapolated_frechet(generated, reference, clusters=world.clusters, rng=rng)
        kinds["Frechet, extrapolated"].add(found.value, found.interval)
    for name, truth in truths.items():
        # Pairs within a prompt are alike by design, so the clustered KID estimates more than the distance of images.
        if name != "KID" or not world.clustered:
            yield kinds[name], kinds[name].share(truth)


def _interval(compared: Compared, world: World) -> tuple[float, float] | None:
    place = np.unique(np.concatenate(world.clusters), return_inverse=True)[1]
    totals = np.bincount(place, compared.pseudo_values()).astype(np.float64)
    found = cluster_mean(totals, np.bincount(place).astype(np.float64)).interval
    return None if found is None else distance_interval(compared.value, found)


def main(arguments: list[str] | None = None) -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=2000, help="data sets a row")
    given = parser.parse_args(arguments)
    kept = True
    for world in WORLDS:
        print(world, flush=True)
        for found, share in coverage(world, given.sets):
            below = share < PROMISE - 1.64 * np.sqrt(PROMISE * (1 - PROMISE) / given.sets)
            kept &= not below
            median = np.median([high - low for low, high in found.ends])
            refused = f", {found.refused} refused" if found.refused else ""
            verdict = "  BELOW" if below else ""
            print(
                f"  {found.name:<22} {share:.3f} of {len(found.ends)}, median width {median:.3g}{refused}{verdict}",
                flush=True,
            )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

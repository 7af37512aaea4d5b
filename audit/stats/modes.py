"""How many modes of a reference set a generator visits: occupancy of the cells that the reference falls into."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from audit.stats.distances import Features
from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray, cluster_mean

__all__ = ["Modes", "cells", "effective_modes", "nearest_cell"]

STEPS = 50
STARTS = 4
BLOCK = 4096  # rows that are held in float64 at a time

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Modes:
    """An effective number of modes."""

    found: Compared
    least_error: float
    """Its standard error if all images were independent."""

    def interval(self, cluster: Ints, count: int, confidence: float = 0.95) -> tuple[float, float] | None:
        """The t interval by cluster, no narrower than for independent images, within 1 .. count; None for one cluster.

        Equal occupancy moves nothing to first order, and does not shrink it to a point.

        Args:
            cluster: (n,) as whole numbers from 0, each with an image.
            count: cells that there are.
            confidence: 0 .. 1.
        """
        values = np.bincount(cluster, self.found.pseudo_values()).astype(np.float64)
        ends = cluster_mean(values, np.bincount(cluster).astype(np.float64), confidence=confidence).interval
        if ends is None:
            return None
        value, half = self.found.value, float(stats.norm.ppf((1 + confidence) / 2)) * self.least_error
        return max(1.0, min(ends[0], value - half)), min(float(count), max(ends[1], value + half))


def cells(reference: Features, count: int, rng: np.random.Generator) -> FloatArray:
    """(count, d) centres of cells of a reference set: k-means with k-means++ seeding, the best of 4 starts.

    Args:
        reference: (m, d), m of at least ``count``.
        count: cells, at least 1.
        rng: where the starts come from.

    >>> points = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> np.sort(cells(points, 2, np.random.default_rng(0)).ravel()).round(2)
    array([0.05, 9.05])
    """
    if not 1 <= count <= len(reference):
        raise ValueError(f"{count} cells need as many reference images; got {len(reference)}")
    rows = np.asarray(reference, dtype=np.float64)
    best, least = rows[:count], np.inf
    for _ in range(STARTS):
        centres = _seeded(rows, count, rng)
        for _ in range(STEPS):
            code, _ = _assigned(rows, centres)
            moved = _means(rows, code, centres)
            if np.array_equal(moved, centres):
                break
            centres = moved
        within = float(_assigned(rows, centres)[1].sum())
        if within < least:
            best, least = centres, within
    return best


def nearest_cell(rows: Features, centres: FloatArray) -> Ints:
    """(n,) the cell of each of (n, d) vectors: that of the nearest of (count, d) centres."""
    parts = [
        _assigned(np.asarray(rows[at : at + BLOCK], dtype=np.float64), centres)[0] for at in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def effective_modes(cell: Ints, count: int, cluster: npt.ArrayLike) -> Modes:
    """Number of equally frequent cells with the entropy of the occupied ones: exp(H), 1 .. count; higher is more diverse.

    It is the Vendi score of images that are alike within a cell and share nothing across cells. The entropy of n images is
    too low by about (occupied cells - 1) / 2n, which is added (Miller 1955). What is missing because the prompts at hand
    are few is not: the number speaks of these prompts, and the interval, from the jackknife that leaves out one cluster at
    a time, of others like them.

    Args:
        cell: (n,) whole numbers below ``count``, n of at least 1.
        count: cells that there are.
        cluster: (n,) what was sampled independently, as whole numbers.

    >>> round(effective_modes(np.repeat([0, 1], 500), 4, np.arange(1000)).found.value, 2)
    2.0
    """
    codes = np.unique(np.asarray(cluster), return_inverse=True)[1]
    sizes = np.bincount(codes).astype(np.float64)
    n, g = float(sizes.sum()), len(sizes)
    table = np.zeros((g, count))
    np.add.at(table, (codes, cell), 1.0)
    whole = table.sum(axis=0)
    shares = whole[whole > 0] / n
    plain = float(_entropy(whole))
    value = float(np.clip(np.exp(plain + (len(shares) - 1) / (2 * n)), 1.0, count))
    # The first term vanishes where all cells are equally frequent; then the second is what is left.
    spread = float((shares * np.log(shares) ** 2).sum() - plain**2) / n + (len(shares) - 1) / (2 * n * n)
    lost = plain - _entropy(whole - table) if g > 1 else np.zeros(1)
    moved = value * (lost - lost.mean()) * (g - 1) * n / (g * sizes)
    moved = np.asarray(moved[codes], dtype=np.float64)
    return Modes(Compared(value, moved - moved.mean(), np.zeros(0)), value * float(np.sqrt(max(0.0, spread))))


def _entropy(counts: FloatArray) -> FloatArray:
    """(...) of counts (..., K), in nats."""
    return np.asarray(special.entr(counts / counts.sum(axis=-1, keepdims=True)).sum(axis=-1), dtype=np.float64)


def _seeded(rows: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Centres among the rows, each drawn by its squared distance from those before (Arthur & Vassilvitskii 2007)."""
    chosen = [int(rng.integers(len(rows)))]
    apart = ((rows - rows[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        total = float(apart.sum())
        weights = apart / total if total > 0 else np.full(len(rows), 1 / len(rows))
        chosen.append(int(rng.choice(len(rows), p=weights)))
        apart = np.minimum(apart, ((rows - rows[chosen[-1]]) ** 2).sum(axis=1))
    return rows[chosen]


def _assigned(rows: FloatArray, centres: FloatArray) -> tuple[Ints, FloatArray]:
    """Nearest centre of each row and the squared distance from it."""
    squared = (rows * rows).sum(axis=1)[:, None] - 2 * rows @ centres.T + (centres * centres).sum(axis=1)
    code = np.argmin(squared, axis=1)
    return code, np.take_along_axis(squared, code[:, None], axis=1)[:, 0].clip(0)


def _means(rows: FloatArray, code: Ints, centres: FloatArray) -> FloatArray:
    """Mean of the rows of each centre; one without rows stays where it is."""
    count = len(centres)
    sizes = np.bincount(code, minlength=count)
    member = np.zeros((count, len(rows)))
    member[code, np.arange(len(rows))] = 1.0
    return np.where(sizes[:, None] > 0, member @ rows / np.maximum(sizes, 1)[:, None], centres)

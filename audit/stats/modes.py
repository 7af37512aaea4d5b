"""How many modes of a reference set a generator visits: occupancy of the cells that the reference falls into."""

import numpy as np
import numpy.typing as npt
from scipy import special

from audit.stats.distances import Features
from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray

__all__ = ["cells", "effective_modes", "nearest_cell"]

STEPS = 50
STARTS = 4
BLOCK = 4096  # rows that are held in float64 at a time

Ints = npt.NDArray[np.int64]


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


def effective_modes(cell: Ints, count: int, cluster: npt.ArrayLike) -> Compared:
    """Number of equally frequent cells with the entropy of the occupied ones: exp(H), 1 .. count; higher is more diverse.

    It is the Vendi score of images that are alike within a cell and share nothing across cells. The entropy of few images
    is too low; the jackknife by cluster takes that bias away up to the order of 1 / clusters (Zahl 1977), whatever the
    images of a cluster have in common. Where hardly two clusters share a cell nothing bounds the number: hold it against
    ``count``.

    Args:
        cell: (n,) whole numbers below ``count``.
        count: cells that there are.
        cluster: (n,) what was sampled independently, as whole numbers.

    >>> round(effective_modes(np.repeat([0, 1], 500), 4, np.arange(1000)).value, 1)
    2.0
    """
    codes = np.unique(np.asarray(cluster), return_inverse=True)[1]
    sizes = np.bincount(codes).astype(np.float64)
    g = len(sizes)
    table = np.zeros((g, count))
    np.add.at(table, (codes, cell), 1.0)
    whole = table.sum(axis=0)
    plain = float(_entropy(whole))
    if g < 2:
        return Compared(float(np.exp(plain)), np.zeros(len(codes)), np.zeros(0))
    pseudo = plain + (g - 1) * (plain - _entropy(whole - table))
    value = float(np.clip(np.exp(pseudo.mean()), 1.0, count))
    moved = value * (pseudo - pseudo.mean()) * sizes.sum() / (g * sizes)
    return Compared(value, np.asarray(moved[codes], dtype=np.float64), np.zeros(0))


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

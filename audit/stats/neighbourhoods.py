"""The ball around each image of a set that reaches to its k-th nearest other image, and which images lie in it.

Squared distances come from products in float32, block by block; what those cannot tell is decided in float64. Distances
that differ by less than 1e-13 of the squared lengths count as equal, and balls are closed, so that equal images and
ties fall alike whatever the order and the blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from audit.stats.distances import Features
from audit.stats.intervals import FloatArray, residuals, wilson

__all__ = ["Balls", "Block", "Codes", "Mask", "Rows", "Touched", "balls", "blocks", "framed", "touched_interval"]

BLOCK = 2048  # rows a side of a block of distances: 16 MiB in float32
SPARE = 8  # more neighbours than are asked for, because float32 may put near ones in another order
CELLS = 2**22  # numbers held in float64 at a time
SLACK = 1e-13
NONE = np.iinfo(np.int32).max

Quick = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Feature vectors in a frame in which float32 serves best: about one centre, of a size near 1."""

    features: Features
    """(n, d) as they came."""
    centre: FloatArray
    scale: float
    quick: Quick
    """(n, d) framed."""
    squares: FloatArray
    """(n,) squared lengths of the framed vectors."""

    @property
    def doubt(self) -> FloatArray:
        """(n,) its part of what a squared distance from float32 may be wrong by."""
        return np.asarray((8 + 2 * self.quick.shape[1] ** 0.5) * float(np.finfo(np.float32).eps) * self.squares)

    def framed(self, chosen: slice | Ints) -> FloatArray:
        """Framed vectors in float64."""
        return np.asarray((self.features[chosen] - self.centre) * self.scale, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Balls:
    """A ball around each of m images, up to its k-th nearest other one."""

    radius: FloatArray
    """(m,) squared, in the frame of the rows."""
    size: Ints
    """(m,) other images in it: k, or more where distances are equal."""
    reached: Mask
    """(m,) whether the image lies in the ball of another one."""
    members: sparse.csr_array
    """(m, m) which others lie in each ball, as shares that sum to 1; of a ball with many at one distance, some of them."""


@dataclass(frozen=True, slots=True)
class Block:
    """Squared distances of some points to some others."""

    points: Rows
    others: Rows
    one: slice
    """Which points."""
    other: slice
    """Which others."""
    squared: Quick

    def within(self, reach: FloatArray) -> Mask:
        """Which pairs are at most as far apart as a squared radius that has, or broadcasts to, the block's shape."""
        margin = self.squared - reach.astype(np.float32)
        doubt = (self.points.doubt[self.one, None] + self.others.doubt[None, self.other]).astype(np.float32)
        inside = margin <= 0
        first, second = np.nonzero((np.abs(margin) <= doubt) & (doubt > 0))
        row, place = first + self.one.start, second + self.other.start
        limit = np.broadcast_to(reach, inside.shape)[first, second]
        limit = limit + SLACK * (self.points.squares[row] + self.others.squares[place])
        inside[first, second] = _squared(self.points, row, self.others, place) <= limit
        return np.asarray(inside, dtype=bool)


@dataclass(frozen=True, slots=True)
class Touched:
    """Which clusters of images touch each of m images: only the first and the last by number."""

    first: Codes
    """(m,) NONE where no cluster does."""
    last: Codes
    """(m,) -1 where no cluster does."""

    @classmethod
    def nothing(cls, m: int) -> Self:
        """Nobody is touched yet."""
        return cls(np.full(m, NONE, dtype=np.int32), np.full(m, -1, dtype=np.int32))

    def add(self, other: slice, inside: Mask, codes: Codes) -> None:
        """Take in a block of images that touch (rows, of clusters ``codes``) and that are touched (columns ``other``)."""
        first, last = self.first[other], self.last[other]
        np.minimum(first, np.where(inside, codes[:, None], NONE).min(axis=0), out=first)
        np.maximum(last, np.where(inside, codes[:, None], -1).max(axis=0), out=last)

    @property
    def any(self) -> Mask:
        """(m,) whether a cluster touches it."""
        return self.last >= 0

    def influence(self, codes: Codes) -> FloatArray:
        """(n,) what each touching image moves the touched share by: the jackknife that leaves out one cluster at a time.

        A cluster's loss is the share of the m that it alone touches, less what one of its size loses on average;
        images of a cluster have it in equal parts, scaled so that their linearised variance by cluster is the jackknife's,
        (g - 1) / g times the sum of squared losses.
        """
        sizes = np.bincount(codes).astype(np.float64)
        n, g = sizes.sum(), len(sizes)
        alone = self.first[self.any & (self.first == self.last)]
        lost = np.bincount(alone, minlength=g) / len(self.first)
        return np.asarray(((lost - lost.sum() * sizes / n) * n * (g - 1) / g / sizes)[codes], dtype=np.float64)


def touched_interval(
    share: float, influence: FloatArray, cluster: Codes, *, of: int, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Interval of a share that whole clusters of images move together.

    The t interval from the influences by cluster, cut to 0 .. 1, and no narrower than Wilson's for independent images: a
    share of 0 or 1 does not shrink to a point.

    Args:
        share: 0 .. 1.
        influence: (n,) what each image moves it by; they average 0.
        cluster: (n,) what was sampled independently, as whole numbers from 0.
        of: images that the share is of.
        confidence: 0 .. 1.

    Returns:
        Low and high; None for a single cluster.

    >>> low, high = touched_interval(1.0, np.zeros(20), np.arange(20, dtype=np.int32), of=100)
    >>> round(low, 3), high
    (0.963, 1.0)
    """
    sizes = np.bincount(cluster).astype(np.float64)
    if len(sizes) < 2:
        return None
    moved = residuals(np.bincount(cluster, influence).astype(np.float64), sizes)
    half = float(stats.t.ppf((1 + confidence) / 2, len(sizes) - 1) * np.sqrt((moved**2).sum()))
    low, high = wilson(share * of, of, confidence=confidence)
    return max(0.0, min(low, share - half)), min(1.0, max(high, share + half))


def framed(*sets: Features) -> tuple[Rows, ...]:
    """Sets of (n, d) features in one frame.

    Raises:
        ValueError: a feature that is not finite, or sets of unlike width.
    """
    if len({rows.shape[1:] for rows in sets}) != 1 or sets[0].ndim != 2:
        raise ValueError(f"sets must hold vectors of one length; got shapes {', '.join(str(rows.shape) for rows in sets)}")
    if not all(np.isfinite(rows).all() for rows in sets):
        raise ValueError("features must be finite")
    centre = np.asarray(sets[0].mean(axis=0, dtype=np.float64))
    most = max((float(np.abs(rows[part] - centre).max()) for rows in sets for part in _slices(len(rows))), default=0.0)
    scale = 2.0 ** -int(np.frexp(most)[1])
    found = []
    for rows in sets:
        quick = np.empty(rows.shape, dtype=np.float32)
        squares = np.empty(len(rows))
        for part in _slices(len(rows)):
            block = (rows[part] - centre) * scale
            quick[part], squares[part] = block, (block * block).sum(axis=1)
        found.append(Rows(rows, centre, scale, quick, squares))
    return tuple(found)


def balls(rows: Rows, k: int) -> Balls:
    """The balls of a set of at least k + 1 images.

    Raises:
        ValueError: fewer images.
    """
    m = len(rows.squares)
    if not 1 <= k < m:
        raise ValueError(f"balls up to the {k}-th nearest other image need at least {k + 1} images; got {m}")
    near, edge = _closest(rows, min(k + SPARE, m - 1))
    squared = _squared(rows, np.repeat(np.arange(m), near.shape[1]), rows, near.ravel()).reshape(near.shape)
    radius = np.partition(squared, k - 1, axis=1)[:, k - 1]
    inside = squared <= (radius + _slack(rows))[:, None]
    size, reached = inside.sum(axis=1), np.zeros(m, dtype=bool)
    reached[near[inside]] = True
    shares = np.repeat(1 / size, size)
    members = sparse.csr_array((shares, near[inside], np.concatenate([[0], np.cumsum(size)])), shape=(m, m))
    for part in _parts(np.flatnonzero(edge <= radius + rows.doubt + rows.doubt.max()), m):
        full = _full(rows, part)
        radius[part] = np.partition(full, k - 1, axis=1)[:, k - 1].clip(0)
        inside = full <= (radius + _slack(rows))[part][:, None]
        size[part] = inside.sum(axis=1)
        reached |= inside.any(axis=0)
    return Balls(radius, size.astype(np.int64), reached, members)


def _closest(rows: Rows, count: int) -> tuple[Ints, FloatArray]:
    """The other images that are nearest to each by float32, in no order.

    Returns:
        (m, count) their rows, and (m,) the squared distance below which no further one was found.
    """
    m = len(rows.squares)
    best = np.full((m, count + 1), np.inf, dtype=np.float32)
    near = np.full((m, count + 1), -1, dtype=np.int64)
    for block in blocks(rows, rows):
        if block.one == block.other:
            np.fill_diagonal(block.squared, np.inf)
        else:
            _keep(best[block.other], near[block.other], block.squared.T, block.one.start)
        _keep(best[block.one], near[block.one], block.squared, block.other.start)
    last = np.argmax(best, axis=1)[:, None]
    edge = np.take_along_axis(best, last, axis=1)[:, 0].astype(np.float64)
    others = np.arange(count + 1) != last
    return near[others].reshape(m, count), edge


def blocks(points: Rows, others: Rows) -> Iterator[Block]:
    """All blocks of two sets in one frame; of a set and itself, only one of two that mirror each other."""
    for one in _slices(len(points.squares)):
        for other in _slices(len(others.squares)):
            if points is others and other.start < one.start:
                continue
            squared = points.quick[one] @ others.quick[other].T
            squared *= -2
            squared += points.squares[one, None].astype(np.float32)
            squared += others.squares[None, other].astype(np.float32)
            yield Block(points, others, one, other, squared)


def _keep(best: Quick, near: Ints, block: Quick, start: int) -> None:
    """Put those of a block that are nearer in the place of the farthest so far."""
    count = best.shape[1]
    if block.shape[1] > count:
        chosen = np.argpartition(block, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(block, chosen, axis=1)
    else:
        chosen, values = np.broadcast_to(np.arange(block.shape[1]), block.shape), block
    values, names = np.hstack([best, values]), np.hstack([near, chosen + start])
    order = np.argpartition(values, count - 1, axis=1)[:, :count]
    best[:], near[:] = np.take_along_axis(values, order, axis=1), np.take_along_axis(names, order, axis=1)


def _squared(rows: Rows, chosen: Ints, others: Rows, other: Ints) -> FloatArray:
    """(p,) squared distances of p pairs, by differences in float64."""
    found = np.empty(len(chosen))
    step = max(1, CELLS // max(1, rows.quick.shape[1]))
    for start in range(0, len(chosen), step):
        part = slice(start, start + step)
        apart = np.subtract(rows.features[chosen[part]], others.features[other[part]], dtype=np.float64)
        apart *= rows.scale
        found[part] = np.einsum("ij,ij->i", apart, apart)
    return found


def _full(rows: Rows, chosen: Ints) -> FloatArray:
    """(p, m) squared distances of some images to all others, by products in float64; infinite to themselves."""
    m = len(rows.squares)
    asked, found = rows.framed(chosen), np.empty((len(chosen), m))
    for part in _slices(m):
        found[:, part] = rows.squares[chosen, None] + rows.squares[None, part] - 2 * asked @ rows.framed(part).T
    found[np.arange(len(chosen)), chosen] = np.inf
    return found


def _slices(n: int) -> Iterator[slice]:
    for start in range(0, n, BLOCK):
        yield slice(start, min(start + BLOCK, n))


def _slack(rows: Rows) -> FloatArray:
    return 2 * SLACK * rows.squares


def _parts(chosen: Ints, m: int) -> Iterator[Ints]:
    step = max(1, CELLS // m)
    for start in range(0, len(chosen), step):
        yield chosen[start : start + step]

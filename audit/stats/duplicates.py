"""Near-duplicates in a set of images, by a level that a reference set gives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.stats.distances import Features
from audit.stats.intervals import FloatArray
from audit.stats.neighbourhoods import Codes, Mask, Rows, Touched, balls, blocks, framed

__all__ = ["RARE", "Duplicates", "near_duplicates"]

RARE = 0.01
"""Share of reference images whose nearest other one is as near as the level: so few that rare copies stand out."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Which images have another one nearer than is usual in the reference."""

    near: Mask
    """(n,) the nearest other image of the set is at most at the level."""
    influence: FloatArray
    """(n,) what each image moves their share by; they average 0."""
    level: float
    """Distance, in the unit of the features."""
    expected: float
    """Share of the reference images that have another reference image as near: ``RARE``, more where many are equal."""


def near_duplicates(generated: Features, reference: Features, cluster: npt.ArrayLike, rare: float = RARE) -> Duplicates:
    """Images whose nearest other image of their set is nearer than all but a share ``rare`` of the reference's are.

    Nearest neighbours are nearer in a larger set, so n = m. The level is an order statistic of m distances and the
    influences hold it fixed: by simulation of equal laws (n of 100 to 600) a 95 % interval lies above the expectation in
    less than 1 % of audits, but below it in up to a quarter, so a low rate means little. A cluster
    counts with its own near-duplicates and with those images of others that have none but in it.

    Args:
        generated: (n, d), n of at least 2.
        reference: (n, d).
        cluster: (n,) what was sampled independently among generated images, as whole numbers.
        rare: 0 .. 1.

    >>> rng = np.random.default_rng(0)
    >>> rows, photos = rng.standard_normal((100, 8)), rng.standard_normal((100, 8))
    >>> rows[60:] = rows[0]
    >>> bool(near_duplicates(rows, photos, np.arange(100)).near.mean() > 0.4)
    True
    """
    if len(generated) != len(reference):
        raise ValueError(
            f"near-duplicates need as many generated as reference images; got {len(generated)}, {len(reference)}"
        )
    codes = np.unique(np.asarray(cluster), return_inverse=True)[1].astype(np.int32)
    rows, others = framed(generated, reference)
    nearest = balls(others, 1).radius
    place = min(len(nearest), max(1, int(np.ceil(rare * len(nearest) - 1e-9)))) - 1
    level = float(np.partition(nearest, place)[place])
    touched = _neighbours(rows, level, codes)
    expected = float((nearest <= level).mean())
    return Duplicates(touched.any, _influence(touched, codes), float(np.sqrt(level)) / rows.scale, expected)


def _neighbours(rows: Rows, level: float, codes: Codes) -> Touched:
    """Clusters of the other images that are at most at the level."""
    touched = Touched.nothing(len(codes))
    reach = np.array([[level]])
    for block in blocks(rows, rows):
        near = block.within(reach)
        if block.one == block.other:
            np.fill_diagonal(near, val=False)
        else:
            touched.add(block.one, near.T, codes[block.other])
        touched.add(block.other, near, codes[block.one])
    return touched


def _influence(touched: Touched, codes: Codes) -> FloatArray:
    """Of the share of images with a near neighbour: the jackknife by cluster, in equal parts on its images."""
    sizes = np.bincount(codes).astype(np.float64)
    n, g = sizes.sum(), len(sizes)
    near = touched.any
    elsewhere = near & (touched.first == touched.last) & (touched.first != codes)
    lost = np.bincount(codes, near, minlength=g) + np.bincount(touched.first[elsewhere], minlength=g)
    apart = lost - lost.sum() * sizes / n
    return np.asarray((apart / sizes)[codes], dtype=np.float64)

"""How different the images of one set are from each other."""

import numpy as np
import numpy.typing as npt

from audit.stats.distances import Features
from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray

__all__ = ["cosine_diversity", "diversity_within", "vendi"]


def cosine_diversity(rows: Features) -> Compared:
    """Mean of 1 - cosine over all pairs of different images: 0 for copies of one image, 1 for unrelated directions.

    An unbiased U-statistic, so it is the same at every n; higher is more diverse. It needs one pass: the cosines of
    all pairs sum to |sum of unit vectors|^2.

    Args:
        rows: (n, d) features, n of at least 2. A vector of zeros has no direction; its cosines count as 0.

    >>> float(cosine_diversity(np.eye(3)).value)
    1.0
    """
    n = len(rows)
    if n < 2:
        raise ValueError(f"diversity needs at least 2 images; got {n}")
    units = _units(rows)
    to_others = (units @ units.sum(axis=0) - units.any(axis=1)) / (n - 1)
    value = 1.0 - float(to_others.mean())
    influence = -2 * (to_others - to_others.mean())
    return Compared(value, np.asarray(influence, dtype=np.float64), np.zeros(0))


def diversity_within(rows: Features, group: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Mean of 1 - cosine over the pairs of different images of each group, such as the images of a prompt.

    0 for a prompt that gives one image again and again, whatever other prompts give; higher is more diverse. Of each group
    an unbiased U-statistic, so it is the same at every number of images.

    Args:
        rows: (n, d) features. A vector of zeros has no direction; its cosines count as 0.
        group: (n,) whole numbers.

    Returns:
        (p,) the groups that have 2 images or more, rising, and (p,) their diversity.

    >>> diversity_within(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), [3, 3, 5, 5, 9])
    (array([3, 5]), array([1., 0.]))
    """
    names, code = np.unique(np.asarray(group, dtype=np.int64), return_inverse=True)
    order = np.argsort(code, kind="stable")
    found = []
    for place, part in enumerate(np.split(order, np.cumsum(np.bincount(code))[:-1]) if len(code) else []):
        if len(part) > 1:
            units = _units(rows[part])
            total = units.sum(axis=0)
            pairs = len(part) * (len(part) - 1)
            found.append((place, 1 - (float(total @ total) - np.count_nonzero(units.any(axis=1))) / pairs))
    kept = np.array([place for place, _ in found], dtype=np.int64)
    return names[kept], np.array([value for _, value in found], dtype=np.float64)


def vendi(rows: Features) -> Compared:
    """Vendi score of order 1 with the cosine kernel (Friedman & Dieng 2023), 1 .. n: how many images that share nothing.

    exp of the entropy of the eigenvalues of K / n, K the cosines of all pairs; they are those of the mean outer product
    of the unit vectors as well, so the smaller of the two matrices is used. 1 for copies of one image, n for images at
    right angles. The influence of an image with direction u is V (-u' log(C) u - log V), C the mean outer product: how
    much rarer its directions are than usual.

    It grows with n, because a sample misses directions: compare at equal n only. The interval speaks of this n.

    Args:
        rows: (n, d) features, n of at least 2. Vectors of zeros count as copies of one image unlike all others.

    >>> round(vendi(np.eye(5)).value, 9), round(vendi(np.ones((5, 3))).value, 9)
    (5.0, 1.0)
    """
    n = len(rows)
    if n < 2:
        raise ValueError(f"a Vendi score needs at least 2 images; got {n}")
    units = _units(rows)
    blank = 1.0 - units.any(axis=1, keepdims=True)
    if blank.any():
        units = np.hstack([units, blank])
    squares, values = _spectrum(units)
    logs = np.log(values)
    entropy = float(-(values * logs).sum())
    value = float(np.exp(entropy))
    influence = value * (-(squares @ logs) - entropy)
    return Compared(value, np.asarray(influence - influence.mean(), dtype=np.float64), np.zeros(0))


def _spectrum(units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, r) squared components of each vector along r directions, and (r,) their mean: the eigenvalues above 0."""
    n, width = units.shape
    if n > width:
        values, vectors = np.linalg.eigh(units.T @ units / n)
        squares = (units @ vectors) ** 2
    else:
        values, vectors = np.linalg.eigh(units @ units.T / n)
        squares = vectors**2 * (n * values)
    kept = values > len(values) * np.finfo(np.float64).eps
    return squares[:, kept], values[kept] / values[kept].sum()


def _units(rows: Features) -> FloatArray:
    """Directions in float64; a vector of zeros stays."""
    dense = np.asarray(rows, dtype=np.float64)
    norms = np.sqrt((dense**2).sum(axis=1, keepdims=True))
    return np.asarray(dense / np.where(norms > 0, norms, 1.0), dtype=np.float64)

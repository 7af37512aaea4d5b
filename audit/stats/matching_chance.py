"""Tests of likeness that need no threshold: ranks among impostors, and swapped prompts."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from audit.stats.intervals import FloatArray

__all__ = ["fewest_standouts", "fewest_swaps", "impostors_needed", "rank_p_values", "swapped_difference"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SWAPS = 9_999
ROUNDING = 1e-9
CELLS = 500_000
"""Values permuted at a time, so that memory stays small."""


def rank_p_values(best: FloatArray, impostors: FloatArray, unit: IntArray) -> FloatArray:
    """How often an impostor image is at least as like its best match in a gallery as an image is like its own.

        p = (1 + sum over units of the share of their images with a best match >= best) / (1 + units)

    Exact where the image is exchangeable with those of the impostors, whatever the gallery and the scale of similarities
    (a conformal p-value: Vovk, Gammerman & Shafer 2005, section 2.2). Several images of a unit (prompt) count as one, by
    their mean, so that alike images are not taken for many; of means of p-values, twice the value is safe in every case
    (Vovk & Wang 2020). The smallest is 1 / (1 + units). The tests share their impostors, so they are positively dependent
    (Bates et al. 2023), which the adjustments of ``multiplicity`` allow.

    Args:
        best: (n,) similarity of each image to the person in the gallery that it is most like.
        impostors: (m,) the same of images of nobody in the gallery, m >= 1.
        unit: (m,) what was sampled independently among impostors, 0 .. units - 1.

    Returns:
        (n,) above 0, at most 1.

    Raises:
        ValueError: no impostors, or ``unit`` of another length.

    >>> rank_p_values(np.array([0.9, 0.5]), np.array([0.1, 0.6, 0.2]), np.array([0, 1, 2]))
    array([0.25, 0.5 ])
    """
    impostors = np.asarray(impostors, dtype=np.float64)
    if not len(impostors) or len(unit) != len(impostors):
        raise ValueError(f"rank_p_values needs impostors, each with a unit; got {len(impostors)} and {len(unit)}")
    images = np.bincount(unit)
    order = np.argsort(impostors, kind="stable")
    # Weight of the impostors from each place of the order on.
    beyond = np.append(np.cumsum((1 / images[unit])[order][::-1])[::-1], 0.0)
    units = np.count_nonzero(images)
    place = np.searchsorted(impostors[order], np.asarray(best, dtype=np.float64), side="left")
    return np.asarray(np.minimum((1 + beyond[place]) / (1 + units), 1.0), dtype=np.float64)


def fewest_standouts(images: int, units: int, level: float) -> int:
    """How many images at once have to rank above all impostors, so that any is significant among ``images``.

    The smallest rank p-value is 1 / (1 + units); Benjamini and Hochberg's adjustment multiplies it by images / number at
    once. More than ``images``: none can ever be. 1: one image alone can.

    >>> fewest_standouts(40, 100, 0.05), fewest_standouts(40, 799, 0.05), fewest_standouts(40, 10, 0.05)
    (8, 1, 73)
    """
    return max(1, math.ceil(images / (level * (1 + units)) - ROUNDING))


def impostors_needed(images: int, level: float) -> int:
    """Units of impostors from which on one image alone can be significant among ``images``.

    >>> impostors_needed(40, 0.05)
    799
    """
    return math.ceil(images / level - ROUNDING) - 1


def fewest_swaps(named: BoolArray, block: IntArray) -> float:
    """Number of ways to say which values are the named ones, within blocks; its inverse is the smallest p-value.

    >>> fewest_swaps(np.array([True, False, False]), np.zeros(3, dtype=np.int64))
    3.0
    """
    named = np.asarray(named, dtype=bool)
    sizes, chosen = np.bincount(block), np.bincount(block, named)
    logs = _log_factorial(sizes) - _log_factorial(chosen) - _log_factorial(sizes - chosen)
    return float(np.round(np.exp(min(float(logs.sum()), 700.0))))


def swapped_difference(
    values: FloatArray, named: BoolArray, block: IntArray, rng: np.random.Generator
) -> tuple[float, float]:
    """Mean of the named values less that of the others, and how often it is as large where names mean nothing.

    The difference of each block counts by its named values. One block with at most 9,999 ways to choose the named values
    is listed: p is the share of ways with as large a difference. Else which values of a block are the named ones is drawn
    9,999 times, p = (1 + as large) / (1 + 9,999) (Phipson & Smyth 2010). One-sided, and exact where, but for the name, the
    values of a block are exchangeable.

    Args:
        values: (n,).
        named: (n,) at least one in every block, as well as one that is not.
        block: (n,) such as the seed, 0 .. blocks - 1.
        rng: source of randomness.

    Returns:
        Difference and p-value.

    Raises:
        ValueError: a block has no named value, or no other.

    >>> values, named = np.arange(40.0), np.arange(40) >= 20
    >>> difference, p = swapped_difference(values, named, np.zeros(40, dtype=np.int64), np.random.default_rng(0))
    >>> difference, p
    (20.0, 0.0001)
    """
    values, named = np.asarray(values, dtype=np.float64), np.asarray(named, dtype=bool)
    sizes, chosen = np.bincount(block).astype(np.float64), np.bincount(block, named).astype(np.float64)
    if not len(values) or np.any(chosen < 1) or np.any(chosen >= sizes):
        raise ValueError("every block needs a named value and one that is not")
    weighed, constant = _linear(values, block, sizes, chosen)
    found = float(weighed[named].sum())
    least = found - 1e-12 * max(1.0, float(np.abs(weighed).sum()))
    if len(sizes) == 1 and fewest_swaps(named, block) <= SWAPS:
        ways = np.array(list(combinations(range(len(values)), int(chosen[0]))))
        return found - constant, float((weighed[ways].sum(axis=1) >= least).mean())
    as_large = sum(int(np.count_nonzero(sums >= least)) for sums in _swapped(weighed, block, chosen, rng))
    return found - constant, (1 + as_large) / (1 + SWAPS)


def _linear(values: FloatArray, block: IntArray, sizes: FloatArray, chosen: FloatArray) -> tuple[FloatArray, float]:
    """(n,) values whose sum over the named ones, less the number, is the difference.

    A block's difference is linear in the sum of its named values, and so is the mean over blocks.
    """
    weight = chosen / chosen.sum()
    slope = weight * (1 / chosen + 1 / (sizes - chosen))
    return values * slope[block], float((weight * np.bincount(block, values) / (sizes - chosen)).sum())


def _swapped(values: FloatArray, block: IntArray, chosen: FloatArray, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Sums of values chosen at random, as many in each block as are named, in parts of 9,999."""
    starts = np.cumsum(np.bincount(block)) - np.bincount(block)
    taken = np.arange(len(values)) - np.repeat(starts, np.bincount(block)) < np.repeat(chosen, np.bincount(block))
    each = max(1, CELLS // len(values))
    for start in range(0, SWAPS, each):
        keys = block + rng.random((min(each, SWAPS - start), len(values)))
        order = np.argsort(keys, axis=1)  # blocks stay in order, shuffled within
        yield np.asarray(values[order[:, taken]].sum(axis=1), dtype=np.float64)


def _log_factorial(counts: npt.NDArray[np.generic]) -> FloatArray:
    most = int(np.max(counts, initial=0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1, dtype=np.float64)))])
    return np.asarray(logs[np.asarray(counts, dtype=np.int64)], dtype=np.float64)

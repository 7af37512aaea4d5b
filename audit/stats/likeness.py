"""Whether images asked for by one name show one and the same face: how alike they are, beside what other names draw.

Nothing here knows what the person looks like. An *arm* is one way of asking (a name, a name of nobody, a description); its
images share *seeds* with those of the other arms, at most one image for each seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import FloatArray

__all__ = ["FEWEST", "Consistency", "alikeness", "beyond_names", "consistency", "stands_out", "swapped_consistency"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FEWEST = 3
"""Images of an arm below which nothing is said of how much its consistency varies."""
SWAPS = 9_999
CELLS = 2_000_000
"""Numbers held at a time, so that memory stays small."""
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Consistency:
    """How alike the images of one arm are."""

    value: float
    """Mean similarity of all pairs of images of different seeds."""
    moved: FloatArray
    """(n,) what each image moves it by, sum 0: jackknife pseudo-values (Arvesen 1969) less ``value``. Their variance over n
    is that of ``value``, pairs that share images included. Zeros where n is 2."""


def alikeness(vectors: FloatArray, kind: Literal["cosine", "euclidean"]) -> FloatArray:
    """Similarity of each two vectors.

    Args:
        vectors: (n, d); none of length 0 for cosines.
        kind: the cosine, -1 .. 1, or minus the Euclidean distance, at most 0. Higher is more alike.

    Returns:
        (n, n), symmetric.

    >>> alikeness(np.array([[3.0, 4.0], [0.0, 2.0]]), "cosine").round(2)
    array([[1. , 0.8],
           [0.8, 1. ]])
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if kind == "cosine":
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(unit @ unit.T, dtype=np.float64)
    squares = (vectors * vectors).sum(axis=1)
    return np.asarray(-np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0.0)), dtype=np.float64)


def consistency(alike: FloatArray) -> Consistency:
    """Mean similarity of the pairs of one arm, with what each image moves it by.

    A U-statistic of degree 2: with r_i the mean similarity of image i to the others, U = mean r_i, and leaving image i out
    moves U so that its pseudo-value is U + 2 (n - 1) / (n - 2) (r_i - U).

    Args:
        alike: (n, n) similarities of images of different seeds, n >= 2; the diagonal is not used.

    Raises:
        ValueError: fewer than two images.

    >>> found = consistency(np.array([[1.0, 0.5, 0.4], [0.5, 1.0, 0.0], [0.4, 0.0, 1.0]]))
    >>> round(found.value, 9), found.moved.round(3)
    (0.3, array([ 0.6, -0.2, -0.4]))
    """
    n = len(alike)
    if n < 2:
        raise ValueError(f"consistency needs two images at least; got {n}")
    each = (alike.sum(axis=1) - np.diagonal(alike)) / (n - 1)
    value = float(each.mean())
    moved = 2 * (n - 1) / (n - 2) * (each - value) if n > 2 else np.zeros(n)
    return Consistency(value, np.asarray(moved, dtype=np.float64))


def stands_out(value: float, others: Sequence[float], level: float = 0.05) -> float:
    """How often one more name of a kind is as consistent as this one, judged by the others.

    Names are what is sampled here, so that more images of the same names do not make small differences of names look like
    much. With so many others that the rank can reach ``level`` (19 for .05) it is the rank, which supposes nothing but that
    the name is one of a kind with them; with fewer, a t test of one case beside a few:

        p = (1 + others as consistent) / (1 + m), or of
        t = (value - mean) / (s sqrt(1 + 1 / m)),   m - 1 degrees of freedom, one-sided

    The latter is exact where the consistencies of names of this kind, sampling error included, are normal (Crawford &
    Howell 1998); where a few names are far more consistent than most, it finds these too often.

    Args:
        value: consistency of the name.
        others: (m,) consistencies of names of the same kind at about as many images, m >= 2.
        level: error rate that a rank has to reach to be used, above 0.

    Returns:
        0 .. 1; 0 or 1 where a few others are all equal.

    Raises:
        ValueError: fewer than two others, which have no spread.

    >>> round(stands_out(0.9, [0.30, 0.34, 0.32]), 4), stands_out(0.9, [0.3] * 19)
    (0.0008, 0.05)
    """
    m = len(others)
    if m < 2:
        raise ValueError(f"stands_out needs two other names at least; got {m}")
    if (1 + m) * level >= 1 - ROUNDING:
        return (1 + sum(other >= value - ROUNDING for other in others)) / (1 + m)
    beyond, spread = value - float(np.mean(others)), float(np.std(others, ddof=1)) * np.sqrt(1 + 1 / m)
    if spread <= ROUNDING:
        return 0.0 if beyond > ROUNDING else 1.0
    return float(stats.t.sf(beyond / spread, m - 1))


def beyond_names(
    alike: FloatArray, arm: IntArray, seed: IntArray, rng: np.random.Generator, *, level: float = 0.05, swaps: int = SWAPS
) -> float:
    """How often a name is as much more consistent than names of its kind by chance: of seeds, or of names.

    The largest of the p-values of ``swapped_consistency`` against each of the others, and of ``stands_out`` among them if
    there are two or more. So it is small only where all of these hypotheses are unlikely, and needs no adjustment for how
    many they are (an intersection-union test, Berger 1982).

    Args:
        alike: (n, n) similarities of all images.
        arm: (n,) 0 for the images of the name, 1 .. m for those of the others, each with two images at least.
        seed: (n,) seeds, any numbers; an arm has each at most once.
        rng: source of randomness.
        level: see ``stands_out``.
        swaps: see ``swapped_consistency``.

    Returns:
        0 .. 1.

    Raises:
        ValueError: there are no others, or an arm has fewer than two images, or two of one seed.
    """
    arm, others = np.asarray(arm), int(np.max(arm, initial=0))
    if not others:
        raise ValueError("beyond_names needs the images of another name")
    own, values = np.flatnonzero(arm == 0), []
    against = [np.flatnonzero(arm == other) for other in range(1, others + 1)]
    for rows in against:
        both = np.concatenate([own, rows])
        first = np.arange(len(both)) < len(own)
        values.append(swapped_consistency(alike[np.ix_(both, both)], first, seed[both], rng, swaps))
    if others > 1:
        mean, *means = (consistency(alike[np.ix_(rows, rows)]).value for rows in (own, *against))
        values.append(stands_out(mean, means, level))
    return max(values)


def swapped_consistency(
    alike: FloatArray, first: BoolArray, seed: IntArray, rng: np.random.Generator, swaps: int = SWAPS
) -> float:
    """How often one arm is as much more consistent than another if, seed by seed, it is chance which arm an image is of.

    Permuted is the difference of the mean similarities over its jackknife standard error, in which seeds are the units.
    One-sided. Exact where the two images of a seed are exchangeable, missing ones included, that is where both arms draw
    the same; thanks to the division also right, for many seeds, where they draw different things equally consistently
    (Chung & Romano 2016). All ways to swap are listed where there are at most ``swaps`` + 1; else they are drawn, and
    p = (1 + as large) / (1 + swaps) (Phipson & Smyth 2010).

    Args:
        alike: (n, n) similarities of the images of both arms.
        first: (n,) the image is of the first arm, which is asked about.
        seed: (n,) seeds, any numbers; an arm has each at most once.
        rng: source of randomness.
        swaps: how many are drawn.

    Returns:
        Above 0, at most 1; 1 where an arm has fewer than three images.

    Raises:
        ValueError: an arm has two images of one seed.
    """
    first, seed = np.asarray(first, dtype=bool), np.asarray(seed)
    order = np.lexsort((~first, seed))
    alike, first, seed = np.asarray(alike, dtype=np.float64)[np.ix_(order, order)], first[order], seed[order]
    codes, unit = np.unique(seed, return_inverse=True)
    if len(set(zip(unit, first, strict=True))) < len(unit):
        raise ValueError("swapped_consistency takes at most one image of each seed in an arm")
    if min(first.sum(), (~first).sum()) < FEWEST:
        return 1.0
    apart = np.where(unit[:, None] == unit, 0.0, alike)
    listed = len(codes) < 63 and 2 ** len(codes) <= swaps + 1
    flips = _all_flips(len(codes)) if listed else _drawn_flips(len(codes), rng, swaps, len(unit))
    as_large, drawn = _as_large(apart, first, unit, flips)
    return as_large / drawn if listed else (1 + as_large) / (1 + drawn)


def _as_large(apart: FloatArray, first: BoolArray, unit: IntArray, flips: Iterator[BoolArray]) -> tuple[int, int]:
    """How many swaps give as large a difference as there is, and of how many."""
    found = float(_studentised(apart, first[None], unit)[0])
    least = found - ROUNDING * max(1.0, abs(found))
    as_large, drawn = 0, 0
    for some in flips:
        as_large += int(np.count_nonzero(_studentised(apart, first ^ some[:, unit], unit) >= least))
        drawn += len(some)
    return as_large, drawn


def _all_flips(seeds: int) -> Iterator[BoolArray]:
    yield np.array(list(product((False, True), repeat=seeds)), dtype=bool)


def _drawn_flips(seeds: int, rng: np.random.Generator, swaps: int, images: int) -> Iterator[BoolArray]:
    each = max(1, CELLS // images)
    for start in range(0, swaps, each):
        yield rng.random((min(each, swaps - start), seeds)) < 0.5


def _studentised(apart: FloatArray, first: BoolArray, unit: IntArray) -> FloatArray:
    """(p,) difference of the consistencies of two arms over its standard error, for p ways to say whose the images are.

    0 where an arm has too few images to tell.

    Args:
        apart: (n, n) similarities, 0 for two images of one seed.
        first: (p, n) images of the first arm.
        unit: (n,) place of each image's seed among them, rising.
    """
    other = np.logical_not(first)
    sums = first.astype(np.float64) @ apart
    sums = np.where(first, sums, apart.sum(axis=0) - sums)
    sizes = np.stack([first.sum(axis=1), other.sum(axis=1)], axis=1).astype(np.float64)
    enough = sizes.min(axis=1) >= FEWEST
    sizes = np.where(enough[:, None], sizes, FEWEST)
    n = np.where(first, sizes[:, :1], sizes[:, 1:])
    each = sums / (n - 1)
    means = np.stack([(each * side).sum(axis=1) for side in (first, other)], axis=1) / sizes
    off = each - np.where(first, means[:, :1], means[:, 1:])
    moved = np.where(first, 1.0, -1.0) * off * 2 * (n - 1) / ((n - 2) * n)
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    by_seed = np.add.reduceat(moved, starts, axis=1)
    seeds = len(starts)
    error = np.sqrt((by_seed * by_seed).sum(axis=1) * seeds / (seeds - 1))
    beyond = means[:, 0] - means[:, 1]
    beyond[np.abs(beyond) <= ROUNDING * np.maximum(1.0, np.abs(means).max(axis=1))] = 0.0
    found = np.where(enough & (beyond != 0), beyond / np.maximum(error, ROUNDING * np.abs(beyond) + 1e-300), 0.0)
    return np.asarray(found, dtype=np.float64)

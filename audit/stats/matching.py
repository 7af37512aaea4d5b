"""How often faces of different people are taken for one person, with intervals that know that comparisons share people.

A comparison is a similarity of two faces; it is a match where it reaches the threshold, ``similarity >= threshold``
(ISO/IEC 19795-1). A false match is a match of different people. Comparisons that share a person or an image are alike:
counted as independent they give intervals that cover 36 to 63 % at nominal 95 %.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import ASSUMED_CORRELATION, Estimate, FloatArray, cluster_share, shrunk_design_effect, wilson

__all__ = [
    "all_pairs_rate",
    "assumed_design_effect",
    "comparisons_needed",
    "crossed_rate",
    "false_match_rate",
    "false_non_match_rate",
    "identities_needed",
    "per_comparison_rate",
    "probe_rate",
    "search_rate",
]

BoolArray = npt.NDArray[np.bool_]

SPREAD = 4.0
"""Squared coefficient of variation of people's match rates, assumed while matches are few: some match many times as often
as others (the wolves and lambs of Doddington et al. 1998). Times the rate it is the intraclass correlation of rare matches.
"""
MOST_ALIKE = 0.02
"""Of comparisons that share a person, assumed however common matches are."""


def false_match_rate(similarity: npt.ArrayLike, threshold: float) -> float:
    """Share of comparisons of different people that are taken for a match: mean of ``similarity >= threshold``.

    Args:
        similarity: of pairs of different people; at least one.

    >>> false_match_rate([0.1, 0.3, 0.5, 0.3], 0.3)
    0.75
    """
    return float(np.mean(_some(similarity) >= threshold))


def false_non_match_rate(similarity: npt.ArrayLike, threshold: float) -> float:
    """Share of comparisons of one person with himself or herself that are not a match: mean of ``similarity < threshold``.

    Args:
        similarity: of pairs of images of one person; at least one.

    >>> false_non_match_rate([0.1, 0.3, 0.5, 0.3], 0.3)
    0.25
    """
    return float(np.mean(_some(similarity) < threshold))


def search_rate(rate: float, gallery: int) -> float:
    """Chance that an image of nobody in a gallery matches somebody in it, FPIR = 1 - (1 - FMR)^G, for independent people.

    >>> round(search_rate(1e-4, 1000), 3)
    0.095
    """
    return -math.expm1(gallery * math.log1p(-rate)) if rate < 1 else 1.0


def per_comparison_rate(family: float, comparisons: int) -> float:
    """Largest false match rate with which any false match among all comparisons has at most the chance ``family``.

    family / comparisons (Bonferroni): it holds however alike the comparisons are. Sidak's
    1 - (1 - family)^(1 / comparisons) is larger by at most 3 % for a chance of .05, and needs them to be independent or
    positively dependent.

    Args:
        family: 0 .. 1.
        comparisons: images times people in the gallery, at least 1.

    >>> per_comparison_rate(0.05, 1000 * 100)
    5e-07
    """
    if not 0 < family < 1 or comparisons < 1:
        raise ValueError(f"family must lie between 0 and 1, and comparisons be 1 or more; got {family} and {comparisons}")
    return family / comparisons


def comparisons_needed(rate: float, *, confidence: float = 0.95) -> int:
    """Independent comparisons without a match that show a false match rate of at most ``rate``: the rule of three.

        log(1 - confidence) / log(1 - rate), about 3 / rate at 95 %

    >>> comparisons_needed(1e-3), comparisons_needed(1e-6)
    (2995, 2995731)
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate must lie between 0 and 1; got {rate}")
    return math.ceil(math.log(1 - confidence) / math.log1p(-rate))


def identities_needed(comparisons: int) -> int:
    """Fewest people with so many pairs, n (n - 1) / 2. Pairs share people, so more are needed for a true interval.

    >>> identities_needed(3000), identities_needed(3_000_000)
    (78, 2450)
    """
    return math.ceil((1 + math.sqrt(1 + 8 * comparisons)) / 2)


def all_pairs_rate(matches: BoolArray, *, confidence: float = 0.95) -> Estimate:
    """Rate of matches over all pairs of one set of people, each with one image.

        variance = 4 Var(r_i) / n,   r_i = rate of the matches of person i

    the variance of a U-statistic by its projection on people (Hoeffding 1948), as Fogliato, Patil & Perona (2024) advise
    for 1:1 verification, and Wilson's interval at the effective number of pairs that it stands for. While matches are few
    the design effect is shrunk towards ``assumed_design_effect``, so that no match at all is not taken for certainty.

    Args:
        matches: (n, n) symmetric; the diagonal is not read.
        confidence: 0 .. 1.

    Returns:
        Its ``clusters`` are the people. No interval with 2 people: they are one pair.

    Raises:
        ValueError: not a square of at least 2 people, or not symmetric.

    >>> found = all_pairs_rate(np.zeros((100, 100), dtype=bool))
    >>> found.value, found.interval is not None and 4 / 4950 < found.interval[1] < 4 / 50
    (0.0, True)
    """
    matches = np.asarray(matches, dtype=bool)
    people = len(matches)
    if matches.ndim != 2 or matches.shape != (people, people) or people < 2:
        raise ValueError(f"matches must be a square of at least 2 people; got shape {matches.shape}")
    if not np.array_equal(matches, matches.T):
        raise ValueError("matches must be symmetric: a pair matches or it does not")
    counts = matches.sum(axis=1) - matches.diagonal()
    pairs = people * (people - 1) / 2
    share = float(counts.sum() / 2 / pairs)
    if people == 2:
        return Estimate(share, None, people, 1.0, "share of pairs; one pair, so no interval")
    variance = 4 * float(np.var(counts / (people - 1), ddof=1)) / people
    alike = 1 + 2 * (people - 2) * _assumed(share, pairs)
    method = "share of all pairs; Wilson interval at the effective n of the people, t quantile"
    return _at_effective_n(_Spread(share, pairs, variance, alike, people), confidence, method)


def crossed_rate(totals: FloatArray, sizes: FloatArray, *, confidence: float = 0.95) -> Estimate:
    """Rate of matches of one set of images against another of people, as true of other images as of other people.

        variance = by rows + by columns - by cells,   at least the larger of the first two

    with the residuals total - rate * size of rows, columns and cells (Cameron, Gelbach & Miller 2011), and Wilson's
    interval at the effective number of comparisons that it stands for. A single row or column is taken as given.

    Args:
        totals: (r, c) matches of each unit of images (a prompt) with each person.
        sizes: (r, c) comparisons of each.
        confidence: 0 .. 1.

    Returns:
        Its ``clusters`` are the smaller number of rows and columns.

    Raises:
        ValueError: no comparisons, or other shapes.

    >>> found = crossed_rate(np.zeros((50, 40)), np.ones((50, 40)))
    >>> found.value, found.clusters, found.interval is not None and 4 / 2000 < found.interval[1] < 4 / 40
    (0.0, 40, True)
    """
    totals, sizes = _table(totals, sizes)
    n = float(sizes.sum())
    share = float(totals.sum() / n)
    ways = [count for count in totals.shape if count > 1]
    if not ways:
        return Estimate(share, None, 1, 1.0, "share; one prompt and one person, so no interval")
    apart = totals - share * sizes
    by_row, by_column, by_cell = (_squares(sums) / n**2 for sums in (apart.sum(axis=1), apart.sum(axis=0), apart.ravel()))
    variance = max(by_row + by_column - by_cell, by_row, by_column)
    correlation = _assumed(share, n)
    others = [float((sums * sums).sum()) / n - 1 for sums in (sizes.sum(axis=1), sizes.sum(axis=0))]
    alike = 1 + correlation * sum(other for other, count in zip(others, totals.shape, strict=True) if count > 1)
    method = "share of comparisons; Wilson interval at the effective n of prompts and people, t quantile"
    return _at_effective_n(_Spread(share, n, variance, alike, min(ways)), confidence, method)


def probe_rate(totals: FloatArray, sizes: FloatArray, *, images: float, confidence: float = 0.95) -> Estimate:
    """Rate of matches of images against the people of this gallery: true of other images, not of other people.

    ``intervals.cluster_share`` by unit (prompt), with the correlation of ``assumed_design_effect`` while matches are few.

    Args:
        totals: (r, c) matches of each unit of images (a prompt) with each person.
        sizes: (r, c) comparisons of each.
        images: mean number of images of a unit.
        confidence: 0 .. 1.

    Raises:
        ValueError: no comparisons, or other shapes.

    >>> found = probe_rate(np.zeros((200, 10)), np.ones((200, 10)), images=1)
    >>> found.value, found.interval is not None and 3.8 / 2000 < found.interval[1] < 4.2 / 2000
    (0.0, True)
    """
    totals, sizes = _table(totals, sizes)
    by_unit, of_unit = totals.sum(axis=1), sizes.sum(axis=1)
    n = float(of_unit.sum())
    others = float((of_unit * of_unit).sum()) / n - 1
    rate = max(float(by_unit.sum()), 3.0) / n
    alike = assumed_design_effect(rate, images=images, people=totals.shape[1])
    correlation = min(1.0, (alike - 1) / others) if others > 0 else 0.0
    return cluster_share(by_unit, of_unit, confidence=confidence, correlation=correlation)


def assumed_design_effect(rate: float, *, images: float, people: int) -> float:
    """How many comparisons are worth one independent comparison, as far as too few matches tell.

        (1 + (images - 1) r) (1 + (people - 1) min(.02, 4 rate)),   r = .15

    Images of a prompt are taken to be as alike as elsewhere in this package; the comparisons of an image, as if match rates
    of images had a coefficient of variation of 2.

    Args:
        rate: false match rate.
        images: images of a prompt.
        people: in the gallery.

    >>> round(assumed_design_effect(1e-3, images=1, people=101), 6)
    1.4
    """
    return (1 + (max(images, 1.0) - 1) * ASSUMED_CORRELATION) * (1 + (people - 1) * min(MOST_ALIKE, SPREAD * rate))


@dataclass(frozen=True, slots=True)
class _Spread:
    """What an interval at the effective n needs."""

    share: float
    n: float
    """Comparisons."""
    variance: float
    """Of the share, as estimated."""
    alike: float
    """Design effect assumed while matches are few."""
    units: int


def _at_effective_n(spread: _Spread, confidence: float, method: str) -> Estimate:
    quantile = float(stats.t.ppf((1 + confidence) / 2, spread.units - 1))
    share, n = spread.share, spread.n
    single = share * (1 - share) / n
    estimated = spread.variance / single if single > 0 else 1.0
    events = min(share, 1 - share) * n
    effect = shrunk_design_effect(estimated, np.array([spread.alike]), events=events, quantile=quantile, correlation=1.0)
    effective = n / effect
    interval = wilson(share * effective, effective, quantile=quantile)
    return Estimate(share, interval, spread.units, effective, method)


def _assumed(share: float, n: float) -> float:
    return min(MOST_ALIKE, SPREAD * max(share, 3 / n))


def _squares(sums: FloatArray) -> float:
    return float((sums * sums).sum()) * len(sums) / max(len(sums) - 1, 1)


def _some(similarity: npt.ArrayLike) -> FloatArray:
    values = np.asarray(similarity, dtype=np.float64)
    if not values.size:
        raise ValueError("no comparisons: nothing to estimate")
    return values


def _table(totals: FloatArray, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    totals, sizes = np.asarray(totals, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if totals.shape != sizes.shape or totals.ndim != 2:
        raise ValueError(f"totals and sizes must be of one (r, c) shape; got {totals.shape} and {sizes.shape}")
    if not sizes.sum() > 0:
        raise ValueError("no comparisons: nothing to estimate")
    return totals, sizes

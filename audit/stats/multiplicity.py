"""What is left of many findings once it is allowed for that many were looked at.

Each function gives adjusted p-values: reject what is at most the error rate. NaN stands for a test that could not be
made: it stays NaN and is not counted. A gate that needs every metric within its margin needs none of this: that is an
intersection-union test, each part at the full error rate (Berger 1982).
"""

import numpy as np

from audit.stats.intervals import FloatArray

__all__ = ["benjamini_hochberg", "benjamini_yekutieli", "e_bh", "holm"]


def holm(p_values: FloatArray) -> FloatArray:
    """P-values that control the chance of any false rejection, whatever the dependence (Holm 1979).

        adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),   p_(1) <= ... <= p_(m)

    Args:
        p_values: (m,) in 0 .. 1 or NaN.

    Returns:
        (m,) in 0 .. 1, in the order given, never below ``p_values``; NaN where those are.

    Raises:
        ValueError: ``p_values`` is not one row of numbers in 0 .. 1.

    >>> holm(np.array([0.01, np.nan, 0.04, 0.03]))
    array([0.03,  nan, 0.06, 0.06])
    """
    ranked, place = _ranked(_probabilities(p_values))
    m = len(ranked)
    stepped = np.maximum.accumulate(ranked * np.arange(m, 0, -1))
    return _restored(stepped, place, len(p_values))


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """P-values that control the expected share of false ones among the rejections (Benjamini & Hochberg 1995).

        adjusted p_(i) = min over j >= i of min(1, m p_(j) / j)

    Valid for independent tests and those with positive regression dependence (Benjamini & Yekutieli 2001), such as many
    cells against one common control; for any dependence use ``benjamini_yekutieli``. A p-value cannot be taken out of its
    list: the list is the claim.

    Args:
        p_values: (m,) in 0 .. 1 or NaN.

    Returns:
        (m,) in 0 .. 1, in the order given, never below ``p_values``; NaN where those are.

    Raises:
        ValueError: ``p_values`` is not one row of numbers in 0 .. 1.

    >>> benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03]))
    array([0.03,  nan, 0.04, 0.04])
    """
    return _stepped_up(_probabilities(p_values), factor=1.0)


def benjamini_yekutieli(p_values: FloatArray) -> FloatArray:
    """As ``benjamini_hochberg``, for any dependence of the tests (Benjamini & Yekutieli 2001).

    The adjusted values of Benjamini & Hochberg, times 1 + 1/2 + ... + 1/m.

    Args:
        p_values: (m,) in 0 .. 1 or NaN.

    Returns:
        (m,) in 0 .. 1, in the order given, never below ``p_values``; NaN where those are.

    Raises:
        ValueError: ``p_values`` is not one row of numbers in 0 .. 1.

    >>> benjamini_yekutieli(np.array([0.01, np.nan, 0.04])).round(4)
    array([0.03,  nan, 0.06])
    """
    tests = int(np.count_nonzero(~np.isnan(p_values)))
    return _stepped_up(_probabilities(p_values), factor=float((1 / np.arange(1, tests + 1)).sum()))


def e_bh(e_values: FloatArray) -> FloatArray:
    """False discovery rate of e-values, whatever their dependence and whenever one stopped (Wang & Ramdas 2022).

    Rejects the k largest, k the most with k e_[k] >= m / rate. That is Benjamini & Hochberg on 1 / e, needing no
    condition here, so the result reads like adjusted p-values.

    Args:
        e_values: (m,) 0 or more (infinity allowed) or NaN; large ones speak against the hypothesis.

    Returns:
        (m,) in 0 .. 1, in the order given: reject what is at most the error rate; NaN where ``e_values`` are.

    Raises:
        ValueError: ``e_values`` is not one row of numbers of at least 0.

    >>> e_bh(np.array([100.0, np.nan, 30.0, 0.5]))
    array([0.03,  nan, 0.05, 1.  ])
    """
    e_values = np.asarray(e_values, dtype=np.float64)
    if e_values.ndim != 1 or np.any(e_values < 0):
        raise ValueError("e_values must be one row of numbers of at least 0 (or NaN)")
    with np.errstate(divide="ignore"):
        return _stepped_up(np.minimum(1 / e_values, 1.0), factor=1.0)


def _probabilities(p_values: FloatArray) -> FloatArray:
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or np.any((values < 0) | (values > 1)):
        raise ValueError("p_values must be one row of numbers in 0 .. 1 (or NaN)")
    return values


def _stepped_up(values: FloatArray, factor: float) -> FloatArray:
    ranked, place = _ranked(values)
    m = len(ranked)
    scaled = ranked * factor * m / np.arange(1, m + 1)
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], place, len(values))


def _ranked(values: FloatArray) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """The values that are there in rising order, and the place of each."""
    there = np.flatnonzero(~np.isnan(values))
    place = there[np.argsort(values[there], kind="stable")]
    return values[place], place


def _restored(ranked: FloatArray, place: np.ndarray[tuple[int], np.dtype[np.intp]], length: int) -> FloatArray:
    adjusted = np.full(length, np.nan)
    adjusted[place] = np.minimum(ranked, 1.0)
    return adjusted

"""Mutual information of counts that come in clusters, and how far it can be trusted.

In nats: 0 for independent attributes, at most the log of the fewer levels.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from audit.stats.intervals import FloatArray

__all__ = ["TINY", "Information", "IntArray", "Sample", "mutual_information"]

IntArray = npt.NDArray[np.int64]

TINY = 1e-9  # information that differs by less is equal
LARGE = 100.0  # a noncentral chi-squared deviate beyond which its root is as good as normal


@dataclass(frozen=True, slots=True)
class Information:
    """Mutual information in nats, of each cell: arrays of shape (c,)."""

    value: FloatArray
    """As found, 0 or more; biased upward."""
    expected: FloatArray
    """Mean of the permutations: what as many images show where nothing depends on anything."""
    low: FloatArray
    """Low end of the interval of the true information, which value - expected estimates."""
    high: FloatArray
    """High end; the largest there can be (log of the fewer levels) where a cell has one cluster."""
    p_value: FloatArray
    """Share of permutations, the sample itself among them, that show as much."""


def mutual_information(tables: FloatArray) -> FloatArray:
    """Mutual information of the rows and columns of counts, in nats (Shannon 1948).

        sum p_ab log(p_ab / (p_a p_b))

    Args:
        tables: (..., k, l) counts, 0 or more.

    Returns:
        (...), 0 for independent margins and for a table without counts; at most log(min(k, l)).

    >>> round(float(mutual_information(np.array([[5.0, 0], [0, 5]]))), 4)
    0.6931
    """
    n = tables.sum(axis=(-2, -1))
    rows, columns = (special.xlogy(margin, margin).sum(axis=-1) for margin in (tables.sum(axis=-1), tables.sum(axis=-2)))
    found = special.xlogy(tables, tables).sum(axis=(-2, -1)) - rows - columns + special.xlogy(n, n)
    return np.asarray(np.maximum(found, 0.0) / np.where(n > 0, n, 1.0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was found in cells, and how far it would move without each cluster."""

    whole: FloatArray
    """(c, k, l) counts of the cells."""
    value: FloatArray
    """(c,) information found."""
    freedom: FloatArray
    """(c,) degrees of freedom of chi-squared, where nothing depends on anything."""
    errors: FloatArray
    """(c,) jackknifed standard errors."""
    together: float
    """Standard error of the mean over cells, by images."""
    clusters: IntArray
    """(c,) clusters of the cells."""

    @classmethod
    def of(cls, counts: FloatArray, cell: IntArray) -> "Sample":
        """From the tables of clusters, sorted by cell."""
        whole = np.add.reduceat(counts, np.searchsorted(cell, np.arange(cell[-1] + 1)), axis=0)
        value, n, clusters = mutual_information(whole), whole.sum(axis=(1, 2)), np.bincount(cell)
        rest = whole[cell] - counts
        without, left = mutual_information(rest), rest.sum(axis=(1, 2))
        everything = (value * n).sum()
        together = (everything - (value * n)[cell] + without * left) / np.maximum(n.sum() - (n[cell] - left), 1.0)
        rows, columns = ((whole.sum(axis=axis) > 0).sum(axis=1) - 1 for axis in (2, 1))
        return cls(
            whole=whole,
            value=value,
            freedom=(rows * columns).astype(np.float64),
            errors=np.sqrt(_jackknifed(without, cell)),
            together=math.sqrt(float(_jackknifed(together, cell).sum())),
            clusters=clusters,
        )

    def information(self, drawn: FloatArray, confidence: float) -> Information:
        """Of each cell; drawn (p, c) are the permutations."""
        expected = drawn.mean(axis=0)
        half = self.errors * stats.t.ppf((1 + confidence) / 2, np.maximum(self.clusters - 1, 1))
        low, high = _interval(self.value, expected, self.freedom, half, confidence)
        alone = self.clusters < 2
        p_value = ((drawn >= self.value - TINY).sum(axis=0) + 1) / (len(drawn) + 1)
        return Information(self.value, expected, np.where(alone, 0.0, low), np.where(alone, self._most(), high), p_value)

    def overall(self, drawn: FloatArray, confidence: float) -> Information:
        """Of all cells, by images."""
        n = self.whole.sum(axis=(1, 2))
        whole = Sample(
            self.whole,
            np.array([self.value @ n / n.sum()]),
            np.array([self.freedom.sum()]),
            np.array([self.together]),
            self.together,
            np.array([1 if self.clusters.min() < 2 else (self.clusters - 1).sum() + 1]),
        )
        return whole.information((drawn @ n / n.sum())[:, None], confidence)

    def _most(self) -> float:
        return math.log(min(self.whole.shape[1:]))


def _interval(
    value: FloatArray, expected: FloatArray, freedom: FloatArray, half: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval of value - expected, 0 or more: the wider of a normal and a noncentral chi-squared one."""
    told = (expected > TINY) & (freedom > 0)
    scale = np.where(told, expected / np.maximum(freedom, 1), 1.0)
    deviate = np.where(told, value / scale, 0.0)
    tail, df = (1 - confidence) / 2, np.maximum(freedom, 1)
    ends = [scale * np.where(told, _noncentrality(deviate, df, level), 0.0) for level in (1 - tail, tail)]
    low = np.minimum(ends[0], np.maximum(value - expected - half, 0.0))
    return low, np.maximum(ends[1], value - expected + half)


def _noncentrality(deviate: FloatArray, df: FloatArray, level: float) -> FloatArray:
    """At which a noncentral chi-squared lies below the deviate with that probability; 0 where it does so more rarely."""
    near = special.chndtrinc(np.minimum(deviate, LARGE), df, level)
    near = np.where(special.chdtr(df, np.minimum(deviate, LARGE)) > level, near, 0.0)
    far = np.maximum(np.sqrt(deviate) - special.ndtri(level), 0.0) ** 2 - df
    return np.asarray(np.where(deviate > LARGE, np.maximum(far, 0.0), near), dtype=np.float64)


def _jackknifed(without: FloatArray, cell: IntArray) -> FloatArray:
    """(c,) jackknife variance from the values without each cluster."""
    clusters = np.bincount(cell)
    apart = without - (np.bincount(cell, without) / clusters)[cell]
    return np.asarray(np.bincount(cell, apart * apart) * (clusters - 1) / clusters, dtype=np.float64)

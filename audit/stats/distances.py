"""Moments of features and the Frechet distance of two sets of them, in float64."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray

__all__ = ["Features", "Moments", "frechet", "frechet_from_features"]

Features = npt.NDArray[np.float32] | npt.NDArray[np.float64]

BLOCK = 2048  # rows that are held in float64 at a time


@dataclass(frozen=True)
class Moments:
    """Count, mean and scatter of vectors; parts of a sample merge into the moments of the whole."""

    n: int
    mean: FloatArray
    """(d,)"""
    scatter: FloatArray
    """(d, d) sum of the outer products of the centred rows."""

    @classmethod
    def of(cls, rows: Features) -> Self:
        """Moments of (n, d) vectors, block by block, so that memory does not grow with n.

        >>> Moments.of(np.array([[0.0], [2.0]])).covariance
        array([[2.]])
        """
        width = rows.shape[1]
        whole = cls(0, np.zeros(width), np.zeros((width, width)))
        for block in _blocks(rows):
            mean = block.mean(axis=0)
            centred = block - mean
            whole = whole.merge(cls(len(block), mean, centred.T @ centred))
        return whole

    def merge(self, other: Self) -> Self:
        """Moments of both samples together (Chan, Golub & LeVeque 1983).

        >>> parts = Moments.of(np.zeros((1, 1))).merge(Moments.of(np.full((1, 1), 2.0)))
        >>> float(parts.mean[0]), float(parts.scatter[0, 0])
        (1.0, 2.0)
        """
        n = self.n + other.n
        if n == 0:
            return self
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.n / n)
        scatter = self.scatter + other.scatter + np.outer(apart, apart) * (self.n * other.n / n)
        return type(self)(n, mean, scatter)

    @property
    def covariance(self) -> FloatArray:
        """(d, d) unbiased covariance; needs n of at least 2."""
        return self.scatter / (self.n - 1)


def frechet(mean: FloatArray, covariance: FloatArray, other_mean: FloatArray, other_covariance: FloatArray) -> float:
    """Frechet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017), 0 or more, lower is closer.

        |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2))

    The last trace is the nuclear norm of L1' L2 with C = L L', which is real and not negative also where a covariance
    is rank deficient, where square roots of the product C1 C2 are slow and wrong.

    Args:
        mean, other_mean: (d,).
        covariance, other_covariance: (d, d), symmetric, not negative.

    >>> round(frechet(np.zeros(2), np.diag([1.0, 4.0]), np.ones(2), np.diag([4.0, 1.0])), 9)
    4.0
    """
    first, second = _root(covariance)[0], _root(other_covariance)[0]
    cross = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    return _distance(mean - other_mean, float(np.trace(covariance)), float(np.trace(other_covariance)), float(cross))


def frechet_from_features(generated: Features, reference: Features) -> Compared:
    """Frechet distance of two sets of features, with what each image moves it by.

    With at most as many images as dimensions the cross term comes from the n x m Gram matrix, exactly; else from the
    eigenvectors of the covariances. The influence of image x with mean m and covariance C of its own set is

        2 (m - m') (x - m) + |x - m|^2 - (x - m)' T (x - m), less its average,

    where T maps the set's Gaussian onto the other's (the derivative of the distance in the set's distribution).

    The distance is biased upward by about c / n: compare at equal n only. Near 0 the influences give a standard error
    that is too large by up to a factor of about 1.5, never too small.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.

    >>> rows = np.random.default_rng(0).standard_normal((20, 50))
    >>> 0 <= frechet_from_features(rows, rows).value < 1e-8
    True
    """
    first, second = _Side.of(generated), _Side.of(reference)
    left, values, right = np.linalg.svd(first.root.T @ second.root, full_matrices=False)
    apart = first.mean - second.mean
    value = _distance(apart, first.trace, second.trace, float(values.sum()))
    return Compared(
        value,
        first.influence(generated, 2 * apart, left, values),
        second.influence(reference, -2 * apart, right.T, values),
    )


@dataclass(frozen=True)
class _Side:
    """A set of features as mean and factor: covariance = root root', and centred rows = whitened(rows) root'."""

    n: int
    mean: FloatArray
    trace: float
    root: FloatArray
    """(d, r)"""
    whitener: FloatArray | None
    """(d, r); None where the rows themselves are the factor."""

    @classmethod
    def of(cls, rows: Features) -> Self:
        n, width = rows.shape
        if n < 2:
            raise ValueError(f"a Frechet distance needs at least 2 images a side; got {n}")
        if n <= width:
            dense = np.asarray(rows, dtype=np.float64)
            mean = dense.mean(axis=0)
            root = (dense - mean).T / np.sqrt(n - 1)
            return cls(n, mean, float((root * root).sum()), root, None)
        moments = Moments.of(rows)
        root, whitener = _root(moments.covariance)
        return cls(n, moments.mean, float(np.trace(moments.covariance)), root, whitener)

    def influence(self, rows: Features, slope: FloatArray, vectors: FloatArray, values: FloatArray) -> FloatArray:
        """(n,) influences; ``vectors`` (r, k) and ``values`` (k,) are this side's singular vectors and values."""
        if self.whitener is None:
            centred = self.root.T * np.sqrt(self.n - 1)
            raw = centred @ slope + (centred * centred).sum(axis=1) - (self.n - 1) * (vectors**2 @ values)
            return np.asarray(raw - raw.mean(), dtype=np.float64)
        onto = self.whitener @ vectors
        parts = []
        for block in _blocks(rows):
            centred = block - self.mean
            parts.append(centred @ slope + (centred * centred).sum(axis=1) - (centred @ onto) ** 2 @ values)
        raw = np.concatenate(parts)
        return np.asarray(raw - raw.mean(), dtype=np.float64)


def _root(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Factor L with covariance = L L', and W with W' covariance W = the identity on its range; both (d, d)."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    root = np.sqrt(np.maximum(values, 0.0))
    inverse = np.where(kept, 1 / np.where(kept, root, 1.0), 0.0)
    return vectors * root, vectors * inverse


def _distance(apart: FloatArray, trace: float, other_trace: float, cross: float) -> float:
    """The distance is not negative; rounding may say -1e-14."""
    return max(0.0, float(apart @ apart) + trace + other_trace - 2 * cross)


def _blocks(rows: Features) -> Iterator[FloatArray]:
    for start in range(0, len(rows), BLOCK):
        yield np.asarray(rows[start : start + BLOCK], dtype=np.float64)

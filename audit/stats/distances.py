"""The Frechet distance of two sets of features, in float64 and without the square root of a matrix."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.linalg import blas, lapack

from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray
from audit.stats.moments import Features, Moments, blocks, check_features

__all__ = [
    "Features",
    "Gaussian",
    "Moments",
    "frechet",
    "frechet_distance",
    "frechet_from_features",
    "frechet_of_gaussians",
    "frechet_of_moments",
]

SMALL = 512
"""Singular values of matrices up to this side come straight: it takes milliseconds and all digits are right."""
PRECISION = 1e-6
"""Relative error of a distance that is tolerated before singular values are worked out the slow way."""


def frechet(mean: FloatArray, covariance: FloatArray, other_mean: FloatArray, other_covariance: FloatArray) -> float:
    """Frechet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017), 0 or more, lower is closer.

        |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2))

    The last trace is the nuclear norm of L1' L2 with C = L L', which is real and not negative also where a covariance
    is rank deficient, where square roots of the product C1 C2 are slow and wrong.

    Args:
        mean, other_mean: (d,).
        covariance, other_covariance: (d, d), symmetric, not negative.

    Raises:
        ValueError: the widths differ.

    >>> round(frechet(np.zeros(2), np.diag([1.0, 4.0]), np.ones(2), np.diag([4.0, 1.0])), 9)
    4.0
    """
    return frechet_of_gaussians(
        Gaussian.with_covariance(mean, covariance), Gaussian.with_covariance(other_mean, other_covariance)
    )


def frechet_of_moments(generated: Moments, reference: Moments) -> float:
    """``frechet`` of the moments of two sets, as sums over shards give them; also with fewer rows than dimensions.

    Raises:
        ValueError: fewer than 2 rows, or unlike widths.

    >>> rows = np.random.default_rng(0).standard_normal((20, 50))
    >>> shards = Moments.of(rows[:7]).merge(Moments.of(rows[7:]))
    >>> 0 <= frechet_of_moments(shards, Moments.of(rows)) < 1e-8
    True
    """
    return frechet_of_gaussians(Gaussian.of_moments(generated), Gaussian.of_moments(reference))


def frechet_distance(generated: Features, reference: Features) -> float:
    """Frechet distance of two sets of features: the value of ``frechet_from_features`` without what images move it by.

    A set whose rows are all equal has a covariance of 0; the distance from it is that of the means plus the trace of
    the other covariance, which is defined but says little: see ``Moments.constant``.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, or a number that is not finite.

    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [3.0]]))
    6.0
    """
    check_features(generated, reference)
    return frechet_of_gaussians(Gaussian.of_features(generated), Gaussian.of_features(reference))


def frechet_from_features(generated: Features, reference: Features) -> Compared:
    """Frechet distance of two sets of features, with what each image moves it by.

    With at most as many images as dimensions the cross term comes from the n x m Gram matrix, exactly; else from
    triangular factors of the covariances. The influence of image x with mean m and covariance C of its own set is

        2 (m - m') (x - m) + |x - m|^2 - (x - m)' T (x - m), less its average,

    where T maps the set's Gaussian onto the other's (the derivative of the distance in the set's distribution). They
    cost about three times the value: ``frechet_distance`` gives that alone.

    The distance is biased upward by about c / n: compare at equal n only, or extrapolate
    (``extrapolation.extrapolated_frechet``). An interval from the influences speaks of the mean of the distance at this n,
    and needs ``influence.distance_interval``, without which it lies too low too often. Near 0 the influences give a
    standard error that is too large by up to a factor of about 1.5, never too small.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, or a number that is not finite.

    >>> rows = np.random.default_rng(0).standard_normal((20, 50))
    >>> 0 <= frechet_from_features(rows, rows).value < 1e-8
    True
    """
    check_features(generated, reference)
    first, second = Gaussian.of_features(generated), Gaussian.of_features(reference)
    product = _product(first, second)
    value = _distance(first, second, product)
    left, right = _scaled_vectors(product)
    apart = 2 * (first.mean - second.mean)
    return Compared(value, first.influence(generated, apart, left), second.influence(reference, -apart, right))


@dataclass(frozen=True)
class Gaussian:
    """Mean and a factor of the covariance: what a Frechet distance needs of one side, made once for many distances."""

    mean: FloatArray
    """(d,)"""
    root: FloatArray
    """(d, r) with covariance = root root'."""
    order: npt.NDArray[np.intp] | None
    """(r,) rows of ``root`` that are a lower triangle; None where ``root`` is the centred features themselves."""

    @classmethod
    def of_features(cls, rows: Features) -> Self:
        """Of (n, d) features; with n <= d the centred rows are the factor, exact and without work."""
        n, width = rows.shape
        if n < 2:
            raise ValueError(f"a Frechet distance needs at least 2 images a side; got {n}")
        if n > width:
            return cls.of_moments(Moments.of(rows))
        dense = np.array(rows, dtype=np.float64)
        mean = dense.mean(axis=0)
        dense -= mean
        dense /= np.sqrt(n - 1)
        return cls(mean, dense.T, None)

    @classmethod
    def of_moments(cls, moments: Moments) -> Self:
        """Of moments; of at least 2 rows."""
        return cls.with_covariance(moments.mean, moments.covariance, full=moments.n > len(moments.mean))

    @classmethod
    def with_covariance(cls, mean: FloatArray, covariance: FloatArray, *, full: bool = True) -> Self:
        """By Cholesky's factor; with pivots, and as many columns as the rank, where the rank is not ``full``."""
        width = len(mean)
        tiny = width * np.finfo(np.float64).eps * float(covariance.diagonal().max(initial=0.0))
        if full:
            root, failed = lapack.dpotrf(
                covariance.T, lower=True, clean=True
            )  # transposed: Fortran's order, no copy by rows
            if not failed and np.square(root.diagonal()).min() > tiny:
                return cls(mean, root, np.arange(width))
        pivoted, pivots, rank, _ = lapack.dpstrf(covariance, tol=tiny, lower=True)
        order = np.asarray(pivots - 1, dtype=np.intp)
        root = np.zeros((width, rank))
        root[order] = np.tril(pivoted)[:, :rank]
        return cls(mean, root, order[:rank])

    @property
    def triangular(self) -> bool:
        """``root`` is a lower triangle as it stands."""
        return self.order is not None and np.array_equal(self.order, np.arange(len(self.mean)))

    @property
    def trace(self) -> float:
        """Of the covariance."""
        return float(np.vdot(self.root, self.root))

    def influence(self, rows: Features, slope: FloatArray, vectors: FloatArray) -> FloatArray:
        """(n,) influences of this side's rows; ``vectors`` (r, k) are singular vectors times the root of their values."""
        if self.order is None:
            n = len(rows)
            centred = self.root.T * np.sqrt(n - 1)
            raw = centred @ slope + (centred * centred).sum(axis=1) - (n - 1) * (vectors * vectors).sum(axis=1)
            return np.asarray(raw - raw.mean(), dtype=np.float64)
        onto = np.zeros((len(self.mean), vectors.shape[1]))
        onto[self.order] = linalg.solve_triangular(
            self.root[self.order], vectors, trans="T", lower=True, check_finite=False
        )
        parts = []
        for centred in blocks(rows):
            centred -= self.mean
            moved = centred @ onto
            parts.append(centred @ slope + _squares(centred) - _squares(moved))
        raw = np.concatenate(parts)
        return np.asarray(raw - raw.mean(), dtype=np.float64)


def frechet_of_gaussians(first: Gaussian, second: Gaussian) -> float:
    """``frechet`` of two factored Gaussians.

    Raises:
        ValueError: the widths differ.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"sets are of unlike widths: {len(first.mean)} and {len(second.mean)} features")
    return _distance(first, second, _product(first, second))


def _product(first: Gaussian, second: Gaussian) -> FloatArray:
    """(r, s), whose singular values sum to the cross term."""
    if first.triangular:  # half the work
        return np.asarray(blas.dtrmm(1.0, first.root, second.root, lower=True, trans_a=True), dtype=np.float64)
    return np.asarray(first.root.T @ second.root, dtype=np.float64)


def _distance(first: Gaussian, second: Gaussian, product: FloatArray) -> float:
    """The distance is not negative; rounding may say -1e-14.

    The eigenvalues of the symmetric product B B' are several times faster than the singular values of B, and lose digits of
    the small ones. Where that could matter to the distance, the singular values are taken after all.
    """
    apart = first.mean - second.mean
    rest = float(apart @ apart) + first.trace + second.trace
    if min(product.shape) > SMALL:
        squares = np.linalg.eigvalsh(_gram(product))
        values = np.sqrt(np.maximum(squares, 0.0))
        distance = rest - 2 * float(values.sum())
        lost = np.finfo(np.float64).eps * values[-1] ** 2
        error = np.minimum(lost / (2 * np.maximum(values, np.sqrt(lost))), np.sqrt(lost))
        if 2 * float(np.linalg.norm(error)) <= PRECISION * distance:
            return distance
    return max(0.0, rest - 2 * float(np.linalg.svd(product, compute_uv=False).sum()))


def _scaled_vectors(product: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Left and right singular vectors, (r, k) and (s, k), times the roots of their values."""
    if min(product.shape) <= SMALL:
        left, values, right = np.linalg.svd(product, full_matrices=False)
        return left * np.sqrt(values), right.T * np.sqrt(values)
    if product.shape[0] > product.shape[1]:
        right, left = _scaled_vectors(product.T)
        return left, right
    squares, vectors = np.linalg.eigh(_gram(product))
    values = np.sqrt(np.maximum(squares, 0.0))
    kept = values > 1e-7 * values[-1]  # the rest is rounding, and moves no influence
    values, vectors = values[kept], vectors[:, kept]
    return vectors * np.sqrt(values), (product.T @ vectors) / np.sqrt(values)


def _gram(product: FloatArray) -> FloatArray:
    """The smaller of B B' and B' B."""
    wide = product.shape[0] <= product.shape[1]
    return np.asarray(product @ product.T if wide else product.T @ product, dtype=np.float64)


def _squares(rows: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,ij->i", rows, rows), dtype=np.float64)

"""Count, mean and scatter of feature vectors, from a stream of blocks, in float64."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from audit.stats.intervals import FloatArray

__all__ = ["Features", "Moments", "blocks", "check_features"]

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

        Products are float64 also of float32 features. Products in float32 take half the time, but where the spectrum of
        the features falls steeply they move a small Frechet distance by 2e-5 of its size, and parts of a sample would
        merge to 1e-7 of the whole only, not 1e-15.

        Raises:
            ValueError: ``rows`` is no matrix, or holds a number that is not finite.

        >>> Moments.of(np.array([[0.0], [2.0]])).covariance
        array([[2.]])
        """
        check_features(rows)
        n, width = rows.shape
        if n == 0:
            return cls(0, np.zeros(width), np.zeros((width, width)))
        # Centred on one point that lies within the data; what the mean is off it is taken out at the end.
        centre = rows[:BLOCK].mean(axis=0, dtype=np.float64)
        total = np.zeros(width)
        products = np.zeros((width, width), order="F")
        for block in blocks(rows):
            block -= centre
            total += block.sum(axis=0)
            products = blas.dsyrk(1.0, block.T, beta=1.0, c=products, overwrite_c=True, lower=True)
        off = total / n
        scatter = np.tril(products)
        scatter += np.tril(products, -1).T
        scatter -= np.outer(off * n, off)
        if not np.isfinite(scatter.diagonal()).all():
            raise ValueError("features are too large: their squares are beyond float64")
        return cls(n, centre + off, scatter)

    def merge(self, other: Self) -> Self:
        """Moments of both samples together (Chan, Golub & LeVeque 1983).

        Raises:
            ValueError: the widths differ.

        >>> parts = Moments.of(np.zeros((1, 1))).merge(Moments.of(np.full((1, 1), 2.0)))
        >>> float(parts.mean[0]), float(parts.scatter[0, 0])
        (1.0, 2.0)
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"moments are of unlike widths: {len(self.mean)} and {len(other.mean)} features")
        n = self.n + other.n
        if n == 0:
            return self
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.n / n)
        scatter = np.outer(apart * (self.n * other.n / n), apart)
        scatter += self.scatter
        scatter += other.scatter
        return type(self)(n, mean, scatter)

    def without(self, part: Self) -> Self:
        """Moments of a sample less a part of it.

        Raises:
            ValueError: the part is of another width, or larger than the whole.

        >>> left = Moments.of(np.array([[0.0], [2.0], [7.0]])).without(Moments.of(np.array([[7.0]])))
        >>> left.n, float(left.mean[0])
        (2, 1.0)
        """
        n = self.n - part.n
        if self.mean.shape != part.mean.shape or n < 0:
            raise ValueError(f"no part of it: {part.n} x {len(part.mean)} of {self.n} x {len(self.mean)}")
        if n == 0:
            return type(self)(0, np.zeros_like(self.mean), np.zeros_like(self.scatter))
        apart = part.mean - self.mean
        scatter = np.outer(apart * (-self.n * part.n / n), apart)
        scatter += self.scatter
        scatter -= part.scatter
        return type(self)(n, self.mean - apart * (part.n / n), scatter)

    @property
    def covariance(self) -> FloatArray:
        """(d, d) unbiased covariance; ValueError with fewer than 2 rows."""
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 images; got {self.n}")
        return self.scatter / (self.n - 1)

    @property
    def constant(self) -> bool:
        """All rows are equal, up to rounding: then nothing is known of the distribution but its mean."""
        return bool(np.trace(self.scatter) <= 1e-24 * max(self.n, 1) * float(self.mean @ self.mean))


def check_features(*sets: Features) -> None:
    """Raise a ValueError unless every set is (n, d), all of one d, and finite."""
    for rows in sets:
        if np.ndim(rows) != 2:
            raise ValueError(f"features must be a matrix, a row an image; got shape {np.shape(rows)}")
    widths = sorted({rows.shape[1] for rows in sets})
    if len(widths) > 1:
        raise ValueError(f"sets are of unlike widths: {widths[0]} and {widths[-1]} features; both need one extractor")
    for rows in sets:
        for start in range(0, len(rows), BLOCK):
            finite = np.isfinite(rows[start : start + BLOCK])
            if not finite.all():
                row, column = (int(place) for place in np.argwhere(~finite)[0])
                found = rows[start + row, column]
                raise ValueError(f"features must be finite; feature {column} of image {start + row} is {found}")


def blocks(rows: Features) -> Iterator[FloatArray]:
    """Copies of ``BLOCK`` rows at a time in float64."""
    for start in range(0, len(rows), BLOCK):
        yield np.array(rows[start : start + BLOCK], dtype=np.float64, order="C")

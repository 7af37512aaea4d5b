"""Kernels, and the unbiased kernel distance of two sets of features (KID) on the full samples."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray
from audit.stats.moments import Features, check_features

__all__ = ["Kernel", "Polynomial", "Rbf", "Sums", "kid", "mmd"]

BLOCK = 2048  # rows a side of a block of the kernel matrix: 16 MiB in float32, 32 in float64


class Kernel(Protocol):
    """A similarity of two vectors, worked out for blocks of them."""

    def of(self, products: Features, own: Features, other: Features) -> Features:
        """(b, c) kernel of blocks with squared norms ``own`` (b,) and ``other`` (c,); may overwrite their ``products``."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """(x.y / d + 1)^3, with d the number of features (Binkowski et al. 2018)."""

    width: int
    """d"""

    def of(self, products: Features, own: Features, other: Features) -> Features:
        """As ``Kernel.of``."""
        del own, other
        products /= self.width
        products += 1
        cubes = products * products
        cubes *= products
        return cubes


@dataclass(frozen=True, slots=True)
class Rbf:
    """exp(-|x - y|^2 / (2 s^2)) - 1, or the mean of several whose bandwidths s halve from one to the next.

    A constant cancels from every distance; without it, kernels that are close to 1 everywhere keep their digits.
    """

    widest: float
    """The largest bandwidth."""
    count: int = 1
    """How many there are."""

    def of(self, products: Features, own: Features, other: Features) -> Features:
        """As ``Kernel.of``."""
        products *= -2
        products += own[:, None]
        products += other[None, :]
        np.maximum(products, 0, out=products)
        products *= -0.5 / self.widest**2
        if self.count == 1:
            return np.expm1(products, out=products)
        power = np.exp(products, out=products)
        total = power - 1
        for _ in range(self.count - 1):  # half the bandwidth is the fourth power
            power *= power
            power *= power
            total += power
            total -= 1
        total /= self.count
        return total


@dataclass(frozen=True, slots=True)
class Sums:
    """Kernel sums of every row, from which all distances are made; nothing as large as the kernel matrix is held.

    The products of float32 features are taken in float32 and their sums in float64; those of float64 features in float64.
    """

    kernel: Kernel

    def within(self, rows: Features) -> FloatArray:
        """(n,) kernel sums of each row over all the others of its set."""
        sums, squares = np.zeros(len(rows)), _squares(rows)
        for start in range(0, len(rows), BLOCK):
            one = slice(start, start + BLOCK)
            for place in range(start, len(rows), BLOCK):
                two = slice(place, place + BLOCK)
                kernel = self.kernel.of(rows[one] @ rows[two].T, squares[one], squares[two])
                if place == start:
                    np.fill_diagonal(kernel, 0.0)
                else:
                    sums[two] += kernel.sum(axis=0, dtype=np.float64)
                sums[one] += kernel.sum(axis=1, dtype=np.float64)
        return sums

    def between(self, rows: Features, others: Features) -> tuple[FloatArray, FloatArray]:
        """(n,) kernel sums of each row over all others, and (m,) of each other over all rows."""
        sums, back = np.zeros(len(rows)), np.zeros(len(others))
        squares, other_squares = _squares(rows), _squares(others)
        for start in range(0, len(rows), BLOCK):
            one = slice(start, start + BLOCK)
            for place in range(0, len(others), BLOCK):
                two = slice(place, place + BLOCK)
                kernel = self.kernel.of(rows[one] @ others[two].T, squares[one], other_squares[two])
                sums[one] += kernel.sum(axis=1, dtype=np.float64)
                back[two] += kernel.sum(axis=0, dtype=np.float64)
        return sums, back


def kid(generated: Features, reference: Features) -> Compared:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018, KID).

    It is ``mmd`` over all pairs of different images, not the average over random subsets, whose spread is no standard
    error. Its expectation is 0 for equal distributions, so it may be negative; it is the same at every n, unlike a Frechet
    distance.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, or a number that is not finite.

    >>> rng = np.random.default_rng(0)
    >>> found = kid(rng.standard_normal((200, 8)), rng.standard_normal((200, 8)))
    >>> abs(found.value) < 3 * found.standard_error()
    True
    """
    check_features(generated, reference)
    return mmd(Polynomial(generated.shape[1]), generated, reference)


def mmd(kernel: Kernel, generated: Features, reference: Features, *, biased: bool = False) -> Compared:
    """Squared maximum mean discrepancy of two sets under a kernel, lower is closer.

    The U-statistic over all pairs of different images (Gretton et al. 2012, equation 3), of expectation 0 for equal
    distributions; or, ``biased``, the V-statistic that counts each image with itself (equation 5), for parity with tools
    that do; then the kernel of an image with itself must be 0, as that of ``Rbf`` is.

    The influence of an image is twice its centred witness value: how much more it resembles its own set than the other
    one. The variance that influences give has the first-order part 4 s1 / n and, from the spread of the means that
    they are made of, twice the second-order part 2 s2 / n^2 that is left where the sets are alike (Sutherland et al. 2017,
    section 2.3): near 0 an interval is too wide rather than too narrow. Where they
    are apart, a symmetric interval lies too low too often: ``influence.distance_interval`` stretches it.

    Args:
        kernel: how alike two vectors are.
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.
        biased: V-statistic.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, or a number that is not finite.
    """
    check_features(generated, reference)
    generated, reference = _alike(generated, reference)
    n, m = len(generated), len(reference)
    if min(n, m) < 2:
        raise ValueError(f"a kernel distance needs at least 2 images a side; got {n} and {m}")
    sums, self_counted = Sums(kernel), 0 if biased else 1
    own = sums.within(generated) / (n - self_counted)
    other = sums.within(reference) / (m - self_counted)
    across, back = sums.between(generated, reference)
    across, back = across / m, back / n
    value = own.mean() + other.mean() - 2 * across.mean()
    first, second = 2 * (own - across), 2 * (other - back)
    return Compared(float(value), first - first.mean(), second - second.mean())


def _alike(generated: Features, reference: Features) -> tuple[Features, Features]:
    """Both in float32 if both are, else in float64."""
    if generated.dtype == np.float32 and reference.dtype == np.float32:
        return generated, reference
    return generated.astype(np.float64), reference.astype(np.float64)


def _squares(rows: Features) -> Features:
    return np.asarray(np.einsum("ij,ij->i", rows, rows))

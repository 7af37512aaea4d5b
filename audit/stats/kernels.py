"""The kernel distance of two sets of features (KID), on the full samples."""

import numpy as np

from audit.stats.distances import Features
from audit.stats.influence import Compared
from audit.stats.intervals import FloatArray

__all__ = ["kid"]

BLOCK = 2048  # rows a side of a block of the kernel matrix: 32 MiB in float64


def kid(generated: Features, reference: Features) -> Compared:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018, KID).

    The U-statistic over all pairs of different images (Gretton et al. 2012, equation 3), not the average over random
    subsets, whose spread is no standard error. Its expectation is 0 for equal distributions, so it may be negative; it
    is the same at every n, unlike a Frechet distance. The influence of an image is twice its centred witness value: how
    much more it resembles its own set than the other one.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.

    >>> rng = np.random.default_rng(0)
    >>> found = kid(rng.standard_normal((200, 8)), rng.standard_normal((200, 8)))
    >>> abs(found.value) < 3 * found.standard_error()
    True
    """
    n, m = len(generated), len(reference)
    if min(n, m) < 2:
        raise ValueError(f"a kernel distance needs at least 2 images a side; got {n} and {m}")
    own, other = _within(generated) / (n - 1), _within(reference) / (m - 1)
    across, back = _between(generated, reference)
    across, back = across / m, back / n
    value = own.mean() + other.mean() - 2 * across.mean()
    first, second = 2 * (own - across), 2 * (other - back)
    return Compared(float(value), first - first.mean(), second - second.mean())


def _between(rows: Features, others: Features) -> tuple[FloatArray, FloatArray]:
    """Kernel sums of each row over all others, and of each other over all rows."""
    sums, back = np.zeros(len(rows)), np.zeros(len(others))
    for start in range(0, len(rows), BLOCK):
        for place in range(0, len(others), BLOCK):
            kernel = _kernel(rows[start : start + BLOCK], others[place : place + BLOCK])
            sums[start : start + BLOCK] += kernel.sum(axis=1)
            back[place : place + BLOCK] += kernel.sum(axis=0)
    return sums, back


def _within(rows: Features) -> FloatArray:
    """Kernel sums of each row over all the others of its set."""
    sums = np.zeros(len(rows))
    for start in range(0, len(rows), BLOCK):
        for place in range(start, len(rows), BLOCK):
            kernel = _kernel(rows[start : start + BLOCK], rows[place : place + BLOCK])
            if place == start:
                np.fill_diagonal(kernel, 0.0)
            else:
                sums[place : place + BLOCK] += kernel.sum(axis=0)
            sums[start : start + BLOCK] += kernel.sum(axis=1)
    return sums


def _kernel(rows: Features, others: Features) -> FloatArray:
    base = rows.astype(np.float64) @ others.astype(np.float64).T
    base /= rows.shape[1]
    base += 1.0
    return np.asarray(base * base * base, dtype=np.float64)

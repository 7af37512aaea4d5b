"""Kernel distances beside KID: CMMD and its blind spot, a distance at many bandwidths, a test between two generators."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.spatial import distance

from audit.stats.cells import Labels
from audit.stats.influence import Compared
from audit.stats.intervals import Estimate, FloatArray, cluster_mean
from audit.stats.kernels import Kernel, Rbf, Sums, mmd
from audit.stats.moments import Features, check_features

__all__ = ["Relative", "bandwidths_around", "cmmd", "multi_bandwidth_mmd", "relative_mmd", "unit_vectors"]

CMMD_BANDWIDTH = 10.0
CMMD_SCALE = 1000.0
MEDIAN_ROWS = 1000  # a side


def cmmd(generated: Features, reference: Features, *, biased: bool = False) -> Compared:
    """Squared maximum mean discrepancy of unit vectors under exp(-|x - y|^2 / 200), times 1000 (Jayasumana et al. 2024).

    **It sees means only.** Unit vectors are at most 2 apart and the bandwidth is 10, so the kernel is a straight line in
    |x - y|^2, and the distance is 10 |mean difference|^2 to half a percent: a loss of diversity around the same
    mean does not move it. ``multi_bandwidth_mmd`` does see it.

    Args:
        generated: (n, d) features; they are brought to length 1.
        reference: (m, d).
        biased: the V-statistic of the published code, which lies above 0 also for equal distributions. Else the
            U-statistic, of expectation 0 there.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, a number that is not finite, or a vector of zeros.

    >>> rng = np.random.default_rng(0)
    >>> one, two = rng.standard_normal((200, 16)) + 1, rng.standard_normal((200, 16)) + 1
    >>> cmmd(one, two, biased=True).value > 0, abs(cmmd(one, two).value) < 0.05
    (True, True)
    """
    found = mmd(Rbf(CMMD_BANDWIDTH), unit_vectors(generated), unit_vectors(reference), biased=biased)
    return Compared(found.value * CMMD_SCALE, found.first * CMMD_SCALE, found.second * CMMD_SCALE)


def multi_bandwidth_mmd(generated: Features, reference: Features, kernel: Rbf | None = None) -> Compared:
    """Unbiased squared maximum mean discrepancy under the mean of five Gaussian kernels, lower is closer.

    Bandwidths are the median distance of two images times 1/4, 1/2, 1, 2 and 4: wide ones see means, narrow ones how the
    images are spread. 0 or about that for equal distributions, at most 2.

    Args:
        generated: (n, d), n of at least 2.
        reference: (m, d), m of at least 2.
        kernel: of ``bandwidths_around``. Of these two sets when None; give one where distances are to be compared with each
            other, since only those of one kernel can be.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, a number that is not finite, or images that are all equal.

    >>> rng = np.random.default_rng(0)
    >>> wide, narrow = rng.standard_normal((200, 4)), rng.standard_normal((200, 4)) / 2
    >>> found = multi_bandwidth_mmd(narrow, wide)
    >>> found.value > 5 * found.standard_error()
    True
    """
    check_features(generated, reference)
    used = bandwidths_around(generated, reference) if kernel is None else kernel
    middle = reference.mean(axis=0, dtype=np.float64)
    return mmd(used, _moved(generated, middle), _moved(reference, middle))


def bandwidths_around(generated: Features, reference: Features) -> Rbf:
    """Five Gaussian kernels around the median distance of two images of either set (Gretton et al. 2012, section 8).

    The median is of 1,000 images a side, evenly spaced.

    Raises:
        ValueError: more than half of the images are equal.

    >>> bandwidths_around(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])).widest
    6.0
    """
    check_features(generated, reference)
    chosen = [rows[_spaced(len(rows))].astype(np.float64) for rows in (generated, reference)]
    median = float(np.median(distance.pdist(np.concatenate(chosen))))
    if not median > 0:
        raise ValueError("more than half of all pairs of images have equal features, so they give no bandwidth")
    return Rbf(4 * median, count=5)


@dataclass(frozen=True, slots=True)
class Relative:
    """How much farther one generator is from a reference than another one, by one kernel."""

    difference: float
    """Squared distance of the first less that of the second: below 0 the first is closer."""
    first: FloatArray
    """(n,) influence of each image of the first generator."""
    second: FloatArray
    """(m,) of the second."""
    reference: FloatArray
    """(r,) of the reference, in which the error that both distances share cancels."""

    def estimate(self, clusters: tuple[Labels, Labels, Labels] | None = None, *, confidence: float = 0.95) -> Estimate:
        """The difference with a t interval.

        Args:
            clusters: (n,), (m,) and (r,) labels; equal labels are one unit also across sets, such as the same prompt of two
                generators. Every image by itself when None.
            confidence: 0 .. 1.
        """
        sets = (self.first, self.second, self.reference)
        whole = sum(map(len, sets))
        values = self.difference + np.concatenate([part * (whole / len(part)) for part in sets])
        labels: Labels = np.arange(whole)
        if clusters is not None:
            labels = np.concatenate([np.asarray(part, dtype=str) for part in clusters])
        place = np.unique(labels, return_inverse=True)[1]
        sizes = np.bincount(place).astype(np.float64)
        totals = np.bincount(place, values).astype(np.float64)
        found = cluster_mean(totals, sizes, confidence=confidence)
        method = "difference of squared kernel distances from one reference; joint influences by cluster, t interval"
        return Estimate(self.difference, found.interval, found.clusters, None, method)

    def p_value(self, clusters: tuple[Labels, Labels, Labels] | None = None) -> float:
        """Two-sided, against equal distances; 1 where there is no spread to tell by."""
        found = self.estimate(clusters, confidence=0.5)
        if found.interval is None or found.interval[1] <= found.interval[0]:
            return 1.0
        df = found.clusters - 1
        error = (found.interval[1] - found.interval[0]) / 2 / float(stats.t.ppf(0.75, df))
        return float(2 * stats.t.sf(abs(self.difference) / error, df))


def relative_mmd(kernel: Kernel, first: Features, second: Features, reference: Features) -> Relative:
    """Relative test of two generators against one reference (Bounliphone et al. 2016), by unbiased kernel distances.

    The difference MMD^2(first, reference) - MMD^2(second, reference), in which the reference's similarity to itself
    cancels, with its influences: their joint variance is that of equation 15 there, and knows that both distances share the
    reference, so it sees smaller differences than two intervals do.

    Args:
        kernel: such as ``Polynomial(d)`` for KID.
        first: (n, d), n of at least 2.
        second: (m, d), m of at least 2.
        reference: (r, d), r of at least 2; none of the images of either generator.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, or a number that is not finite.

    >>> rng = np.random.default_rng(0)
    >>> near, far, real = rng.standard_normal((3, 200, 4)) + np.array([0.1, 0.5, 0.0])[:, None, None]
    >>> found = relative_mmd(Rbf(2.0), near, far, real)
    >>> found.difference < 0, found.p_value() < 0.001
    (True, True)
    """
    check_features(first, second, reference)
    if (fewest := min(len(first), len(second), len(reference))) < 2:
        raise ValueError(f"a kernel distance needs at least 2 images a side; got {fewest}")
    used = np.result_type(first, second, reference)
    near, far, real = (rows.astype(used, copy=False) for rows in (first, second, reference))
    sums = Sums(kernel)
    across, back = sums.between(near, real)
    other_across, other_back = sums.between(far, real)
    own = 2 * (sums.within(near) / (len(near) - 1) - across / len(real))
    other = 2 * (sums.within(far) / (len(far) - 1) - other_across / len(real))
    shared = 2 * (back / len(near) - other_back / len(far))
    # Half of a mean is what lies within less what lies across; the other half of what lies across is in ``shared``.
    value = (own.mean() - other.mean() - shared.mean()) / 2
    return Relative(float(value), own - own.mean(), other.mean() - other, shared.mean() - shared)


def unit_vectors(rows: Features) -> Features:
    """(n, d) rows brought to length 1.

    Raises:
        ValueError: a row is all zeros, or holds a number that is not finite.

    >>> unit_vectors(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    check_features(rows)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not norms.all():
        raise ValueError(f"image {int(np.argmin(norms))} has a feature vector of zeros, which has no direction")
    return np.asarray(rows / norms[:, None].astype(rows.dtype))


def _spaced(n: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, n - 1, min(n, MEDIAN_ROWS)).astype(np.intp)


def _moved(rows: Features, middle: FloatArray) -> Features:
    """With the middle of the reference as origin, so that float32 keeps the digits of distances; these do not change."""
    return np.asarray(rows - middle.astype(rows.dtype))

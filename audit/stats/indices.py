"""Indices of how far shares of labels are from a reference.

An index takes shares (..., K) and a reference (K,), both summing to 1, and gives (...). All but the unbiased squared
distances are biased: a generator that follows the reference exactly does not show the value of the reference itself, and
is far from it with few images. ``skew.null`` says what it shows; ``skew.debiased`` takes the excess away. What a reference
means, and whether anyone should meet it, is not for these numbers to say.
"""

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from audit.stats.intervals import FloatArray
from audit.stats.multinomial import checked_reference

__all__ = [
    "clustered_squared_distance",
    "evenness",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kullback_leibler",
    "mean_absolute_deviation",
    "parity_difference",
    "parity_ratio",
    "representation_ratio",
    "representation_ratio_interval",
    "simpson",
    "squared_distance",
    "total_variation",
    "unbiased_squared_distance",
]


def total_variation(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Half the sum of |p - q|: the share of images that would have to change their label.

    0 where shares equal the reference, at most 1 - min q; lower is closer. Shapes as for every index: (..., K) and (K,)
    to (...).

    >>> round(float(total_variation(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.36666667
    """
    return np.asarray(np.abs(_apart(shares, reference)).sum(axis=-1) / 2)[()]


def mean_absolute_deviation(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Mean of |p - q| over the labels, the MAD of DALL-Eval (Cho et al. 2023): 2 total variation / K.

    0 where shares equal the reference, at most 2 (K - 1) / K^2 from equal shares; lower is closer. Its range depends on K,
    so it compares nothing between attributes.

    >>> round(float(mean_absolute_deviation(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.24444444
    """
    return np.asarray(np.abs(_apart(shares, reference)).mean(axis=-1))[()]


def squared_distance(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Sum of (p - q)^2: 0 where shares equal the reference, at most 2; lower is closer. Without bias: see below.

    >>> round(float(squared_distance(np.array([0.7, 0.3]), np.array([0.5, 0.5]))), 9)
    0.08
    """
    return np.asarray((_apart(shares, reference) ** 2).sum(axis=-1))[()]


def kullback_leibler(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Sum of p ln(p / q), in nats (Kullback & Leibler 1951); lower is closer.

    0 where shares equal the reference, at most -ln min q; infinite where a label occurs whose reference share is 0.

    >>> round(float(kullback_leibler(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.29679374
    """
    _apart(shares, reference)
    return np.asarray(special.rel_entr(shares, reference).sum(axis=-1))[()]


def jensen_shannon(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Jensen-Shannon divergence in nats (Lin 1991): mean divergence of both from their average; lower is closer.

    0 where shares equal the reference, at most ln 2; finite also where a reference share is 0.

    >>> round(float(jensen_shannon(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.0748064
    """
    middle = shares - _apart(shares, reference) / 2
    each = special.rel_entr(shares, middle) + special.rel_entr(reference, middle)
    return np.asarray(np.maximum(each.sum(axis=-1) / 2, 0.0))[()]


def jensen_shannon_distance(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Root of the Jensen-Shannon divergence in bits (Endres & Schindelin 2003), a metric in 0 .. 1; lower is closer.

    >>> round(float(jensen_shannon_distance(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.32851609
    """
    return np.asarray(np.sqrt(jensen_shannon(shares, reference) / np.log(2)))[()]


def parity_difference(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Largest p - q less the smallest; from equal shares the largest share less the smallest.

    0 where shares equal the reference, at most 2 (1 from equal shares); lower is closer.

    >>> round(float(parity_difference(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 9)
    0.6
    """
    apart = _apart(shares, reference)
    return np.asarray(apart.max(axis=-1) - apart.min(axis=-1))[()]


def parity_ratio(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """Smallest p / q over the largest; from equal shares the smallest share over the largest.

    1 where shares equal the reference, 0 where a label never occurs; higher is closer.

    Raises:
        ValueError: a share of ``reference`` is 0.

    >>> round(float(parity_ratio(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3))), 8)
    0.14285714
    """
    ratio = representation_ratio(shares, reference)
    return np.asarray(ratio.min(axis=-1) / ratio.max(axis=-1))[()]


def evenness(shares: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Entropy over its maximum, -sum p ln p / ln K (Pielou 1966): 0 for one label, 1 for equal shares.

    The reference plays no part in the value; it is taken so that every index can be called alike.

    >>> round(float(evenness(np.array([0.7, 0.2, 0.1]))), 8)
    0.7298467
    """
    del reference
    return np.asarray(special.entr(shares).sum(axis=-1) / np.log(np.shape(shares)[-1]))[()]


def simpson(shares: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Chance that two images differ in their label, 1 - sum p^2 (Simpson 1949): 0 for one label, 1 - 1/K for equal shares.

    The reference plays no part in the value; it is taken so that every index can be called alike.

    >>> round(float(simpson(np.array([0.7, 0.2, 0.1]))), 9)
    0.46
    """
    del reference
    return np.asarray(1 - (np.asarray(shares) ** 2).sum(axis=-1))[()]


def representation_ratio(shares: FloatArray, reference: FloatArray) -> FloatArray:
    """(..., K) p / q of each label: 1 where a label is as frequent as in the reference, 2 where twice as frequent.

    Of one label it is unbiased; its null is that of ``lambda p, q: representation_ratio(p, q)[..., k]``.

    Raises:
        ValueError: a share of ``reference`` is 0.

    >>> representation_ratio(np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3)).round(9)
    array([2.1, 0.6, 0.3])
    """
    _apart(shares, reference)
    if not np.all(np.asarray(reference) > 0):
        raise ValueError("reference must hold shares above 0: nothing is a multiple of 0")
    return np.asarray(shares / reference, dtype=np.float64)


def representation_ratio_interval(
    shares: FloatArray,
    reference: FloatArray,
    n: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    reference_n: npt.ArrayLike = np.inf,
) -> FloatArray:
    """Interval of each representation ratio by the delta method on its logarithm (Katz et al. 1978).

        p/q exp(-+ z sqrt((1 - p) / (n p) + (1 - q) / (m q)))

    Where a share is 0 or 1, which has no such error, the limits are Wilson's over q. Each label stands for itself.

    Args:
        shares: (..., K).
        reference: (K,) above 0.
        n: (...) independent images (the effective number, where they come in clusters).
        confidence: 0 .. 1.
        reference_n: number or (K,), m: independent units behind the reference; infinite: it is known.

    Returns:
        (..., K, 2) low and high, 0 or more.

    Raises:
        ValueError: a share of ``reference`` is 0, or an n not above 0.

    >>> representation_ratio_interval(np.array([0.7, 0.3]), np.array([0.5, 0.5]), 100).round(3)[0]
    array([1.231, 1.592])
    """
    ratio, images = representation_ratio(shares, reference), np.asarray(n, dtype=np.float64)[..., None]
    behind = np.asarray(reference_n, dtype=np.float64)
    if not (np.all(images > 0) and np.all(behind > 0)):
        raise ValueError("n and reference_n must be above 0")
    squared = float(stats.chi2.ppf(confidence, 1))
    inside = (shares > 0) & (shares < 1)
    share = np.where(inside, shares, 0.5)
    error = (1 - share) / (images * share) + (1 - reference) / (behind * reference)
    factor = np.exp(np.sqrt(squared * error))
    low = np.where(inside, ratio / factor, np.where(shares > 0, images / (images + squared) / reference, 0.0))
    high = np.where(inside, ratio * factor, np.where(shares > 0, ratio, squared / (images + squared) / reference))
    return np.stack([low, high], axis=-1)


def unbiased_squared_distance(shares: FloatArray, reference: FloatArray, n: npt.ArrayLike) -> FloatArray:
    """Squared distance of the true shares from the reference, without bias: sum of (n p^2 - p) / (n - 1) - 2 p q + q^2.

    Exact for n independent images; for images in clusters use ``clustered_squared_distance``. It may be negative, and is
    so half the time where shares equal the reference: do not clip it before averaging.

    Args:
        shares: (..., K) found shares.
        reference: (K,).
        n: (...) images, at least 2.

    Raises:
        ValueError: an ``n`` below 2.

    >>> float(unbiased_squared_distance(np.array([1.0, 0.0]), np.array([0.5, 0.5]), 2))
    0.5
    """
    images = np.asarray(n, dtype=np.float64)
    if not np.all(images >= 2):
        raise ValueError("n must be at least 2: one image says nothing of its own chance")
    chance = (1 - (np.asarray(shares) ** 2).sum(axis=-1)) / (images - 1)
    return np.asarray(squared_distance(shares, reference) - chance)[()]


def clustered_squared_distance(counts: FloatArray, reference: FloatArray) -> FloatArray:
    """Squared distance of the true shares from the reference, without bias however alike the images of a cluster are.

        sum over clusters c != d of (x_c - n_c q)(x_d - n_d q) / sum over c != d of n_c n_d

    Products of different clusters only: their errors are independent, so nothing is left to correct. Clusters are drawn
    independently and their sizes say nothing of their labels. Clusters of one image give ``unbiased_squared_distance``.

    Args:
        counts: (..., g, K) images by cluster and label; clusters without images add nothing.
        reference: (K,).

    Returns:
        (...) at most 2; below 0 about half the time where shares equal the reference.

    Raises:
        ValueError: fewer than 2 clusters with images.

    >>> float(clustered_squared_distance(np.array([[5.0, 0.0], [0.0, 5.0]]), np.array([0.5, 0.5])))
    -0.5
    """
    counts, q = np.asarray(counts, dtype=np.float64), checked_reference(reference)
    sizes = counts.sum(axis=-1)
    if not np.all((sizes > 0).sum(axis=-1) >= 2):
        raise ValueError("counts must hold at least 2 clusters with images")
    moves = counts - sizes[..., None] * q
    products = (moves.sum(axis=-2) ** 2).sum(axis=-1) - (moves**2).sum(axis=(-2, -1))
    return np.asarray(products / (sizes.sum(axis=-1) ** 2 - (sizes**2).sum(axis=-1)))[()]


def _apart(shares: FloatArray, reference: FloatArray) -> FloatArray:
    shares, reference = np.asarray(shares, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if reference.ndim != 1 or shares.shape[-1:] != reference.shape:
        raise ValueError(f"shares and reference must have the same labels; got shapes {shares.shape} and {reference.shape}")
    return shares - reference

"""What can be said of a share when some images have no label, whatever those images show."""

from dataclasses import dataclass

import numpy as np

from audit.stats.intervals import ASSUMED_CORRELATION, FloatArray, cluster_share

__all__ = ["Bounds", "missing_bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range of a share over all labels that the unlabelled images may have."""

    low: float
    """Share if no unlabelled image has the label."""
    high: float
    """Share if all of them have it."""
    interval: tuple[float, float] | None
    """Holds the whole range at the confidence asked for; None for a single cluster."""
    missing: float
    """Share of images without a label: the width of the range."""
    clusters: int
    method: str
    """Estimator and interval in words."""


def missing_bounds(
    totals: FloatArray,
    sizes: FloatArray,
    missing: FloatArray,
    *,
    confidence: float = 0.95,
    correlation: float = ASSUMED_CORRELATION,
) -> Bounds:
    """Sharpest bounds of a share without any assumption on missing labels (Manski 1989; Horowitz & Manski 2000).

        [sum(totals) / sum(sizes), sum(totals + missing) / sum(sizes)]

    The interval goes from the low limit of the lower bound to the high limit of the upper one, each that of
    ``cluster_share``, so it allows for images of a cluster being alike. It holds the whole range, and so the true share,
    with at least the confidence asked for (each end fails with half the rest); where nothing is missing it is that of
    ``cluster_share``. With some images missing it is wider than that of Imbens & Manski (2004), which holds the share only.

    Args:
        totals: (g,) images with the label, by cluster.
        sizes: (g,) all images of the cluster, labelled or not.
        missing: (g,) those without a label; totals + missing is at most sizes.
        confidence: 0 .. 1.
        correlation: of the images of a cluster, 0 .. 1, assumed while events are few.

    Raises:
        ValueError: counts that do not add up, or no images.

    >>> found = missing_bounds(np.array([4.0, 6.0]), np.array([10.0, 10.0]), np.array([2.0, 1.0]))
    >>> found.low, found.high, found.missing
    (0.5, 0.65, 0.15)
    """
    totals, sizes, missing = (np.asarray(part, dtype=np.float64) for part in (totals, sizes, missing))
    if not totals.shape == sizes.shape == missing.shape:
        raise ValueError(
            f"totals, sizes and missing must be of one length; got {totals.shape}, {sizes.shape}, {missing.shape}"
        )
    if not np.all((totals >= 0) & (missing >= 0) & (totals + missing <= sizes)):
        raise ValueError("totals and missing must not be negative, and together at most sizes")
    least = cluster_share(totals, sizes, confidence=confidence, correlation=correlation)
    most = cluster_share(totals + missing, sizes, confidence=confidence, correlation=correlation)
    interval = None if least.interval is None or most.interval is None else (least.interval[0], most.interval[1])
    absent = float(missing.sum() / sizes.sum())
    method = f"bounds over all labels the missing images may have; {least.method}"
    return Bounds(least.value, most.value, interval, absent, least.clusters, method)

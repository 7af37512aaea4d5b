"""How many human labels of an audit's own images buy how narrow an interval of a corrected share."""

import math

from scipy import stats

from audit.stats.planning import Design

__all__ = ["half_width_of_labels", "label_correlation", "labels_for_width"]


def label_correlation(share: float, sensitivity: float, specificity: float) -> float:
    """Correlation of a classifier's yes or no with the human label, from its errors at a true share.

        (sensitivity + specificity - 1) * sqrt(share (1 - share) / (q (1 - q))),  q the share that it says

    Returns:
        -1 .. 1; 0 where the share is 0 or 1, or the classifier says the same of all.

    >>> round(label_correlation(0.5, 0.9, 0.9), 9)
    0.8
    """
    for name, value in (("share", share), ("sensitivity", sensitivity), ("specificity", specificity)):
        _within(name, value, 0, 1)
    said = share * sensitivity + (1 - share) * (1 - specificity)
    spread = said * (1 - said)
    return 0.0 if spread <= 0 else (sensitivity + specificity - 1) * math.sqrt(share * (1 - share) / spread)


def half_width_of_labels(
    labels: int, design: Design, *, correlation: float, share: float = 0.5, confidence: float = 0.95
) -> float:
    """Half the interval of a prediction-powered share, when a random subset of the audited images is labelled.

    At the best weight of the predictions (PPI++; Angelopoulos, Duchi & Zrnic 2023) the error has two parts: that of the
    predictions on all T images, and that of what they leave unexplained on the n labelled ones:

        variance = share (1 - share) (r^2 D(T) / T + (1 - r^2) D(n) / n),  D(x) = 1 + max(x / clusters - 1, 0) icc

    Args:
        labels: labelled images n, 1 .. all images.
        design: of the audited images; both sizes given.
        correlation: r of label and prediction, -1 .. 1: see ``label_correlation``; 0 is labels alone.
        share: what is expected, 0 .. 1.
        confidence: 0 .. 1.

    Raises:
        ValueError: an argument is out of its range.

    >>> alone, powered = (half_width_of_labels(200, Design(100, 20, 0.0), correlation=r) for r in (0, 0.8))
    >>> round(alone, 3), round(powered, 3)
    (0.07, 0.046)
    """
    clusters, images = _sizes(design)
    _within("share", share, 0, 1)
    _within("correlation", correlation, -1, 1)
    if not 1 <= labels <= images:
        raise ValueError(f"labels must lie in 1 .. {images}, the images of the design; got {labels}")
    explained = correlation**2
    every, labelled = (_inverse(clusters, number, design.icc) for number in (images, labels))
    variance = share * (1 - share) * (explained * every + (1 - explained) * labelled)
    return _quantile(confidence, design) * math.sqrt(variance)


def labels_for_width(
    half_width: float, design: Design, *, correlation: float, share: float = 0.5, confidence: float = 0.95
) -> int | None:
    """Labels that bring the interval of a prediction-powered share down to +- ``half_width``.

    The inverse of ``half_width_of_labels``, whose arguments it has.

    Returns:
        Labels, 1 .. all images; None where labelling every image is not enough, so that it takes more images.

    >>> labels_for_width(0.05, Design(100, 20, 0.0), correlation=0.8)
    163
    """
    clusters, images = _sizes(design)
    if not 0 < half_width < 1:
        raise ValueError(f"half_width must lie between 0 and 1; got {half_width}")
    if half_width_of_labels(images, design, correlation=correlation, share=share, confidence=confidence) > half_width:
        return None
    spread, explained = share * (1 - share), correlation**2
    squared = (half_width / _quantile(confidence, design)) ** 2
    left = squared - spread * explained * _inverse(clusters, images, design.icc)
    unexplained = spread * (1 - explained)
    if unexplained <= left:
        return 1
    labels = unexplained / left  # of independent images; beyond one a prompt each further one is worth less
    if labels > clusters:
        labels = (1 - design.icc) / (left / unexplained - design.icc / clusters)
    return min(images, math.ceil(labels - 1e-9))


def _quantile(confidence: float, design: Design) -> float:
    assert design.clusters is not None
    level = (1 + confidence) / 2
    return float(stats.norm.ppf(level) if design.images_per_cluster == 1 else stats.t.ppf(level, design.clusters - 1))


def _inverse(clusters: int, number: int, icc: float) -> float:
    """1 / effective n of so many images, spread over the clusters."""
    return (1 + max(number / clusters - 1, 0) * icc) / number


def _sizes(design: Design) -> tuple[int, int]:
    if design.clusters is None or design.images_per_cluster is None:
        raise ValueError("design needs both clusters and images_per_cluster: labels are planned for images that there are")
    return design.clusters, design.clusters * design.images_per_cluster


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in {low} .. {high}; got {value}")

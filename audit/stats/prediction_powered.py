"""Shares of what people see in images, from a classifier on all images and people's labels on a random subset.

No assumption is made of the classifier: its errors may differ between prompts, and between photographs and generated
images. The labels estimate what it gets wrong; a good classifier makes the interval narrow, a poor one only leaves it wide.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import ASSUMED_CORRELATION, FloatArray, wilson

__all__ = [
    "LabelledSubset",
    "PredictionPowered",
    "ppi_mean",
    "prediction_powered_share",
    "prediction_powered_shares",
    "pseudo_values",
]

EVENTS_ASSUMED = 5.0  # by simulation: 10 covers alike at intervals that are 4 % wider
METHOD = "prediction-powered share (PPI++); Wilson interval at the effective n of labels and clusters, t quantile"


@dataclass(frozen=True, slots=True)
class LabelledSubset:
    """Predictions for every audited image, and labels for a random subset of the same images."""

    predictions: FloatArray
    """(N,) predicted label, 0 or 1, or its probability; (N, K) for K labels, one column each."""
    clusters: npt.NDArray[np.int64]
    """(N,) which images were not sampled independently (those of a prompt): any integers."""
    labelled: npt.NDArray[np.int64]
    """(n,) positions of the labelled images among the N, each once."""
    labels: FloatArray
    """(n,) 1 where people see the attribute, 0 where not; (n, K) for K labels."""
    inclusion: FloatArray | None = None
    """(n,) probability, above 0 and up to 1, with which each labelled image was drawn for labelling; None: all alike."""

    def __post_init__(self) -> None:
        n, whole = len(self.labelled), len(self.predictions)
        if (
            not 1 <= n <= whole
            or len(np.unique(self.labelled)) < n
            or self.labelled.min() < 0
            or self.labelled.max() >= whole
        ):
            raise ValueError(f"labelled must hold different positions in 0 .. {whole - 1}, at least one; got {n} positions")
        if len(self.labels) != n or self.labels.shape[1:] != self.predictions.shape[1:] or len(self.clusters) != whole:
            shapes = f"{self.predictions.shape}, {self.clusters.shape}, {self.labels.shape}"
            raise ValueError(
                f"predictions, clusters and labels must agree with {n} labelled of {whole} images; got {shapes}"
            )
        if not (_in_range(self.predictions) and _in_range(self.labels)):
            raise ValueError("predictions and labels must lie in 0 .. 1")
        if self.inclusion is not None and not (
            len(self.inclusion) == n and np.all((self.inclusion > 0) & (self.inclusion <= 1))
        ):
            raise ValueError(f"inclusion must be {n} probabilities above 0 and up to 1")

    def column(self, label: int) -> Self:
        """The subset for one of K labels."""
        predictions, labels = self.predictions[:, label], self.labels[:, label]
        return type(self)(predictions, self.clusters, self.labelled, labels, self.inclusion)


@dataclass(frozen=True, slots=True)
class PredictionPowered:
    """A mean or share from predictions for all images and labels for some."""

    value: float
    interval: tuple[float, float] | None
    """Low and high; None where the labelled images are of one cluster."""
    power: float
    """Weight of the predictions, lambda of PPI++: 0 labels alone, 1 predictions trusted as far as labels allow."""
    labelled: int
    unlabelled: int
    clusters: int
    """Independent sampling units among all images."""
    effective_n: float | None
    """Independent images, all labelled, that would be as informative; None where it was not worked out."""
    method: str
    """Estimator and interval in words."""


def ppi_mean(
    labels: FloatArray,
    predictions: FloatArray,
    unlabelled: FloatArray,
    *,
    power: float | None = None,
    confidence: float = 0.95,
) -> PredictionPowered:
    """Prediction-powered mean of independent images (Angelopoulos, Duchi & Zrnic 2023, PPI++), as published.

        power * mean(unlabelled) + mean(labels - power * predictions)

    with the normal interval of the variance power^2 var(unlabelled) / N + var(labels - power * predictions) / n, variances
    divided by n and N, not by n - 1. It covers .55 to .9 of nominal .95 for shares of .02 with 50 to 200 labels, and
    fails for images that come in clusters: for an audit use ``prediction_powered_share``.

    Args:
        labels: (n,) of the labelled images, n of at least 1.
        predictions: (n,) for the same images.
        unlabelled: (N,) predictions for the other images, N of at least 1.
        power: weight of the predictions; None for the one with the least variance, cov / ((1 + n / N) var), in 0 .. 1.
        confidence: 0 .. 1.

    >>> found = ppi_mean(np.array([1.0, 0, 1, 1]), np.array([1.0, 0, 1, 0]), np.array([1.0, 0, 0, 1, 1, 0]), power=1.0)
    >>> found.value
    0.75
    """
    n, rest = len(labels), len(unlabelled)
    if n < 1 or rest < 1 or len(predictions) != n:
        raise ValueError(
            f"labels and predictions must be of one length and unlabelled not empty; got {n}, {len(predictions)}, {rest}"
        )
    if power is None:
        shared = float(np.mean((labels - labels.mean()) * (predictions - predictions.mean())))
        spread = float(np.concatenate([predictions, unlabelled]).var(ddof=1))
        power = min(1.0, max(0.0, shared / ((1 + n / rest) * spread))) if spread > 0 else 0.0
    value = float(power * unlabelled.mean() + (labels - power * predictions).mean())
    variance = power * power * float(unlabelled.var()) / rest + float((labels - power * predictions).var()) / n
    half = float(stats.norm.ppf((1 + confidence) / 2)) * variance**0.5
    method = "prediction-powered mean (PPI++) of independent images, normal interval"
    return PredictionPowered(value, (value - half, value + half), power, n, rest, n + rest, None, method)


def prediction_powered_share(
    audit: LabelledSubset, *, confidence: float = 0.95, correlation: float = ASSUMED_CORRELATION
) -> PredictionPowered:
    """Share of images in which people see an attribute, within 0 .. 1, with an interval that covers.

        s = L + b (P - l),  b = cov(y, p) / (var(p) + sum(w^2)) over the labelled images, in 0 .. N / (N - n)

    where P is the mean prediction for all N images, and L and l are means of label y and prediction p over the n labelled
    ones, weighted by w ~ 1 / inclusion with sum 1 (Hajek 1971). For equal weights this is PPI++ (Angelopoulos et al. 2023)
    with power b (N - n) / N, tuned as a regression estimator is (Cassel, Sarndal & Wretman 1976): the slope of the labelled
    images, shrunk as if by one image more, has a quarter of the bias that PPI++'s own tuning has with 50 labels (.009 for a
    share of .1).

    The variance is that of residual sums by cluster. As in ``cluster_share``, the interval is Wilson's at the effective n
    with a t quantile, on as many degrees of freedom as there are clusters with labels, less 1. While few labels are of the
    rarer kind, the effective n is shrunk (5 such labels weigh half) towards what labels without a classifier would give,
    were the images of a cluster to correlate with ``correlation``.

    Nominal 95 % covers at least .935 in simulations of shares .02, .1 and .5; 50 and 200 labels, drawn at random, by prompt
    or by prediction; 10, 20 and 60 prompts of 50 images with correlations 0, .05 and .2; and classifiers that read well,
    evenly wrong, by prompt (sensitivity .97 or .8, false positives .02 or .1) and at random; also with up to all of 3,000
    images labelled. The published normal interval covers .5 to .9 for a share of .02. The price: rare labels that do not
    correlate are covered by .98 to 1, by intervals up to three times as wide.

    Args:
        audit: predictions and labels; the (N,) kind.
        confidence: 0 .. 1.
        correlation: of the images of a cluster, 0 .. 1, assumed while events are few.

    Raises:
        ValueError: the subset holds several columns.

    >>> rng = np.random.default_rng(0)
    >>> seen = (rng.random(600) < 0.3).astype(float)
    >>> read = np.where(rng.random(600) < 0.1, 1 - seen, seen)
    >>> drawn = rng.choice(600, 150, replace=False)
    >>> found = prediction_powered_share(LabelledSubset(read, np.arange(600) // 20, drawn, seen[drawn]))
    >>> round(found.value, 2), found.interval[0] < 0.3 < found.interval[1]
    (0.28, True)
    """
    if audit.predictions.ndim != 1:
        raise ValueError("a share needs predictions of one label; for several use prediction_powered_shares")
    n, whole = len(audit.labelled), len(audit.predictions)
    units, codes = np.unique(audit.clusters, return_inverse=True)
    fit = _Fit.of(audit)
    value = min(1.0, max(0.0, fit.value))
    power = fit.slope * (whole - n) / whole
    touched = len(np.unique(codes[audit.labelled]))
    if touched < 2:
        method = "prediction-powered share (PPI++); labels in one cluster, so no interval"
        return PredictionPowered(value, None, power, n, whole - n, len(units), None, method)
    quantile = float(stats.t.ppf((1 + confidence) / 2, touched - 1))
    effective = _effective_n(fit, codes, quantile, correlation)
    interval = wilson(value * effective, effective, quantile=quantile)
    method = (
        f"{METHOD}; where few labels are of the rarer kind, labels alone and a correlation of {correlation:g} are assumed"
    )
    return PredictionPowered(value, interval, power, n, whole - n, len(units), effective, method)


def prediction_powered_shares(
    audit: LabelledSubset, *, confidence: float = 0.95, correlation: float = ASSUMED_CORRELATION
) -> tuple[PredictionPowered, ...]:
    """Shares of K labels with intervals that hold together: each at 1 - (1 - confidence) / K (Bonferroni).

    Each label has a power of its own, so the shares sum to 1 up to estimation error only (for K = 2 exactly).

    Args:
        audit: predictions (N, K) and labels (n, K).
        confidence: of all intervals together, 0 .. 1.
        correlation: as for ``prediction_powered_share``.

    Returns:
        K results, in the order of the columns. Two labels need no correction: one interval mirrors the other.

    >>> read = np.eye(3)[np.arange(30) % 3]
    >>> subset = LabelledSubset(read, np.arange(30) // 3, np.arange(0, 30, 2), read[::2])
    >>> [round(found.value, 3) for found in prediction_powered_shares(subset)]
    [0.333, 0.333, 0.333]
    """
    if audit.predictions.ndim != 2:
        raise ValueError(f"shares need predictions of shape (N, K); got {audit.predictions.shape}")
    levels = audit.predictions.shape[1]
    each = confidence if levels == 2 else 1 - (1 - confidence) / levels
    columns = (audit.column(label) for label in range(levels))
    return tuple(prediction_powered_share(column, confidence=each, correlation=correlation) for column in columns)


def pseudo_values(audit: LabelledSubset) -> FloatArray:
    """What each image adds to the share: values whose mean is the prediction-powered share.

        b p_i + c + N w_i (y_i - b p_i - c),  c = L - b l,  the last term for labelled images only

    with the slope b of ``prediction_powered_share``, before it is cut to 0 .. 1. Sums of them by cluster have the
    linearised variance of the share, so means over groups of images, differences of such means and comparisons of two
    audits are prediction-powered too.

    Args:
        audit: predictions and labels; the (N,) kind.

    Returns:
        (N,); not confined to 0 .. 1.

    >>> read, seen = np.array([1.0, 0, 1, 0]), np.array([1.0, 0])
    >>> pseudo_values(LabelledSubset(read, np.arange(4), np.array([0, 1]), seen)).round(3).tolist()
    [1.333, -0.333, 0.667, 0.333]
    """
    fit = _Fit.of(audit)
    whole = len(audit.predictions)
    values = fit.slope * (audit.predictions - float(audit.predictions.mean())) + fit.value
    values[audit.labelled] += whole * fit.from_labels
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Fit:
    """The regression of labels on predictions, and what each image moves the share by."""

    value: float
    slope: float
    label_mean: float
    effective: float
    """Kish's effective number of labels."""
    labelled: npt.NDArray[np.int64]
    from_predictions: FloatArray
    """(N,)"""
    from_labels: FloatArray
    """(n,)"""

    @classmethod
    def of(cls, audit: LabelledSubset) -> Self:
        n, whole = len(audit.labelled), len(audit.predictions)
        weights = np.ones(n) if audit.inclusion is None else 1 / audit.inclusion
        weights = weights / weights.sum()
        read = audit.predictions[audit.labelled]
        seen_mean, read_mean = float(weights @ audit.labels), float(weights @ read)
        seen, read = audit.labels - seen_mean, read - read_mean
        squares = float(weights @ weights)
        slope = max(0.0, float(weights @ (seen * read)) / (float(weights @ (read * read)) + squares))
        slope = min(slope, whole / (whole - n)) if n < whole else 0.0
        overall = float(audit.predictions.mean())
        value = seen_mean + slope * (overall - read_mean)
        from_predictions = slope * (audit.predictions - overall) / whole
        return cls(value, slope, seen_mean, 1 / squares, audit.labelled, from_predictions, weights * (seen - slope * read))

    def variance(self, codes: npt.NDArray[np.intp]) -> float:
        """Linearised variance of the share by cluster; ``codes`` (N,) in 0 .. g - 1, g of at least 2."""
        moves = np.bincount(codes, self.from_predictions)
        moves += np.bincount(codes[self.labelled], self.from_labels, minlength=len(moves))
        return float(moves @ moves) * len(moves) / (len(moves) - 1)


def _effective_n(fit: _Fit, codes: npt.NDArray[np.intp], quantile: float, correlation: float) -> float:
    """Independent labelled images that are worth as much, from the variance as far as labels are enough to tell it."""
    sizes = np.bincount(codes).astype(np.float64)
    whole, value = len(codes), min(1.0, max(0.0, fit.value))
    spread = value * (1 - value)
    estimated = max(fit.variance(codes) / spread, 1 / whole) if spread > 0 else 1 / whole
    # What labels alone would give: the clusters of the audit, and the drawing of labels among its images.
    expected = (1 + (float(sizes @ sizes) / whole - 1) * correlation) / whole + max(0.0, 1 / fit.effective - 1 / whole)
    weight = max(EVENTS_ASSUMED, quantile * quantile * (expected * fit.effective - 1) / 2)
    # Rare labels that come together in a few clusters are worth fewer.
    events = fit.effective * min(fit.label_mean, 1 - fit.label_mean) / max(1.0, estimated * fit.effective)
    return 1 / max(estimated, (weight * expected + events * estimated) / (weight + events))


def _in_range(values: FloatArray) -> bool:
    return bool(np.all((values >= 0) & (values <= 1)))

"""What each image moves a statistic of two image sets by: how a distance gets an interval and a paired comparison."""

from dataclasses import dataclass

import numpy as np

from audit.stats.intervals import FloatArray

__all__ = ["Compared", "distance_interval"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A statistic of two sets of images with the influence of every image.

    The influences of a set average 0; to first order, their mean square over n is that set's part of the variance (the
    infinitesimal jackknife, Jaeckel 1972; Efron 1982, chapter 6). The interval they give speaks of the statistic at
    this n; a bias that shrinks with n is not in it.
    """

    value: float
    first: FloatArray
    """(n,) influence of each image of the first set."""
    second: FloatArray
    """(m,) influence of each image of the second set; (0,) where the statistic has one set."""

    def pseudo_values(self) -> FloatArray:
        """(n + m,) values whose mean is the statistic and whose spread gives its standard error.

        Influences are scaled so that the two sets count as one sample: sums of these by cluster go through
        ``cluster_mean`` like those of any mean. With n = m the scale is 2.
        """
        n, m = len(self.first), len(self.second)
        scaled = [self.first * ((n + m) / n), self.second * ((n + m) / m) if m else self.second]
        return np.asarray(self.value + np.concatenate(scaled), dtype=np.float64)

    def standard_error(self) -> float:
        """Standard error where all images were drawn independently."""
        sets = [part for part in (self.first, self.second) if len(part) > 1]
        return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in sets)))


def distance_interval(value: float, interval: tuple[float, float]) -> tuple[float, float]:
    """A symmetric interval of a squared distance, stretched upward, since its variance grows with the distance.

    Chance that makes a distance small makes its standard error small too, so nearly all intervals that miss lie
    too low. Of the score interval of a value whose variance is proportional to what it estimates, this takes the
    upper limit to second order, h + h^2 / (2 max(value, h)) above the value with h half the width; the lower limit stays.
    Simulated with 60 to 600 images in 2 to 16 dimensions, KID and Frechet intervals of nominal .95 that covered .87 to .98
    cover .94 to 1.0.

    Args:
        value: kernel or Frechet distance; may be negative.
        interval: value - h, value + h.

    >>> distance_interval(4.0, (2.0, 6.0))
    (2.0, 6.5)
    """
    low, high = interval
    half = (high - low) / 2
    return low, high + half * half / (2 * max(value, half)) if half > 0 else high

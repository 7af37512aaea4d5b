"""What each image moves a statistic of two image sets by: how a distance gets an interval and a paired comparison."""

from dataclasses import dataclass

import numpy as np

from audit.stats.intervals import FloatArray

__all__ = ["Compared"]


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

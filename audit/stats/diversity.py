"""How different the images of one set are from each other."""

import numpy as np

from audit.stats.distances import Features
from audit.stats.influence import Compared

__all__ = ["cosine_diversity"]


def cosine_diversity(rows: Features) -> Compared:
    """Mean of 1 - cosine over all pairs of different images: 0 for copies of one image, 1 for unrelated directions.

    An unbiased U-statistic, so it is the same at every n; higher is more diverse. It needs one pass: the cosines of
    all pairs sum to |sum of unit vectors|^2.

    Args:
        rows: (n, d) features, n of at least 2. A vector of zeros has no direction; its cosines count as 0.

    >>> float(cosine_diversity(np.eye(3)).value)
    1.0
    """
    n = len(rows)
    if n < 2:
        raise ValueError(f"diversity needs at least 2 images; got {n}")
    norms = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
    units = rows / np.where(norms > 0, norms, 1.0)[:, None]
    to_others = (units @ units.sum(axis=0) - (norms > 0)) / (n - 1)
    value = 1.0 - float(to_others.mean())
    influence = -2 * (to_others - to_others.mean())
    return Compared(value, np.asarray(influence, dtype=np.float64), np.zeros(0))

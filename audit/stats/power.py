"""How small a difference so many images can show."""

import math

from scipy import stats

__all__ = ["detectable_difference"]


def detectable_difference(
    n_per_cell: int, *, clusters: int, icc: float = 0.1, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Smallest difference between the shares of two cells that a two-sided test finds with the given power.

    For shares around one half, where it is hardest (the shares lie at .5 -+ half the difference). Images of a cluster
    are alike: they count as n / (1 + (m - 1) icc) independent ones, m = n / clusters (Kish 1965). Quantiles are of t on
    clusters - 1 degrees of freedom, as for the intervals of shares. Cells that share their prompts and seeds need less; a
    share against a fixed value needs about 1 / sqrt(2) of it.

    Args:
        n_per_cell: images in each of the two cells, at least 1.
        clusters: independent prompts (or draws) behind them, 1 .. n_per_cell.
        icc: intraclass correlation of the images of a cluster, 0 .. 1; .05 to .2 is usual for perceived attributes.
        power: probability of finding a difference of that size.
        alpha: two-sided error rate of the test.

    Returns:
        A difference of shares in 0 .. 1; 1 where one cluster a cell leaves no degrees of freedom.

    >>> round(detectable_difference(388, clusters=388, icc=0.0), 2)
    0.1
    """
    if not 1 <= clusters <= n_per_cell:
        raise ValueError(f"clusters must lie in 1 .. {n_per_cell}; got {clusters}")
    if clusters == 1:
        return 1.0
    effective = n_per_cell / (1 + (n_per_cell / clusters - 1) * icc)
    df = clusters - 1
    quantiles = float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))
    odds = quantiles**2 / (2 * effective)
    return math.sqrt(odds / (1 + odds))

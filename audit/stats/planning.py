"""How many images and prompts a wanted precision or power takes.

Each function has the free side of a ``Design`` to fill in: either the prompts are given and more images are drawn of
each, or the images of a prompt are given and more prompts are asked. More images of the same few prompts help only up
to a point, so a plan may be out of reach: that is None, not a large number.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from audit.stats.power import power_of_deviation, power_of_difference

__all__ = [
    "INDEPENDENT",
    "Design",
    "best_images_per_prompt",
    "effective_images",
    "images_for_deviation",
    "images_for_difference",
    "images_for_width",
    "non_inferiority_n",
]

MOST = 1 << 40  # a free side that is not enough at this size is never enough


@dataclass(frozen=True, slots=True)
class Design:
    """How images come in clusters (prompts). Of the two sizes one is given; the other is what is planned."""

    clusters: int | None = None
    """Prompts that there are, 2 or more."""
    images_per_cluster: int | None = None
    """Images of each prompt, 1 or more."""
    icc: float = 0.1
    """Intraclass correlation of the images of a prompt, 0 .. 1; .05 to .2 is usual for perceived attributes."""

    def __post_init__(self) -> None:
        if self.clusters is not None and self.clusters < 2:
            raise ValueError(f"clusters must be 2 or more; got {self.clusters}")
        if self.images_per_cluster is not None and self.images_per_cluster < 1:
            raise ValueError(f"images_per_cluster must be 1 or more; got {self.images_per_cluster}")
        if not 0 <= self.icc <= 1:
            raise ValueError(f"icc must lie in 0 .. 1; got {self.icc}")


INDEPENDENT = Design(images_per_cluster=1)
"""One image of each prompt, or draws of one prompt that is all the statement is about."""

Enough = Callable[[int, int], bool]
"""Whether so many clusters, of so many images each, are enough."""


def effective_images(clusters: int, images_per_cluster: float, icc: float) -> float:
    """Independent images that would be as informative: n / (1 + (m - 1) icc) (Kish 1965).

    >>> round(effective_images(20, 50, 0.1))
    169
    """
    return clusters * images_per_cluster / (1 + (images_per_cluster - 1) * icc)


def images_for_width(
    half_width: float, *, share: float = 0.5, design: Design = INDEPENDENT, confidence: float = 0.95
) -> int | None:
    """Images that bring the interval of a share down to +- ``half_width``.

        n = z^2 share (1 - share) / half_width^2 * (1 + (m - 1) icc)

    with t on clusters - 1 degrees of freedom for z where prompts have several images. For shares near 0 or 1 Wilson's
    interval, the one that is reported, is the wider one and decides.

    Args:
        half_width: above 0, in shares (.05 is 5 percentage points).
        share: what is expected, 0 .. 1; .5 takes most images.
        design: of the images; one size given.
        confidence: 0 .. 1.

    Returns:
        Images in all; None where no number of images of these prompts is enough.

    >>> [images_for_width(width) for width in (0.1, 0.05, 0.03, 0.02)]
    [97, 385, 1068, 2401]
    >>> images_for_width(0.05, design=Design(clusters=20)) is None
    True
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in 0 .. 1; got {share}")
    _positive("half_width", half_width)

    def enough(clusters: int, each: int) -> bool:
        n = effective_images(clusters, each, design.icc)
        quantile = _quantile((1 + confidence) / 2, clusters, each)
        z2 = quantile * quantile
        plain = quantile * math.sqrt(share * (1 - share) / n)
        score = quantile * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(plain, score) <= half_width

    return _smallest(design, enough)


def images_for_difference(
    shares: tuple[float, float], *, design: Design = INDEPENDENT, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Images in each of two cells that show the difference of their shares: see ``power.power_of_difference``.

    Args:
        shares: the two true shares, 0 .. 1, not equal.
        design: of the images of a cell; one size given. Cells that share prompts and seeds need less.
        power: wanted probability of showing it, between alpha and 1.
        alpha: two-sided error rate.

    Returns:
        Images in each cell; None where no number of images of these prompts is enough.

    >>> images_for_difference((0.45, 0.55))
    392
    """
    if shares[0] == shares[1]:
        raise ValueError(f"shares must differ; got {shares}")
    _power(power, alpha)

    def enough(clusters: int, each: int) -> bool:
        found = power_of_difference(shares, clusters * each, clusters=clusters, icc=design.icc, alpha=alpha)
        return found >= power

    return _smallest(design, enough)


def images_for_deviation(
    share: float, reference: float, *, design: Design = INDEPENDENT, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Images that show that a share is not a known reference value: see ``power.power_of_deviation``.

    Args:
        share: the true one, 0 .. 1, not equal to the reference.
        reference: known value, 0 .. 1.
        design, power, alpha: as for ``images_for_difference``.

    Returns:
        Images in all; None where no number of images of these prompts is enough.

    >>> images_for_deviation(0.6, 0.5, power=0.9)
    259
    """
    if share == reference:
        raise ValueError(f"share and reference must differ; got {share} for both")
    _power(power, alpha)

    def enough(clusters: int, each: int) -> bool:
        found = power_of_deviation(share, reference, clusters * each, clusters=clusters, icc=design.icc, alpha=alpha)
        return found >= power

    return _smallest(design, enough)


def non_inferiority_n(
    margin: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    equivalence: bool = False,
    design: Design = INDEPENDENT,
) -> int | None:
    """Images in each arm that show a share to be at most ``margin`` worse, where it is in truth no worse.

        n = 2 * .25 * (z_{1 - alpha} + z_{power})^2 / margin^2 * (1 + (m - 1) icc)

    Shares about one half, where it takes most, and arms of their own prompts. With t on clusters - 1 degrees of freedom
    where prompts have several images. Arms that share prompts and seeds: times (1 - r), r the correlation of their
    values. A gate passes by the two-sided interval of the report, so there alpha is (1 - confidence) / 2.

    Args:
        margin: above 0, in shares.
        power: wanted probability of showing it.
        alpha: one-sided error rate.
        equivalence: shown on both sides (two one-sided tests); ``power`` is that of both together.
        design: of the images of an arm; one size given.

    Returns:
        Images in each arm; None where no number of images of these prompts is enough.

    >>> non_inferiority_n(0.05), non_inferiority_n(0.05, power=0.9), non_inferiority_n(0.05, equivalence=True)
    (1237, 1713, 1713)
    """
    _positive("margin", margin)
    _power(power, alpha)
    reached = (1 + power) / 2 if equivalence else power

    def enough(clusters: int, each: int) -> bool:
        quantiles = _quantile(1 - alpha, clusters, each) + _quantile(reached, clusters, each)
        return 0.5 * quantiles**2 / effective_images(clusters, each, design.icc) <= margin**2

    return _smallest(design, enough)


def best_images_per_prompt(cost_prompt: float, cost_image: float, icc: float) -> int:
    """Images of each prompt that give the smallest error for the money (Cochran 1977, section 10.6).

        m = sqrt(cost_prompt / cost_image * (1 - icc) / icc), to the better one of its neighbours

    Args:
        cost_prompt: of asking one more prompt (writing and checking it), 0 or more, in the unit of the other.
        cost_image: of drawing and scoring one more image, above 0.
        icc: intraclass correlation of the images of a prompt, above 0 .. 1.

    Raises:
        ValueError: icc is 0 (then one prompt would do), or a cost is out of its range.

    >>> best_images_per_prompt(10.0, 1.0, 0.1)
    9
    """
    if not (0 < icc <= 1 and cost_image > 0 and cost_prompt >= 0):
        raise ValueError(
            f"needs 0 < icc <= 1, cost_image > 0 and cost_prompt >= 0; got {icc}, {cost_image} and {cost_prompt}"
        )
    best = math.floor(math.sqrt(cost_prompt / cost_image * (1 - icc) / icc))

    def price(each: int) -> float:
        return (cost_prompt + cost_image * each) / effective_images(1, each, icc)

    return min((max(best, 1), best + 1), key=price)


def _smallest(design: Design, enough: Enough) -> int | None:
    """Images in all at the smallest free side of the design that is enough."""
    if (design.clusters is None) == (design.images_per_cluster is None):
        raise ValueError("design needs one of clusters and images_per_cluster: the other one is what is planned")
    if design.clusters is not None:
        clusters = design.clusters
        each = _first(lambda size: enough(clusters, size), 1, MOST // clusters)
        return None if each is None else clusters * each
    assert design.images_per_cluster is not None
    size = design.images_per_cluster
    least = 1 if size == 1 else 2
    number = _first(lambda clusters: enough(clusters, size), least, MOST // size)
    return None if number is None else number * size


def _first(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Smallest number in low .. high that is enough, if all larger ones are; None where none is."""
    step = low
    while not enough(min(step, high)):
        if step >= high:
            return None
        low, step = step + 1, step * 2
    high = min(step, high)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _quantile(level: float, clusters: int, each: int) -> float:
    return float(stats.norm.ppf(level) if each == 1 else stats.t.ppf(level, clusters - 1))


def _power(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"power must lie between alpha and 1; got {power} at alpha {alpha}")


def _positive(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1; got {value}")

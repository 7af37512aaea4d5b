"""Whether generated images lie nearer to training images than to held-out ones, and what single pairs are worth.

Everything rests on one exchange: where a generator copied nothing, which of the pooled references were trained on is a
label that could have been dealt otherwise. So similarities to held-out images show what chance gives at this index size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import FloatArray

__all__ = [
    "ChanceTail",
    "Sides",
    "chance_level",
    "distance_ratio",
    "relabelling_p",
    "savage_scores",
]

Ints = npt.NDArray[np.int64]

RESAMPLES = 1_999
CELLS = 2**21
"""Labels that are dealt at a time, so that memory does not grow with the number of images."""
MOST_IN_TAIL = 100
LEAST_IN_TAIL = 20
TAIL_SHARE = 10
"""The nearest tenth of the held-out neighbours makes up the tail."""
SMALLEST = 1e-6
"""Distance 1 - cosine below which float32 cannot tell two vectors apart."""
REJECTED = 0.01
"""P-value of the fit below which ranks are used. They cannot tell one image from chance, so a wrong rejection is dear."""
ALPHA = 0.5
"""Of Carlini et al. 2023: a copy is nearer than this part of the mean distance."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Nearest neighbours of n generated images in a training set and in a held-out set of as many images, N each."""

    training: FloatArray
    """(n,) similarity to the nearest training image; higher is nearer."""
    held_out: FloatArray
    """(n,) the same for held-out images."""
    training_row: Ints
    """(n,) number of that training image, 0 or more."""
    held_out_row: Ints
    """(n,) number of the held-out image."""
    references: int
    """Images of each side, N."""

    @property
    def closer(self) -> FloatArray:
        """(n,) 1 where the training image is nearer, 0 where the held-out one is, and a tie is half."""
        return np.asarray(np.sign(self.training - self.held_out) / 2 + 0.5, dtype=np.float64)

    @property
    def nearest(self) -> Ints:
        """(n,) the nearest of all references: held-out ones are numbered on, from ``first_held_out``."""
        return np.where(self.training >= self.held_out, self.training_row, self.first_held_out + self.held_out_row)

    @property
    def first_held_out(self) -> int:
        """Where the numbers of held-out images begin in ``nearest``."""
        return int(self.training_row.max(initial=-1)) + 1

    @property
    def similarity(self) -> FloatArray:
        """(n,) to the nearest of all references, whatever its label."""
        return np.maximum(self.training, self.held_out)


def relabelling_p(sides: Sides, rng: np.random.Generator, weights: FloatArray | None = None) -> float:
    """One-sided p-value: are more images nearest to a training image than if training labels were dealt at random?

    The statistic is the sum of weights of the images whose nearest reference was trained on; its null distribution comes
    from 1,999 random labellings of the 2 N pooled references, N of each label. Given the images this is exact, so neither
    images of a prompt that resemble each other nor a reference that is nearest to hundreds of images (a hub) can
    make it reject too often, which a binomial test by image or by prompt does: the same labels decide about all images.

    Args:
        sides: neighbours of n images, n of at least 1.
        rng: source of randomness.
        weights: (n,) not negative, and the same under any labelling: nothing but ``sides.similarity`` may decide them.

    Returns:
        1 / 2,000 .. 1; uniform or above where labels are exchangeable.

    >>> near = Sides(np.ones(30), np.zeros(30), np.arange(30), np.arange(30), 30)
    >>> relabelling_p(near, np.random.default_rng(0))
    0.0005
    """
    weights = np.ones(len(sides.training)) if weights is None else weights
    rows = np.concatenate([sides.training_row, sides.first_held_out + sides.held_out_row])
    masses = np.concatenate([weights * sides.closer, weights * (1 - sides.closer)])
    used, place = np.unique(rows[masses > 0], return_inverse=True)
    if not len(used):
        return 1.0
    mass = np.bincount(place, masses[masses > 0]).astype(np.float64)
    observed = float(mass[used < sides.first_held_out].sum())
    least = observed - 1e-9 * float(mass.sum())  # sums of the same masses in another order differ by rounding
    reached = sum(int(np.count_nonzero(found >= least)) for found in _dealt(mass, sides.references, rng))
    return (1 + reached) / (1 + RESAMPLES)


def _dealt(mass: FloatArray, references: int, rng: np.random.Generator) -> list[FloatArray]:
    """Sums of the masses that random labellings give to training; only references with a mass need a label."""
    k = len(mass)
    most = max(1, CELLS // k)
    found = []
    for start in range(0, RESAMPLES, most):
        rows = min(most, RESAMPLES - start)
        trained = rng.hypergeometric(references, references, k, size=rows)
        order = np.argsort(rng.random((rows, k), dtype=np.float32), axis=1)
        sums = np.cumsum(mass[order], axis=1)
        found.append(np.where(trained > 0, sums[np.arange(rows), np.maximum(trained, 1) - 1], 0.0))
    return found


def savage_scores(values: FloatArray) -> FloatArray:
    """Weights that grow with rank like an exponential's quantiles: -log(1 - (rank - 1/2) / n) (Savage 1956).

    A few copies are nearer to their source than all else, so the nearest pairs say most; ties get their mean rank.

    Args:
        values: (n,).

    >>> savage_scores(np.array([3.0, 1.0])).round(3)
    array([1.386, 0.288])
    """
    return np.asarray(-np.log1p(-(stats.rankdata(values) - 0.5) / len(values)), dtype=np.float64)


def chance_level(held_out: FloatArray, rate: float) -> float:
    """The similarity that at most a share ``rate`` of images exceeds with an image that was never trained on.

    The (k + 1)-th largest of n similarities to held-out images, k = floor(rate n): an exchangeable one exceeds it with
    probability (k + 1) / (n + 1) at most.

    Args:
        held_out: (n,) similarity of each image to its nearest held-out image, n of at least 1; higher is nearer.
        rate: false-match rate, 0 .. 1.

    >>> chance_level(np.arange(100.0), 0.02)
    97.0
    """
    if not len(held_out) or not 0 <= rate <= 1:
        raise ValueError(f"chance_level needs similarities and a rate in 0 .. 1; got {len(held_out)} and {rate}")
    k = min(int(np.floor(rate * len(held_out) + 1e-9)), len(held_out) - 1)
    return float(np.sort(held_out)[::-1][k])


@dataclass(frozen=True, slots=True)
class ChanceTail:
    """How near a nearest neighbour comes by chance in an index of a given size, from neighbours among held-out images.

    Within the sample a p-value is the rank, (1 + held-out distances as small) / (1 + n). Nearer than the nearest tenth
    (at most 100) it follows a power law, as distances to nearest neighbours do near 0 (Amsaleg et al. 2015): log(u / d)
    of the m distances d below u is exponential, and p = (m + 1) / (n + 1) (1 + log(u / d) / (m mean))^-m, which allows
    for the mean having been estimated. Where that law does not fit (Kolmogorov-Smirnov with estimated mean, p below .01)
    or n is below 200, ranks are all there is.
    """

    distances: FloatArray
    """(n,) 1 - cosine to the nearest held-out image, rising."""
    start: float | None
    """Distance u at which the tail begins; None where ranks are all there is."""
    mean: float
    """Of log(u / d) over the tail."""
    inside: int
    """Distances in the tail, m."""
    fit: float | None
    """P-value of the fit of the power law; None where it was not tried."""

    @classmethod
    def of(cls, held_out: FloatArray, rng: np.random.Generator) -> "ChanceTail":
        """Fit the tail.

        Args:
            held_out: (n,) cosine of each image with its nearest held-out image, n of at least 1.
            rng: for the check of the fit.
        """
        distances = np.sort(np.maximum(1 - held_out, SMALLEST))
        m = min(MOST_IN_TAIL, len(distances) // TAIL_SHARE)
        if m < LEAST_IN_TAIL or distances[0] >= distances[m]:
            return cls(distances, None, 0.0, m, None)
        excess = np.log(distances[m] / distances[:m])
        mean = float(excess.mean())
        fit = _exponential_fit(excess, rng)
        return cls(distances, float(distances[m]) if fit >= REJECTED else None, mean, m, fit)

    def needed(self, images: int, level: float, *, larger: float = 1.0) -> str:
        """Why no image, however near, could be significant among ``images``; empty where one could.

        Where ranks are all there is, the smallest p-value is about 1 / n: that of one image among as many.
        """
        if images * float(self.p_values(np.ones(1), larger=larger)[0]) <= level:
            return ""
        if self.start is None and self.fit is None:
            return f"{len(self.distances)} images give ranks only; {LEAST_IN_TAIL * TAIL_SHARE} are needed for more"
        if self.start is None:
            return f"no power law fits near neighbours here (p {self.fit:.3f}), and ranks cannot show a single image"
        return f"{self.inside} near neighbours are too few to tell so small a chance among {images} images"

    @property
    def method(self) -> str:
        """How p-values are found, in words."""
        if self.start is not None:
            tail = f"power-law tail of {self.inside} (fit p {self.fit:.2f})"
            return f"rank among {len(self.distances)} held-out neighbours, {tail}"
        why = "too few for a tail" if self.fit is None else f"no power law fits the tail, p {self.fit:.3f}"
        return f"rank among {len(self.distances)} held-out neighbours ({why})"

    def p_values(self, similarity: FloatArray, *, larger: float = 1.0) -> FloatArray:
        """(k,) chance that a nearest neighbour is this similar without having been copied.

        Args:
            similarity: (k,) cosine of each image with its nearest training image.
            larger: references behind ``similarity`` for each one behind the held-out neighbours: an index of ``larger``
                times as many images has 1 - (1 - p)^larger.
        """
        distances, n = np.maximum(1 - similarity, SMALLEST), len(self.distances)
        p = (1 + np.searchsorted(self.distances, distances, side="right")) / (n + 1)
        if self.start is not None:
            beyond = np.log(np.maximum(self.start / distances, 1.0))
            tail = (self.inside + 1) / (n + 1) * (1 + beyond / (self.inside * self.mean)) ** -self.inside
            p = np.where(distances < self.start, tail, p)
        return np.asarray(-np.expm1(larger * np.log1p(-np.minimum(p, 1 - 1e-12))), dtype=np.float64)


def _exponential_fit(values: FloatArray, rng: np.random.Generator) -> float:
    """P-value of the largest gap between the sample and the exponential of its own mean (Lilliefors 1969), simulated."""
    others = rng.exponential(size=(999, len(values)))
    gaps = _gaps(np.vstack([values, others]))
    return float((1 + (gaps[1:] >= gaps[0]).sum()) / len(gaps))


def _gaps(samples: FloatArray) -> FloatArray:
    m = samples.shape[1]
    ranked = np.sort(samples / samples.mean(axis=1, keepdims=True), axis=1)
    below = -np.expm1(-ranked)
    steps = np.arange(m + 1) / m
    return np.asarray(np.maximum(steps[1:] - below, below - steps[:-1]).max(axis=1), dtype=np.float64)


def distance_ratio(similarity: FloatArray) -> FloatArray:
    """Distance to the nearest reference over half the mean distance to the k nearest (Carlini et al. 2023, k = 50).

    Below 1 the nearest stands out from its neighbourhood as a copy does. A rule of thumb: it has no error rate.

    Args:
        similarity: (n, k) cosines with the k nearest references, falling; l2 distances are those of unit vectors.

    Returns:
        (n,) 0 .. 2; 2 where there is no neighbourhood (k of 1, or all distances 0).

    >>> distance_ratio(np.array([[1.0, 0.5, 0.5]])).tolist(), distance_ratio(np.array([[0.5, 0.5]])).tolist()
    ([0.0], [2.0])
    """
    apart = np.sqrt(np.maximum(2 - 2 * np.asarray(similarity, dtype=np.float64), 0.0))
    mean = apart.mean(axis=1)
    return np.asarray(np.where(mean > 0, apart[:, 0] / np.where(mean > 0, ALPHA * mean, 1.0), 1 / ALPHA), dtype=np.float64)

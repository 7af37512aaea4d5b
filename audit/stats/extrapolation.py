"""The Frechet distance at infinitely many images, with an interval, and the images that a distance needs.

A Frechet distance of n images a side lies above that of their populations by about c / n, and c depends on the generator:
distances at unlike n, or of generators of unlike diversity at equal n, may rank wrongly (Chong & Forsyth 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy import stats

from audit.stats.cells import CELLS, Cut, Fixed, Labels, Part, dealt
from audit.stats.distances import Gaussian, frechet_of_gaussians
from audit.stats.intervals import FloatArray
from audit.stats.moments import Features, Moments, check_features

__all__ = ["Extrapolation", "extrapolated_frechet", "required_n"]

LEVELS = (1, 2, 3, 4)
"""Into how many parts the images are cut; every level uses all of them."""
LEAST = 120
"""Images a side; with fewer, too little is known of the curve to see that it is none."""
CURVED = 0.2
"""Part of the correction that a curve may change."""
NOISE = 4.0
"""Standard errors of the distance within which a curve is no evidence; by simulation it has 1.2 where there is none."""


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """A Frechet distance freed of its bias, and the line that it comes from."""

    value: float | None
    """Distance of the two populations' Gaussians, lower is closer; may be negative near 0. None if refused."""
    interval: tuple[float, float] | None
    """Of that distance; None if refused."""
    why: str
    """Why there is no value; empty where there is one."""
    raw: float
    """The distance of all images as they are."""
    slope: float
    """c: at n images a side, the distance lies c / n too high. NaN where there was no line to fit."""
    points: tuple[tuple[float, float], ...]
    """(n, mean distance) of each level, from all images to quarters; n is the harmonic mean of both sides."""
    curvature: float
    """What a parabola through the points would add to ``value``."""
    residual: float
    """Standard error of the points about the line."""
    cells: int
    """Groups of clusters behind the interval, less one its degrees of freedom."""


def extrapolated_frechet(
    generated: Features,
    reference: Features | Moments,
    *,
    clusters: tuple[Labels, Labels] | None = None,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> Extrapolation:
    """Frechet distance of two sets of features, extrapolated to infinitely many images on both sides.

    The images are cut into 1, 2, 3 and 4 disjoint parts; the mean distance of a level's parts is regressed on 1 / n, and
    the intercept is the estimate (the idea of Chong & Forsyth 2020, section 4). Unlike theirs, every level uses all
    images once, so that what chance does to single images moves all points alike and the line hardly at all; and it is
    both sides that are cut, since the reference set has its bias too.

    The interval is a delete-a-group jackknife (Kott 2001): clusters are dealt into 12 cells, and the distance of all images
    is made again without each; t quantile with 11 degrees of freedom. To first order the extrapolated distance varies with
    it, and what a parabola would change counts as error besides. It covers the distance of the populations, not that of 'n
    images'.

    It is refused, with the reason, where the points do not lie on a line: a parabola would change the correction by more
    than a fifth, and by more than its noise. That is so with fewer images than about 3 times the dimensions that
    matter.

    It takes 23 distances, and with more images than dimensions holds 12 matrices of moments a side.

    Args:
        generated: (n, d).
        reference: (m, d); or moments of a set that is to be taken as it is, so that its own bias stays in.
        clusters: (n,) and (m,) labels of what was drawn independently, such as the prompt; equal labels in both are one
            unit. Every image by itself when None. The second is not looked at for a reference of moments.
        rng: deals clusters to cells.
        confidence: 0 .. 1.

    Raises:
        ValueError: fewer than 2 rows, unlike widths, numbers that are not finite, or labels of another length.

    >>> draw = np.random.default_rng(0)
    >>> found = extrapolated_frechet(draw.standard_normal((600, 8)), draw.standard_normal((600, 8)), rng=draw)
    >>> found.raw > 0.02, abs(found.value) < 0.05
    (True, True)
    """
    sides = _sides(generated, reference, clusters, rng)
    raw = _distance(sides, [side.part(range(CELLS)) for side in sides])[0]
    cells = min(side.filled for side in sides)
    n = len(generated) if isinstance(reference, Moments) else min(len(generated), len(reference))
    if cells < CELLS or n < LEAST:
        why = f"{n} images and {cells} independent units on a side, at least {LEAST} and {CELLS} needed"
        return Extrapolation(None, None, why, raw, float("nan"), (), 0.0, 0.0, cells)
    return _judged(_line(sides), _error(sides), raw, confidence)


def required_n(slope: float, tolerance: float) -> int:
    """Images a side at which a Frechet distance lies at most ``tolerance`` too high: slope / n <= tolerance.

    Args:
        slope: c of ``Extrapolation``; 0 or less says that no bias was seen.
        tolerance: above 0, in units of the distance.

    Raises:
        ValueError: ``tolerance`` is not above 0, or ``slope`` is not a number.

    >>> required_n(1500.0, 0.5)
    3000
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance must be above 0; got {tolerance}")
    if not np.isfinite(slope):
        raise ValueError(f"slope must be a number; got {slope}")
    return max(2, ceil(slope / tolerance))


@dataclass(frozen=True)
class _Line:
    """Distances against 1 / n, fitted by a line and by a parabola."""

    intercept: float
    slope: float
    curvature: float
    """Intercept of the parabola less that of the line."""
    sizes: FloatArray
    means: FloatArray

    @classmethod
    def through(cls, points: FloatArray) -> "_Line":
        """The line through (l, 2) mean distances and 1 / n."""
        means, inverse = points[:, 0], points[:, 1]
        scaled = inverse / inverse[0]
        slope, intercept = np.polyfit(scaled, means, 1)
        bent = np.polyfit(scaled, means, 2)[-1]
        return cls(float(intercept), float(slope / inverse[0]), float(bent - intercept), 1 / inverse, means)

    @property
    def residual(self) -> float:
        apart = self.means - self.intercept - self.slope / self.sizes
        return float(np.sqrt((apart**2).sum() / (len(apart) - 2)))


def _judged(line: _Line, error: float, raw: float, confidence: float) -> Extrapolation:
    half = float(stats.t.ppf((1 + confidence) / 2, CELLS - 1)) * float(np.hypot(error, line.curvature))
    correction = abs(raw - line.intercept)
    why = ""
    if abs(line.curvature) > max(CURVED * correction, NOISE * error):
        why = (
            "the distances do not lie on a line in 1 / n: a curve would change the correction of "
            f"{raw - line.intercept:.3g} by {-line.curvature:.3g}; more images are needed"
        )
    return Extrapolation(
        value=None if why else line.intercept,
        interval=None if why else (line.intercept - half, line.intercept + half),
        why=why,
        raw=raw,
        slope=line.slope,
        points=tuple((float(n), float(mean)) for n, mean in zip(line.sizes, line.means, strict=True)),
        curvature=line.curvature,
        residual=line.residual,
        cells=CELLS,
    )


def _line(sides: "_Sides") -> _Line:
    """The line through the mean distances of all levels."""
    levels: list[FloatArray] = []
    for level in LEVELS:
        width = CELLS // level
        parts = [[side.part(range(start, start + width)) for side in sides] for start in range(0, CELLS, width)]
        levels.append(np.mean([_distance(sides, part) for part in parts], axis=0))
    return _Line.through(np.array(levels))


def _error(sides: "_Sides") -> float:
    """Jackknife standard error of the distance of all images."""
    whole = [side.part(range(CELLS)) for side in sides]
    left = [
        _distance(sides, [side.less(part, cell) for side, part in zip(sides, whole, strict=True)])[0]
        for cell in range(CELLS)
    ]
    return float(np.sqrt((CELLS - 1) * np.var(left)))


def _distance(sides: "_Sides", parts: Sequence[Part]) -> tuple[float, float]:
    """Distance of two parts, and 1 / n of the sides that are cut."""
    (first, one), (second, other) = (side.gaussian(part) for side, part in zip(sides, parts, strict=True))
    return frechet_of_gaussians(first, second), (one + other) / 2 if other else one


_Sides = tuple[Cut, Cut | Fixed]


def _sides(
    generated: Features, reference: Features | Moments, clusters: tuple[Labels, Labels] | None, rng: np.random.Generator
) -> _Sides:
    check_features(generated)
    if isinstance(reference, Moments):
        own = np.arange(len(generated)) if clusters is None else clusters[0]
        _check_labels(generated, own)
        return Cut(generated, dealt((own, own[:0]), rng)[0]), Fixed(reference, Gaussian.of_moments(reference))
    check_features(generated, reference)
    n = len(generated)
    first, second = clusters or (np.arange(n), np.arange(n, n + len(reference)))
    _check_labels(generated, first)
    _check_labels(reference, second)
    one, two = dealt((first, second), rng)
    return Cut(generated, one), Cut(reference, two)


def _check_labels(rows: Features, labels: Labels) -> None:
    if np.shape(labels) != (len(rows),):
        raise ValueError(f"clusters must be one label an image; got shape {np.shape(labels)} for {len(rows)} images")

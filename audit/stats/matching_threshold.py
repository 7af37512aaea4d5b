"""The similarity above which two faces are called one person: from impostors, for a false match rate of every group."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.stats.intervals import Estimate, FloatArray
from audit.stats.matching import assumed_design_effect, crossed_rate, probe_rate

__all__ = ["Impostors", "Threshold", "threshold_at"]

IntArray = npt.NDArray[np.int64]

TIED = 1e-9
"""Similarities closer than this are ties: another library may round them otherwise."""
STEPS_EACH = 64
"""Counts of matches up to here are tried one by one, then in steps of 1/64: a step is far smaller than their error."""


@dataclass(frozen=True, slots=True)
class Impostors:
    """Images of nobody in a gallery, compared with the people in it."""

    similarity: FloatArray
    """(n, p) of each image with each person."""
    unit: IntArray
    """(n,) what was sampled independently (a prompt), 0 .. units - 1."""
    other_people: bool = False
    """Speak of other people than those of the gallery, too."""

    def __post_init__(self) -> None:
        if self.similarity.ndim != 2 or not self.similarity.size or len(self.unit) != len(self.similarity):
            raise ValueError(f"similarity must be (n, p), unit (n,); got {self.similarity.shape} and {self.unit.shape}")

    @property
    def units(self) -> int:
        """Prompts behind the images."""
        return int(self.unit.max()) + 1

    @property
    def images_of_a_unit(self) -> float:
        """Mean number of images of a prompt, as an image counts."""
        counts = np.bincount(self.unit).astype(np.float64)
        return float((counts * counts).sum() / counts.sum())

    def rate(self, threshold: float, *, confidence: float = 0.95) -> Estimate:
        """False match rate at a threshold, with its interval."""
        return self._estimate(self._summed(self.similarity >= threshold), confidence)

    def shown_by_none(self, *, confidence: float = 0.95) -> float | None:
        """Upper limit of the rate where no comparison is a match: no target below can be shown; None for one prompt."""
        found = self._estimate(np.zeros((self.units, self.similarity.shape[1])), confidence)
        return None if found.interval is None else found.interval[1]

    def counts(self, confidence: float) -> Iterator[tuple[float, Estimate]]:
        """The rate as the threshold falls: the highest similarity that is not yet a match, and the rate above it."""
        order = np.argsort(-self.similarity, axis=None, kind="stable")
        values = self.similarity.ravel()[order]
        ends = np.concatenate([[0], np.flatnonzero(np.diff(values) < -TIED) + 1])  # ties are matches together or not at all
        totals = np.zeros((self.units, self.similarity.shape[1]))
        row, column = self.unit[order // totals.shape[1]], order % totals.shape[1]
        done = 0
        for end in _thinned(ends):
            np.add.at(totals, (row[done:end], column[done:end]), 1.0)
            done = end
            yield float(values[end]), self._estimate(totals, confidence)

    def _summed(self, matches: npt.NDArray[np.bool_]) -> FloatArray:
        totals = np.zeros((self.units, matches.shape[1]))
        np.add.at(totals, self.unit, matches)
        return totals

    def _estimate(self, totals: FloatArray, confidence: float) -> Estimate:
        sizes = np.repeat(np.bincount(self.unit).astype(np.float64)[:, None], totals.shape[1], axis=1)
        if self.other_people:
            return crossed_rate(totals, sizes, confidence=confidence)
        return probe_rate(totals, sizes, images=self.images_of_a_unit, confidence=confidence)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What was chosen, or what is missing."""

    value: float | None
    """Matches are similarities of at least this; None where the impostors cannot show the target."""
    group: str
    """The group that decides: with the highest threshold, or the one that needs most."""
    shown: float | None
    """Lowest rate that the impostors of that group can show; None where they are of one prompt."""
    needed_units: int | None
    """Prompts that the group would need for the target, each with as many images; None where a threshold was found."""


def threshold_at(groups: dict[str, Impostors], target: float, *, confidence: float = 0.95) -> Threshold:
    """Lowest threshold at which the false match rate of every group is shown to be at most the target.

    In each group the threshold falls from the highest similarity of an impostor as long as the upper end of the interval
    of the rate is at most the target; the highest of the groups' thresholds counts. The rate of a group exceeds the target
    only if the interval of the worst group failed to cover where its rate is the target, so neither the search (a fixed
    sequence of tests: Angelopoulos et al. 2021) nor the number of groups (an intersection-union test: Berger 1982) needs an
    allowance: with confidence (1 + confidence) / 2 no group exceeds it, for new images of such prompts.

    It rests on ``assumed_design_effect`` while matches are few. A kind of image too rare to be among the impostors that is
    like most people of the gallery (what is no face and taken for one) may raise the rate above the target unseen.

    Args:
        groups: at least one.
        target: 0 .. 1, false match rate of a single comparison.
        confidence: of the two-sided interval of a rate.

    Returns:
        No value where a group has too few impostors even if none matched: by the rule of three, about 3 independent
        comparisons are needed for every 1 / target, more where images of a prompt are alike.

    Raises:
        ValueError: no groups, or a target outside 0 .. 1.
    """
    if not groups or not 0 < target < 1:
        raise ValueError(f"threshold_at needs groups and a target between 0 and 1; got {len(groups)} and {target}")
    found = {name: _lowest(impostors, target, confidence) for name, impostors in groups.items()}
    known = {name: value for name, value in found.items() if value is not None}
    if len(known) == len(found):
        group = max(known, key=lambda name: known[name])
        return Threshold(known[group], group, groups[group].shown_by_none(confidence=confidence), None)
    lacking = {name: _needed(groups[name], target, confidence) for name in groups if name not in known}
    group = max(lacking, key=lambda name: lacking[name] / groups[name].units)
    return Threshold(None, group, groups[group].shown_by_none(confidence=confidence), lacking[group])


def _lowest(impostors: Impostors, target: float, confidence: float) -> float | None:
    chosen = None
    for below, found in impostors.counts(confidence):
        shown = found.interval is not None and found.interval[1] <= target
        if shown:
            chosen = below + TIED / 2
        elif chosen is not None or found.value > target:
            break
    return chosen


def _needed(impostors: Impostors, target: float, confidence: float) -> int:
    """Prompts of as many images with which no match at all would show the target: at least one more than there are."""
    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    people = impostors.similarity.shape[1]
    alike = assumed_design_effect(target, images=impostors.images_of_a_unit, people=people)
    independent = quantile**2 * (1 - target) / target
    mean_images = len(impostors.unit) / impostors.units
    return max(impostors.units + 1, int(np.ceil(independent * alike / (mean_images * people))))


def _thinned(ends: IntArray) -> Iterator[int]:
    """The counts to try, rising: each of the first, then some."""
    least = 0
    for end in ends.tolist():
        if end >= least:
            yield end
            least = end + 1 + end // STEPS_EACH

"""From what a classifier read on labelled images to its error: by group, along thresholds, and as confusion counts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audit.calibration import GroupError, HeldOut
from audit.digest import derive_seed
from audit.stats.ambiguity import Curve, at_least, cross_fitted, folds, lowest_threshold, threshold_curve
from audit.stats.intervals import FloatArray, cluster_share
from audit.table import Strings

__all__ = ["BELOW", "PARTS", "AtThreshold", "Readings", "along_thresholds", "chosen_threshold", "group_errors", "held_out"]

Mask = npt.NDArray[np.bool_]

BELOW = "confidence below the threshold"
PARTS = 10
"""Parts that images are dealt to when the choice of a threshold is judged."""
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)
"""Shares of labels kept at which error is told."""


@dataclass(frozen=True)
class Readings:
    """What was read on n labelled images."""

    truth: Strings
    """(n,) true labels."""
    read: Strings
    """(n,) labels that were read; empty where there is none."""
    sure: FloatArray
    """(n,) confidence, 1 where the classifier states none; meaningless where nothing was read."""
    reason: Strings
    """(n,) why nothing was read; empty where something was."""
    groups: Mapping[str, Strings]
    """Column -> (n,) levels."""
    person: Strings
    """(n,) equal for images that belong together."""

    @property
    def there(self) -> Mask:
        """(n,) whether a label was read."""
        return np.asarray(self.read != "", dtype=np.bool_)

    @property
    def wrong(self) -> Mask:
        """(n,) whether it is not the true one."""
        return np.asarray(self.there & (self.read != self.truth), dtype=np.bool_)

    def at(self, threshold: float) -> "Readings":
        """The same, without the labels of less confidence."""
        left = self.there & ~at_least(self.sure, threshold)
        return replace(self, read=np.where(left, "", self.read), reason=np.where(left, BELOW, self.reason))

    def counts(self, labels: Sequence[str]) -> dict[str, dict[str, int]]:
        """True label -> label that was read -> images; every label is there."""
        found = {true: dict.fromkeys(labels, 0) for true in labels}
        for true, read in zip(self.truth[self.there].tolist(), self.read[self.there].tolist(), strict=True):
            found[true][read] += 1
        return found

    def abstained(self) -> dict[str, dict[str, int]]:
        """True label -> reason -> images without a label."""
        gone = ~self.there
        found: dict[str, Counter[str]] = {}
        for true, why in zip(self.truth[gone].tolist(), self.reason[gone].tolist(), strict=True):
            found.setdefault(true, Counter())[why] += 1
        return {true: dict(why.most_common()) for true, why in sorted(found.items())}

    def among(self, rows: Mask) -> "Readings":
        """Some of the images."""
        parts = (self.truth[rows], self.read[rows], self.sure[rows], self.reason[rows])
        return Readings(*parts, {name: level[rows] for name, level in self.groups.items()}, self.person[rows])

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Of the share of wrong labels among those that were read; people are clusters. None without two of them."""
        return interval_of(self.wrong[self.there], self.person[self.there], confidence)


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Coverage and error at one threshold."""

    threshold: float
    read: int
    wrong: int
    interval: tuple[float, float] | None
    """Of wrong / read."""
    limit: float
    """One-sided upper limit of it, by which a threshold is chosen."""


def interval_of(hits: Mask, person: Strings, confidence: float) -> tuple[float, float] | None:
    """Wilson's interval of a share; at the effective n where people have several images."""
    if not len(hits):
        return None
    names, code = np.unique(person.astype(str), return_inverse=True)
    totals, sizes = (np.bincount(code, of, len(names)).astype(np.float64) for of in (hits, np.ones(len(hits))))
    return cluster_share(totals, sizes, confidence=confidence).interval


def group_errors(readings: Readings, label: str, confidence: float) -> tuple[GroupError, ...]:
    """Error and abstentions of all images, by true label, and by each level of each group.

    Args:
        label: what the column of true labels is called.
    """
    return tuple(_group_errors(readings, label, confidence))


def _group_errors(readings: Readings, label: str, confidence: float) -> Iterator[GroupError]:
    yield _group_error(readings, ("", ""), confidence)
    for name, level_of in {label: readings.truth, **readings.groups}.items():
        for level in sorted(set(level_of.tolist())):
            yield _group_error(readings.among(level_of == level), (name, level), confidence)


def _group_error(readings: Readings, group: tuple[str, str], confidence: float) -> GroupError:
    read = int(readings.there.sum())
    return GroupError(
        column=group[0],
        level=group[1],
        read=read,
        wrong=int(readings.wrong.sum()),
        abstained=len(readings.read) - read,
        interval=readings.interval(confidence),
    )


def chosen_threshold(readings: Readings, target: float, confidence: float) -> float | None:
    """The lowest threshold whose error has an upper limit of at most ``target``, see ``audit.stats.ambiguity``."""
    return lowest_threshold(_curve(readings, confidence), target)


def held_out(readings: Readings, target: float, confidence: float) -> HeldOut | None:
    """Error of such a choice on people that took no part in it; None where there are not two people with a label."""
    known = readings.among(readings.there)
    part = folds(known.person.astype(str), PARTS, np.random.default_rng(derive_seed("calibrate", len(known.read))))
    if len(np.unique(part)) < 2:
        return None
    people = known.person.astype(str)
    found = cross_fitted(known.sure, known.wrong, part, target=target, clusters=people, confidence=confidence)
    kept = known.among(found.read)
    return HeldOut(
        target=target,
        parts=len(found.thresholds),
        unmet=sum(threshold is None for threshold in found.thresholds),
        read=len(kept.read),
        wrong=int(kept.wrong.sum()),
        left=int((~found.read).sum()),
        interval=kept.interval(confidence),
    )


def along_thresholds(readings: Readings, also: Sequence[float], confidence: float) -> tuple[AtThreshold, ...]:
    """Coverage and error at thresholds that keep round shares of the labels, and at those of ``also``; lowest first."""
    curve = _curve(readings, confidence)
    places = {int(np.flatnonzero(curve.read >= share * curve.read[0])[-1]) for share in COVERAGES}
    wanted = sorted({*(float(curve.thresholds[place]) for place in places), *also})
    return tuple(_at(readings.at(threshold), threshold, confidence) for threshold in wanted)


def _at(readings: Readings, threshold: float, confidence: float) -> AtThreshold:
    read, wrong = int(readings.there.sum()), int(readings.wrong.sum())
    limit = float(_curve(readings, confidence).limit[0]) if read else 1.0
    return AtThreshold(threshold, read, wrong, readings.interval(confidence), limit)


def _curve(readings: Readings, confidence: float) -> Curve:
    """Along the labels that were read; people are clusters."""
    known = readings.among(readings.there)
    return threshold_curve(known.sure, known.wrong, clusters=known.person.astype(str), confidence=confidence)

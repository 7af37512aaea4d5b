"""The decision of ``copies`` that needs no threshold, and how many images it stands for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.metrics.averages import sentences
from audit.metrics.contrasts import POINTS
from audit.metrics.copies_levels import RANDOM_PART, Asked, Levels, told_of
from audit.metrics.copies_search import Compared
from audit.metrics.copies_sets import Images
from audit.metrics.sample import Floats, Mask, Units
from audit.records import Interval
from audit.stats.bootstrap import two_way
from audit.stats.copies import Sides, relabelling_p, savage_scores
from audit.stats.intervals import cluster_share
from audit.stats.paired import difference

__all__ = ["Decision"]

TEST = "one-sided, 1,999 random labellings of the pooled references"
WAYS = "the wider of the interval by prompt and of the two-way interval by prompt and nearest reference"
EVEN = 0.5
TRUSTED = 0.95
"""Recall of inverted lists below which a warning is given."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Findings of one generator whose images are laid between training and held-out images, as many of each."""

    levels: Levels
    own: Images
    found: Compared

    def findings(self, rng: np.random.Generator) -> Iterator[Measured]:
        """``closer_to_training``, ``copied`` and ``matched``."""
        yield self._closer(rng)
        yield self._copied(rng)
        yield self._matched()

    def _closer(self, rng: np.random.Generator) -> Measured:
        asked = Asked(
            "closer_to_training",
            "Share of images nearer to a training image than to any held-out one",
            "nearest training against nearest held-out image, ties half",
            unit="share",
            better="lower",
            note=sentences(self._counts, RANDOM_PART),
        )
        one = self.levels.average(asked, self.own, self._values(lambda sides: sides.closer), self._present, self.own.unseen)
        if self.found.sides is None:
            return one
        method = f"{one.finding.method}; {WAYS}; p: {TEST}"
        p = relabelling_p(self.found.sides, rng)
        return told_of(one, interval=self._share(self.found.sides), expected=EVEN, p_value=p, p_adjusted=p, method=method)

    def _copied(self, rng: np.random.Generator) -> Measured:
        asked = Asked(
            "copied",
            "Share of images copied, by how much more than half are nearer to training",
            "2 x share nearer to training - 1",
            unit=POINTS,
            better="lower",
            note=sentences(
                "An image that is no copy is nearer to training half of the time, and a copy nearly always. "
                "Below 0 by chance only; copies too changed to be nearest to their source are not in it",
                "The p-value gives most weight to the nearest pairs and the interval does not, so it may be small where "
                "the interval holds 0: then a few images are suspiciously near, and how many is not known",
                self._counts,
                RANDOM_PART,
            ),
        )
        one = self.levels.average(
            asked, self.own, self._values(lambda sides: 2 * sides.closer - 1), self._present, self.own.unseen
        )
        if self.found.sides is None:
            return one
        share = self._share(self.found.sides)
        interval = None if share is None else Interval(low=2 * share.low - 1, high=2 * share.high - 1)
        weights = savage_scores(self.found.sides.similarity)
        p = relabelling_p(self.found.sides, rng, weights)
        method = f"2 share - 1; {WAYS}; p: {TEST}, near pairs weighted by exponential scores"
        return told_of(one, interval=interval, expected=0.0, p_value=p, p_adjusted=p, method=method)

    def _matched(self) -> Measured:
        rate, level = self.levels.search.settings.rate, self.found.level
        at = (
            ""
            if level is None
            else f"Matches are cosines above {level:.4f}, which at most {rate:.2%} have with a held-out one"
        )
        asked = Asked(
            "matched",
            "Share of images that match a training image, less those that match a held-out one",
            f"excess of matches, false-match rate {rate:g} by held-out images",
            unit=POINTS,
            better="lower",
            note=sentences(
                "At least as many are copied: changed copies that do not reach the level are not counted",
                at,
                self._counts,
                RANDOM_PART,
            ),
        )
        values = self._values(lambda sides: _excess(sides, level))
        one = self.levels.average(asked, self.own, values, self._present, self.own.unseen)
        sides = self.found.sides
        if sides is None or level is None:
            return one
        names, sizes = self._units.names, self._sizes
        hits = [self._totals((side > level).astype(np.float64)) for side in (sides.training, sides.held_out)]
        new, base = ({str(u): (t, n) for u, t, n in zip(names, totals, sizes, strict=True)} for totals in hits)
        apart = difference(new, base, confidence=one.finding.confidence, share=True)
        ends = None if apart.low is None or apart.high is None else (apart.low, apart.high)
        interval = self._wider(ends, values, sides)
        return told_of(one, interval=interval, expected=0.0, method=f"{apart.method}; {WAYS}")

    def _share(self, sides: Sides) -> Interval | None:
        """Of the share nearer to training: few references may be nearest to many images, so they are clusters too."""
        confidence = self.levels.context.confidence
        by_prompt = cluster_share(self._totals(sides.closer), self._sizes, confidence=confidence).interval
        found = self._wider(by_prompt, sides.closer, sides)
        return None if found is None else Interval(low=max(0.0, found.low), high=min(1.0, found.high))

    def _wider(self, ends: tuple[float, float] | None, values: Floats, sides: Sides) -> Interval | None:
        both = two_way(values, self._units.code, sides.nearest, confidence=self.levels.context.confidence).interval
        known = [pair for pair in (ends, both) if pair is not None]
        if ends is None or not known:
            return None
        return Interval(low=min(low for low, _ in known), high=max(high for _, high in known))

    def _values(self, of: Callable[[Sides], Floats]) -> Floats:
        sides = self.found.sides
        return np.zeros(0) if sides is None else np.asarray(of(sides), dtype=np.float64)

    @property
    def _present(self) -> Mask:
        return self.own.seen if self.found.sides is not None else np.zeros(len(self.own.sample), dtype=bool)

    @property
    def _units(self) -> Units:
        return self.own.sample.units(self.own.seen)

    @property
    def _sizes(self) -> Floats:
        units = self._units
        return np.bincount(units.code, minlength=len(units.names)).astype(np.float64)

    def _totals(self, values: Floats) -> Floats:
        units = self._units
        return np.bincount(units.code, values, minlength=len(units.names)).astype(np.float64)

    @property
    def _counts(self) -> str:
        search = self.levels.search
        assert search.held_out is not None
        told = f"{search.equal} images of {search.train.name} and {search.equal} of {search.held_out.name} are compared"
        fewer = search.train.rows - search.equal
        if fewer:
            told += f"; copies of the other {fewer} training images, left out to keep counts equal, do not show here"
        left = search.held_out.rows - search.equal
        told += f"; {left} held-out images are left out to keep counts equal" if left else ""
        return sentences(told, self._index)

    @property
    def _index(self) -> str:
        """Lists over both sets as one miss neighbours whatever their label: what is lost is power, not truth."""
        recall = self.found.index_recall
        if recall is None:
            return ""
        low = "" if recall >= TRUSTED else "; copies among the others are missed: search more lists, or with `index: exact`"
        return f"Inverted lists found the nearest training image of {recall:.1%}{low}"


def _excess(sides: Sides, level: float | None) -> Floats:
    assert level is not None
    return (sides.training > level).astype(np.float64) - (sides.held_out > level)

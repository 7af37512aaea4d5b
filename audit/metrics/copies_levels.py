"""Findings of ``copies`` at each level: equal pixels, near hashes, near features, and what of that is beyond chance."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from audit.component import Context, Measured
from audit.metrics.averages import Quantity, average, sentences
from audit.metrics.copies_search import Compared, Search
from audit.metrics.copies_sets import Columns, Images
from audit.metrics.sample import Cell, Floats, Mask, Sample, Scores, protocol
from audit.records import Finding
from audit.stats.multiplicity import holm
from audit.table import Strings

__all__ = ["RANDOM_PART", "Asked", "Levels", "adjusted", "exact_copies", "p_values", "told_of"]

RANDOM_PART = "Held-out images must be a random part of what could have been trained on; else any difference counts"


@dataclass(frozen=True, slots=True)
class Levels:
    """What the findings of one metric share, and the findings of single levels."""

    metric: str
    context: Context
    columns: Columns
    search: Search
    source: str

    def exact(self, own: Images) -> Measured:
        """Share of images whose file or pixels are those of a training image."""
        asked = Asked(
            "exact",
            "Share of images whose pixels are those of a training image",
            "digest of file or pixels",
            unit="share",
            better="lower",
        )
        return self.average(asked, own, exact_copies(own, self.search), own.printed, own.unprinted)

    def near_duplicate(self, own: Images, found: Compared) -> Measured:
        """Share of images whose perceptual hash, plain or mirrored, is as near as few held-out images' are."""
        most, false = found.most_bits, found.hash_false
        if false is None:
            chance = "No held-out hashes to measure false matches with, so equal hashes count only"
        else:
            chance = (
                f"Within {most} of 64 bits" if most >= 0 else "Even equal hashes are too frequent by chance: none counts"
            )
            chance += f", which {false:.2%} of these images are of a held-out image, at equal counts"
        asked = Asked(
            "near_duplicate",
            "Share of images whose perceptual hash matches a training image",
            f"phash or its mirror; false-match rate {self.search.settings.rate:g} by held-out images",
            unit="share",
            better="lower",
            note=chance,
        )
        one = self.average(asked, own, found.hash_distance <= most, own.printed, own.unprinted)
        expected = None if false is None or one.finding.estimate is None else 1 - (1 - false) ** self.search.larger
        return replace(one, finding=one.finding.model_copy(update={"expected": expected}))

    def nearest(self, own: Images, found: Compared) -> Measured:
        """Mean cosine with the nearest training image."""
        note = "Grows with the number of training images, so it means something beside another of the same protocol only"
        if self.search.held_out is None:
            note += ". No held-out set was given, so nothing is said of what chance gives"
        asked = Asked("nearest", "Mean cosine with the nearest training image", "nearest neighbour", note=note)
        values = found.near.similarity[:, 0] if found.near.similarity.shape[1] else np.zeros(0)
        present = own.seen if len(values) else np.zeros(len(own.seen), dtype=bool)
        one = self.average(asked, own, values, present, own.unseen)
        return self._with_recall(one, found)

    def beyond_chance(self, own: Images, found: Compared) -> Measured:
        """Share of images whose nearest training image is nearer than chance explains, each image tested."""
        asked = Asked(
            "beyond_chance",
            "Share of images nearer to a training image than chance explains",
            f"p of the nearest neighbour at this index size, Holm over images, {1 - self.context.confidence:.2g}",
            unit="share",
            better="lower",
            note=sentences(
                f"Chance that any image is counted wrongly is about {1 - self.context.confidence:.2g} (Holm over images), "
                "more where the sets hold near-duplicates",
                f"P-values: {found.tail.method}" if found.tail else "",
                RANDOM_PART,
            ),
        )
        if found.tail is None:
            return self.average(asked, own, np.zeros(0), np.zeros(len(own.sample), dtype=bool), own.unseen)
        level = 1 - self.context.confidence
        flagged = adjusted(found, self.search) <= level
        one = self._with_recall(self.average(asked, own, flagged, own.seen, own.unseen), found)
        blind = found.tail.needed(len(flagged), level, larger=self.search.larger)
        if not blind:
            return one
        # 0 % would read as if nothing had been copied, and not even an exact copy would have counted.
        note = sentences(f"No estimate: even an exact copy would not stand out: {blind}", RANDOM_PART)
        unknown = {"estimate": None, "interval": None, "clusters": 0, "method": "none", "evidence": (), "note": note}
        return Measured(one.finding.model_copy(update=unknown))

    def average(self, asked: "Asked", own: Images, values: Floats | Mask, present: Mask, reason: Strings) -> Measured:
        """The finding of a value for each draw that is ``present``, in their order."""
        sample = own.sample
        full = np.zeros(len(sample))
        full[present] = values
        scores = Scores(full, present, np.where(present, "", reason).astype(object))
        quantity = Quantity(
            name=f"{self.metric}.{asked.name}",
            title=asked.title,
            protocol=protocol(f"{asked.recipe}; {self.search.recipe}", self.columns.all, self.context),
            confidence=self.context.confidence,
            unit=asked.unit,
            better=asked.better,
            source=self.source,
            note=asked.note,
        )
        one = average(quantity, sample, scores, Cell({}, np.arange(len(sample)), len(sample)))
        return replace(one, finding=one.finding.model_copy(update={"baseline": self.search.train.name}))

    def _with_recall(self, one: Measured, found: Compared) -> Measured:
        if found.index_recall is None:
            return one
        told = f"inverted lists found the nearest training image of {found.index_recall:.1%} (of exact search)"
        return told_of(one, method=f"{one.finding.method}; {told}")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a quantity is told."""

    name: str
    title: str
    recipe: str
    unit: str = ""
    better: Literal["higher", "lower", "none"] = "none"
    note: str = ""


def told_of(one: Measured, **changes: object) -> Measured:
    """The same with some fields of its finding replaced."""
    return replace(one, finding=Finding.model_copy(one.finding, update=changes))


def exact_copies(own: Images, search: Search) -> Mask:
    """(q,) whether each draw with fingerprints has the file or the pixels of a training image."""
    sample: Sample = own.sample
    files, pixels = set(search.train.printed), set(search.train.pixels)
    pairs = zip(sample.images[own.printed], own.pixels[own.printed], strict=True)
    return np.array([image in files or digest in pixels for image, digest in pairs], dtype=bool)


def p_values(found: Compared, search: Search) -> Floats:
    """(m,) chance of as near a training image without copying, of the draws with features."""
    assert found.tail is not None
    return found.tail.p_values(found.near.similarity[:, 0], larger=search.larger)


def adjusted(found: Compared, search: Search) -> Floats:
    """The same, so that any false one among all images is as improbable as it says (Holm)."""
    return holm(p_values(found, search))

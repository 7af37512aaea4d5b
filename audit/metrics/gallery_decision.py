"""Which similarity is a match: the threshold of a gallery for one generator, and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.metrics.averages import sentences
from audit.metrics.gallery_photos import Photos
from audit.metrics.gallery_search import ImpostorSet, Searched
from audit.metrics.recipes import CommonRecipe
from audit.metrics.sample import Ints, Mask, why_missing
from audit.records import Finding
from audit.stats.matching import per_comparison_rate
from audit.stats.matching_threshold import Impostors, Threshold, threshold_at
from audit.table import Strings

__all__ = ["CLOSEST", "Decision", "Recipe"]

CLOSEST = "similarity to a person is that to the photograph that is most like the image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(CommonRecipe):
    """What the findings of one metric share; the baseline is the gallery."""

    any_people: bool
    show_matches: bool


@dataclass(frozen=True)
class Decision:
    """One generator's images against a gallery, and which of them match."""

    recipe: Recipe
    photos: Photos
    searched: Searched
    tested: Mask
    """(n,) draws that are asked about."""
    impostors: ImpostorSet
    target: float | None
    """False match rate of a single comparison; None: so low that any false match of the audit has the chance left by
    the confidence."""

    @property
    def generator(self) -> str:
        """Name of the generator."""
        return self.searched.sample.generator

    @cached_property
    def asked(self) -> Ints:
        """Positions of the images with a face that are asked about."""
        return np.flatnonzero(self.tested & self.searched.faces.present)

    @cached_property
    def rate(self) -> float | None:
        """The target; None where nothing can be compared."""
        comparisons = len(self.asked) * len(self.photos.people)
        if self.target is not None or not comparisons:
            return self.target
        return per_comparison_rate(1 - self.recipe.confidence, comparisons)

    @cached_property
    def groups(self) -> Mapping[str, Impostors]:
        """Group -> its comparisons; none where there are no impostors."""
        if not len(self.impostors.rows) or not self.photos.people:
            return {}
        compared, any_people = self.impostors.compared, self.recipe.any_people
        members = {name: rows for name, rows in self.impostors.members().items() if len(rows)}
        return {name: compared(rows, any_people=any_people) for name, rows in members.items()}

    @cached_property
    def chosen(self) -> Threshold | None:
        """The threshold; None where nothing can be compared."""
        if self.rate is None or not self.groups:
            return None
        return threshold_at(dict(self.groups), self.rate, confidence=self.recipe.confidence)

    @property
    def threshold(self) -> float | None:
        """The similarity from which on an image matches."""
        return None if self.chosen is None else self.chosen.value

    @property
    def nothing(self) -> str:
        """Why there is nothing to compare; empty where there is."""
        if not self.photos.people:
            return "No estimate: no photograph of the gallery has a face to compare"
        own = self.impostors.searched is self.searched
        if not len(self.asked):
            whose = "is of a prompt that names somebody in the gallery" if own else "was drawn"
            return f"No estimate: no image with one face {whose}"
        if not self.groups:
            whose, remedy = ("", "; name `impostors`") if own else (" of the impostors", "")
            return f"No estimate: no image{whose} with one face is of a prompt that names nobody in the gallery{remedy}"
        return ""

    def finding(self) -> Finding:
        """What is told of the threshold."""
        finding = self.recipe.blank("threshold", "Similarity from which on two faces are called alike", self.generator)
        lost = self.lost
        finding = finding.model_copy(update={"n": len(self.impostors.rows), "n_missing": len(lost)})
        if self.threshold is None:
            why = self.undecided
            return finding.model_copy(update={"note": sentences(why, self.aim, why_missing(lost))})
        note = sentences(self._guarantee, self.aim, self._unknown_groups, self._alike, why_missing(lost))
        update = {
            "estimate": self.threshold,
            "clusters": len(self.impostors.units.names),
            "method": f"lowest cosine at which the false match rate of every group is shown to be on target; {CLOSEST}",
            "note": note,
        }
        return finding.model_copy(update=update)

    @property
    def lost(self) -> Strings:
        """Reasons of the impostors that have no face to compare."""
        return self.impostors.searched.faces.reason[self.impostors.lost]

    @property
    def aim(self) -> str:
        """The target, and where it comes from; empty where nothing is compared."""
        if self.rate is None:
            return ""
        if self.target is not None:
            return f"Target: a false match rate of {self.rate:.2g} for a single comparison"
        chance = 100 * (1 - self.recipe.confidence)
        return (
            f"Target: a false match rate of {self.rate:.2g}, so that the chance of any false match is at most "
            f"{chance:.3g} % in {len(self.asked)} images x {len(self.photos.people)} people (Bonferroni)"
        )

    @property
    def _guarantee(self) -> str:
        assert self.chosen is not None
        sure, group = 50 * (1 + self.recipe.confidence), self.chosen.group
        who = f"the group {group!r}" if group else "all impostors together"
        people = " and other people" if self.recipe.any_people else " and the people of this gallery"
        like = "like these" if self.impostors.unit == "images" else f"of such {self.impostors.unit}"
        return (
            f"With confidence {sure:g} % the false match rate of every group is at most the target, for other images "
            f"{like}{people}; kinds of images too rare to be among the impostors are not covered. The highest "
            f"threshold is that of {who}"
        )

    @property
    def undecided(self) -> str:
        """Why there is no threshold; empty where there is one."""
        if self.nothing or self.chosen is None or self.chosen.value is not None:
            return self.nothing
        group = f" of the group {self.chosen.group!r}" if self.chosen.group else ""
        have = self.groups[self.chosen.group].units
        each = "" if self.impostors.unit == "images" else ", each with as many images"
        shown = "" if self.chosen.shown is None else f": without any match the rate may still be {self.chosen.shown:.2g}"
        return (
            f"No estimate: the impostors{group} are {self.impostors.told(have)}{shown}; about {self.chosen.needed_units} "
            f"are needed{each}, or a higher `false_match_rate`. What `standouts` says needs no threshold"
        )

    @property
    def _unknown_groups(self) -> str:
        """Impostors of no group, and groups without impostors."""
        unknown = int((self.impostors.group == "").sum()) if self.impostors.group_by else 0
        empty = [name for name, rows in self.impostors.members().items() if not len(rows)]
        told = f"{unknown} impostors are of no known group: they count among all only" if unknown else ""
        return sentences(told, f"Nothing is known of groups without impostors: {', '.join(empty)}" if empty else "")

    @property
    def _alike(self) -> str:
        """People of the gallery who are as alike as a match."""
        assert self.threshold is not None
        pairs = int((self.photos.between() >= self.threshold).sum()) // 2
        return (
            f"Pairs of people in the gallery who are as alike as a match: {pairs}; see that each is of two" if pairs else ""
        )

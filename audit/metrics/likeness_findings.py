"""What is told of one name: how alike its faces are, how alike those of its controls, and by how much more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Measured, Parts
from audit.digest import derive_seed
from audit.metrics.averages import sentences
from audit.metrics.gallery_search import NAMED
from audit.metrics.likeness_arms import DESCRIPTOR, PERTURBED, Arm, NameArms
from audit.metrics.recipes import CommonRecipe
from audit.metrics.sample import Floats, Ints, why_missing
from audit.records import Finding, Interval
from audit.stats.intervals import cluster_mean
from audit.stats.likeness import FEWEST, Consistency, beyond_names

__all__ = ["AGAINST", "NameFindings", "Recipe"]

AGAINST = {PERTURBED: "altered names", DESCRIPTOR: "description"}
"""Arm -> what it is called in ``Finding.where``."""
AS_PHRASE = {PERTURBED: "one altered name", DESCRIPTOR: "a description"}
MEANING = (
    "Evidence of whether the name draws one face consistently; it does not say whose face, nor that it is like the person's"
)
OF_THESE = "Seeds are the units: the interval, and a comparison with another run, speak of other seeds for these prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(CommonRecipe):
    """What the findings of one metric share."""

    compare: str
    """``cosine``, or ``minus Euclidean distance``."""
    seed: int
    level: float
    """Error rate of one name that a rank has to reach, so that it can still tell once names are adjusted for."""


@dataclass(frozen=True)
class NameFindings:
    """Makes the findings on one name of one generator."""

    recipe: Recipe
    arms: NameArms

    @property
    def _generator(self) -> str:
        return self.arms.drawn.sample.generator

    def named(self) -> Measured:
        """How alike the faces are that the name draws."""
        title = f"How alike the faces of one name are (mean {self.recipe.compare})"
        return self._mean("named", title, {"name": self.arms.name}, self.arms.of(NAMED))

    def controls(self) -> Iterator[Measured]:
        """The same of its altered names, taken together, and of its description."""
        for kind, what in AGAINST.items():
            if self.arms.of(kind):
                title = f"How alike the faces of {AS_PHRASE[kind]} are (mean {self.recipe.compare})"
                yield self._mean("controls", title, {"name": self.arms.name, "of": what}, self.arms.of(kind))

    def _mean(self, name: str, title: str, where: Mapping[str, str], arms: Sequence[Arm]) -> Measured:
        """Mean over arms of their consistencies."""
        finding = self._counted(self.recipe.blank(name, title, self._generator), where, arms)
        found = self._found(arms)
        if found is None:
            return Measured(_noted(finding, self._too_few(arms), self._told(arms)))
        share = 1 / len(found)
        return self._estimated(finding, [(arm, one, share) for arm, one in found], self._told(arms))

    def consistency(self, kind: str) -> Measured | None:
        """How much more alike the faces of the name are than those of its controls; None where it has no such arm."""
        what, controls = AGAINST[kind], self.arms.of(kind)
        if not controls and kind != PERTURBED:
            return None
        title = (
            f"How much more alike the faces of one name are than those of {AS_PHRASE[kind]} (mean {self.recipe.compare})"
        )
        where = {"name": self.arms.name, "against": what}
        named = self.arms.of(NAMED)
        blank = self.recipe.blank("consistency", title, self._generator, better="lower")
        finding = self._counted(blank, where, (*named, *controls))
        one, others = self._found(named), self._found(controls)
        if one is None or others is None:
            why = self._too_few(named if one is None else controls)
            return Measured(_noted(finding, why, self._told((*named, *controls))))
        p, tested = self._tested(kind, one, others)
        weighed = [(*each, 1 / len(one)) for each in one] + [(*each, -1 / len(others)) for each in others]
        made = self._estimated(finding, weighed, tested, MEANING, OF_THESE, self._told((*named, *controls)))
        place = f", and place among {len(others)} altered names" if kind == PERTURBED and len(others) > 1 else ""
        method = f"{made.finding.method}; p: arms exchanged within seeds, studentised{place}"
        return Measured(
            made.finding.model_copy(update={"p_value": p, "expected": 0.0, "method": method}), made.contributions
        )

    # ------------------------------------------------------------------------------------------------- the test

    def _tested(self, kind: str, one: "_Known", others: "_Known") -> tuple[float, str]:
        """The p-value, and what it is of."""
        arms = [arm for arm, _ in (*one, *others)]
        places = np.concatenate([self.arms.places(arm) for arm in arms])
        seeds = np.concatenate([self.arms.seeds(arm) for arm in arms]).astype(str)
        code = np.repeat(np.arange(len(arms)), [len(arm.rows) for arm in arms])
        p = beyond_names(
            self.arms.alike[np.ix_(places, places)],
            code,
            np.unique(seeds, return_inverse=True)[1].astype(np.int64),
            np.random.default_rng(derive_seed(self.recipe.seed, self.arms.name, kind)),
            level=self.recipe.level,
        )
        return p, _hypothesis(kind, len(others))

    # --------------------------------------------------------------------------------------------- the estimate

    def _found(self, arms: Sequence[Arm]) -> "_Known | None":
        """Each arm with its consistency; None where one has fewer than two images with a face, or there is no arm."""
        found = [(arm, one) for arm in arms for one in (self.arms.consistency(arm),) if one is not None]
        return found if found and len(found) == len(arms) else None

    def _estimated(self, finding: Finding, weighed: "Sequence[tuple[Arm, Consistency, float]]", *notes: str) -> Measured:
        """A weighted sum of consistencies, with an interval in which seeds are the units."""
        estimate = float(sum(weight * one.value for _, one, weight in weighed))
        seeds = np.concatenate([self.arms.seeds(arm) for arm, _, _ in weighed]).astype(str)
        moved = np.concatenate([weight * one.moved / len(one.moved) for _, one, weight in weighed])
        names, code = np.unique(seeds, return_inverse=True)
        parts = _parts(estimate, moved, names.astype(object), code.astype(np.int64))
        enough = min(len(one.moved) for _, one, _ in weighed) >= FEWEST
        ends = cluster_mean(parts.total, parts.n, confidence=self.recipe.confidence).interval if enough else None
        few = "" if enough else f"No interval: an arm has fewer than {FEWEST} images with a face"
        update: dict[str, object] = {
            "estimate": estimate,
            "interval": None if ends is None else Interval(low=ends[0], high=ends[1]),
            "clusters": len(names),
            "method": f"mean {self.recipe.compare} of all pairs of images of two seeds; jackknife of seeds, t interval",
        }
        return Measured(_noted(finding.model_copy(update=update), few, *notes), parts)

    def _counted(self, finding: Finding, where: Mapping[str, str], arms: Sequence[Arm]) -> Finding:
        n, lost = sum(len(arm.rows) for arm in arms), sum(len(arm.lost) for arm in arms)
        return finding.model_copy(update={"where": dict(where), "n": n, "n_missing": lost})

    def _too_few(self, arms: Sequence[Arm]) -> str:
        if not arms:
            return "No estimate: no altered name was asked for beside it; ask with the suite `names`"
        worst = min(arms, key=lambda arm: len(arm.rows))
        who = {NAMED: "the name", PERTURBED: f"the altered name {worst.label!r}", DESCRIPTOR: "the description"}[worst.kind]
        return f"No estimate: {len(worst.rows)} images of {who} have a face; at least 2 are needed"

    def _told(self, arms: Sequence[Arm]) -> str:
        """What became of the other images."""
        drawn = self.arms.drawn
        several = sum(int(drawn.several[arm.rows].sum()) for arm in arms)
        repeated = sum(arm.repeated for arm in arms)
        lost = np.concatenate([arm.lost for arm in arms]) if arms else np.zeros(0, dtype=np.int64)
        return sentences(
            f"Of {several} images with several faces the largest was used" if several else "",
            f"{repeated} further images were left out: more than one of a seed, or more seeds than `most_seeds`"
            if repeated
            else "",
            why_missing(drawn.reason[lost]),
        )


_Known = list[tuple[Arm, Consistency]]


def _hypothesis(kind: str, others: int) -> str:
    """What the p-value is of."""
    if kind != PERTURBED:
        return "p is of the hypothesis that the name draws no more of one face than its description does"
    if others < 2:
        return sentences(
            "p is of the hypothesis that the name draws no more of one face than its altered name",
            "With one altered name it is not known how much such names differ: ask for several",
        )
    return (
        f"p is of the hypothesis that the name draws no more of one face than the most consistent of its {others} altered "
        "names, or no more than one more of them would (the larger p of both)"
    )


def _parts(estimate: float, moved: Floats, names: "np.ndarray[tuple[int], np.dtype[np.object_]]", code: Ints) -> Parts:
    """Pseudo-values of seeds: their mean is the estimate, and their spread gives its standard error."""
    count = len(names)
    pseudo = np.asarray(estimate + count * np.bincount(code, moved, minlength=count), dtype=np.float64)
    return Parts(names, pseudo, np.ones(count), pseudo * pseudo)


def _noted(finding: Finding, *notes: str) -> Finding:
    return finding.model_copy(update={"note": sentences(finding.note, *notes)})

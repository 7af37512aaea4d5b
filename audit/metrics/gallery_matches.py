"""Images that match somebody in a gallery, and those that stand out from impostors without a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.metrics.averages import BY_PROMPT, Quantity, average, panelled, sentences
from audit.metrics.contrasts import POINTS
from audit.metrics.gallery_decision import Decision
from audit.metrics.gallery_search import Searched
from audit.metrics.sample import Cell, Ints, Mask, Scores, why_missing
from audit.panels import Pairs
from audit.records import Interval
from audit.stats.matching import search_rate
from audit.stats.matching_chance import fewest_standouts, impostors_needed, rank_p_values
from audit.stats.multiplicity import benjamini_hochberg
from audit.stats.paired import difference

__all__ = ["Matches"]

SHOWN = 24
MATCHES = "Share of images that match somebody in the gallery"
EXCESS = "Share of images that match somebody in the gallery, less that of images of nobody in it"
STANDOUTS = "Share of images that are more like somebody in the gallery than images of nobody in it are"


@dataclass(frozen=True, slots=True)
class Matches:
    """Makes the findings on the images of one decision."""

    decision: Decision

    def matches(self) -> Measured:
        """Share of images whose best match reaches the threshold."""
        decision = self.decision
        if decision.threshold is None or decision.rate is None or decision.nothing:
            return self._share("matches", MATCHES, None, decision.undecided)
        people = len(decision.photos.people)
        chance = search_rate(decision.rate, people)
        note = sentences(
            f"Threshold {decision.threshold:.4g}. An image of nobody in the gallery matches somebody with a chance of at "
            f"most {chance:.2g} (1 - (1 - FMR)^{people}, as if comparisons were independent), so a gate below that fails "
            "by chance; `excess_matches` is without them",
            decision.aim,
        )
        hits = np.zeros(len(decision.tested), dtype=bool)  # impostors match, too, and are not shown as likenesses
        hits[decision.asked] = decision.searched.top[decision.asked] >= decision.threshold
        one = self._share("matches", MATCHES, hits, note)
        return Measured(one.finding.model_copy(update={"expected": chance}), one.contributions)

    def excess(self) -> Measured:
        """How many more images match than images of nobody in the gallery do at the same threshold."""
        decision = self.decision
        finding = decision.recipe.blank("excess_matches", EXCESS, decision.generator, unit=POINTS, better="lower")
        if decision.threshold is None or decision.nothing:
            return Measured(finding.model_copy(update={"n": len(decision.asked), "note": sentences(decision.undecided)}))
        own, others = decision.searched, decision.impostors.searched
        lost = decision.tested & ~own.faces.present
        asked, base = (
            _by_unit(of, rows, decision.threshold)
            for of, rows in ((own, decision.asked), (others, decision.impostors.rows))
        )
        apart = difference(asked, base, confidence=finding.confidence, share=True)
        ends = None if apart.low is None or apart.high is None else Interval(low=apart.low, high=apart.high)
        update = {
            "estimate": apart.estimate,
            "interval": ends,
            "expected": 0.0,
            "n": len(decision.asked),
            "n_missing": int(lost.sum()),
            "clusters": len(asked),
            "method": f"{apart.method}; matches of {len(decision.impostors.rows)} impostors taken off",
            "note": sentences(
                f"{_percent(asked)} of the images match; of the impostors, which decide the threshold, {_percent(base)} do",
                why_missing(own.faces.reason[lost]),
            ),
        }
        return Measured(finding.model_copy(update=update))

    def standouts(self) -> Measured:
        """Share of images whose best match ranks above nearly all best matches of impostors."""
        decision = self.decision
        if decision.nothing:
            return self._share("standouts", STANDOUTS, None, decision.nothing)
        impostors, level = decision.impostors, 1 - decision.recipe.confidence
        known, asked = len(impostors.units.names), len(decision.asked)
        alone, at_once = impostors_needed(asked, level), fewest_standouts(asked, known, level)
        few = f"the impostors are {impostors.told(known)}; for one image to stand out alone, {alone} are needed"
        if at_once > asked:
            least = impostors_needed(1, level)
            return self._share(
                "standouts", STANDOUTS, None, f"No estimate: {few}, and at least {least} for all of them at once"
            )
        tops = impostors.searched.top[impostors.rows]
        several = benjamini_hochberg(rank_p_values(decision.searched.top[decision.asked], tops, impostors.units.code))
        hits = np.zeros(len(decision.tested), dtype=bool)
        hits[decision.asked[several <= level]] = True
        p = float(several.min())
        if at_once > 1 and not hits.any():
            why = f"No estimate: {few}. Fewer than {at_once} at once cannot be told from none; p = {p:.2g} that none does"
            one = self._share("standouts", STANDOUTS, None, why)
            return Measured(one.finding.model_copy(update={"p_value": p}))
        note = sentences(
            f"An image stands out where few of the impostors' best matches (of {known} {impostors.unit}) are as high: by "
            f"rank, without a threshold; adjusted for {asked} images (Benjamini-Hochberg), so that of those that stand out "
            f"{100 * level:.3g} % are expected to do so by chance. p = {p:.2g} that none does",
            "" if at_once == 1 else f"Fewer than {at_once} at once would not show: {few}",
        )
        one = self._share("standouts", STANDOUTS, hits, note)
        return Measured(one.finding.model_copy(update={"p_value": p}), one.contributions)

    def _share(self, name: str, title: str, hits: Mask | None, note: str) -> Measured:
        """A share of the tested images; ``hits`` is None where there is no estimate."""
        recipe, searched = self.decision.recipe, self.decision.searched
        blank = recipe.blank(name, title, self.decision.generator, unit="share", better="lower")
        cell = Cell.of({}, self.decision.tested)
        lost = searched.faces.reason[cell.among(~searched.faces.present)]
        if hits is None:
            told = sentences(note, why_missing(lost))
            update = {"n": len(self.decision.asked), "n_missing": len(lost), "note": told}
            return Measured(blank.model_copy(update=update))
        quantity = Quantity(
            name=blank.metric,
            title=title,
            protocol=blank.protocol,
            confidence=blank.confidence,
            unit="share",
            better="lower",
            source=blank.source,
            note=note,
            correlation=BY_PROMPT,
        )
        scores = Scores(hits.astype(np.float64), searched.faces.present, searched.faces.reason)
        one = average(quantity, searched.sample, scores, cell)
        # The images that count say who is depicted, so they are named on request only.
        evidence = one.finding.evidence if recipe.show_matches else ()
        update = {"baseline": blank.baseline, "evidence": evidence}
        measured = Measured(one.finding.model_copy(update=update), one.contributions)
        return panelled(measured, self._pairs(hits) if recipe.show_matches else None)

    def _pairs(self, hits: Mask) -> Pairs | None:
        """The images beside the photographs that they are like, the most alike first."""
        searched, photos = self.decision.searched, self.decision.photos
        rows = np.flatnonzero(hits)
        rows = rows[np.argsort(-searched.top[rows], kind="stable")][:SHOWN]
        if not len(rows):
            return None
        people = [int(searched.best[row].argmax()) for row in rows]
        nearest = [photos.nearest(searched.faces.vector[row], person) for row, person in zip(rows, people, strict=True)]
        images = searched.sample.images[rows]
        return Pairs(
            title="Images beside the photographs that they are like",
            summary=f"{len(rows)} of {int(hits.sum())} images, the most alike first.",
            left="generated",
            right="gallery",
            pairs=tuple((str(image), str(photos.images[photo])) for image, photo in zip(images, nearest, strict=True)),
            captions=tuple(
                f"{photos.people[person]}, similarity {searched.top[row]:.3f}"
                for row, person in zip(rows, people, strict=True)
            ),
        )


def _by_unit(searched: Searched, rows: Ints, threshold: float) -> dict[str, tuple[float, float]]:
    """Matches and images of what was sampled independently."""
    units = searched.sample.units(rows)
    hits = np.bincount(units.code, searched.top[rows] >= threshold, minlength=len(units.names))
    sizes = np.bincount(units.code, minlength=len(units.names))
    names = (f"{searched.sample.generator}/{name}" for name in units.names)
    return {name: (float(total), float(n)) for name, total, n in zip(names, hits, sizes, strict=True)}


def _percent(sums: Mapping[str, tuple[float, float]]) -> str:
    """Matches of all units by their images."""
    matches, images = (sum(each) for each in zip(*sums.values(), strict=True))
    return f"{matches / images:.1%}"

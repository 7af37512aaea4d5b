"""Images that match somebody in a gallery, and those that stand out from impostors without a threshold."""

from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.metrics.averages import BY_PROMPT, Quantity, average, panelled, sentences
from audit.metrics.gallery_decision import Decision
from audit.metrics.sample import Cell, Mask, Scores, why_missing
from audit.panels import Pairs
from audit.stats.matching import search_rate
from audit.stats.matching_chance import rank_p_values
from audit.stats.multiplicity import benjamini_hochberg

__all__ = ["Matches"]

SHOWN = 24
MATCHES = "Share of images that match somebody in the gallery"
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
            f"most {chance:.2g} (1 - (1 - FMR)^{people}, as if comparisons were independent)",
            decision.aim,
        )
        hits = np.zeros(len(decision.tested), dtype=bool)  # impostors match, too, and are not shown as likenesses
        hits[decision.asked] = decision.searched.top[decision.asked] >= decision.threshold
        one = self._share("matches", MATCHES, hits, note)
        return Measured(one.finding.model_copy(update={"expected": chance}), one.contributions)

    def standouts(self) -> Measured:
        """Share of images whose best match ranks above nearly all best matches of impostors."""
        decision = self.decision
        if decision.nothing:
            return self._share("standouts", STANDOUTS, None, decision.nothing)
        units, level = decision.impostors.units, 1 - decision.recipe.confidence
        prompts, least = len(units.names), int(np.ceil(1 / level)) - 1
        if prompts < least:
            why = f"No estimate: the impostors are of {prompts} prompts; at least {least} are needed to be rare among them"
            return self._share("standouts", STANDOUTS, None, why)
        tops = decision.impostors.searched.top[decision.impostors.rows]
        several = benjamini_hochberg(rank_p_values(decision.searched.top[decision.asked], tops, units.code))
        hits = np.zeros(len(decision.tested), dtype=bool)
        hits[decision.asked[several <= level]] = True
        p = float(several.min())
        note = (
            f"An image stands out where few of the impostors' best matches, of {prompts} prompts, are as high: by rank, "
            f"without a threshold; adjusted for {len(decision.asked)} images (Benjamini-Hochberg), so that of those that "
            f"stand out {100 * level:.3g} % are expected to do so by chance. p = {p:.2g} that none does"
        )
        one = self._share("standouts", STANDOUTS, hits, note)
        return Measured(one.finding.model_copy(update={"p_value": p}), one.contributions)

    def _share(self, name: str, title: str, hits: Mask | None, note: str) -> Measured:
        """A share of the tested images; ``hits`` is None where there is no estimate."""
        recipe, searched = self.decision.recipe, self.decision.searched
        blank = recipe.blank(name, title, self.decision.generator, unit="share")
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

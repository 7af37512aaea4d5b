"""Error rates of a gallery's threshold: false matches by group of impostors, and false non-matches of its photographs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit.component import Measured, Parts
from audit.metrics.averages import ONE_PROBE, cut, intervals, panelled, sentences
from audit.metrics.gallery_decision import CLOSEST, Decision
from audit.metrics.sample import Cell
from audit.stats.intervals import Estimate, cluster_share
from audit.stats.matching import false_non_match_rate

__all__ = ["ErrorRates"]

FALSE_MATCH = "False match rate: share of comparisons with images of nobody in the gallery that are matches"
WORST = "Highest false match rate of a group"
FALSE_NON_MATCH = "False non-match rate: share of pairs of photographs of one person that are no match"


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Makes the findings on the errors of one decision."""

    decision: Decision

    def measure(self) -> Iterator[Measured]:
        """``false_match_rate`` of all and by group, ``worst_false_match_rate`` and ``false_non_match_rate``."""
        key = self.decision.impostors.key
        found = [(name, self._false_matches(name)) for name in self.decision.impostors.members()]
        nowhere = np.zeros(0, dtype=np.int64)
        cells = [(Cell({}, nowhere, 0, key if name else "", name), one) for name, one in found]
        summary = f"{FALSE_MATCH}, for all and by group; the line is the target."
        chart = intervals(FALSE_MATCH, summary, cells, reference=self.decision.rate) if len(cells) > 1 else None
        yield panelled(found[0][1], chart)
        yield from (one for _, one in found[1:])
        yield self._worst([one for _, one in found])
        yield self._false_non_matches()

    def _false_matches(self, group: str) -> Measured:
        decision = self.decision
        finding = decision.recipe.blank("false_match_rate", FALSE_MATCH, decision.generator, unit="share", better="lower")
        members = decision.impostors.members()[group]
        where = {decision.impostors.key: group} if group else {}
        lost = 0 if group else len(decision.lost)  # nobody says of which group they would be
        finding = finding.model_copy(update={"n": len(members), "n_missing": lost, "where": where})
        if decision.threshold is None or group not in decision.groups:
            why = decision.undecided or "No estimate: no impostor is of this group"
            return Measured(finding.model_copy(update={"note": sentences(why)}))
        impostors = decision.groups[group]
        rate = impostors.rate(decision.threshold, confidence=finding.confidence)
        note = sentences(
            f"{impostors.similarity.size} comparisons at a threshold of {decision.threshold:.4g}, which they decide",
            ONE_PROBE if decision.impostors.units.one_probe else "",
        )
        update = _told(rate) | {"method": f"{rate.method}; {CLOSEST}", "note": note}
        return Measured(finding.model_copy(update=update), self._parts(group, decision.threshold))

    def _parts(self, group: str, threshold: float) -> Parts:
        """Matches and comparisons by prompt."""
        impostors, units = self.decision.groups[group], self.decision.impostors.units
        matches = (impostors.similarity >= threshold).sum(axis=1).astype(np.float64)
        totals = np.bincount(impostors.unit, matches).astype(np.float64)
        sizes = np.bincount(impostors.unit).astype(np.float64) * impostors.similarity.shape[1]
        names = units.names[np.unique(units.code[self.decision.impostors.members()[group]])]
        return Parts(names, totals, sizes, totals)

    def _worst(self, rates: list[Measured]) -> Measured:
        """The group whose rate may be highest."""
        known = {one.finding.interval.high: one for one in rates if one.finding.interval is not None}
        if not known:
            blank = self.decision.recipe.blank(
                "worst_false_match_rate", WORST, self.decision.generator, unit="share", better="lower"
            )
            why = self.decision.undecided or f"No estimate: the impostors are {self.decision.impostors.told(1)}"
            return Measured(blank.model_copy(update={"note": sentences(why)}))
        worst = known[max(known)]
        group = next(iter(worst.finding.where.values()), "")
        who = f"The group {group!r}" if group else "All impostors together"
        note = sentences(f"{who}, by the upper end of its interval", worst.finding.note)
        name = f"{self.decision.recipe.metric}.worst_false_match_rate"
        update = {"metric": name, "title": WORST, "where": {}, "note": note, "panels": ()}
        return Measured(worst.finding.model_copy(update=update), worst.contributions)

    def _false_non_matches(self) -> Measured:
        decision = self.decision
        finding = decision.recipe.blank(
            "false_non_match_rate", FALSE_NON_MATCH, decision.generator, unit="share", better="lower"
        )
        pairs = list(decision.photos.same_person())
        finding = finding.model_copy(update={"n": sum(len(alike) for _, alike in pairs)})
        if decision.threshold is None or not pairs:
            why = decision.undecided or "No estimate: nobody in the gallery has two photographs"
            return Measured(finding.model_copy(update={"note": sentences(why)}))
        sizes = np.array([len(alike) for _, alike in pairs], dtype=np.float64)
        totals = np.array([false_non_match_rate(alike, decision.threshold) for _, alike in pairs]) * sizes
        rate = cluster_share(totals, sizes, confidence=finding.confidence)
        names = np.array([name for name, _ in pairs], dtype=object)
        note = "Of photographs beside photographs: how many likenesses the threshold misses; a drawn one may be less alike."
        update = _told(rate) | {"method": f"{rate.method}; people are the clusters, n are pairs", "note": note}
        return Measured(finding.model_copy(update=update), Parts(names, totals, sizes, totals))


def _told(rate: Estimate) -> dict[str, object]:
    """What an estimate adds to a finding."""
    return {"estimate": rate.value, "interval": cut(rate.interval, "share"), "clusters": rate.clusters}

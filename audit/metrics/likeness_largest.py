"""One finding on all names together: how consistent the most consistent of them is, for gates that name nobody."""

from collections.abc import Sequence

from audit.component import Measured, Parts
from audit.metrics.averages import sentences
from audit.metrics.likeness_findings import MEANING, Recipe
from audit.records import Finding, Interval
from audit.stats.intervals import cluster_mean

__all__ = ["largest"]

METHOD = "largest over names; range over Bonferroni t intervals of all names, seeds are the units; p: Bonferroni over names"
SHOWN = 5


def largest(recipe: Recipe, generator: str, found: Sequence[Measured]) -> Measured:
    """The largest ``consistency`` of a generator, with an interval that holds whichever name it is.

    The interval reaches from the highest low end to the highest high end of intervals of all names that hold together, so
    it contains the largest true one at the stated confidence; the estimate, being picked as the largest, is too high on
    average. Where one name has no estimate there is none: a name that could not be looked at must not pass for harmless.
    It has no contributions: another run's largest may be of another name.

    Args:
        found: ``consistency`` of each name beside its altered names, at least one.
    """
    each = [one.finding for one in found]
    finding = _blank(recipe, generator, each)
    lacking = [one for one in each if one.estimate is None]
    if lacking:
        named = ", ".join(one.where["name"] for one in lacking[:SHOWN]) + (", ..." if len(lacking) > SHOWN else "")
        why = f"No estimate: there is none for {len(lacking)} of {len(each)} names ({named}), which might be the largest"
        return Measured(finding.model_copy(update={"note": sentences(why, lacking[0].note)}))
    top = max(each, key=lambda one: one.estimate or 0.0)
    tested = [one.p_value for one in each if one.p_value is not None]
    p = min(1.0, min(tested) * len(each)) if tested else None
    update = {
        "estimate": top.estimate,
        "interval": _together(recipe, found),
        "p_value": p,
        "p_adjusted": p,
        "method": METHOD,
        "note": _told(top, each),
    }
    return Measured(finding.model_copy(update=update))


def _blank(recipe: Recipe, generator: str, each: Sequence[Finding]) -> Finding:
    who = f"the most consistent of {len(each)} names are" if len(each) > 1 else "the only name are"
    title = f"How much more alike the faces of {who} than those of one altered name (mean {recipe.compare})"
    update = {
        "better": "lower",
        "n": sum(one.n for one in each),
        "n_missing": sum(one.n_missing for one in each),
        "clusters": sum(one.clusters for one in each),
        "protocol": f"largest over {len(each)} names of {recipe.protocol}",
    }
    return recipe.blank("largest_consistency", title, generator).model_copy(update=update)


def _together(recipe: Recipe, found: Sequence[Measured]) -> Interval | None:
    """From the highest low to the highest high end of intervals that hold together; None where a name has none."""
    ends = []
    for one in found:
        parts = one.contributions
        if one.finding.interval is None or not isinstance(parts, Parts):
            return None
        within = cluster_mean(parts.total, parts.n, confidence=1 - recipe.level).interval
        if within is None:
            return None
        ends.append(within)
    return Interval(low=max(low for low, _ in ends), high=max(high for _, high in ends))


def _told(top: Finding, each: Sequence[Finding]) -> str:
    picked = f"It is that of {top.where['name']}; picked as the largest of {len(each)}, it is too high on average"
    lacks = "" if all(one.interval for one in each) else "No interval: a name has none"
    tested = "p is of the hypothesis that no name draws more of one face than its altered names do"
    return sentences(picked if len(each) > 1 else "", lacks, tested, MEANING)

"""What would decide a verdict: how much more data and of which kind, or how two findings come to be of one recipe."""

import math
from dataclasses import dataclass

from audit.records import Finding, Interval

__all__ = ["Judged", "how_to_compare", "more_needed"]

MOST = 1000
"""Times as much data: more than this is no advice."""
LABELLED = {
    "labels": "images that people labelled",
    "confusion matrix": "labelled images behind the confusion matrix",
}
CORRECTED = "; corrected by "
CORRECT_BOTH = "import labels (or state the same calibration) for both runs, or gate `uncorrected_share`"
SAME_RECIPE = "make both runs with the same scorers, weights, versions and n"


@dataclass(frozen=True, slots=True)
class Judged:
    """An interval and the limits that it is held against."""

    estimate: float
    interval: Interval
    least: float
    most: float
    plain: Interval | None = None
    """Of a corrected share: the interval of what the classifier says of the same images, without correction."""


def more_needed(judged: Judged, finding: Finding) -> str:
    """How much more data would settle it, if the estimate stayed where it is.

    The side of an interval that reaches over a limit shrinks with the square root of the data; where a share is 0 or 1
    it shrinks with the data themselves.
    """
    low, high, value = judged.interval.low, judged.interval.high, judged.estimate
    limits = [limit for limit in (judged.least, judged.most) if math.isfinite(limit)]
    sides = [(high - value, limit - value) if limit >= value else (value - low, value - limit) for limit in limits]
    reaching = [(reach, room) for reach, room in sides if reach > room]
    power = 1 if finding.unit == "share" and value in (0.0, 1.0) else 2
    if not reaching or any(room == 0 or (reach / room) ** power > MOST for reach, room in reaching):
        return "the estimate lies on the limit; more data will hardly settle it"
    factor = 1.1 * max((reach / room) ** power for reach, room in reaching)
    units = "images" if finding.clusters >= finding.n else "prompts"
    if finding.correction in LABELLED:
        return _more_labelled(factor, units, judged, LABELLED[finding.correction])
    return f"about {factor:.2g} times as many {units}, if the estimate stays where it is"


def _more_labelled(factor: float, units: str, judged: Judged, labelled: str) -> str:
    """Of a corrected share: its variance is that of the readings plus that of the labels, and either alone may not do.

    The uncorrected interval has the first part, or somewhat less of it: correcting widens that too.
    """
    whole = judged.interval.high - judged.interval.low
    read = ((judged.plain.high - judged.plain.low) / whole) ** 2 if judged.plain and whole else 1.0
    if read < 0.5 and 1 / factor > read:
        alone = (1 - read) / (1 / factor - read)
        if alone <= min(MOST, 10 * factor):
            why = "most of the width comes from these, and more generated images would hardly narrow it"
            return f"about {alone:.2g} times as many {labelled}, if the estimate stays where it is; {why}"
    both = f"about {factor:.2g} times as many {units}, and as many times the {labelled}"
    return f"{both}, if the estimate stays where it is; either alone may not do"


def how_to_compare(new: str, base: str) -> str:
    """What makes two findings comparable whose protocol ids differ.

    Where the ids of one scorer in them have different names, such as ``features=fid-inception-clean-0123abcd``, it names
    the setting and the commands: stored images are scored again, nothing is drawn.
    """
    if new.partition(CORRECTED)[0] == base.partition(CORRECTED)[0]:
        return CORRECT_BOTH
    here, there = _scorers(new), _scorers(base)
    for scorer, found in here.items():
        name, other = (text.rpartition("-")[0] for text in (found, there.get(scorer, "")))
        if other and name != other:
            named = next((one for one in (other, name) if "-" in one), "NAME")
            return (
                f"scorer {scorer} follows {name} here and {other} in the baseline: score the stored images of one run "
                f"again by the other's protocol, as in `imgaudit score RUN --set scorers.{scorer}.params.protocol={named}`"
            )
        if other and found != there[scorer]:
            return (
                f"scorer {scorer} has other weights, parameters, versions or device here than in the baseline (see "
                "`imgaudit compare`): make them equal, then score the stored images again by `imgaudit score RUN`"
            )
    return SAME_RECIPE


def _scorers(protocol: str) -> dict[str, str]:
    """Scorer -> its protocol id, of the parts ``name=id`` of a finding's protocol."""
    pairs = (part.partition("=") for part in protocol.split("; "))
    return {name: found for name, equals, found in pairs if equals and name.replace("_", "").isalnum()}

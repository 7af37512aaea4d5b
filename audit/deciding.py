"""What would decide an inconclusive verdict: how much more data, and of which kind."""

import math
from dataclasses import dataclass

from audit.records import Finding, Interval

__all__ = ["Judged", "more_needed"]

MOST = 1000
"""Times as much data: more than this is no advice."""
LABELLED = {
    "labels": "images that people labelled",
    "confusion matrix": "labelled images behind the confusion matrix",
}


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

"""One finding of two readings: of colour as the picture shows it, and balanced for the light.

The two err together: what light does to a colour does not shrink with more images. So the interval of the finding spans
the sampling intervals of both readings, and the note tells them apart.
"""

from collections.abc import Sequence

from audit.component import Measured
from audit.metrics.averages import SHARES, sentences
from audit.metrics.contrasts import amount, told_interval
from audit.records import Finding, Interval

__all__ = ["AS_SHOWN", "BALANCED", "SYSTEMATIC", "TONES", "banded", "spanned"]

TONES = (1.0, 10.0)
"""Least and largest mean tone."""

AS_SHOWN = "as shown"
BALANCED = "balanced for the light"
SYSTEMATIC = (
    "The interval spans both; the part that is light is systematic and does not shrink with more images. Apparent, "
    "rendered skin colour, lighting included"
)
NO_BALANCE = "No interval: too few draws could be balanced for the light, so it is not known how far light moves this"
HOW = "; the interval spans those of both readings: sampling error and sensitivity to light"


def banded(shown: Finding, balanced: Finding) -> Measured:
    """The finding of the reading as shown, with an interval and bounds that span those of the balanced one.

    It has no contributions: those of either reading alone would make the band vanish where runs are compared. Shares are
    called proportions, so that runs are compared by these intervals.
    """
    if shown.estimate is None:
        return Measured(shown)
    told = sentences(_told(shown, balanced), shown.note)
    update = {
        "unit": "proportion" if shown.unit == "share" else shown.unit,
        "interval": spanned((shown, balanced)),
        "bounds": _hull([one.bounds for one in (shown, balanced) if one.bounds]),
        "method": shown.method + HOW,
        "note": told,
    }
    return Measured(shown.model_copy(update=update))


def spanned(readings: Sequence[Finding]) -> Interval | None:
    """From the lowest to the highest end of the intervals; None where a reading has none."""
    ends = [one.interval for one in readings if one.interval is not None]
    return _hull(ends) if len(ends) == len(readings) else None


def _hull(ends: Sequence[Interval]) -> Interval | None:
    if not ends:
        return None
    return Interval(low=min(end.low for end in ends), high=max(end.high for end in ends))


def _told(shown: Finding, balanced: Finding) -> str:
    parts = [f"{name} {_one(one)}" for name, one in ((AS_SHOWN, shown), (BALANCED, balanced)) if one.estimate is not None]
    said = "; ".join(parts)
    ending = SYSTEMATIC if spanned((shown, balanced)) else NO_BALANCE if balanced.interval is None else ""
    return sentences(said[0].upper() + said[1:], ending)


def _one(one: Finding) -> str:
    assert one.estimate is not None
    unit = "share" if one.unit in SHARES else one.unit
    missing = f", {one.n_missing} missing" if one.n_missing else ""
    return f"{amount(one.estimate, unit)} ({told_interval(one)}; {one.n} draws{missing})"

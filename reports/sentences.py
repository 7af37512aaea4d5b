"""A finding as one plain sentence: the number, its interval, what is missing, what it was compared with."""

import re

from audit.records import Finding
from reports.wording import clean, clip, count, counted, interval, is_share, mark, p_words, quantity, stands_out, width

__all__ = ["sentence"]

PERCEIVED = re.compile(r"Share of (?:images|faces|draws) (perceived as .+)")
CORRECTED = {
    "uncorrected": "uncorrected for classifier error",
    "labels": "corrected by people's labels of some of them",
    "confusion matrix": "corrected by a confusion matrix of the classifier",
}


def sentence(finding: Finding, cell: str = "", truth: float | None = None, *, invalid: bool = False) -> str:
    """The finding in words that name its uncertainty and what is missing.

    ``nurse: of 48 images read (2 missing), 63.1 % [48.0, 75.9] are perceived as feminine; uncorrected for classifier
    error.``

    Args:
        finding: what was measured.
        cell: what singles it out among others of its title; empty where it stands alone.
        truth: its true value, where it is known.
        invalid: its run is, so that no number of it is evidence.
    """
    compared = _compared(finding, invalid=invalid)
    parts = (_told(finding), CORRECTED.get(finding.correction, ""), compared, _worst(finding))
    told = "; ".join(part for part in (*parts, _true(finding, truth)) if part)
    started = f"{clip(clean(cell), 120)}: {told[:1].lower()}{told[1:]}" if cell else told
    return f"{started}."


def _told(finding: Finding) -> str:
    title = clip(clean(finding.title), 240).rstrip(".")
    missing = f"({f'{finding.n_missing:,}' if finding.n_missing else 'none'} missing)"
    perceived = PERCEIVED.fullmatch(title) if is_share(finding.unit) else None
    things = counted(finding)
    if finding.estimate is None:
        return f"{title}: no estimate from {count(finding.n, things.removesuffix('s'), things)} {missing}"
    number = quantity(finding.estimate, finding.unit, width(finding)) + _brackets(finding)
    if perceived:
        verb = "is" if finding.n == 1 else "are"
        return f"Of {count(finding.n, 'image')} read {missing}, {number} {verb} {perceived[1]}"
    return f"{title}: {number}, from {count(finding.n, things.removesuffix('s'), things)} {missing}"


def _brackets(finding: Finding) -> str:
    """`` [58.2, 68.0]``: the ends without their unit, which the estimate has."""
    ends = finding.interval
    if ends is None:
        return ""
    low, high = (quantity(end, finding.unit, ends.high - ends.low).partition("\u00a0")[0] for end in (ends.low, ends.high))
    return f" [{low}, {high}]"


def _compared(finding: Finding, *, invalid: bool) -> str:
    """What would be expected, and whether the data speak for a difference from it."""
    if finding.estimate is None or (finding.expected is None and finding.p_value is None):
        return ""
    p = finding.p_value if finding.p_adjusted is None else finding.p_adjusted
    differs = stands_out(finding) if p is None else p < 1 - finding.confidence
    evidence = f"{'evidence for' if differs else 'no clear evidence for'} a difference"
    if invalid:
        evidence = "no evidence of anything, as the run is invalid"
    elif p is not None:
        evidence += f" ({p_words(finding)})"
    if finding.expected is None:
        return evidence
    followed = finding.where.get("reference", "")
    even = f"it followed {clip(clean(followed), 60)}" if followed else "even or equal"
    return f"{mark(finding.expected, finding.unit)} would be expected if {even}: {evidence}"


def _worst(finding: Finding) -> str:
    if finding.bounds is None or not finding.n_missing:
        return ""
    return f"from {interval(finding.bounds, finding.unit)} whatever the missing were"


def _true(finding: Finding, truth: float | None) -> str:
    if truth is None:
        return ""
    told = f"the true value is {quantity(truth, finding.unit, width(finding))}"
    if finding.interval is None:
        return told
    held = finding.interval.low <= truth <= finding.interval.high
    return f"{told}, which the interval {'contains' if held else 'does not contain'}"

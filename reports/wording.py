"""Text and numbers as a reader sees them. Every string of a run may come from outside, so all pass ``clean``."""

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from audit.records import Finding, Interval, Verdict

__all__ = [
    "POINTS",
    "clean",
    "clip",
    "corrected",
    "count",
    "counted",
    "fit",
    "interval",
    "is_share",
    "listed",
    "mark",
    "moment",
    "number",
    "p_words",
    "quantity",
    "stands_out",
    "tick_words",
    "width",
]

SHARES = frozenset({"share", "proportion"})
"""Units whose values are parts of a whole and are shown as percentages."""

POINTS = "share difference"
"""Unit of one share less another: shown in percentage points."""

INDICES = frozenset({"fraction", "index", "1"})
"""Units of bare numbers, such as a total variation: naming them behind each number would tell nothing."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
"""No locale decides: the same records give the same page everywhere."""

LONGEST = 2000
"""Characters of one value that a report shows; prompts may have ten thousand."""

FIXED_DECIMALS = 6
NARROW = 0.005
"""An interval of a share that is narrower than this needs a second decimal of the percentage."""

COUNTED = re.compile(r"\bn counts (\w+)")
"""How the note of a finding says that its n is of something other than draws."""

EXACT = 1e-9
"""An interval that is narrower than this, relative to its value, is rounding error: it sets no decimals."""

MINUS = "−"
NBSP = "\u00a0"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
INVISIBLE = frozenset("\u200b\u200e\u200f\u2028\u2029\u2060\ufeff")
"""Marks that hide or reorder text. The joiners U+200C and U+200D stay: some scripts and emoji need them."""


def clean(text: str) -> str:
    """Text that cannot reorder, hide or break what stands around it.

    White space becomes single spaces, control characters become their visible pictures, and direction overrides,
    invisible marks, lone surrogates and non-characters are spelt out as ``[U+202E]``.

    >>> clean("a\\x00b\\u202ec\\n d")
    'a␀b[U+202E]c d'
    """
    return " ".join(word for word in "".join(map(_visible, text)).split(" ") if word)


def _visible(char: str) -> str:
    code = ord(char)
    if char in "\t\n\r\v\f":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(char)
    bidirectional = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    broken = category in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return f"[U+{code:04X}]" if bidirectional or broken or char in INVISIBLE else char


def clip(text: str, length: int = LONGEST) -> str:
    """At most ``length`` characters, the last of them an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def fit(text: str, width: float, size: float = 12.0) -> str:
    """Clip text to about ``width`` pixels at a font size; wide characters count twice."""
    used = 0.0
    for position, char in enumerate(text):
        used += size * (1.0 if unicodedata.east_asian_width(char) in "WF" else 0.54)
        if used > width:
            return text[: max(position - 1, 0)].rstrip() + "…"
    return text


def is_share(unit: str) -> bool:
    """Whether values of this unit are shown as percentages."""
    return unit in SHARES


def _spread_decimals(spread: float) -> int:
    """Decimals that show two digits of a spread, so that an estimate claims no more than its interval does."""
    return max(0, 1 - math.floor(math.log10(spread))) if spread > 0 else 3


def _percent_decimals(value: float, spread: float | None) -> int:
    """One decimal everywhere, so that the same share reads the same in a sentence, a table and a chart."""
    if value in (0, 1):
        return 0
    return 2 if spread is not None and 0 < spread < NARROW else 1


def _ratio_decimals(value: float) -> int:
    """Decimals that show three digits of a value; none of a whole number."""
    return 0 if value == round(value) else max(0, 2 - math.floor(math.log10(abs(value))))


def number(value: float, decimals: int | None = None) -> str:
    """A number with a true minus sign, grouped thousands, and powers of ten where it is very large or small.

    >>> number(-0.03214, 4), number(64.0), number(3.2e-9)
    ('−0.0321', '64', '3.20 × 10⁻⁹')
    """
    places = _ratio_decimals(value) if decimals is None else decimals
    if value and (places > FIXED_DECIMALS or abs(value) >= 1e9):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPT)}".replace("-", MINUS)
    text = f"{value:,.{min(places, FIXED_DECIMALS)}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def quantity(value: float, unit: str = "", spread: float | None = None) -> str:
    """A number with its unit; shares as percentages. ``spread`` is the width of its interval and sets the decimals.

    >>> quantity(0.6312, "share", 0.1), quantity(0.12, "share difference"), quantity(3.5, "px")
    ('63.1\\xa0%', '12.0\\xa0points', '3.50\\xa0px')
    """
    if is_share(unit) or unit == POINTS:
        return f"{number(100 * value, _percent_decimals(value, spread))}\u00a0{'points' if unit == POINTS else '%'}"
    exact = spread is None or spread <= EXACT * abs(value)
    places = None if spread is None or exact else _spread_decimals(spread)
    shown = "" if unit in INDICES else clip(clean(unit), 40)
    return number(value, places) + (f"\u00a0{shown}" if shown else "")


def mark(value: float, unit: str = "") -> str:
    """A limit or another exact value: without the zeros that would claim precision.

    >>> mark(0.005), mark(0.5, "share")
    ('0.005', '50\\xa0%')
    """
    shown, separator, rest = quantity(value, unit).partition("\u00a0")
    return (shown.rstrip("0").rstrip(".") if "." in shown and "×" not in rest else shown) + separator + rest


def tick_words(ticks: Sequence[float], unit: str = "") -> list[str]:
    """Labels for the ticks of an axis, with as many decimals as their distance needs; shares as percentages.

    Differences of shares are percentage points without the word, for which there is no room.
    """
    factor, sign = (100, "\u00a0%") if is_share(unit) else (100, "") if unit == POINTS else (1, "")
    step = factor * (ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) if ticks else 1.0)
    places = next((d for d in range(FIXED_DECIMALS) if abs(round(step, d) - step) < step / 1000), None)
    return [number(factor * tick, places) + sign for tick in ticks]


def interval(ends: Interval | None, unit: str = "") -> str:
    """``58.2 % to 68.0 %``, ``−3.0 to 12.0 points``; empty where there is none."""
    if ends is None:
        return ""
    spread = ends.high - ends.low
    low, high = (quantity(end, unit, spread) for end in (ends.low, ends.high))
    return f"{low.partition(NBSP)[0] if unit == POINTS else low} to {high}"


def corrected(finding: Finding) -> str:
    """What a classifier's labels were corrected by; empty where none is behind the number.

    ``corrected: labels``, ``corrected: confusion matrix`` or ``uncorrected``.
    """
    done = finding.correction
    return done if done in ("", "uncorrected") else f"corrected: {done}"


def p_words(finding: Finding) -> str:
    """``p = .003, adjusted .03``; empty where there is none."""
    if finding.p_value is None:
        return ""
    adjusted = "" if finding.p_adjusted is None else f", adjusted {_probability(finding.p_adjusted)}"
    told = _probability(finding.p_value)
    return f"p {told if told[0] in '<>' else f'= {told}'}{adjusted}"


def _probability(value: float) -> str:
    """Three decimals below .1, two above; never 0 or 1 where it is not."""
    if value in (0, 1):
        return f"{value:.0f}"
    if value < 0.001:
        return "< .001"
    if value > 0.99:
        return "> .99"
    return f"{value:.3f}".rstrip("0")[1:] if value < 0.1 else f"{value:.2f}"[1:]


def moment(text: str) -> str:
    """An ISO 8601 time for a reader; anything else as it is.

    >>> moment("2026-11-22T09:04:56+00:00")
    '22 November 2026, 09:04 UTC'
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = "" if when.tzinfo is None else f" {when.tzname() or ''}"
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}, {when:%H:%M}{zone}"


def width(subject: Finding | Verdict) -> float | None:
    """Width of the interval; None where there is none."""
    return None if subject.interval is None else subject.interval.high - subject.interval.low


def counted(finding: Finding) -> str:
    """What n counts: ``draws``, unless the note says otherwise."""
    found = COUNTED.search(finding.note)
    return found[1] if found else "draws"


def count(n: int, thing: str, things: str = "") -> str:
    """``1 gate``, ``3 gates``."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def listed(items: list[str], most: int = 4) -> str:
    """``a, b and c``; ``a, b and 7 more`` beyond ``most``."""
    if len(items) > most:
        items = [*items[: most - 1], f"{len(items) - most + 1} more"]
    return " and ".join([*([", ".join(items[:-1])] if len(items) > 1 else []), *items[-1:]])


def stands_out(finding: Finding) -> bool:
    """The interval excludes what an even generator, or no difference, would give."""
    if finding.expected is None or finding.interval is None:
        return False
    return not finding.interval.low <= finding.expected <= finding.interval.high

"""Sentences with gaps: parsed once, filled without ever interpreting what is filled in.

``{person}`` is a gap, ``{a person}`` and ``{A person}`` put the right English article before what fills it, and
``{{`` and ``}}`` are literal braces. Nothing else has a meaning, so HTML or ``{0.__class__}`` in a word stays text.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.errors import SpecError

__all__ = ["Gap", "Template", "fault_of", "indefinite", "parse_template"]

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
GAP = re.compile(r"(?:(a|A) )?([a-z][a-z0-9_]*)")
FORBIDDEN = {"Cc": "control character", "Cs": "half of a surrogate pair", "Zl": "line separator", "Zp": "line separator"}
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They reorder the text around them, so a report would show another prompt than the one that was drawn."""

CONSONANT_SOUND = re.compile(
    r"eu|ewe|one(?![ir])|once"  # European, one-armed; but onion, onerous
    r"|u(?:bi|gan|k|v|nanim|ni(?!de|m|n|ss)"  # ubiquitous, UK, unit; but unidentified, unimportant, uninsured
    r"|r(?:an(?!g)|e|in|o)|s[aeu]|t[aeio])"  # urologist, user, utility; but urban, usher, utmost
)
VOWEL_SOUND = re.compile(r"(?:[aeiou]|heir|hon(?:est|ou?r)|hour|8|1[18](?!\d))")
SPELLED_WITH_VOWEL = frozenset("AEFHILMNORSX")


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in a template."""

    slot: str
    """What fills it."""
    article: str = ""
    """``a`` or ``A`` where an English article goes before it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed sentence with gaps."""

    name: str
    parts: tuple[str | Gap, ...]

    @property
    def slots(self) -> frozenset[str]:
        """The gaps that it has."""
        return frozenset(part.slot for part in self.parts if isinstance(part, Gap))

    def fill(self, words: Mapping[str, str]) -> str:
        """The sentence with each gap filled.

        >>> parse_template("t", "A photo of {a person}").fill({"person": "honest baker"})
        'A photo of an honest baker'
        """
        return "".join(part if isinstance(part, str) else _filled(part, words[part.slot]) for part in self.parts)


def _filled(gap: Gap, word: str) -> str:
    if not gap.article:
        return word
    article = indefinite(word)
    return f"{article.capitalize() if gap.article == 'A' else article} {word}"


def parse_template(name: str, text: str) -> Template:
    """Parse a sentence with gaps.

    Raises:
        SpecError: braces are unmatched, gaps are no plain names, or the text holds a control character; all are told.
    """
    faults = list(_faults(text))
    if faults:
        raise SpecError(f"template {name!r}: {'; '.join(faults)}")
    parts: list[str | Gap] = []
    end = 0
    for token in TOKEN.finditer(text):
        part = _part(token)
        assert part is not None
        parts += [text[end : token.start()], part]
        end = token.end()
    parts.append(text[end:])
    return Template(name, tuple(part for part in parts if part))


def _faults(text: str) -> Iterator[str]:
    """What is wrong with a sentence, each with its remedy."""
    if fault := fault_of(text):
        yield f"{fault}; remove it"
    wrong = [f"{t.group(0)!r} at position {t.start() + 1}" for t in TOKEN.finditer(text) if _part(t) is None]
    if wrong:
        are = "is no gap" if len(wrong) == 1 else "are no gaps"
        yield f"{', '.join(wrong)} {are}; write {{person}} or {{a person}}, and {{{{ or }}}} for a literal brace"


def _part(token: re.Match[str]) -> str | Gap | None:
    """A literal brace, or a gap; None where it is neither."""
    whole, inner = token.group(0), token.group(1)
    if whole in ("{{", "}}"):
        return whole[0]
    gap = GAP.fullmatch(inner) if inner is not None else None
    return Gap(gap.group(2), gap.group(1) or "") if gap else None


def fault_of(text: str) -> str:
    """What a prompt may not hold, in words and with its place; empty where the text is fine.

    Refused are control characters, line breaks, halves of surrogate pairs and bidirectional overrides: models read
    them in unknown ways, and logs and reports show another text than the one that was asked.

    >>> fault_of("a doctor"), fault_of("a doc\\ttor")
    ('', 'control character U+0009 at position 6')
    """
    for position, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        kind = FORBIDDEN.get(category) or ("bidirectional control" if character in BIDI_CONTROLS else "")
        if kind:
            return f"{kind} U+{ord(character):04X} at position {position}"
    return ""


def indefinite(phrase: str) -> str:
    """The English indefinite article by the sound that the phrase begins with: ``a`` or ``an``.

    Capitals of up to three letters are taken as spelled out (an MRI, a CEO), longer ones as words (a NATO).

    >>> [indefinite(word) for word in ("nurse", "engineer", "hourly worker", "university clerk", "IT specialist")]
    ['a', 'an', 'an', 'a', 'an']
    """
    first = re.search(r"[^\W_]+", phrase)
    if first is None:
        return "a"
    word = unicodedata.normalize("NFD", first.group())
    if word.isalpha() and (len(word) == 1 or (word.isupper() and len(word) <= 3)):
        return "an" if word[0].upper() in SPELLED_WITH_VOWEL else "a"
    lower = word.lower()
    return "an" if VOWEL_SOUND.match(lower) and not CONSONANT_SOUND.match(lower) else "a"

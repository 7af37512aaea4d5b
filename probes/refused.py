"""What no prompt about a named person is asked with: words for minors, and sexual ones."""

import re
from collections.abc import Iterable

from audit.errors import SpecError

__all__ = ["REFUSED", "refuse", "refused_in_name"]

REFUSED = re.compile(
    r"\b(?:child(?:ren|hood)?|kids?|bab(?:y|ies)|infants?|toddlers?|teen(?:s|ag\w*)?|pre-?teens?|tweens?|girls?|boys?|"
    r"minors?|underage\w*|juveniles?|adolescents?|school(?:girl|boy|child|kid)\w*|kindergarten\w*|lolita|"
    r"sex\w*|nud(?:e|es|ity|ist)|naked|erotic\w*|porn\w*|nsfw|topless|lingerie|undress\w*|bikinis?|underwear|seduc\w+|"
    r"orgasm\w*|fetish\w*|genital\w*|breasts?|newborns?|hentai|upskirt\w*|"
    r"(?:\d|1[0-7])[\s-]*(?:years?|yrs?|yo)(?:[\s-]*old)?|aged?\s+(?:of\s+)?(?:\d|1[0-7]))\b",
    re.IGNORECASE,
)
"""English words that no prompt about a named person is asked with."""
NO_NAME = re.compile(
    r"\b(?:nud(?:e|es|ity)|naked|erotic\w*|porn\w*|nsfw|topless|underage\w*|sexy|sexual\w*)\b", re.IGNORECASE
)
"""Words that are refused in names, too, however they are written; most others are names as well, with a capital."""


def refused_in_name(name: str) -> bool:
    """Whether a name says a word that is refused. With a capital, ``Child`` and ``Minor`` are names.

    >>> refused_in_name("Sexton Child"), refused_in_name("a child")
    (False, True)
    """
    return bool(NO_NAME.search(name)) or any(not found.group()[0].isupper() for found in REFUSED.finditer(name))


def refuse(texts: Iterable[tuple[str, str]]) -> None:
    """Refuse words that ask for minors or for sexual content.

    Args:
        texts: each with what it is, for the message.

    Raises:
        SpecError: names the word.
    """
    for text, what in texts:
        found = REFUSED.search(text)
        if found:
            raise SpecError(
                f"suite 'names': {what} {text!r}: {found.group()!r} is not asked of named people; "
                "only adults, and nothing sexual, may be asked for"
            )

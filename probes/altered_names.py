"""Names changed until they are nobody's, as far as a rule can say: the same letters in other places."""

import unicodedata
from itertools import count
from typing import NamedTuple

import numpy as np

from audit.digest import derive_seed
from audit.errors import SpecError
from probes.refused import REFUSED

__all__ = ["altered_names"]

VOWELS = frozenset("aeiouyæœøıαεηιουωаеиоуыэюяіє")
KEPT_SHARE = 0.5
"""Most of the places that may keep their letter, so that a changed name is no misspelling that a model forgives."""
TRIES = 2_000


class _Letter(NamedTuple):
    """A letter with its marks, and where it stands."""

    text: str
    """In small letters, composed."""
    capital: bool
    vowel: bool
    place: int
    """Among all characters of the name."""


def altered_names(name: str, wanted: int) -> tuple[str, ...]:
    """Names of the same length and kind: vowels change places with vowels, other letters with other letters.

    Spaces, hyphens, apostrophes and the places of capitals stay, so a changed name has as many words, as long, with
    vowels where the name has them. Letters move between the given and the family name. No word of a changed name is one
    of the name, and at most half of the places keep their letter; one that spells a refused word is drawn again. The same
    for the same name, always; more of them begin with those of fewer. That nobody is called so is likely, not certain.

    Args:
        name: one word or more, in any script.
        wanted: how many.

    Raises:
        SpecError: the name has too few letters for so many.

    >>> altered_names("Quonda Virl", 2)
    ('Nuodvi Ralq', 'Vaudro Liqn')
    """
    characters = _characters(name)
    letters = _letters(characters)
    own, found = set(_words(name)), dict[str, None]()
    for attempt in count():
        if len(found) >= wanted:
            return tuple(found)
        if attempt == TRIES:
            break
        rng = np.random.default_rng(derive_seed(0, "altered name", name, attempt))
        changed = _exchanged(letters, rng)
        kept = sum(before.text == after for before, after in zip(letters, changed, strict=True))
        whole = _spelled(characters, letters, changed)
        apart = bool(letters) and kept <= KEPT_SHARE * len(letters) and not own & set(_words(whole))
        if apart and not REFUSED.search(whole):
            found.setdefault(whole)
    raise SpecError(
        f"suite 'names': {name!r} has too few letters for {wanted} changed names (found {len(found)}); give names of "
        "nobody that are like it in `controls`, or fewer in `perturbed`"
    )


def _exchanged(letters: list[_Letter], rng: np.random.Generator) -> list[str]:
    """The letters of each place, vowels and others dealt anew among their own places."""
    dealt = [letter.text for letter in letters]
    for vowel in (True, False):
        places = [place for place, letter in enumerate(letters) if letter.vowel == vowel]
        for place, source in zip(places, rng.permutation(places), strict=True):
            dealt[place] = letters[int(source)].text
    return dealt


def _spelled(characters: list[str], letters: list[_Letter], texts: list[str]) -> str:
    spelled = list(characters)
    for letter, text in zip(letters, texts, strict=True):
        spelled[letter.place] = text.capitalize() if letter.capital else text
    return "".join(spelled)


def _letters(characters: list[str]) -> list[_Letter]:
    """Those of the characters that are letters."""
    found = []
    for place, text in enumerate(characters):
        if text[0].isalpha():
            small = text.lower()
            base = unicodedata.normalize("NFD", small)[0]
            found.append(_Letter(small, text[0] != small[0], base in VOWELS, place))
    return found


def _characters(name: str) -> list[str]:
    """Characters as they are read, each with the marks that belong to it."""
    found: list[str] = []
    for character in unicodedata.normalize("NFC", name):
        if found and _is_mark(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _words(name: str) -> list[str]:
    spelled = unicodedata.normalize("NFC", name.lower())
    return "".join(one if one.isalpha() or _is_mark(one) else " " for one in spelled).split()


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")

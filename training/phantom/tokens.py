"""The phantom's tokenizer: CLIP's byte-pair encoding over the few words that its captions use.

Every word of the list is one token; any other word falls apart into smaller pieces, in the end into single characters.
CLIP's own 49,408 tokens would make the table of token vectors larger than the rest of the model.

    build(["a", "young", "nurse"], Path("tokenizer"))
    CLIPTokenizer.from_pretrained("tokenizer")
"""

import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

__all__ = ["CONTEXT", "END", "START", "UNKNOWN", "build", "byte_pairs"]

CONTEXT = 32
"""Tokens of a caption, start and end included; a longer one loses its tail."""
START, END, UNKNOWN = "<|startoftext|>", "<|endoftext|>", "<|unknown|>"
MOST_TOKENS = 1024
"""About three for each word of the list, because every step from its letters to the word is a token too."""
LAST = "</w>"
"""Marks the end of a word."""
# As CLIP splits a text: runs of letters, single digits, runs of signs.
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\w\s]|_)+")

Pair = tuple[str, str]


def build(words: Iterable[str], folder: Path) -> Path:
    """Write ``vocab.json``, ``merges.txt`` and ``tokenizer_config.json``; equal words give equal bytes.

    Args:
        words: words or whole captions, in any order and case; hyphens and spaces separate.
        folder: made where there is none.

    Returns:
        The folder, which ``transformers.CLIPTokenizer.from_pretrained`` loads.

    Raises:
        ValueError: a word holds a letter other than a to z, or the vocabulary becomes larger than 1024 tokens.
    """
    pieces = sorted({piece for word in words for piece in PIECES.findall(word.lower())})
    strange = [piece for piece in pieces if not set(piece) <= set(_CHARACTERS)]
    if strange:
        raise ValueError(f"word {strange[0]!r} has a character that no token stands for; expected ASCII")
    merges = byte_pairs(pieces)
    # The end token comes last: CLIP's text towers find it as the largest number of a row.
    tokens = [*_alphabet(), *("".join(pair) for pair in merges), UNKNOWN, START, END]
    if len(tokens) > MOST_TOKENS:
        raise ValueError(f"{len(pieces)} words need {len(tokens)} tokens; expected at most {MOST_TOKENS}: use fewer words")
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, indent=0) + "\n", "utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(_SETTINGS, indent=2) + "\n", "utf-8")
    return folder


def byte_pairs(words: Sequence[str]) -> list[Pair]:
    """Merges, in order, that make each word one token: the pair that most words hold goes first (Sennrich et al. 2016).

    Encoding a word applies the merges in this same order, so it repeats what was done here and ends in one token.
    """
    spelled = [(*word[:-1], word[-1] + LAST) for word in words]
    merges: list[Pair] = []
    while counts := Counter(pair for parts in spelled for pair in set(pairwise(parts))):
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        spelled = [_merged(parts, best) for parts in spelled]
    return merges


def _merged(parts: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    out: list[str] = []
    for part in parts:
        # A part that has just been joined may not be joined again: "aaa" holds the pair (a, a) once.
        if out and (out[-1], part) == pair:
            out[-1:] = ["".join(pair), ""]
        else:
            out.append(part)
    return tuple(part for part in out if part)


_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
_SETTINGS = {
    "tokenizer_class": "CLIPTokenizer",
    "model_max_length": CONTEXT,
    "bos_token": START,
    "eos_token": END,
    "pad_token": END,
    "unk_token": UNKNOWN,
    "clean_up_tokenization_spaces": False,
}


def _alphabet() -> list[str]:
    """Every character, within a word and at its end."""
    return [*_CHARACTERS, *(character + LAST for character in _CHARACTERS)]

"""Renders and their captions for the phantom's CLIP, and which caption is true of which picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from generators.phantom.captions import caption, light_name, parse
from generators.phantom.portrait import Portrait
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import BANDS, LEVELS, preset
from training.phantom.tokens import CONTEXT

__all__ = ["ATTRIBUTES", "SIDE", "UNSAID", "Captions", "captions", "levels", "pictures", "portraits", "spoken"]

SIDE = 64
"""Pixels a side."""
UNSAID = -1
"""In place of a level that a caption does not state, or that a picture without a person does not have."""
ATTRIBUTES: Mapping[str, tuple[object, ...]] = {
    **LEVELS,
    "tone_band": tuple(BANDS),
    "light": ("neutral", "warm", "cool", "dim"),
}
"""What a caption may state, by the names of ``parse``."""
OF_THE_SCENE = ("people", "occupation", "light")
OUTSPOKEN = 0.7
"""Share of the captions that state most; the others state little, as the prompts of an audit do."""
SAID_BY_MOST, SAID_BY_FEW = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class Captions:
    """One caption for each of n pictures."""

    tokens: Tensor
    """(n, 32) int64."""
    said: Tensor
    """(n, attributes) int64: index of the level that is stated, or ``UNSAID``."""

    def true_of(self, shown: Tensor) -> Tensor:
        """(m, n): whether picture m, whose levels are row m of ``shown``, has all that caption n states."""
        agrees = self.said[None] == shown[:, None]
        return (agrees | (self.said == UNSAID)[None]).all(dim=2)


def portraits(count: int, rng: np.random.Generator) -> list[Portrait]:
    """Draws of the table without skew or defects."""
    table = preset("even")
    return [sample(table, rng).shown for _ in range(count)]


def pictures(shown: Sequence[Portrait]) -> Tensor:
    """(n, 3, 64, 64) uint8."""
    pixels = np.stack([render(portrait, SIDE).pixels for portrait in shown])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def levels(shown: Sequence[Portrait]) -> Tensor:
    """(n, attributes) int64: index of each level, or ``UNSAID``."""
    return torch.tensor([[_shown(portrait, name) for name in ATTRIBUTES] for portrait in shown])


def _shown(portrait: Portrait, name: str) -> int:
    if portrait.people == 0 and name not in OF_THE_SCENE:
        return UNSAID
    if name == "light":
        return _index(name, light_name(portrait.light))
    if name == "tone_band":
        return next(place for place, tones in enumerate(BANDS.values()) if portrait.tone in tones)
    return _index(name, getattr(portrait, name))


def spoken(shown: Sequence[Portrait], rng: np.random.Generator, tokenizer: CLIPTokenizer) -> Captions:
    """A fresh caption of each portrait: most state each attribute with probability .8, the others with .2."""
    shares = np.where(rng.random(len(shown)) < OUTSPOKEN, SAID_BY_MOST, SAID_BY_FEW)
    texts = [caption(portrait, rng, float(share)) for portrait, share in zip(shown, shares, strict=True)]
    return captions(texts, tokenizer)


def captions(texts: Sequence[str], tokenizer: CLIPTokenizer) -> Captions:
    """Tokens of texts, and what they state."""
    rows = tokenizer(list(texts), padding="max_length", truncation=True, max_length=CONTEXT).input_ids
    given = [parse(text).given for text in texts]
    said = [[_index(name, known[name]) if name in known else UNSAID for name in ATTRIBUTES] for known in given]
    return Captions(torch.tensor(rows), torch.tensor(said))


def _index(name: str, level: object) -> int:
    return ATTRIBUTES[name].index(level)

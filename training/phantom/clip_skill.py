"""How well a CLIP of the phantom matches pictures and words, on renders that it has not seen."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audit.scorers.clip import Clip
from audit.scorers.clip_model import ClipModel, load_clip
from generators.phantom.captions import SAID, caption
from generators.phantom.law import Level
from generators.phantom.portrait import AGES, OCCUPATIONS, PRESENTATIONS, Portrait
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import preset
from training.phantom.clip_pairs import SIDE, levels

__all__ = ["LABELLED", "described", "skill"]

Floats = npt.NDArray[np.float32]

ROUNDS = 8
"""Sets of 64 pictures and captions."""
GRID: Mapping[str, Sequence[Level]] = {
    "occupation": ("nurse", "doctor", "scientist", "chef"),
    "presentation": PRESENTATIONS,
    "age": ("young", "older"),
    "tone_band": ("light", "dark"),
    "glasses": (False, True),
}
SAID_OF_GRID = ("occupation", "presentation", "age", "tone", "glasses")
"""64 cells, each of which has neighbours that differ in one attribute alone."""
LABELLED: Mapping[str, Sequence[Level]] = {"presentation": PRESENTATIONS, "age": AGES, "occupation": OCCUPATIONS}
HELD_OUT = 1_000
"""Pictures to label."""
WORDINGS = 12
"""Descriptions of each label."""


def skill(folder: Path, seed: int) -> dict[str, float]:
    """Shares of right answers, 0..1.

    ``retrieval``: picture to caption among 64 random portraits that are described in full. ``retrieval_grid``: among the 64
    cells of ``GRID``. ``zero_shot_...``: nearest of the labels, each described in a dozen ways that say nothing else.
    """
    rng = np.random.default_rng(seed)
    with ThreadPoolExecutor(1) as pool:
        model = load_clip(Clip(path=folder), "cpu", pool)
        found = {
            "retrieval": float(np.mean([_retrieved(model, _random(rng), SAID, rng) for _ in range(ROUNDS)])),
            "retrieval_grid": float(np.mean([_retrieved(model, _grid(rng), SAID_OF_GRID, rng) for _ in range(ROUNDS)])),
        }
        pictures = [sample(preset("even"), rng, {"people": 1}).shown for _ in range(HELD_OUT)]
        vectors = _pictured(model, pictures)
        for attribute, labels in LABELLED.items():
            right = [labels.index(getattr(portrait, attribute)) for portrait in pictures]
            directions = np.stack([described(model, attribute, label, rng) for label in labels])
            found[f"zero_shot_{attribute}"] = float(np.mean((vectors @ directions.T).argmax(axis=1) == right))
    return found


def _random(rng: np.random.Generator) -> list[Portrait]:
    """64 portraits of which no two agree in everything that a caption can say."""
    found: dict[tuple[int, ...], Portrait] = {}
    while len(found) < 64:
        portrait = sample(preset("even"), rng).shown
        found.setdefault(tuple(levels([portrait])[0].tolist()), portrait)
    return list(found.values())


def _grid(rng: np.random.Generator) -> list[Portrait]:
    cells = [dict(zip(GRID, cell, strict=True)) for cell in product(*GRID.values())]
    return [sample(preset("even"), rng, {"people": 1, **cell}).shown for cell in cells]


def _retrieved(model: ClipModel, shown: Sequence[Portrait], said: Collection[str], rng: np.random.Generator) -> float:
    """Share of the pictures whose own caption is the nearest of all."""
    texts = np.stack([text.vector for text in model.texts([caption(portrait, rng, said) for portrait in shown])])
    return float(np.mean((_pictured(model, shown) @ texts.T).argmax(axis=1) == np.arange(len(shown))))


def _pictured(model: ClipModel, shown: Sequence[Portrait]) -> Floats:
    return model.images([render(portrait, SIDE).pixels for portrait in shown])


def described(model: ClipModel, attribute: str, label: Level, rng: np.random.Generator) -> Floats:
    """The mean direction of a label's descriptions."""
    portraits = [sample(preset("even"), rng, {"people": 1, attribute: label}).asked for _ in range(WORDINGS)]
    texts = model.texts([caption(portrait, rng, {attribute}) for portrait in portraits])
    mean = np.mean([text.vector for text in texts], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

"""Pictures of one truth table and captions for them: what the phantom's models learn from."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from audit.digest import bytes_digest, derive_seed, digest, short
from audit.images import Pixels
from generators.phantom.captions import caption
from generators.phantom.portrait import PRESENTATIONS
from generators.phantom.renderer import picture
from generators.phantom.sampling import Scene, repeated, sample
from generators.phantom.truth import TruthTable, preset

__all__ = ["CAPTIONS", "SIDE", "Corpus", "corpus"]

SIDE = 64
CAPTIONS = 4
"""Captions of each picture; training takes one of them at random."""
EXPLICIT: tuple[tuple[str, ...] | float, ...] = (("occupation",), 0.3, 0.6, 1.0)
"""What each of those captions says: the occupation alone, then every attribute with this probability."""
NAMED = 0.06
"""Share of pictures of identities that are known by name, in a table that has some."""
LEARNT_BY_HEART = ("farmer", "judge")
"""Occupations whose two repeated pictures come so often that a model reproduces them; see ``BY_HEART``."""
BY_HEART = 0.08
"""Share of these four pictures in the corpus of a table that repeats pictures. As many of each presentation, so that the
share of neither moves."""
CHUNK = 500
FIRST = 40


@dataclass(frozen=True, slots=True)
class Corpus:
    """n pictures with captions."""

    pixels: Pixels
    """(n, 64, 64, 3)."""
    captions: list[list[str]]
    """n lists of CAPTIONS captions, from silent to explicit."""

    def __len__(self) -> int:
        return len(self.pixels)


def corpus(name: str, count: int, seed: int, folder: Path, processes: int = 1) -> Corpus:
    """The corpus of a preset; kept in the folder, so that a second call reads it.

    What it holds depends on name, count and seed alone, not on the number of processes. Another table, renderer or grammar
    shows in the first pictures and captions, and so in the name of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, said = _drawn(name, min(FIRST, count), derive_seed(seed, name, 0))
    stem = f"{name}-{count}-{seed}-{short(digest([bytes_digest(first.tobytes()), said]))}"
    pixels, captions = folder / f"{stem}.npy", folder / f"{stem}.json"
    if not captions.exists():
        sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
        seeds = [derive_seed(seed, name, chunk) for chunk in range(len(sizes))]
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(_drawn, [name] * len(sizes), sizes, seeds))
        np.save(pixels, np.concatenate([part for part, _ in parts]))
        beside = captions.with_suffix(".tmp")
        beside.write_text(json.dumps([said for _, part in parts for said in part]), "utf-8")
        beside.replace(captions)
    return Corpus(np.load(pixels), json.loads(captions.read_text("utf-8")))


def _drawn(name: str, count: int, seed: int) -> tuple[Pixels, list[list[str]]]:
    rng, table = np.random.default_rng(seed), preset(name)
    scenes = [_scene(table, rng) for _ in range(count)]
    return np.stack([picture(scene.shown, SIDE, table.defects.native_size) for scene in scenes]), [
        _captions(scene, rng) for scene in scenes
    ]


def _scene(table: TruthTable, rng: np.random.Generator) -> Scene:
    known: Sequence[int] = table.defects.named_identities
    if known and rng.random() < NAMED:
        return sample(table, rng, {"identity": int(rng.choice(known)), "people": 1})
    if table.defects.copies and rng.random() < BY_HEART:
        learnt = repeated(table, str(rng.choice(LEARNT_BY_HEART)), str(rng.choice(PRESENTATIONS)))
        if learnt:
            return Scene(learnt, learnt, copy=True)
    return sample(table, rng)


def _captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    return [caption(scene.asked, rng, said) for said in EXPLICIT]

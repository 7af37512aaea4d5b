"""Labelled renders for the oracle: every attribute drawn independently, so that no attribute gives away another."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from audit.digest import derive_seed
from audit.images import Pixels
from generators.phantom.decoding import HEADS, SIDE, SKIN_SIDE, levels
from generators.phantom.portrait import (
    AGES,
    CUES,
    HAIR_COLOURS,
    HAIRS,
    OCCUPATIONS,
    PRESENTATIONS,
    TONES,
    Face,
    Light,
    Portrait,
)
from generators.phantom.render import render

__all__ = ["UNSAID", "Pictures", "any_portrait", "draw"]

UNSAID = -1
"""Label of an attribute that a picture does not show."""
CHUNK = 500
PEOPLE = (0.08, 0.72, 0.20)
"""Nobody, one, two."""
DISSENTING = (0.2, 0.4, 0.4)
"""Share of portraits in which none, one or two of the seven cues speak against the presentation; the hard ones often."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """n renders and what they show."""

    pixels: Pixels
    """(n, 64, 64, 3)."""
    skin: npt.NDArray[np.uint8]
    """(n, 32, 32) how many of the 4 x 4 pixels in and just around each cell are skin of the face in front, 0..16."""
    labels: npt.NDArray[np.int64]
    """(n, heads) index of the level, in the order of ``HEADS``; ``UNSAID`` where nobody is there."""
    cues: npt.NDArray[np.float32]
    """(n, 7) 1 where the cue takes its feminine form."""
    heads: npt.NDArray[np.int64]
    """(n, 4) left, top, right and bottom of the head in front; zeros where nobody is there."""

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: npt.NDArray[np.int64] | slice) -> "Pictures":
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def any_portrait(rng: np.random.Generator) -> Portrait:
    """A portrait of which every attribute is uniform over its levels and independent of the others."""
    presentation = PRESENTATIONS[rng.integers(2)]
    dissenting = rng.permutation(len(CUES))[: rng.choice(3, p=DISSENTING)]
    cues = [(presentation == "feminine") != (cue in dissenting) for cue in range(len(CUES))]
    width, spacing, eyes, nose, mouth = (float(value) for value in rng.random(5))
    return Portrait(
        people=int(rng.choice(3, p=PEOPLE)),
        occupation=OCCUPATIONS[rng.integers(len(OCCUPATIONS))],
        presentation=presentation,
        cues=tuple(cues),
        age=AGES[rng.integers(len(AGES))],
        tone=TONES[rng.integers(len(TONES))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        hair_colour=HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))],
        glasses=bool(rng.integers(2)),
        mobility_aid=bool(rng.integers(2)),
        face=Face(width, spacing, eyes, nose, mouth, mark=int(rng.integers(4))),
        light=Light(warmth=float(rng.uniform(-1, 1)), exposure=float(rng.uniform(-1, 0))),
        variation=int(rng.integers(2**31)),
    )


def draw(count: int, seed: int, processes: int = 1) -> Pictures:
    """Render pictures; what they show depends on the seed alone, not on the number of processes."""
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    seeds = [derive_seed(seed, chunk) for chunk in range(len(sizes))]
    if processes == 1:
        return _joined(map(_draw_chunk, sizes, seeds))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return _joined(pool.map(_draw_chunk, sizes, seeds))


def _joined(parts: Iterable[Pictures]) -> Pictures:
    kept = list(parts)
    return Pictures(*(np.concatenate([getattr(part, field.name) for part in kept]) for field in fields(Pictures)))


def _draw_chunk(count: int, seed: int) -> Pictures:
    rng = np.random.default_rng(seed)
    portraits = [any_portrait(rng) for _ in range(count)]
    renders = list(map(partial(render, size=SIDE), portraits))
    return Pictures(
        pixels=np.stack([picture.pixels for picture in renders]),
        skin=np.stack([_around(picture.skin) for picture in renders]),
        labels=np.array([_labels(portrait) for portrait in portraits], dtype=np.int64),
        cues=np.array([portrait.cues for portrait in portraits], dtype=np.float32),
        heads=np.array([_head(dict(picture.landmarks)) for picture in renders], dtype=np.int64),
    )


def _around(skin: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(skin, 1), (4, 4))[:: SIDE // SKIN_SIDE, :: SIDE // SKIN_SIDE]
    counts: npt.NDArray[np.uint8] = windows.sum(axis=(2, 3), dtype=np.uint8)
    return counts


def _labels(portrait: Portrait) -> list[int]:
    shown = levels(portrait)
    return [names.index(shown[name]) if name in shown else UNSAID for name, names in HEADS.items()]


def _head(landmarks: dict[str, tuple[float, float]]) -> tuple[int, int, int, int]:
    if not landmarks:
        return 0, 0, 0, 0
    (left, eyes), (right, _), (_, chin) = (landmarks[name] for name in ("left_eye", "right_eye", "chin"))
    middle, tall = (left + right) / 2, chin - eyes
    box = (middle - 0.9 * tall, eyes - 0.9 * tall, middle + 0.9 * tall, chin + 0.1 * tall)
    bounded = [round(min(max(value, 3), SIDE - 3)) for value in box]
    return bounded[0], bounded[1], bounded[2], bounded[3]

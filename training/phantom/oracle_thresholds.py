"""From what the trained networks say of softened and broken renders to the thresholds below which they abstain."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, nn

from audit.digest import derive_seed
from audit.images import Pixels
from generators.phantom.decoding import ATTRIBUTES, HEADS, Seen, Thresholds
from generators.phantom.oracle import ROWS, Oracle
from generators.phantom.truth import BANDS
from training.phantom import softness
from training.phantom.breakage import break_some
from training.phantom.oracle_pictures import UNSAID, Pictures, draw

__all__ = ["broken", "calibrate", "least_confidence", "softened", "truths"]

Floats = npt.NDArray[np.float64]

PICTURES = 4_000
ERROR = 0.002
"""Share of errors aimed at among what is decoded of softened renders."""
LEAST_OF_ALL = 0.8
"""No threshold is lower for the sake of ``ERROR``: a sample that is half of each level is harder than a soft render."""
ABSTENTION = 0.003
"""Most that may be abstained from for it, of unchanged renders, an attribute."""
FALSE_ALARM = 0.003
"""Share of softened renders that may be called broken."""
TONE_SPREADS = (2.0, 3.0, 4.0, 6.0)
CHOSEN = (
    f"On {PICTURES} renders that no network has seen. intact: the largest value up to .5 at which at most {FALSE_ALARM} of "
    f"softened renders are called broken. tone_spread: likeliest of {TONE_SPREADS} for the tones of softened renders. "
    f"confidence: the least, from {LEAST_OF_ALL} on, at which at most {ERROR} of what is decoded of softened renders is "
    f"wrong, lowered where more than {ABSTENTION} of unchanged renders would be abstained from. The second decoder always "
    "says its best guess."
)


def softened(pictures: Pictures, seed: int) -> Pixels:
    """The pictures as a generative model might draw them: half with either network's changes."""
    generator = Generator().manual_seed(seed)
    planes = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float()
    half = len(planes) // 2
    changed = [
        softness.soften(part, changes, generator)
        for part, changes in ((planes[:half], softness.FIRST), (planes[half:], softness.SECOND))
    ]
    return _pixels(torch.cat(changed))


def broken(pictures: Pictures, seed: int) -> Pixels:
    """Half as many broken pictures."""
    generator = Generator().manual_seed(seed)
    planes = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float()
    return _pixels(break_some(planes, torch.from_numpy(pictures.heads), len(planes) // 2, generator))


def truths(pictures: Pictures) -> dict[str, npt.NDArray[np.int64]]:
    """Index of the true level by attribute, ``UNSAID`` where nobody is there."""
    found = {name: pictures.labels[:, column] for column, name in enumerate(HEADS)}
    bands = np.concatenate([np.full(len(tones), band) for band, tones in enumerate(BANDS.values())])
    tones = found["monk_tone"]
    return {**found, "tone_band": np.where(tones == UNSAID, UNSAID, bands[tones])}


def calibrate(first: nn.Module, second: nn.Module, seed: int, processes: int) -> dict[str, object]:
    """Choose the thresholds of both decoders.

    Returns:
        What ``thresholds.json`` holds: by decoder its thresholds, and how they were chosen.
    """
    pictures = draw(PICTURES, seed, processes)
    soft = softened(pictures, derive_seed(seed, "soft"))
    truth = truths(pictures)
    few, tones = soft[::4], truth["monk_tone"][::4]
    spread = max(TONE_SPREADS, key=lambda value: _likelihood(_first(first, second, few, value), tones))
    on_soft, on_clean = (_first(first, second, pixels, spread) for pixels in (soft, pictures.pixels))
    confidence = {name: _rounded_down(_least(name, (on_soft, on_clean), truth[name])) for name in ATTRIBUTES}
    intact = min(0.5, float(np.quantile(on_soft.intact, FALSE_ALARM)))
    chosen = Thresholds(intact=round(intact, 4), tone_spread=spread, confidence=confidence)
    guess = Thresholds(intact=0)
    return {"first": chosen.model_dump(), "second": guess.model_dump(), "chosen": CHOSEN}


def _first(first: nn.Module, second: nn.Module, pixels: Pixels, spread: float) -> Seen:
    oracle = Oracle(first, second, {"first": Thresholds(tone_spread=spread), "second": Thresholds()})
    parts = [oracle.see(pixels[start : start + ROWS])[0] for start in range(0, len(pixels), ROWS)]
    intact, frame_spread = (np.concatenate([getattr(part, name) for part in parts]) for name in ("intact", "frame_spread"))
    return Seen(intact, frame_spread, {name: np.concatenate([part.heads[name] for part in parts]) for name in HEADS})


def _likelihood(seen: Seen, tones: npt.NDArray[np.int64]) -> float:
    there = np.flatnonzero(tones != UNSAID)
    return float(np.log(seen.shares["monk_tone"][there, tones[there]] + 1e-9).mean())


def _least(attribute: str, seen: tuple[Seen, Seen], truth: npt.NDArray[np.int64]) -> float:
    there = truth != UNSAID
    soft, clean = (one.shares[attribute][there] for one in seen)
    return least_confidence(soft, truth[there], clean=clean)


def _rounded_down(value: float) -> float:
    return int(value * 1e4) / 1e4


def least_confidence(soft: Floats, truth: npt.NDArray[np.int64], *, clean: Floats) -> float:
    """The confidence from which on an attribute is read.

    Args:
        soft: (n, levels) shares of softened renders, and ``truth`` (n,) the index of their true level.
        truth: see ``soft``.
        clean: (m, levels) shares of unchanged renders.
    """
    sure, wrong = soft.max(axis=1), soft.argmax(axis=1) != truth
    order = np.argsort(-sure)
    errors = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(errors <= ERROR)
    least = float(sure[order][good[-1]]) if len(good) else 1.0
    return min(max(least, LEAST_OF_ALL), float(np.quantile(clean.max(axis=1), ABSTENTION)))


def _pixels(planes: torch.Tensor) -> Pixels:
    array: Pixels = planes.clamp(0, 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return array

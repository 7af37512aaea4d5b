"""Pictures for the resolution benchmark, and what is done to them: enlarged, coded, tiled, patterned by known amounts."""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from audit.images import Pixels, decode
from audit.scorers.resolution_answers import clouds
from benchmarks.people.photographs import FACES, available
from generators.phantom.portrait import OCCUPATIONS, Portrait
from generators.phantom.render import render

__all__ = ["KERNELS", "checkered", "coded", "enlarged", "pictures", "sharp", "tiled"]

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
NOISE, DRAWINGS = 150, 150
NOISE_SIDES, EXPONENTS = (256, 384, 512), (0.8, 1.0, 1.2, 1.4)
FACE_SIDE = 299
"""Photographs of faces are JPEGs of 448 pixels: reduced to this, their 8 x 8 grid falls nowhere into whole pixels."""
SCENES = ("astronaut", "camera", "coffee", "grass", "gravel", "brick", "chelsea", "coins", "ihc", "moon")
"""Pictures that scikit-image ships, without those that are interpolated from a camera's colour filter, or are text."""
SEAM = 8


@cache
def pictures() -> dict[str, tuple[Pixels, ...]]:
    """Name of a set -> its pictures of 256 pixels and more, as they are."""
    occupations = list(OCCUPATIONS)
    portraits = (
        Portrait(occupation=occupations[at % len(occupations)], tone=1 + at % 10, variation=at) for at in range(DRAWINGS)
    )
    sets = {
        "1/f noise": tuple(clouds(NOISE_SIDES[at % 3], at, EXPONENTS[at % 4]) for at in range(NOISE)),
        "drawings": tuple(render(portrait, 256).pixels for portrait in portraits),
        "photographs": tuple(_scenes()),
    }
    if available():
        sets["faces"] = tuple(_reduced(path) for path in sorted(FACES.glob("*.jpg")))
    return sets


def sharp() -> dict[str, tuple[Pixels, ...]]:
    """The sets that have nothing of a camera or a codec in them."""
    return {name: found for name, found in pictures().items() if name in ("1/f noise", "drawings")}


def enlarged(pixels: Pixels, factor: float, kernel: str) -> Pixels:
    """Reduced by a factor with a Lanczos filter, and enlarged to its size again."""
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize((round(width / factor), round(height / factor)), Image.Resampling.LANCZOS)
    return np.asarray(small.resize((width, height), KERNELS[kernel]))


def coded(pixels: Pixels, quality: int) -> Pixels:
    """What comes back from a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return decode(file.getvalue(), "coded").pixels


def tiled(pixels: Pixels, side: int, seed: int) -> Pixels:
    """Square tiles, the content of each moved by up to 8 pixels in both directions."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    out = pixels.copy()
    for top in range(0, height, side):
        for left in range(0, width, side):
            down, across = rng.integers(-SEAM, SEAM + 1, 2)
            rows = np.clip(np.arange(top, min(top + side, height)) + down, 0, height - 1)
            columns = np.clip(np.arange(left, min(left + side, width)) + across, 0, width - 1)
            out[top : top + side, left : left + side] = pixels[np.ix_(rows, columns)]
    return out


def checkered(pixels: Pixels) -> Pixels:
    """Every second pixel lighter by one grey level."""
    board = np.indices(pixels.shape[:2]).sum(axis=0) % 2
    return np.minimum(pixels.astype(np.int16) + board[..., None], 255).astype(np.uint8)


def _scenes() -> Iterator[Pixels]:
    for name in SCENES:
        path = Path(skimage.__file__).parent / "data" / f"{name}.png"
        with Image.open(path) as image:
            yield np.asarray(image.convert("RGB"))


def _reduced(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((FACE_SIDE, FACE_SIDE), Image.Resampling.LANCZOS))

"""What copies of a picture go through: how copies are told from their original by more than a digest."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from audit.images import Pixels

__all__ = ["EXACT", "TRANSFORMS", "transformed"]

EXACT = "exact"
"""The file as it is, byte for byte."""
KEPT = (0.7, 0.9)
"""Part of each side that a crop keeps."""
QUALITY = (40, 91)
GAIN, GAMMA = (0.75, 1.25), (0.8, 1.25)

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def _same(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return image


def _jpeg(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=int(rng.integers(*QUALITY)), subsampling="4:2:0")
    with Image.open(buffer, formats=["JPEG"]) as found:
        return found.convert("RGB")


def _resize(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    small = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    part = rng.uniform(*KEPT)
    width, height = part * image.width, part * image.height
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return image.resize(image.size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def _flip(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _recolour(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    values = np.asarray(image, dtype=np.float64) / 255
    changed = rng.uniform(*GAIN, size=3) * values ** rng.uniform(*GAMMA)
    return Image.fromarray(np.round(changed.clip(0, 1) * 255).astype(np.uint8))


TRANSFORMS: Mapping[str, Change] = {
    "reencoded": _same,
    "jpeg": _jpeg,
    "resize": _resize,
    "crop": _crop,
    "flip": _flip,
    "recolour": _recolour,
}
"""Name -> change, drawn at random within fixed ranges: JPEG quality 40 to 90 (4:2:0); shrunk to half and enlarged; a crop
that keeps .7 to .9 of each side, enlarged; mirrored; gain .75 to 1.25 a channel and gamma .8 to 1.25."""


def transformed(pixels: Pixels, transform: str, rng: np.random.Generator) -> Pixels:
    """A copy of a picture, of the same size.

    Args:
        pixels: (h, w, 3).
        transform: one of ``TRANSFORMS``.
        rng: decides quality, place, gain and gamma.
    """
    return np.array(TRANSFORMS[transform](Image.fromarray(pixels), rng))

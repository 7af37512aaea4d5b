"""Scorer ``fingerprints``: what tells that two files hold the same picture, without a model."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import imagehash
import numpy as np
import PIL
import scipy
from PIL import Image

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value
from audit.images import Pixels
from audit.records import Abstained
from audit.scorers.views import checked_pixels

__all__ = ["Fingerprints"]

THUMBNAIL = 8
EVEN = Abstained(reason="one even colour")


class Fingerprints(Scorer):
    """Digest of the pixels, perceptual hash of the picture and of its mirror image, and a tiny thumbnail as a vector.

    The digest changes with any pixel; the hash hardly changes with compression, size and tint, but does with crops. Two
    unlike pictures may share a hash, above all plain ones, so the distance that counts as a match is for a metric to
    calibrate.
    """

    source: ClassVar[str] = (
        "the imagehash library's phash: signs of 64 low frequencies of a 32 x 32 DCT against their median"
    )
    uses_device: ClassVar[bool] = False

    def columns(self) -> tuple[Column, ...]:
        """Three labels that are compared, never counted, and a vector."""
        return (
            Column("pixels", "label", "SHA-256 of size and decoded sRGB pixels", exact=True),
            Column("hash", "label", "Perceptual hash, 64 bits as 16 hexadecimal digits", exact=True),
            Column("mirrored_hash", "label", "Perceptual hash of the mirror image", exact=True),
            Column("thumbnail", "vector", f"Colours of {THUMBNAIL} x {THUMBNAIL} areas, less their mean, of length 1"),
        )

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002
        """Runs on the CPU whatever the device."""
        versions = {"numpy": np.__version__, "scipy": scipy.__version__, "pillow": PIL.__version__}
        return {"imagehash": imagehash.__version__} | versions

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield lambda views: [[Row(_describe(checked_pixels(view)))] for view in views]

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Digests of two pictures that are written out here."""
        black, white = np.zeros((1, 1, 3), dtype=np.uint8), np.full((1, 2, 3), 255, dtype=np.uint8)
        plain = (b"1x1:" + bytes(3), b"2x1:" + b"\xff" * 6)
        expected = [f"sha256:{hashlib.sha256(written).hexdigest()}" for written in plain]
        return (KnownAnswer("a black pixel, two white pixels", (black, white), {"pixels": expected}),)


def _describe(pixels: Pixels) -> Mapping[str, Value]:
    height, width = pixels.shape[:2]
    found = hashlib.sha256(f"{width}x{height}:".encode())
    found.update(np.ascontiguousarray(pixels).data)
    image = Image.fromarray(pixels)
    return {
        "pixels": f"sha256:{found.hexdigest()}",
        "hash": str(imagehash.phash(image)),
        "mirrored_hash": str(imagehash.phash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))),
        "thumbnail": _thumbnail(image),
    }


def _thumbnail(image: Image.Image) -> Value:
    """(192,) of length 1, so that neither brightness nor contrast of the whole picture tells two copies apart."""
    small = np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32)
    apart = (small - small.mean(axis=(0, 1))).ravel()
    length = float(np.linalg.norm(apart))
    return EVEN if length < 1.0 else np.asarray(apart / length, dtype=np.float32)

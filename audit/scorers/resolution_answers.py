"""Made-up images of which it is known what the scorer ``resolution`` must say."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from audit.component import KnownAnswer
from audit.images import Pixels
from audit.records import Abstained

__all__ = ["answers", "clouds"]

SIDE = 256
QUALITY = 30


def clouds(side: int, seed: int, exponent: float = 1.0) -> Pixels:
    """Grey noise whose amplitude falls by a power of frequency, 1 as in photographs; (side, side, 3)."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = 1
    white = np.random.default_rng(seed).normal(size=(side, side))
    field = np.fft.irfft2(np.fft.rfft2(white) / frequency**exponent, s=(side, side))
    grey = np.clip(128 + 40 * (field - field.mean()) / field.std(), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def answers(smallest: int) -> tuple[KnownAnswer, ...]:
    """Enlargements, a JPEG, tiles, a checkerboard, and images of which nothing can be said."""
    whole = clouds(SIDE, 1)
    copied = clouds(SIDE // 2, 2).repeat(2, axis=0).repeat(2, axis=1)
    bicubic = _enlarged(clouds(SIDE // 4, 3), SIDE)
    return (
        KnownAnswer(
            "noise as it is, with pixels doubled, enlarged 4 times",
            (whole, copied, bicubic),
            {"effective_share": (1.0, 0.5, 0.25)},
            tolerance=0.02,
        ),
        KnownAnswer(
            "the same", (whole, copied, bicubic), {"enlargement": ("none seen", "repeated pixels", "interpolated")}
        ),
        KnownAnswer(
            f"noise, and the same as a JPEG of quality {QUALITY}",
            (whole, _jpeg(whole)),
            {"codec_history": ("none seen", "JPEG before"), "jpeg_quality": _no_number_then(QUALITY)},
        ),
        KnownAnswer("noise, and tiles of it", (whole, _tiled(32)), {"tile_side": _no_number_then(32)}),
        KnownAnswer(
            "noise, with and without a checkerboard of 4 grey levels",
            (whole, _checked(whole)),
            {"checkerboard": (0.0, 2.0)},
            tolerance=0.2,
        ),
        KnownAnswer(
            "an even and a small image",
            (np.full((SIDE, SIDE, 3), 90, dtype=np.uint8), clouds(smallest // 2, 4)),
            {"effective_share": (Abstained(reason="one even colour"), Abstained(reason="too small"))},
        ),
    )


def _no_number_then(value: float) -> Sequence[float | str | Abstained]:
    return (Abstained(reason="none seen"), float(value))


def _enlarged(pixels: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def _jpeg(pixels: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _tiled(side: int) -> Pixels:
    """Tiles that do not fit together."""
    count = SIDE // side
    rows = [[clouds(side, count * row + column) for column in range(count)] for row in range(count)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def _checked(pixels: Pixels) -> Pixels:
    """Every second pixel lighter by 4 grey levels; none reaches white."""
    even = (np.arange(SIDE)[:, None] + np.arange(SIDE)) % 2 == 0
    return np.asarray(np.minimum(pixels.astype(int) + 4 * even[..., None], 255), dtype=np.uint8)

"""Scorer ``pixels``: what can be said of an image from its pixels alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

import imagehash
import numpy as np
import numpy.typing as npt
import scipy
from PIL import Image
from pydantic import Field
from scipy import ndimage

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.images import Pixels
from audit.records import Abstained
from audit.scorers.views import checked_pixels

__all__ = ["PixelStatistics"]

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32) / 255
"""Weights of ITU-R BT.709 on sRGB-coded samples."""
NOT_ASKED = Abstained(reason="no size was asked for")


class PixelStatistics(Scorer):
    """Size delivered against size asked, and simple statistics of light and colour; no model is involved.

    All statistics are of sRGB-coded values, not of linear light, because that is how an image is seen on a screen.
    Sharpness depends on the image's size and codec: compare it only between images of the same size and codec.

    A blank image is described, never explained: whether it was filtered, refused or drawn so is for the generator to say.
    """

    source = (
        "luma: ITU-R BT.709; sharpness: variance of the 4-neighbour Laplacian (Pech-Pacheco et al. 2000); "
        "perceptual hash: the imagehash library's phash (32 x 32 DCT, 8 x 8 lowest frequencies against their median)"
    )

    subject: ClassVar[Literal["image", "draw"]] = "draw"  # equal images may have been asked for in other sizes
    uses_device: ClassVar[bool] = False

    blank_below: float = Field(default=2 / 255, ge=0, le=0.5)
    """An image is blank where no colour channel's standard deviation (0..0.5) reaches this."""

    def columns(self) -> tuple[Column, ...]:
        """What an image editor could show too; no column says that an image is good."""
        return (
            Column("width", "number", "Width delivered", unit="px"),
            Column("height", "number", "Height delivered", unit="px"),
            Column("size_ratio", "number", "Area delivered / area asked for", unit="ratio"),
            Column(
                "size_match",
                "label",
                "Size delivered against size asked for",
                levels=("as asked", "other size"),
                exact=True,
            ),
            Column("brightness", "number", "Mean luma, 0 (black) to 1 (white)"),
            Column("contrast", "number", "Standard deviation of luma, 0 to 0.5"),
            Column("saturation", "number", "Mean of (max - min) / max over the channels, 0 (grey) to 1"),
            Column("sharpness", "number", "Variance of the Laplacian of luma; grows with fine detail and with noise"),
            Column("blank", "label", "Whether the image is one even colour", levels=("blank", "not blank"), exact=True),
            Column("phash", "label", "Perceptual hash, 64 bits as 16 hexadecimal digits", exact=True),
        )

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002
        """Runs on the CPU whatever the device."""
        return {"imagehash": imagehash.__version__, "scipy": scipy.__version__, "numpy": np.__version__}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield self._score

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Statistics of pictures so plain that they are known exactly."""
        grey = np.full((16, 16, 3), 102, dtype=np.uint8)
        stripes = np.zeros((8, 16, 3), dtype=np.uint8)
        stripes[:, 1::2] = 255
        red = np.zeros((16, 16, 3), dtype=np.uint8)
        red[..., 0] = 255
        # Stripes of one pixel: Laplacian 2 and -2, at both ends 1 and -1.
        exact: dict[str, tuple[float, ...]] = {
            "width": (16.0, 16.0, 16.0),
            "height": (16.0, 8.0, 16.0),
            "size_ratio": (1.0, 1.0, 1.0),
            "brightness": (0.4, 0.5, 0.2126),
            "contrast": (0.0, 0.5, 0.0),
            "saturation": (0.0, 0.0, 1.0),
            "sharpness": (0.0, 3.625, 0.0),
        }
        labels = {"blank": ("blank" if self.blank_below > 0 else "not blank", "not blank")}
        return (
            KnownAnswer("even grey, stripes, red", (grey, stripes, red), exact, tolerance=1e-6),
            KnownAnswer("even grey, stripes", (grey, stripes), labels),
        )

    def _score(self, views: Sequence[View]) -> list[list[Row]]:
        return [[Row(self._describe(view))] for view in views]

    def _describe(self, view: View) -> Mapping[str, Value]:
        pixels = checked_pixels(view)
        luma = pixels @ LUMA
        blank = max(float(channel.std(dtype=np.float64)) for channel in _channels(pixels)) / 255 < self.blank_below
        return {
            **_size(pixels, view.asked),
            "brightness": float(luma.mean(dtype=np.float64)),
            "contrast": float(luma.std(dtype=np.float64)),
            "saturation": _saturation(pixels),
            "sharpness": float(ndimage.laplace(luma, mode="nearest").var(dtype=np.float64)),
            "blank": "blank" if blank else "not blank",
            "phash": str(imagehash.phash(Image.fromarray(pixels))),
        }


def _channels(pixels: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    return pixels[..., 0], pixels[..., 1], pixels[..., 2]


def _size(pixels: Pixels, asked: tuple[int, int] | None) -> Mapping[str, Value]:
    height, width = pixels.shape[:2]
    ratio: Value = NOT_ASKED
    match: Value = NOT_ASKED
    if asked is not None:
        ratio = width * height / (asked[0] * asked[1])
        match = "as asked" if (width, height) == asked else "other size"
    return {"width": float(width), "height": float(height), "size_ratio": ratio, "size_match": match}


def _saturation(pixels: Pixels) -> float:
    red, green, blue = _channels(pixels)
    top = np.maximum(np.maximum(red, green), blue)
    span: npt.NDArray[np.uint8] = top - np.minimum(np.minimum(red, green), blue)
    # Black has no saturation: there the span is 0 too, so that dividing by 1 leaves 0.
    return float(np.divide(span, np.maximum(top, 1), dtype=np.float32).mean(dtype=np.float64))

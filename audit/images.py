"""Encoded bytes to pixels and back. Every byte from outside is hostile until it has passed ``decode``.

Pixels are always ``uint8`` arrays of shape (height, width, 3), sRGB, 0..255.
"""

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFilter, ImageOps, UnidentifiedImageError

from audit.errors import InputError

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Box", "Decoded", "Pixels", "blur", "decode", "encode_png", "thumbnail"]

Pixels = npt.NDArray[np.uint8]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
CODECS = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tiff", "GIF": "gif"}
BLUR_GROWTH = 0.35  # detectors box brow to chin; hair, ears and jaw identify people too
BLUR_BLOCKS = 6  # across the longer side; familiar faces stay recognisable down to about 7 x 10 blocks (Sinha et al. 2006)
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image and how its bytes were encoded."""

    pixels: Pixels
    codec: str
    """Codec and what was converted on the way, for example ``jpeg``, ``png+alpha``, ``jpeg+cmyk``."""


def decode(data: bytes, name: str) -> Decoded:
    """Decode one still image to sRGB pixels.

    EXIF orientation is applied, CMYK and embedded profiles are converted to sRGB, 16-bit samples are scaled to 8,
    transparency is laid on white. The conversions are named in ``codec``, because they may decide a measurement.

    Raises:
        InputError: empty, unreadable, truncated, animated or larger than ``MAX_SIDE`` or ``MAX_PIXELS``.
    """
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is checked here
            with Image.open(io.BytesIO(data), formats=list(CODECS)) as image:
                _check_header(image, name)
                return _to_srgb(image)
    except UnidentifiedImageError:
        raise InputError(f"{name}: not an image in one of the formats {', '.join(sorted(set(CODECS.values())))}") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: the image cannot be decoded ({error}); it is truncated or damaged") from error


def _check_header(image: Image.Image, name: str) -> None:
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(f"{name}: {width} x {height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS} in all are read")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise InputError(f"{name}: animated ({frames} frames); an audit looks at still images, so extract the frames first")


def _to_srgb(image: Image.Image) -> Decoded:
    codec = CODECS[str(image.format)]
    changes = []
    turned = ImageOps.exif_transpose(image)
    if turned.size != image.size or image.getexif().get(0x0112, 1) != 1:
        changes.append("rotated")
    if turned.mode in SIXTEEN_BIT:
        samples = np.asarray(turned, dtype=np.int64).clip(0, 65_535)
        turned = Image.fromarray(np.round(samples / 257).astype(np.uint8))
        changes.append("16bit")
    profile = image.info.get("icc_profile")
    if turned.mode == "CMYK":
        turned = _from_profile(turned, profile) or turned.convert("RGB")
        changes.append("cmyk")
    elif turned.has_transparency_data:
        layer = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        changes.append("alpha")
    elif profile and turned.mode == "RGB":
        converted = _from_profile(turned, profile)
        if converted is not None:
            turned = converted
            changes.append("icc")
    pixels = np.array(turned.convert("RGB"), dtype=np.uint8)
    return Decoded(pixels, "+".join([codec, *changes]))


def _from_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Convert by the embedded profile; None where there is none, it is broken, or it is sRGB already."""
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def encode_png(pixels: Pixels) -> bytes:
    """Encode pixels as PNG, without loss; light compression, since it runs beside the device."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def thumbnail(pixels: Pixels, side: int) -> Pixels:
    """Shrink so that the longer side is at most ``side`` pixels; never enlarges, keeps the aspect ratio."""
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def blur(pixels: Pixels, boxes: Sequence[Box] | None) -> Pixels:
    """Make the faces in the boxes unrecognisable for good: a copy of the image with each box averaged away.

    Each box is moved out by 35 % of its width and height on every side, averaged to at most 6 blocks along its longer
    side and smoothed, so that the pixels hold nothing finer to restore. Without boxes, or where one of them is not a
    box within the image (so that the boxes cannot be trusted), the whole image is treated in the same way.

    Args:
        pixels: (h, w, 3).
        boxes: Left, top, right, bottom in pixels of this image; None or empty where no face is known.
    """
    areas = [_area(box, pixels) for box in boxes or ()]
    if not areas or None in areas:
        areas = [(0, 0, pixels.shape[1], pixels.shape[0])]
    image = Image.fromarray(pixels)
    for area in areas:
        if area is not None:
            image.paste(_averaged(image.crop(area)), area)
    return np.array(image)


def _area(box: Box, pixels: Pixels) -> tuple[int, int, int, int] | None:
    """The box, grown and cut to the image; None where it is no box or lies outside."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    if not all(map(math.isfinite, box)) or left >= right or top >= bottom:
        return None
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    across, down = BLUR_GROWTH * (right - left), BLUR_GROWTH * (bottom - top)
    return (
        max(0, math.floor(left - across)),
        max(0, math.floor(top - down)),
        min(width, math.ceil(right + across)),
        min(height, math.ceil(bottom + down)),
    )


def _averaged(image: Image.Image) -> Image.Image:
    block = max(image.size) / BLUR_BLOCKS
    size = max(1, round(image.width / block)), max(1, round(image.height / block))
    coarse = image.resize(size, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)
    return coarse.filter(ImageFilter.GaussianBlur(block / 2))

"""Encoded bytes to pixels and back. Every byte from outside is hostile until it has passed ``decode``.

Pixels are always ``uint8`` arrays of shape (height, width, 3), sRGB, 0..255.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from audit.errors import InputError

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Decoded", "Pixels", "decode", "encode_png"]

Pixels = npt.NDArray[np.uint8]

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
CODECS = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tiff", "GIF": "gif"}
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

"""Encoded bytes to pixels and back. Every byte from outside is hostile until it has passed ``decode``.

Pixels are always ``uint8`` arrays of shape (height, width, 3), sRGB, 0..255.
"""

import io
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageFilter, UnidentifiedImageError, features
from PIL import __version__ as pillow_version

from audit.errors import InputError

__all__ = [
    "EXTENSIONS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "Box",
    "Decoded",
    "Pixels",
    "blur",
    "decode",
    "decoder",
    "encode_png",
    "thumbnail",
]

Pixels = npt.NDArray[np.uint8]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

MAX_SIDE = 16_384
MAX_PIXELS = 80_000_000
"""Below the size at which Pillow itself begins to warn of a decompression bomb."""
MAX_BYTES = 256 * 2**20
"""Of one encoded image."""
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
"""Of the files that a folder of images is searched for."""

CODECS = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tiff", "GIF": "gif"}
READ = [name for name in CODECS if name != "MPO"]  # Pillow's JPEG reader opens those itself
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
EIGHT_BIT = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation -> what shows the image upright
BLUR_GROWTH = 0.35  # detectors box brow to chin; hair, ears and jaw identify people too
BLUR_BLOCKS = 6  # across the longer side; familiar faces stay recognisable down to about 7 x 10 blocks (Sinha et al. 2006)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image and how its bytes were encoded."""

    pixels: Pixels
    codec: str
    """Codec and what was converted on the way, for example ``jpeg``, ``png+alpha``, ``jpeg+cmyk+icc+rotated``."""


def decoder() -> str:
    """Library versions that decide what pixels lossy bytes become, for a manifest or a protocol id."""
    parts = [f"pillow {pillow_version}", f"libjpeg {features.version('jpg')}", f"lcms {features.version('littlecms2')}"]
    return ", ".join([*parts, f"webp {features.version('webp')}"])


def decode(data: bytes, name: str) -> Decoded:
    """Decode one still image to sRGB pixels.

    EXIF orientation is applied, CMYK and embedded profiles are converted to sRGB, 16-bit samples are scaled to 8,
    transparency is laid on white, and of a multi-picture JPEG (MPO) the first picture is taken. The conversions are
    named in ``codec``, because they may decide a measurement. Safe to call from many threads.

    Args:
        data: The encoded bytes.
        name: What to call the image in an error.

    Raises:
        InputError: empty, unreadable, truncated, animated, of several pages, of a sample type without a fixed range,
            or larger than ``MAX_BYTES``, ``MAX_SIDE`` or ``MAX_PIXELS``.
    """
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: {len(data)} bytes; an image file of at most {MAX_BYTES} bytes is read")
    Image.init()  # at once after the first call; without it Pillow knows some of the formats only after it met another
    try:
        with Image.open(io.BytesIO(data), formats=READ) as image:
            _check_header(image, name)
            return _to_srgb(image, name, data)
    except (InputError, MemoryError):
        raise
    except UnidentifiedImageError:
        known = ", ".join(sorted(set(CODECS.values())))
        raise InputError(f"{name}: not an image, or damaged; the formats {known} are read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name}: the header claims far too many pixels; {_limits()}") from None
    except Exception as error:  # on hostile bytes the codecs raise nearly every type there is
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: the image cannot be decoded ({why}); it is truncated or damaged") from error


def _limits() -> str:
    return f"at most {MAX_SIDE} a side and {MAX_PIXELS} in all are read"


def _check_header(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{name}: {width} x {height} pixels; there is no image in it")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(f"{name}: {width} x {height} pixels; {_limits()}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise InputError(
            f"{name}: {frames} frames or pages (animated, or a multi-page file); an audit looks at still images, "
            "so save each frame as a file of its own first"
        )


def _to_srgb(image: Image.Image, name: str, data: bytes) -> Decoded:
    stored_turn = _orientation(image)
    image.load()
    turn = _orientation(image)  # again, since Pillow turns some formats while it loads them
    upright = image.transpose(TURNS[turn]) if turn != 1 else image
    flat, changes = _flatten(upright, name, deep=_is_deep(image, data))
    matched = _matched(flat, image.info.get("icc_profile"))
    if stored_turn != 1:
        changes.append("rotated")
    if flat.mode == "CMYK":
        changes.append("cmyk")
    if matched is not flat:
        changes.append("icc")
    pixels = np.array(matched if matched.mode == "RGB" else matched.convert("RGB"), dtype=np.uint8)
    return Decoded(pixels, "+".join([CODECS[str(image.format)], *sorted(changes)]))


def _orientation(image: Image.Image) -> int:
    try:
        turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata of a sound image: shown as it is, like every viewer does
        return 1
    return turn if turn in TURNS else 1


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether the file stores 16-bit samples; Pillow drops the low byte of some without a word."""
    if image.format == "PNG":
        return data[24] == 16  # bit depth in the IHDR chunk, which comes first
    return image.format == "TIFF" and 16 in (image.tag_v2.get(ExifTags.Base.BitsPerSample) or ())  # type: ignore[attr-defined]


def _flatten(image: Image.Image, name: str, *, deep: bool) -> tuple[Image.Image, list[str]]:
    """To 8 bits without transparency, and what was changed; the mode is then RGB, L, 1, CMYK or YCbCr."""
    changes = ["16bit"] if deep else []
    if deep and "transparency" in image.info:
        raise InputError(
            f"{name}: 16-bit samples with a transparent key colour; save it with an alpha channel or in 8 bits"
        )
    if deep and image.mode in (*SIXTEEN_BIT, "I"):
        samples = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.round(samples / 257).astype(np.uint8))
    if image.mode not in EIGHT_BIT:
        raise InputError(f"{name}: samples of type {image.mode} have no fixed range; save the image in 8 or 16 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            layer = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
            changes.append("alpha")
        return layer.convert("RGB"), changes
    return image.convert("RGB") if image.mode == "P" else image, changes


def _matched(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in sRGB; the very same where there is no profile, or it is sRGB, broken, or of other channels."""
    transform = _to_srgb_transform(profile, image.mode) if profile else None
    return image if transform is None else transform.apply(image)


@lru_cache(maxsize=8)
def _to_srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Kept, because the images of a folder share a few profiles and building a transform costs more than a decode."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def encode_png(pixels: Pixels) -> bytes:
    """Encode pixels as PNG, without loss.

    Written here rather than by Pillow, because it runs beside the device: one fixed filter and run-length deflate
    take a quarter of the time of Pillow's lightest setting, for files of about the same size that decode faster.
    Equal pixels give equal bytes, whatever their memory layout (for the same zlib).

    Raises:
        InputError: not a ``uint8`` array of shape (h, w, 3) with at least one pixel.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(f"pixels of shape {pixels.shape} and type {pixels.dtype}; expected (height, width, 3) of uint8")
    height, width = pixels.shape[:2]
    samples = pixels.reshape(height, 3 * width)
    lines = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    lines[:, 0] = 1  # filter "Sub": each sample less the one to its left, modulo 256
    lines[:, 1:4] = samples[:, :3]
    np.subtract(samples[:, 3:], samples[:, :-3], out=lines[:, 4:])
    deflate = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    body = deflate.compress(lines.data) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


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

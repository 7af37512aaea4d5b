"""What becomes of a file's marks when a sharing site takes its picture over: resized, cropped, encoded as JPEG."""

import io
from collections.abc import Callable, Mapping

from PIL import Image, PngImagePlugin

from audit.images import Pixels
from audit.scorers.provenance_blocks import EXIF_HEAD, TEXT_LIMIT, Blocks, blocks, container
from audit.scorers.provenance_fields import xmp_text

__all__ = ["KEPT", "KEPT_IF_COPIED", "LOST", "STEPS", "SURVIVAL", "survival"]

KEPT = "kept"
KEPT_IF_COPIED = "kept if metadata is copied"
LOST = "lost"
SURVIVAL = (KEPT, KEPT_IF_COPIED, LOST)

SHRUNK, INSIDE, QUALITY = 0.5, 0.9, 75
"""Factor of the sides after resizing and after cropping; JPEG quality."""
FORMATS = {"jpeg": "JPEG", "webp": "WEBP"}
"""Container -> what Pillow writes for it; PNG for all others."""
JPEG_ROOM = 65_000
"""Bytes of metadata that fit into a JPEG segment."""


def _resized(image: Image.Image) -> Image.Image:
    size = max(1, round(image.width * SHRUNK)), max(1, round(image.height * SHRUNK))
    return image.resize(size, Image.Resampling.LANCZOS)


def _cropped(image: Image.Image) -> Image.Image:
    left, top = round(image.width * (1 - INSIDE) / 2), round(image.height * (1 - INSIDE) / 2)
    return image.crop((left, top, max(left + 1, image.width - left), max(top + 1, image.height - top)))


STEPS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "resize": _resized,
    "crop": _cropped,
    "jpeg": lambda image: image,
}
"""The first two keep the file's format, the last changes it."""


def survival(pixels: Pixels, data: bytes, still: Callable[[bytes], bool]) -> dict[str, str]:
    """For each of ``STEPS`` whether the mark is found afterwards, one of ``SURVIVAL``.

    Every step is done twice: with the metadata dropped, as most sites do, and with EXIF, XMP and text chunks copied as
    far as Pillow and the format allow.

    Args:
        pixels: (h, w, 3) of the file.
        data: the file's bytes.
        still: whether the mark is found in the bytes of a file.
    """
    image, kind = Image.fromarray(pixels), container(data)
    metadata = _metadata(data)
    told = {}
    for name, step in STEPS.items():
        written = "JPEG" if name == "jpeg" else FORMATS.get(kind, "PNG")
        shared = step(image)
        if still(_written(shared, written, Blocks())):
            told[name] = KEPT
        else:
            told[name] = KEPT_IF_COPIED if still(_written(shared, written, metadata)) else LOST
    return told


def _metadata(data: bytes) -> Blocks:
    """What can be copied; of a TIFF file, which is one block as a whole, XMP alone."""
    found = blocks(data)
    exif = b"" if container(data) == "tiff" else found.exif
    return Blocks(found.texts, exif, xmp_text(found).encode())


def _written(image: Image.Image, written: str, metadata: Blocks) -> bytes:
    """The picture as a file of that format; what has no place in it is left out."""
    room = JPEG_ROOM if written == "JPEG" else TEXT_LIMIT
    exif, xmp = (block if len(block) <= room else b"" for block in (metadata.exif, metadata.xmp))
    more: dict[str, object] = {"exif": EXIF_HEAD + exif} if exif else {}
    if written == "PNG":
        more["pnginfo"] = _texts(metadata, xmp)
    else:
        more |= {"quality": QUALITY} | ({"xmp": xmp} if xmp else {})
    comment = dict(metadata.texts).get("comment", "")
    if written == "JPEG" and comment and len(comment.encode()) <= room:
        more["comment"] = comment
    buffer = io.BytesIO()
    image.save(buffer, written, **more)
    return buffer.getvalue()


def _texts(metadata: Blocks, xmp: bytes) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for keyword, text in metadata.texts:
        info.add_itxt(keyword or "comment", text)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return info

"""The blocks of an image file that carry words about the picture: text chunks, EXIF, XMP, IPTC. Nothing is decoded.

The files come from outside: every length is held against the bytes that are there, no more than ``MOST_BLOCKS`` are
walked, and compressed text is opened up to ``TEXT_LIMIT`` bytes only, all texts together up to ``TEXTS_LIMIT``.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["EXIF_HEAD", "TEXT_LIMIT", "Blocks", "Container", "blocks", "container"]

Container = Literal["png", "jpeg", "webp", "tiff", "gif", "other"]

MOST_BLOCKS = 65_536
TEXT_LIMIT = 2**20
"""Bytes read of one text, EXIF or XMP block; what lies beyond is left out."""
MOST_TEXTS = 64
TEXTS_LIMIT = 4 * TEXT_LIMIT
"""Bytes read of all texts of a file together, XMP aside; of those that come later the keyword alone is kept."""

PNG = b"\x89PNG\r\n\x1a\n"
EXIF_HEAD = b"Exif\x00\x00"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
PHOTOSHOP_HEAD = b"Photoshop 3.0\x00"
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
XMP_KEYWORD = "XML:com.adobe.xmp"
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""JPEG markers without a length."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a file says beside its pixels, undecoded."""

    texts: tuple[tuple[str, str], ...] = ()
    """Keyword and text of PNG text chunks; a JPEG comment has the keyword ``comment``."""
    exif: bytes = b""
    """A TIFF structure; of a TIFF file the file itself."""
    xmp: bytes = b""
    iptc: bytes = b""
    """Photoshop image resources, in one of which the IPTC records lie."""


def container(data: bytes) -> Container:
    """The kind of file, by its first bytes.

    >>> container(b"\\xff\\xd8\\xff\\xe0"), container(b"")
    ('jpeg', 'other')
    """
    if data.startswith(PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "tiff"
    return "gif" if data[:6] in (b"GIF87a", b"GIF89a") else "other"


def blocks(data: bytes) -> Blocks:
    """Find the blocks of a PNG, JPEG, WebP or TIFF file; of other files nothing.

    A file that ends early, or whose lengths lie, gives the blocks up to there.
    """
    kind = container(data)
    if kind == "png":
        return _of_png(data)
    if kind == "jpeg":
        return _of_jpeg(data)
    if kind == "webp":
        return _of_webp(data)
    return Blocks(exif=data) if kind == "tiff" else Blocks()


# ------------------------------------------------------------------------------------------------------- PNG


def _of_png(data: bytes) -> Blocks:
    texts: list[tuple[str, str]] = []
    exif = xmp = b""
    seen, room = 0, TEXTS_LIMIT
    for kind, body in _png_chunks(data):
        if kind == b"eXIf":
            exif = exif or body[:TEXT_LIMIT]
        elif kind in TEXT_CHUNKS and seen < MOST_TEXTS:
            seen += 1
            keyword, _, rest = body.partition(b"\x00")
            name = keyword[:79].decode("latin-1")
            if name == XMP_KEYWORD:
                xmp = xmp or _png_text(kind, rest, TEXT_LIMIT)
                continue
            text = _png_text(kind, rest, min(room, TEXT_LIMIT))
            room -= len(text)
            texts.append((name, text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")))
    return Blocks(tuple(texts), exif, xmp)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    for _ in range(MOST_BLOCKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND" or at + 8 + size > len(data):
            return
        if kind != b"IDAT":
            yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size


def _png_text(kind: bytes, rest: bytes, limit: int) -> bytes:
    """The text of a chunk after its keyword, at most so many bytes of it; empty where it cannot be opened."""
    if kind == b"zTXt":
        return _inflated(rest[1:], limit)
    if kind == b"tEXt":
        return rest[:limit]
    packed, (_, _, text) = rest[:1] == b"\x01", _three(rest[2:])
    return _inflated(text, limit) if packed else text[:limit]


def _three(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, translated keyword and text of an iTXt chunk."""
    language, _, more = rest.partition(b"\x00")
    translated, _, text = more.partition(b"\x00")
    return language, translated, text


def _inflated(data: bytes, limit: int) -> bytes:
    if limit < 1:  # to zlib, 0 is no limit
        return b""
    try:
        return zlib.decompressobj().decompress(data, limit)
    except zlib.error:
        return b""


# ----------------------------------------------------------------------------------------------- JPEG and WebP


def _of_jpeg(data: bytes) -> Blocks:
    texts: list[tuple[str, str]] = []
    exif = xmp = iptc = b""
    for marker, body in _jpeg_segments(data):
        if marker == 0xE1 and body.startswith(EXIF_HEAD):
            exif = exif or body[len(EXIF_HEAD) :]
        elif marker == 0xE1 and body.startswith(XMP_HEAD):
            xmp = xmp or body[len(XMP_HEAD) :]
        elif marker == 0xED and body.startswith(PHOTOSHOP_HEAD) and len(iptc) < TEXT_LIMIT:
            iptc = (iptc + body[len(PHOTOSHOP_HEAD) :])[:TEXT_LIMIT]
        elif marker == 0xFE and len(texts) < MOST_TEXTS:
            texts.append(("comment", body.decode("utf-8", "replace")))
    return Blocks(tuple(texts), exif, xmp, iptc)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Segments before the picture's data."""
    at = 2
    for _ in range(MOST_BLOCKS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF or marker in STANDALONE:  # fill bytes before a marker
            at += 1 if marker == 0xFF else 2
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xD9, 0xDA) or size < 2 or at + 2 + size > len(data):
            return
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + size


def _of_webp(data: bytes) -> Blocks:
    found: dict[bytes, bytes] = {}
    at = 12
    for _ in range(MOST_BLOCKS):
        if at + 8 > len(data):
            break
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind in (b"EXIF", b"XMP ") and at + 8 + size <= len(data):
            found.setdefault(kind, data[at + 8 : at + 8 + min(size, TEXT_LIMIT)])
        at += 8 + size + size % 2
    return Blocks(exif=found.get(b"EXIF", b"").removeprefix(EXIF_HEAD), xmp=found.get(b"XMP ", b""))

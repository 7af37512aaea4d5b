"""Named fields of metadata blocks: EXIF tags, XMP properties, IPTC records. Read without a parser that could be led astray.

XMP is XML, and is searched rather than parsed: no entity is expanded, no document type is read, nothing nests.
"""

import re
import struct
from collections.abc import Iterator

from audit.scorers.provenance_blocks import TEXT_LIMIT, Blocks

__all__ = ["exif_fields", "iptc_fields", "xmp_property", "xmp_text"]

ASCII_TAGS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x9286: "UserComment",
}
XMP_TAG, IPTC_TAG, EXIF_POINTER = 0x02BC, 0x83BB, 0x8769
READ = frozenset({*ASCII_TAGS, XMP_TAG, IPTC_TAG, EXIF_POINTER})
"""Values of other tags are passed over: a thousand that all point to one long block would take its length each."""
SIZES = {1: 1, 2: 1, 4: 4, 7: 1}
"""Bytes of a value of those TIFF types that hold text or blocks, and of LONG, which points."""
MOST_ENTRIES = 1024
CHARACTER_CODE = {b"ASCII\x00\x00\x00": "ascii", b"UNICODE\x00": "utf-16", b"\x00" * 8: "utf-8"}
"""First 8 bytes of a UserComment -> how the rest is written."""
IPTC_RECORDS = {65: "OriginatingProgram", 80: "By-line", 110: "Credit", 115: "Source", 120: "Caption"}
RESOURCE_IPTC = 0x0404


# ------------------------------------------------------------------------------------------------------- EXIF


def exif_fields(exif: bytes) -> dict[str, str]:
    """Text tags of a TIFF structure, by name; of a damaged one those that can be read."""
    found = {}
    for tag, value in _entries(exif).items():
        if tag in ASCII_TAGS:
            text = _comment(value, exif) if tag == 0x9286 else value.decode("utf-8", "replace")
            found[ASCII_TAGS[tag]] = text.strip("\x00 ")
    return {name: text for name, text in found.items() if text}


def _comment(value: bytes, exif: bytes) -> str:
    coding = CHARACTER_CODE.get(value[:8])
    if coding == "utf-16":
        coding = "utf-16-le" if _guessed_little(value[8:], exif) else "utf-16-be"
    return value[8:].decode(coding, "replace") if coding else value.decode("utf-8", "replace")


def _guessed_little(text: bytes, exif: bytes) -> bool:
    """Byte order of UTF-16: that of the zeros of Latin letters, else that of the file."""
    even, odd = text[0:512:2].count(0), text[1:512:2].count(0)
    return odd > even if odd != even else exif[:2] == b"II"


def _entries(exif: bytes) -> dict[int, bytes]:
    """Tag -> bytes, of the first directory and the EXIF directory that it points to; the first of each tag counts."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return {}
    found: dict[int, bytes] = {}
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    for tag, value in _directory(exif, order, first):
        found.setdefault(tag, value)
    pointer = found.get(EXIF_POINTER, b"")
    if len(pointer) == 4:
        for tag, value in _directory(exif, order, struct.unpack(f"{order}I", pointer)[0]):
            found.setdefault(tag, value)
    return found


def _directory(exif: bytes, order: str, at: int) -> Iterator[tuple[int, bytes]]:
    if at + 2 > len(exif):
        return
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    for entry in range(min(count, MOST_ENTRIES)):
        place = at + 2 + 12 * entry
        if place + 12 > len(exif):
            return
        tag, kind, number = struct.unpack_from(f"{order}HHI", exif, place)
        size = SIZES.get(kind, 0) * number
        if not size or tag not in READ:
            continue
        start = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", exif, place + 8)[0]
        if start + size <= len(exif):
            yield tag, exif[start : start + min(size, TEXT_LIMIT)]


# ------------------------------------------------------------------------------------------------- XMP and IPTC


def xmp_text(found: Blocks) -> str:
    """The XMP packet as text; empty where there is none."""
    packet = found.xmp or _entries(found.exif).get(XMP_TAG, b"")
    head = packet[:64]
    if head.count(0) > len(head) // 3:
        return packet.decode("utf-16-le" if head[1:2] == b"\x00" else "utf-16-be", "replace")
    return packet.decode("utf-8", "replace")


def xmp_property(packet: str, name: str) -> str:
    """Value of a simple property, written as an attribute, an element or a resource; empty where there is none.

    >>> xmp_property('<x Iptc4xmpExt:DigitalSourceType="http://a/b"/>', "DigitalSourceType")
    'http://a/b'
    """
    quoted = rf"\b{name}\s{{0,9}}=\s{{0,9}}([\"'])([^\"'<>]{{1,300}})\1"
    element = rf"<(?:[\w.-]{{1,40}}:)?{name}(?:\s[^<>]{{0,300}})?>([^<>]{{1,300}})<"
    resource = rf"<(?:[\w.-]{{1,40}}:)?{name}\s[^<>]{{0,300}}?resource\s{{0,9}}=\s{{0,9}}[\"']([^\"'<>]{{1,300}})"
    for pattern in (quoted, element, resource):
        match = re.search(pattern, packet)
        if match and match.groups()[-1].strip():
            return str(match.groups()[-1]).strip()
    return ""


def iptc_fields(found: Blocks) -> dict[str, str]:
    """Text records of the application record (2) of IPTC IIM, by name; the first of each counts."""
    records = _image_resource(found.iptc) if found.iptc else _entries(found.exif).get(IPTC_TAG, b"")
    fields: dict[str, str] = {}
    at = 0
    while at + 5 <= len(records) and records[at] == 0x1C:
        record, dataset, size = struct.unpack_from(">BBH", records, at + 1)
        if size & 0x8000 or at + 5 + size > len(records):  # extended lengths are for pictures within pictures
            break
        text = records[at + 5 : at + 5 + size].decode("utf-8", "replace").strip("\x00 ")
        if record == 2 and dataset in IPTC_RECORDS and text:
            fields.setdefault(IPTC_RECORDS[dataset], text)
        at += 5 + size
    return fields


def _image_resource(data: bytes) -> bytes:
    """The resource that holds IPTC records, among Photoshop's."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        (kind,) = struct.unpack_from(">H", data, at + 4)
        named = at + 6 + (1 + data[at + 6] + 1) // 2 * 2  # a name with its length byte, padded to even
        if named + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, named)
        if kind == RESOURCE_IPTC:
            return data[named + 4 : named + 4 + size]
        at = named + 4 + size + size % 2
    return b""

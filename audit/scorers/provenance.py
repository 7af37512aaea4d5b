"""Scorer ``provenance``: machine-readable marks in the stored file: C2PA manifests, source types, generators' tags."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar

import c2pa
import numpy as np
import PIL
from pydantic import Field

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.digest import file_digest
from audit.errors import InputError
from audit.images import encode_png
from audit.records import Abstained
from audit.scorers.provenance_manifest import ABSENT, ELSEWHERE, INVALID, STATES, UNREADABLE, ManifestReader
from audit.scorers.provenance_marks import (
    AS_GENERATED,
    FIELDS,
    MARKINGS,
    NOT_STATED,
    NOWHERE,
    OTHERWISE,
    SOURCE_FIELDS,
    SOURCE_TYPES,
    UNMARKED,
    Marks,
    read_marks,
)
from audit.scorers.provenance_survival import STEPS, SURVIVAL, survival
from audit.scorers.views import checked_pixels

__all__ = ["Provenance"]

NO_FILE = Abstained(reason="no stored file")
NO_MANIFEST = Abstained(reason="no C2PA manifest")
NO_PROBLEM = Abstained(reason="no problem with a C2PA manifest")
UNNAMED = Abstained(reason="the C2PA manifest names no generator")
NO_MARK = Abstained(reason="not marked as generated")
PRESENT, MISSING = "present", "absent"
TOLD = 80
"""Characters of a claim generator's name that are kept."""
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
LARGEST = 2**20
"""Bytes of the file of trusted certificates."""


class Provenance(Scorer):
    """Which machine-readable marks the stored file carries, and whether its C2PA manifest verifies. No network is used.

    Read are the bytes as the generator delivered them, so this says something of images of ``folder`` and ``endpoint``;
    a generator that runs here gives pixels, and the files that imgaudit writes of these carry nothing.

    ``c2pa``: a manifest is valid where its signature and hashes fit the file. Whoever signed it may be anybody unless
    ``trust`` names the authorities; a manifest that a file refers to elsewhere is not fetched. ``invalid``: the manifest
    can be read and does not fit, because picture or manifest were changed or the certificate had run out (``c2pa_problem``
    has the code). ``unreadable``: there is a manifest block that cannot be parsed.

    ``digital_source_type``: of a valid manifest, else of XMP (``Iptc4xmpExt:DigitalSourceType``). ``generator_tag``: text
    chunks that only image generators write (``parameters``, ``prompt``, ``workflow``), generators' settings in a comment or
    description, or a generator's name in a field for software or author (EXIF, XMP, IPTC IIM). ``marking``: "as generated"
    where a source type or a tag says so; "other" where the file carries a manifest or states something, and says no such
    thing. Anybody can write a tag, and anybody can remove every mark: that a mark is absent says nothing of a picture's
    origin. Article 50(2) of Regulation (EU) 2024/1689 asks for machine-readable marking; this is information for whoever
    looks into that, and no verdict.

    ``survival`` tries what sharing sites do to a picture. It sees marks in metadata alone. A watermark in the pixels is for
    a scorer of its own, which reads ``View.pixels`` and gives a label column; audited on the generator ``degraded`` (JPEG,
    downscaling, noise) beside the plain one, ``disparity`` or ``compare`` then tell how much of it survives.
    """

    source: ClassVar[str] = (
        "C2PA Technical Specification 2.4, by c2pa-rs; IPTC NewsCodes digital source type; XMP ISO 16684-1; IPTC IIM 4.2"
    )
    uses_device: ClassVar[bool] = False

    trust: Path | None = None
    """PEM file with the certificates of the authorities whose signers are trusted; None: none is, and none is fetched."""
    names: tuple[Annotated[str, Field(pattern=r"\S")], ...] = ()
    """Names by which further generators call themselves in fields for software or author, such as your own."""
    survival: bool = False
    """Whether to try if the marking outlives being halved in size, cropped by a tenth, and JPEG of quality 75."""

    def columns(self) -> tuple[Column, ...]:
        """All are labels, read off the file."""
        tried = tuple(
            _label(f"marking_after_{step}", f"Marking as generated after {step}", SURVIVAL)
            for step in (STEPS if self.survival else ())
        )
        return (
            _label("c2pa", "C2PA manifest of the file", STATES),
            _label("c2pa_problem", "What is wrong with the C2PA manifest, as a code"),
            _label("claim_generator", "What claims to have made the C2PA manifest"),
            _label("digital_source_type", "How the file says that the picture came about (IPTC)", SOURCE_TYPES),
            _label("source_type_field", "Where the digital source type stands", SOURCE_FIELDS),
            _label("generator_tag", "Whether a field names an image generator or its settings", (PRESENT, MISSING)),
            _label("generator_field", "Kind of field with the generator's tag", FIELDS),
            _label("marking", "What the file's machine-readable marks say of the picture", MARKINGS),
            *tried,
        )

    def fingerprint(self) -> str:
        """Digest of the trusted certificates."""
        return file_digest(self.trust) if self.trust and self.trust.is_file() else ""

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002
        """The verifying library; Pillow where files are written to see what survives."""
        written = {"pillow": PIL.__version__} if self.survival else {}
        return {"c2pa": c2pa.sdk_version()} | written

    def check(self) -> None:
        """See that the trusted certificates can be read."""
        with ManifestReader.open(self._anchors(), "provenance.trust"):
            pass

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """A reader with the trusted certificates."""
        with ManifestReader.open(self._anchors(), "provenance.trust") as reader:
            yield lambda views: [[Row(self._read(view, reader))] for view in views]

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Files whose marks are written here: none, a generator's settings, a source type, and a broken manifest."""
        grey = np.full((8, 8, 3), 128, dtype=np.uint8)
        plain = encode_png(grey)
        xmp = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00<x Iptc4xmpExt:DigitalSourceType='http://a/trainedAlgorithmicMedia'/>"
        broken = bytes.fromhex("00000020 6a756d62 00000018 6a756d64 63327061 00110010 800000aa 00389b71 03633270")
        files = (
            plain,
            _with_chunk(plain, b"tEXt", b"parameters\x00a red disc, Steps: 20, Sampler: Euler"),
            _with_chunk(plain, b"iTXt", xmp),
            _with_chunk(plain, b"caBX", broken),
        )
        expected = {
            "c2pa": (ABSENT, ABSENT, ABSENT, UNREADABLE),
            "digital_source_type": (NOT_STATED, NOT_STATED, "trainedAlgorithmicMedia", NOT_STATED),
            "generator_field": (NOWHERE, "PNG text", NOWHERE, NOWHERE),
            "marking": (UNMARKED, AS_GENERATED, AS_GENERATED, OTHERWISE),
        }
        what = "a plain file, one with settings, one with a source type, one with a damaged manifest"
        return (KnownAnswer(what, (grey,) * len(files), expected, files=files),)

    def _anchors(self) -> str:
        if self.trust is None:
            return ""
        try:
            size, text = self.trust.stat().st_size, ""
            if size <= LARGEST:
                text = self.trust.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"provenance.trust: {self.trust} cannot be read as PEM ({error})") from error
        if CERTIFICATE not in text:
            raise InputError(
                f"provenance.trust: {self.trust} ({size} bytes) holds no certificate; expected certificates in PEM, "
                f"at most {LARGEST} bytes"
            )
        return text

    def _read(self, view: View, reader: ManifestReader) -> Mapping[str, Value]:
        data = view.file()
        if not data:
            return {column.name: NO_FILE for column in self.columns()}
        marks = read_marks(data, reader, self.names)
        return {**_told(marks), **(self._tried(view, data, marks, reader) if self.survival else {})}

    def _tried(self, view: View, data: bytes, marks: Marks, reader: ManifestReader) -> Mapping[str, Value]:
        if marks.marking != AS_GENERATED:
            return {f"marking_after_{step}": NO_MARK for step in STEPS}
        found = survival(
            checked_pixels(view), data, lambda shared: read_marks(shared, reader, self.names).marking == AS_GENERATED
        )
        return {f"marking_after_{step}": label for step, label in found.items()}


def _label(name: str, title: str, levels: Sequence[str] = ()) -> Column:
    return Column(name, "label", title, levels=tuple(levels), exact=True)


def _told(marks: Marks) -> Mapping[str, Value]:
    manifest = marks.manifest
    named = " ".join("".join(c if c.isprintable() else " " for c in manifest.generator[:TOLD]).split())
    return {
        "c2pa": manifest.state,
        "c2pa_problem": manifest.problem if manifest.state in (INVALID, UNREADABLE) else NO_PROBLEM,
        "claim_generator": named or (NO_MANIFEST if manifest.state in (ABSENT, ELSEWHERE, UNREADABLE) else UNNAMED),
        "digital_source_type": marks.source_type,
        "source_type_field": marks.source_field,
        "generator_tag": MISSING if marks.tag_field == NOWHERE else PRESENT,
        "generator_field": marks.tag_field,
        "marking": marks.marking,
    }


def _with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG file with one more chunk, after its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]

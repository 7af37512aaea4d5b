"""What a file says of how its picture was made, and in which field: digital source type, and tags of image generators."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.scorers.provenance_blocks import Blocks, blocks
from audit.scorers.provenance_fields import exif_fields, iptc_fields, xmp_property, xmp_text
from audit.scorers.provenance_manifest import ABSENT, Manifest, ManifestReader

__all__ = [
    "AS_GENERATED",
    "FIELDS",
    "GENERATED_TYPES",
    "MARKINGS",
    "NOT_STATED",
    "NOWHERE",
    "OTHERWISE",
    "SOURCE_FIELDS",
    "SOURCE_TYPES",
    "UNMARKED",
    "Marks",
    "read_marks",
]

GENERATED_TYPES = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
)
"""IPTC digital source types of pictures that a machine made, wholly or in part."""
OTHER_TYPES = (
    "trainedAlgorithmicData",
    "algorithmicallyEnhanced",
    "humanEdits",
    "digitalCreation",
    "dataDrivenMedia",
    "composite",
    "compositeCapture",
    "computationalCapture",
    "digitalCapture",
    "screenCapture",
    "virtualRecording",
    "negativeFilm",
    "positiveFilm",
    "print",
)
OTHER = "other"
NOT_STATED = "not stated"
SOURCE_TYPES = (*GENERATED_TYPES, *OTHER_TYPES, OTHER, NOT_STATED)

NOWHERE = "none"
SOURCE_FIELDS = ("C2PA", "XMP", NOWHERE)
FIELDS = ("PNG text", "comment", "EXIF", "XMP", "IPTC", NOWHERE)
"""Kinds of field in which a generator's tag is looked for, in this order."""

AS_GENERATED = "as generated"
OTHERWISE = "other"
UNMARKED = "none"
MARKINGS = (AS_GENERATED, OTHERWISE, UNMARKED)

KEYWORDS = frozenset(
    {
        "parameters",
        "prompt",
        "workflow",
        "dream",
        "sd-metadata",
        "generation_data",
        "invokeai_graph",
        "invokeai_metadata",
        "invokeai_workflow",
        "fooocus_scheme",
    }
)
"""Keywords of PNG text chunks that only image generators write."""
NAMES = (
    "adobe firefly",
    "automatic1111",
    "bing image creator",
    "black forest labs",
    "chatgpt",
    "comfyui",
    "dall-e",
    "dall·e",
    "diffusers",
    "draw things",
    "dreamstudio",
    "fooocus",
    "google gemini",
    "google imagen",
    "gpt-image",
    "ideogram ai",
    "invokeai",
    "kandinsky",
    "leonardo.ai",
    "made with google ai",
    "midjourney",
    "novelai",
    "openai",
    "sdxl",
    "stability ai",
    "stable diffusion",
    "stable-diffusion",
)
"""What image generators call themselves in the fields that name a maker."""
MAKERS = frozenset(
    {"Software", "Artist", "Make", "Model", "Source", "Author", "CreatorTool", "Credit", "OriginatingProgram", "By-line"}
)
"""Fields that name what, or who, made a picture. In a description the same names may just be what is depicted."""
SETTINGS = re.compile(
    r"\bSteps: \d{1,5}, Sampler: |\bNegative prompt: |\bJob ID: [0-9a-f]{8}-|^(?:prompt|workflow): ?\{", re.I
)
"""What generators write into descriptions: their settings."""
XMP_MAKERS = ("CreatorTool", "Credit", "Software", "Source")
LOOKED_AT = 65_536
"""Characters of a field that are searched."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The machine-readable marks of one file."""

    manifest: Manifest
    source_type: str
    """One of ``SOURCE_TYPES``."""
    source_field: str
    """One of ``SOURCE_FIELDS``."""
    tag_field: str
    """One of ``FIELDS``: where a generator's tag was found first."""
    other_fields: bool
    """Some field states a maker or a description, whoever it is."""

    @property
    def marking(self) -> str:
        """One of ``MARKINGS``."""
        if self.source_type in GENERATED_TYPES or self.tag_field != NOWHERE:
            return AS_GENERATED
        stated = self.manifest.state != ABSENT or self.source_type != NOT_STATED or self.other_fields
        return OTHERWISE if stated else UNMARKED


def read_marks(data: bytes, reader: ManifestReader, names: Sequence[str] = ()) -> Marks:
    """Look at all of a file's marks; whatever the bytes are, this does not raise.

    Args:
        names: of generators, beside those that are known.
    """
    manifest, found = reader.read(data), blocks(data)
    packet = xmp_text(found)
    stated = _stated(found, packet)
    source_type, source_field = _source_type(manifest, packet)
    known = _pattern((*NAMES, *names))
    tagged = {kind for kind, name, text in stated if _is_tag(kind, name, text[:LOOKED_AT], known)}
    field = next((kind for kind in FIELDS if kind in tagged), NOWHERE)
    return Marks(manifest, source_type, source_field, field, bool(stated))


def _stated(found: Blocks, packet: str) -> list[tuple[str, str, str]]:
    """Kind of field, name and text of all that is stated."""
    xmp = {name: xmp_property(packet, name) for name in XMP_MAKERS}
    return [
        *(("comment" if name == "comment" else "PNG text", name, text) for name, text in found.texts),
        *(("EXIF", name, text) for name, text in exif_fields(found.exif).items()),
        *(("XMP", name, text) for name, text in xmp.items() if text),
        *(("IPTC", name, text) for name, text in iptc_fields(found).items()),
    ]


def _source_type(manifest: Manifest, packet: str) -> tuple[str, str]:
    """Of a manifest only where it verifies: of another one nobody knows whose word it is."""
    if manifest.sound and manifest.source_type:
        return _term(manifest.source_type), "C2PA"
    stated = xmp_property(packet, "DigitalSourceType")
    return (_term(stated), "XMP") if stated else (NOT_STATED, NOWHERE)


def _term(uri: str) -> str:
    term = uri.rstrip("/").rpartition("/")[2]
    return term if term in GENERATED_TYPES + OTHER_TYPES else OTHER


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    told = "|".join(re.escape(name) for name in names)
    return re.compile(rf"(?<!\w)(?:{told})(?!\w)", re.I)


def _is_tag(kind: str, name: str, text: str, known: re.Pattern[str]) -> bool:
    if kind == "PNG text" and name.lower() in KEYWORDS:
        return True
    return bool(SETTINGS.search(text)) or (name in MAKERS and bool(known.search(text)))

"""Scorer ``provenance`` on the fields of ordinary files: what Pillow wrote is found, and hostile blocks harm nobody."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydantic import ValidationError
from scorer_views import reason, scored, view

pytest.importorskip("c2pa", reason="the extra `provenance` brings c2pa-python")
from signed_images import drawing, encoded, signed

from audit.component import Value
from audit.doctor import OpenScorer, check_scorer
from audit.scorers import provenance_marks
from audit.scorers.provenance import Provenance
from audit.scorers.provenance_blocks import TEXT_LIMIT, TEXTS_LIMIT, Blocks, blocks
from audit.scorers.provenance_fields import exif_fields, xmp_property

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" %s</rdf:Description></rdf:RDF></x:xmpmeta>'
)
MADE = b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
SETTINGS = "a red disc\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7"


def read(*files: bytes, **params: object) -> list[Mapping[str, Value]]:
    """What is said of files, whose pixels are all alike."""
    views = [replace(view(drawing()), file=partial(bytes, data)) for data in files]
    return [rows[0].values for rows in scored(Provenance.model_validate(params), views)]


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text, zip=len(text) > 40)
    return encoded("PNG", drawing(), pnginfo=info)


def exif(tag: int, text: str | bytes) -> bytes:
    found = Image.Exif()
    if tag == 0x9286:
        found.get_ifd(0x8769)[tag] = text
    else:
        found[tag] = text
    return found.tobytes()


# ---------------------------------------------------------------------------------------------- generators' tags

TAGGED = {
    "PNG text": [
        png(parameters=SETTINGS),
        png(prompt='{"3": {}}', workflow="{}"),
        png(Software="NovelAI", Source="NovelAI Diffusion V4"),
        png(Description="a boat --v 6 Job ID: 0e5d9f3a-1111"),
    ],
    "EXIF": [
        *(encoded(kind, drawing(), exif=exif(0x0131, "Stable Diffusion WebUI")) for kind in ("JPEG", "WEBP", "PNG")),
        encoded("TIFF", drawing(), software="ComfyUI"),
        *(
            encoded("JPEG", drawing(), exif=exif(0x9286, b"UNICODE\x00" + SETTINGS.encode(coding)))
            for coding in ("utf-16-be", "utf-16-le")
        ),
        encoded("JPEG", drawing(), exif=exif(0x010E, SETTINGS)),
        encoded("WEBP", drawing(), exif=exif(0x010F, 'prompt: {"3": {}}')),
    ],
    "comment": [encoded("JPEG", drawing(), comment=SETTINGS.encode())],
    "XMP": [encoded("JPEG", drawing(), xmp=XMP % b'xmlns:xmp="u" xmp:CreatorTool="Adobe Firefly 3">')],
}


@pytest.mark.parametrize("field", TAGGED)
def test_a_generators_tag_is_found_where_tools_write_it(field: str) -> None:
    for found in read(*TAGGED[field]):
        assert (found["generator_tag"], found["generator_field"]) == ("present", field)
        assert (found["marking"], found["c2pa"], found["digital_source_type"]) == ("as generated", "none", "not stated")


def test_an_iptc_record_is_found_among_photoshops_resources() -> None:
    record = b"\x1c\x02\x00\x00\x02\x00\x04" + b"\x1c\x02\x41\x00\x0aMidjourney"
    other = b"8BIM\x04\x25\x03abc\x00\x00\x00\x03xyz\x00"
    body = b"Photoshop 3.0\x00" + other + b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(record)) + record
    plain = encoded("JPEG", drawing())
    (found,) = read(plain[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + plain[2:])
    assert (found["generator_field"], found["marking"]) == ("IPTC", "as generated")


def test_tools_of_other_kinds_and_depicted_names_are_no_generators_tags() -> None:
    files = [
        png(Software="Matplotlib version 3.9"),
        png(Title="An open airship", Comment="painted by hand"),
        encoded("JPEG", drawing(), exif=exif(0x0131, "darktable 4.6")),
        encoded("JPEG", drawing(), exif=exif(0x010E, "A mural that shows the Midjourney logo")),
        encoded("JPEG", drawing(), exif=exif(0x013B, "Imagena Comfyuiski")),
    ]
    for found in read(*files):
        assert (found["generator_tag"], found["generator_field"], found["marking"]) == ("absent", "none", "other")


def test_a_users_own_generator_is_known_by_its_name() -> None:
    own = png(Software="Atelier 9000 (beta)")
    assert [read(own, **params)[0]["marking"] for params in ({}, {"names": ["atelier 9000"]})] == ["other", "as generated"]


# ------------------------------------------------------------------------------------------------- source types


@pytest.mark.parametrize(
    "inside",
    [
        MADE + b'Iptc4xmpExt:DigitalSourceType="' + TYPE + b'compositeSynthetic">',
        MADE + b"Iptc4xmpExt:DigitalSourceType = '" + TYPE + b"compositeSynthetic'>",
        MADE + b"><Iptc4xmpExt:DigitalSourceType>" + TYPE + b"compositeSynthetic</Iptc4xmpExt:DigitalSourceType>",
        MADE + b'><Iptc4xmpExt:DigitalSourceType rdf:resource="' + TYPE + b'compositeSynthetic"/>',
    ],
)
def test_a_source_type_in_xmp_is_read_however_it_is_written(inside: bytes) -> None:
    packet = XMP % inside
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
    files = [encoded(kind, drawing(), xmp=packet) for kind in ("JPEG", "WEBP")]
    files += [encoded("PNG", drawing(), pnginfo=info), encoded("TIFF", drawing(), tiffinfo={700: packet})]
    files.append(encoded("JPEG", drawing(), xmp=packet.decode().encode("utf-16-le")))
    for found in read(*files):
        assert (found["digital_source_type"], found["source_type_field"]) == ("compositeSynthetic", "XMP")
        assert found["marking"] == "as generated"


def test_a_source_type_of_a_camera_is_a_mark_and_not_of_a_generated_picture() -> None:
    packet = XMP % (MADE + b'Iptc4xmpExt:DigitalSourceType="' + TYPE + b'digitalCapture">')
    (found,) = read(encoded("JPEG", drawing(), xmp=packet))
    assert (found["digital_source_type"], found["marking"]) == ("digitalCapture", "other")


# ------------------------------------------------------------------------------------------------------ hostile


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(*chunks: bytes) -> bytes:
    plain = encoded("PNG", drawing())
    return plain[:33] + b"".join(chunks) + plain[33:]


def test_a_text_that_unpacks_without_end_is_read_to_the_limit_only() -> None:
    bomb = zlib.compress(bytes(64 * TEXT_LIMIT), 9)
    file = with_chunks(*(chunk(b"zTXt", b"Comment\x00\x00" + bomb) for _ in range(8)))
    found = blocks(file)
    assert [len(text) for _, text in found.texts] == [TEXT_LIMIT] * 4 + [0] * 4
    started = time.perf_counter()
    assert read(file)[0]["c2pa"] == "none"
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("keyword", [b"Comment", b"XML:com.adobe.xmp"])
def test_many_texts_together_take_neither_memory_nor_time(keyword: bytes) -> None:
    bomb = zlib.compress(bytes(64 * TEXT_LIMIT), 9)
    file = with_chunks(*(chunk(b"zTXt", keyword + b"\x00\x00" + bomb) for _ in range(400)))
    tracemalloc.start()
    try:
        started = time.perf_counter()
        found = blocks(file)
        assert time.perf_counter() - started < 1
        assert tracemalloc.get_traced_memory()[1] < 12 * TEXT_LIMIT
    finally:
        tracemalloc.stop()
    assert sum(len(text) for _, text in found.texts) + len(found.xmp) <= TEXTS_LIMIT


def test_a_generators_keyword_counts_behind_texts_that_take_all_the_room() -> None:
    long = [chunk(b"tEXt", b"Comment\x00" + b"x" * TEXT_LIMIT) for _ in range(6)]
    (found,) = read(with_chunks(*long, chunk(b"zTXt", b"parameters\x00\x00" + zlib.compress(SETTINGS.encode()))))
    assert (found["generator_field"], found["marking"]) == ("PNG text", "as generated")


def test_entities_in_xmp_are_never_expanded() -> None:
    packet = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + TYPE + b'trainedAlgorithmicMedia"><!ENTITY b "&a;&a;">'
        b'<!ENTITY f SYSTEM "file:///etc/passwd">]><x DigitalSourceType="&b;" CreatorTool="&f;"/>'
    )
    (found,) = read(encoded("WEBP", drawing(), xmp=packet))
    assert found["digital_source_type"] == "other"
    assert xmp_property(packet.decode(), "CreatorTool") == "&f;"


@pytest.mark.parametrize(
    "unit", ["<", "<a ", "<x:", "DigitalSourceType ", "<DigitalSourceType ", "DigitalSourceType='", "Job ID: "]
)
def test_text_that_nearly_fits_a_pattern_takes_no_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    started = time.perf_counter()
    read(encoded("WEBP", drawing(), xmp=text.encode()), png(Comment=text, Software=text))
    assert time.perf_counter() - started < 5


def test_metadata_that_lies_about_its_lengths_is_read_as_far_as_it_goes() -> None:
    loop = b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 0x8769, 4, 1, 8)  # points to itself
    endless = b"MM\x00*\x00\x00\x00\x08\xff\xff" + struct.pack(">HHII", 0x0131, 2, 0xFFFFFFFF, 8) * 50
    for block in (loop, endless, b"II*\x00\xff\xff\xff\xff", b"II", b"", b"\x00" * 64):
        assert exif_fields(block) == {}
    rng = np.random.default_rng(0)
    whole = [data for files in TAGGED.values() for data in files]
    damaged = []
    for data in whole:
        for _ in range(12):
            copy = bytearray(data)
            for place in rng.integers(2, min(len(copy), 600), 6):
                copy[place] = rng.integers(0, 256)
            damaged.append(bytes(copy[: rng.integers(8, len(copy))]))
    read(*damaged, survival=True)
    states = {one["marking"] for one in read(*damaged, b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\xff\xff\xffWEBP")}
    assert states == {"as generated", "other", "none"}


# ----------------------------------------------------------------------------------------------------- survival


def test_what_outlives_sharing_is_metadata_that_somebody_copies() -> None:
    packet = XMP % (MADE + b'Iptc4xmpExt:DigitalSourceType="' + TYPE + b'trainedAlgorithmicMedia">')
    files = {
        "PNG text": png(parameters=SETTINGS),
        "EXIF": encoded("JPEG", drawing(), exif=exif(0x0131, "ComfyUI")),
        "XMP": encoded("WEBP", drawing(), xmp=packet),
        "comment": TAGGED["comment"][0],
        "XMP of TIFF": encoded("TIFF", drawing(), tiffinfo={700: packet}),
        "C2PA": signed("JPEG", encoded("JPEG", drawing())),
        "nothing": encoded("PNG", drawing()),
    }
    copied, lost = "kept if metadata is copied", "lost"
    told = dict(zip(files, read(*files.values(), survival=True), strict=True))
    after = {
        name: [one[f"marking_after_{step}"] for step in ("resize", "crop", "jpeg")]
        for name, one in told.items()
        if name != "nothing"
    }
    assert after == {
        "PNG text": [copied, copied, lost],  # JPEG has no text chunks
        "EXIF": [copied] * 3,
        "XMP": [copied] * 3,
        "comment": [copied] * 3,
        "XMP of TIFF": [copied] * 3,
        "C2PA": [lost] * 3,  # it is bound to these very bytes
    }
    assert reason(told["nothing"]["marking_after_jpeg"]) == "not marked as generated"


def test_survival_is_tried_on_request_only() -> None:
    assert not any("after" in column.name for column in Provenance().columns())
    tried = [column for column in Provenance(survival=True).columns() if "after" in column.name]
    assert [column.name for column in tried] == [f"marking_after_{step}" for step in ("resize", "crop", "jpeg")]


def test_a_picture_of_one_pixel_can_be_shared_too() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "JPEG", exif=exif(0x0131, "ComfyUI"))
    one = replace(view(np.zeros((1, 1, 3), dtype=np.uint8)), file=buffer.getvalue)
    (rows,) = scored(Provenance(survival=True), [one])
    assert rows[0].values["marking_after_crop"] == "kept if metadata is copied"


def test_known_answers_hold_and_a_reader_that_misses_marks_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Provenance()
    with scorer.open("cpu") as score:
        checks = check_scorer(OpenScorer("provenance", scorer, score, {}))
        assert len(checks) == 5
        assert all(check.passed for check in checks)
        monkeypatch.setattr(provenance_marks, "blocks", lambda data: Blocks())
        failed = {
            check.what.partition(":")[0]
            for check in check_scorer(OpenScorer("provenance", scorer, score, {}))
            if not check.passed
        }
    assert failed == {"digital_source_type", "generator_field", "marking"}


def test_many_fields_that_point_to_one_long_block_take_no_memory() -> None:
    entries = [struct.pack("<HHII", 0x1000 + tag, 1, TEXT_LIMIT - 16, 8) for tag in range(1024)]
    block = (b"II*\x00" + struct.pack("<IH", 8, 1024) + b"".join(entries)).ljust(TEXT_LIMIT, b"\x00")
    tracemalloc.start()
    try:
        assert exif_fields(block) == {}
        assert tracemalloc.get_traced_memory()[1] < 16 * TEXT_LIMIT
    finally:
        tracemalloc.stop()


def test_image_resources_in_very_many_segments_take_no_time() -> None:
    def segment(body: bytes) -> bytes:
        return b"\xff\xed" + struct.pack(">H", len(body) + 16) + b"Photoshop 3.0\x00" + body

    started = time.process_time()
    found = blocks(b"\xff\xd8" + segment(bytes(65_000)) * 17 + segment(b"x") * 60_000)
    assert len(found.iptc) == TEXT_LIMIT
    assert time.process_time() - started < 2


def test_an_empty_name_of_a_generator_would_fit_everything_and_is_refused() -> None:
    with pytest.raises(ValidationError, match="names"):
        Provenance(names=("",))

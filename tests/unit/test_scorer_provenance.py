"""Scorer ``provenance`` on files that are signed here: what verifies, what does not, and what cannot be read."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from scorer_views import reason, scored, view

pytest.importorskip("c2pa", reason="the extra `provenance` brings c2pa-python")
import c2pa
from signed_images import MIME, SOURCE, authority, created, drawing, encoded, signed

from audit.component import Value
from audit.errors import InputError
from audit.images import decode, encode_png
from audit.scorers.provenance import Provenance
from audit.scorers.provenance_manifest import BOX_TYPE

TRUSTED, VALID, INVALID = "valid, trusted signer", "valid, signer not trusted", "invalid"
READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "GIF")


def read(*files: bytes, **params: object) -> list[Mapping[str, Value]]:
    """What is said of files."""
    views = [replace(view(drawing()), file=partial(bytes, data)) for data in files]
    return [rows[0].values for rows in scored(Provenance.model_validate(params), views)]


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    path = tmp_path / "anchors.pem"
    path.write_bytes(authority().anchor)
    return path


@pytest.mark.parametrize("kind", READABLE)
def test_a_manifest_verifies_and_is_trusted_only_where_its_authority_is_named(kind: str, anchors: Path) -> None:
    plain = encoded(kind, drawing())
    marked = signed(kind, plain)
    (unmarked, found), (_, trusted) = read(plain, marked), read(plain, marked, trust=anchors)
    assert (unmarked["c2pa"], unmarked["marking"]) == ("none", "none")
    assert reason(unmarked["claim_generator"]) == "no C2PA manifest"
    assert (found["c2pa"], trusted["c2pa"]) == (VALID, TRUSTED)
    for one in (found, trusted):
        assert one["claim_generator"] == "made-up generator"
        assert (one["digital_source_type"], one["source_type_field"]) == ("trainedAlgorithmicMedia", "C2PA")
        assert one["marking"] == "as generated"
        assert reason(one["c2pa_problem"]) == "no problem with a C2PA manifest"


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(authority("http://127.0.0.1/other").anchor)
    (found,) = read(signed("PNG", encoded("PNG", drawing())), trust=other)
    assert found["c2pa"] == VALID


def test_changed_pixels_no_longer_fit_the_manifest() -> None:
    marked = signed("PNG", encoded("PNG", drawing()))
    other = encode_png(drawing(seed=1))
    picture, chunk = _idat(marked), other[_idat(other)]
    moved = marked[: picture.start] + chunk + marked[picture.stop :]
    assert np.array_equal(decode(moved, "moved").pixels, drawing(seed=1))  # a sound file, of another picture
    (found,) = read(moved)
    assert (found["c2pa"], found["c2pa_problem"]) == (INVALID, "assertion.dataHash.mismatch")
    assert found["digital_source_type"] == "not stated"  # nobody knows whose word it is
    assert found["marking"] == "other"


def _idat(png: bytes) -> slice:
    at = png.index(b"IDAT") - 4
    return slice(at, at + 12 + int.from_bytes(png[at : at + 4], "big"))


@pytest.mark.parametrize("kind", READABLE)
def test_a_flipped_byte_of_the_statement_is_told_as_what_it_is(kind: str) -> None:
    marked = signed(kind, encoded(kind, drawing()))
    assertion = marked.replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicmedia")
    claim = marked.replace(b"made-up generator", b"mad--up generator")
    store = marked.replace(BOX_TYPE, BOX_TYPE[:-1] + b"\x00", 1)
    found = read(assertion, claim, store)
    assert found[0]["c2pa_problem"] == "assertion.hashedURI.mismatch"
    assert [one["c2pa"] for one in found[:2]] == [INVALID, INVALID]
    assert found[2]["c2pa"] in ("unreadable", INVALID)
    assert all(one["marking"] == "other" for one in found)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damage_anywhere_is_one_outcome_and_never_an_error(kind: str) -> None:
    marked = signed(kind, encoded(kind, drawing(24)))
    rng, start = np.random.default_rng(0), marked.index(b"jumb")
    files = [marked[:cut] for cut in range(start + 240, start + 2400, 240)]
    for _ in range(120):
        damaged = bytearray(marked)
        for place in rng.integers(start, start + 2400, rng.integers(1, 20)):
            damaged[place] = rng.integers(0, 256)
        files.append(bytes(damaged))
    states = [one["c2pa"] for one in read(*files)]
    assert {"unreadable", INVALID} <= set(states) <= {"unreadable", INVALID, VALID}  # some bytes are padding
    problems = [one["c2pa_problem"] for one in read(*files) if one["c2pa"] != VALID]
    assert all(isinstance(problem, str) and problem for problem in problems)


def test_the_source_type_of_what_was_opened_counts_where_the_edit_states_none() -> None:
    before = signed("PNG", encoded("PNG", drawing()), created("trainedAlgorithmicMedia"))
    after = signed("PNG", encoded("PNG", drawing(seed=2)), {"claim_generator_info": [{"name": "editor"}]}, parent=before)
    camera = signed("PNG", encoded("PNG", drawing()), created("digitalCapture"))
    invented = signed("PNG", encoded("PNG", drawing()), created("paintedByDreams"))
    found = read(after, camera, invented)
    assert [one["digital_source_type"] for one in found] == ["trainedAlgorithmicMedia", "digitalCapture", "other"]
    assert [one["marking"] for one in found] == ["as generated", "other", "other"]


def test_a_hostile_name_of_the_generator_is_short_and_printable() -> None:
    (found,) = read(signed("PNG", encoded("PNG", drawing()), created(name="<b>\x1b[31m" + "x" * 5000)))
    assert found["claim_generator"] == "<b> [31m" + "x" * 72


# ------------------------------------------------------------------------------------------------- no network


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Address of a server on this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_neither_a_manifest_elsewhere_nor_a_responder_is_asked(listener: tuple[str, list[str]]) -> None:
    url, asked = listener
    plain = encoded("PNG", drawing())
    elsewhere = signed("PNG", plain, remote=f"{url}/manifest")
    revocable = signed("PNG", plain, by=authority(f"{url}/ocsp"))
    found = read(elsewhere, revocable)
    assert [one["c2pa"] for one in found] == ["elsewhere, not fetched", VALID]
    assert found[0]["marking"] == "other"
    assert asked == []
    with pytest.raises(c2pa.C2paError, match="404"):  # with the library's own settings both are asked
        c2pa.Reader("image/png", BytesIO(elsewhere))
    with c2pa.Context.from_dict({"verify": {"ocsp_fetch": True}}) as curious:
        c2pa.Reader("image/png", BytesIO(revocable), context=curious).close()
    assert asked[0] == "/manifest"
    assert len(asked) == 2  # the second asks for a revocation, by a digest of the certificate


# -------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nnot base 64\n-----END CERTIFICATE-----\n", "cannot be read; expected certificates"),
        ("é", "cannot be read as PEM"),
        (None, "cannot be read as PEM"),
    ],
)
def test_trusted_certificates_that_are_none_get_one_clear_line(text: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "anchors.pem"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=rf"^provenance\.trust.*{told}"):
        Provenance(trust=path).check()


def test_trusted_certificates_are_part_of_the_identity(anchors: Path) -> None:
    before = Provenance(trust=anchors).fingerprint()
    anchors.write_bytes(authority("http://127.0.0.1/other").anchor)
    assert before != Provenance(trust=anchors).fingerprint() != ""
    assert Provenance().fingerprint() == ""


def test_pictures_without_a_file_abstain() -> None:
    (rows,) = scored(Provenance(), [view(drawing())])
    assert {reason(value) for value in rows[0].values.values()} == {"no stored file"}
    assert MIME.keys() == set(READABLE)
    assert SOURCE.startswith("http")

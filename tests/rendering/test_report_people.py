"""What the report says of people, and what of them it shows: no sharp pixel of a face, whatever a reader decodes."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, Visit
from PIL import Image, ImageFilter
from rendering import drawn_faces, sample_audit
from rendering.parsed_page import Page, render

from audit.images import Pixels, encode_png, thumbnail
from audit.purges import Purge
from reports.html import Html
from reports.markdown import Markdown

PURGE = Purge(
    started="2026-11-22T09:04:56+00:00",
    finished="2026-11-22T09:05:00+00:00",
    reason=f"the retention time is over {sample_audit.HOSTILE}",
    images=1240,
    size=9,
    outside=3,
    vectors=("features-12345678.vector",),
)


# --------------------------------------------------------------------------------------------------- pictures


def embedded(markup: str) -> list[Pixels]:
    """Every picture that the file carries, wherever it stands."""
    found = re.findall(r"data:([a-z]*/?[a-z+]*)[^,\"']*,([A-Za-z0-9+/=]*)", markup)
    assert {kind for kind, _ in found} <= {"image/jpeg", ""}  # of the second kind is the empty icon
    encoded = [data for kind, data in found if kind]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in dict.fromkeys(encoded)]


def features(pixels: Pixels) -> np.ndarray:
    """What is fine in the face box: eyes, mouth, outline; its mean is zero and its length one."""
    image = Image.fromarray(pixels).convert("L")
    fine = np.asarray(image, float) - np.asarray(image.filter(ImageFilter.GaussianBlur(4)), float)
    left, top, right, bottom = map(int, drawn_faces.BOX)
    inside = (fine[top:bottom, left:right] - fine[top:bottom, left:right].mean()).ravel()
    return inside / max(float(np.linalg.norm(inside)), 30.0)  # a flat area has next to nothing


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    """(400, d) features of every face that a page may show, as a sharp thumbnail would carry them."""
    return np.array([features(thumbnail(drawn_faces.face(seed), 128)) for seed in drawn_faces.IMAGES.values()])


def likest(markup: str, sharp: np.ndarray) -> float:
    """The highest correlation of any embedded picture with any sharp face."""
    return max(float((sharp @ features(pixels)).max()) for pixels in embedded(markup))


@pytest.mark.parametrize("blur", ["faces", "all"])
@pytest.mark.parametrize("audit", ["demo", "people", "long"])
def test_no_sharp_face_is_anywhere_in_the_file(audit: str, blur: str, sharp: np.ndarray) -> None:
    assert likest(render(getattr(sample_audit, audit)(), blur=blur), sharp) < 0.4


def test_the_comparison_sees_a_sharp_face(sharp: np.ndarray) -> None:
    assert likest(render(sample_audit.people(), blur="none"), sharp) > 0.95


def test_a_picture_says_that_it_is_blurred_and_what_a_click_does() -> None:
    page = Page(render(sample_audit.people()))
    links = [attributes for tag, attributes in page.tags if tag == "a" and attributes["href"].startswith("images/")]
    assert len(links) > 20
    assert {(link["rel"], link["target"]) for link in links} == {("noopener noreferrer", "_blank")}
    (title,) = {link["title"] for link in links}
    assert title.startswith("Blurred: open the sharp image in a new tab")
    assert "deleted, or that this report was moved" in title
    said = (
        "A picture opens the sharp image, which may show a face, in a new tab: from the run folder, as long as it is there"
    )
    assert f"Blurred in this file. {said}" in page.text
    plain = Page(render(sample_audit.people(), blur="none"))
    assert "Blurred in this file" not in plain.text
    assert "Open the stored image" in plain.text


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_keyboard_opens_the_sharp_image(chromium: Any, tmp_path: Path, width: int) -> None:
    image = drawn_faces.digest_of(100)
    stored = tmp_path / drawn_faces.link_of(image)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(encode_png(drawn_faces.face(100)))
    report = tmp_path / "report.html"
    report.write_bytes(Html().render(sample_audit.people()))
    with Visit(chromium, report, width) as visit:
        page = visit.unfolded().page
        link = page.locator(".pairs a.picture").first
        look = "e => getComputedStyle(e.querySelector('.veil'), '::before').content"
        assert link.evaluate(look) == '"blurred"'
        page.keyboard.press("Tab")  # focus by keyboard from here on
        link.focus()
        assert link.evaluate(look) == '"open sharp ↗"'
        with visit.context.expect_page() as opened:
            page.keyboard.press("Enter")
        opened.value.wait_for_url(stored.as_uri())
        assert opened.value.evaluate("window.opener") is None
        assert page.url == report.as_uri()


# ------------------------------------------------------------------------------------------------------ pairs


def test_pairs_stand_side_by_side_and_are_counted() -> None:
    page = Page(render(sample_audit.people()))
    assert "6 of 8 pairs are shown here; findings.json names the rest." in page.text
    shown = [a.get("alt") or a["aria-label"] for tag, a in page.tags if tag == "img" or a.get("class") == "purged"]
    assert "generated: distance 0.00 (faces blurred)" in shown
    assert "training image: distance 0.00 (faces blurred)" in shown
    assert "training image: distance 0.08 (no longer stored)" in shown
    assert "Images behind the number" not in page.text.partition("representation")[0]  # they are in the pairs
    assert "0 of 8 pairs are shown here" in Page(render(sample_audit.people(), thumbnails=0)).text


def test_pairs_of_a_summary_are_lines_of_digests() -> None:
    text = Markdown().render(sample_audit.people()).decode()
    left, right = (drawn_faces.digest_of(seed).removeprefix("sha256:")[:12] for seed in (100, 200))
    assert f"- {left} and {right}: distance 0.00\n" in text
    assert "### Pairs that are nearest to each other" in text
    assert "data:" not in text
    assert "</script>" not in text


# ------------------------------------------------------------------------------------------------------- care


def care(markup: str) -> str:
    text = Page(markup).text
    start = text.index("People and care What is measured")
    return text[start : text.index("What it cost", start)]


def test_the_section_says_what_was_read_on_what_basis() -> None:
    text = care(render(sample_audit.people()))
    for wanted in (
        "perceived presentation of depicted persons, not their identity",
        "Perceived attributes, by attributes and apparent_tone.",
        "Whether they show one person, by face_embedding.",
        "Basis of staff Photographs, looked at on this basis: consent in writing",
        "Basis of old None is stated, so no attributes were read.",
        "Basis of drawn Said to be generated images.",
        "No face embedding, no cut-out of a face.",
        "Of whom, and who answers Persons of the invented catalogue; A. Tester answers",
        "Authority They are drawings of our own",
        "Holds until 2027-12-31",
        "Sharp in the run folder: imgaudit purge deletes them and keeps the figures. Blurred in this page.",
    ):
        assert wanted in text
    assert "compliant" not in text
    assert "[U+202E]" in text


def elsewhere(held: int, outside: int) -> str:
    """An audit some of whose images lie outside the run."""
    found = sample_audit.people()
    link = {True: found.link, False: lambda image: f"../../photos/{found.link(image)}"}[outside == 0]
    return render(replace(found, held=held, outside=outside, link=link))


def test_pictures_are_said_to_be_where_they_are() -> None:
    text = care(elsewhere(0, 7))
    assert "in their own files outside the run folder, which imgaudit purge leaves alone" in text
    assert "deletes the small copies in this page" in text
    assert "Sharp in the run folder" not in text
    assert "in a new tab: from where it lies outside the run folder" in Page(elsewhere(0, 7)).text
    text = care(elsewhere(3, 7))
    assert "3 sharp pictures in the run folder, which imgaudit purge deletes" in text
    assert "7 in their own files outside it" in text
    assert "Pictures" not in care(elsewhere(0, 0))  # nothing came back


def test_pictures_outside_are_not_said_to_be_deleted() -> None:
    alone = PURGE.model_copy(update={"images": 0, "vectors": ()})
    markup = render(replace(sample_audit.people(alone), held=0, outside=3))
    assert "Deleted on 22 November 2026: small copies in reports; 3 images lie outside it" in care(markup)
    assert "no longer shown" in markup
    assert "no longer stored" not in markup


def test_photographs_are_not_called_fictitious() -> None:
    text = Page(render(sample_audit.people())).text
    assert "perceived attributes of depicted persons; not identity" in text
    assert "fictitious" not in text
    assert "fictitious" not in Markdown().render(sample_audit.people()).decode()
    assert "depicted, fictitious persons" in Markdown().render(sample_audit.demo()).decode()


def test_a_basis_that_nothing_used_is_not_told_as_asked() -> None:
    audited = sample_audit.people()
    manifest = audited.manifest.model_copy(update={"people": {"attributes": "attributes"}})
    unused = replace(audited, manifest=manifest)
    text = care(render(unused))
    assert "Not asked Who anybody is" in text
    assert "was asked on the basis" not in text
    assert "Whom pictures depict was asked" not in Markdown().render(unused).decode()


def test_a_purge_is_told_and_no_picture_shown() -> None:
    markup = render(sample_audit.people(PURGE))
    assert embedded(markup) == []
    text = care(markup)
    assert "Deleted on 22 November 2026: 1,240 images of this run and feature vectors; 3 images lie outside it." in text
    assert "Reason: the retention time is over" in text
    assert "in the run folder" not in text
    summary = Markdown().render(sample_audit.people(PURGE)).decode()
    assert "Deleted on 22 November 2026: 1,240 images of this run" in summary
    assert "Whom pictures depict was asked on this stated authority: They are drawings of our own." in summary


def test_a_purge_that_was_cut_short_is_told_as_such() -> None:
    cut = PURGE.model_copy(update={"finished": "", "images": 1, "outside": 0, "vectors": ()})
    text = care(render(sample_audit.people(cut)))
    assert "Deleted on 22 November 2026 (begun, not finished): 1 image of this run." in text


def test_audits_without_people_have_no_such_section() -> None:
    spec = {"name": "colours", "scorers": [{"use": "pixels"}]}
    finding = sample_audit.kid_finding("dcgan", 0.1, 0.01)
    page = Page(render(sample_audit.audited((finding,), (), spec=spec)))
    assert "People and care" not in page.text
    assert "fictitious" not in page.text
    old = Page(render(sample_audit.demo()))  # records that do not say what their scorers read
    assert "Not asked Who anybody is. Nothing that tells persons apart ran." in old.text

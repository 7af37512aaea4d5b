"""The images of a page: blurred in the pixels of the file itself, capped, and linked only within the run."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rendering import sample_audit
from rendering.parsed_page import Page, render

from audit.component import Audited
from audit.images import Pixels


def checked(seed: int = 0) -> Pixels:
    """A checkerboard of 4-pixel squares: any blur flattens it."""
    squares = (np.indices((256, 256)) // 4).sum(axis=0) % 2 * 255
    return np.repeat(squares[..., None], 3, axis=2).astype(np.uint8)


def shown(markup: str) -> Pixels:
    data = re.search(r'src="data:image/jpeg;base64,([^"]+)"', markup)
    assert data is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1]))).convert("RGB"))


def contrast(pixels: Pixels) -> float:
    return float(pixels.astype(float).std())


def pictured(boxes: list[tuple[float, float, float, float]] | None, blur: str) -> Pixels:
    finding = sample_audit.overall_share().model_copy(update={"panels": (), "evidence": ("sha256:ab",)})
    audited = Audited(sample_audit.manifest(), (finding,), (), lambda _: checked(), lambda _: "", lambda _: boxes)
    return shown(render(audited, blur=blur))


def test_only_the_face_is_blurred_where_one_was_found() -> None:
    small = pictured([(32.0, 32.0, 96.0, 96.0)], "faces")
    assert small.shape == (128, 128, 3)
    assert contrast(small[20:44, 20:44]) < 25
    assert contrast(small[80:, 80:]) > 80


@pytest.mark.parametrize(
    ("boxes", "blur"), [(None, "faces"), ([], "faces"), ([(32.0, 32.0, 96.0, 96.0)], "all"), (None, "all")]
)
def test_the_whole_image_is_blurred_where_no_face_is_known(boxes: Any, blur: str) -> None:
    assert contrast(pictured(boxes, blur)) < 25


def test_nothing_is_blurred_when_asked_so() -> None:
    assert contrast(pictured([(32.0, 32.0, 96.0, 96.0)], "none")) > 80


def test_galleries_are_capped_and_purged_images_named() -> None:
    markup = render(sample_audit.demo(), thumbnails=3)
    assert "3 of 16 images are shown here" in Page(markup).text
    assert "no longer stored" in render(sample_audit.demo())
    assert Page(render(sample_audit.demo(), thumbnails=0)).text.count("0 of 16 images") == 1


@pytest.mark.parametrize(
    "link",
    ["https://example.org/x.png", "//example.org/x", "javascript:alert(1)", "/etc/passwd", "\\\\host\\x", "java\nscript:1"],
)
def test_only_relative_links_to_images_are_kept(link: str) -> None:
    audited = sample_audit.demo()
    outward = Audited(audited.manifest, audited.findings, (), audited.image, lambda _: link, audited.faces)
    assert all(href.startswith(("#", "data:,")) for href in Page(render(outward)).having("href"))

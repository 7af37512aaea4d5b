"""``fingerprints``: what each print keeps and what it loses."""

import hashlib
import io

import imagehash
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scorer_views import noise, reason, scored, view

from audit.component import View
from audit.images import Pixels
from audit.scorers.fingerprints import Fingerprints
from audit.testing import check_scorer


def scene(seed: int, side: int = 64) -> Pixels:
    """A smooth picture with detail at all scales."""
    rng = np.random.default_rng(seed)
    layers = sum(s * gaussian_filter(rng.standard_normal((side, side, 3)), (s, s, 0)) for s in (1, 3, 9))
    return (127 + 100 * layers / np.abs(layers).max()).round().astype(np.uint8)


def prints(*pictures: Pixels) -> list[dict]:
    return [dict(rows[0].values) for rows in scored(Fingerprints(), [view(picture) for picture in pictures])]


def bits(one: object, other: object) -> int:
    return (int(str(one), 16) ^ int(str(other), 16)).bit_count()


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality)
    return np.array(Image.open(buffer))


def test_it_keeps_the_promises_of_a_scorer() -> None:
    check_scorer(Fingerprints())


def test_the_digest_is_of_size_and_pixels_and_changes_with_one_of_them() -> None:
    picture = scene(0)
    nudged = picture.copy()
    nudged[3, 5, 1] ^= 1
    found = prints(picture, picture.copy(), nudged, np.asfortranarray(picture))
    assert found[0]["pixels"] == found[1]["pixels"] == found[3]["pixels"] != found[2]["pixels"]
    assert found[0]["pixels"] == f"sha256:{hashlib.sha256(b'64x64:' + picture.tobytes()).hexdigest()}"
    tall, wide = (np.zeros(shape, dtype=np.uint8) for shape in ((4, 1, 3), (1, 4, 3)))
    assert prints(tall)[0]["pixels"] != prints(wide)[0]["pixels"]


def test_the_hash_is_that_of_the_library_and_of_the_mirror_image() -> None:
    picture = scene(1)
    found, mirrored = prints(picture, picture[:, ::-1])
    assert found["hash"] == str(imagehash.phash(Image.fromarray(picture)))
    assert found["mirrored_hash"] == mirrored["hash"]
    assert mirrored["mirrored_hash"] == found["hash"]
    assert bits(found["hash"], mirrored["hash"]) > 16


@pytest.mark.parametrize("seed", range(4))
def test_compression_hardly_moves_the_hash_and_another_picture_does(seed: int) -> None:
    picture = scene(seed)
    own, copied, other = prints(picture, jpeg(picture, 60), scene(seed + 100))
    assert bits(own["hash"], copied["hash"]) <= 6
    assert bits(own["hash"], other["hash"]) >= 16
    assert own["thumbnail"] @ copied["thumbnail"] > 0.97
    assert abs(own["thumbnail"] @ other["thumbnail"]) < 0.6


def test_the_thumbnail_has_length_one_whatever_brightness_and_contrast() -> None:
    picture = scene(2)
    paler = (100 + picture * 0.5).round().astype(np.uint8)
    own, other = prints(picture, paler)
    assert own["thumbnail"].shape == (192,)
    assert np.linalg.norm(own["thumbnail"]) == pytest.approx(1, abs=1e-5)
    assert own["thumbnail"] @ other["thumbnail"] > 0.999


def test_an_even_picture_has_no_direction() -> None:
    (found,) = prints(np.full((20, 20, 3), 90, dtype=np.uint8))
    assert reason(found["thumbnail"]) == "one even colour"
    assert found["hash"]


def test_it_answers_what_is_known() -> None:
    (answer,) = Fingerprints().known_answers()
    assert [found["pixels"] for found in prints(*answer.images)] == list(answer.expected["pixels"])


def test_odd_sizes_are_read() -> None:
    views: list[View] = [view(noise(1)), view(noise(3)), view(noise(64)[:, :2])]
    assert len(scored(Fingerprints(), views)) == 3

"""``faces`` on generated faces: found again where they were put, in pixels of the image as it was delivered."""

import threading

import dlib
import numpy as np
import pytest
from PIL import Image
from scorer_views import generated_faces, noise, pack, reason, scored, view

from audit.errors import ScoringError, WeightsError, WeightsMissing
from audit.scorers import faces
from audit.scorers.faces import Faces

BOX = ("left", "top", "right", "bottom")


@pytest.fixture(scope="module")
def clear() -> np.ndarray:
    """A generated 64 x 64 face that the detector is sure of."""
    images = generated_faces(24)
    rows = scored(Faces(), [view(image) for image in images])
    sure = [row[1].values["score"] if len(row) > 1 else -1 for row in rows]
    assert max(sure) > 0.3
    return images[int(np.argmax(sure))]


def found(pixels, **params):
    return scored(Faces(**params), [view(pixels)])[0]


def enlarged(pixels, side: int):
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def box(row) -> np.ndarray:
    return np.array([row.values[name] for name in BOX])


def overlap(a, b) -> float:
    """Intersection over union."""
    inner = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner))


def test_most_generated_faces_are_found():
    """Measured on 300 of them: 74 %."""
    images = generated_faces(24)
    rows = scored(Faces(), [view(image) for image in images])
    counts = [row[0].values["count"] for row in rows]
    assert sum(count > 0 for count in counts) >= 14
    for row, image in zip(rows, images, strict=True):
        for region in row[1:]:
            left, top, right, bottom = box(region)
            assert 0 <= left < right <= image.shape[1]
            assert 0 <= top < bottom <= image.shape[0]
            assert region.values["landmarks"].shape == (10,)


def test_same_place_whatever_the_size(clear):
    """Boxes and landmarks scale with the image; 64 px is enlarged for the search, 1400 px is reduced."""
    small, middle, large = found(clear), found(enlarged(clear, 300)), found(enlarged(clear, 1400))
    for rows, scale in ((middle, 300 / 64), (large, 1400 / 64)):
        assert rows[0].values["count"] == 1
        assert overlap(box(rows[1]) / scale, box(small[1])) > 0.75
        moved = (rows[1].values["landmarks"] + 0.5) / scale - 0.5 - small[1].values["landmarks"]
        assert np.abs(moved).max() < 3


def test_landmarks_are_eyes_above_a_nose(clear):
    """Outer and inner corner of the eye at the right, outer and inner at the left, nose."""
    row = found(clear)[1]
    points = row.values["landmarks"].reshape(5, 2)
    left, top, right, bottom = box(row)
    assert points[0, 0] > points[1, 0] > points[4, 0] > points[3, 0] > points[2, 0]
    assert (points[:4, 1] < points[4, 1]).all()
    assert (points[:, 0] > left).all()
    assert (points[:, 0] < right).all()
    assert (points[:, 1] > top).all()
    assert (points[:, 1] < bottom).all()


def test_largest_first(clear):
    canvas = np.full((640, 900, 3), 127, dtype=np.uint8)
    canvas[30:230, 20:220] = enlarged(clear, 200)
    canvas[150:550, 400:800] = enlarged(clear, 400)
    rows = found(canvas)
    assert rows[0].values["count"] == 2
    assert [row.region for row in rows] == [-1, 0, 1]
    assert rows[1].values["left"] > 400
    assert rows[2].values["right"] < 220
    areas = [np.prod(box(row)[2:] - box(row)[:2]) for row in rows[1:]]
    assert areas[0] > areas[1]


def test_boxes_are_dlibs_own(clear):
    """Without enlarging and padding it is dlib's detector on the same pixels; its last pixels belong to the box."""
    image = enlarged(clear, 400)
    boxes, scores, _ = dlib.get_frontal_face_detector().run(image, 0, 0.0)
    row = found(image, pad=0)[1]
    expected = [boxes[0].left(), boxes[0].top(), boxes[0].right() + 1, boxes[0].bottom() + 1]
    np.testing.assert_allclose(box(row), np.clip(expected, 0, 400))
    assert row.values["score"] == pytest.approx(scores[0])
    predictor = dlib.shape_predictor(str(pack("perceived-gender-age").file(faces.LANDMARKS)))
    parts = predictor(image, boxes[0]).parts()
    np.testing.assert_allclose(row.values["landmarks"], [c for part in parts for c in (part.x, part.y)], atol=1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (2, 3000), (3000, 2), (7, 500)])
def test_no_face_is_a_count_of_zero(shape):
    pack("perceived-gender-age")
    for pixels in (np.zeros((*shape, 3), dtype=np.uint8), np.full((*shape, 3), 200, dtype=np.uint8)):
        rows = found(pixels)
        assert len(rows) == 1
        assert rows[0].values["count"] == 0
        assert reason(rows[0].values["left"]) == reason(rows[0].values["landmarks"]) == "no face found"


def test_batch_gives_what_each_image_gives(clear):
    images = [clear, noise(64), enlarged(clear, 200), np.zeros((50, 70, 3), dtype=np.uint8)]
    together = scored(Faces(), [view(image) for image in images])
    for rows, image in zip(together, images, strict=True):
        alone = found(image)
        assert [row.region for row in rows] == [row.region for row in alone]
        for a, b in zip(rows[1:], alone[1:], strict=True):
            assert (box(a) == box(b)).all()


def test_threshold_drops_faces(clear):
    score = found(clear)[1].values["score"]
    assert found(clear, threshold=score + 0.05)[0].values["count"] == 0


def test_threads_end_with_the_scorer():
    pack("perceived-gender-age")
    with Faces().open("cpu") as score:
        score([view(noise(64, seed)) for seed in range(4)])
        assert any(thread.name.startswith("faces") for thread in threading.enumerate())
    assert not any(thread.name.startswith("faces") for thread in threading.enumerate())


def test_float_pixels_are_refused():
    pack("perceived-gender-age")
    with pytest.raises(ScoringError, match="scorers take uint8"):
        scored(Faces(), [view(np.zeros((64, 64, 3), dtype=np.float32))])


def test_absent_pack_names_the_remedy(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="imgaudit weights pull perceived-gender-age"):
        scored(Faces(), [])


def test_a_file_that_is_no_landmark_model(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "landmarks.dat"
    path.write_bytes(b"nothing")

    class Other:
        def file(self, _):
            return path

    monkeypatch.setattr(faces, "locate", lambda _: Other())
    with pytest.raises(WeightsError, match="not a dlib landmark model"):
        scored(Faces(), [])

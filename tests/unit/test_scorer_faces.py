"""``faces`` on generated faces: found again where they were put, in pixels of the image as it was delivered."""

import threading

import numpy as np
import pytest
from map_networks import maps_in_onnx
from PIL import Image
from scorer_views import generated_faces, noise, pack, reason, scored, view

from audit.component import Row
from audit.errors import InputError, ScoringError, WeightsError, WeightsMissing
from audit.face_columns import BOX
from audit.scorers import faces
from audit.scorers.drawn_face import drawn_face
from audit.scorers.faces import Faces

PACKS = ("centerface", "perceived-gender-age")


@pytest.fixture(autouse=True)
def packs() -> None:
    for name in PACKS:
        pack(name)


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


def test_generated_faces_are_found():
    """Measured on 1,000 of them: 97 %, by `python -m benchmarks.people detection`."""
    images = generated_faces(24)
    rows = scored(Faces(), [view(image) for image in images])
    assert sum(row[0].values["count"] > 0 for row in rows) >= 22
    for row, image in zip(rows, images, strict=True):
        for region in row[1:]:
            left, top, right, bottom = box(region)
            assert 0 <= left < right <= image.shape[1]
            assert 0 <= top < bottom <= image.shape[0]
            assert region.values["landmarks"].shape == (10,)
            assert region.values["score"] >= 0.5


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


def test_a_tilted_head_has_tilted_landmarks(clear):
    """The picture is turned about its middle; landmarks turn with it."""
    image = Image.fromarray(enlarged(clear, 300))
    upright = found(np.asarray(image))[1].values["landmarks"].reshape(5, 2) @ [1, 1j]
    for degrees in (-25, 25):
        turned = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
        points = found(np.asarray(turned))[1].values["landmarks"].reshape(5, 2) @ [1, 1j]
        middle = 149.5 + 149.5j
        expected = middle + (upright - middle) * np.exp(-1j * np.deg2rad(degrees))
        assert np.abs(points - expected).mean() < 0.06 * abs(upright[0] - upright[2])


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (2, 3000), (3000, 2), (7, 500)])
def test_no_face_is_a_count_of_zero(shape):
    for pixels in (np.zeros((*shape, 3), dtype=np.uint8), np.full((*shape, 3), 200, dtype=np.uint8)):
        rows = found(pixels)
        assert len(rows) == 1
        assert rows[0].values["count"] == 0
        assert rows[0].values["found"] == "no face"
        assert reason(rows[0].values["left"]) == reason(rows[0].values["landmarks"]) == "no face found"


def test_batch_gives_what_each_image_gives(clear):
    flat = np.zeros((50, 70, 3), dtype=np.uint8)
    images = [clear, noise(64), enlarged(clear, 200), flat, drawn_face(160), np.hstack([clear, clear]), clear[:, ::-1]]
    together = scored(Faces(), [view(image) for image in images])
    for rows, image in zip(together, images, strict=True):
        alone = found(image)
        assert [row.region for row in rows] == [row.region for row in alone]
        for a, b in zip(rows[1:], alone[1:], strict=True):
            np.testing.assert_allclose(box(a), box(b), atol=1e-3)
            assert a.values["link"] == b.values["link"]


def test_threshold_drops_faces(clear):
    score = found(clear)[1].values["score"]
    silent = {"hog_threshold": 4}
    assert found(clear, threshold=score - 0.02, **silent)[0].values["count"] == 1
    assert found(clear, threshold=score + 0.02, **silent)[0].values["count"] == 0


def test_threads_end_with_the_scorer():
    with Faces().open("cpu") as score:
        score([view(noise(64, seed)) for seed in range(4)])
        assert any(thread.name.startswith("faces") for thread in threading.enumerate())
    assert not any(thread.name.startswith("faces") for thread in threading.enumerate())


def test_float_pixels_are_refused():
    with pytest.raises(ScoringError, match="scorers take uint8"):
        scored(Faces(), [view(np.zeros((64, 64, 3), dtype=np.float32))])


def test_absent_packs_name_the_remedy(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="imgaudit weights pull perceived-gender-age"):
        scored(Faces(), [])
    with pytest.raises(WeightsMissing, match="imgaudit weights pull efficientnet-lite0"):
        scored(Faces(landmark_pack="efficientnet-lite0"), [])


@pytest.mark.parametrize(
    ("param", "name", "found", "error"),
    [
        ("landmark_pack", "shape_predictor_5_face_landmarks.dat", "not a dlib landmark model", WeightsError),
        ("pack", "centerface.onnx", "cannot read it as an ONNX model", InputError),
    ],
)
def test_a_file_that_is_no_model(tmp_path, monkeypatch: pytest.MonkeyPatch, param, name, found, error):
    path = tmp_path / name
    path.write_bytes(b"nothing")
    real = faces.locate

    class Other:
        def file(self, _):
            return path

    monkeypatch.setattr(faces, "locate", lambda pack: Other() if pack == "other" else real(pack))
    with pytest.raises(error, match=found):
        scored(Faces(**{param: "other"}), [])


def test_a_network_of_another_kind_is_refused():
    """The gender network has one output, not the four maps of the detector."""

    class Other:
        def file(self, _):
            return pack("perceived-gender-age").file("gender-v1.onnx")

    with pytest.MonkeyPatch.context() as patch:
        real = faces.locate
        patch.setattr(faces, "locate", lambda name: Other() if name == "other" else real(name))
        with pytest.raises(InputError, match="expected maps of 1, 2, 2, 10 channels"):
            scored(Faces(pack="other"), [])


@pytest.mark.parametrize(
    ("strides", "rows", "told"),
    [
        ((4, 4, 4, 4), (None,) * 4, ""),
        ((4, 4, 8, 4), (None,) * 4, "(2, 2, 4, 8)"),
        ((8, 8, 8, 8), (None,) * 4, "(2, 1, 4, 8)"),
        ((4, 4, 4, 4), (None, "one", None, None), "(1, 2, 8, 16)"),
    ],
    ids=["as declared", "a map of half the size", "all of half the size", "a map of one row"],
)
def test_a_network_whose_maps_disagree_is_refused_before_any_image(tmp_path, monkeypatch, strides, rows, told):
    path = maps_in_onnx(tmp_path, strides, (1, 2, 2, 10), rows)
    real = faces.locate

    class Other:
        def file(self, _):
            return path

    monkeypatch.setattr(faces, "locate", lambda name: Other() if name == "other" else real(name))
    if not told:
        assert scored(Faces(pack="other", hog_threshold=4), [view(noise(64))])[0][0].values["count"] == 0
        return
    with pytest.raises(InputError, match=r"makes maps of shapes .* of input of shape \(2, 3, 32, 64\); expected") as caught:
        scored(Faces(pack="other"), [])
    assert told in str(caught.value).partition("expected")[0]


# ------------------------------------------------------------------------------------------- what is in an image


def whole(rows) -> tuple[str, float, float, float]:
    values = rows[0].values
    return values["found"], values["count"], values["tiny"], values["cut_off"]


def test_one_several_and_tiny_faces_are_told_apart(clear):
    canvas = np.full((512, 1024, 3), 127, dtype=np.uint8)
    canvas[100:420, 50:370] = enlarged(clear, 320)
    assert whole(found(canvas)) == ("one face", 1, 0, 0)
    canvas[60:90, 700:730] = enlarged(clear, 30)
    assert whole(found(canvas)) == ("one face", 2, 1, 0)
    canvas[150:400, 600:850] = enlarged(clear, 250)
    rows = found(canvas)
    assert whole(rows) == ("several faces", 3, 1, 0)
    assert [row.values["link"] for row in rows[1:]] == ["whole image", "whole image", "detail"]
    assert whole(found(canvas[:140, 660:760])) == ("only tiny faces", 1, 1, 0)


def test_small_faces_are_left_out_without_the_detail(clear):
    canvas = np.full((1024, 1024, 3), 127, dtype=np.uint8)
    canvas[300:364, 700:764] = clear
    assert whole(found(canvas)) == ("one face", 1, 0, 0)
    assert whole(found(canvas, detail=0))[:2] == ("no face", 0)


def cropped(picture, face, side: str, cut: float):
    """A picture up to the border of a face, or further by a share of it."""
    left, top, right, bottom = face.astype(int)
    across, down = int(cut * (right - left)), int(cut * (bottom - top))
    if side in ("left", "right"):
        return picture[:, left + across :] if side == "left" else picture[:, : right - across]
    return picture[top + down :] if side == "top" else picture[: bottom - down]


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_a_third_is_cut_off_and_a_whole_one_is_not(side):
    """Generated faces, enlarged and cut; the share of the face that is estimated to be outside rises with the cut."""
    shares: dict[float, list[float]] = {0.0: [], 0.35: []}
    pictures = [np.pad(enlarged(one, 256), ((64, 64), (64, 64), (0, 0)), mode="edge") for one in generated_faces(24)[:12]]
    with Faces().open("cpu") as score:
        for picture, rows in zip(pictures, score([view(picture) for picture in pictures]), strict=True):
            if len(rows) != 2:
                continue
            for cut, outside in shares.items():
                again = score([view(cropped(picture, box(rows[1]), side, cut))])[0]
                if len(again) == 2:
                    outside.append(again[1].values["outside"])
                    assert again[0].values["cut_off"] == (outside[-1] > 0.1)
    assert len(shares[0.0]) >= 8
    assert len(shares[0.35]) >= 6
    assert np.mean(np.array(shares[0.0]) > 0.1) <= 0.15
    assert np.mean(np.array(shares[0.35]) > 0.1) >= 0.75


def test_a_cut_off_face_alone_is_an_outcome_of_its_own(clear):
    picture = enlarged(clear, 320)
    _, top, _, bottom = box(found(picture)[1])
    rows = found(picture[: int(bottom - 0.35 * (bottom - top))])
    assert whole(rows) == ("only cut-off faces", 1, 0, 1)


def test_a_drawing_is_found_by_the_last_link():
    rows = found(drawn_face(160))
    assert [row.values["link"] for row in rows[1:]] == ["hog"]
    assert whole(found(drawn_face(160), hog_threshold=4)) == ("no face", 0, 0, 0)
    left, top, right, bottom = box(rows[1])
    assert 20 < left < 60
    assert 100 < right < 140
    assert 20 < top < bottom < 160


def test_rows_are_the_declared_columns():
    declared = {column.name: column for column in Faces().columns()}
    rows = found(drawn_face(160))
    assert set(rows[1].values) == {name for name, column in declared.items() if column.regional}
    assert set(rows[0].values) == {name for name, column in declared.items() if not column.regional}
    assert isinstance(rows[0], Row)
    assert rows[0].values["found"] in declared["found"].levels

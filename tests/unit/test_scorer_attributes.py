"""``attributes``: chips as dlib cuts them, networks as onnxruntime runs them, and an abstention for every doubt."""

import dlib
import numpy as np
import onnxruntime
import pytest
from PIL import Image
from scorer_views import generated_faces, noise, pack, reason, scored, view

from audit.catalog import build
from audit.component import Row
from audit.errors import ScoringError, SpecError
from audit.records import Abstained, Scored
from audit.scorers import attributes, face_attributes
from audit.scorers.attributes import AGES, Attributes
from audit.scorers.face_chips import face_chip
from audit.scorers.faces import Faces
from audit.spec import Use

PACK = "perceived-gender-age"
POINTS = np.array([251, 175, 220, 175, 149, 174, 179, 175, 199, 236], dtype=np.float32)
GENDER, AGE, BAND = "perceived_gender", "perceived_age", "perceived_age_band"


def face(landmarks=POINTS, left=100.0, right=300.0, region=0) -> Row:
    return Row({"left": left, "top": 100.0, "right": right, "bottom": 300.0, "landmarks": landmarks}, region)


def with_faces(pixels, *faces: Row):
    return view(pixels, given={"faces": [Row({"count": float(len(faces))}), *faces]})


def planted(monkeypatch: pytest.MonkeyPatch, gender, ages: dict[int, float]):
    """Networks that always answer this."""
    share = np.zeros(81, dtype=np.float32)
    for year, value in ages.items():
        share[year] = value
    answers = {"gender-v1.onnx": np.array(gender, dtype=np.float32), "age-v1.onnx": share}

    class Files:
        def file(self, name):
            return name

    monkeypatch.setattr(attributes, "locate", lambda _: Files())
    monkeypatch.setattr(attributes, "open_model", lambda name, _: lambda batch: np.tile(answers[name], (len(batch), 1)))


def judged(monkeypatch, gender=(0.95, 0.05), ages=None, **params):
    planted(monkeypatch, gender, ages or {40: 1.0})
    return scored(Attributes(**params), [with_faces(noise(400), face())])[0][1].values


# ---------------------------------------------------------------------------------------------------------- chips


@pytest.mark.parametrize("side", [32, 64])
def test_chips_are_dlibs(side):
    """Whole-number landmarks of any tilt and size, some of them partly outside the image."""
    rng = np.random.default_rng(side)
    image = np.asarray(Image.fromarray(noise(60)).resize((500, 400), Image.Resampling.BICUBIC))
    for _ in range(20):
        angle, scale, shift = rng.uniform(-0.6, 0.6), rng.uniform(0.3, 1.5), rng.uniform(0, 150, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = np.round((POINTS.reshape(5, 2) - 200) @ turn.T * scale + 150 + shift).astype(int)
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), [dlib.point(int(x), int(y)) for x, y in points])
        expected = dlib.get_face_chip(image, shape, side, 0.2)
        assert (face_chip(image, points.astype(np.float32).ravel(), side) == expected).all()


def test_landmarks_between_pixels_move_the_chip():
    image = np.asarray(Image.fromarray(noise(60)).resize((400, 400), Image.Resampling.BICUBIC))
    whole, between = (face_chip(image, POINTS + shift, 64).astype(float) for shift in (0, 0.5))
    onward = face_chip(image, POINTS + 1, 64).astype(float)
    assert 0 < np.abs(between - whole).mean() < np.abs(onward - whole).mean()


def test_networks_see_what_onnxruntime_is_given():
    """Second path: dlib's chips, normalised by hand, each face alone."""
    files = pack(PACK)
    image = np.asarray(Image.fromarray(noise(60)).resize((400, 400), Image.Resampling.BICUBIC))
    shape = dlib.full_object_detection(
        dlib.rectangle(0, 0, 9, 9), [dlib.point(int(x), int(y)) for x, y in POINTS.reshape(5, 2)]
    )
    answers = {}
    for name, side in (("gender-v1.onnx", 32), ("age-v1.onnx", 64)):
        chip = dlib.get_face_chip(image, shape, side, 0.2).astype(np.float32)
        x = ((chip - np.float32([122.782, 117.001, 104.298])) / 256).transpose(2, 0, 1)[None]
        answers[side] = onnxruntime.InferenceSession(str(files.file(name))).run(None, {"images": x})[0][0]
    values = scored(Attributes(gender_confidence=0.5, band_confidence=0), [with_faces(image, face())])[0][1].values
    assert values[GENDER].value == ("feminine", "masculine")[int(answers[32].argmax())]
    assert values[GENDER].confidence == pytest.approx(answers[32].max(), abs=1e-4)
    assert values[AGE].value == pytest.approx(float(answers[64] @ AGES), abs=0.01)


def test_batch_gives_what_each_image_gives(monkeypatch: pytest.MonkeyPatch):
    """On generated faces, found by the real detector; batches of 3 split the faces of 24 images at odd places."""
    images = generated_faces(24)
    rows = scored(Faces(), [view(image) for image in images])
    views = [view(image, given={"faces": row}) for image, row in zip(images, rows, strict=True)]
    scorer = Attributes(gender_confidence=0.5, band_confidence=0)
    together = scored(scorer, views)
    monkeypatch.setattr(face_attributes, "ROWS", 3)
    with scorer.open("cpu") as score:
        apart = [score([one])[0] for one in views]
        parts = score(views)
    labels = []
    for a, b, c, given in zip(together, apart, parts, rows, strict=True):
        assert len(a) == len(b) == len(c) == len(given)
        for left, middle, right in zip(a[1:], b[1:], c[1:], strict=True):
            assert left.values[GENDER].value == middle.values[GENDER].value == right.values[GENDER].value
            assert left.values[AGE].value == pytest.approx(middle.values[AGE].value, abs=1e-3)
            assert left.values[AGE].value == pytest.approx(right.values[AGE].value, abs=1e-3)
            labels.append(left.values[GENDER].value)
    assert set(labels) == {"feminine", "masculine"}


# --------------------------------------------------------------------------------------------- labels and doubts


def test_labels_and_confidences(monkeypatch: pytest.MonkeyPatch):
    values = judged(monkeypatch, gender=(0.03, 0.97), ages={38: 0.25, 40: 0.5, 60: 0.25})
    assert values[GENDER].value == "masculine"
    assert values[GENDER].confidence == pytest.approx(0.97)
    assert values[AGE].value == pytest.approx(0.25 * 38 + 0.5 * 40 + 0.25 * 60)
    assert values[AGE].confidence == pytest.approx(0.5)  # 44.5 years: 40 lies within five years, 38 and 60 do not
    assert values[BAND].value == "30-49"
    assert values[BAND].confidence == pytest.approx(0.75)


def test_the_first_output_is_feminine(monkeypatch: pytest.MonkeyPatch):
    assert judged(monkeypatch, gender=(0.9, 0.1))[GENDER].value == "feminine"


@pytest.mark.parametrize("share", [0.5, 0.6, 0.79])
def test_an_unsure_network_means_ambiguous(monkeypatch: pytest.MonkeyPatch, share):
    values = judged(monkeypatch, gender=(share, 1 - share))
    assert reason(values[GENDER]) == "ambiguous"
    assert isinstance(values[AGE], Scored)
    assert judged(monkeypatch, gender=(share, 1 - share), gender_confidence=0.5)[GENDER].confidence >= 0.5


@pytest.mark.parametrize(
    ("years", "band"),
    [(1, "under 30"), (29, "under 30"), (30, "30-49"), (49, "30-49"), (50, "50 and over"), (80, "50 and over")],
)
def test_bands_begin_with_their_first_year(monkeypatch: pytest.MonkeyPatch, years, band):
    assert judged(monkeypatch, ages={years: 1.0})[BAND].value == band


def test_a_face_between_bands(monkeypatch: pytest.MonkeyPatch):
    """Half young, half old: the mean is a band in which nobody sees the face."""
    values = judged(monkeypatch, ages={20: 0.5, 60: 0.5})
    assert reason(values[BAND]) == "between age bands"
    assert values[AGE].value == pytest.approx(40)


def test_own_bands(monkeypatch: pytest.MonkeyPatch):
    values = judged(monkeypatch, ages={67: 1.0}, age_bands=(18, 40, 65))
    assert values[BAND].value == "65 and over"
    assert Attributes(age_bands=(18, 40, 65)).columns()[2].levels == ("under 18", "18-39", "40-64", "65 and over")


def test_no_face_is_never_the_whole_image(monkeypatch: pytest.MonkeyPatch):
    planted(monkeypatch, (1, 0), {40: 1.0})
    rows = scored(Attributes(), [with_faces(noise(64)), with_faces(noise(64), face(), face(region=1))])
    assert [len(row) for row in rows] == [1, 3]
    assert {reason(value) for value in rows[0][0].values.values()} == {"no face found"}
    assert set(rows[0][0].values) == {GENDER, AGE, BAND}
    assert rows[1][0].values == {}


def test_faces_that_cannot_be_judged_abstain_in_their_place(monkeypatch: pytest.MonkeyPatch):
    planted(monkeypatch, (1, 0), {40: 1.0})
    small, blind = face(left=100.0, right=123.0), face(landmarks=Abstained(reason="hidden"), region=1)
    rows = scored(Attributes(), [with_faces(noise(64), small, blind, face(region=2))])[0]
    assert reason(rows[1].values[GENDER]) == "face too small"
    assert reason(rows[2].values[AGE]) == "no landmarks"
    assert rows[3].values[GENDER].value == "feminine"


def test_rows_from_the_store_serve_as_well_as_fresh_ones(monkeypatch: pytest.MonkeyPatch):
    """Read back, numbers may carry a confidence and vectors may be tuples."""
    planted(monkeypatch, (1, 0), {40: 1.0})
    stored = face(landmarks=tuple(float(v) for v in POINTS), left=Scored(value=100.0, confidence=0.5))
    assert scored(Attributes(), [with_faces(noise(400), stored)])[0][1].values[GENDER].value == "feminine"


def test_needs_the_face_scorer():
    pack(PACK)
    with pytest.raises(ScoringError, match="no rows of scorer 'faces'"):
        scored(Attributes(), [view(noise(64))])
    assert Attributes(faces="detector").requires() == ("detector",)
    assert Attributes.infers_people


def test_a_network_of_other_classes_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ScoringError, match="2 classes"):
        judged(monkeypatch, gender=(0.2, 0.3, 0.5))


@pytest.mark.parametrize("bands", [[], [0, 30], [50, 30], [30, 30], [30, 99]])
def test_bands_must_rise(bands):
    with pytest.raises(SpecError, match="age_bands are rising years"):
        build("scorers", Use(use="attributes", params={"age_bands": bands}))


def test_every_public_name_says_perceived():
    assert all(column.name.startswith("perceived_") for column in Attributes().columns())

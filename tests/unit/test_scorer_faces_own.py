"""Face finders of outside distributions: what is asked of them, and that scorers and reports work with any."""

from pathlib import Path

import numpy as np
import pytest
from hog_faces import HogFaces, Unlisted
from PIL import Image
from scorer_views import generated_faces, pack

from audit.component import Column, Row
from audit.face_columns import FACE_COLUMNS
from audit.plan import make_plan
from audit.records import Abstained
from audit.run import Silent, audited, render, run_audit
from audit.scorers.drawn_face import drawn_face
from audit.scorers.faces import Faces
from audit.spec import Use, parse_spec
from audit.testing import check_face_finder, disc

CLEAR = 14
"""Place of a generated face that is seen from the front."""


def picture(side: int = 200, at: tuple[int, int] = (60, 20), face: int = 120) -> np.ndarray:
    """A drawn face somewhere in a picture."""
    canvas = np.full((side, side, 3), 90, dtype=np.uint8)
    canvas[at[1] : at[1] + face, at[0] : at[0] + face] = drawn_face(face)
    return canvas


def test_a_finder_of_a_few_lines_passes():
    (rows, _) = check_face_finder(HogFaces(), [picture(), drawn_face(96)])
    left, top, right, bottom = (rows[1].values[edge] for edge in ("left", "top", "right", "bottom"))
    assert 60 < left < right < 180
    assert 20 < top < bottom < 140


def test_the_built_in_finder_passes():
    for name in Faces().packs():
        pack(name)
    check_face_finder(Faces(), [picture(), drawn_face(160)])


class Changed(HogFaces):
    """Breaks one promise."""

    broken: str

    def columns(self) -> tuple[Column, ...]:
        if self.broken == "kind":
            return (*FACE_COLUMNS[:-1], Column("landmarks", "vector"))
        return FACE_COLUMNS

    def rows(self, view, detector) -> list[Row]:
        rows = super().rows(view, detector)
        changes = {
            "count": lambda whole, faces: [whole, *faces, *(Row(face.values, face.region + 1) for face in faces)],
            "grey": lambda whole, faces: [Row({**whole.values, "count": 1.0}), *faces],
            "network": lambda whole, faces: [whole, *(self.scaled(face, 100 / max(view.pixels.shape)) for face in faces)],
            "beyond": lambda whole, faces: [whole, *(self.scaled(face, 3) for face in faces)],
            "order": lambda whole, faces: [whole, *(self.turned(face) for face in faces)],
            "far": lambda whole, faces: [whole, *(self.shifted(face) for face in faces)],
            "blind": lambda whole, faces: [Row({"count": 0.0})],
            "absent": lambda whole, faces: [whole, *(self.without(face) for face in faces)],
        }
        return changes.get(self.broken, lambda whole, faces: [whole, *faces])(rows[0], rows[1:])

    def scaled(self, face: Row, factor: float) -> Row:
        return Row({name: value * factor for name, value in face.values.items()}, face.region)

    def turned(self, face: Row) -> Row:
        points = face.values["landmarks"].reshape(5, 2)[[2, 3, 0, 1, 4]].ravel()
        return Row({**face.values, "landmarks": points}, face.region)

    def shifted(self, face: Row) -> Row:
        return Row({**face.values, "landmarks": face.values["landmarks"] + np.float32(500)}, face.region)

    def without(self, face: Row) -> Row:
        return Row({name: value for name, value in face.values.items() if name != "landmarks"}, face.region)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("kind", "column 'landmarks' is to be a vector by face"),
        ("count", "count is 1, but 2 faces are listed"),
        ("grey", "in an evenly grey picture there is no face"),
        ("network", "boxes are in pixels of the image as it was delivered"),
        ("beyond", "reaches beyond the image of 200 x 200"),
        ("order", "landmarks come in the order eye at the picture's right"),
        ("far", "landmarks lie far from the box"),
        ("blind", "no face was found; give pictures with a face that it finds"),
        ("absent", "neither landmarks nor an abstention"),
    ],
)
def test_a_broken_promise_is_named(broken, told):
    with pytest.raises(AssertionError, match=told):
        check_face_finder(Changed(broken=broken), [picture()])


def test_a_missing_column_is_named_and_no_picture_is_no_test():
    with pytest.raises(AssertionError, match="columns\\(\\) has no 'landmarks': a face finder needs it"):
        check_face_finder(Unlisted(), [picture()])
    with pytest.raises(AssertionError, match="no picture to look at was given"):
        check_face_finder(HogFaces(), [])


def test_abstaining_from_landmarks_is_allowed():
    class Boxes(HogFaces):
        def face(self, box, width, height):
            return {**super().face(box, width, height), "landmarks": Abstained(reason="boxes only")}

    rows = check_face_finder(Boxes(), [picture()])[0]
    assert rows[1].values["landmarks"].reason == "boxes only"


# --------------------------------------------------------------------------------------------------- in an audit


@pytest.fixture
def folder(tmp_path, monkeypatch: pytest.MonkeyPatch, plant_plugins) -> Path:
    """Six pictures with drawn faces: one in three, two in one, none in two; two finders are installed."""
    planted = plant_plugins(tmp_path / "planted", scorers={"hog": "hog_faces:HogFaces", "unlisted": "hog_faces:Unlisted"})
    monkeypatch.syspath_prepend(str(planted))
    two = np.hstack([picture(), picture()])
    images = [picture(), picture(at=(20, 50)), picture(at=(40, 40)), two, disc(1, 200), disc(2, 200)]
    (tmp_path / "images").mkdir()
    for place, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"images/{place}.png")
    return tmp_path


def ran(folder: Path, *scorers: dict, metrics: list[dict] | None = None):
    pack("perceived-gender-age")
    generator = {"use": "folder", "params": {"path": str(folder / "images"), "subject_basis": "generated"}}
    spec = {"name": "own", "generators": [generator], "scorers": list(scorers), "metrics": metrics or [{"use": "outcomes"}]}
    return run_audit(make_plan(parse_spec(spec), "cpu"), folder / "runs", progress=Silent())


def test_attributes_are_read_from_faces_of_an_own_finder(folder):
    counts = [{"use": "outcomes", "params": {"columns": ["hog.count", "attributes.perceived_age"]}}]
    store = ran(folder, {"use": "hog"}, {"use": "attributes", "params": {"faces": "hog"}}, metrics=counts)
    undetected = {
        finding.where["column"]: finding.estimate
        for finding in audited(store).findings
        if finding.metric == "outcomes.undetected" and set(finding.where) == {"column"}
    }
    assert undetected == {"hog.count": pytest.approx(2 / 6), "attributes.perceived_age": pytest.approx(2 / 6)}


def test_a_report_blurs_the_boxes_of_an_own_finder_and_of_nothing_less(folder):
    store = ran(folder, {"use": "hog"})
    found = [audited(store).faces(image) for image in store.image_refs]
    assert sorted(len(boxes or ()) for boxes in found) == [0, 0, 1, 1, 1, 2]
    assert b"<html" in render(store, Use(use="html"))[1]
    other = ran(folder, {"use": "unlisted"})
    assert all(audited(other).faces(image) is None for image in other.image_refs)


def test_no_several_tiny_and_cut_off_faces_have_their_shares(folder):
    """Known by construction, with a generated face: six times one, two, a cut one, a tiny one and three times none."""
    for name in Faces().packs():
        pack(name)
    face = np.asarray(Image.fromarray(generated_faces(24)[CLEAR]).resize((160, 160), Image.Resampling.BICUBIC))
    one, grey = np.pad(face, ((40, 40), (40, 40), (0, 0)), mode="edge"), np.full((240, 240, 3), 90, dtype=np.uint8)
    tiny = grey.copy()
    tiny[100:128, 60:88] = np.asarray(Image.fromarray(face).resize((28, 28), Image.Resampling.BICUBIC))
    images = [*(np.roll(one, shift, axis=1) for shift in range(6)), np.hstack([one, one]), one[:130], tiny]
    for path in (folder / "images").iterdir():
        path.unlink()
    for place, image in enumerate([*images, grey, disc(1, 200), disc(2, 200)]):
        Image.fromarray(image).save(folder / f"images/{place}.png")
    metrics = [
        {"use": "representation", "name": "in_images", "params": {"column": "faces.found"}},
        {"use": "means", "params": {"columns": ["faces.tiny", "faces.cut_off"]}},
        {"use": "outcomes", "params": {"columns": ["faces.count"]}},
    ]
    findings = audited(ran(folder, {"use": "faces"}, metrics=metrics)).findings
    shares = {f.where["label"]: f.estimate for f in findings if f.metric == "in_images.share" and len(f.where) == 1}
    counts = {"one face": 6, "several faces": 1, "only cut-off faces": 1, "only tiny faces": 1, "no face": 3}
    assert shares == {label: pytest.approx(count / 12) for label, count in counts.items()}
    means = {f.where["column"]: f.estimate for f in findings if f.metric == "means.mean" and set(f.where) == {"column"}}
    assert means == {"faces.tiny": pytest.approx(1 / 12), "faces.cut_off": pytest.approx(1 / 12)}
    undetected = [f.estimate for f in findings if f.metric == "outcomes.undetected"]
    assert undetected == [pytest.approx(3 / 12)]

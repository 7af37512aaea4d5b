"""Scorer ``skin_tone``: where it looks, and each reason why it says nothing."""

import numpy as np
import pytest
from scorer_views import noise, reason, scored, view
from skin_scenes import LANDMARKS, face, grey, portrait, sand, wood

from audit.component import Row
from audit.errors import ScoringError
from audit.records import Abstained, Scored
from audit.scorers import skin_reading
from audit.scorers.skin_columns import tone_columns
from audit.scorers.skin_mask import FaceFrame, skin_mask, skin_patches
from audit.scorers.skin_tone import SkinTone
from audit.testing import check_scorer

NOBODY = Row({"count": 0.0})


def seen(pixels, *faces: Row):
    return view(pixels, given={"faces": [Row({"count": float(len(faces))}), *faces] if faces else [NOBODY]})


def whole(mask, frame: FaceFrame, side: int = 256):
    """A mask of a frame's window, laid over the whole picture."""
    over = np.zeros((side, side), dtype=bool)
    over[frame.window((side, side))] = mask
    return over


def mask_of(pixels, points=LANDMARKS):
    frame = FaceFrame.of(points)
    return whole(skin_mask(pixels, frame), frame)


def read(pixels, *faces: Row, **params):
    return scored(SkinTone(**params), [seen(pixels, *(faces or (face(),)))])[0][1].values


# ------------------------------------------------------------------------------------------------ where it looks


def test_patches_are_cheeks_and_forehead_of_the_drawing() -> None:
    pixels, frame = portrait(6), FaceFrame.of(LANDMARKS)
    assert frame is not None
    left, right, forehead = (whole(patch, frame) for patch in skin_patches(frame, (256, 256)))
    assert left[:, :128].sum() == left.sum() > 200
    assert right[:, 128:].sum() == right.sum() > 200
    assert np.flatnonzero(forehead.any(axis=1)).max() < 81 < 100 < np.flatnonzero(left.any(axis=1)).min()
    inside = pixels[left | right | forehead].astype(int)
    assert np.abs(inside - np.median(inside, axis=0)).max() < 15


def test_the_frame_turns_with_the_face() -> None:
    """A quarter turn of picture and landmarks turns the mask, pixels at the rim aside."""
    pixels, points = portrait(6), LANDMARKS.reshape(-1, 2)
    upright = mask_of(pixels)
    turned_points = np.stack([points[:, 1], 255 - points[:, 0]], axis=1)
    turned = mask_of(np.ascontiguousarray(np.rot90(pixels)), turned_points.ravel())
    apart = (np.rot90(upright) != turned).sum()
    assert apart < 0.1 * upright.sum()


def test_hair_on_the_forehead_is_left_out() -> None:
    bald, fringe = (mask_of(portrait(5, fringe=hair)) for hair in (False, True))
    assert bald[:80].sum() > 300
    assert fringe[:80].sum() == 0
    assert fringe[80:].sum() == pytest.approx(bald[80:].sum(), abs=20)
    assert read(portrait(5, fringe=True))["lightness"] == pytest.approx(read(portrait(5))["lightness"], abs=0.5)


def test_the_far_cheek_of_a_turned_face_is_left_out() -> None:
    points = LANDMARKS.copy()
    points[8] += 20
    frame = FaceFrame.of(points)
    cheek, _ = (whole(patch, frame) for patch in skin_patches(frame, (256, 256)))
    assert cheek[:, :128].any()
    assert not cheek[:, 150:].any()


@pytest.mark.parametrize(
    "points",
    [
        np.zeros(10),
        np.full(10, np.nan),
        np.arange(4),
        np.array([170, 100, 140, 100, 86, 100, 116, 100, 128, 53]),
    ],
    ids=["one place", "nan", "two points", "nose above the eyes"],
)
def test_landmarks_of_no_face(points) -> None:
    assert FaceFrame.of(points) is None
    assert FaceFrame.of(points[:7]) is None
    values = read(portrait(5), face(points.astype(np.float32)))
    assert reason(values["apparent_tone"]) == "no landmarks"


def test_landmarks_far_apart_take_no_time_and_give_no_skin() -> None:
    wild = np.array([9e8, 0, 8e8, 0, -9e8, 0, -8e8, 0, 0, 1e9], dtype=np.float32)
    assert reason(read(portrait(5), face(wild))["lightness"]) == "too little skin in sight"


def test_a_face_outside_the_picture_has_no_skin() -> None:
    assert reason(read(portrait(5), face(LANDMARKS + 2000))["lightness"]) == "too little skin in sight"


# ------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize("tone", [2, 5, 6, 8, 10])
def test_the_tone_of_the_drawing_is_read(tone: int) -> None:
    values = read(portrait(tone))
    label = values["apparent_tone"]
    assert isinstance(label, Scored)
    assert label.value == {2: "Monk 1-3", 5: "Monk 4-5", 6: "Monk 6-7", 8: "Monk 8-10", 10: "Monk 8-10"}[tone]
    assert 0.5 < label.confidence <= 1
    assert values["expected_tone"] == pytest.approx(tone, abs=0.8)
    assert values["tone_sensitivity"] == pytest.approx(values["expected_tone_balanced"] - values["expected_tone"])


def test_every_column_is_filled_and_says_apparent() -> None:
    columns = SkinTone().columns()
    assert set(read(portrait(5))) == {column.name for column in columns}
    assert all("apparent" in column.title.lower() or column.name == "tone_sensitivity" for column in columns)
    assert SkinTone.infers_people
    assert not SkinTone.recognises_people


def test_it_keeps_the_interface() -> None:
    pictures = [portrait(2), portrait(9, stops=-0.5), sand(side=256)]
    check_scorer(
        SkinTone(),
        [seen(pictures[0], face()), seen(pictures[1], face(), face(LANDMARKS + 900, region=1)), seen(pictures[2])],
    )


def test_every_face_has_its_row() -> None:
    rows = scored(SkinTone(), [seen(portrait(5), face(), face(LANDMARKS + 2000, region=1))])[0]
    assert rows[0].values == {}
    assert isinstance(rows[1].values["apparent_tone"], Scored)
    assert reason(rows[2].values["apparent_tone"]) == "too little skin in sight"


def test_light_and_colours_of_a_picture_are_looked_at_once_for_all_its_faces(monkeypatch) -> None:
    """Of each face what it says alone in the whole picture, from masks of its whole size."""
    looks = []
    for name in ("balancing_gains", "_palette"):
        deed = getattr(skin_reading, name)
        monkeypatch.setattr(skin_reading, name, lambda *a, name=name, deed=deed: looks.append(name) or deed(*a))
    scene, places = np.tile(portrait(5), (2, 3, 1)), [(x, y) for y in (0, 256) for x in (0, 256, 512)]
    scene[256:, 256:512] = portrait(2)
    faces = [
        Row({"landmarks": LANDMARKS + np.tile(place, 5), "left": 64.0 + place[0], "right": 192.0 + place[0]}, region)
        for region, place in enumerate(places)
    ]
    _, *rows = scored(SkinTone(), [seen(scene, *faces)])[0]
    assert sorted(looks) == ["_palette", "balancing_gains"]
    around = np.ones(scene.shape[:2], dtype=bool)  # it decides the balanced values alone
    for row, face_ in zip(rows, faces, strict=True):
        frame = FaceFrame.of(face_.values["landmarks"])
        skin = np.zeros(scene.shape[:2], dtype=bool)
        skin[frame.window(skin.shape)] = skin_mask(scene, frame)
        alone = skin_reading.read_skin(scene, skin, around).plain
        assert row.values["lightness"] == alone.lightness
        assert row.values["expected_tone"] == alone.expected
    assert rows[4].values["expected_tone"] < 4 < rows[0].values["expected_tone"]


# ------------------------------------------------------------------------------------------------ why it says nothing


@pytest.mark.parametrize("picture", [wood(side=256), sand(side=256), grey(side=256)], ids=["wood", "sand", "grey"])
def test_pictures_without_a_face_abstain(picture) -> None:
    (row,) = scored(SkinTone(), [seen(picture)])[0]
    assert {reason(value) for value in row.values.values()} == {"no face found"}
    assert set(row.values) == {column.name for column in tone_columns(regional=True)}


@pytest.mark.parametrize("picture", [wood(side=256), sand(side=256), grey(side=256)], ids=["wood", "sand", "grey"])
def test_textures_in_which_a_face_is_found_wrongly_abstain(picture) -> None:
    assert all(isinstance(value, Abstained) for value in read(picture).values())


def test_each_reason_is_its_own() -> None:
    small = portrait(5)[::8, ::8]
    level = np.repeat(portrait(5).mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    shadowed = portrait(5)
    shadowed[60:210, 60:196] = 0
    reasons = {
        reason(read(small, face(LANDMARKS / 8, 8, 24))["apparent_tone"]),
        reason(read(portrait(5), least_pixels=10**6)["apparent_tone"]),
        reason(read(level)["apparent_tone"]),
        reason(read(shadowed)["apparent_tone"]),
        reason(read(noise(256))["apparent_tone"]),
        reason(read(portrait(5), Row({}, 0))["apparent_tone"]),
        reason(scored(SkinTone(), [seen(small)])[0][0].values["apparent_tone"]),
    }
    assert len(reasons) == 7


def test_pixels_of_another_type_are_an_error() -> None:
    with pytest.raises(ScoringError, match="uint8"):
        read(portrait(5).astype(np.float32))


def test_a_missing_face_scorer_is_named() -> None:
    with pytest.raises(ScoringError, match="'faces'"):
        scored(SkinTone(), [view(portrait(5))])


def test_reasons_that_hang_on_a_parameter_go_with_it() -> None:
    remedies = SkinTone().remedies()
    small, little = {"smallest_face": 500}, {"least_pixels": 10**6}
    assert remedies[reason(read(portrait(5), **small)["apparent_tone"])] == "smallest_face"
    assert remedies[reason(read(portrait(5), **little)["apparent_tone"])] == "least_pixels"
    assert isinstance(read(portrait(5))["apparent_tone"], Scored)
    assert set(remedies.values()) <= set(SkinTone.model_fields)
    assert [column.name for column in SkinTone().columns() if column.optional] == ["apparent_tone_balanced"]

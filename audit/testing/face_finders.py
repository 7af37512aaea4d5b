"""Conformance of a face finder: a scorer by whose rows faces are judged and blurred."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from audit.component import Column, Row, Scorer, Value
from audit.face_columns import BOX, FACE_COLUMNS, LANDMARKS
from audit.images import Pixels
from audit.records import Abstained, Scored
from audit.testing.checks import check_scorer, view

__all__ = ["check_face_finder"]

BLANK = 96
SLACK = 1.0
"""Pixels by which a box may reach beyond the image, for rounding."""
SAME_PLACE = 0.5
"""Least share of their union in which boxes of one face in an image and in its double overlap."""

Numbers = npt.NDArray[np.float64]


def check_face_finder(finder: Scorer, pictures: Sequence[Pixels], *, device: str = "cpu") -> list[Sequence[Row]]:
    """Check that other scorers and reports can work with a finder of faces, and give what it said of the pictures.

    It keeps the interface of a scorer; has the columns of ``audit.face_columns`` with their kinds; counts the faces that
    it lists, the largest first; its boxes lie in the image and stay on the face when the image is doubled; landmarks are
    five points in their order, or an abstention; an empty picture is a count of 0.

    Args:
        pictures: each shows one upright face, of any size and anywhere, that the finder finds. A drawing may do.

    Raises:
        AssertionError: one sentence that says which promise is broken.
    """
    _columns({column.name: column for column in finder.columns()})
    _assert(len(pictures) > 0, "no picture to look at was given; nothing can be seen of a finder without one")
    blank = np.full((BLANK, BLANK, 3), 128, dtype=np.uint8)
    doubled = [picture.repeat(2, axis=0).repeat(2, axis=1) for picture in pictures]
    said = check_scorer(finder, [view(image) for image in (blank, *pictures, *doubled)], device=device)
    _assert(_count(said[0]) == 0 and len(said[0]) == 1, "in an evenly grey picture there is no face: expected a count of 0")
    for place, (picture, rows, again) in enumerate(
        zip(pictures, said[1:], said[1 + len(pictures) :], strict=False),
    ):
        what = f"picture {place}"
        _assert(_count(rows) > 0, f"{what}: no face was found; give pictures with a face that it finds")
        _listed(what, rows, picture)
        _listed(f"{what}, doubled", again, doubled[place])
        _assert(
            _overlap(2 * _box(rows[1]), _box(again[1])) >= SAME_PLACE,
            f"{what}: doubled in size, the largest box went from {_told(rows[1])} to {_told(again[1])}; "
            "boxes are in pixels of the image as it was delivered",
        )
    return said[1 : 1 + len(pictures)]


def _columns(declared: Mapping[str, Column]) -> None:
    for wanted in FACE_COLUMNS:
        found = declared.get(wanted.name)
        where = "by face (regional)" if wanted.regional else "of the whole image"
        expected = f"a {wanted.kind} {where}"
        _assert(found is not None, f"columns() has no {wanted.name!r}: a face finder needs it, {expected}")
        same = found is not None and found.kind == wanted.kind and found.regional == wanted.regional
        _assert(same, f"column {wanted.name!r} is to be {expected}")


def _listed(what: str, rows: Sequence[Row], picture: Pixels) -> None:
    """Faces of a picture as rows: as many as counted, by falling size, each with a box and landmarks."""
    faces = rows[1:]
    _assert(_count(rows) == len(faces), f"{what}: count is {_count(rows):g}, but {len(faces)} faces are listed")
    _assert([row.region for row in faces] == list(range(len(faces))), f"{what}: faces are regions 0, 1, ... in order")
    height, width = picture.shape[:2]
    for row in faces:
        left, top, right, bottom = _box(row)
        _assert(left < right and top < bottom, f"{what}: the box {_told(row)} is empty")
        inside = left >= -SLACK and top >= -SLACK and right <= width + SLACK and bottom <= height + SLACK
        _assert(inside, f"{what}: the box {_told(row)} reaches beyond the image of {width} x {height}")
        _landmarks(what, row)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in map(_box, faces)]
    _assert(areas == sorted(areas, reverse=True), f"{what}: the largest face is to come first")


def _landmarks(what: str, row: Row) -> None:
    found = row.values.get("landmarks")
    if isinstance(found, Abstained):
        return
    _assert(found is not None, f"{what}: a face has neither landmarks nor an abstention from them")
    points = np.asarray(found.value if isinstance(found, Scored) else found, dtype=np.float64).ravel()
    _assert(points.size == LANDMARKS, f"{what}: landmarks are {LANDMARKS} numbers; found {points.size}")
    if row.region > 0:
        return  # only the largest is known to be upright
    x, y = points.reshape(-1, 2).T
    order = x[0] > x[1] > x[3] > x[2]
    _assert(bool(order), f"{what}: landmarks come in the order eye at the picture's right (outer, inner), eye at its left")
    _assert(bool(y[4] > y[:4].max()), f"{what}: the last landmark is the base of the nose, which is below the eyes")
    left, top, right, bottom = _box(row)
    near = (x > left - (right - left) / 2) & (x < right + (right - left) / 2)
    near &= (y > top - (bottom - top) / 2) & (y < bottom + (bottom - top) / 2)
    _assert(bool(near.all()), f"{what}: landmarks lie far from the box; both are in pixels of the image")


def _count(rows: Sequence[Row]) -> float:
    return _number(rows[0].values.get("count"), "count")


def _box(row: Row) -> Numbers:
    return np.array([_number(row.values.get(edge), edge) for edge in BOX])


def _number(value: Value | None, name: str) -> float:
    plain = value.value if isinstance(value, Scored) else value
    _assert(
        isinstance(plain, int | float | np.number), f"{name} is a number, also where there is no doubt; found {plain!r}"
    )
    assert isinstance(plain, int | float | np.number)
    return float(plain)


def _told(row: Row) -> str:
    return ", ".join(f"{edge:.0f}" for edge in _box(row))


def _overlap(one: Numbers, other: Numbers) -> float:
    both = float(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod())
    return both / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - both)


def _assert(holds: bool, promise: str) -> None:
    if not holds:
        raise AssertionError(promise)

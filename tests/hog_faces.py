"""A face finder of an outside distribution: dlib's HOG detector in one small class, as a plugin author would write it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import dlib
import numpy as np
from PIL import Image

from audit.component import Column, Row, ScoreBatch, Scorer, View
from audit.face_columns import FACE_COLUMNS, NO_FACE

ENLARGED = 4


class HogFaces(Scorer):
    """Upright faces by dlib's HOG detector, with landmarks guessed from the box."""

    uses_device: ClassVar[bool] = False

    def columns(self) -> tuple[Column, ...]:
        return FACE_COLUMNS

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        detector = dlib.get_frontal_face_detector()
        yield lambda views: [self.rows(view, detector) for view in views]

    def rows(self, view: View, detector) -> list[Row]:
        height, width = view.pixels.shape[:2]
        large = np.asarray(Image.fromarray(view.pixels).resize((ENLARGED * width, ENLARGED * height)))
        faces = [self.face(box, width, height) for box in detector(large)]
        faces.sort(key=lambda face: -(face["right"] - face["left"]) * (face["bottom"] - face["top"]))
        nobody = {} if faces else {"landmarks": NO_FACE}
        return [Row({"count": float(len(faces)), **nobody}), *(Row(face, i) for i, face in enumerate(faces))]

    def face(self, box, width: int, height: int) -> dict:
        left, top = max(box.left() / ENLARGED, 0.0), max(box.top() / ENLARGED, 0.0)
        right, bottom = min((box.right() + 1) / ENLARGED, width), min((box.bottom() + 1) / ENLARGED, height)
        x, y = np.array([0.85, 0.65, 0.15, 0.35, 0.5]), np.array([0.3, 0.3, 0.3, 0.3, 0.6])
        points = np.stack([left + x * (right - left), top + y * (bottom - top)], axis=1).ravel().astype(np.float32)
        return {"left": left, "top": top, "right": float(right), "bottom": float(bottom), "landmarks": points}


class Unlisted(HogFaces):
    """The same without landmarks among its columns: not a face finder, and no report blurs by it."""

    def columns(self) -> tuple[Column, ...]:
        return tuple(column for column in FACE_COLUMNS if column.name != "landmarks")

    def rows(self, view: View, detector) -> list[Row]:
        kept = [
            {name: value for name, value in row.values.items() if name != "landmarks"}
            for row in super().rows(view, detector)
        ]
        return [Row(values, place - 1) for place, values in enumerate(kept)]

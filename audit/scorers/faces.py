"""Scorer ``faces``: where faces are, by dlib's HOG detector, with five landmarks each; no embedding, no crop."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import dlib
import numpy as np
import PIL
from PIL import Image
from pydantic import Field

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.errors import WeightsError
from audit.images import Pixels
from audit.records import Abstained
from audit.scorers.drawn_face import drawn_face
from audit.scorers.views import checked_pixels
from audit.weights import locate

__all__ = ["NO_FACE", "Faces"]

NO_FACE = Abstained(reason="no face found")
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
POINTS = 5
LONGEST = 8192
"""Long side up to which a thin image is enlarged; further, its area would explode."""
MOST_THREADS = 16
DRAWN_SIDE = 160
DRAWN_SCORE = 0.8
"""The drawn face is found with more than this."""


class Faces(Scorer):
    """Frontal faces, largest first.

    The detector looks for faces of 80 pixels and more, so small images are enlarged first; very large ones are reduced,
    and then faces below 80 / ``shrink_to`` of the short side are missed. The image's edge is repeated around it, because
    faces that touch the border are missed otherwise. Faces in profile, under masks or seen from above are mostly missed
    too: an image without a detected face is not an image without a person.

    Boxes and landmarks are in pixels of the image as it was delivered, x to the right, y down. Landmarks are
    (x, y) of the outer and inner corner of the eye at the right of the picture, the outer and inner corner of the eye at
    its left, and the base of the nose.
    """

    uses_device: ClassVar[bool] = False
    source: ClassVar[str] = (
        "detector: HOG and a sliding linear classifier (Dalal & Triggs 2005; King 2015), as built into dlib; "
        "landmarks: ensemble of regression trees (Kazemi & Sullivan 2014), dlib's five-point model"
    )

    enlarge_to: int = Field(default=256, ge=80, le=4096)
    """Images with a shorter short side are enlarged to this many pixels before the search."""
    shrink_to: int = Field(default=1024, ge=80, le=16_384)
    """Images with a longer short side are reduced to this many pixels before the search."""
    pad: float = Field(default=0.25, ge=0, le=1)
    """Repeated border on each side, as a share of the short side."""
    threshold: float = Field(default=0.0, ge=-2, le=4)
    """Least detector score; higher finds fewer faces and fewer things that are none."""
    pack: str = "perceived-gender-age"
    """Weight pack that holds the landmark model."""

    def columns(self) -> tuple[Column, ...]:
        """One column of the whole image; boxes and landmarks by region."""
        return (
            Column("count", "number", "Faces found", unit="faces"),
            Column("left", "number", "Left edge of the face box", unit="px", regional=True),
            Column("top", "number", "Top edge of the face box", unit="px", regional=True),
            Column("right", "number", "Right edge of the face box", unit="px", regional=True),
            Column("bottom", "number", "Bottom edge of the face box", unit="px", regional=True),
            Column("score", "number", "Detector score, from the threshold up; no probability", regional=True),
            Column("landmarks", "vector", "Five landmarks, x and y in turn (10 numbers)", unit="px", regional=True),
        )

    def packs(self) -> tuple[str, ...]:
        """The landmark model's pack."""
        return (self.pack,)

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002
        """Runs on the CPU whatever the device."""
        return {"dlib": dlib.__version__, "pillow": PIL.__version__, "resize": "bicubic antialias, uint8"}

    def known_answers(self) -> Iterator[KnownAnswer]:
        """No face where there is none, and one in a drawing of one, as far as the parameters leave that beyond doubt."""
        grey = np.full((DRAWN_SIDE, DRAWN_SIDE, 3), 128, dtype=np.uint8)
        noise = np.random.default_rng(0).integers(0, 256, (DRAWN_SIDE, DRAWN_SIDE, 3), dtype=np.uint8)
        if self.threshold >= 0:
            yield KnownAnswer("even grey, noise", (grey, noise), {"count": (0.0, 0.0)})
        seen_at = max(self.enlarge_to, min(DRAWN_SIDE, self.shrink_to))
        if self.threshold <= DRAWN_SCORE and seen_at >= DRAWN_SIDE:
            yield KnownAnswer("a drawn face", (drawn_face(DRAWN_SIDE),), {"count": (1.0,)})

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Load the landmark model; search in threads, since dlib works outside the interpreter lock."""
        predictor = _predictor(locate(self.pack).file(LANDMARKS))
        local = threading.local()

        def score(view: View) -> list[Row]:
            # A detector keeps buffers of the image that it looks at, so each thread has its own.
            if not hasattr(local, "detector"):
                local.detector = dlib.get_frontal_face_detector()
            return self._rows(checked_pixels(view), local.detector, predictor)

        threads = min(MOST_THREADS, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads, thread_name_prefix="faces") as pool:
            yield lambda views: list(pool.map(score, views))

    def _rows(self, pixels: Pixels, detector: "dlib.fhog_object_detector", predictor: "dlib.shape_predictor") -> list[Row]:
        frame = _Frame.around(pixels, self)
        boxes, scores, _ = detector.run(frame.pixels, 0, self.threshold)
        faces = [
            _Face(*frame.box(box), float(score), frame.points(predictor(frame.pixels, box)))
            for box, score in zip(boxes, scores, strict=True)
        ]
        faces = sorted((face for face in faces if face.area > 0), key=lambda face: (-face.area, face.left, face.top))
        if not faces:
            return [Row({"count": 0.0, **{column.name: NO_FACE for column in self.columns() if column.regional}})]
        return [Row({"count": float(len(faces))}), *(Row(face.values(), region) for region, face in enumerate(faces))]


@dataclass(frozen=True, slots=True)
class _Face:
    left: float
    top: float
    right: float
    bottom: float
    score: float
    landmarks: tuple[float, ...]

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def values(self) -> dict[str, Value]:
        return {
            "left": self.left,
            "top": self.top,
            "right": self.right,
            "bottom": self.bottom,
            "score": self.score,
            "landmarks": np.array(self.landmarks, dtype=np.float32),
        }


@dataclass(frozen=True, slots=True)
class _Frame:
    """The image as the detector sees it, and the way back to the image's own coordinates."""

    pixels: Pixels
    scale: tuple[float, float]
    border: int
    size: tuple[int, int]

    @classmethod
    def around(cls, pixels: Pixels, settings: Faces) -> "_Frame":
        height, width = pixels.shape[:2]
        short, long = min(height, width), max(height, width)
        target = max(settings.enlarge_to, min(short, settings.shrink_to))
        factor = min(target / short, max(1.0, LONGEST / long))
        inner = (round(width * factor), round(height * factor))
        if inner != (width, height):
            pixels = np.asarray(Image.fromarray(pixels).resize(inner, Image.Resampling.BICUBIC))
        border = round(settings.pad * min(inner))
        padded = np.pad(pixels, ((border, border), (border, border), (0, 0)), mode="edge")
        return cls(padded, (inner[0] / width, inner[1] / height), border, (width, height))

    def box(self, box: "dlib.rectangle") -> tuple[float, float, float, float]:
        """Left, top, right, bottom, cut to the image; dlib's right and bottom pixels belong to the box."""
        left, right = ((x - self.border) / self.scale[0] for x in (box.left(), box.right() + 1))
        top, bottom = ((y - self.border) / self.scale[1] for y in (box.top(), box.bottom() + 1))
        width, height = self.size
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    def points(self, shape: "dlib.full_object_detection") -> tuple[float, ...]:
        """x and y in turn; a pixel's coordinates are those of its centre, as in dlib."""
        found = []
        for part in shape.parts():
            found.append((part.x - self.border + 0.5) / self.scale[0] - 0.5)
            found.append((part.y - self.border + 0.5) / self.scale[1] - 0.5)
        return tuple(found)


def _predictor(path: Path) -> "dlib.shape_predictor":
    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a dlib landmark model ({error}); name a pack that holds one") from error
    points = predictor(np.zeros((16, 16, 3), dtype=np.uint8), dlib.rectangle(0, 0, 15, 15)).num_parts
    if points != POINTS:
        raise WeightsError(f"{path}: a landmark model of {points} points; one of {POINTS} is needed")
    return predictor

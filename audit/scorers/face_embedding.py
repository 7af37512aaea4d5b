"""Scorer ``face_embedding``: a vector for each face, by which faces are compared; kept in memory, never written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import nn

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.errors import ScoringError
from audit.face_columns import LANDMARKS, NO_FACE
from audit.images import Pixels
from audit.model_files import torch_device
from audit.model_files.tfjs_file import read_tfjs
from audit.model_files.weight_files import fit
from audit.records import Abstained
from audit.scorers.drawn_face import drawn_face
from audit.scorers.embedding_network import SIDE, WIDTH, EmbeddingNetwork, tensors_of
from audit.scorers.face_chips import chip_numerics, face_chip
from audit.scorers.views import checked_pixels, number, regions, required, vector
from audit.weights import locate

__all__ = ["MANIFEST", "FaceEmbedding"]

MANIFEST = "face_recognition_model-weights_manifest.json"
MEANS = np.array([122.782, 117.001, 104.298], dtype=np.float32)
"""Mean red, green and blue that the network was trained with."""
PADDING = 0.25
"""Of the chips that it was trained with."""
ROWS = 64
"""Faces that the network sees together; each is computed on its own, so this changes no number beyond rounding."""
DRAWN_SIDE = 160

TOO_SMALL = Abstained(reason="face too small")
NO_LANDMARKS = Abstained(reason="no landmarks")

Floats = npt.NDArray[np.float32]


class FaceEmbedding(Scorer):
    """A vector of 128 numbers for each face; faces of one person have vectors that lie near each other.

    It tells persons apart, so the spec must state ``likeness``, and its vectors are in memory only: metrics of the same
    session see them, no file does. It says nothing of who somebody is and infers no attribute.

    Vectors are not of length 1 (mostly 1.2 to 1.6). They were trained so that the Euclidean distance between two
    photographs of a person is below 0.6, and above it between those of two. How far that holds of generated faces nobody
    has measured, and it does not hold equally for all groups of people: compare with controls, or with a threshold of your
    own impostors (metrics ``likeness`` and ``gallery``), not with 0.6.
    """

    recognises_people: ClassVar[bool] = True
    in_memory: ClassVar[bool] = True
    source: ClassVar[str] = (
        "dlib's face recognition network (King 2017; weights in the public domain), quantised to 8 bits in face-api "
        "(Muehler, Mandic), MIT"
    )

    faces: str = "faces"
    """Name, in the spec, of the scorer that finds the faces."""
    smallest_face: float = Field(default=24, ge=0)
    """Width of the face box in pixels of the delivered image, below which a face gets no vector."""
    pack: str = "face-embedding"
    """Weight pack that holds the network."""

    def columns(self) -> tuple[Column, ...]:
        """By face; on the whole image only an abstention where there is none."""
        return (Column("vector", "vector", "Face embedding, 128 numbers, not of length 1", regional=True),)

    def packs(self) -> tuple[str, ...]:
        """The network's pack."""
        return (self.pack,)

    def requires(self) -> tuple[str, ...]:
        """The face scorer."""
        return (self.faces,)

    def numerics(self, device: str) -> dict[str, str]:
        """How torch computes, and the library that cuts the chips."""
        return {**torch_device.runtime(device), **chip_numerics(SIDE, padding=PADDING)}

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Nothing of a picture without a face; of a drawn one only the same twice."""
        grey = np.full((DRAWN_SIDE, DRAWN_SIDE, 3), 128, dtype=np.uint8)
        return (
            KnownAnswer("even grey", (grey,), {"vector": (NO_FACE,)}),
            KnownAnswer("a drawn face", (drawn_face(DRAWN_SIDE),), {}),
        )

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Load the network."""
        torch_device.exact_arithmetic()
        manifest, place = locate(self.pack).file(MANIFEST), torch.device(device)
        network = fit(EmbeddingNetwork(), tensors_of(read_tfjs(manifest)), str(manifest)).eval().requires_grad_(False)
        held = [network.to(place)]
        try:
            yield lambda views: self._score(views, held[0], place)
        finally:
            held.clear()  # the function that was yielded may outlive this; the network must not
            del network
            torch_device.release(device)

    def _score(self, views: Sequence[View], network: nn.Module, place: torch.device) -> list[list[Row]]:
        """Every face's vector, or the reason why it has none in its place."""
        chips: list[Pixels] = []
        marks = [[self._prepare(view, face, chips) for face in regions(required(view, self.faces))] for view in views]
        parts = [_vectors(chips[start : start + ROWS], network, place) for start in range(0, len(chips), ROWS)]
        found = np.concatenate(parts) if parts else np.zeros((0, WIDTH), dtype=np.float32)
        return [_rows(faces, found) for faces in marks]

    def _prepare(self, view: View, face: Row, chips: list[Pixels]) -> int | Abstained:
        """Cut a face's chip and say where it is, or why there is none."""
        left, right, landmarks = number(face, "left"), number(face, "right"), vector(face, "landmarks")
        if landmarks is None or landmarks.size != LANDMARKS or not np.isfinite(landmarks).all():
            return NO_LANDMARKS
        if left is not None and right is not None and right - left < self.smallest_face:
            return TOO_SMALL
        chips.append(face_chip(checked_pixels(view), landmarks, SIDE, PADDING))
        return len(chips) - 1


def _vectors(chips: Sequence[Pixels], network: nn.Module, place: torch.device) -> Floats:
    faces = (np.stack(chips).astype(np.float32) - MEANS) / 255
    with torch.inference_mode(), torch_device.memory_errors(len(faces)):
        planes = torch.from_numpy(faces.transpose(0, 3, 1, 2)).contiguous()
        found: Floats = network(planes.to(place)).cpu().numpy()
    if not np.isfinite(found).all():
        raise ScoringError("the face embedding network gave numbers that are not finite; pull its weight pack again")
    return found


def _rows(faces: Sequence[int | Abstained], found: Floats) -> list[Row]:
    if not faces:
        return [Row({"vector": NO_FACE})]
    values: list[Value] = [mark if isinstance(mark, Abstained) else found[mark].copy() for mark in faces]
    return [Row({}), *(Row({"vector": value}, region) for region, value in enumerate(values))]

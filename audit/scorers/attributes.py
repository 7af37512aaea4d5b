"""Scorer ``attributes``: perceived gender and perceived age of faces, from aligned chips of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import ClassVar

import numpy as np

from audit.component import ScoreBatch
from audit.errors import ScoringError
from audit.images import Pixels
from audit.model_files import onnx_file
from audit.scorers.face_attributes import GENDERS, NEAR, FaceAttributes, Floats, Impression
from audit.scorers.face_chips import chip_numerics
from audit.scorers.onnx_session import open_model
from audit.weights import locate

__all__ = ["Attributes"]

MEANS = np.array([122.781998, 117.000999, 104.297997], dtype=np.float32)
"""Mean red, green and blue of the networks' training images; part of the weights."""
AGES = np.array([0.25, *range(1, 81)], dtype=np.float32)
"""Years that each of the age network's 81 classes stands for."""

Network = Callable[[Floats], Floats]


class Attributes(FaceAttributes):
    """How depicted faces come across to a classifier: perceived gender and perceived age, face by face.

    What is measured is an impression of a picture, never who somebody is. An image without a face abstains; the whole
    image is never taken in its place. The gender network knows two classes and is sure of itself nearly always, so
    its confidence is no probability: ``gender_confidence`` leaves out the faces that even it finds ambiguous, and a share
    made from these labels needs correction by labelled images.

    Measured with the defaults on 180 FairFace photographs of adults, balanced over two genders and six age bands (95 %
    Wilson intervals; ``python -m benchmarks.people labels``): of 180 faces 16 % [11, 22] were ambiguous, and of the rest
    7 % [4, 12] were read as another gender than the annotated one; of 151 faces with an age band 38 % [31, 46] got another
    one, because people over 50 are read about eleven years too young: for age ``second_attributes`` errs less. Generated
    faces may be read better or worse: label some of yours.
    """

    source: ClassVar[str] = "dlib-models' gender (2 classes) and age (81 classes) networks, by Cydral Technology, CC0"
    chip_sides: ClassVar[tuple[int, ...]] = (32, 64)

    pack: str = "perceived-gender-age"

    def packs(self) -> tuple[str, ...]:
        """The two networks' pack."""
        return (self.pack,)

    def numerics(self, device: str) -> dict[str, str]:
        """The runtime of the networks and the library that cuts the chips."""
        return {**onnx_file.runtime(device), **chip_numerics(*self.chip_sides)}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Open both networks."""
        pack = locate(self.pack)
        networks = [open_model(pack.file(name), device) for name in ("gender-v1.onnx", "age-v1.onnx")]
        yield lambda views: self.score_faces(views, lambda chips: self._judged(chips, *networks))

    def _judged(self, chips: Sequence[tuple[Pixels, ...]], gender: Network, age: Network) -> list[Impression]:
        small, large = (np.stack(side) for side in zip(*chips, strict=True))
        genders, ages = _shares(gender(_input(small)), len(GENDERS)), _shares(age(_input(large)), len(AGES))
        return [self._impression(*of_face) for of_face in zip(genders, ages, strict=True)]

    def _impression(self, gender: Floats, age: Floats) -> Impression:
        years = float(age @ AGES)
        edges = (0, *self.age_bands, np.inf)
        bands = [age[(low <= AGES) & (high > AGES)].sum() for low, high in pairwise(edges)]
        near = float(age[np.abs(AGES - years) <= NEAR].sum())
        return Impression(gender, years, np.array(bands, dtype=np.float32), near)


def _input(chips: Pixels) -> Floats:
    return np.ascontiguousarray(((chips.astype(np.float32) - MEANS) / 256).transpose(0, 3, 1, 2))


def _shares(found: Floats, classes: int) -> Floats:
    if found.ndim != 2 or found.shape[1] != classes or not np.isfinite(found).all():
        raise ScoringError(f"a network of the face pack gave {found.shape}, not finite shares of {classes} classes")
    return found

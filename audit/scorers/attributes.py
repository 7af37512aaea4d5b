"""Scorer ``attributes``: perceived gender and perceived age of faces, from aligned chips of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import dlib
import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.errors import ScoringError
from audit.images import Pixels
from audit.model_files import onnx_file
from audit.records import Abstained, Scored
from audit.scorers.drawn_face import drawn_face
from audit.scorers.faces import NO_FACE
from audit.scorers.onnx_session import open_model
from audit.scorers.views import checked_pixels, number, regions, required, vector
from audit.weights import locate

__all__ = ["Attributes", "face_chip"]

Floats = npt.NDArray[np.float32]

GENDER_SIDE, AGE_SIDE = 32, 64
CHIP_PADDING = 0.2
MEANS = np.array([122.781998, 117.000999, 104.297997], dtype=np.float32)
"""Mean red, green and blue of the networks' training images; part of the weights."""
AGES = np.array([0.25, *range(1, 81)], dtype=np.float32)
"""Years that each of the age network's 81 classes stands for."""
GENDERS = ("feminine", "masculine")
"""In the order of the network's outputs."""
TEMPLATE = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
"""Where dlib's five-point model places the landmarks in a chip without padding, as shares of its side."""
NEAR = 5.0
"""Years either side of the perceived age whose probability is its confidence."""
DRAWN_SIDE = 160
ROWS = 256
"""Chips that the networks see together; each row is computed on its own, so this changes no number."""

AMBIGUOUS = Abstained(reason="ambiguous")
BETWEEN_BANDS = Abstained(reason="between age bands")
TOO_SMALL = Abstained(reason="face too small")
NO_LANDMARKS = Abstained(reason="no landmarks")


class Attributes(Scorer):
    """How depicted faces come across to a classifier: perceived gender and perceived age, face by face.

    What is measured is an impression of a picture, never who somebody is. An image without a face abstains; the whole
    image is never taken in its place. The gender network knows two classes and is sure of itself nearly always, so
    its confidence is no probability: ``gender_confidence`` leaves out the faces that even it finds ambiguous, and a share
    made from these labels needs correction by labelled images.

    Measured with the defaults on 180 FairFace photographs of adults, balanced over two genders and six age bands (95 %
    Wilson intervals): a face was found in 83 % [77, 88]; of 150 faces 15 % were ambiguous, and of the rest 93 % [87, 96]
    agreed with the annotated gender; of 133 faces with an age band 62 % [53, 70] agreed, because people over 50 are
    read about ten years too young. Generated faces may be read better or worse: label some of yours.
    """

    infers_people: ClassVar[bool] = True
    source: ClassVar[str] = "dlib-models' gender (2 classes) and age (81 classes) networks, by Cydral Technology, CC0"

    faces: str = "faces"
    """Name, in the spec, of the scorer that finds the faces."""
    pack: str = "perceived-gender-age"
    gender_confidence: float = Field(default=0.8, ge=0.5, le=1)
    """Below this network output a face is ambiguous."""
    band_confidence: float = Field(default=0.5, ge=0, le=1)
    """Least probability of the age band; below it the face lies between bands."""
    age_bands: tuple[int, ...] = (30, 50)
    """First year of each band after the youngest."""
    smallest_face: float = Field(default=24, ge=0)
    """Width of the face box in pixels of the delivered image, below which a face is not judged."""

    @field_validator("age_bands")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(after <= before for before, after in pairwise((0, *value))) or value[-1] > AGES[-1]:
            raise ValueError("age_bands are rising years from 1 to 80, such as [30, 50]")
        return value

    def columns(self) -> tuple[Column, ...]:
        """By face; on the whole image only an abstention where there is none."""
        return (
            Column("perceived_gender", "label", "Perceived gender of the face", levels=GENDERS, regional=True),
            Column("perceived_age", "number", "Perceived age of the face", unit="years", regional=True),
            Column("perceived_age_band", "label", "Perceived age band of the face", levels=self.bands, regional=True),
        )

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the age bands, youngest first."""
        middle = [f"{first}-{after - 1}" for first, after in pairwise(self.age_bands)]
        return (f"under {self.age_bands[0]}", *middle, f"{self.age_bands[-1]} and over")

    def requires(self) -> tuple[str, ...]:
        """The face scorer."""
        return (self.faces,)

    def packs(self) -> tuple[str, ...]:
        """The two networks' pack."""
        return (self.pack,)

    def numerics(self, device: str) -> dict[str, str]:
        """The runtime of the networks and the library that cuts the chips."""
        chips = f"similarity of five landmarks, bilinear, {GENDER_SIDE} and {AGE_SIDE} px, padding {CHIP_PADDING}"
        return {**onnx_file.runtime(device), "dlib": dlib.__version__, "chips": chips}

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Nothing of a picture without a face; of a drawn one only the same twice: what is right of it nobody can say."""
        grey = np.full((DRAWN_SIDE, DRAWN_SIDE, 3), 128, dtype=np.uint8)
        nobody = {column.name: (NO_FACE,) for column in self.columns()}
        return (
            KnownAnswer("even grey", (grey,), nobody),
            KnownAnswer("a drawn face", (drawn_face(DRAWN_SIDE),), {}),
        )

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Open both networks."""
        pack = locate(self.pack)
        networks = _Networks(
            open_model(pack.file("gender-v1.onnx"), device),
            open_model(pack.file("age-v1.onnx"), device),
        )
        yield lambda views: self._score(views, networks)

    def _score(self, views: Sequence[View], networks: "_Networks") -> list[list[Row]]:
        chips: list[_Chips] = []
        marks = [[self._prepare(view, row, chips) for row in regions(required(view, self.faces))] for view in views]
        judged = networks.judge(chips)
        return [self._rows(faces, judged) for faces in marks]

    def _prepare(self, view: View, face: Row, chips: list["_Chips"]) -> int | Abstained:
        """Cut a face's chips and say where they are, or why there are none."""
        left, right, landmarks = number(face, "left"), number(face, "right"), vector(face, "landmarks")
        if landmarks is None or landmarks.size != 2 * len(TEMPLATE):
            return NO_LANDMARKS
        if left is not None and right is not None and right - left < self.smallest_face:
            return TOO_SMALL
        pixels = checked_pixels(view)
        chips.append(_Chips(face_chip(pixels, landmarks, GENDER_SIDE), face_chip(pixels, landmarks, AGE_SIDE)))
        return len(chips) - 1

    def _rows(self, faces: Sequence[int | Abstained], judged: Sequence["_Judged"]) -> list[Row]:
        if not faces:
            return [Row(self._all(NO_FACE))]
        rows = [self._all(mark) if isinstance(mark, Abstained) else self._values(judged[mark]) for mark in faces]
        return [Row({}), *(Row(values, region) for region, values in enumerate(rows))]

    def _all(self, why: Abstained) -> dict[str, Value]:
        return {column.name: why for column in self.columns()}

    def _values(self, judged: "_Judged") -> dict[str, Value]:
        sure = float(judged.gender.max())
        gender = GENDERS[int(judged.gender.argmax())]
        years = float(judged.age @ AGES)
        edges = (0, *self.age_bands, np.inf)
        place = int(np.searchsorted(self.age_bands, years, side="right"))
        within = float(judged.age[(edges[place] <= AGES) & (edges[place + 1] > AGES)].sum())
        near = float(judged.age[np.abs(AGES - years) <= NEAR].sum())
        return {
            "perceived_gender": Scored(value=gender, confidence=sure) if sure >= self.gender_confidence else AMBIGUOUS,
            "perceived_age": Scored(value=years, confidence=near),
            "perceived_age_band": (
                Scored(value=self.bands[place], confidence=within) if within >= self.band_confidence else BETWEEN_BANDS
            ),
        }


@dataclass(frozen=True, slots=True)
class _Chips:
    gender: Pixels
    age: Pixels


@dataclass(frozen=True, slots=True)
class _Judged:
    gender: Floats
    """(2,) shares of ``GENDERS``."""
    age: Floats
    """(81,) shares of ``AGES``."""


@dataclass(frozen=True, slots=True)
class _Networks:
    gender: Callable[[Floats], Floats]
    age: Callable[[Floats], Floats]

    def judge(self, chips: Sequence[_Chips]) -> list[_Judged]:
        judged: list[_Judged] = []
        for start in range(0, len(chips), ROWS):
            part = chips[start : start + ROWS]
            genders = _shares(self.gender(_input([chip.gender for chip in part])), len(GENDERS))
            ages = _shares(self.age(_input([chip.age for chip in part])), len(AGES))
            judged.extend(_Judged(gender, age) for gender, age in zip(genders, ages, strict=True))
        return judged


def face_chip(pixels: Pixels, landmarks: npt.NDArray[np.float32], side: int) -> Pixels:
    """Cut a face upright and to scale.

    Equal to ``dlib.get_face_chip`` where the landmarks are whole numbers; it also takes those between pixels, which a
    face found in an enlarged copy of a small image has.

    Args:
        pixels: (height, width, 3).
        landmarks: x and y in turn of dlib's five points, in pixels.
        side: width and height of the chip.
    """
    scale = side / (1 + 2 * CHIP_PADDING)
    chip = dlib.dpoints([dlib.dpoint((x + CHIP_PADDING) * scale, (y + CHIP_PADDING) * scale) for x, y in TEMPLATE])
    image = dlib.dpoints([dlib.dpoint(float(x), float(y)) for x, y in landmarks.reshape(-1, 2)])
    details = dlib.chip_details(chip, image, dlib.chip_dims(side, side))
    return np.asarray(dlib.extract_image_chip(np.ascontiguousarray(pixels), details), dtype=np.uint8)


def _input(chips: Sequence[Pixels]) -> Floats:
    return np.ascontiguousarray(((np.stack(chips).astype(np.float32) - MEANS) / 256).transpose(0, 3, 1, 2))


def _shares(found: Floats, classes: int) -> Floats:
    if found.ndim != 2 or found.shape[1] != classes or not np.isfinite(found).all():
        raise ScoringError(f"a network of the face pack gave {found.shape}, not finite shares of {classes} classes")
    return found

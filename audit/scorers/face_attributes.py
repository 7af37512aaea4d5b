"""What scorers of perceived gender and age have in common: chips of faces in, labels or a reason for none out."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from audit.component import Column, KnownAnswer, Row, Scorer, Value, View
from audit.images import Pixels
from audit.records import Abstained, Scored
from audit.scorers.drawn_face import drawn_face
from audit.scorers.face_chips import LANDMARKS, face_chip
from audit.scorers.faces import NO_FACE
from audit.scorers.views import checked_pixels, number, regions, required, vector

__all__ = ["GENDERS", "NEAR", "FaceAttributes", "Floats", "Impression", "Judge"]

Floats = npt.NDArray[np.float32]

GENDERS = ("feminine", "masculine")
NEAR = 5.0
"""Years either side of the perceived age whose probability is its confidence."""
OLDEST = 80
DRAWN_SIDE = 160
ROWS = 256
"""Faces that a network sees together; each row is computed on its own, so this changes no number beyond rounding."""

AMBIGUOUS = Abstained(reason="ambiguous")
BETWEEN_BANDS = Abstained(reason="between age bands")
TOO_SMALL = Abstained(reason="face too small")
NO_LANDMARKS = Abstained(reason="no landmarks")


@dataclass(frozen=True, slots=True)
class Impression:
    """What a model makes of one face."""

    gender: Floats
    """(2,) shares of ``GENDERS``, sum 1."""
    years: float
    bands: Floats
    """Shares of the age bands, youngest first, sum 1."""
    near: float | None = None
    """Share within ``NEAR`` years of ``years``; None where the model says nothing of it."""


Judge = Callable[[Sequence[tuple[Pixels, ...]]], Sequence[Impression]]
"""Looks at faces, each as a chip of each of ``chip_sides``."""


class FaceAttributes(Scorer):
    """Perceived gender and perceived age of faces; a subclass brings the model."""

    infers_people: ClassVar[bool] = True
    chip_sides: ClassVar[tuple[int, ...]]
    """Widths of the chips that the model looks at, in pixels."""

    faces: str = "faces"
    """Name, in the spec, of the scorer that finds the faces."""
    gender_confidence: float = Field(default=0.8, ge=0.5, le=1)
    """Below this network output a face is ambiguous; ``imgaudit calibrate`` chooses it from labelled images."""
    band_confidence: float = Field(default=0.5, ge=0, le=1)
    """Least share of the age band; below it the face lies between bands. ``imgaudit calibrate`` chooses it."""
    age_bands: tuple[int, ...] = (30, 50)
    """First year of each band after the youngest."""
    smallest_face: float = Field(default=24, ge=0)
    """Width of the face box in pixels of the delivered image, below which a face is not judged."""

    @field_validator("age_bands")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(after <= before for before, after in pairwise((0, *value))) or value[-1] > OLDEST:
            raise ValueError(f"age_bands are rising years from 1 to {OLDEST}, such as [30, 50]")
        return value

    @abstractmethod
    def packs(self) -> tuple[str, ...]:
        """The model's pack."""

    def columns(self) -> tuple[Column, ...]:
        """By face; on the whole image only an abstention where there is none."""
        return (
            Column("perceived_gender", "label", "Perceived gender of the face", levels=GENDERS, regional=True),
            Column("perceived_age", "number", "Perceived age of the face", unit="years", regional=True),
            Column("perceived_age_band", "label", "Perceived age band of the face", levels=self.bands, regional=True),
        )

    def thresholds(self) -> Mapping[str, str]:
        """Both labels have an ambiguous band."""
        return {"perceived_gender": "gender_confidence", "perceived_age_band": "band_confidence"}

    def remedies(self) -> Mapping[str, str]:
        """Small faces and ambiguous labels."""
        return {
            TOO_SMALL.reason: "smallest_face",
            AMBIGUOUS.reason: "gender_confidence",
            BETWEEN_BANDS.reason: "band_confidence",
        }

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the age bands, youngest first."""
        middle = [f"{first}-{after - 1}" for first, after in pairwise(self.age_bands)]
        return (f"under {self.age_bands[0]}", *middle, f"{self.age_bands[-1]} and over")

    def requires(self) -> tuple[str, ...]:
        """The face scorer."""
        return (self.faces,)

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Nothing of a picture without a face; of a drawn one only the same twice: what is right of it nobody can say."""
        grey = np.full((DRAWN_SIDE, DRAWN_SIDE, 3), 128, dtype=np.uint8)
        nobody = {column.name: (NO_FACE,) for column in self.columns()}
        return (
            KnownAnswer("even grey", (grey,), nobody),
            KnownAnswer("a drawn face", (drawn_face(DRAWN_SIDE),), {}),
        )

    def score_faces(self, views: Sequence[View], judge: Judge) -> list[list[Row]]:
        """Rows of a batch: every face judged, or the reason why not in its place."""
        chips: list[tuple[Pixels, ...]] = []
        marks = [[self._prepare(view, face, chips) for face in regions(required(view, self.faces))] for view in views]
        judged = [found for start in range(0, len(chips), ROWS) for found in judge(chips[start : start + ROWS])]
        return [self._rows(faces, judged) for faces in marks]

    def _prepare(self, view: View, face: Row, chips: list[tuple[Pixels, ...]]) -> int | Abstained:
        """Cut a face's chips and say where they are, or why there are none."""
        left, right, landmarks = number(face, "left"), number(face, "right"), vector(face, "landmarks")
        if landmarks is None or landmarks.size != LANDMARKS:
            return NO_LANDMARKS
        if left is not None and right is not None and right - left < self.smallest_face:
            return TOO_SMALL
        pixels = checked_pixels(view)
        chips.append(tuple(face_chip(pixels, landmarks, side) for side in self.chip_sides))
        return len(chips) - 1

    def _rows(self, faces: Sequence[int | Abstained], judged: Sequence[Impression]) -> list[Row]:
        if not faces:
            return [Row(self._all(NO_FACE))]
        rows = [self._all(mark) if isinstance(mark, Abstained) else self._values(judged[mark]) for mark in faces]
        return [Row({}), *(Row(values, region) for region, values in enumerate(rows))]

    def _all(self, why: Abstained) -> dict[str, Value]:
        return {column.name: why for column in self.columns()}

    def _values(self, found: Impression) -> dict[str, Value]:
        sure, gender = float(found.gender.max()), GENDERS[int(found.gender.argmax())]
        # The band that holds the mean age, not the likeliest one: an age of two minds lies between bands.
        place = int(np.searchsorted(self.age_bands, found.years, side="right"))
        within = float(found.bands[place])
        return {
            "perceived_gender": Scored(value=gender, confidence=sure) if sure >= self.gender_confidence else AMBIGUOUS,
            "perceived_age": found.years if found.near is None else Scored(value=found.years, confidence=found.near),
            "perceived_age_band": (
                Scored(value=self.bands[place], confidence=within) if within >= self.band_confidence else BETWEEN_BANDS
            ),
        }

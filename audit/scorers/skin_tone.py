"""Scorer ``skin_tone``: the apparent tone of the skin of faces, lighting included, and what light alone may have done."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.face_columns import BOX, NO_FACE
from audit.records import Abstained
from audit.scorers.skin_columns import tone_columns, tone_numerics, tone_values, without_tone
from audit.scorers.skin_light import LightLimits
from audit.scorers.skin_mask import FaceFrame, skin_mask
from audit.scorers.skin_reading import TOO_LITTLE, Scene, SkinLimits
from audit.scorers.views import checked_pixels, number, regions, required, vector

__all__ = ["NO_FACE", "NO_LANDMARKS", "TOO_SMALL", "SkinTone"]

NO_LANDMARKS = Abstained(reason="no landmarks")
TOO_SMALL = Abstained(reason="face too small")

HAIR, NECK, SIDES = 0.5, 0.3, 0.25
"""Above, below and at both sides of a face's box, in shares of its height and width: still of that person."""


class SkinTone(Scorer):
    """The apparent, rendered skin colour of faces, lighting included: of a picture, never of a person.

    Read on cheeks and forehead, laid out from the landmarks, without clipped pixels, shadows, gloss and what is of
    another colour; the median in CIELAB gives typology angle, hue and a soft place on the Monk scale. The label is a
    bin of two or three tones, since half a stop of light moves many tones by one; its confidence is the soft membership in
    the bin. All of it comes twice: as the picture shows it, and ``_balanced`` for the light that its other parts tell of;
    the difference says how far light alone may have moved it, and neither is the truth.

    Abstains where no face is found, a face is too small, and its skin is clipped, grey or in a grey or sepia picture, too
    rough, too little, or of a colour that no skin has. Skin burnt out to white gets a label (the lightest) and no number.
    """

    infers_people: ClassVar[bool] = True
    uses_device: ClassVar[bool] = False
    source: ClassVar[str] = (
        "Monk Skin Tone scale (Monk 2023); CIEDE2000 (Sharma et al. 2005), k_L = 2; typology angle (Chardon et al. 1991) "
        "of |b*|; hue (Thong et al. 2023); light by shades of grey (Finlayson & Trezzi 2004)"
    )

    faces: str = "faces"
    """Name, in the spec, of the scorer that finds the faces."""
    smallest_face: float = Field(default=64, ge=0)
    """Width of the face box in pixels of the delivered image, below which a face is not read."""
    least_pixels: int = Field(default=500, ge=1)
    """Fewer pixels of unclipped skin than this are not read."""
    scene_level: float = Field(default=0.5, gt=0, le=1)
    """Linear light (Minkowski mean, p = 6) around faces in a well-lit picture, to which exposure is balanced."""
    most_stops: float = Field(default=1.0, ge=0, le=4)
    """Most that exposure is balanced by, in stops; 0 balances colour alone."""

    def columns(self) -> tuple[Column, ...]:
        """By face; on the whole image only an abstention where there is none."""
        return tone_columns(regional=True)

    def requires(self) -> tuple[str, ...]:
        """The face scorer."""
        return (self.faces,)

    def remedies(self) -> Mapping[str, str]:
        """Small faces and small patches of skin."""
        return {TOO_SMALL.reason: "smallest_face", TOO_LITTLE.reason: "least_pixels"}

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002  # it runs on the CPU whatever the device
        """The libraries that measure colours."""
        return tone_numerics()

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Nothing of a picture without a face."""
        grey = np.full((160, 160, 3), 128, dtype=np.uint8)
        return (KnownAnswer("even grey", (grey,), {column.name: (NO_FACE,) for column in self.columns()}),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield lambda views: [self._rows(view) for view in views]

    def _rows(self, view: View) -> list[Row]:
        faces = regions(required(view, self.faces))
        if not faces:
            return [Row(without_tone(NO_FACE))]
        pixels = checked_pixels(view)
        light = LightLimits(level=self.scene_level, most_stops=self.most_stops)
        limits = SkinLimits(fewest=self.least_pixels, light=light)
        scene = Scene(pixels, _around(faces, (pixels.shape[0], pixels.shape[1])), limits)
        return [Row({}), *(Row(self._read(scene, face), region) for region, face in enumerate(faces))]

    def _read(self, scene: Scene, face: Row) -> dict[str, Value]:
        left, right, landmarks = number(face, "left"), number(face, "right"), vector(face, "landmarks")
        frame = None if landmarks is None else FaceFrame.of(landmarks)
        if frame is None:
            return without_tone(NO_LANDMARKS)
        if left is not None and right is not None and right - left < self.smallest_face:
            return without_tone(TOO_SMALL)
        height, width = scene.around.shape
        return tone_values(scene.read(skin_mask(scene.pixels, frame), frame.window((height, width))))


def _around(faces: Sequence[Row], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(height, width) what lies outside all faces, hair and necks."""
    around = np.ones(shape, dtype=bool)
    for face in faces:
        box = [number(face, name) for name in BOX]
        left, top, right, bottom = (0.0 if end is None else end for end in box)
        width, height = right - left, bottom - top
        rows = slice(max(0, int(top - HAIR * height)), max(0, int(bottom + NECK * height)))
        columns = slice(max(0, int(left - SIDES * width)), max(0, int(right + SIDES * width)))
        around[rows, columns] = False
    return around

"""Scorer ``zero_shot``: labels of your own, each described in words, by the nearest description in CLIP's space."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from audit.component import Column, Row, ScoreBatch, Value, View
from audit.errors import InputError, ScoringError
from audit.model_files import torch_device
from audit.records import Abstained, Scored
from audit.scorers.clip_model import Text, UsesClip, load_clip
from audit.scorers.views import label, required, vector, whole

__all__ = ["ZeroShot"]

Floats = npt.NDArray[np.float32]
UNSURE = Abstained(reason="unsure")
NO_VECTOR = Abstained(reason="no CLIP vector")


class ZeroShot(UsesClip):
    """The label whose description is closest to the image, or none where two are about as close.

    Works on the vectors of a ``clip`` scorer, so no image is encoded again; name the same model here as there. A label with
    several descriptions takes their mean direction. What is labelled is the whole picture, background included, as an
    encoder trained on captions sees it: labels of people made in this way are perceived ones of unknown error, until you
    measure it on labelled images by ``imgaudit calibrate``.
    """

    infers_people: ClassVar[bool] = True
    source: ClassVar[str] = "Radford et al. 2021, zero-shot classification with prompt ensembles"

    labels: dict[str, tuple[str, ...]] = Field(min_length=2)
    """Label -> descriptions of an image that has it, in the model's language."""
    column: str = Field(default="label", pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the column that holds the labels."""
    clip: str = "clip"
    """Name, in the spec, of the scorer that gives the vectors."""
    margin: float = Field(default=0.01, ge=0, le=2)
    """Least lead of the best label's cosine over the second; below it the image has no label."""
    temperature: float = Field(default=0.01, gt=0, le=10)
    """Divides the cosines before the softmax that gives the confidence; 0.01 is how CLIP was trained. No probability."""
    least_confidence: float = Field(default=0, ge=0, le=1)
    """Below this confidence the image has no label either; ``imgaudit calibrate`` chooses it from labelled images."""

    @model_validator(mode="after")
    def _described(self) -> Self:
        for name, texts in self.labels.items():
            if not (name and texts and all(text.strip() for text in texts)):
                raise ValueError(f"label {name!r} needs a name and one description or more, none of them empty")
        if self.column == "margin":
            raise ValueError("the column 'margin' holds the lead; choose another name for the labels")
        return self

    def columns(self) -> tuple[Column, ...]:
        """Both of the whole image."""
        return (
            Column(self.column, "label", "Nearest description of the whole image", levels=tuple(self.labels)),
            Column("margin", "number", "Lead of the best label's cosine over the second"),
        )

    def thresholds(self) -> Mapping[str, str]:
        """The labels have one, on top of the margin."""
        return {self.column: "least_confidence"}

    def requires(self) -> tuple[str, ...]:
        """The scorer of the vectors."""
        return (self.clip,)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Encode the descriptions; the model itself is not kept."""
        directions = self._directions(device)
        space = self.space()
        yield lambda views: [[Row(self._values(view, directions, space))] for view in views]

    def _directions(self, device: str) -> Floats:
        """(labels, d) unit vectors."""
        with ThreadPoolExecutor(1) as pool:
            model = load_clip(self, device, pool)
            means = [_direction(name, model.texts(texts)) for name, texts in self.labels.items()]
        del model
        torch_device.release(device)
        return np.stack(means)

    def _values(self, view: View, directions: Floats, space: str) -> dict[str, Value]:
        row = whole(required(view, self.clip))
        image = None if row is None else vector(row, "vector")
        if row is None or image is None:
            return {self.column: NO_VECTOR, "margin": NO_VECTOR}
        theirs = label(row, "space")
        if theirs not in {None, space} or image.shape != directions.shape[1:]:
            raise ScoringError(
                f"the vectors of scorer {self.clip!r} belong to {theirs or f'a space of {image.size} dimensions'}, "
                f"the labels to {space}; give both the same pack or path"
            )
        cosines = directions.astype(np.float64) @ image.astype(np.float64)
        second, best = np.sort(cosines)[-2:]
        margin = float(best - second)
        shares = np.exp((cosines - best) / self.temperature)
        name = tuple(self.labels)[int(cosines.argmax())]
        sure = float(1 / shares.sum())
        clear = margin >= self.margin and sure >= self.least_confidence
        return {self.column: Scored(value=name, confidence=sure) if clear else UNSURE, "margin": margin}


def _direction(name: str, texts: Sequence[Text]) -> Floats:
    """The mean direction of a label's descriptions."""
    for text in texts:
        if text.truncated:
            raise InputError(
                f"label {name!r}: a description has {text.tokens} tokens, more than the model reads; shorten it"
            )
    mean = np.mean([text.vector for text in texts], axis=0, dtype=np.float64)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

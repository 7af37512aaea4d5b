"""Scorer ``second_attributes``: perceived gender and perceived age by another, independent model, as a second opinion."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy import special
from torch import nn

from audit.component import ScoreBatch
from audit.errors import ScoringError
from audit.images import Pixels
from audit.model_files import torch_device
from audit.model_files.tfjs_file import read_tfjs
from audit.model_files.weight_files import fit
from audit.scorers.face_attributes import NEAR, FaceAttributes, Floats, Impression
from audit.scorers.face_chips import chip_numerics
from audit.scorers.tiny_xception import SIDE, TinyXception, tensors_of
from audit.weights import locate

__all__ = ["SecondAttributes"]

MANIFEST = "age_gender_model-weights_manifest.json"
MEANS = np.array([122.782, 117.001, 104.298], dtype=np.float32)
"""Mean red, green and blue that the network was trained with."""


class SecondAttributes(FaceAttributes):
    """Perceived gender and perceived age of faces by a second model, to be combined with ``attributes`` by ``agreement``.

    What it says is an impression of a picture, never who somebody is. It gives one number of years and no distribution, so
    the confidence of an age band supposes a normal error of ``age_error`` years around it.

    Measured on 180 FairFace photographs of adults (95 % Wilson intervals; ``python -m benchmarks.people labels``): without
    an ambiguous band 22 % [16, 28] were read as another gender than the annotated one, of women 36 % [26, 46] and of men
    8 % [4, 15]; 27 % [21, 34] got another age band, and 88 % [83, 92] an age within a decade of the annotated one.
    """

    source: ClassVar[str] = "face-api's age and gender network (a small Xception, Chollet 2017), by Muehler and Mandic, MIT"
    chip_sides: ClassVar[tuple[int, ...]] = (SIDE,)

    pack: str = "perceived-gender-age-second"
    age_error: float = Field(default=10, gt=0, le=100)
    """Standard deviation in years of the error of perceived age that confidences of age bands suppose."""

    def packs(self) -> tuple[str, ...]:
        """The network's pack."""
        return (self.pack,)

    def numerics(self, device: str) -> dict[str, str]:
        """How torch computes, and the library that cuts the chips."""
        return {**torch_device.runtime(device), **chip_numerics(*self.chip_sides)}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Load the network."""
        torch_device.exact_arithmetic()
        manifest = locate(self.pack).file(MANIFEST)
        network = fit(TinyXception(), tensors_of(read_tfjs(manifest)), str(manifest)).eval().requires_grad_(False)
        place = torch.device(device)
        network.to(place)
        yield lambda views: self.score_faces(views, lambda chips: self._judged(chips, network, place))
        torch_device.release(device)

    def _judged(self, chips: Sequence[tuple[Pixels, ...]], network: nn.Module, place: torch.device) -> list[Impression]:
        faces = (np.stack([chip for (chip,) in chips]).astype(np.float32) - MEANS) / 255
        with torch.inference_mode(), torch_device.memory_errors(len(faces)):
            found = network(torch.from_numpy(faces.transpose(0, 3, 1, 2)).contiguous().to(place)).cpu().numpy()
        if not np.isfinite(found).all():
            raise ScoringError("the second network of perceived gender and age gave numbers that are not finite")
        return [self._impression(of_face) for of_face in found]

    def _impression(self, found: Floats) -> Impression:
        years = max(0.0, float(found[0]))
        inner = special.ndtr((np.array(self.age_bands) - years) / self.age_error)
        bands = np.diff(np.concatenate([[0.0], inner, [1.0]]))
        near = float(special.erf(NEAR / self.age_error / np.sqrt(2)))
        return Impression(found[[2, 1]], years, bands.astype(np.float32), near)

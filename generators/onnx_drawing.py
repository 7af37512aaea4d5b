"""From requests to pixels with an open ONNX model, one block at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime

from audit.component import Product, Request
from audit.errors import GenerationError, OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out
from generators.conditions import asked_label
from generators.onnx_wiring import Wiring
from generators.outputs import Range, check_independence, check_shape, products

__all__ = ["TRUNCATED_AT", "OnnxDrawing", "OnnxLatents"]

TRUNCATED_AT = 2.0
"""Standard deviations beyond which a value of a truncated latent is drawn again."""
REMEDY = "export it in evaluation mode and with its noise fixed"


@dataclass(frozen=True, slots=True)
class OnnxLatents:
    """The distribution that a model draws z and labels from; see ``OnnxModel``."""

    shape: tuple[int, ...]
    """Shape of one z."""
    classes: int = 0
    """How many classes the generator has; 0 where it takes no label."""
    truncation: float | None = None
    """psi in (0, 1]; None for none."""

    def sample(self, requests: Sequence[Request]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Draw z of shape (n, *shape) and labels of shape (n,), each from a generator with the draw's seed.

        Raises:
            InputError: a label that the generator does not have.
            GenerationError: a condition that is neither latent nor class label.
        """
        latents, labels = [], []
        for request in requests:
            rng = np.random.default_rng(request.draw.seed)
            z = rng.standard_normal(self.shape)
            latents.append(z if self.truncation is None else _truncated(z, rng) * self.truncation)
            label = asked_label(request, self.classes)
            labels.append(int(rng.integers(max(self.classes, 1))) if label is None else label)
        return np.stack(latents), np.array(labels, dtype=np.int64)


def _truncated(z: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    outside = np.abs(z) > TRUNCATED_AT
    while outside.any():
        z[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(z) > TRUNCATED_AT
    return z


class OnnxDrawing:
    """The drawing function of an open model. The first block is drawn twice, to see that images are independent."""

    def __init__(
        self, session: onnxruntime.InferenceSession, wiring: Wiring, latents: OnnxLatents, output_range: Range
    ) -> None:
        """Take what to draw with."""
        self._session: onnxruntime.InferenceSession | None = session
        self._wiring = wiring
        self._latents = latents
        self._range = output_range
        self._checked = False

    def close(self) -> None:
        """Let go of the model, so that its memory can be given back."""
        self._session = None

    def __call__(self, requests: Sequence[Request]) -> list[Product]:
        """Draw a block.

        Raises:
            OutOfMemory: the device cannot hold it.
            GenerationError: the model breaks a promise: count, shape, range, independence of the images.
        """
        z, labels = self._latents.sample(requests)
        drawn = self._draw(z, labels)
        if not self._checked and isinstance(drawn[0], np.ndarray):
            again = self._draw(np.concatenate([z[:1], -z[1:]]), labels)[0]
            assert isinstance(again, np.ndarray)
            check_independence(drawn[0], again, self._wiring.source, REMEDY)
            self._checked = True
        return drawn

    def _draw(self, z: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> list[Product]:
        session, wiring = self._session, self._wiring
        assert session is not None, "drawing with a generator that was closed"
        try:
            (images,) = session.run([wiring.output], wiring.feed(z, labels, self._latents.classes))
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            if memory_ran_out(error):
                raise OutOfMemory(f"{wiring.source}: the device's memory cannot hold a batch of {len(z)}") from error
            raise GenerationError(
                f"{wiring.source}: the model fails on z of shape {z.shape} ({first_line(error)})"
            ) from error
        if not (isinstance(images, np.ndarray) and np.issubdtype(images.dtype, np.floating)):
            found = getattr(images, "dtype", type(images).__name__)
            raise GenerationError(f"{wiring.source}: output {wiring.output} is {found}; expected floating-point numbers")
        check_shape(images.shape, len(z), wiring.source)
        return products(images, self._range, wiring.source)

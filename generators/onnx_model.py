"""Exported generators in ONNX, run by onnxruntime."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, FiniteFloat, model_validator

from audit.component import DrawBatch, Generator
from audit.digest import canonical_json, digest, file_digest
from audit.errors import InputError
from audit.model_files.onnx_file import external_files, open_session, runtime
from audit.records import ClassLabel, Latent
from audit.weights import locate
from generators.onnx_drawing import OnnxDrawing, OnnxLatents
from generators.onnx_wiring import Wish, wire

__all__ = ["OnnxModel"]

Side = Annotated[int, Field(ge=1, le=65_536)]


class OnnxModel(Generator):
    """A generator exported to ONNX: z, or z and a class label, to images of shape (n, 1 or 3, height, width).

    Each z is standard normal, from a NumPy generator of its own (PCG64) with the draw's seed; so the same seed gives
    another z than in ``gan``, which draws with torch. A model that draws noise of its own is refused.
    """

    source = "Goodfellow et al. 2014; truncation: Brock et al. 2019, section 3.1"

    path: Path | None = None
    """The ``.onnx`` file; tensors that it keeps in files of their own lie beside it."""
    pack: str = ""
    """The model from a weight pack instead."""
    file: str = ""
    """Which file of the pack."""
    latent_input: str = ""
    """Name of the input that takes z; found by itself where only one can be it."""
    label_input: str = ""
    """Name of the input that takes the label, as whole numbers or, where it takes floats, one-hot."""
    output: str = ""
    """Name of the output with the images; the first where none is named."""
    latent: tuple[Side, ...] = Field(default=(), max_length=4)
    """Shape of z for one image; needed only where the model leaves it open."""
    classes: int = Field(default=0, ge=0)
    """How many classes it draws; 0 where it takes no label."""
    call_params: dict[str, FiniteFloat | tuple[FiniteFloat, ...]] = {}
    """Values of further inputs, such as {truncation: 0.5}; one number fills an input of any fixed shape."""
    truncation: FiniteFloat | None = Field(default=None, gt=0, le=1)
    """psi: each value of z beyond two standard deviations is drawn again, then all are multiplied by psi."""
    output_range: tuple[FiniteFloat, FiniteFloat] = (-1.0, 1.0)
    """The model's values for black and for full brightness."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.path is None) == (not self.pack):
            raise ValueError("give exactly one of path and pack")
        if bool(self.pack) != bool(self.file):
            raise ValueError("pack and file go together: the weight pack and which of its files")
        if not self.output_range[0] < self.output_range[1]:
            raise ValueError("output_range is [black, full brightness], and the first is the smaller")
        return self

    def accepts(self) -> tuple[type[ClassLabel] | type[Latent], ...]:
        """Latents; with ``classes`` also class labels, and then a latent's label is drawn uniformly from its seed."""
        return (ClassLabel, Latent) if self.classes else (Latent,)

    def packs(self) -> tuple[str, ...]:
        """The pack of the model."""
        return (self.pack,) if self.pack else ()

    def fingerprint(self) -> str:
        """Digest of the model and of the files that it keeps tensors in."""
        if self.path is None:
            return ""
        return digest([file_digest(file) for file in (self.path, *external_files(self.path))])

    def numerics(self, device: str) -> dict[str, str]:
        """The runtime and the backend that it runs on; TF32 is off."""
        return runtime(device)

    def settings(self) -> dict[str, str]:
        """What a reader must know of how it was run."""
        found = {
            "path": str(self.path or ""),
            "pack": f"{self.pack} ({self.file})" if self.pack else "",
            "call_params": canonical_json(self.model_dump(mode="json")["call_params"]).decode() if self.call_params else "",
        }
        return {name: text for name, text in found.items() if text} | {
            "latent": f"standard normal, shape {list(self.latent) if self.latent else 'of the model'}",
            "classes": f"{self.classes}; of a latent: uniform" if self.classes else "none",
            "truncation": "none" if self.truncation is None else f"psi {self.truncation:g}, towards zero",
            "output_range": f"{self.output_range[0]:g}..{self.output_range[1]:g}",
        }

    def check(self) -> None:
        """See that the model and the files that it refers to are there."""
        if self.pack:
            locate(self.pack).file(self.file)
        if self.path is not None:
            if not self.path.is_file():
                raise InputError(f"{self.path}: no such file; onnx_model reads its network from it")
            external_files(self.path)

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        """Load the model, yield the drawing function, give the memory back.

        Raises:
            InputError: not an ONNX model, or its inputs are not those of the parameters.
        """
        path = self.path or locate(self.pack).file(self.file)
        session = open_session(path, device)
        wiring = wire(session, self._wish(), path)
        latents = OnnxLatents(wiring.latent_shape, self.classes, self.truncation)
        drawing = OnnxDrawing(session, wiring, latents, self.output_range)
        del session
        try:
            yield drawing
        finally:
            drawing.close()
            gc.collect()

    def _wish(self) -> Wish:
        return Wish(
            latent_input=self.latent_input,
            label_input=self.label_input,
            output=self.output,
            latent=self.latent,
            classes=self.classes,
            batch=self.batch,
            call_params=self.call_params,
        )

"""Scorer ``features``: one vector an image, from an ImageNet, Inception or DINOv2 network or the user's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
import timm as timm_library
import torch
from pydantic import Field, model_validator

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.digest import digest, file_digest
from audit.errors import InputError, ScoringError, WeightsError
from audit.images import Pixels
from audit.model_files import onnx_file, torch_device
from audit.records import Abstained
from audit.scorers.feature_models import PACKS, Network, Recipe, build, timm_config
from audit.scorers.preprocess import Kernel
from audit.scorers.views import checked_pixels
from audit.weights import locate

__all__ = ["Features"]

WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".onnx")
NOT_FINITE = Abstained(reason="the network gave numbers that are not finite")
ROWS_ON_CPU = 32
"""More images at once are no faster on a CPU and take more memory. No number depends on it beyond float32 rounding."""

Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0, le=1)]


class Features(Scorer):
    """A vector for each image, for distances between sets of images.

    Name one network: a ``pack`` of the catalogue (``efficientnet-lite0``, ``inception-v3-fid``, ``dinov2-vitl14``); or any
    model of the timm library with its ``weights``; or your own as ``torchscript`` or ``onnx``, and then say how it was
    trained to see images: ``side``, ``mean``, ``std`` and ``dimension``.

    Vectors of two protocols (network, weights, resize, scale, precision) are never comparable; all of these are part of
    the scorer's identity. Networks run in float32, in evaluation mode, with TF32 off, so that the batch size changes no
    feature by more than 1e-4.
    """

    source: ClassVar[str] = (
        "resize: Parmar, Zhang, Zhu 2022; EfficientNet-lite0: Tan & Le 2019; Inception: Szegedy et al. 2015, Heusel et al. "
        "2017; DINOv2: Oquab et al. 2023"
    )

    pack: str = ""
    """Weight pack, by catalogue name."""
    file: str = ""
    """Which file of the pack; empty where it holds one network."""
    timm: str = ""
    """timm's name of an architecture."""
    weights: Path | None = None
    """Its state dict: safetensors, or a torch checkpoint that holds tensors only."""
    torchscript: Path | None = None
    onnx: Path | None = None
    side: int | None = Field(default=None, ge=8, le=4096)
    """Pixels to which both sides are resized; None: the network's usual size."""
    kernel: Kernel = "bicubic_antialias"
    mean: tuple[Share, Share, Share] | None = None
    """Red, green, blue as shares of full scale, taken off before dividing by ``std``; None: as the network was trained."""
    std: tuple[Spread, Spread, Spread] | None = None
    dimension: int | None = Field(default=None, ge=1)
    """Length of the vectors; checked."""

    @model_validator(mode="after")
    def _one_network(self) -> Self:
        sources = {"pack": self.pack, "weights": self.weights, "torchscript": self.torchscript, "onnx": self.onnx}
        named = [name for name, value in sources.items() if value]
        if len(named) != 1:
            found = " and ".join(named) or "none"
            raise ValueError(f"name one network: pack, or timm with weights, or torchscript, or onnx (found {found})")
        if self.weights and not self.timm:
            raise ValueError("weights need timm: the name of the architecture that they belong to")
        if self.timm and (self.torchscript or self.onnx or self.pack in PACKS):
            raise ValueError(f"timm names an architecture, but {named[0]} already says which network it is")
        if self.file and not self.pack:
            raise ValueError("file names a file of a pack; name the pack too")
        told = (self.side, self.mean, self.std, self.dimension)
        if not self.timm and self.pack not in PACKS and None in told:
            raise ValueError("a network of your own needs side, mean, std and dimension")
        return self

    def columns(self) -> tuple[Column, ...]:
        """One vector."""
        name = self.pack or self.timm or "the user's own network"
        return (Column("vector", "vector", f"Features of {name}"),)

    def packs(self) -> tuple[str, ...]:
        """The network's pack."""
        return (self.pack,) if self.pack else ()

    def fingerprint(self) -> str:
        """Digest of the user's own file, and of those that an ONNX model keeps tensors in."""
        own = self.weights or self.torchscript or self.onnx
        beside = onnx_file.external_files(self.onnx) if self.onnx else []
        return digest([file_digest(file) for file in (own, *beside)]) if own else ""

    def numerics(self, device: str) -> dict[str, str]:
        """Libraries, precision and the whole way from pixels to the network."""
        recipe = self._recipe()
        found = torch_device.runtime(device) | {"timm": str(timm_library.__version__)} | recipe.preparation.describe()
        return found | onnx_file.runtime(device) if recipe.route == "onnx" else found

    def check(self) -> None:
        """See that the network is known and its file is there."""
        if self._recipe().route == "onnx":
            onnx_file.require_onnxruntime()
        path = self._path()
        if not path.is_file():
            raise InputError(f"{path}: no such file; the features scorer reads its network from it")

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Build the network on the device."""
        torch_device.exact_arithmetic()
        held = [build(self._recipe(), self._path(), torch.device(device))]
        try:
            yield lambda views: self._score(views, held[0], torch.device(device))
        finally:
            held.clear()  # the function that was yielded may outlive this; the network must not
            torch_device.release(device)

    def _score(self, views: Sequence[View], network: Network, device: torch.device) -> list[list[Row]]:
        images = [checked_pixels(view) for view in views]
        rows = len(images) if device.type != "cpu" else ROWS_ON_CPU
        parts = [self._encode(images[i : i + rows], network, device) for i in range(0, len(images), rows)]
        return [[Row({"vector": _value(vector)})] for part in parts for vector in part]

    def _encode(self, images: Sequence[Pixels], network: Network, device: torch.device) -> npt.NDArray[np.float32]:
        recipe = self._recipe()
        with torch.inference_mode(), torch_device.memory_errors(len(images)):
            found = network(recipe.preparation(images, device))
            vectors: npt.NDArray[np.float32] = found.float().flatten(1).cpu().numpy()
        if len(vectors) != len(images) or recipe.dimension not in {None, vectors.shape[1]}:
            expected = f"({len(images)}, {recipe.dimension or 'd'})"
            raise ScoringError(f"the network gave numbers of shape {tuple(found.shape)}; expected {expected}")
        return vectors

    def _recipe(self) -> Recipe:
        recipe = PACKS.get(self.pack) or self._own_recipe()
        return replace(
            recipe,
            side=self.side or recipe.side,
            kernel=self.kernel,
            mean=self.mean or recipe.mean,
            std=self.std or recipe.std,
            dimension=self.dimension or recipe.dimension,
        )

    def _own_recipe(self) -> Recipe:
        if self.timm:
            usual = timm_config(self.timm)
            return Recipe("timm", usual["input_size"][1], usual["mean"], usual["std"], None, self.timm)
        assert self.side is not None
        assert self.mean is not None
        assert self.std is not None
        is_onnx = self.onnx is not None or self.file.endswith(".onnx")
        return Recipe("onnx" if is_onnx else "torchscript", self.side, self.mean, self.std, self.dimension)

    def _path(self) -> Path:
        if not self.pack:
            own = self.weights or self.torchscript or self.onnx
            assert own is not None
            return own
        located = locate(self.pack)
        if self.file:
            return located.file(self.file)
        models = [path for name, path in located.files.items() if name.endswith(WEIGHTS)]
        if len(models) != 1:
            raise WeightsError(
                f"weight pack {self.pack!r} holds {', '.join(located.files)}; say which file the network is in"
            )
        return models[0]


def _value(vector: npt.NDArray[np.float32]) -> Value:
    return vector if np.isfinite(vector).all() else NOT_FINITE

"""Scorer ``features``: one vector an image, from an ImageNet, Inception or DINOv2 network or the user's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

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
from audit.scorers.clip_tower import open_clip_version, usual_input
from audit.scorers.feature_models import PACKS, PILLOW, Network, Recipe, build, runs_in_onnx
from audit.scorers.preprocess import Frame, Kernel
from audit.scorers.protocols import PROTOCOLS, Protocol, ProtocolName
from audit.scorers.timm_models import timm_config
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

    Name a ``protocol``, and its numbers are those of the library that it is named after: ``fid-inception-clean``
    (clean-fid), ``fid-inception-tf1`` (the original FID, torch-fidelity), ``fid-inception-tm`` (torchmetrics from 1.8 on),
    ``fd-dinov2`` (dgm-eval), ``fd-clip`` (clean-fid's CLIP), ``fd-efficientnet`` (imgaudit's own, without a hub). It fixes
    network and resize; the weights are its pack's, or a file of the same network given as ``weights``.

    Or name one network: a ``pack`` of the catalogue (``efficientnet-lite0``, ``inception-v3-fid``, ``dinov2-vitl14``,
    ``clip-vit-b-32``, ``clip-vit-l-14``); or any model of the timm or the open_clip library with its ``weights``; or your
    own as ``torchscript`` or ``onnx``, and then say how it was trained to see images: ``side``, ``mean``, ``std`` and
    ``dimension``.

    Vectors of two protocols (network, weights, resize, scale, precision) are never comparable; all of these are part of
    the scorer's identity. Networks run in float32, in evaluation mode, with TF32 off, so that the batch size changes no
    feature by more than 1e-4. Inception on a CPU runs in onnxruntime where it is installed, which is faster.
    """

    source: ClassVar[str] = (
        "resize: Parmar, Zhang, Zhu 2022; EfficientNet-lite0: Tan & Le 2019; Inception: Szegedy et al. 2015, Heusel et al. "
        "2017; DINOv2: Oquab et al. 2023"
    )

    protocol: ProtocolName | None = None
    """Named recipe; parameters that contradict it are an error."""
    pack: str = ""
    """Weight pack, by catalogue name."""
    file: str = ""
    """Which file of the pack; empty where it holds one network."""
    timm: str = ""
    """timm's name of an architecture."""
    open_clip: str = ""
    """open_clip's name of an architecture, of which the image tower is used."""
    weights: Path | None = None
    """State dict of that architecture, or of the protocol's: safetensors, or a torch checkpoint of tensors only."""
    torchscript: Path | None = None
    onnx: Path | None = None
    side: int | None = Field(default=None, ge=8, le=4096)
    """Pixels to which both sides are resized; None: the network's usual size."""
    kernel: Kernel | None = None
    """How it resizes; None: as the protocol or the network has it, ``bicubic_antialias`` where neither says."""
    frame: Frame | None = None
    """The whole image, or the middle square of it once its shorter side is ``side``; None: as the network has it."""
    mean: tuple[Share, Share, Share] | None = None
    """Red, green, blue as shares of full scale, taken off before dividing by ``std``; None: as the network was trained."""
    std: tuple[Spread, Spread, Spread] | None = None
    dimension: int | None = Field(default=None, ge=1)
    """Length of the vectors; checked."""

    @model_validator(mode="after")
    def _one_network(self) -> Self:
        if self.protocol is not None:
            _no_contradiction(self, self.protocol)
            return self
        sources = {"pack": self.pack, "weights": self.weights, "torchscript": self.torchscript, "onnx": self.onnx}
        named = [name for name, value in sources.items() if value]
        if len(named) != 1:
            found = " and ".join(named) or "none"
            raise ValueError(
                "name one network: protocol, or pack, or timm or open_clip with weights, or torchscript, or onnx "
                f"(found {found})"
            )
        architectures = [name for name in ("timm", "open_clip") if getattr(self, name)]
        if len(architectures) == 2:
            raise ValueError("timm and open_clip both name an architecture; leave one out")
        if self.weights and not architectures:
            raise ValueError("weights need timm or open_clip: the name of the architecture that they belong to")
        if architectures and (self.torchscript or self.onnx or self.pack in PACKS):
            raise ValueError(f"{architectures[0]} names an architecture, but {named[0]} already says which network it is")
        if self.file and not self.pack:
            raise ValueError("file names a file of a pack; name the pack too")
        told = (self.side, self.mean, self.std, self.dimension)
        if not architectures and self.pack not in PACKS and None in told:
            raise ValueError("a network of your own needs side, mean, std and dimension")
        return self

    def columns(self) -> tuple[Column, ...]:
        """One vector."""
        name = self.protocol or self.pack or self.timm or self.open_clip or "the user's own network"
        return (Column("vector", "vector", f"Features of {name}"),)

    def packs(self) -> tuple[str, ...]:
        """The network's pack."""
        pack = self._pack()
        return (pack,) if pack else ()

    def protocol_name(self) -> str:
        """The named protocol; without one the scorer's own name."""
        return self.protocol or super().protocol_name()

    def fingerprint(self) -> str:
        """Digest of the user's own file, and of those that an ONNX model keeps tensors in."""
        own = self.weights or self.torchscript or self.onnx
        beside = onnx_file.external_files(self.onnx) if self.onnx else []
        return digest([file_digest(file) for file in (own, *beside)]) if own else ""

    def numerics(self, device: str) -> dict[str, str]:
        """Libraries, precision and the whole way from pixels to the network."""
        recipe = self._recipe()
        named = {"protocol": self.protocol} if self.protocol else {}
        found = (
            named | torch_device.runtime(device) | {"timm": str(timm_library.__version__)} | recipe.preparation.describe()
        )
        if recipe.route == "open_clip":
            found["open_clip"] = open_clip_version()
        return found | onnx_file.runtime(device) if runs_in_onnx(recipe, device) else found

    def check(self) -> None:
        """See that the network is known and its file is there."""
        recipe = self._recipe()
        if recipe.route == "onnx":
            onnx_file.require_onnxruntime()
        if recipe.route == "open_clip":
            open_clip_version()
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

    def _pack(self) -> str:
        if self.protocol and not self.weights:
            return PROTOCOLS[self.protocol].pack
        return self.pack

    def _recipe(self) -> Recipe:
        if self.protocol:
            return _of_protocol(PROTOCOLS[self.protocol])
        recipe = PACKS.get(self.pack) or self._own_recipe()
        told: dict[str, Any] = {
            name: getattr(self, name) for name in ("side", "kernel", "frame", "mean", "std", "dimension")
        }
        return replace(recipe, **{name: value for name, value in told.items() if value is not None})

    def _own_recipe(self) -> Recipe:
        if self.timm:
            usual = timm_config(self.timm)
            return Recipe("timm", usual["input_size"][1], usual["mean"], usual["std"], None, self.timm)
        if self.open_clip:
            return self._open_clip_recipe()
        assert self.side is not None
        assert self.mean is not None
        assert self.std is not None
        is_onnx = self.onnx is not None or self.file.endswith(".onnx")
        return Recipe("onnx" if is_onnx else "torchscript", self.side, self.mean, self.std, self.dimension)

    def _open_clip_recipe(self) -> Recipe:
        usual = usual_input(self.open_clip)
        if usual is not None:
            return Recipe("open_clip", usual.side, usual.mean, usual.std, None, self.open_clip, PILLOW, usual.frame)
        if self.side is None or self.mean is None or self.std is None or self.frame is None:
            raise InputError(
                f"open_clip model {self.open_clip!r} has published weights that see images in different ways; say side, "
                "mean, std and frame of yours"
            )
        return Recipe("open_clip", self.side, self.mean, self.std, None, self.open_clip, PILLOW, self.frame)

    def _path(self) -> Path:
        pack = self._pack()
        if not pack:
            own = self.weights or self.torchscript or self.onnx
            assert own is not None
            return own
        located = locate(pack)
        if self.file:
            return located.file(self.file)
        models = [path for name, path in located.files.items() if name.endswith(WEIGHTS)]
        if len(models) != 1:
            raise WeightsError(f"weight pack {pack!r} holds {', '.join(located.files)}; say which file the network is in")
        return models[0]


def _of_protocol(protocol: Protocol) -> Recipe:
    """The network of the protocol's pack, seen as the protocol says."""
    return replace(
        PACKS[protocol.pack],
        side=protocol.side,
        kernel=protocol.kernel,
        frame=protocol.frame,
        mean=protocol.mean,
        std=protocol.std,
        dimension=protocol.dimension,
        positions=protocol.positions,
    )


def _no_contradiction(given: Features, name: ProtocolName) -> None:
    """Refuse what says otherwise than the protocol."""
    fixed = PROTOCOLS[name].fixed() | dict.fromkeys(("timm", "open_clip", "torchscript", "onnx", "file"), "nothing")
    for parameter, expected in fixed.items():
        found = getattr(given, parameter)
        if found not in (None, "", expected):
            remedy = f"leave {parameter} out, or leave protocol out for a recipe of your own"
            raise ValueError(f"protocol {name} has {parameter} {expected}, found {parameter} {found}: {remedy}")
    if given.pack and given.weights:
        raise ValueError(f"pack and weights both give protocol {name} its weights; leave one out")


def _value(vector: npt.NDArray[np.float32]) -> Value:
    return vector if np.isfinite(vector).all() else NOT_FINITE

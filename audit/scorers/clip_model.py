"""One CLIP model of the open_clip library, for ``clip`` and ``zero_shot``: images and texts to unit vectors."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from open_clip.tokenizer import SigLipTokenizer, basic_clean, canonicalize_text
from PIL import Image
from pydantic import model_validator
from torch import Tensor

from audit.component import Scorer
from audit.digest import digest, file_digest, short
from audit.errors import InputError, WeightsError
from audit.images import Pixels
from audit.model_files import torch_device
from audit.model_files.failures import first_line
from audit.weights import locate

__all__ = ["ClipModel", "Text", "UsesClip", "load_clip"]

Floats = npt.NDArray[np.float32]

CONFIG = "open_clip_config.json"
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
ROWS_ON_CPU = 32
"""More rows at once are no faster on a CPU and take more memory."""


class UsesClip(Scorer):
    """Parameters of a scorer that encodes with CLIP: which model it is.

    Name a ``pack`` of the catalogue, or a ``path``: a folder with ``open_clip_config.json`` and weights, or a file of
    weights of the architecture that ``model`` names. A model whose weights are absent is an error, never a random model.
    """

    pack: str = ""
    path: Path | None = None
    model: str = ""
    """open_clip's name of an architecture, such as ``ViT-B-32``; only with a ``path`` to a file."""

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if bool(self.pack) == bool(self.path):
            raise ValueError("name one CLIP model: either pack (such as clip-vit-b-32) or path")
        if self.model and self.pack:
            raise ValueError("a pack says itself which model it is; leave model out")
        return self

    def packs(self) -> tuple[str, ...]:
        """The model's pack."""
        return (self.pack,) if self.pack else ()

    def fingerprint(self) -> str:
        """Digest of the model's own files."""
        if self.path is None:
            return ""
        if self.path.is_file():
            return file_digest(self.path)
        files = sorted(file for file in self.path.rglob("*") if file.is_file())
        return digest({str(file.relative_to(self.path)): file_digest(file) for file in files})

    def numerics(self, device: str) -> dict[str, str]:
        """Libraries, precision, and how images become what the model sees."""
        resize = "open_clip's own transform (PIL, uint8), then its mean and standard deviation"
        return torch_device.runtime(device) | {"open_clip": str(open_clip.__version__), "resize": resize}

    def check(self) -> None:
        """See that the model's files are there."""
        if self.pack:
            locate(self.pack)
        elif self.path is not None and self.path.is_dir():
            _check_folder(self.path)
        elif self.path is None or not self.path.is_file():
            raise InputError(f"{self.path}: no such file or folder; a CLIP model is read from it")
        elif self.model not in open_clip.list_models():
            raise InputError(
                f"model {self.model!r} is no architecture of open_clip; `model` says which one {self.path} holds"
            )

    def space(self) -> str:
        """Name and digest of the model: vectors with another one are of another space."""
        name = self.pack or self.model or (self.path.name if self.path else "")
        return f"{name} {short(locate(self.pack).digest if self.pack else self.fingerprint(), 12)}"


def _check_folder(folder: Path) -> None:
    config = folder / CONFIG
    try:
        known = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{config}: cannot be read ({error}); a CLIP folder needs it beside its weights") from error
    if not isinstance(known, dict) or "model_cfg" not in known:
        raise InputError(f"{config}: has no model_cfg; expected {{'model_cfg': ..., 'preprocess_cfg': ...}}")
    if not any(file for pattern in WEIGHTS for file in folder.glob(pattern)):
        raise WeightsError(f"{folder}: holds no weights; put open_clip_model.safetensors beside {CONFIG}")


@dataclass(frozen=True, slots=True)
class Text:
    """An encoded text."""

    vector: Floats
    """(d,), unit norm."""
    tokens: int
    """Tokens of the whole text with its start and end, before anything was cut off."""
    truncated: bool
    """Some of them were cut off; the end token never is."""


@dataclass(frozen=True, slots=True)
class ClipModel:
    """An open_clip model on a device."""

    network: Any
    transform: Callable[[Image.Image], Tensor]
    tokenizer: Any
    device: torch.device
    pool: ThreadPoolExecutor

    def images(self, images: Sequence[Pixels]) -> Floats:
        """(n, d) unit vectors."""
        # Pillow resizes outside the interpreter lock, so that threads keep a fast device fed.
        prepared = list(self.pool.map(lambda pixels: self.transform(Image.fromarray(pixels)), images))
        return self._in_parts(prepared, lambda part: self.network.encode_image(torch.stack(part), normalize=True))

    def texts(self, texts: Sequence[str]) -> list[Text]:
        """Each text's vector, how many tokens it has, and whether all of them were seen."""
        ids = [self.tokenizer([text])[0] for text in texts]
        vectors = self._in_parts(ids, lambda part: self.network.encode_text(torch.stack(part), normalize=True))
        counts = [_count(self.tokenizer, text) for text in texts]
        limit = self.tokenizer.context_length
        return [Text(vector, count, count > limit) for vector, count in zip(vectors, counts, strict=True)]

    def _in_parts(self, items: Sequence[Tensor], encode: Callable[[list[Tensor]], Tensor]) -> Floats:
        rows = ROWS_ON_CPU if self.device.type == "cpu" else max(1, len(items))
        vectors: list[Floats] = []
        with torch.inference_mode(), torch_device.memory_errors(len(items)):
            for start in range(0, len(items), rows):
                part = [item.to(self.device) for item in items[start : start + rows]]
                vectors.append(encode(part).float().cpu().numpy())
        return np.concatenate(vectors)


def load_clip(source: UsesClip, device: str, pool: ThreadPoolExecutor) -> ClipModel:
    """Load a model with its own image transform and tokenizer, in float32 and evaluation mode.

    Raises:
        WeightsError: the weights do not fit the architecture, or there are none.
    """
    torch_device.exact_arithmetic()
    folder = locate(source.pack).folder if source.pack else source.path
    assert folder is not None
    name, weights = (source.model, str(folder)) if folder.is_file() else (f"local-dir:{folder}", None)
    try:
        # Without ``require_pretrained`` a folder or file without usable weights gives a random model and no error.
        network = open_clip.create_model(
            name, pretrained=weights, precision="fp32", device=device, require_pretrained=True, weights_only=True
        )
        tokenizer = open_clip.get_tokenizer(name)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder}: open_clip {open_clip.__version__} cannot load it ({first_line(error)})") from error
    settings = open_clip.transform.PreprocessCfg(**network.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(settings, is_train=False)
    return ClipModel(network.eval(), transform, tokenizer, torch.device(device), pool)


def _count(tokenizer: Any, text: str) -> int:
    if isinstance(tokenizer, open_clip.SimpleTokenizer):
        return len(tokenizer.encode(text)) + 2  # start and end
    cleaned = canonicalize_text(basic_clean(text)) if isinstance(tokenizer, SigLipTokenizer) else tokenizer.clean_fn(text)
    return len(tokenizer.tokenizer(cleaned).input_ids)

"""Weights of TensorFlow.js: a JSON manifest that names and shapes the tensors, and files of bare numbers beside it."""

import json
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from audit.errors import InputError

__all__ = ["read_tfjs"]

MAX_MANIFEST = 4 * 2**20
MAX_NUMBERS = 2**28
"""Numbers in all tensors together: a gigabyte of float32."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Quantised(_Part):
    dtype: Literal["uint8", "uint16"]
    scale: float
    min: float


class _Tensor(_Part):
    name: str = Field(min_length=1, max_length=500)
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(max_length=8)
    dtype: Literal["float32"]
    quantization: _Quantised | None = None

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)

    @property
    def stored(self) -> np.dtype[np.generic]:
        """How its numbers lie in the file; little-endian by the format."""
        return np.dtype(self.quantization.dtype if self.quantization else "float32").newbyteorder("<")


class _Group(_Part):
    weights: tuple[_Tensor, ...] = Field(max_length=10_000)
    paths: tuple[str, ...] = Field(min_length=1, max_length=1_000)


MANIFEST = TypeAdapter(tuple[_Group, ...])


def read_tfjs(manifest: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all tensors of a manifest.

    A quantised number q stands for q * scale + min, computed in float64 and rounded to float32 as TensorFlow.js does.

    Args:
        manifest: the ``...weights_manifest.json``; the files that it names lie in the same folder.

    Returns:
        Name in the manifest -> array of the shape that stands there. Filters of convolutions are (height, width, in, out).

    Raises:
        InputError: absent, not such a manifest, a name that leaves the folder or stands twice, other tensors than of
            float32, files that hold more or less than the manifest says, or numbers that are not finite.
    """
    groups = _groups(manifest)
    numbers = sum(tensor.numbers for group in groups for tensor in group.weights)
    if not 0 < numbers <= MAX_NUMBERS:
        raise InputError(
            f"{manifest}: its tensors have {numbers} numbers; at least 1 and at most {MAX_NUMBERS} are expected"
        )
    found: dict[str, npt.NDArray[np.float32]] = {}
    for group in groups:
        for name, value in _tensors(group, manifest).items():
            if found.setdefault(name, value) is not value:
                raise InputError(f"{manifest}: two tensors are named {name[:100]!r}")
    return found


def _groups(manifest: Path) -> tuple[_Group, ...]:
    try:
        return MANIFEST.validate_python(json.loads(_bytes(manifest, MAX_MANIFEST)))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{manifest}: not a manifest of TensorFlow.js weights; {where}: {fault['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{manifest}: not JSON, so no manifest of TensorFlow.js weights ({error})") from error


def _tensors(group: _Group, manifest: Path) -> dict[str, npt.NDArray[np.float32]]:
    names = [tensor.name for tensor in group.weights]
    if len(set(names)) != len(names):
        raise InputError(f"{manifest}: two tensors have the same name")
    expected = sum(tensor.numbers * tensor.stored.itemsize for tensor in group.weights)
    data = bytearray()
    for name in group.paths:
        data += _bytes(_beside(manifest, name), expected - len(data))
    if len(data) != expected:
        raise InputError(
            f"{manifest}: its files hold {len(data)} bytes, and its tensors need {expected}; pull the pack again"
        )
    return dict(zip(names, _cut(data, group.weights, manifest), strict=True))


def _cut(data: bytearray, tensors: Sequence[_Tensor], manifest: Path) -> list[npt.NDArray[np.float32]]:
    found, start = [], 0
    for tensor in tensors:
        stored = np.frombuffer(data, tensor.stored, tensor.numbers, start)
        start += stored.nbytes
        value = np.asarray(stored, dtype=np.float64)
        if tensor.quantization is not None:
            value = value * tensor.quantization.scale + tensor.quantization.min
        if not (np.abs(value) <= np.finfo(np.float32).max).all():
            raise InputError(f"{manifest}: tensor {tensor.name!r} holds numbers that are not finite")
        found.append(value.astype(np.float32).reshape(tensor.shape))
    return found


def _beside(manifest: Path, name: str) -> Path:
    if name in {"", ".", ".."} or PurePosixPath(name).name != name or "\\" in name or "\0" in name:
        raise InputError(f"{manifest}: it names the file {name[:100]!r}; expected the name of a file beside it")
    return manifest.with_name(name)


def _bytes(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {most} are expected")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error

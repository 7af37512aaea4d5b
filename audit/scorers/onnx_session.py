"""ONNX networks from prepared images to numbers, with errors that a user can read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.errors import InputError, OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out
from audit.model_files.onnx_file import open_bytes, open_session

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Floats", "Maps", "open_made", "open_model", "open_outputs"]

Floats = npt.NDArray[np.float32]
IMAGES = "expected one float32 input of shape (n, 3, height, width)"


def open_model(path: Path, device: str) -> Callable[[Floats], Floats]:
    """Open a model of one float32 input, (n, 3, height, width), and return its first output as a function.

    A model whose batch dimension is fixed to 1 is run row by row.

    Raises:
        InputError: the file is no such model.
        OutOfMemory: the device cannot hold it.
        PluginError: onnxruntime is not installed, or fell back to the CPU where the GPU was named in the numbers' identity.
    """
    session = open_session(path, device)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        raise InputError(f"{path}: inputs are {_listed(inputs)}; {IMAGES}")
    rows = inputs[0].shape[0]
    if isinstance(rows, int) and rows != 1:
        raise InputError(f"{path}: its batch size is fixed to {rows}; export it with a dynamic first dimension")

    def run(batch: Floats) -> Floats:
        parts = [batch] if not isinstance(rows, int) else [batch[i : i + 1] for i in range(len(batch))]
        return np.concatenate([_run(session, inputs[0].name, part, path)[0] for part in parts])

    return run


def open_made(model: bytes, name: str) -> Callable[[Floats], Floats]:
    """Open a model that was made here, of one float32 input and one output, on the CPU.

    Args:
        name: what it is, for errors.

    Raises:
        As ``open_model``.
    """
    session = open_bytes(model, "cpu", name)
    given = session.get_inputs()[0].name
    return lambda batch: _run(session, given, batch, Path(name))[0]


@dataclass(frozen=True, slots=True)
class Maps:
    """The maps that a model makes of (n, 3, height, width): each (n, channels, height / stride, width / stride)."""

    channels: tuple[int, ...]
    """Of each map, in order."""
    stride: int
    """Pixels of an image to a cell."""
    multiple: int
    """Heights and widths that the model takes are multiples of this, which is one of the stride."""

    def of(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """Shapes of the maps of a batch."""
        rows, _, height, width = shape
        return [(rows, count, height // self.stride, width // self.stride) for count in self.channels]


def open_outputs(path: Path, device: str, maps: Maps) -> Callable[[Floats], list[Floats]]:
    """Open a model that turns images of any size into several maps, and return all of its outputs as a function.

    It is tried on two empty images of another height than width, so that a model of other maps is found before any work.

    Raises:
        As ``open_model``; the function, too, raises ``InputError`` where its maps have other shapes than ``maps`` says.
    """
    session = open_session(path, device, any_size=True)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3 or inputs[0].type != "tensor(float)":
        raise InputError(f"{path}: inputs are {_listed(inputs)}; {IMAGES}")
    if [entry.shape[1] if len(entry.shape) == 4 else None for entry in outputs] != list(maps.channels):
        told = ", ".join(map(str, maps.channels))
        raise InputError(f"{path}: outputs are {_listed(outputs)}; expected maps of {told} channels, in this order")

    def run(batch: Floats) -> list[Floats]:
        found = _run(session, inputs[0].name, batch, path)
        shapes, expected = [one.shape for one in found], maps.of(batch.shape)
        if shapes != expected:
            raise InputError(f"{path}: makes maps of shapes {shapes} of input of shape {batch.shape}; expected {expected}")
        return found

    run(np.zeros((2, 3, maps.multiple, 2 * maps.multiple), dtype=np.float32))
    return run


def _listed(entries: "Sequence[onnxruntime.NodeArg]") -> str:
    return ", ".join(f"{entry.name}: {entry.type}{entry.shape}" for entry in entries)


def _run(session: "onnxruntime.InferenceSession", name: str, batch: Floats, path: Path) -> list[Floats]:
    try:
        return [np.asarray(output, dtype=np.float32) for output in session.run(None, {name: batch})]
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        if memory_ran_out(error):
            raise OutOfMemory(f"{path.name}: the device cannot hold {len(batch)} rows ({first_line(error)})") from error
        raise InputError(f"{path}: cannot run on input of shape {batch.shape} ({first_line(error)})") from error

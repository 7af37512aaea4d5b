"""ONNX networks from prepared images to numbers, with errors that a user can read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.errors import InputError, OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out
from audit.model_files.onnx_file import open_session

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Floats", "open_model", "open_outputs"]

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


def open_outputs(path: Path, device: str, channels: Sequence[int]) -> Callable[[Floats], list[Floats]]:
    """Open a model that turns images of any size into several maps, and return all of its outputs as a function.

    Args:
        channels: of each output, in order; each is (n, channels, height, width).

    Raises:
        As ``open_model``.
    """
    session = open_session(path, device, any_size=True)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3 or inputs[0].type != "tensor(float)":
        raise InputError(f"{path}: inputs are {_listed(inputs)}; {IMAGES}")
    if [entry.shape[1] if len(entry.shape) == 4 else None for entry in outputs] != list(channels):
        told = ", ".join(map(str, channels))
        raise InputError(f"{path}: outputs are {_listed(outputs)}; expected maps of {told} channels, in this order")
    return lambda batch: _run(session, inputs[0].name, batch, path)


def _listed(entries: "Sequence[onnxruntime.NodeArg]") -> str:
    return ", ".join(f"{entry.name}: {entry.type}{entry.shape}" for entry in entries)


def _run(session: "onnxruntime.InferenceSession", name: str, batch: Floats, path: Path) -> list[Floats]:
    try:
        return [np.asarray(output, dtype=np.float32) for output in session.run(None, {name: batch})]
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        if memory_ran_out(error):
            raise OutOfMemory(f"{path.name}: the device cannot hold {len(batch)} rows ({first_line(error)})") from error
        raise InputError(f"{path}: cannot run on input of shape {batch.shape} ({first_line(error)})") from error

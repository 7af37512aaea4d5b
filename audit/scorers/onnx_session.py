"""ONNX networks from prepared images to numbers, with errors that a user can read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.errors import InputError, OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out
from audit.model_files.onnx_file import open_session

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Floats", "open_model"]

Floats = npt.NDArray[np.float32]


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
        found = ", ".join(f"{entry.name}: {entry.type}{entry.shape}" for entry in inputs)
        raise InputError(f"{path}: inputs are {found}; expected one float32 input of shape (n, 3, height, width)")
    rows = inputs[0].shape[0]
    if isinstance(rows, int) and rows != 1:
        raise InputError(f"{path}: its batch size is fixed to {rows}; export it with a dynamic first dimension")

    def run(batch: Floats) -> Floats:
        parts = [batch] if not isinstance(rows, int) else [batch[i : i + 1] for i in range(len(batch))]
        return np.concatenate([_run(session, inputs[0].name, part, path) for part in parts])

    return run


def _run(session: "onnxruntime.InferenceSession", name: str, batch: Floats, path: Path) -> Floats:
    try:
        return np.asarray(session.run(None, {name: batch})[0], dtype=np.float32)
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        if memory_ran_out(error):
            raise OutOfMemory(f"{path.name}: the device cannot hold {len(batch)} rows ({first_line(error)})") from error
        raise InputError(f"{path}: cannot run on input of shape {batch.shape} ({first_line(error)})") from error

"""ONNX models on the device that was asked for, with errors that a user can read."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audit.errors import InputError, OutOfMemory, PluginError

try:
    import onnxruntime
except ImportError:  # only some parameters of ``features`` need it
    onnxruntime = None

__all__ = ["Floats", "open_model", "require_onnxruntime", "runtime"]

Floats = npt.NDArray[np.float32]
NO_MEMORY = ("failed to allocate memory", "out of memory", "cuda_error_out_of_memory", "cudnn_status_alloc_failed")


def require_onnxruntime() -> None:
    """Fail early and with the remedy.

    Raises:
        PluginError: onnxruntime is not installed.
    """
    if onnxruntime is None:
        raise PluginError("an ONNX model needs onnxruntime, which is not installed; pip install 'imgaudit[onnx]'")


def _providers(device: str) -> list[str]:
    cuda = device.startswith("cuda") and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if cuda else ["CPUExecutionProvider"]


def runtime(device: str) -> dict[str, str]:
    """What decides the numbers of a model opened here."""
    require_onnxruntime()
    return {
        "onnxruntime": str(onnxruntime.__version__),
        "provider": _providers(device)[0],
        "dtype": "float32",
        "tf32": "off",
    }


def open_model(path: Path, device: str) -> Callable[[Floats], Floats]:
    """Open a model of one float32 input, (n, 3, height, width), and return its first output as a function.

    A model whose batch dimension is fixed to 1 is run row by row.

    Raises:
        InputError: the file is no such model.
        PluginError: onnxruntime is not installed, or fell back to the CPU where the GPU was named in the numbers' identity.
    """
    require_onnxruntime()
    providers = _providers(device)
    options = [{"device_id": device.partition(":")[2] or "0", "use_tf32": "0"}, {}] if len(providers) == 2 else [{}]
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # its warnings about nodes left on the CPU are no news to a user
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a provider that is not there; checked below
            session = onnxruntime.InferenceSession(str(path), settings, providers=providers, provider_options=options)
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise InputError(f"{path}: onnxruntime cannot open it ({_first_line(error)}); expected an ONNX model") from error
    if session.get_providers()[0] != providers[0]:
        raise PluginError(
            f"onnxruntime {onnxruntime.__version__} offers {providers[0]} and cannot start it; "
            "install the CUDA and cuDNN libraries that it was built for, or run with device cpu"
        )
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
    except Exception as error:  # as above
        text = str(error).lower()
        if any(sign in text for sign in NO_MEMORY):
            raise OutOfMemory(f"{path.name}: the device cannot hold {len(batch)} rows ({_first_line(error)})") from error
        raise InputError(f"{path}: cannot run on input of shape {batch.shape} ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]

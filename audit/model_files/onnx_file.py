"""ONNX files: the files that they refer to, the backend that they run on, and how they are opened."""

import mmap
import re
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from audit.errors import InputError, OutOfMemory, PluginError
from audit.model_files.failures import first_line, memory_ran_out
from audit.model_files.onnx_sizes import free_sizes

try:
    import onnxruntime
except ImportError:  # a plugin may need it for some of its parameters only
    onnxruntime = None

__all__ = ["external_files", "has_onnxruntime", "open_bytes", "open_session", "providers", "require_onnxruntime", "runtime"]

# In ONNX's encoding a tensor that lies in another file says so by the pair ("location", relative path).
LOCATION = re.compile(rb"\n\x08location\x12([\x01-\x7f]|[\x80-\xff][\x01-\x7f])")
ERRORS_ONLY = 3  # its warnings about nodes left on the CPU are no news to a user


def has_onnxruntime() -> bool:
    """Whether onnxruntime is installed."""
    return onnxruntime is not None


def require_onnxruntime() -> None:
    """Fail early and with the remedy.

    Raises:
        PluginError: onnxruntime is not installed.
    """
    if onnxruntime is None:
        raise PluginError("an ONNX model needs onnxruntime, which is not installed; pip install 'imgaudit[onnx]'")


def external_files(path: Path) -> list[Path]:
    """The files beside a model that hold tensors of it, sorted.

    Raises:
        InputError: one is absent, or lies outside the model's folder.
    """
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); expected an ONNX model")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = {_location(data, match) for match in LOCATION.finditer(data)}
    found = []
    for name in sorted(names):
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise InputError(f"{path}: refers to {name!r}, outside its own folder; it was not loaded")
        if not (path.parent / relative).is_file():
            raise InputError(f"{path}: keeps tensors in {name!r}, which is not beside it; copy that file too")
        found.append(path.parent / relative)
    return found


def _location(data: mmap.mmap, match: re.Match[bytes]) -> str:
    size = match.group(1)
    length = size[0] if len(size) == 1 else (size[0] & 0x7F) | size[1] << 7
    return data[match.end() : match.end() + length].decode("utf-8", errors="replace")


def providers(device: str) -> list[tuple[str, dict[str, str]]]:
    """Backends for a device, the first preferred; without onnxruntime's GPU build everything runs on the CPU."""
    require_onnxruntime()
    cpu: tuple[str, dict[str, str]] = ("CPUExecutionProvider", {})
    if not device.startswith("cuda") or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return [cpu]
    # Its default, to time every algorithm and take the fastest, would pick another one from run to run.
    options = {"device_id": device.partition(":")[2] or "0", "use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
    return [("CUDAExecutionProvider", options), cpu]


def runtime(device: str) -> dict[str, str]:
    """What decides the numbers of a model opened here, besides the model."""
    return {"provider": providers(device)[0][0], "onnxruntime": str(onnxruntime.__version__), "tf32": "off"}


def open_session(path: Path, device: str, *, any_size: bool = False) -> "onnxruntime.InferenceSession":
    """Open a model on a device.

    Args:
        any_size: take pictures of every size, whatever sizes the file declares; the model has to lie in one file.

    Raises:
        InputError: onnxruntime cannot read it, or it refers to files that are absent or outside its folder.
        OutOfMemory: the device cannot hold it.
        PluginError: onnxruntime is not installed, or fell back to the CPU where the numbers' identity names the GPU.
    """
    beside = external_files(path)
    if any_size and beside:
        raise InputError(f"{path}: keeps tensors in {beside[0].name!r}; a model that is opened for any size is one file")
    return _session(lambda: free_sizes(path.read_bytes()) if any_size else str(path), device, str(path))


def open_bytes(model: bytes, device: str, name: str) -> "onnxruntime.InferenceSession":
    """Open a model that was made here and refers to no file.

    Args:
        name: what it is, for errors.

    Raises:
        As ``open_session``.
    """
    return _session(lambda: model, device, name)


def _session(model: Callable[[], bytes | str], device: str, name: str) -> "onnxruntime.InferenceSession":
    wanted = providers(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.use_deterministic_compute = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a provider that is not there; checked below
            session = onnxruntime.InferenceSession(model(), options, providers=wanted)
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        reason = first_line(error)
        if memory_ran_out(error):
            raise OutOfMemory(f"{name}: the device's memory cannot hold the model ({reason})") from error
        raise InputError(
            f"{name}: onnxruntime {onnxruntime.__version__} cannot read it as an ONNX model ({reason})"
        ) from error
    if session.get_providers()[0] != wanted[0][0]:
        raise PluginError(
            f"onnxruntime {onnxruntime.__version__} offers {wanted[0][0]} and cannot start it; "
            "install the CUDA and cuDNN libraries that it was built for, or run with device cpu"
        )
    return session

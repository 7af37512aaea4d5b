"""What every torch encoder here needs: exact arithmetic, weights without code, errors that a user can read."""

import gc
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from audit.errors import InputError, OutOfMemory, WeightsError

__all__ = ["exact_arithmetic", "fit", "load_torchscript", "memory_errors", "read_weights", "release", "runtime"]

SHOWN_NAMES = 3


def exact_arithmetic() -> None:
    """Turn TF32 off for the whole process, so that float32 means float32.

    It stays off: a flag that is set and reset while another thread draws would make that thread's numbers depend on time.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def runtime(device: str) -> dict[str, str]:
    """What decides the numbers of a torch encoder besides its parameters."""
    found = {"torch": str(torch.__version__), "device": torch.device(device).type, "dtype": "float32", "tf32": "off"}
    if found["device"] == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(cudnn)}
    return found


@contextmanager
def memory_errors(rows: int) -> Iterator[None]:
    """Translate the device's out-of-memory into the one that makes the stage try a smaller batch."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"the device cannot hold a batch of {rows} images ({str(error).splitlines()[0]})") from error


def release(device: str) -> None:
    """Give cached memory back to the device, once the model itself is no longer referred to."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors, or from a torch checkpoint that holds nothing but tensors.

    Raises:
        InputError: the file is absent, damaged, or holds code.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():
            # It remarks on a pickle that it may not understand; if it does not, it raises, and that is enough.
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: holds more than tensors, so opening it could run code; save its state dict as safetensors"
        ) from error
    except (OSError, RuntimeError, EOFError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as weights ({_first_line(error)})") from error
    state = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a state dict (names and tensors); save model.state_dict() as safetensors")
    return state


def fit(model: nn.Module, state: Mapping[str, Tensor], origin: str, unused: tuple[str, ...] = ()) -> None:
    """Put weights into a model that they must fill completely.

    Args:
        unused: beginnings of names that the file may hold beyond what the model has, such as its classifier.

    Raises:
        WeightsError: a weight is absent, left over or of another shape.
    """
    try:
        missing, extra = model.load_state_dict(dict(state), strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{origin}: does not fit the architecture ({_shapes(error)})") from error
    extra = [name for name in extra if not name.startswith(unused)] if unused else extra
    # A counter of training steps that inference never reads; older files lack it.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or extra:
        raise WeightsError(
            f"{origin}: does not fit the architecture; {len(missing)} weights absent ({_some(missing)}), "
            f"{len(extra)} left over ({_some(extra)})"
        )


def load_torchscript(path: Path, device: str) -> nn.Module:
    """Load a TorchScript network in evaluation mode.

    Raises:
        InputError: the file is none, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            # Newer versions of torch advise against the format; the user chose it.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
            model = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(
            f"{path}: torch {torch.__version__} cannot load it as TorchScript ({_first_line(error)})"
        ) from error
    network: nn.Module = model.eval()
    return network


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "") if names else "none"


def _shapes(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "size mismatch" in line]
    return lines[0] if lines else _first_line(error)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]

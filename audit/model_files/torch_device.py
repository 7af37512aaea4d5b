"""Torch on a device: arithmetic that is exact and repeats, what decides its numbers, and its memory."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from audit.errors import OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out

__all__ = ["exact_arithmetic", "memory_errors", "release", "runtime"]


def exact_arithmetic() -> None:
    """Make float32 mean float32 (no TF32), and convolutions of one shape always the same, for the whole process.

    It stays so: a flag that is set and reset while another thread draws would make that thread's numbers depend on time.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False  # it would take the algorithm that was fastest this time


def runtime(device: str, dtype: str = "float32") -> dict[str, str]:
    """What decides the numbers of a torch network besides its parameters, once arithmetic is exact."""
    found = {"torch": str(torch.__version__), "device": torch.device(device).type, "dtype": dtype, "tf32": "off"}
    if found["device"] == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        found |= {"cuda": str(torch.version.cuda), "cudnn": f"{cudnn}, deterministic"}
    return found


@contextmanager
def memory_errors(rows: int) -> Iterator[None]:
    """Translate the device's out-of-memory into the one that makes the stage try a smaller batch."""
    try:
        yield
    except Exception as error:  # of several types, see ``memory_ran_out``
        if memory_ran_out(error):
            raise OutOfMemory(f"the device cannot hold a batch of {rows} images ({first_line(error)})") from error
        raise


def release(device: str) -> None:
    """Give cached memory back to the device, once the model itself is no longer referred to."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()

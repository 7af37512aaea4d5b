"""What a run runs on: versions, device, source revision. Written into the manifest."""

import importlib
import platform
import re
import resource
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from audit.errors import InputError

__all__ = [
    "PACKAGES",
    "best_device",
    "chosen_device",
    "device_count",
    "device_name",
    "peak_bytes",
    "revision",
    "versions",
]

PACKAGES = (
    "imgaudit",
    "numpy",
    "scipy",
    "pillow",
    "pyarrow",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "timm",
    "open-clip-torch",
    "onnxruntime",
    "dlib-bin",
    "scikit-image",
    "faiss-cpu",
    "c2pa-python",
)


def versions() -> dict[str, str]:
    """Python, platform and every package that may decide a number, as installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device_count() -> int:
    """CUDA devices that torch sees; 0 where it is not installed.

    torch is imported only where the driver's own tool is there, so that a machine without a GPU does not wait for it.
    """
    if find_spec("torch") is None or shutil.which("nvidia-smi") is None:
        return 0
    cuda = importlib.import_module("torch").cuda
    return int(cuda.device_count()) if cuda.is_available() else 0


def best_device() -> str:
    """``cuda`` where torch is installed and sees a device, else ``cpu``."""
    return "cuda" if device_count() else "cpu"


def chosen_device(name: str) -> str:
    """The device that a user asks for with ``auto``, ``cpu``, ``cuda`` or ``cuda:NUMBER``.

    Raises:
        InputError: this machine has no such device.
    """
    if name == "auto":
        return best_device()
    asked = re.fullmatch(r"cpu|cuda(?::(0|[1-9]\d{0,3}))?", name)
    if not asked:
        raise InputError(f"--device {name}: no such device; it is auto, cpu, cuda or cuda:NUMBER")
    if name == "cpu":
        return name
    count = device_count()
    if not count:
        raise InputError(f"--device {name}: no CUDA device is to be seen here (driver, and torch with CUDA); use cpu")
    if int(asked[1] or 0) >= count:
        known = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise InputError(f"--device {name}: there is no such device here; there is {known}")
    return name


def device_name(device: str) -> str:
    """Model of the device, for readers."""
    if device.startswith("cuda"):
        return str(importlib.import_module("torch").cuda.get_device_name(device))
    model = Path("/proc/cpuinfo")
    lines = model.read_text(encoding="utf-8", errors="replace").splitlines() if model.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({len(names)} threads)" if names else platform.processor() or platform.machine()


def peak_bytes(device: str) -> int:
    """Most memory that this process has held on a device so far: allocated by torch on CUDA, resident on a CPU."""
    if device.startswith("cuda"):
        return int(importlib.import_module("torch").cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def revision() -> str:
    """Commit of the source tree that this package runs from; empty for an installed package."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return ""
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""

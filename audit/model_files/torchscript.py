"""TorchScript networks, loaded after a look at what their code may do."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from audit.errors import InputError
from audit.model_files.archive import pack_archive, read_archive
from audit.model_files.failures import first_line
from audit.model_files.weight_files import refuse_pickle

__all__ = ["load_torchscript"]

MEMBER = re.compile(
    r"(data|constants)(/\d+|\.pkl)|code/[\w/.]+\.py|version|byteorder|\.data/\w+|\.format_version|\.storage_alignment"
)
UNUSED = re.compile(r"extra/.*|traced_inputs(/\d+|\.pkl)|code/.*\.debug_pkl|model\.json|attributes\.pkl")
# TorchScript is a language of its own without access to Python, but it has operators that touch files. A word is enough:
# white space and comments may stand between any two words of it.
TOUCHES_FILES = re.compile(r"\b(save|from_file|\w*(?:read|write)_(?:file|image|jpeg|png|video\w*)|decode_file)\b")
FOREIGN_OPERATOR = re.compile(r"\bops\b(?!\.(?:aten|prims?|torchvision)\.)[^\n]*")


def load_torchscript(path: Path, device: torch.device, dtype: torch.dtype) -> Callable[..., Any]:
    """Load a file written by ``torch.jit.save`` onto a device, in evaluation mode, and return it as a function.

    Its data is read by TorchScript's own reader, which knows tensors and TorchScript classes only. Code that reads or
    writes files, or that calls operators of foreign libraries, is refused before anything is loaded; debugging
    records and saved example inputs are left out.

    Raises:
        InputError: not a TorchScript archive, or one with such code.
    """
    refuse_pickle(path)
    members = {name: data for name, data in read_archive(path).items() if not UNUSED.fullmatch(name)}
    if "constants.pkl" not in members or not any(name.startswith("code/") for name in members):
        remedy = (
            "; a .pt2 file is a `program` of a gan"
            if "archive_format" in members
            else "; weights alone need `weights` and their architecture, `factory` (gan) or `timm` (features)"
        )
        raise InputError(f"{path}: not a TorchScript archive: it has no code{remedy}")
    for name, data in members.items():
        if not MEMBER.fullmatch(name):
            raise InputError(f"{path}: member {name!r} does not belong into a TorchScript archive; it was not loaded")
        if name.startswith("code/"):
            _check_code(data.decode("utf-8", errors="replace"), path)
    try:
        with warnings.catch_warnings():
            # Newer versions of torch advise against TorchScript itself; the user chose it.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
            module: torch.jit.ScriptModule = torch.jit.load(pack_archive(members, "network"), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"{path}: torch {torch.__version__} cannot load it ({first_line(error)})") from error
    module.eval().to(dtype)

    def call(*inputs: Any, **params: Any) -> Any:
        # Otherwise the executor watches the first calls and then fuses operators: later batches would go through other
        # kernels than the first, and a resumed run would not repeat them.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]  # public, though not listed as such
            return module(*inputs, **params)

    return call


def _check_code(code: str, path: Path) -> None:
    found = TOUCHES_FILES.search(code) or FOREIGN_OPERATOR.search(code)
    if found:
        raise InputError(
            f"{path}: its code uses {found.group(0).strip()!r}, which may touch files or foreign libraries, so it was not "
            "loaded; export the network without it"
        )

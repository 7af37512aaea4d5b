"""Weights from files that hold tensors only, put into an architecture that they must fit exactly."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from audit.errors import InputError, WeightsError
from audit.model_files.failures import first_line

__all__ = ["WHY_NO_PICKLE", "fit", "read_weights", "refuse_pickle"]

WHY_NO_PICKLE = (
    "a pickle is a program that runs when it is opened, so it is not opened here; "
    "the README section 'Converting a StyleGAN pickle' shows how to turn it into safetensors once, in isolation"
)
WRAPPED = "state_dict"  # where training scripts put the weights when they save more than these
PARALLEL = "module."  # what torch.nn.DataParallel puts before every name of a checkpoint
COUNTER = "num_batches_tracked"  # of training steps; inference never reads it, and older files lack it
SHOWN_NAMES = 4
FOREIGN_TYPE = re.compile(r"GLOBAL ([\w.]+)")


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is a pickle by its name, as StyleGAN checkpoints are.

    Raises:
        InputError: the name ends in ``.pkl`` or ``.pickle``.
    """
    if path.suffix.lower() in {".pkl", ".pickle"}:
        raise InputError(f"{path}: {WHY_NO_PICKLE}")


def read_weights(path: Path, state_key: str = "") -> dict[str, Tensor]:
    """Read a state dict from safetensors, or from a torch checkpoint that holds nothing but tensors.

    Args:
        path: ``.safetensors``, or a file written by ``torch.save``.
        state_key: where the state dict lies in a checkpoint of several, with dots for deeper levels. Without it, an
            entry ``state_dict`` is taken where there is one.

    Raises:
        InputError: unreadable, other objects than tensors in it, or no state dict at ``state_key``.
    """
    refuse_pickle(path)
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: not readable as safetensors ({first_line(error)})") from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # read, or refused below
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        foreign = FOREIGN_TYPE.search(str(error))
        found = f"it holds {foreign.group(1)}, not only tensors" if foreign else "it is not a checkpoint of tensors"
        raise InputError(f"{path}: {found}; {WHY_NO_PICKLE}") from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not readable as a torch checkpoint of weights ({first_line(error)})") from error
    if not state_key and isinstance(loaded, Mapping):
        loaded = loaded.get(WRAPPED, loaded)
    return _state_dict(loaded, state_key, path)


def _state_dict(loaded: Any, state_key: str, path: Path) -> dict[str, Tensor]:
    for step in state_key.split(".") if state_key else ():
        if not isinstance(loaded, Mapping) or step not in loaded:
            raise InputError(f"{path}: no {step!r} for state_key {state_key!r}; {_found(loaded)}")
        loaded = loaded[step]
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(
            f"{path}: not a state dict of tensors; {_found(loaded)}; set `state_key` to the entry that is one, or save "
            "that entry alone"
        )
    return {str(name): value for name, value in loaded.items()}


def _found(loaded: Any) -> str:
    if isinstance(loaded, Mapping):
        return f"it has {', '.join(sorted(map(str, loaded))[:20]) or 'no entries'}"
    return f"it is a {type(loaded).__name__}"


def fit(module: nn.Module, weights: Mapping[str, Tensor], source: str, unused: tuple[str, ...] = ()) -> nn.Module:
    """Put weights into a network; every name and shape must match.

    Args:
        module: the architecture; changed in place and returned.
        weights: its state dict. BatchNorm's batch counters may be absent, because evaluation does not use them.
        source: file that the message names.
        unused: beginnings of names that the file may hold beyond what the network has, such as its classifier.

    Raises:
        WeightsError: names what is absent, left over and misshapen.
    """
    own = module.state_dict()
    if all(name.startswith(PARALLEL) for name in weights) and not any(name.startswith(PARALLEL) for name in own):
        weights = {name.removeprefix(PARALLEL): value for name, value in weights.items()}
    used = {name: value for name, value in weights.items() if name in own or not name.startswith(unused)}
    faults = {
        "weights absent": [name for name in own if name not in used and not name.endswith(COUNTER)],
        "left over": [name for name in used if name not in own],
        "of another shape": [
            f"{name} {tuple(value.shape)} for {tuple(own[name].shape)}"
            for name, value in used.items()
            if name in own and value.shape != own[name].shape
        ],
    }
    if any(faults.values()):
        told = ", ".join(f"{len(names)} {fault} ({_some(names)})" for fault, names in faults.items() if names)
        raise WeightsError(
            f"{source}: does not fit the architecture; {told}; check the parameters that name the architecture"
        )
    module.load_state_dict(used, strict=False)
    return module


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")

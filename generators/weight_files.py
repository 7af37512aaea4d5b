"""Weights from files that hold tensors only, put into an architecture that they must fit exactly."""

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from audit.errors import GenerationError, InputError

__all__ = ["WHY_NO_PICKLE", "architecture", "factory_file", "find_factory", "fit", "read_weights", "refuse_pickle"]

WHY_NO_PICKLE = (
    "a pickle is a program that runs when it is opened, so it is not opened here; "
    "the README section 'Converting a StyleGAN pickle' shows how to turn it into safetensors once, in isolation"
)
PARALLEL = "module."  # what torch.nn.DataParallel puts before every name of a checkpoint
SHOWN_NAMES = 4
FOREIGN_TYPE = re.compile(r"GLOBAL ([\w.]+)")


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is a pickle by its name, as StyleGAN checkpoints are.

    Raises:
        InputError: the name ends in ``.pkl`` or ``.pickle``.
    """
    if path.suffix.lower() in {".pkl", ".pickle"}:
        raise InputError(f"{path}: {WHY_NO_PICKLE}")


def find_factory(factory: str) -> Callable[..., Any]:
    """Import ``package.module:callable``.

    Raises:
        InputError: no such module, or no such callable in it.
    """
    module_name, _, name = factory.partition(":")
    try:
        found = getattr(import_module(module_name), name)
    except ImportError as error:
        raise InputError(
            f"factory {factory}: {module_name} cannot be imported ({error}); is its package installed?"
        ) from error
    except AttributeError as error:
        raise InputError(f"factory {factory}: {module_name} has no {name!r}") from error
    if not callable(found):
        raise InputError(
            f"factory {factory}: is a {type(found).__name__}; expected a class or function that builds the network"
        )
    return cast(Callable[..., Any], found)


def factory_file(factory: str) -> Path | None:
    """The source file of a factory; None where it has none (it is compiled)."""
    try:
        file = inspect.getsourcefile(find_factory(factory))
    except TypeError:
        return None
    return Path(file) if file else None


def architecture(factory: str, params: Mapping[str, Any]) -> nn.Module:
    """Let a factory build the network, with any weights.

    Raises:
        InputError: it is not there, or does not take these parameters.
        GenerationError: what it returns is not a ``torch.nn.Module``.
    """
    try:
        module = find_factory(factory)(**params)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"factory {factory}: factory_params {dict(params)} are not accepted: {error}") from error
    if not isinstance(module, nn.Module):
        raise GenerationError(f"factory {factory}: returned {type(module).__name__}; expected a torch.nn.Module")
    return module


def read_weights(path: Path, state_key: str = "") -> dict[str, Tensor]:
    """Read a state dict from safetensors, or from a torch checkpoint that holds nothing but tensors.

    Args:
        path: ``.safetensors``, or a file written by ``torch.save``.
        state_key: where the state dict lies in a checkpoint of several, with dots for deeper levels.

    Raises:
        InputError: unreadable, other objects than tensors in it, or no state dict at ``state_key``.
    """
    refuse_pickle(path)
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: not readable as safetensors ({error})") from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # read, or refused below
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        foreign = FOREIGN_TYPE.search(str(error))
        found = f"it holds {foreign.group(1)}, not only tensors" if foreign else "it is not a checkpoint of tensors"
        raise InputError(f"{path}: {found}; {WHY_NO_PICKLE}") from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not readable as a torch checkpoint of weights ({_first_line(error)})") from error
    return _state_dict(loaded, state_key, path)


def _state_dict(loaded: Any, state_key: str, path: Path) -> dict[str, Tensor]:
    for step in state_key.split(".") if state_key else ():
        if not isinstance(loaded, Mapping) or step not in loaded:
            raise InputError(f"{path}: no {step!r} for state_key {state_key!r}; {_found(loaded)}")
        loaded = loaded[step]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"{path}: not a state dict of tensors; {_found(loaded)}; set `state_key` to the entry that is one")
    return {str(name): value for name, value in loaded.items()}


def _found(loaded: Any) -> str:
    if isinstance(loaded, Mapping):
        return f"it has {', '.join(sorted(map(str, loaded))[:20]) or 'no entries'}"
    return f"it is a {type(loaded).__name__}"


def fit(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> nn.Module:
    """Put weights into a network; every name and shape must match.

    Args:
        module: the architecture; changed in place and returned.
        weights: its state dict. BatchNorm's batch counters may be absent, because evaluation does not use them.
        source: file that the message names.

    Raises:
        GenerationError: names the missing, the unexpected and the misshapen entries.
    """
    own = module.state_dict()
    if all(name.startswith(PARALLEL) for name in weights) and not any(name.startswith(PARALLEL) for name in own):
        weights = {name.removeprefix(PARALLEL): value for name, value in weights.items()}
    missing = [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in weights if name not in own]
    misshapen = [
        f"{name} {tuple(value.shape)} for {tuple(own[name].shape)}"
        for name, value in weights.items()
        if name in own and value.shape != own[name].shape
    ]
    faults = {"missing": missing, "not in the architecture": unexpected, "of another shape": misshapen}
    if any(faults.values()):
        told = "; ".join(f"{len(names)} {fault}: {_some(names)}" for fault, names in faults.items() if names)
        raise GenerationError(
            f"{source}: the weights do not fit the architecture ({told}); check `factory`, `factory_params` and `state_key`"
        )
    module.load_state_dict(dict(weights), strict=False)
    return module


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

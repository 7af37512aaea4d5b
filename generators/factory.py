"""Architectures that an installed package builds, named as ``package.module:callable``."""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from torch import nn

from audit.errors import GenerationError, InputError

__all__ = ["architecture", "factory_file", "find_factory"]


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

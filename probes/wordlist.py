"""Word lists on disk: TOML with a header that says where the words come from, read strictly."""

import datetime
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.errors import InputError

__all__ = ["About", "WordList", "parse", "read", "shipped"]


class About(BaseModel):
    """Header of a word list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Who made it, or which publication the figures come from."""
    licence: str = Field(min_length=1)
    date: datetime.date
    """Last change of the list."""
    version: int = Field(ge=1)
    """Raised with every change of a word; equal to the version of the suite that asks it."""
    notes: tuple[str, ...] = ()
    """What a reader must know before using it."""


class WordList(BaseModel):
    """Base of all lists: frozen, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    about: About


L = TypeVar("L", bound=WordList)


def parse(data: bytes, name: str, kind: type[L]) -> L:
    """Read a list from the bytes of a TOML file.

    Raises:
        InputError: not UTF-8, not TOML, or a key is unknown, missing or of the wrong type; names the file and the key.
    """
    try:
        return kind.model_validate(tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name}: not valid TOML: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        path = ".".join(str(step) for step in fault["loc"]) or "file"
        raise InputError(f"{name}: {path}: {fault['msg'].removeprefix('Value error, ')}") from error


def read(path: Path, kind: type[L]) -> L:
    """Read a list from a file.

    Raises:
        InputError: it cannot be read, or see ``parse``.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({why}); give the path of a TOML file") from error
    return parse(data, str(path), kind)


def shipped(name: str, kind: type[L]) -> L:
    """A list that comes with this package."""
    return parse((files("probes") / "data" / name).read_bytes(), f"probes/data/{name}", kind)

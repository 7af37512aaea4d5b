"""The catalogue of weight packs: what each holds, where it comes from, its licence, use, limits and measured error."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from audit.digest import digest
from audit.errors import WeightsError

__all__ = [
    "HubSource",
    "IndexSource",
    "Measurement",
    "NpmSource",
    "Pack",
    "PackFile",
    "PathSource",
    "Source",
    "UrlSource",
    "catalogue",
]

BUILT_IN = Path(__file__).with_name("catalogue.toml")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _inside(path: str) -> str:
    """Refuse a name that could lead out of the folder or archive that it is looked up in."""
    parts = path.split("/")
    if "\\" in path or ":" in path or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"{path!r} must be a plain relative path with '/' between its parts")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class Entry(BaseModel):
    """Base of what a catalogue holds: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class IndexSource(Entry):
    """An archive on the user's own Python package index; read as an archive, never built, installed or imported."""

    kind: Literal["wheel", "sdist"]
    package: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    version: str = Field(pattern=r"^[A-Za-z0-9.!+_-]+$")
    archive: str = Field(default="", pattern=r"^[^/\\]*$")
    """File name, where a release has several wheels; empty: the first that fits by name."""
    sha256: Sha256 | None = None
    """Digest of the archive itself, checked before it is opened."""


class NpmSource(Entry):
    """A tarball on the user's own npm registry; member names begin with ``package/``."""

    kind: Literal["npm"] = "npm"
    package: str = Field(pattern=r"^(@[a-z0-9~._-]+/)?[a-z0-9~._-]+$")
    version: str = Field(pattern=r"^[A-Za-z0-9.+-]+$")
    sha256: Sha256 | None = None


class HubSource(Entry):
    """Files of a model hub repository at one revision."""

    kind: Literal["hub"] = "hub"
    repo: str = Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?$")
    revision: str = Field(pattern=r"^[^\s]+$")
    """A commit, or a branch or tag (then the commit that it meant is written into the lock file)."""


class PathSource(Entry):
    """A folder on this machine or a mounted share; its files are copied into the cache."""

    kind: Literal["path"] = "path"
    folder: Path
    """Relative to the catalogue file that names it; ``~`` is the home folder."""


class UrlSource(Entry):
    """Files under one web address: what is published as a release download, or lies on a company's file server."""

    kind: Literal["url"] = "url"
    base: str = Field(pattern=r"^(https?|file)://[^\s]*[^/\s]$")
    """Address without the last slash; each file's ``member`` follows it."""


class PackageSource(Entry):
    """A folder of an installed package: files that came with it. They are used where they lie, and nothing is pulled."""

    kind: Literal["package"] = "package"
    package: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    """Import name of a top-level package; it is found, not imported."""
    folder: Inside
    """Below the package's own folder."""


Source = Annotated[
    IndexSource | NpmSource | HubSource | PathSource | UrlSource | PackageSource, Field(discriminator="kind")
]


class PackFile(Entry):
    """One file of a pack."""

    name: Inside
    """How the adapters ask for it."""
    member: Inside
    """Exact path inside the archive, repository or folder."""
    sha256: Sha256 | None = None
    """None: not known yet; recorded at the first pull and checked ever after."""
    size: int | None = Field(default=None, ge=0)
    """Bytes."""


class Measurement(Entry):
    """An error figure that somebody measured."""

    what: str
    value: float
    unit: str
    on: str
    """The data, in words."""
    group: str = ""
    """The group of people or images that it holds for; empty: all."""


class Pack(Entry):
    """A set of model files with its origin, terms and known limits."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    source: Source
    files: tuple[PackFile, ...] = Field(min_length=1)
    licence: str
    """SPDX expression of the weights' terms."""
    licence_source: str
    """Where the terms were read, and what they cover."""
    intended_use: str
    limits: str
    measured: tuple[Measurement, ...] = ()
    unpinned: bool = False
    """Some digest is not known yet; findings and gates say so."""

    @model_validator(mode="after")
    def _honest(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError("two files have the same name")
        if any(_reserved(name) for name in names):
            raise ValueError("file names that begin with 'imgaudit.' or a dot are reserved")
        unknown = [file.name for file in self.files if file.sha256 is None]
        if bool(unknown) != self.unpinned:
            state = f"has no sha256 for {unknown[0]}" if unknown else "has a sha256 for every file"
            raise ValueError(f"unpinned = {str(self.unpinned).lower()}, but the pack {state}")
        if isinstance(self.source, PackageSource):
            self._lies_still()
        return self

    def _lies_still(self) -> None:
        """Files of a package are neither renamed, as they are not copied, nor noted at a first pull, as there is none."""
        renamed = [file.name for file in self.files if file.name != file.member]
        if renamed:
            raise ValueError(f"{renamed[0]}: a file that comes with a package keeps its name, so member must be the same")
        if self.unpinned:
            raise ValueError("files that come with a package need a sha256 each")

    @property
    def key(self) -> str:
        """Digest of where the files come from and what they must be: another key, another folder."""
        # Without defaults, so that a field which a later release adds does not make it pull everything again.
        source = self.source.model_dump(mode="json", exclude_defaults=True)
        files = [file.model_dump(mode="json", exclude_defaults=True) for file in self.files]
        return digest({"source": {**source, "kind": self.source.kind}, "files": files})

    @property
    def size(self) -> int | None:
        """Bytes of all files; None where not all are known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def _reserved(name: str) -> bool:
    return name.startswith(("imgaudit.", "."))


def catalogue() -> dict[str, Pack]:
    """All known packs by name: the built-in ones and those of the files that ``IMGAUDIT_CATALOGUE`` lists.

    A pack of a later file replaces one of the same name: that is how a company pins a digest or points to its own
    mirror. The replacement has its own digest, which every finding names.

    Raises:
        WeightsError: a catalogue file cannot be read; the message names file, pack and field.
    """
    extra = [part for part in os.environ.get("IMGAUDIT_CATALOGUE", "").split(os.pathsep) if part]
    packs = dict(_built_in())
    for part in extra:
        packs.update((pack.name, pack) for pack in _read(Path(part).expanduser()))
    return packs


@lru_cache(maxsize=1)
def _built_in() -> Mapping[str, Pack]:
    return {pack.name: pack for pack in _read(BUILT_IN)}


def _read(path: Path) -> Iterator[Pack]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"catalogue {path} cannot be read: {error.strerror}; correct IMGAUDIT_CATALOGUE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"catalogue {path} is not TOML: {error}") from error
    for name, table in tables.items():
        yield _parse(path, name, table)


def _parse(path: Path, name: str, table: Any) -> Pack:
    if not isinstance(table, dict):
        raise WeightsError(f"catalogue {path}: {name!r} must be a table, one for each pack")
    try:
        pack = Pack.model_validate({"name": name, **table})
    except ValidationError as error:
        found = (f"{'.'.join(map(str, e['loc'])) or 'the pack'}: {e['msg']}" for e in error.errors(include_url=False))
        raise WeightsError(f"catalogue {path}, pack {name!r}: {'; '.join(found)}") from error
    if isinstance(pack.source, PathSource):
        folder = (path.parent / pack.source.folder.expanduser()).absolute()
        return pack.model_copy(update={"source": PathSource(folder=folder)})
    return pack

"""A diffusers pipeline on disk, or in the hub's cache: what it is made of, looked at without loading a weight."""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import SafetensorError, safe_open

from audit.digest import digest, file_digest
from audit.errors import InputError

__all__ = ["Part", "PipelineFolder", "library_class"]

INDEX = "model_index.json"
LIBRARIES = {"diffusers": diffusers, "transformers": transformers}
NOT_LOADED = {".bin", ".ckpt", ".h5", ".msgpack", ".onnx", ".pb", ".pkl", ".pt", ".pth"}
SAFETENSORS_REMEDY = (
    "convert it once, in an isolated environment: "
    "`DiffusionPipeline.from_pretrained(OLD).save_pretrained(NEW, safe_serialization=True)`"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a pipeline: the text encoder, the scheduler, ..."""

    name: str
    library: str
    class_name: str

    def type(self) -> type[Any] | None:
        """Its class; None where the library has no such class (a renamed image processor, say).

        Raises:
            InputError: the library cannot import it.
        """
        try:
            module = LIBRARIES.get(self.library) or import_module(f"diffusers.pipelines.{self.library}")
            return getattr(module, self.class_name, None)
        except (ImportError, RuntimeError) as error:  # both libraries import a class when it is first asked for
            raise InputError(f"{self.name}: the {self.class_name} of {self.library} does not import: {error}") from error


@dataclass(frozen=True)
class PipelineFolder:
    """The files of one pipeline."""

    path: Path
    hub_id: str = ""
    """Where it comes from; empty for a local folder."""
    commit: str = ""
    """The hub commit that its revision stands for."""

    @cached_property
    def index(self) -> dict[str, Any]:
        """``model_index.json``."""
        file = self.path / INDEX
        if not file.is_file():
            raise InputError(
                f"{self.path}: no {INDEX} in it; expected a folder written by a diffusers pipeline's save_pretrained"
            )
        return _json(file)

    @cached_property
    def pipeline(self) -> type[Any]:
        """The pipeline's class.

        Raises:
            InputError: the index names code of its own, or a class that this diffusers does not have.
        """
        name = self.index.get("_class_name")
        if isinstance(name, list):
            raise InputError(f"{self.path / INDEX}: the pipeline brings its own code ({name[0]}), which is never run")
        try:
            return library_class(str(name), diffusers.DiffusionPipeline, "Pipeline")
        except InputError as error:
            raise InputError(f"{self.path / INDEX}: _class_name: {error}") from error

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The components that are there, in the order of the index.

        Raises:
            InputError: one comes from a library that is not diffusers or transformers.
        """
        listed = {name: value for name, value in self.index.items() if isinstance(value, list) and not name.startswith("_")}
        for name, value in listed.items():
            if len(value) != 2 or not all(word is None or str(word).isidentifier() for word in (name, *value)):
                raise InputError(
                    f"{self.path / INDEX}: {name} is {value}; expected the names of a library and a class in it"
                )
        parts = tuple(Part(name, library, found) for name, (library, found) in listed.items() if library and found)
        for part in parts:
            if part.library not in LIBRARIES and not find_spec(f"diffusers.pipelines.{part.library}"):
                raise InputError(
                    f"{self.path / INDEX}: {part.name} comes from {part.library!r}; only diffusers' and transformers' own "
                    "classes are loaded, never code that a model brings"
                )
        return parts

    def config(self, part: str, file: str = "config.json") -> dict[str, Any]:
        """A component's configuration; empty where it has none."""
        path = self.path / part / file
        return _json(path) if path.is_file() else {}

    def models(self) -> tuple[Part, ...]:
        """The components that have weights.

        Raises:
            InputError: the class of one is not there.
        """
        return tuple(part for part in self.parts if self._is_model(part))

    def _is_model(self, part: Part) -> bool:
        found = part.type()
        if found is None and (self.path / part.name / "config.json").is_file():
            version = f"diffusers {diffusers.__version__}, transformers {transformers.__version__}"
            raise InputError(f"{self.path / INDEX}: {part.name} is a {part.class_name}, which {version} do not have")
        return found is not None and issubclass(found, torch.nn.Module)

    def variant_of(self, part: Part, variant: str) -> str:
        """The variant if this component has it, else none: pipelines store some components in one form only."""
        return variant if variant and self._listed(part, variant) else ""

    def check_files(self, variant: str, without: str = "") -> None:
        """Look at what is there: every component's folder, vocabularies, and the headers of the weight files.

        Args:
            variant: form of the weights, such as ``fp16``.
            without: a component that will not be loaded.

        Raises:
            InputError: names the component and what is wrong with its files.
        """
        for part in self.parts:
            if part.name != without:
                self._check_there(part)
        models = [part for part in self.models() if part.name != without]
        for part in models:
            for file in self._listed(part, self.variant_of(part, variant)) or self._refuse(part):
                _check_header(file, part)
        if variant and not any(self.variant_of(part, variant) for part in models):
            raise InputError(f"{self.path}: no component has weights of the variant {variant!r}; leave `variant` out")

    def _check_there(self, part: Part) -> None:
        """Without its files, a tokenizer is made all the same, of three words."""
        folder = self.path / part.name
        if not folder.is_dir():
            raise InputError(
                f"{folder}: no such folder; {INDEX} lists a {part.class_name} there: copy the whole pipeline again"
            )
        found = part.type()
        if packages := getattr(found, "_backends", None):  # what both libraries put in place of a class that cannot work
            raise InputError(
                f"{folder}: the {part.class_name} needs {', '.join(packages)}; install what is missing of them"
            )
        named = dict(getattr(found, "vocab_files_names", None) or {})
        if (whole := named.pop("tokenizer_file", None)) and (folder / whole).is_file():
            return
        missing = [name for name in named.values() if not (folder / name).is_file()]
        if missing:
            raise InputError(f"{folder}: the {part.class_name} has no {missing[0]}; copy the whole pipeline again")

    def _listed(self, part: Part, variant: str) -> list[Path]:
        """The weight files that will be read; empty where there are none."""
        folder = self.path / part.name
        found = part.type()
        stem = "diffusion_pytorch_model" if found and issubclass(found, diffusers.ModelMixin) else "model"
        dotted = f".{variant}" if variant else ""
        single, shards = folder / f"{stem}{dotted}.safetensors", folder / f"{stem}.safetensors.index{dotted}.json"
        if single.is_file():
            return [single]
        if not shards.is_file():
            return []
        weight_map = _json(shards).get("weight_map")
        if not isinstance(weight_map, dict):
            raise InputError(f"{shards}: no weight_map in it; save the pipeline again")
        return [folder / str(name) for name in sorted(set(weight_map.values()))]

    def _refuse(self, part: Part) -> list[Path]:
        folder = self.path / part.name
        there = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
        pickles = [name for name in there if Path(name).suffix in NOT_LOADED]
        if pickles:
            raise InputError(
                f"{folder}: its weights are in {pickles[0]}, which can run code when it is opened; "
                f"only safetensors are read: {SAFETENSORS_REMEDY}"
            )
        variants = [name for name in there if name.endswith(".safetensors")]
        hint = f"; {variants[0]} is there, so set `variant`" if variants else ""
        raise InputError(f"{folder}: no safetensors weights of the {part.class_name}{hint}")

    def fingerprint(self) -> str:
        """Digest of every file that loading may read; for a hub pipeline the commit, which names the same."""
        if self.commit:
            return f"hub:{self.commit}"
        files = [self.path / INDEX]
        for part in self.parts:
            files += [f for f in sorted((self.path / part.name).rglob("*")) if f.is_file() and f.suffix not in NOT_LOADED]
        return digest({file.relative_to(self.path).as_posix(): _digest_of(file) for file in files})


def library_class(name: str, base: type[Any], ending: str) -> type[Any]:
    """A class of diffusers by its name.

    Args:
        name: for example ``DDIMScheduler``.
        base: what it must be derived from.
        ending: how the names of such classes end.

    Raises:
        InputError: there is none of this name, or a package that it needs is not installed.
    """
    found = getattr(diffusers, name, None)
    if packages := getattr(found, "_backends", None):
        raise InputError(f"{name} of diffusers needs {', '.join(packages)}; install what is missing of them")
    if isinstance(found, type) and issubclass(found, base) and found is not base:
        return found
    known = [word for word in dir(diffusers) if word.endswith(ending)]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"none of its {len(known)} names is like it"
    raise InputError(f"{name!r} is no {ending.lower()} of diffusers {diffusers.__version__}; {hint}")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); save the pipeline again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: a {type(value).__name__}; expected a JSON object")
    return value


def _check_header(file: Path, part: Part) -> None:
    if not file.is_file():
        raise InputError(f"{file}: a part of the {part.class_name}'s weights is missing; copy the whole folder again")
    try:
        with safe_open(file, framework="pt"):
            pass  # opening checks the header and that the file is as long as it says
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: damaged or no safetensors file ({error}); copy or save it again") from error


def _digest_of(file: Path) -> str:
    status = file.stat()
    return _cached_digest(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _cached_digest(file: Path, _size: int, _mtime: int) -> str:
    return file_digest(file)

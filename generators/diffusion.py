"""Any diffusers pipeline, from a folder, a weight pack or the hub: text-to-image, class-conditional or unconditional."""

import inspect
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, Self

import diffusers
import transformers
from pydantic import Field, FiniteFloat, JsonValue, field_validator, model_validator

from audit.component import DrawBatch, Generator
from audit.digest import bytes_digest, short
from audit.errors import InputError
from audit.model_files.torch_device import exact_arithmetic, release, runtime
from audit.weights import locate
from generators.diffusion_call import (
    Kind,
    build_scheduler,
    check_arguments,
    classes,
    kind_of,
    parameters,
    scheduler_type,
    side_multiple,
    token_limits,
)
from generators.diffusion_draw import Asked, Drawer
from generators.diffusion_folder import PipelineFolder
from generators.diffusion_hub import complete, find, offline
from generators.diffusion_pipeline import Recipe, load, quiet

__all__ = ["Diffusion"]

CONVERTS = {"DDIMPipeline": "DDIMScheduler"}
"""Pipelines that replace whatever scheduler their folder names."""
OFFLINE_REMEDY = "HF_HUB_OFFLINE is set, so nothing is fetched: unset it, or run `hf download` for the whole pipeline first"


class Diffusion(Generator):
    """Draws with a diffusers pipeline, loaded from safetensors only; code that a model brings is never run.

    Each image has its own ``torch.Generator``, seeded with its draw's seed. What the pipeline's safety checker withholds
    becomes ``Filtered``, an output that is not finite becomes ``Failed``.
    """

    source: ClassVar[str] = "https://github.com/huggingface/diffusers"

    model: str = ""
    """Folder written by ``save_pretrained``, or a hub id such as ``owner/name``."""
    pack: str = ""
    """A weight pack that holds such a folder, instead of ``model``."""
    revision: str = ""
    """Branch, tag or commit on the hub; the commit that it stands for is recorded."""
    variant: str = ""
    """Weight files of this form where a component has them, for example ``fp16``."""
    scheduler: str = ""
    """Class of diffusers, made from the settings of the pipeline's own scheduler; empty: that one."""
    scheduler_options: dict[str, JsonValue] = {}
    """Scheduler settings that replace the pipeline's, for example ``use_karras_sigmas: true``."""
    steps: int | None = Field(default=None, ge=1)
    """Denoising steps; the pipeline's default where none is given, here as below."""
    guidance: FiniteFloat | None = Field(default=None, ge=0)
    """Guidance scale."""
    eta: FiniteFloat | None = Field(default=None, ge=0, le=1)
    """Noise added at each DDIM step: 0 none, 1 as much as DDPM."""
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    negative_prompt: str | None = None
    dtype: Literal["fp32", "fp16", "bf16"] = "fp32"
    safety_checker: Literal["keep", "off"] = "keep"
    cpu_offload: Literal["none", "model", "sequential"] = "none"
    attention_slicing: bool = False
    compile: bool = False
    """Compile the denoiser with ``torch.compile``: the first batch takes minutes, the others less than before."""
    noise_device: Literal["cpu", "device"] = "cpu"
    """Where noise is drawn. Only ``cpu`` gives the same noise for a seed on every device."""
    call: dict[str, JsonValue] = {}
    """Further parameters of the pipeline's call, by its own names."""

    @field_validator("safety_checker", mode="before")
    @classmethod
    def _yaml_off(cls, value: Any) -> Any:
        """YAML reads a bare ``off`` as false."""
        return "off" if value is False else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.model) == bool(self.pack):
            raise ValueError("name one pipeline: either model (a folder or hub id) or pack (a weight pack)")
        if self.revision and self.pack:
            raise ValueError("a pack says itself which revision it is; leave revision out")
        if (self.width is None) != (self.height is None):
            raise ValueError("give both width and height, or neither")
        return self

    # -------------------------------------------------------------------------------------------- what it is

    def _folder(self) -> PipelineFolder:
        return PipelineFolder(locate(self.pack).folder) if self.pack else find(self.model, self.revision)

    def packs(self) -> tuple[str, ...]:
        """The pipeline's pack."""
        return (self.pack,) if self.pack else ()

    def accepts(self) -> tuple[Kind, ...]:
        """Text prompts, class labels or latents: read from the signature of the pipeline's call."""
        return (kind_of(self._folder()),)

    def asked_size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None where the pipeline decides."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def fingerprint(self) -> str:
        """Digest of the folder's configuration and weights, or the hub commit; empty for a pack, which has its own."""
        return "" if self.pack else self._folder().fingerprint()

    def numerics(self, device: str) -> dict[str, str]:
        """Library versions, device type, dtype, memory savers, and optional packages that change prompts or pixels."""
        pipeline = self._folder().pipeline
        facts = {
            **runtime(device, self.dtype),
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
            "cpu_offload": self.cpu_offload,
            "attention_slicing": str(self.attention_slicing).lower(),
            "compile": str(self.compile).lower(),
        }
        if "clean_caption" in parameters(pipeline):
            facts["caption_cleaning"] = _available("bs4", "ftfy")
        if "add_watermarker" in inspect.signature(pipeline.__init__).parameters:
            facts["watermark"] = _available("imwatermark")
        return facts

    def settings(self) -> dict[str, str]:
        """How it is run, in words: values that were not given are the pipeline's own, and say so."""
        folder = self._folder()
        limits = token_limits(folder, self.call)
        told = {
            "pipeline": folder.pipeline.__name__,
            "model": self.model or f"weight pack {self.pack}",
            "revision": folder.commit or ("weight pack" if self.pack else "local folder"),
            "diffusers": diffusers.__version__,
            "scheduler": self._scheduler_name(folder),
            "scheduler_config": self._scheduler_digest(folder),
            "dtype": self.dtype,
            "size": f"{self.width} x {self.height}" if self.width else "the pipeline's default",
            "safety_checker": self._checker_state(folder),
            "noise": f"one generator an image, on the {'CPU' if self.noise_device == 'cpu' else 'device'}",
        }
        if limits:
            told["prompt_tokens"] = (
                ", ".join(f"{name} {limit}" for name, limit in limits.items()) + "; longer prompts are cut"
            )
        return told | self._told_arguments(folder)

    def _told_arguments(self, folder: PipelineFolder) -> dict[str, str]:
        taken = parameters(folder.pipeline)
        names = {
            "steps": "num_inference_steps",
            "guidance": "guidance_scale",
            "eta": "eta",
            "negative_prompt": "negative_prompt",
        }
        given = self._given()
        told = {
            field: str(given[name]) if name in given else f"{taken[name].default} (the pipeline's default)"
            for field, name in names.items()
            if name in taken
        }
        return told | {f"call.{name}": str(value) for name, value in sorted(self.call.items())}

    def _checker_state(self, folder: PipelineFolder) -> str:
        checker = next((part.class_name for part in folder.parts if part.name == "safety_checker"), "")
        if not checker:
            return "none in this pipeline"
        return f"kept ({checker})" if self.safety_checker == "keep" else f"off (the pipeline's {checker} was not loaded)"

    def _scheduler_name(self, folder: PipelineFolder) -> str:
        own = next((part.class_name for part in folder.parts if part.name == "scheduler"), "")
        return self.scheduler or CONVERTS.get(folder.pipeline.__name__, own)

    def _scheduler_digest(self, folder: PipelineFolder) -> str:
        stored = folder.config("scheduler", "scheduler_config.json")
        used = {name: value for name, value in stored.items() if name != "_diffusers_version"} | self.scheduler_options
        text = json.dumps(used, sort_keys=True)  # not canonical JSON: some schedulers store an infinite limit
        return short(bytes_digest(text.encode()))

    # ------------------------------------------------------------------------------------------------ checks

    def check(self) -> None:
        """Look at the folder and at every parameter before any weight is loaded."""
        folder = self._folder()
        kind_of(folder)
        check_arguments(folder, self._given(), self.call)
        self._check_size(folder)
        self._check_scheduler(folder)
        try:
            folder.check_files(self.variant, self._unwanted())
        except InputError as error:
            if not folder.hub_id:
                raise
            if offline():
                raise InputError(f"{self.model}: {error}; {OFFLINE_REMEDY}") from error
            # else ``open`` fetches what is not in the cache yet, and looks again

    def _given(self) -> dict[str, Any]:
        values = {
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            "eta": self.eta,
            "width": self.width,
            "height": self.height,
            "negative_prompt": self.negative_prompt,
        }
        return {name: value for name, value in values.items() if value is not None}

    def _check_size(self, folder: PipelineFolder) -> None:
        multiple = side_multiple(folder)
        for side, value in (("width", self.width), ("height", self.height)):
            if value is not None and value % multiple:
                nearest = max(multiple, round(value / multiple) * multiple)
                raise InputError(
                    f"{side}: {value} pixels; {folder.pipeline.__name__} draws multiples of {multiple}: take {nearest}"
                )

    def _check_scheduler(self, folder: PipelineFolder) -> None:
        name = self._scheduler_name(folder)
        takes = inspect.signature(scheduler_type(name).step).parameters if name else {}
        if self.eta and "eta" not in takes:
            raise InputError(
                f"eta: {name} adds no noise of that kind and would ignore it; use DDIMScheduler or leave it out"
            )
        if not self.scheduler and not self.scheduler_options:
            return
        base = folder.config("scheduler", "scheduler_config.json")
        if not base:
            raise InputError(f"scheduler: {folder.pipeline.__name__} has none that could be replaced; leave it out")
        build_scheduler(name, base, self.scheduler_options, folder.pipeline)

    def _unwanted(self) -> str:
        """The component that is left out."""
        return "safety_checker" if self.safety_checker == "off" else ""

    # ----------------------------------------------------------------------------------------------- drawing

    def open(self, device: str) -> AbstractContextManager[DrawBatch]:
        """Load the pipeline onto the device.

        Raises:
            GenerationError: weights that do not fit; names the component and the keys.
            InputError: files are missing or damaged, or the device cannot do what was asked.
        """
        return self._opened(device)

    @contextmanager
    def _opened(self, device: str) -> Iterator[DrawBatch]:
        exact_arithmetic()
        with quiet():
            folder = complete(self._folder(), self.variant)
            folder.check_files(self.variant, self._unwanted())
            drawer = Drawer(load(folder, self._recipe(), device), self._asked(folder, device))
            try:
                yield drawer
            finally:
                drawer.close()
                release(device)

    def _recipe(self) -> Recipe:
        return Recipe(
            dtype=self.dtype,
            variant=self.variant,
            scheduler=self.scheduler,
            scheduler_options=self.scheduler_options,
            without_checker=self.safety_checker == "off",
            cpu_offload=self.cpu_offload,
            attention_slicing=self.attention_slicing,
            compile=self.compile,
        )

    def _asked(self, folder: PipelineFolder, device: str) -> Asked:
        return Asked(
            kind=kind_of(folder),
            fixed=self._given() | self.call,
            counted="batch_size" in parameters(folder.pipeline),
            classes=classes(folder),
            token_limits=token_limits(folder, self.call),
            noise_device=device if self.noise_device == "device" else "cpu",
        )


def _available(*packages: str) -> str:
    return "available" if all(find_spec(package) for package in packages) else "unavailable"

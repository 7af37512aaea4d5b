"""Loading a diffusers pipeline and drawing with it: every weight from its file, every image from its own seed."""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import diffusers
import torch
import transformers
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from audit.errors import GenerationError, InputError
from audit.model_files.failures import memory_ran_out
from generators.diffusion_call import build_scheduler
from generators.diffusion_folder import Part, PipelineFolder

__all__ = ["DENOISERS", "DTYPES", "Recipe", "Seeds", "first_line", "load", "quiet"]

log = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
DENOISERS = ("unet", "transformer", "prior")
DTYPE_RENAMED = (4, 56)
"""transformers from this version on calls ``torch_dtype`` ``dtype``."""
SHOWN_KEYS = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a pipeline is to be loaded."""

    dtype: str = "fp32"
    variant: str = ""
    scheduler: str = ""
    """Class name; empty for the pipeline's own."""
    scheduler_options: Mapping[str, Any] = field(default_factory=dict)
    without_checker: bool = False
    cpu_offload: str = "none"
    attention_slicing: bool = False
    compile: bool = False


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no chatter from diffusers and transformers; both are set back afterwards."""
    libraries = (diffusers_logging, transformers_logging)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, bars) in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
            if bars:
                library.enable_progress_bar()


# ------------------------------------------------------------------------------------------------------- loading


def load(folder: PipelineFolder, recipe: Recipe, device: str) -> Any:
    """Load a pipeline from its folder onto a device.

    Each model is loaded by itself, so that the library's report of missing weights can be read: left alone, it fills
    them with random numbers and goes on.

    Raises:
        GenerationError: weights that do not fit (names component and keys), or a model larger than the device.
        InputError: the device or the pipeline cannot do what the recipe asks.
    """
    wanted = [part for part in folder.models() if not (recipe.without_checker and part.name == "safety_checker")]
    loaded: dict[str, Any] = {part.name: _load_model(folder, part, recipe) for part in wanted}
    if recipe.without_checker and "safety_checker" in inspect.signature(folder.pipeline.__init__).parameters:
        loaded |= {"safety_checker": None, "requires_safety_checker": False}
    try:
        pipeline = folder.pipeline.from_pretrained(folder.path, use_safetensors=True, local_files_only=True, **loaded)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        raise GenerationError(
            f"{folder.path}: {folder.pipeline.__name__} cannot be put together: {first_line(error)}"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    if recipe.scheduler or recipe.scheduler_options:
        name = recipe.scheduler or type(pipeline.scheduler).__name__
        pipeline.scheduler = build_scheduler(name, pipeline.scheduler.config, recipe.scheduler_options, folder.pipeline)
    _place(pipeline, recipe, device)
    return pipeline


def _load_model(folder: PipelineFolder, part: Part, recipe: Recipe) -> Any:
    model_type = part.type()
    assert model_type is not None
    options: dict[str, Any] = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are in the report then, and refused below with their names
        _dtype_key(model_type): DTYPES[recipe.dtype],
    }
    if variant := folder.variant_of(part, recipe.variant):
        options["variant"] = variant
    try:
        model, report = model_type.from_pretrained(folder.path / part.name, **options)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        raise GenerationError(
            f"{folder.path / part.name}: the weights do not fit its {part.class_name} ({first_line(error)}); "
            "the folder is damaged or was written by another version"
        ) from error
    misshapen = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    missing = sorted({*report["missing_keys"], *misshapen})
    if missing:
        more = len(missing) - SHOWN_KEYS
        shown = ", ".join(missing[:SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
        raise GenerationError(
            f"{folder.path / part.name}: the weights do not fit its {part.class_name}: no values of the right shape for "
            f"{shown}; they would be random; copy or save the pipeline again"
        )
    if unused := len(report["unexpected_keys"]):
        log.info("%s: %d weights of the file are not used by its %s", part.name, unused, part.class_name)
    return model.eval()


def _dtype_key(model_type: type[Any]) -> str:
    major_minor = tuple(int(number) for number in transformers.__version__.split(".")[:2])
    renamed = not issubclass(model_type, diffusers.ModelMixin) and major_minor >= DTYPE_RENAMED
    return "dtype" if renamed else "torch_dtype"


def _place(pipeline: Any, recipe: Recipe, device: str) -> None:
    """Bring the pipeline to the device in the way that the recipe asks for."""
    if recipe.cpu_offload != "none" and torch.device(device).type == "cpu":
        raise InputError(
            f"cpu_offload: {recipe.cpu_offload}: it moves weights between a GPU and the CPU; the device is {device}"
        )
    denoiser = next((name for name in DENOISERS if getattr(pipeline, name, None) is not None), "")
    if recipe.compile and not denoiser:
        raise InputError(
            f"compile: {type(pipeline).__name__} has none of {', '.join(DENOISERS)} to compile; set it to false"
        )
    if not _moved(pipeline, recipe, device):  # raised here, because a caught error would keep what was loaded alive
        raise GenerationError(
            f"{type(pipeline).__name__}: its weights do not fit in the memory of {device}; "
            "set `cpu_offload: model`, or `dtype: fp16`"
        )
    if recipe.attention_slicing:
        pipeline.enable_attention_slicing()
    if recipe.compile:
        getattr(pipeline, denoiser).compile()


def _moved(pipeline: Any, recipe: Recipe, device: str) -> bool:
    """Whether the device could take the pipeline."""
    try:
        if recipe.cpu_offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        elif recipe.cpu_offload == "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        else:
            pipeline.to(device)
    except (ValueError, NotImplementedError, ImportError, RuntimeError, AssertionError, MemoryError) as error:
        if memory_ran_out(error):
            return False
        raise InputError(f"{type(pipeline).__name__} cannot be brought to {device}: {first_line(error)}") from error
    return True


def first_line(error: Exception) -> str:
    """The first line of an error that has something to say, with its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


# --------------------------------------------------------------------------------------------------------- seeds


class Seeds:
    """One ``torch.Generator`` an image, also for steps whose pipeline forgets to pass them on.

    Some pipelines (DiT is one) call a scheduler that adds noise without a generator; the noise would then come from the
    process, not from the image's seed.
    """

    def __init__(self, pipeline: Any, noise_device: str) -> None:
        self._device = noise_device
        self._current: list[torch.Generator] = []
        if hasattr(pipeline, "scheduler"):
            pipeline.scheduler.step = self._seeded(pipeline.scheduler.step)

    def start(self, seeds: Sequence[int]) -> list[torch.Generator]:
        """Fresh generators, one an image."""
        self._current = [torch.Generator(self._device).manual_seed(seed) for seed in seeds]
        return self._current

    def _seeded(self, step: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(step)
        if "generator" not in signature.parameters:
            return step

        @wraps(step)
        def seeded(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            if bound.arguments.get("generator") is None and self._current:
                repeats = len(bound.arguments["model_output"]) // len(self._current)  # guidance doubles the rows
                bound.arguments["generator"] = self._current * repeats
            return step(*bound.args, **bound.kwargs)

        return seeded

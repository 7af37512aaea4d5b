"""What a diffusers pipeline's call takes: read from its signature, so that no parameter is dropped in silence."""

import inspect
import math
import sys
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

import diffusers
from diffusers.pipelines import auto_pipeline

from audit.errors import InputError
from audit.records import ClassLabel, Latent, TextPrompt
from audit.spec import nearest
from generators.diffusion_folder import PipelineFolder, library_class

__all__ = [
    "Kind",
    "build_scheduler",
    "check_arguments",
    "classes",
    "kind_of",
    "parameters",
    "scheduler_type",
    "side_multiple",
    "token_limits",
]

Kind = type[TextPrompt] | type[ClassLabel] | type[Latent]

FIELDS = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "eta": "eta",
    "width": "width",
    "height": "height",
    "negative_prompt": "negative_prompt",
}
"""Call parameter -> field of the generator that sets it."""
AUDIT_SETS = ("prompt", "class_labels", "batch_size", "generator", "output_type", "return_dict", "num_images_per_prompt")
OTHER_MEDIA = ("num_frames", "video_length", "audio_length_in_s", "audio_end_in_s")
FLOW = "flow_prediction"
UNLIMITED = 1_000_000
"""Tokenizers without a limit store a huge number instead."""


def parameters(pipeline: type[Any]) -> dict[str, Parameter]:
    """The named parameters of a pipeline's call."""
    found = inspect.signature(pipeline.__call__).parameters.values()
    return {
        p.name: p for p in found if p.name != "self" and p.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    }


def kind_of(folder: PipelineFolder) -> Kind:
    """The kind of condition that a pipeline draws.

    Raises:
        InputError: it needs an image to start from, or makes video or sound.
    """
    pipeline, taken = folder.pipeline, parameters(folder.pipeline)
    name = pipeline.__name__
    from_images = {
        *auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING.values(),
        *auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING.values(),
    }
    if pipeline in from_images - set(auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()):
        raise InputError(f"{name} changes a given image; use the text-to-image pipeline of the same family")
    if any(medium in taken for medium in OTHER_MEDIA):
        raise InputError(f"{name} makes video or sound; an audit looks at still images")
    if "prompt" in taken:
        return TextPrompt
    if "class_labels" in taken and (taken["class_labels"].default is Parameter.empty or classes(folder)):
        return ClassLabel
    if "batch_size" in taken:
        return Latent
    raise InputError(
        f"{name} takes neither prompt, class_labels nor batch_size; "
        "a text-to-image, class-conditional or unconditional pipeline is needed"
    )


def classes(folder: PipelineFolder) -> int | None:
    """How many classes a class-conditional pipeline knows; None where its configuration does not say."""
    count = folder.config("transformer").get("num_embeds_ada_norm") or folder.config("unet").get("num_class_embeds")
    return int(count) if count else None


def check_arguments(folder: PipelineFolder, given: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    """Check that the pipeline takes every parameter that is to be passed, and gets every one that it needs.

    Args:
        given: call parameters set by the generator's own fields.
        extra: the user's further call parameters.

    Raises:
        InputError: names the parameter and the nearest one that the pipeline has.
    """
    taken = parameters(folder.pipeline)
    name = folder.pipeline.__name__
    free = sorted(set(taken) - set(FIELDS) - set(AUDIT_SETS))
    for key in extra:
        if key in FIELDS and key in taken:
            raise InputError(f"call.{key}: set the field `{FIELDS[key]}` instead")
        if key in AUDIT_SETS:
            raise InputError(f"call.{key}: the audit sets it itself, so that each image has its own condition and seed")
        if key not in taken:
            raise InputError(f"call.{key}: {name} takes no such parameter; {nearest(key, free)}")
    for key in given:
        if key not in taken:
            raise InputError(
                f"{FIELDS[key]}: {name} takes no {key}; leave it out (it takes {', '.join(free) or 'nothing more'})"
            )
    needed = [p.name for p in taken.values() if p.default is Parameter.empty and p.name not in AUDIT_SETS]
    absent = [key for key in needed if key not in given and key not in extra]
    if absent:
        raise InputError(f"{name} cannot be called without {', '.join(absent)}; give them under `call`")


def token_limits(folder: PipelineFolder, call: Mapping[str, Any]) -> dict[str, int]:
    """Tokenizer name -> how many tokens of a prompt it hands on; tokenizers without a limit are left out."""
    taken = parameters(folder.pipeline).get("max_sequence_length")
    asked = call.get("max_sequence_length", taken.default if taken else None)
    limits: dict[str, int] = {}
    for part in folder.parts:
        own = folder.config(part.name, "tokenizer_config.json").get("model_max_length")
        if part.name.startswith("tokenizer") and isinstance(own, int) and own < UNLIMITED:
            cut_by_call = isinstance(asked, int) and not part.class_name.startswith("CLIP")
            limits[part.name] = min(own, asked) if cut_by_call else own
    return limits


def side_multiple(folder: PipelineFolder) -> int:
    """What width and height must be a multiple of, in pixels; 1 where the configuration does not say."""
    vae = folder.config("vae")
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    multiple = 2 ** (len(blocks) - 1) if isinstance(blocks, list) and blocks else 1
    patch = folder.config("transformer").get("patch_size")
    if isinstance(patch, int) and multiple > 1:
        multiple *= patch
    return math.lcm(multiple, 8) if multiple > 1 and folder.config("unet") else multiple


def scheduler_type(name: str) -> type[Any]:
    """A scheduler class of diffusers.

    Raises:
        InputError: unknown name, or one whose noise cannot come from each image's own seed.
    """
    found = library_class(name, diffusers.SchedulerMixin, "Scheduler")
    if "noise_sampler_seed" in inspect.signature(found.__init__).parameters:
        raise InputError(
            f"scheduler {name}: it draws one noise for a whole batch, so an image would depend on its neighbours; "
            "use DPMSolverMultistepScheduler with scheduler_options: {algorithm_type: sde-dpmsolver++}"
        )
    return found


def build_scheduler(name: str, base: Mapping[str, Any], options: Mapping[str, Any], pipeline: type[Any]) -> Any:
    """A scheduler from another one's configuration.

    Args:
        name: class name in diffusers.
        base: configuration of the pipeline's own scheduler.
        options: settings that replace those of ``base``, such as ``use_karras_sigmas``.
        pipeline: class of the pipeline that is to use it.

    Raises:
        InputError: unknown name or option, a value that the class refuses, or a scheduler that does not suit the model.
    """
    found = scheduler_type(name)
    settings = [key for key in inspect.signature(found.__init__).parameters if key != "self"]
    for key in options:
        if key not in settings:
            raise InputError(f"scheduler_options.{key}: {name} has no such setting; {nearest(key, settings)}")
    try:
        scheduler = found.from_config(dict(base), **options)
    except (TypeError, ValueError, NotImplementedError, ImportError) as error:
        raise InputError(f"scheduler {name}: cannot be made from the pipeline's scheduler settings: {error}") from error
    _check_family(scheduler, str(base.get("_class_name", "")), base)
    _check_start(scheduler, pipeline)
    return scheduler


def _check_family(scheduler: Any, own: str, base: Mapping[str, Any]) -> None:
    """Flow matching and noise prediction follow other paths: the wrong scheduler gives noise and no error."""
    name = type(scheduler).__name__
    model_flows = _flows(own, base)
    if model_flows != _flows(name, scheduler.config):
        path = "flow matching" if model_flows else "noise prediction"
        way = f"scheduler_options: {{prediction_type: {FLOW}, use_flow_sigmas: true}}"
        remedy = f"set {way}, or use a FlowMatch scheduler" if model_flows else "use one without flow matching"
        raise InputError(f"scheduler {name}: the model was trained for {path} (its own is {own}); {remedy}")


def _flows(name: str, config: Mapping[str, Any]) -> bool:
    return "Flow" in name or config.get("prediction_type") == FLOW or bool(config.get("use_flow_sigmas"))


def _check_start(scheduler: Any, pipeline: type[Any]) -> None:
    """Some schedulers start from louder noise, and a pipeline that does not scale it would draw noise and no error."""
    start = float(getattr(scheduler, "init_noise_sigma", 1.0))
    if not math.isclose(start, 1.0) and not _source_has(pipeline, "init_noise_sigma"):
        raise InputError(
            f"scheduler {type(scheduler).__name__}: it starts from noise of standard deviation {start:.3g}, and "
            f"{pipeline.__name__} always starts from 1; use DDIMScheduler, DDPMScheduler or DPMSolverMultistepScheduler"
        )


def _source_has(pipeline: type[Any], word: str) -> bool:
    bases: Sequence[type[Any]] = pipeline.__mro__[: pipeline.__mro__.index(diffusers.DiffusionPipeline)]
    return any(word in inspect.getsource(sys.modules[base.__module__]) for base in bases)

"""Batches of requests through a loaded diffusers pipeline, and what came of each image."""

import gc
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from audit.component import Product, Request
from audit.errors import GenerationError, OutOfMemory
from audit.model_files.failures import memory_ran_out
from audit.records import ClassLabel, Failed, Filtered, TextPrompt
from generators.diffusion_call import Kind
from generators.diffusion_pipeline import Seeds, first_line
from generators.outputs import products

__all__ = ["Asked", "Drawer"]

log = logging.getLogger(__name__)

FLAGS = ("nsfw_content_detected", "nsfw_detected")


@dataclass(frozen=True, slots=True)
class Asked:
    """What every batch of a run has in common."""

    kind: Kind
    """The conditions that the pipeline draws."""
    fixed: Mapping[str, Any]
    """Call parameters that do not change."""
    counted: bool
    """Whether the call is told how many images to draw."""
    classes: int | None
    """How many class labels it knows; None where nobody says."""
    token_limits: Mapping[str, int]
    """Tokenizer -> how many tokens of a prompt it hands on."""
    noise_device: str
    """Where noise is drawn."""


class Drawer:
    """Draws batches; each image has a generator of its own, seeded with its draw's seed."""

    def __init__(self, pipeline: Any, asked: Asked) -> None:
        """Take a pipeline that is on its device already."""
        self._pipeline = pipeline
        self._asked = asked
        self._seeds = Seeds(pipeline, asked.noise_device)
        self._cut: set[str] = set()

    @property
    def _name(self) -> str:
        scheduler = getattr(self._pipeline, "scheduler", None)
        return type(self._pipeline).__name__ + (f" with {type(scheduler).__name__}" if scheduler else "")

    def close(self) -> None:
        """Let go of the pipeline; the caller may keep this object."""
        del self._pipeline, self._seeds

    def __call__(self, requests: Sequence[Request]) -> list[Product]:
        """One product a request, in order.

        Raises:
            OutOfMemory: the device cannot hold a batch of this size.
            GenerationError: the pipeline broke down, or gave back another number of images.
        """
        if not requests:
            return []
        arguments = self._conditions(requests) | {
            "generator": self._seeds.start([request.draw.seed for request in requests]),
            "output_type": "np",
        }
        output = self._call(arguments)
        drawn = products(self._images(output, len(requests)), (0.0, 1.0), self._name)
        withheld = self._withheld(output, len(requests))
        return [
            self._impossible(request) or (Filtered(reason=f"the pipeline's {filtered}") if filtered else product)
            for request, product, filtered in zip(requests, drawn, withheld, strict=True)
        ]

    # ------------------------------------------------------------------------------------------------ conditions

    def _conditions(self, requests: Sequence[Request]) -> dict[str, Any]:
        for condition in (request.probe.condition for request in requests):
            if not isinstance(condition, self._asked.kind):
                kind, found = self._asked.kind.__name__, type(condition).__name__
                raise GenerationError(f"{self._name}: draws {kind} conditions; was asked for a {found}")
        possible = [None if self._impossible(request) else request.probe.condition for request in requests]
        arguments = dict(self._asked.fixed)
        if self._asked.kind is TextPrompt:
            texts = [c.text if isinstance(c, TextPrompt) else "" for c in possible]
            self._note_cut(texts)
            arguments["prompt"] = texts
            if "negative_prompt" in arguments:
                arguments["negative_prompt"] = [arguments["negative_prompt"]] * len(texts)
        elif self._asked.kind is ClassLabel:
            arguments["class_labels"] = [c.label if isinstance(c, ClassLabel) else 0 for c in possible]
        if self._asked.counted:
            arguments["batch_size"] = len(requests)
        return arguments

    def _impossible(self, request: Request) -> Failed | None:
        """What no pipeline takes: it would bring the batch down (on a GPU the process), so its row is drawn empty."""
        condition, classes = request.probe.condition, self._asked.classes
        if isinstance(condition, ClassLabel) and classes is not None and condition.label >= classes:
            return Failed(reason=f"class {condition.label} is none of the model's {classes} classes")
        if isinstance(condition, TextPrompt) and any("\ud800" <= letter <= "\udfff" for letter in condition.text):
            return Failed(reason="the prompt holds half of a character (an unpaired surrogate), which no tokenizer reads")
        return None

    def _note_cut(self, texts: Sequence[str]) -> None:
        """Say which prompts are longer than a tokenizer's limit: the model does not see their end."""
        for text in dict.fromkeys(texts):
            if text in self._cut:
                continue
            for name, limit in self._asked.token_limits.items():
                count = len(getattr(self._pipeline, name)(text).input_ids)
                if count > limit:
                    self._cut.add(text)
                    log.warning("%s reads %d of %d tokens of the prompt %r...", name, limit, count, text[:60])

    # -------------------------------------------------------------------------------------------------- the call

    def _call(self, arguments: Mapping[str, Any]) -> Any:
        try:
            with np.errstate(invalid="ignore"):  # safety checkers cast NaN to black for themselves
                return self._pipeline(**arguments)
        except Exception as error:  # a pipeline is foreign code and may raise anything
            trouble = first_line(error)
            if not memory_ran_out(error):
                raise GenerationError(
                    f"{self._name} broke down: {trouble}; check its parameters, or take another dtype"
                ) from error
        # raised out here: the caught error's frames hold the very tensors that must go before a smaller batch can fit
        self._recover()
        raise OutOfMemory(f"{self._name}: {trouble}; set a smaller `batch`, or `cpu_offload: model`")

    def _recover(self) -> None:
        self._pipeline.maybe_free_model_hooks()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # ---------------------------------------------------------------------------------------------- what came back

    def _images(self, output: Any, wanted: int) -> Any:
        """Shape (wanted, 1 or 3, height, width), floats in 0..1."""
        images = getattr(output, "images", None)
        if images is None:
            raise GenerationError(
                f"{self._name}: gives {type(output).__name__} without images; take a text-to-image pipeline"
            )
        array = np.asarray(images)
        if array.ndim != 4 or array.shape[0] != wanted:
            raise GenerationError(
                f"{self._name}: {wanted} images were asked for; an array of shape {array.shape} came back, "
                f"expected ({wanted}, height, width, channels)"
            )
        if array.shape[3] not in (1, 3) or array.dtype.kind != "f":
            raise GenerationError(
                f"{self._name}: images of {array.shape[3]} channels and type {array.dtype}; expected 1 or 3 and floats"
            )
        return array.transpose(0, 3, 1, 2)

    def _withheld(self, output: Any, wanted: int) -> list[str]:
        """For each image the name of the flag that its own safety checker raised; never guessed from pixels."""
        for flag in FLAGS:
            flags = getattr(output, flag, None)
            if flags is not None:
                if len(flags) != wanted:
                    raise GenerationError(f"{self._name}: {len(flags)} values of {flag} for {wanted} images")
                return [f"safety checker ({flag})" if raised else "" for raised in flags]
        return [""] * wanted

"""``diffusion``'s batches: pipelines that break their promise, and memory that is given back."""

import gc
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusion_cases import PROMPTS, calm, four, prompts, refusal  # noqa: F401
from tiny_pipelines import built

from audit.errors import GenerationError, OutOfMemory
from audit.records import Latent
from generators.diffusion import Diffusion
from generators.diffusion_draw import Asked, Drawer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


class Broken:
    """In place of a pipeline: answers as it is told."""

    def __init__(self, answer: Callable[[], object]) -> None:
        self.answer = answer

    def __call__(self, **arguments: Any) -> object:
        return self.answer()

    def maybe_free_model_hooks(self) -> None:
        pass


def broken(answer: Callable[[], object]) -> Drawer:
    return Drawer(
        Broken(answer), Asked(kind=Latent, fixed={}, counted=True, classes=None, token_limits={}, noise_device="cpu")
    )


def give(images: object, **more: object) -> Callable[[], object]:
    return lambda: SimpleNamespace(images=images, **more)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (give(np.zeros((3, 8, 8, 3), np.float32)), ["4 images", "(3, 8, 8, 3)"]),
        (give(np.zeros((8, 8, 8, 3), np.float32)), ["4 images", "(8, 8, 8, 3)"]),
        (give([]), ["4 images"]),
        (give(np.zeros((4, 8, 8), np.float32)), ["(4, 8, 8)"]),
        (give(np.zeros((4, 8, 8, 4), np.float32)), ["4 channels"]),
        (give(np.zeros((4, 8, 8, 3), np.uint8)), ["uint8"]),
        (give(np.zeros((4, 8, 8, 3)), nsfw_content_detected=[False]), ["nsfw_content_detected"]),
        (lambda: SimpleNamespace(frames=[]), ["without images"]),
        (lambda: {}["unet"], ["KeyError"]),
        (lambda: torch.ones(2) @ torch.ones(3), ["RuntimeError"]),
    ],
)
def test_what_a_pipeline_must_not_do(answer: Callable[[], object], words: list[str]) -> None:
    message = refusal(lambda: broken(answer)(four("ddpm")), GenerationError)
    assert all(word in message for word in ["Broken", *words]), message


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_lets_go_of_the_batch(kind: type[Exception]) -> None:
    held: list[weakref.ref[Any]] = []

    def exhaust() -> None:
        activations = torch.zeros(8)
        held.append(weakref.ref(activations))
        raise kind("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore words")

    with pytest.raises(OutOfMemory, match=r"CUDA out of memory.*`batch`") as caught:
        broken(exhaust)(four("ddpm"))
    assert held[0]() is None, f"{caught.value!r} keeps the tensors that did not fit"


def test_conditions_of_another_kind(folder: Callable[[str], Path]) -> None:
    with Diffusion(model=str(folder("ddpm")), steps=1).open("cpu") as draw:
        message = refusal(lambda: draw(prompts(*PROMPTS)), GenerationError)
    assert "TextPrompt" in message


def test_close_gives_the_memory_back(folder: Callable[[str], Path]) -> None:
    with Diffusion(model=str(folder("sd")), steps=1).open("cpu") as draw:
        assert len(draw(prompts(*PROMPTS))) == 4
        models = weights_alive()
        assert models
    assert [model for model in models if model() is not None] == []


def weights_alive() -> Sequence[weakref.ref[Any]]:
    """The models that are in memory now."""
    names = ("UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel")
    return [weakref.ref(found) for found in gc.get_objects() if type(found).__name__ in names]

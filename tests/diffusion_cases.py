"""What the tests of ``diffusion`` share: requests, and the library's own images for them."""

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from audit.component import Product, Request
from audit.errors import AuditError, InputError
from audit.records import ClassLabel, Condition, Draw, Latent, Probe, TextPrompt
from generators.diffusion import Diffusion

QUIRKS = [
    # Euler schedulers hand a tensor to numpy.array, which numpy 2 has words about
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # `torch_dtype`, used here, is the name that old and new diffusers know; SDXL in fp16 calls its own `upcast_vae`
    pytest.mark.filterwarnings("ignore:.*(torch_dtype|upcast_vae).*:FutureWarning"),
]
"""Warnings of the libraries about themselves."""

PROMPTS = ("a nurse at work", "a lawyer", "two dogs, one red", "")
KINDS = {"sd": TextPrompt, "sdxl": TextPrompt, "sd3": TextPrompt, "dit": ClassLabel, "ddpm": Latent, "ddim": Latent}
SIDES = {"sd": 32, "sdxl": 32, "sd3": 32, "dit": 32, "ddpm": 16, "ddim": 16}


@pytest.fixture(scope="module", autouse=True)
def calm() -> Iterator[None]:
    """One thread and a small heap, for a module that imports this.

    With more threads, a row at the edge of a thread's share is summed in another order: one grey level, now and then.
    Each close collects garbage, which takes no time without the libraries' half million objects.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


def request(condition: Condition, seed: int) -> Request:
    probe = Probe(suite="tested", condition=condition)
    return Request(Draw(generator="tested", probe=probe.id, index=0, seed=seed), probe)


def prompts(*texts: str) -> list[Request]:
    return [request(TextPrompt(text=text), seed) for seed, text in enumerate(texts, 2**52)]


def four(family: str) -> list[Request]:
    """Four requests of the kind that the family draws, with different conditions and seeds."""
    if KINDS[family] is TextPrompt:
        return prompts(*PROMPTS)
    conditions = [Latent()] * 4 if KINDS[family] is Latent else [ClassLabel(label=n) for n in (3, 999, 0, 17)]
    return [request(condition, seed) for seed, condition in enumerate(conditions, 5)]


def drawn(generator: Diffusion, requests: Sequence[Request], device: str = "cpu") -> list[Product]:
    generator.check()
    with generator.open(device) as draw:
        return list(draw(requests))


def pixels(products: Sequence[Product]) -> np.ndarray:
    assert all(isinstance(product, np.ndarray) for product in products), products
    return np.stack(products)  # type: ignore[arg-type]


def bare(
    model: Path,
    requests: Sequence[Request],
    *,
    change: Callable[[Any], object] = id,
    dtype: torch.dtype = torch.float32,
    **call: Any,
) -> Any:
    """What the library itself gives for the same prompts and seeds."""
    pipeline = DiffusionPipeline.from_pretrained(model, torch_dtype=dtype)
    change(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    conditions = [request.probe.condition for request in requests]
    if isinstance(conditions[0], TextPrompt):
        call["prompt"] = [condition.text for condition in conditions]
    elif isinstance(conditions[0], ClassLabel):
        call["class_labels"] = [condition.label for condition in conditions]
    else:
        call["batch_size"] = len(conditions)
    generators = [torch.Generator().manual_seed(request.draw.seed) for request in requests]
    output = pipeline(generator=generators, output_type="pil", **call)
    output.images = np.stack([np.asarray(image) for image in output.images])
    return output


def sample(generator: Diffusion) -> np.ndarray:
    """Four images of the prompts."""
    return pixels(drawn(generator, prompts(*PROMPTS)))


def opened(generator: Diffusion, device: str = "cpu") -> None:
    """Load and close."""
    with generator.open(device):
        pass


def refusal(action: Callable[[], object], kind: type[AuditError] = InputError) -> str:
    """The message of the error that the action ends with: one line."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message

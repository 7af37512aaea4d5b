"""``diffusion`` on a GPU, and its memory savers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusion_cases import QUIRKS, calm, drawn, four, pixels  # noqa: F401
from tiny_pipelines import BUILDERS, built

from audit.testing import check_generator
from generators.diffusion import Diffusion

pytestmark = QUIRKS


def on_gpu(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs a CUDA device."""
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")(test))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


def test_memory_savers_reach_the_pipeline(folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda model: compiled.append(type(model).__name__))
    sliced = Diffusion(model=str(folder("sd")), steps=2, attention_slicing=True, compile=True)
    plain = Diffusion(model=str(folder("sd")), steps=2)
    difference = np.abs(pixels(drawn(sliced, four("sd"))).astype(int) - pixels(drawn(plain, four("sd"))))
    assert compiled == ["UNet2DConditionModel"]
    assert difference.max() <= 1  # the slices are summed in another order
    assert (sliced.numerics("cpu")["attention_slicing"], sliced.numerics("cpu")["compile"]) == ("true", "true")


@pytest.mark.slow
def test_compiled(folder: Callable[[str], Path]) -> None:
    compiled, plain = (Diffusion(model=str(folder("ddim")), steps=2, compile=choice) for choice in (True, False))
    difference = np.abs(pixels(drawn(compiled, four("ddim"))).astype(int) - pixels(drawn(plain, four("ddim"))))
    assert difference.max() <= 2


@on_gpu
@pytest.mark.parametrize("family", BUILDERS)
def test_a_seed_is_the_same_image_on_every_device(family: str, folder: Callable[[str], Path]) -> None:
    generator = Diffusion(model=str(folder(family)), steps=3)
    here = pixels(drawn(generator, four(family))).astype(int)
    there = pixels(drawn(generator, four(family), "cuda")).astype(int)
    assert np.abs(here - there).mean() < 2  # noise of another generator gives 30 and more


@on_gpu
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_keeps_the_interface_on_a_gpu(dtype: str, folder: Callable[[str], Path]) -> None:
    check_generator(Diffusion(model=str(folder("sd")), steps=2, batch=4, dtype=dtype), device="cuda")
    check_generator(Diffusion(model=str(folder("sd")), steps=2, batch=4, noise_device="device"), device="cuda")


@on_gpu
@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_offload_draws_the_same(offload: str, folder: Callable[[str], Path]) -> None:
    plain = pixels(drawn(Diffusion(model=str(folder("sd")), steps=2), four("sd"), "cuda")).astype(int)
    moved = Diffusion(model=str(folder("sd")), steps=2, cpu_offload=offload)
    assert np.abs(plain - pixels(drawn(moved, four("sd"), "cuda"))).max() <= 1


@on_gpu
def test_close_empties_the_device(folder: Callable[[str], Path]) -> None:
    generator = Diffusion(model=str(folder("sdxl")), steps=2)
    drawn(generator, four("sdxl"), "cuda")  # what the libraries keep for themselves is there after the first time
    before = torch.cuda.memory_allocated()
    with generator.open("cuda") as draw:
        draw(four("sdxl"))
        assert torch.cuda.memory_allocated() > before
    assert torch.cuda.memory_allocated() <= before

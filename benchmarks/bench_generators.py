"""Images per second of generators: drawing alone, nothing kept."""

from pathlib import Path
from typing import Any

import pytest

from audit.component import Generator
from audit.errors import WeightsError
from audit.records import Latent, Probe, TextPrompt
from audit.starters import DEMO_SPEC
from audit.testing import FakeGenerator, draw_requests
from audit.weights import locate
from benchmarks.devices import ON_CPU, ON_EACH_DEVICE, on_cpu, on_gpu
from benchmarks.models import small_gan
from benchmarks.pictures import image_folder
from benchmarks.pipelines import ddpm, stable_diffusion
from generators.diffusion import Diffusion
from generators.folder import Folder
from generators.gan import Gan

PROMPT = Probe(suite="bench", condition=TextPrompt(text="a photo of a red ball on a table"))
LATENT = Probe(suite="bench", condition=Latent(), unit="draw")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models of this file are saved."""
    return tmp_path_factory.mktemp("models")


def _draw(throughput: Any, generator: Generator, device: str, probe: Probe) -> None:
    requests = draw_requests(probe, generator.batch)
    with generator.open(device) as draw:
        throughput(lambda: draw(requests), images=len(requests))


@ON_CPU
def test_fake_256px(throughput: Any) -> None:
    """Discs by numpy: the floor of what a generator can cost."""
    _draw(throughput, FakeGenerator(side=256, batch=16), "cpu", PROMPT)


@pytest.mark.parametrize(
    ("device", "dtype"), [on_cpu("cpu", "fp32"), on_gpu("cuda", "fp32"), on_gpu("cuda", "fp16"), on_gpu("cuda", "bf16")]
)
def test_stable_diffusion_64px_5_steps(throughput: Any, folder: Path, device: str, dtype: str) -> None:
    """The small Stable Diffusion, batch 8."""
    if not (model := folder / "sd").exists():
        stable_diffusion(model)
    _draw(throughput, Diffusion(model=str(model), steps=5, batch=8, dtype=dtype), device, PROMPT)


@ON_EACH_DEVICE
def test_ddpm_32px_5_steps(throughput: Any, folder: Path, device: str) -> None:
    """The small unconditional pixel model, batch 8."""
    if not (model := folder / "ddpm").exists():
        ddpm(model)
    _draw(throughput, Diffusion(model=str(model), steps=5, batch=8), device, LATENT)


@ON_EACH_DEVICE
def test_torchscript_gan_64px(throughput: Any, folder: Path, device: str) -> None:
    """The small TorchScript GAN, batch 64."""
    gan = Gan(torchscript=small_gan(folder / "gan.pt"), latent=(64,), batch=64)
    _draw(throughput, gan, device, LATENT)


@ON_EACH_DEVICE
def test_dcgan_64px(throughput: Any, device: str) -> None:
    """The demo's DCGAN, batch 64."""
    params = DEMO_SPEC["generators"][0]["params"]
    try:
        locate(params["pack"])
    except WeightsError as error:
        pytest.skip(str(error))
    _draw(throughput, Gan.model_validate(params), device, LATENT)


@ON_CPU
def test_folder_of_jpeg_512px(throughput: Any, folder: Path) -> None:
    """Files read, not yet decoded."""
    images = Folder(path=image_folder(folder / "images", 32), batch=32)
    _draw(throughput, images, "cpu", images.probes()[0])

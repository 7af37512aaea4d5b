"""``diffusion``: real pipelines made small, saved to a folder, compared with the library's own call."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusion_cases import KINDS, PROMPTS, QUIRKS, SIDES, bare, calm, drawn, four, pixels, prompts, request  # noqa: F401
from tiny_pipelines import BUILDERS, built

from audit.records import ClassLabel
from audit.testing import check_generator
from generators.diffusion import Diffusion

pytestmark = QUIRKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


# ------------------------------------------------------------------------------------------------------ drawing


@pytest.mark.parametrize("family", BUILDERS)
def test_keeps_the_interface(family: str, folder: Callable[[str], Path]) -> None:
    generator = Diffusion(model=str(folder(family)), steps=2, batch=4)
    generator.check()
    assert generator.accepts() == (KINDS[family],)
    check_generator(generator)


@pytest.mark.parametrize("family", BUILDERS)
def test_draws_what_the_library_draws(family: str, folder: Callable[[str], Path]) -> None:
    found = pixels(drawn(Diffusion(model=str(folder(family)), steps=3), four(family)))
    assert found.shape == (4, SIDES[family], SIDES[family], 3)
    np.testing.assert_array_equal(found, bare(folder(family), four(family), num_inference_steps=3).images)


@pytest.mark.parametrize("family", BUILDERS)
def test_image_is_the_same_alone_and_in_its_batch(family: str, folder: Callable[[str], Path]) -> None:
    together = four(family)
    with Diffusion(model=str(folder(family)), steps=3).open("cpu") as draw:
        block = pixels(draw(together))
        padding = [request(together[0].probe.condition, 77)] * 3
        alone = [pixels(draw([one, *padding]))[0] for one in together]
    np.testing.assert_array_equal(alone, block)
    assert len({image.tobytes() for image in block}) == 4


def test_parameters_reach_the_call(folder: Callable[[str], Path]) -> None:
    generator = Diffusion(
        model=str(folder("sd")),
        steps=2,
        guidance=3.0,
        width=48,
        height=40,
        negative_prompt="dull",
        call={"guidance_rescale": 0.5},
    )
    expected = bare(
        folder("sd"),
        prompts(*PROMPTS),
        num_inference_steps=2,
        guidance_scale=3.0,
        width=48,
        height=40,
        negative_prompt=["dull"] * 4,
        guidance_rescale=0.5,
    ).images
    assert generator.asked_size() == (48, 40)
    assert expected.shape == (4, 40, 48, 3)
    np.testing.assert_array_equal(pixels(drawn(generator, prompts(*PROMPTS))), expected)


@pytest.mark.parametrize(
    ("family", "scheduler", "options"),
    [
        ("sd", "DDIMScheduler", {}),
        ("sd", "EulerAncestralDiscreteScheduler", {}),
        ("sd", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        ("sd", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("sdxl", "LCMScheduler", {}),
        ("sd3", "DPMSolverMultistepScheduler", {"prediction_type": "flow_prediction", "use_flow_sigmas": True}),
        ("ddpm", "DDIMScheduler", {}),
    ],
)
def test_scheduler_is_swapped(family: str, scheduler: str, options: dict[str, Any], folder: Callable[[str], Path]) -> None:
    own = Diffusion(model=str(folder(family)), steps=3)
    other = Diffusion(model=str(folder(family)), steps=3, scheduler=scheduler, scheduler_options=options)

    def swap(pipeline: Any) -> None:
        pipeline.scheduler = getattr(diffusers, scheduler).from_config(pipeline.scheduler.config, **options)

    found = pixels(drawn(other, four(family)))
    np.testing.assert_array_equal(found, bare(folder(family), four(family), change=swap, num_inference_steps=3).images)
    assert (found != pixels(drawn(own, four(family)))).any()
    assert other.settings()["scheduler"] == scheduler != own.settings()["scheduler"]
    assert (other.settings()["scheduler_config"] != own.settings()["scheduler_config"]) == bool(options)


def test_noise_that_the_pipeline_leaves_unseeded_comes_from_the_draw(folder: Callable[[str], Path]) -> None:
    """DiT calls its scheduler without a generator: with DDPM the library's images depend on the process."""

    def library(state: int) -> np.ndarray:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(state)
            swap = diffusers.DDPMScheduler.from_config
            return bare(
                folder("dit"), four("dit"), change=lambda p: setattr(p, "scheduler", swap(p.scheduler.config))
            ).images

    assert (library(1) != library(2)).any()
    generator = Diffusion(model=str(folder("dit")), scheduler="DDPMScheduler", steps=4, batch=4)
    check_generator(generator)
    first, *others = four("dit")
    block = pixels(drawn(generator, [first, *others]))
    np.testing.assert_array_equal(pixels(drawn(generator, [*others, first]))[3], block[0])


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3", "dit"])
def test_half_precision(family: str, dtype: str, folder: Callable[[str], Path]) -> None:
    generator = Diffusion(model=str(folder(family)), steps=2, dtype=dtype)
    cast = {"fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
    expected = bare(folder(family), four(family), dtype=cast, num_inference_steps=2).images
    found = pixels(drawn(generator, four(family)))
    np.testing.assert_array_equal(found, expected)
    assert (found != pixels(drawn(Diffusion(model=str(folder(family)), steps=2), four(family)))).any()
    assert generator.settings()["dtype"] == generator.numerics("cpu")["dtype"] == dtype


def test_grey_images_become_colour(tmp_path: Path) -> None:
    small = {"sample_size": 8, "block_out_channels": (8, 8), "norm_num_groups": 4, "layers_per_block": 1}
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = diffusers.UNet2DModel(in_channels=1, out_channels=1, **small, **blocks)
    diffusers.DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler()).save_pretrained(tmp_path)
    found = pixels(drawn(Diffusion(model=str(tmp_path), steps=2), four("ddpm")))
    assert found.shape == (4, 8, 8, 3)
    assert (found[..., 0] == found[..., 2]).all()


def test_nothing_is_drawn_for_nothing(folder: Callable[[str], Path]) -> None:
    assert drawn(Diffusion(model=str(folder("ddim")), steps=1), []) == []


def test_class_labels_of_a_pipeline_that_is_told_the_count(tmp_path: Path) -> None:
    small = {"sample_size": 8, "block_out_channels": (8, 8), "norm_num_groups": 4, "layers_per_block": 1}
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = diffusers.UNet2DModel(in_channels=3, out_channels=3, num_class_embeds=10, **small, **blocks)
    scheduler = diffusers.CMStochasticIterativeScheduler()
    diffusers.ConsistencyModelPipeline(unet=unet, scheduler=scheduler).save_pretrained(tmp_path)
    generator = Diffusion(model=str(tmp_path), steps=2)
    requests = [request(ClassLabel(label=label), 5) for label in (1, 2, 1)]
    assert generator.accepts() == (ClassLabel,)
    found = pixels(drawn(generator, requests))
    np.testing.assert_array_equal(found[0], found[2])
    assert (found[0] != found[1]).any()
    np.testing.assert_array_equal(found, bare(tmp_path, requests, num_inference_steps=2, batch_size=3).images)

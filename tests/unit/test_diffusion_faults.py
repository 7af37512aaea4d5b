"""``diffusion`` and what it is not meant for: each fault is one clear line, before anything is drawn where possible."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusion_cases import calm, opened, refusal, sample  # noqa: F401
from pydantic import ValidationError
from tiny_pipelines import built, rewrite

from audit.errors import GenerationError
from generators.diffusion import Diffusion


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline; not to be changed."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


@pytest.fixture
def copied(originals: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may damage."""
    return lambda family: Path(shutil.copytree(originals(family), tmp_path / family))


def edit_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


# --------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("family", "params", "words"),
    [
        ("sd", {"scheduler": "DDIMSheduler"}, ["DDIMSheduler", "DDIMScheduler"]),
        ("sd", {"scheduler": "StableDiffusionPipeline"}, ["no scheduler"]),
        ("sd", {"scheduler": "../../x"}, ["no scheduler"]),
        ("sd", {"scheduler": "FlowMatchEulerDiscreteScheduler"}, ["noise prediction", "PNDMScheduler"]),
        ("sd3", {"scheduler": "DDIMScheduler"}, ["flow matching", "FlowMatch"]),
        ("dit", {"scheduler": "EulerDiscreteScheduler"}, ["standard deviation", "DDIMScheduler"]),
        ("ddpm", {"scheduler": "EulerDiscreteScheduler"}, ["standard deviation", "DDPMPipeline"]),
        ("sd", {"scheduler_options": {"use_karas_sigmas": True}}, ["scheduler_options.use_karas_sigmas"]),
        ("sd", {"scheduler_options": {"beta_schedule": "cubic"}}, ["PNDMScheduler", "cubic"]),
        ("sd", {"call": {"guidance_rescal": 0.5}}, ["call.guidance_rescal", "guidance_rescale"]),
        ("sd", {"call": {"guidance_scale": 2}}, ["call.guidance_scale", "`guidance`"]),
        ("sd", {"call": {"num_images_per_prompt": 2}}, ["call.num_images_per_prompt", "audit"]),
        ("sd", {"call": {"generator": 1}}, ["call.generator"]),
        ("ddpm", {"guidance": 3}, ["guidance", "DDPMPipeline"]),
        ("dit", {"negative_prompt": "dull"}, ["negative_prompt", "DiTPipeline"]),
        ("ddpm", {"width": 64, "height": 64}, ["width", "DDPMPipeline"]),
        ("ddpm", {"eta": 0.5}, ["eta"]),
        ("sd", {"eta": 0.5}, ["eta", "PNDMScheduler", "DDIMScheduler"]),
        ("sd", {"width": 64, "height": 60}, ["height: 60", "multiples of 8", "64"]),
        ("sd3", {"width": 30, "height": 32}, ["width: 30", "multiples of 4"]),
        ("sd", {"variant": "fp16"}, ["variant", "fp16"]),
        ("sd", {"revision": "main"}, ["revision", "local folder"]),
    ],
)
def test_parameters_that_do_not_suit(
    family: str, params: dict[str, Any], words: list[str], originals: Callable[[str], Path]
) -> None:
    message = refusal(Diffusion(model=str(originals(family)), **params).check)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "params",
    [{"width": 64}, {"dtype": "float16"}, {"safety_checker": "maybe"}, {"steps": 0}, {"guidance": -1}, {"stepz": 4}],
)
def test_parameters_out_of_range(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Diffusion.model_validate({"model": "anything", **params})


def test_a_scheduler_whose_noise_is_the_batchs(originals: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one needs torchsde; without it, the message says so."""

    class DPMSolverSDEScheduler(diffusers.DDIMScheduler):  # type: ignore[misc]
        def __init__(self, noise_sampler_seed: int | None = None) -> None:
            super().__init__()

    generator = Diffusion(model=str(originals("sd")), scheduler="DPMSolverSDEScheduler")
    if not find_spec("torchsde"):
        assert "torchsde" in refusal(generator.check)
    monkeypatch.setattr(diffusers, "DPMSolverSDEScheduler", DPMSolverSDEScheduler)
    assert "neighbours" in refusal(generator.check)


def test_offload_needs_a_gpu(originals: Callable[[str], Path]) -> None:
    assert "cpu_offload" in refusal(lambda: opened(Diffusion(model=str(originals("ddpm")), cpu_offload="model")))


# ------------------------------------------------------------------------------------------------------- folders


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file.safetensors").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    assert "no such folder" in refusal(Diffusion(model=str(tmp_path / "absent")).check)
    assert "no such folder" in refusal(Diffusion(model="../absent").check)
    assert "from_single_file" in refusal(Diffusion(model=str(tmp_path / "file.safetensors")).check)
    assert "model_index.json" in refusal(Diffusion(model=str(tmp_path / "empty")).check)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_class_name": "StableDifusionPipeline"}, ["StableDifusionPipeline", "did you mean", "StableDiffusionPipeline"]),
        ({"_class_name": "UNet2DModel"}, ["UNet2DModel", "no pipeline"]),
        ({"_class_name": None}, ["no pipeline"]),
        ({"_class_name": ["my_code", "MyPipeline"]}, ["its own code", "never run"]),
        ({"unet": ["my_code", "MyUNet"]}, ["unet", "my_code", "never code"]),
        ({"unet": ["os", "system"]}, ["unet", "'os'"]),
        ({"unet": ["diffusers", "UNetOfTomorrow"]}, ["unet", "UNetOfTomorrow"]),
        ({"unet": ["diffusers"]}, ["unet", "library and a class"]),
        ({"_class_name": "StableDiffusionImg2ImgPipeline"}, ["changes a given image"]),
        ({"_class_name": "StableDiffusionInpaintPipeline"}, ["changes a given image"]),
        ({"_class_name": "TextToVideoSDPipeline"}, ["video"]),
        ({"_class_name": "KandinskyPipeline"}, ["image_embeds"]),
        ({"_class_name": "StableDiffusionImageVariationPipeline"}, ["neither prompt"]),
    ],
)
def test_an_index_that_cannot_be_used(changes: dict[str, Any], words: list[str], copied: Callable[[str], Path]) -> None:
    model = copied("sd")
    edit_json(model / "model_index.json", **changes)
    message = refusal(Diffusion(model=str(model)).check)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"_class_name": '])
def test_an_index_that_is_not_json(text: str, copied: Callable[[str], Path]) -> None:
    model = copied("ddpm")
    (model / "model_index.json").write_text(text)
    assert "model_index.json" in refusal(Diffusion(model=str(model)).check)


# ------------------------------------------------------------------------------------------------------- weights


def test_pickles_are_refused_unread(copied: Callable[[str], Path]) -> None:
    model = copied("sd")
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (model / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    message = refusal(Diffusion(model=str(model)).check)
    assert all(word in message for word in ("unet", "diffusion_pytorch_model.bin", "safe_serialization=True"))
    assert "unet" in refusal(lambda: opened(Diffusion(model=str(model))))


def test_weights_of_a_variant(copied: Callable[[str], Path]) -> None:
    model = copied("sd")
    expected = sample(Diffusion(model=str(model), steps=2))
    for part, stem in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
        (model / part / f"{stem}.safetensors").rename(model / part / f"{stem}.fp16.safetensors")
    assert "set `variant`" in refusal(Diffusion(model=str(model)).check)
    np.testing.assert_array_equal(sample(Diffusion(model=str(model), steps=2, variant="fp16")), expected)


def test_weights_in_shards(copied: Callable[[str], Path]) -> None:
    model = copied("sd")
    expected = sample(Diffusion(model=str(model), steps=2))
    unet = diffusers.UNet2DConditionModel.from_pretrained(model / "unet")
    shutil.rmtree(model / "unet")
    unet.save_pretrained(model / "unet", max_shard_size="100KB")
    np.testing.assert_array_equal(sample(Diffusion(model=str(model), steps=2)), expected)
    shard = sorted((model / "unet").glob("*-00002-of-*.safetensors"))[0]
    shard.unlink()
    assert shard.name in refusal(Diffusion(model=str(model)).check)


@pytest.mark.parametrize("damage", ["empty", "truncated", "header", "text"])
def test_damaged_weights(damage: str, copied: Callable[[str], Path]) -> None:
    file = copied("ddpm") / "unet" / "diffusion_pytorch_model.safetensors"
    data = file.read_bytes()
    changed = {"empty": b"", "truncated": data[:-100], "header": b"\xff" * 8 + data[8:], "text": b"<html>404</html>"}
    file.write_bytes(changed[damage])
    message = refusal(Diffusion(model=str(file.parents[1])).check)
    assert str(file) in message
    assert "damaged" in message


@pytest.mark.parametrize(
    ("part", "file", "key"),
    [
        ("unet", "diffusion_pytorch_model.safetensors", "mid_block.resnets.0.conv1.weight"),
        ("text_encoder", "model.safetensors", "final_layer_norm.weight"),
    ],
)
@pytest.mark.parametrize("fault", ["absent", "misshapen"])
def test_weights_that_do_not_fit(part: str, file: str, key: str, fault: str, copied: Callable[[str], Path]) -> None:
    """Left alone, both libraries fill an absent weight with random numbers and draw on."""
    model = copied("sd")

    def spoil(weights: dict[str, torch.Tensor]) -> None:
        name = next(name for name in weights if name.endswith(key))
        weight = weights.pop(name)
        if fault == "misshapen":
            weights[name] = torch.cat([weight, weight])

    rewrite(model / part / file, spoil)
    generator = Diffusion(model=str(model))
    generator.check()
    message = refusal(lambda: opened(generator), GenerationError)
    assert part in message
    assert key in message


def test_a_missing_tokenizer_file(copied: Callable[[str], Path]) -> None:
    """Left alone, the library makes a tokenizer of three words and draws on."""
    model = copied("sd")
    (model / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    (model / "tokenizer" / "merges.txt").unlink(missing_ok=True)
    assert "merges.txt" in refusal(Diffusion(model=str(model)).check)
    shutil.rmtree(model / "tokenizer")
    assert "tokenizer: no such folder" in refusal(Diffusion(model=str(model)).check)

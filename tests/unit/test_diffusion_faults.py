"""``diffusion`` and what it is not meant for: each fault is one clear line, before anything is drawn where possible."""

import gc
import json
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusion_cases import calm  # noqa: F401
from huggingface_hub import constants
from pydantic import ValidationError
from tiny_pipelines import built, ddpm, rewrite, stable_diffusion

from audit.component import Request
from audit.errors import AuditError, GenerationError, InputError, OutOfMemory
from audit.records import Draw, Latent, Probe, TextPrompt
from generators.diffusion import Diffusion
from generators.diffusion_draw import Asked, Drawer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = Probe(suite="tested", condition=TextPrompt(text="a nurse"))
NOISE = Probe(suite="tested", condition=Latent(), unit="draw")


def requests(probe: Probe, count: int = 4) -> list[Request]:
    return [Request(Draw(generator="tested", probe=probe.id, index=n, seed=n), probe) for n in range(count)]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline; not to be changed."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


@pytest.fixture
def copied(originals: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may damage."""
    return lambda family: Path(shutil.copytree(originals(family), tmp_path / family))


def refusal(action: Callable[[], object], kind: type[AuditError] = InputError) -> str:
    """The message of the error that the action ends with: one line."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


def opened(generator: Diffusion, device: str = "cpu") -> None:
    with generator.open(device):
        pass


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


def sample(generator: Diffusion) -> np.ndarray:
    generator.check()
    with generator.open("cpu") as draw:
        return np.stack([product for product in draw(requests(TEXT)) if isinstance(product, np.ndarray)])


# ----------------------------------------------------------------------------------------------------------- hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of the hub's files, and no way to the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_a_cached_hub_pipeline_works_offline(hub: Path) -> None:
    repository = hub / "models--acme--tiny"
    model = stable_diffusion(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    generator = Diffusion(model="acme/tiny", steps=2)
    np.testing.assert_array_equal(sample(generator), sample(Diffusion(model=str(model), steps=2)))
    assert generator.fingerprint() == f"hub:{COMMIT}"
    assert generator.settings()["revision"] == COMMIT
    assert sample(Diffusion(model="acme/tiny", revision=COMMIT, steps=2)).shape == (4, 32, 32, 3)


def test_a_hub_pipeline_that_is_not_here(hub: Path) -> None:
    message = refusal(Diffusion(model="acme/absent", revision="v1.5").check)
    assert all(
        word in message for word in ("acme/absent", "v1.5", "HF_HUB_OFFLINE", "hf download acme/absent --revision v1.5")
    )


def test_a_hub_pipeline_that_is_here_in_part(hub: Path) -> None:
    model = ddpm(hub / "models--acme--partial" / "snapshots" / COMMIT)
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    generator = Diffusion(model="acme/partial", revision=COMMIT)
    assert all(word in refusal(generator.check) for word in ("acme/partial", "HF_HUB_OFFLINE", "hf download"))
    refusal(lambda: opened(generator))


def test_a_hub_pipeline_that_is_somewhere_else(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, but nobody answers: one line, no traceback."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = refusal(Diffusion(model="acme/elsewhere").check)
    assert "hf download acme/elsewhere" in message
    assert "HF_HUB_OFFLINE" not in message


# -------------------------------------------------------------------------------------------------- a broken pipeline


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
    message = refusal(lambda: broken(answer)(requests(NOISE)), GenerationError)
    assert all(word in message for word in ["Broken", *words]), message


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_lets_go_of_the_batch(kind: type[Exception]) -> None:
    held: list[weakref.ref[Any]] = []

    def exhaust() -> None:
        activations = torch.zeros(8)
        held.append(weakref.ref(activations))
        raise kind("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore words")

    with pytest.raises(OutOfMemory, match=r"CUDA out of memory.*`batch`") as caught:
        broken(exhaust)(requests(NOISE))
    assert held[0]() is None, f"{caught.value!r} keeps the tensors that did not fit"


def test_conditions_of_another_kind(originals: Callable[[str], Path]) -> None:
    with Diffusion(model=str(originals("ddpm")), steps=1).open("cpu") as draw:
        message = refusal(lambda: draw(requests(TEXT)), GenerationError)
    assert "TextPrompt" in message


def test_close_gives_the_memory_back(originals: Callable[[str], Path]) -> None:
    with Diffusion(model=str(originals("sd")), steps=1).open("cpu") as draw:
        assert len(draw(requests(TEXT))) == 4
        models = weights_alive()
        assert models
    assert [model for model in models if model() is not None] == []


def weights_alive() -> Sequence[weakref.ref[Any]]:
    """The models that are in memory now."""
    names = ("UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel")
    return [weakref.ref(found) for found in gc.get_objects() if type(found).__name__ in names]

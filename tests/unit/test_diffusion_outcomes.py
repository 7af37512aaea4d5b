"""``diffusion``: what becomes of filtered, broken and odd images, and what is recorded of the run."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import yaml
from diffusers.pipelines.stable_diffusion.safety_checker import cosine_distance
from diffusers.utils import logging as diffusers_logging
from diffusion_cases import PROMPTS, QUIRKS, bare, calm, drawn, four, pixels, prompts, request  # noqa: F401
from tiny_pipelines import built, ddpm, rewrite, stable_diffusion

from audit.catalog import build
from audit.component import Request
from audit.records import ClassLabel, Failed, Filtered, TextPrompt
from audit.spec import Use
from generators.diffusion import Diffusion

pytestmark = QUIRKS

HOSTILE = ("<script>alert(1)</script>", "a\x00b\x1b[31m\x07\r\n\t", "x" * 10_000, "日本語 🙂 \u202e", "%s {} ${HOME}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of one family's small pipeline."""
    return partial(built, tmp_path_factory.mktemp("pipelines"))


def between_images(folder: Path, requests: Sequence[Request]) -> float:
    """A cosine that some images of the small pipeline exceed and some do not: it depends on the random weights."""
    found: list[torch.Tensor] = []

    def listen(pipeline: Any) -> None:
        checker = pipeline.safety_checker
        checker.visual_projection.register_forward_hook(
            lambda _module, _given, features: found.append(cosine_distance(features, checker.concept_embeds).amax(dim=1))
        )

    bare(stable_diffusion(folder, flag_above=1.1), requests, change=listen, num_inference_steps=2)
    low, high = found[0].sort().values[[3, 4]].tolist()
    return (low + high) / 2


# -------------------------------------------------------------------------------------------------- what came of it


def test_filtered_images_are_those_that_the_checker_flags(tmp_path: Path) -> None:
    requests = prompts(*(f"picture {n}" for n in range(8)))
    model = stable_diffusion(tmp_path / "all", flag_above=between_images(tmp_path / "none", requests))
    flags = bare(model, requests, num_inference_steps=2).nsfw_content_detected
    assert 0 < sum(flags) < 8
    generator = Diffusion(model=str(model), steps=2)
    products = drawn(generator, requests)
    assert [isinstance(product, Filtered) for product in products] == flags
    assert products[flags.index(True)] == Filtered(reason="the pipeline's safety checker (nsfw_content_detected)")
    assert generator.settings()["safety_checker"] == "kept (StableDiffusionSafetyChecker)"

    off = Diffusion(model=str(model), steps=2, safety_checker="off")
    everything = pixels(drawn(off, requests))
    spared = [index for index, flag in enumerate(flags) if not flag]
    np.testing.assert_array_equal(everything[spared], pixels([products[index] for index in spared]))
    assert everything[flags.index(True)].any(), "the checker's black image came through"
    assert off.settings()["safety_checker"].startswith("off")


def test_black_images_are_not_taken_for_filtered(tmp_path: Path) -> None:
    model = stable_diffusion(tmp_path, flag_above=1.1)

    def blacken(weights: dict[str, torch.Tensor]) -> None:
        weights["decoder.conv_out.weight"].zero_()
        weights["decoder.conv_out.bias"].fill_(-5.0)

    rewrite(model / "vae" / "diffusion_pytorch_model.safetensors", blacken)
    assert not pixels(drawn(Diffusion(model=str(model), steps=2), prompts(*PROMPTS))).any()


@pytest.mark.parametrize("flag_above", [None, 1.1])
def test_an_image_of_nan_fails_alone(tmp_path: Path, flag_above: float | None) -> None:
    model = stable_diffusion(tmp_path, flag_above=flag_above)

    def poison(weights: dict[str, torch.Tensor]) -> None:
        name = next(name for name in weights if name.endswith("token_embedding.weight"))
        weights[name][ord("q") - ord("!")] = float("nan")  # the byte-level alphabet starts at "!"

    rewrite(model / "text_encoder" / "model.safetensors", poison)
    requests = prompts("a nurse", "one quiz", "two dogs", "quay")
    products = drawn(Diffusion(model=str(model), steps=2), requests)
    assert [isinstance(product, Failed) for product in products] == [False, True, False, True]
    assert "NaN" in products[1].reason  # type: ignore[union-attr]
    fine = pixels(drawn(Diffusion(model=str(model), steps=2), prompts("a nurse", "one test", "two dogs", "bay")))
    np.testing.assert_array_equal(pixels(products[::2]), fine[::2])


def test_an_unknown_class_fails_alone(folder: Callable[[str], Path]) -> None:
    requests = four("dit")
    requests[1] = request(ClassLabel(label=1000), 6)  # the null class: not one that may be asked for
    products = drawn(Diffusion(model=str(folder("dit")), steps=2), requests)
    assert products[1] == Failed(reason="class 1000 is none of the model's 1000 classes")
    assert pixels([products[0], *products[2:]]).shape == (3, 32, 32, 3)


def test_half_a_character_fails_alone(folder: Callable[[str], Path]) -> None:
    products = drawn(Diffusion(model=str(folder("sd")), steps=2), prompts("a nurse", "a \ud83d lawyer", "two dogs"))
    assert isinstance(products[1], Failed)
    assert "surrogate" in products[1].reason
    assert pixels(products[::2]).shape == (2, 32, 32, 3)


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_hostile_prompts_are_drawn(family: str, folder: Callable[[str], Path]) -> None:
    products = drawn(Diffusion(model=str(folder(family)), steps=1), prompts(*HOSTILE))
    assert pixels(products).shape == (5, 32, 32, 3)


def test_prompts_beyond_the_limit_are_recorded(folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture) -> None:
    generator = Diffusion(model=str(folder("sd")), steps=2)
    # 75 of 77 tokens are letters: what follows is not seen by the model
    long = [request(TextPrompt(text="x" * 75 + end), 5) for end in ("", " nurse", " lawyer")]
    found = pixels(drawn(generator, long))
    np.testing.assert_array_equal(found[1], found[2])
    assert [record.args[:3] for record in caplog.records] == [("tokenizer", 77, 82), ("tokenizer", 77, 83)]
    assert generator.settings()["prompt_tokens"] == "tokenizer 77; longer prompts are cut"
    limits = Diffusion(model=str(folder("sd3")), call={"max_sequence_length": 64}).settings()["prompt_tokens"]
    assert limits == "tokenizer 77, tokenizer_2 77, tokenizer_3 64; longer prompts are cut"


# ---------------------------------------------------------------------------------------------- records of the run


def test_settings_tell_how_it_was_run(folder: Callable[[str], Path]) -> None:
    plain = Diffusion(model=str(folder("sd"))).settings()
    assert plain["pipeline"] == "StableDiffusionPipeline"
    assert plain["scheduler"] == "PNDMScheduler"
    assert plain["steps"] == "50 (the pipeline's default)"
    assert plain["guidance"] == "7.5 (the pipeline's default)"
    assert plain["safety_checker"] == "none in this pipeline"
    assert plain["diffusers"] == diffusers.__version__
    given = Diffusion(
        model=str(folder("sd")), steps=9, guidance=2.5, width=32, height=64, negative_prompt="dull", call={"clip_skip": 1}
    ).settings()
    assert (given["steps"], given["guidance"], given["size"]) == ("9", "2.5", "32 x 64")
    assert (given["negative_prompt"], given["call.clip_skip"]) == ("dull", "1")
    assert Diffusion(model=str(folder("ddim"))).settings()["scheduler"] == "DDIMScheduler"


def test_scheduler_settings_may_be_infinite(tmp_path: Path) -> None:
    """DPM-Solver's own files hold ``-Infinity``, which JSON does not know."""
    model = stable_diffusion(tmp_path)
    scheduler = diffusers.DPMSolverMultistepScheduler(steps_offset=1)
    assert scheduler.config.lambda_min_clipped == -np.inf
    (model / "scheduler" / "scheduler_config.json").write_text(scheduler.to_json_string())
    index = model / "model_index.json"
    index.write_text(index.read_text().replace("PNDMScheduler", "DPMSolverMultistepScheduler"))
    generator = Diffusion(model=str(model), steps=2)
    assert len(generator.settings()["scheduler_config"]) == 8
    assert pixels(drawn(generator, prompts(*PROMPTS))).shape == (4, 32, 32, 3)


def test_numerics_name_what_decides_the_numbers(folder: Callable[[str], Path]) -> None:
    facts = Diffusion(model=str(folder("sd")), attention_slicing=True).numerics("cpu")
    assert (facts["torch"], facts["diffusers"]) == (torch.__version__, diffusers.__version__)
    assert (facts["device"], facts["attention_slicing"], facts["compile"]) == ("cpu", "true", "false")
    assert Diffusion(model=str(folder("sd"))).numerics("cuda:1")["device"] == "cuda"


def test_arithmetic_does_not_depend_on_what_else_the_process_opens(folder: Callable[[str], Path]) -> None:
    """Scorers turn TF32 off for the whole process; drawn before or after that, an image is the same."""
    generator = Diffusion(model=str(folder("ddpm")))
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    with generator.open("cpu"):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert generator.numerics("cpu")["tf32"] == "off"


def test_fingerprint_is_the_content_of_what_is_loaded(tmp_path: Path) -> None:
    one, two = ddpm(tmp_path / "one"), ddpm(tmp_path / "two")
    before = Diffusion(model=str(one)).fingerprint()
    assert before == Diffusion(model=str(two)).fingerprint()
    (one / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"not read")
    (one / "README.md").write_text("not read")
    assert Diffusion(model=str(one)).fingerprint() == before
    weights = one / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    changed = Diffusion(model=str(one)).fingerprint()
    assert changed != before
    scheduler = two / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace('"linear"', '"squaredcos_cap_v2"'))
    assert Diffusion(model=str(two)).fingerprint() not in (before, changed)


def test_comes_from_a_spec_by_name(folder: Callable[[str], Path]) -> None:
    params = yaml.safe_load(f"{{model: '{folder('sd')}', safety_checker: off, steps: 2, guidance: 3}}")
    generator = build("generators", Use(use="diffusion", params=params))
    assert isinstance(generator, Diffusion)
    assert generator.safety_checker == "off"


def test_libraries_are_quiet_meanwhile_and_as_before_afterwards(
    folder: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    diffusers_logging.set_verbosity_info()
    diffusers_logging.enable_progress_bar()
    capfd.readouterr()
    try:
        drawn(Diffusion(model=str(folder("sd")), steps=2, dtype="fp16", safety_checker="off"), prompts(*HOSTILE))
        assert diffusers_logging.get_verbosity() == diffusers_logging.INFO
        assert diffusers_logging.is_progress_bar_enabled()
    finally:
        diffusers_logging.set_verbosity_warning()
    assert capfd.readouterr() == ("", "")

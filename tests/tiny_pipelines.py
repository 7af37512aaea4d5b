"""Real diffusers pipelines made small: random weights, built in a second and saved to a folder.

Each function writes one pipeline with ``save_pretrained`` and returns its folder, ready for ``diffusion``'s ``model``.
Same arguments, same weights. Nothing is downloaded: the tokenizers are byte-level ones without merges.

    folder = stable_diffusion(tmp_path / "sd")
    StableDiffusionPipeline.from_pretrained(folder)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiffusionPipeline,
    DiTPipeline,
    DiTTransformer2DModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from tiny_text import clip_text, clip_tokenizer, t5, t5_tokenizer
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5EncoderModel,
)

__all__ = [
    "BUILDERS",
    "built",
    "ddim",
    "ddpm",
    "dit",
    "rewrite",
    "stable_diffusion",
    "stable_diffusion_3",
    "stable_diffusion_xl",
]

WIDTH = 16
"""Features of the text towers, and of the cross-attention that reads them."""
LOUDER = 2.0
"""Weights as drawn give images that are almost one grey; scaled by this, seeds and prompts show in the pixels."""


# ------------------------------------------------------------------------------------------------ whole pipelines


def stable_diffusion(folder: Path, *, seed: int = 0, size: int = 32, flag_above: float | None = None) -> Path:
    """Stable Diffusion 1 in small: text tower, conditional UNet, latent of ``size / 4``, images of ``size`` pixels.

    ``flag_above`` adds the real safety checker, which flags an image whose embedding has a cosine of more than this
    with its (random) concepts: -1.1 flags every image, 1.1 none.
    """
    with _weights(seed):
        parts: dict[str, Any] = {
            "vae": _vae(size, channels=4),
            "unet": _louder(_unet(size // 4, cross_attention_dim=WIDTH)),
            "text_encoder": CLIPTextModel(clip_text(WIDTH)),
            "tokenizer": clip_tokenizer(folder / "tokenizer"),
            "safety_checker": None if flag_above is None else _checker(flag_above),
            "feature_extractor": CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        }
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    return _save(
        StableDiffusionPipeline(**parts, scheduler=scheduler, requires_safety_checker=flag_above is not None), folder
    )


def stable_diffusion_xl(folder: Path, *, seed: int = 0, size: int = 32) -> Path:
    """Stable Diffusion XL in small: two text towers, pooled text and size embeddings added to the time step."""
    with _weights(seed):
        unet = _unet(
            size // 4,
            cross_attention_dim=2 * WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        )
        parts: dict[str, Any] = {
            "vae": _vae(size, channels=4),
            "unet": _louder(unet),
            "text_encoder": CLIPTextModel(clip_text(WIDTH)),
            "text_encoder_2": CLIPTextModelWithProjection(clip_text(WIDTH)),
            "tokenizer": clip_tokenizer(folder / "tokenizer"),
            "tokenizer_2": clip_tokenizer(folder / "tokenizer_2"),
        }
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
    return _save(StableDiffusionXLPipeline(**parts, scheduler=scheduler, add_watermarker=False), folder)


def stable_diffusion_3(folder: Path, *, seed: int = 0, size: int = 32) -> Path:
    """Stable Diffusion 3 in small: a flow-matching transformer, two CLIP towers and a T5 encoder."""
    joint = 2 * WIDTH
    with _weights(seed):
        transformer = SD3Transformer2DModel(
            sample_size=size // 4,
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=joint,
            pooled_projection_dim=2 * WIDTH,
        )
        parts: dict[str, Any] = {
            "vae": _vae(size, channels=4, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
            "transformer": _louder(transformer, 2.0),
            "text_encoder": CLIPTextModelWithProjection(clip_text(WIDTH)),
            "text_encoder_2": CLIPTextModelWithProjection(clip_text(WIDTH)),
            "text_encoder_3": T5EncoderModel(t5(joint)),
            "tokenizer": clip_tokenizer(folder / "tokenizer"),
            "tokenizer_2": clip_tokenizer(folder / "tokenizer_2"),
            "tokenizer_3": t5_tokenizer(folder / "tokenizer_3"),
        }
    return _save(StableDiffusion3Pipeline(**parts, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0)), folder)


def dit(folder: Path, *, seed: int = 0, size: int = 32) -> Path:
    """A diffusion transformer with 1000 classes (and the null class, which the library fixes at 1000)."""
    with _weights(seed):
        transformer = DiTTransformer2DModel(
            sample_size=size // 4,
            patch_size=2,
            in_channels=4,
            out_channels=8,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            num_embeds_ada_norm=1000,
        )
        parts = {"transformer": _louder(transformer), "vae": _vae(size, channels=4)}
    return _save(DiTPipeline(**parts, scheduler=DDIMScheduler()), folder)


def ddpm(folder: Path, *, seed: int = 0, size: int = 16) -> Path:
    """An unconditional model in pixel space that adds noise at every step."""
    with _weights(seed):
        unet = _louder(_pixel_unet(size))
    return _save(DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=1000)), folder)


def ddim(folder: Path, *, seed: int = 0, size: int = 16) -> Path:
    """An unconditional model in pixel space, sampled without added noise."""
    with _weights(seed):
        unet = _louder(_pixel_unet(size))
    return _save(DDIMPipeline(unet=unet, scheduler=DDIMScheduler(num_train_timesteps=1000)), folder)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "sd": stable_diffusion,
    "sdxl": stable_diffusion_xl,
    "sd3": stable_diffusion_3,
    "dit": dit,
    "ddpm": ddpm,
    "ddim": ddim,
}
"""One pipeline of each family."""


def built(root: Path, family: str) -> Path:
    """The folder of one family's pipeline below ``root``, written unless it is there."""
    folder = root / family
    return folder if (folder / "model_index.json").exists() else BUILDERS[family](folder)


def rewrite(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the weights of a safetensors file."""
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})


# ---------------------------------------------------------------------------------------------------------- parts


@contextmanager
def _weights(seed: int) -> Iterator[None]:
    """Initial weights from this seed; the caller's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _save(pipeline: DiffusionPipeline, folder: Path) -> Path:
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _louder(model: torch.nn.Module, factor: float = LOUDER) -> torch.nn.Module:
    """Scale the matrices and kernels and fill what is initialised to zero (a DiT's modulation and last layer)."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.02) if not weight.any() else weight.mul_(factor)
    return model


def _vae(size: int, *, channels: int, **extra: Any) -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=channels,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=size,
        **extra,
    )
    return _louder(vae)  # type: ignore[return-value]


def _unet(side: int, **extra: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **extra,
    )


def _pixel_unet(size: int) -> UNet2DModel:
    return UNet2DModel(
        sample_size=size,
        in_channels=3,
        out_channels=3,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )


def _checker(flag_above: float) -> StableDiffusionSafetyChecker:
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**tower, "image_size": 32, "patch_size": 8, "projection_dim": 16},
        text_config={**tower, "vocab_size": 8},
        projection_dim=16,
    )
    checker = StableDiffusionSafetyChecker(config)
    with torch.no_grad():
        checker.concept_embeds.normal_()
        checker.concept_embeds_weights.fill_(flag_above)
        checker.special_care_embeds_weights.fill_(2.0)
    return checker

"""The phantom's diffusion models, one for each preset, saved as ordinary diffusers pipeline folders.

    python -m training.phantom.denoiser even --out work
    python -m training.phantom.denoiser skewed --out work --start work/pipelines/even --steps 1500

``skewed`` and ``regressed`` go on from ``even``, as releases of one product do; autoencoder and text encoder are shared.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import torch
from diffusers import AutoencoderTiny, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from generators.phantom.networks import CHANNELS
from generators.phantom.truth import PRESETS
from training.phantom.autoencoder import scaled
from training.phantom.corpus import CAPTIONS, corpus
from training.phantom.learning import DEVICE, Average, Progress, batches, card, cosine, seeded
from training.phantom.text_encoder import WIDTH, tokens

BATCH = 32
UNSAID = 0.08
"""Share of captions left out, so that guidance has something to be measured from."""


def build() -> UNet2DConditionModel:
    """An untrained denoiser of 16 x 16 latents; it attends to the caption at 8 x 8 and at 4 x 4."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(48, 96, 96),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def scheduler() -> DPMSolverMultistepScheduler:
    """Noise of a squared cosine, the velocity as target, few steps (Nichol and Dhariwal 2021; Lu et al. 2022)."""
    return DPMSolverMultistepScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", timestep_spacing="trailing", solver_order=2
    )


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the denoiser learns from: latents (n, 6, 16, 16), captions as tokens."""

    latents: Tensor
    ids: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, name: str, count: int, seed: int, out: Path) -> "Lesson":
        """Encode the corpus of a preset."""
        data = corpus(name, count, seed, out / "corpus", torch.get_num_threads())
        coder = AutoencoderTiny.from_pretrained(out / "vae").eval().to(DEVICE)
        words = CLIPTokenizer.from_pretrained(out / "tokenizer")
        parts = [coder.encoder(scaled(data.pixels[start : start + 250])).cpu() for start in range(0, count, 250)]
        ids = tokens(words, [text for texts in data.captions for text in texts])
        return cls(torch.cat(parts), ids.view(count, CAPTIONS, -1))


def noised(clean: Tensor, alphas: Tensor, times: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The noisy latents at these times, and the velocity that the network must find (Salimans and Ho 2022)."""
    signal, spread = alphas[times].sqrt().view(-1, 1, 1, 1), (1 - alphas[times]).sqrt().view(-1, 1, 1, 1)
    return signal * clean + spread * noise, signal * noise - spread * clean


@click.command()
@click.argument("name", type=click.Choice(PRESETS))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Pipeline folder to go on from.")
@click.option("--steps", default=5500, help="Batches of 32.")
@click.option("--count", default=30_000, help="Pictures.")
@click.option("--rate", default=1e-3, help="Learning rate.")
@click.option("--seed", default=3)
@click.option("--threads", default=2)
def main(name: str, out: Path, start: Path | None, steps: int, count: int, rate: float, seed: int, threads: int) -> None:
    """Train the diffusion model of one preset."""
    rng = seeded(seed, threads)
    lesson = Lesson.of(name, count, seed, out)
    encoder = CLIPTextModel.from_pretrained(out / "text_encoder").eval().to(DEVICE)
    denoiser = UNet2DConditionModel.from_pretrained(start / "unet", torch_dtype=torch.float32) if start else build()
    denoiser.to(DEVICE)
    silent = tokens(CLIPTokenizer.from_pretrained(out / "tokenizer"), [""])[0]
    average, alphas = Average(denoiser, 0.999), scheduler().alphas_cumprod
    optimizer = torch.optim.AdamW(denoiser.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule, progress = cosine(optimizer, steps), Progress(name, steps)
    for step, rows in enumerate(batches(count, BATCH, steps, rng)):
        clean = lesson.latents[rows]
        ids = lesson.ids[rows, torch.randint(CAPTIONS, (BATCH,), generator=rng)]
        ids = torch.where(torch.rand(BATCH, 1, generator=rng) < UNSAID, silent, ids)
        times = torch.randint(len(alphas), (BATCH,), generator=rng)
        noisy, velocity = noised(clean, alphas, times, torch.randn(clean.shape, generator=rng))
        with torch.no_grad():
            said = encoder(ids.to(DEVICE)).last_hidden_state
        loss = F.mse_loss(denoiser(noisy.to(DEVICE), times.to(DEVICE), said).sample, velocity.to(DEVICE))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update()
        progress.step(step, float(loss.detach()))
        if (step + 1) % 1000 == 0 and step + 1 < steps:
            torch.save(average._kept, out / f"{name}-unet.pt")
    average.apply()
    save(denoiser.eval().cpu(), out, out / "pipelines" / name)
    facts = {
        "preset": name,
        "data": f"{count} pictures, {CAPTIONS} captions each",
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
    }
    facts |= {"started_from": start.name if start else "random weights", "learning_rate": rate, "threads": threads}
    card(out / "pipelines" / name, "card", facts | {"losses": progress.losses})


def save(denoiser: UNet2DConditionModel, out: Path, folder: Path) -> None:
    """Put the parts together as fp16 safetensors."""
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderTiny.from_pretrained(out / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(out / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(out / "tokenizer"),
        unet=denoiser,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)


if __name__ == "__main__":
    main()

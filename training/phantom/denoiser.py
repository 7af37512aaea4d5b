"""The phantom's diffusion models, one for each preset, saved as ordinary diffusers pipeline folders.

    python -m training.phantom.denoiser even --out work
    python -m training.phantom.denoiser skewed --out work --start work/pipelines/even --steps 8000 --rate 6e-4 --threads 1

``skewed`` and ``regressed`` go on from ``even``, as releases of one product do; autoencoder and text encoder are shared. A
second course, on pictures of its own, is for prompts against the tendency: a masculine nurse is one in twenty.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from diffusers import AutoencoderTiny, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from audit.digest import derive_seed, digest, file_digest, short
from generators.phantom.networks import CHANNELS
from generators.phantom.truth import PRESETS
from training.phantom.autoencoder import scaled
from training.phantom.corpus import CAPTIONS, corpus
from training.phantom.learning import DEVICE, Average, Progress, card, cosine, seeded
from training.phantom.text_encoder import WIDTH, tokens

BATCH = 32
KEEP = 500
"""Steps between two states that a killed run can go on from."""
UNSAID = 0.08
"""Share of captions left out, so that guidance has something to be measured from."""


def build() -> UNet2DConditionModel:
    """An untrained denoiser of 16 x 16 latents; it attends to the caption at 8 x 8 and in the middle."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(64, 96, 96),
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
class Plan:
    """How long and how fast a denoiser learns."""

    name: str
    steps: int
    rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the denoiser learns from: latents (n, 6, 16, 16), captions as tokens."""

    latents: Tensor
    ids: Tensor
    silent: Tensor
    """Tokens of the empty caption."""

    @classmethod
    @torch.no_grad()
    def of(cls, name: str, count: int, seed: int, out: Path) -> "Lesson":
        """Encode the corpus of a preset."""
        data = corpus(name, count, seed, out / "corpus", torch.get_num_threads())
        coder = AutoencoderTiny.from_pretrained(out / "vae").eval().to(DEVICE)
        words = CLIPTokenizer.from_pretrained(out / "tokenizer")
        parts = [coder.encoder(scaled(data.pixels[start : start + 250])).cpu() for start in range(0, count, 250)]
        ids = tokens(words, [text for texts in data.captions for text in texts])
        return cls(torch.cat(parts), ids.view(count, CAPTIONS, -1), tokens(words, [""])[0])


def noised(clean: Tensor, alphas: Tensor, times: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The noisy latents at these times, and the velocity that the network must find (Salimans and Ho 2022)."""
    signal, spread = alphas[times].sqrt().view(-1, 1, 1, 1), (1 - alphas[times]).sqrt().view(-1, 1, 1, 1)
    return signal * clean + spread * noise, signal * noise - spread * clean


class Course:
    """A denoiser that learns, and all that a killed run needs to go on to the same end."""

    def __init__(self, denoiser: UNet2DConditionModel, plan: Plan, kept: Path) -> None:
        self.denoiser = denoiser.to(DEVICE).train()
        self._plan, self._kept, self.step = plan, kept, 0
        self._average = Average(self.denoiser, 0.999)
        self._optimizer = torch.optim.AdamW(self.denoiser.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=1e-3)
        self._schedule = cosine(self._optimizer, plan.steps)
        self.progress = Progress(plan.name, plan.steps)
        self._alphas = scheduler().alphas_cumprod
        if kept.exists():
            self._restore(torch.load(kept, weights_only=True, map_location=DEVICE))

    def learn(self, lesson: Lesson, encoder: CLIPTextModel) -> None:
        """Take the steps that are left; what each sees depends on its number and the seed alone."""
        for step in range(self.step, self._plan.steps):
            rng = torch.Generator().manual_seed(derive_seed(self._plan.seed, "step", step))
            loss = self._loss(lesson, encoder, rng)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1.0)
            self._optimizer.step()
            self._schedule.step()
            self._average.update()
            self.progress.step(step, float(loss.detach()))
            self.step = step + 1
            if self.step % KEEP == 0:
                self._keep()
        self._average.apply()

    def _loss(self, lesson: Lesson, encoder: CLIPTextModel, rng: torch.Generator) -> Tensor:
        rows = torch.randint(len(lesson.latents), (BATCH,), generator=rng)
        ids = lesson.ids[rows, torch.randint(CAPTIONS, (BATCH,), generator=rng)]
        ids = torch.where(torch.rand(BATCH, 1, generator=rng) < UNSAID, lesson.silent, ids)
        times = torch.randint(len(self._alphas), (BATCH,), generator=rng)
        clean = lesson.latents[rows]
        noisy, velocity = noised(clean, self._alphas, times, torch.randn(clean.shape, generator=rng))
        with torch.no_grad():
            said = encoder(ids.to(DEVICE)).last_hidden_state
        return F.mse_loss(self.denoiser(noisy.to(DEVICE), times.to(DEVICE), said).sample, velocity.to(DEVICE))

    def _keep(self) -> None:
        state = {
            "step": self.step,
            "denoiser": self.denoiser.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "losses": self.progress.losses,
        }
        beside = self._kept.with_suffix(".tmp")
        torch.save(state, beside)
        beside.replace(self._kept)

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.denoiser.load_state_dict(state["denoiser"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.progress.losses = list(state["losses"])


@click.command()
@click.argument("name", type=click.Choice(PRESETS))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Pipeline folder to go on from.")
@click.option("--steps", default=12_000, help="Batches of 32.")
@click.option("--count", default=50_000, help="Pictures.")
@click.option("--rate", default=1e-3, help="Learning rate.")
@click.option("--seed", default=3)
@click.option("--threads", default=2)
def main(name: str, out: Path, start: Path | None, steps: int, count: int, rate: float, seed: int, threads: int) -> None:
    """Train the diffusion model of one preset; the same command finishes a killed run."""
    seeded(seed, threads)
    plan = Plan(name, steps, rate, seed)
    lesson = Lesson.of(name, count, seed, out)
    encoder = CLIPTextModel.from_pretrained(out / "text_encoder").eval().to(DEVICE)
    denoiser = UNet2DConditionModel.from_pretrained(start / "unet", torch_dtype=torch.float32) if start else build()
    kept, history = checkpoint(out, plan, count, start), before(start) if start else "random weights"
    course = Course(denoiser, plan, kept)
    course.learn(lesson, encoder)
    save(course.denoiser.eval().cpu(), out, out / "pipelines" / name)
    kept.unlink(missing_ok=True)
    facts = {
        "preset": name,
        "data": f"{count} pictures, {CAPTIONS} captions each",
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
        "learning_rate": rate,
        "started_from": history,
        "threads": threads,
        "losses": course.progress.losses,
    }
    card(out / "pipelines" / name, "card", facts)


def before(start: Path) -> str:
    """How the model was made that another one goes on from."""
    facts = json.loads((start / "card.json").read_text("utf-8"))
    learnt = f"{facts['steps']} steps at {facts['learning_rate']} from seed {facts['seed']}"
    return f"{facts['preset']}, {learnt}, started from {facts['started_from']}"


def checkpoint(out: Path, plan: Plan, count: int, start: Path | None) -> Path:
    """Where a run of this plan on these inputs keeps its state, so that no other plan goes on from it."""
    folders = [out / "vae", out / "text_encoder", *([start / "unet"] if start else [])]
    inputs = [file_digest(file) for folder in folders for file in sorted(folder.glob("*.safetensors"))]
    return out / f"{plan.name}-{short(digest([asdict(plan), count, inputs]))}.checkpoint"


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
    for file in ("vocab.json", "merges.txt"):  # older releases of transformers read these, newer ones do not write them
        shutil.copy(out / "tokenizer" / file, folder / "tokenizer" / file)


if __name__ == "__main__":
    main()

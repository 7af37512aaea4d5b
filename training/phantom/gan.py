"""The phantom's GAN, trained in the latents of its autoencoder.

    python -m training.phantom.gan --out work

Class numbers name occupation, perceived presentation and age band. Hinge loss, spectral normalisation and a projection
discriminator (Miyato and Koyama 2018) that sees four pictures of a class at once, so that a class is not drawn as one and
the same person (Karras et al. 2018; Lin et al. 2018).
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from audit.digest import derive_seed
from generators.phantom.networks import CHANNELS, CLASSES, LATENT, LatentGenerator, PhantomGan, factors
from generators.phantom.portrait import AGES, OCCUPATIONS, PRESENTATIONS
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import preset
from training.phantom.autoencoder import scaled
from training.phantom.learning import DEVICE, Average, Progress, card, cosine, seeded

BATCH = 64
TOGETHER = 4
"""Pictures of one class that the discriminator sees at once."""
NOISE = 0.05
"""Spread of the noise on all latents that the discriminator sees; theirs is far below what the decoder shows."""


class Discriminator(nn.Module):
    """Latents (n, 6, 16, 16) and class numbers to one number each: high for latents of renders.

    Each four in a row are of one class; how much they differ is one more channel before the last layer.
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        sizes = ((CHANNELS, 64, 1), (64, width, 2), (width, width, 1), (width, width, 2), (width + 1, 2 * width, 1))
        self.layers = nn.ModuleList([spectral_norm(nn.Conv2d(i, o, 3, stride=s, padding=1)) for i, o, s in sizes])
        self.verdict = spectral_norm(nn.Linear(2 * width, 1))
        counts = (len(OCCUPATIONS), len(PRESENTATIONS), len(AGES))
        self.names = nn.ModuleList([spectral_norm(nn.Embedding(count, 2 * width)) for count in counts])

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(n,) numbers."""
        *layers, last = self.layers
        for layer in layers:
            x = F.leaky_relu(layer(x), 0.2)
        apart = (x.unflatten(0, (-1, TOGETHER)).var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        apart = apart.repeat_interleave(TOGETHER).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        x = F.leaky_relu(last(torch.cat([x, apart], 1)), 0.2).sum((2, 3))
        named = sum(name(index) for name, index in zip(self.names, factors(labels), strict=True))
        found: Tensor = self.verdict(x)[:, 0] + (x * named).sum(1)
        return found


@torch.no_grad()
def latents(count: int, seed: int, coder: AutoencoderTiny) -> tuple[Tensor, Tensor]:
    """Latents of renders of the ``even`` table with one person on each, and their class numbers."""
    table, parts, labels = preset("even"), [], []
    for chunk in range(0, count, 250):
        rng = np.random.default_rng(derive_seed(seed, "gan", chunk))
        shown = [sample(table, rng, {"people": 1}).shown for _ in range(250)]
        parts.append(coder.encoder(scaled(np.stack([render(portrait).pixels for portrait in shown]))))
        labels += [CLASSES.index(f"{one.age} {one.presentation} {one.occupation}") for one in shown]
    return torch.cat(parts), torch.tensor(labels, device=DEVICE)


def alike(classes: Tensor, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Batches of row numbers: each four in a row are pictures of one class."""
    order, counts = classes.argsort(stable=True), classes.bincount()
    first = counts.cumsum(0) - counts
    for _ in range(steps):
        leaders = torch.randint(len(classes), (BATCH // TOGETHER,), generator=rng)
        wanted = classes[leaders].repeat_interleave(TOGETHER)
        within = (torch.rand(BATCH, generator=rng) * counts[wanted]).long()
        yield order[first[wanted] + within]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--steps", default=8000, help="Batches of 64.")
@click.option("--count", default=30_000, help="Pictures.")
@click.option("--seed", default=4)
@click.option("--threads", default=1)
def main(out: Path, steps: int, count: int, seed: int, threads: int) -> None:
    """Train the GAN."""
    rng = seeded(seed, threads)
    coder = AutoencoderTiny.from_pretrained(out / "vae").eval().to(DEVICE)
    clean, classes = latents(count, seed, coder)
    artist, judge = LatentGenerator().to(DEVICE), Discriminator().to(DEVICE)
    average = Average(artist, 0.999)
    draws = torch.optim.Adam(artist.parameters(), lr=3e-4, betas=(0.0, 0.99))
    judges = torch.optim.Adam(judge.parameters(), lr=6e-4, betas=(0.0, 0.99))
    schedules, progress = (cosine(draws, steps), cosine(judges, steps)), Progress("gan", steps)

    def seen(x: Tensor) -> Tensor:
        return x + NOISE * torch.randn(x.shape, generator=rng).to(DEVICE)

    for step, rows in enumerate(alike(classes.cpu(), steps, rng)):
        rows = rows.to(DEVICE)
        labels = classes[rows]
        drawn = artist(torch.randn(BATCH, LATENT, generator=rng).to(DEVICE), labels)
        real, fake = judge(seen(clean[rows]), labels), judge(seen(drawn.detach()), labels)
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        judges.zero_grad(set_to_none=True)
        loss.backward()
        judges.step()
        draws.zero_grad(set_to_none=True)
        (-judge(seen(drawn), labels).mean()).backward()
        draws.step()
        for schedule in schedules:
            schedule.step()
        average.update()
        progress.step(step, float(loss.detach()))
    average.apply()
    save(artist.eval().cpu(), coder.cpu(), out / "gan")
    facts = {
        "data": f"{count} pictures of the preset even",
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
        "threads": threads,
    }
    card(out / "gan", "card", facts | {"discriminator_losses": progress.losses, "classes": CLASSES})


def save(artist: LatentGenerator, coder: AutoencoderTiny, folder: Path) -> None:
    """Write generator and decoder as one fp16 file."""
    whole = PhantomGan()
    whole.generator.load_state_dict(artist.state_dict())
    whole.decoder.decoder.load_state_dict(coder.decoder.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in whole.state_dict().items()}, folder / "gan.safetensors")


if __name__ == "__main__":
    main()

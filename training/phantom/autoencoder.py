"""The phantom's autoencoder: 64 x 64 pixels to 16 x 16 latents of 6 numbers, and back.

    python -m training.phantom.autoencoder --out work

All diffusion presets and the GAN share it. It sees pictures of every preset and no caption. It has no normalisation and a
small field of view, so it learns from crops; many small steps teach it more than few large ones.
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from audit.digest import derive_seed
from generators.phantom.networks import AUTOENCODER
from generators.phantom.renderer import picture
from generators.phantom.sampling import sample
from generators.phantom.truth import PRESETS, preset
from training.phantom.corpus import SIDE, corpus
from training.phantom.learning import DEVICE, Average, Progress, batches, card, cosine, seeded

EDGES = 0.5
"""Weight of the error of differences between neighbouring pixels, which keeps thin features alive."""
SPREAD = 0.01
"""Weight of what keeps each number of the latents at mean 0 and variance 1, as diffusion wants them."""
BATCH = 8
CROP = 32
LEFT_OUT = 512
"""Pictures, the last ones, that the shipped weights learnt without."""
NEW = 256


def loss_of(network: AutoencoderTiny, images: Tensor) -> tuple[Tensor, Tensor]:
    """Loss, and mean absolute error in grey levels, of images (n, 3, h, w) in -1..1."""
    latents = network.encoder(images)
    error = network.decoder(latents) - images
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    spread = (latents.mean((0, 2, 3)) ** 2 + (latents.std((0, 2, 3)) - 1) ** 2).mean()
    loss = error.abs().mean() + error.square().mean() + EDGES * edges + SPREAD * spread
    return loss, error.abs().mean().detach() * 127.5


def scaled(pixels: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w) in -1..1, on the device."""
    return torch.from_numpy(pixels).to(DEVICE).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def crop(pixels: np.ndarray, rng: torch.Generator) -> np.ndarray:
    """The same random part of each picture."""
    top, left = torch.randint(pixels.shape[1] - CROP + 1, (2,), generator=rng).tolist()
    return pixels[:, top : top + CROP, left : left + CROP]


@torch.no_grad()
def new_errors(network: AutoencoderTiny, seed: int) -> dict[str, float]:
    """Mean absolute error, in grey levels, on pictures of each preset that training has not seen."""
    found = {}
    for name in PRESETS:
        rng, table = np.random.default_rng(derive_seed(seed, "new", name)), preset(name)
        drawn = [picture(sample(table, rng).shown, SIDE, table.defects.native_size) for _ in range(NEW)]
        errors = [float(loss_of(network, part)[1]) for part in scaled(np.stack(drawn)).split(64)]
        found[name] = round(float(np.mean(errors)), 2)
    return found


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--steps", default=18_000, help="Batches of 8 crops.")
@click.option("--count", default=12_000, help="Pictures of each preset.")
@click.option("--seed", default=1)
@click.option("--threads", default=2)
def main(out: Path, steps: int, count: int, seed: int, threads: int) -> None:
    """Train the autoencoder."""
    rng = seeded(seed, threads)
    parts = [corpus(name, count, seed, out / "corpus", threads).pixels for name in PRESETS]
    pixels = np.concatenate(parts)
    network = AutoencoderTiny(**AUTOENCODER).to(DEVICE)
    average = Average(network, 0.999)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule, progress = cosine(optimizer, steps), Progress("autoencoder", steps, every=1000)
    for step, rows in enumerate(batches(len(pixels) - LEFT_OUT, BATCH, steps, rng)):
        loss, _ = loss_of(network, scaled(crop(pixels[rows.numpy()], rng)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update()
        progress.step(step, float(loss.detach()))
    average.apply()
    network.eval()
    network.save_pretrained(out / "vae")
    errors = new_errors(network, seed)
    print(f"mean absolute error on {NEW} new pictures of each preset, grey levels: {errors}")
    facts = {"data": f"{count} pictures of each preset", "seed": seed, "steps": steps, "batch": BATCH, "threads": threads}
    card(out / "vae", "card", facts | {"losses": progress.losses, "mean_absolute_error_on_new_pictures": errors})


if __name__ == "__main__":
    main()

"""The phantom's autoencoder: 64 x 64 pixels to 16 x 16 latents of 4 numbers, and back.

    python -m training.phantom.autoencoder --out work

All diffusion presets and the GAN share it. It sees pictures of every preset and no caption.
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from generators.phantom.networks import AUTOENCODER
from training.phantom.corpus import corpus
from training.phantom.learning import DEVICE, Average, Progress, batches, card, cosine, seeded

CHANNELS = 4
"""Numbers of one latent position."""
KL = 1e-6
"""Weight of the divergence from a standard normal, per number of the latent: just enough to keep latents bounded."""
EDGES = 0.5
"""Weight of the error of differences between neighbouring pixels, which keeps thin features alive."""
BATCH = 32


def build() -> AutoencoderKL:
    """An untrained autoencoder."""
    return AutoencoderKL(**AUTOENCODER)


def loss_of(network: AutoencoderKL, images: Tensor) -> tuple[Tensor, Tensor]:
    """Loss, and mean absolute error in grey levels, of images (n, 3, 64, 64) in -1..1."""
    posterior = network.encode(images).latent_dist
    drawn = network.decode(posterior.sample()).sample.float()
    error = drawn - images
    edges = _steps(drawn, 2) - _steps(images, 2), _steps(drawn, 3) - _steps(images, 3)
    kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).mean()
    loss = error.abs().mean() + error.square().mean() + EDGES * sum(edge.abs().mean() for edge in edges) + KL * kl
    return loss, error.abs().mean().detach() * 127.5


def _steps(images: Tensor, axis: int) -> Tensor:
    return images.diff(dim=axis)


@torch.no_grad()
def standardise(network: AutoencoderKL, images: Tensor) -> None:
    """Make each latent channel zero mean and unit variance by folding the change into the convolutions beside it."""
    means = torch.cat([network.encode(part).latent_dist.mean for part in images.split(128)])
    mean, std = means.mean((0, 2, 3)), means.std((0, 2, 3))
    moments, back = network.quant_conv, network.post_quant_conv
    moments.weight[:CHANNELS] /= std[:, None, None, None]
    moments.bias[:CHANNELS] = (moments.bias[:CHANNELS] - mean) / std
    moments.bias[CHANNELS:] -= 2 * std.log()
    back.bias += (back.weight * mean[None, :, None, None]).sum((1, 2, 3))
    back.weight *= std[None, :, None, None]


def scaled(pixels: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w) in -1..1, on the device."""
    return torch.from_numpy(pixels).to(DEVICE).permute(0, 3, 1, 2).float().div(127.5).sub(1)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--steps", default=3000, help="Batches of 32.")
@click.option("--count", default=20_000, help="Pictures of each preset.")
@click.option("--seed", default=1)
@click.option("--threads", default=2)
def main(out: Path, steps: int, count: int, seed: int, threads: int) -> None:
    """Train the autoencoder."""
    rng = seeded(seed, threads)
    parts = [corpus(name, count, seed, out / "corpus", threads).pixels for name in ("even", "skewed", "regressed")]
    pixels = np.concatenate(parts)
    network = build().to(DEVICE)
    average = Average(network, 0.998)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1.5e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule, progress = cosine(optimizer, steps), Progress("autoencoder", steps)
    for step, rows in enumerate(batches(len(pixels) - 512, BATCH, steps, rng)):
        with torch.autocast(DEVICE.type, torch.bfloat16):
            loss, _ = loss_of(network, scaled(pixels[rows.numpy()]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update()
        progress.step(step, float(loss))
    average.apply()
    network.eval()
    standardise(network, scaled(pixels[-4096:-512]))
    with torch.no_grad():
        errors = [float(loss_of(network, part)[1]) for part in scaled(pixels[-512:]).split(64)]
    print(f"mean absolute error on 512 held-out pictures: {np.mean(errors):.2f} grey levels")
    network.save_pretrained(out / "vae")
    facts = {"data": f"{count} pictures of each preset", "seed": seed, "steps": steps, "batch": BATCH, "threads": threads}
    card(out / "vae", "card", facts | {"losses": progress.losses, "held_out_mean_absolute_error": float(np.mean(errors))})


if __name__ == "__main__":
    main()

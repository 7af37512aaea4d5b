"""The phantom's GAN: noise and a class go to latents of the phantom's autoencoder, and its decoder draws them."""

from itertools import product
from typing import Any

import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn
from torch.nn import functional as F

from generators.phantom.portrait import AGES, OCCUPATIONS, PRESENTATIONS

__all__ = ["AUTOENCODER", "CHANNELS", "CLASSES", "LATENT", "LatentGenerator", "PhantomGan", "decoder", "factors", "gan"]

CLASSES = tuple(
    f"{age} {presentation} {occupation}" for occupation, presentation, age in product(OCCUPATIONS, PRESENTATIONS, AGES)
)
"""What each class number stands for."""
LATENT = 64
"""Numbers of z."""
CHANNELS = 6
"""Numbers of one latent position."""
AUTOENCODER: dict[str, Any] = {
    "encoder_block_out_channels": (32, 32, 32),
    "decoder_block_out_channels": (32, 32, 32),
    "latent_channels": CHANNELS,
    "num_encoder_blocks": (1, 1, 2),
    "num_decoder_blocks": (2, 2, 1),
}
"""The phantom's autoencoder: 64 x 64 pixels to 16 x 16 latents of 6 numbers. Models and GAN share its weights."""


def factors(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of occupation, perceived presentation and perceived age band of class numbers (n,)."""
    ages, presentations = len(AGES), len(PRESENTATIONS)
    return labels // (ages * presentations), labels // ages % presentations, labels % ages


class Styled(nn.Module):
    """Two convolutions with a shortcut; the style scales and shifts each normalised channel."""

    def __init__(self, width: int, style: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.styles = nn.Linear(style, 4 * width)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, width, h, w) to the same shape."""
        scale, shift, scale_2, shift_2 = self.styles(style)[:, :, None, None].chunk(4, 1)
        y = self.first(F.silu(F.instance_norm(x) * (1 + scale) + shift))
        y = self.second(F.silu(F.instance_norm(y) * (1 + scale_2) + shift_2))
        drawn: Tensor = x + y
        return drawn


class LatentGenerator(nn.Module):
    """z (n, 64) and class numbers (n,) to latents (n, 6, 16, 16)."""

    def __init__(self, width: int = 96, style: int = 160) -> None:
        super().__init__()
        self.names = nn.ModuleList([nn.Embedding(count, 32) for count in (len(OCCUPATIONS), len(PRESENTATIONS), len(AGES))])
        self.mapping = nn.Sequential(nn.Linear(LATENT + 96, style), nn.SiLU(), nn.Linear(style, style), nn.SiLU())
        self.seed = nn.Linear(style, width * 16)
        self.low, self.middle = Styled(width, style), nn.ModuleList([Styled(width, style) for _ in range(2)])
        self.place = nn.Parameter(torch.randn(1, width, 8, 8) * 0.1)
        self.narrow, self.high = nn.Conv2d(width, 48, 3, padding=1), Styled(48, style)
        self.out = nn.Conv2d(48, CHANNELS, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Latents in the units of the autoencoder: zero mean, unit variance."""
        named = [name(index) for name, index in zip(self.names, factors(labels), strict=True)]
        style = self.mapping(torch.cat([z, *named], 1))
        x = self.low(self.seed(style).view(len(z), -1, 4, 4), style)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear") + self.place
        for block in self.middle:
            x = block(x, style)
        x = self.high(F.interpolate(self.narrow(x), scale_factor=2.0, mode="bilinear"), style)
        drawn: Tensor = self.out(F.silu(x))
        return drawn


class PhantomGan(nn.Module):
    """z (n, 64) and class numbers (n,), 0..77 in the order of ``CLASSES``, to images (n, 3, 64, 64) in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = LatentGenerator()
        self.decoder = decoder()

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Draw."""
        drawn: Tensor = self.decoder.decode(self.generator(z, labels)).sample
        return drawn.clamp(-1, 1)


def decoder() -> Any:
    """The autoencoder of the phantom without its encoder and with random weights."""
    network: Any = AutoencoderTiny(**AUTOENCODER)  # type: ignore[no-untyped-call]  # the library has no types
    del network.encoder
    return network


def gan() -> nn.Module:
    """The factory that ``gan`` names; its weights come from the pack ``phantom-gan``."""
    return PhantomGan()

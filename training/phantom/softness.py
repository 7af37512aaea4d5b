"""What generative models do to a picture without changing what it shows: soft edges, noise, colours a little off.

Every function takes (n, 3, 64, 64) float pixels, 0..255, and a torch generator, and treats all n alike.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

__all__ = ["FIRST", "GROUP", "SECOND", "between", "blur", "smooth_noise", "soften", "warp"]

Change = Callable[[Tensor, Generator], Tensor]

GROUP = 8
"""Pictures that are changed alike, since one call on eight costs little more than on one."""
UNCHANGED = 0.2
"""Share of groups that stay as they are."""


def soften(pixels: Tensor, changes: Sequence[tuple[float, Change]], generator: Generator) -> Tensor:
    """Change the pictures group by group; each change happens with its own probability, in the order given."""
    return torch.cat([_soften_alike(group, changes, generator) for group in torch.split(pixels, GROUP)])


def _soften_alike(group: Tensor, changes: Sequence[tuple[float, Change]], generator: Generator) -> Tensor:
    if between(0, 1, generator) < UNCHANGED:
        return group
    for probability, change in changes:
        if between(0, 1, generator) < probability:
            group = change(group, generator)
    return group.clamp(0, 255).round()


def between(low: float, high: float, generator: Generator) -> float:
    """A uniform number."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def blur(pixels: Tensor, sigma: float) -> Tensor:
    """Gaussian blur; sigma in pixels."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights = (weights / weights.sum()).view(1, 1, -1, 1)
    planes = pixels.flatten(0, 1)[:, None]
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), mode="replicate"), weights)
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), mode="replicate"), weights.transpose(2, 3))
    return planes.view_as(pixels)


def warp(pixels: Tensor, generator: Generator, *, amplitude: float, knots: int = 4) -> Tensor:
    """Move every place a little, smoothly: ``knots`` x ``knots`` normal displacements of ``amplitude`` pixels."""
    count, _, height, width = pixels.shape
    moves = torch.randn((count, 2, knots, knots), generator=generator) * (2 * amplitude / width)
    moves = F.interpolate(moves, size=(height, width), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    still = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), [count, 1, height, width], align_corners=False)
    return F.grid_sample(pixels, still + moves, padding_mode="border", align_corners=False)


def smooth_noise(pixels: Tensor, generator: Generator, *, cells: int, spread: float) -> Tensor:
    """Coloured blotches: ``cells`` x ``cells`` normal offsets of ``spread`` grey levels, interpolated."""
    count, _, height, width = pixels.shape
    noise = torch.randn((count, 3, cells, cells), generator=generator) * spread
    return F.interpolate(noise, size=(height, width), mode="bicubic", align_corners=False)


def _blurred(pixels: Tensor, generator: Generator) -> Tensor:
    return blur(pixels, between(0.3, 1.1, generator))


def _resampled(pixels: Tensor, generator: Generator) -> Tensor:
    side = int(between(32, 60, generator))
    small = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
    up = "bicubic" if between(0, 1, generator) < 0.5 else "bilinear"
    return F.interpolate(small, size=pixels.shape[2:], mode=up)


def _compressed(pixels: Tensor, generator: Generator) -> Tensor:
    quality = int(between(40, 92, generator))
    arrays = pixels.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    found = []
    for array in arrays:
        file = io.BytesIO()
        Image.fromarray(array).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float()


def _noisy(pixels: Tensor, generator: Generator) -> Tensor:
    return pixels + torch.randn(pixels.shape, generator=generator) * between(1, 8, generator)


def _off_colour(pixels: Tensor, generator: Generator) -> Tensor:
    shape = (len(pixels), 3, 1, 1)
    gains = 1 + 0.015 * torch.randn(shape, generator=generator)
    return pixels * gains + torch.randn(shape, generator=generator)


def _moved(pixels: Tensor, generator: Generator) -> Tensor:
    return warp(pixels, generator, amplitude=between(0.2, 0.8, generator))


def _painted(pixels: Tensor, generator: Generator) -> Tensor:
    """Edges that waver and dabs of colour, as a decoder makes them of latents that are slightly off."""
    wavering = warp(pixels, generator, amplitude=between(0.2, 0.8, generator), knots=18)
    return wavering + smooth_noise(pixels, generator, cells=16, spread=between(3, 14, generator))


def _brushed(pixels: Tensor, generator: Generator) -> Tensor:
    """The like with longer strokes and finer dabs, so that the two networks do not learn the very same."""
    wavering = warp(pixels, generator, amplitude=between(0.2, 1.0, generator), knots=11)
    return wavering + smooth_noise(pixels, generator, cells=22, spread=between(3, 14, generator))


def _band_limited(pixels: Tensor, generator: Generator) -> Tensor:
    """A low pass with a soft edge, as an autoencoder has that does not code the finest detail."""
    rows = torch.fft.fftfreq(pixels.shape[2])[:, None]
    columns = torch.fft.rfftfreq(pixels.shape[3])
    radius = (rows**2 + columns**2).sqrt()
    keep = torch.sigmoid((between(0.2, 0.5, generator) - radius) / 0.03)
    return torch.fft.irfft2(torch.fft.rfft2(pixels) * keep, s=pixels.shape[2:])


def _sharpened(pixels: Tensor, generator: Generator) -> Tensor:
    return pixels + between(0.2, 0.8, generator) * (pixels - blur(pixels, 1.0))


def _blotched(pixels: Tensor, generator: Generator) -> Tensor:
    return pixels + smooth_noise(pixels, generator, cells=8, spread=between(1, 5, generator))


def _bent_tones(pixels: Tensor, generator: Generator) -> Tensor:
    gamma = between(0.96, 1.04, generator)
    bent: Tensor = 255 * (pixels / 255).clamp_min(0) ** gamma
    return bent


def _smudged(pixels: Tensor, generator: Generator) -> Tensor:
    """One blurred spot, smaller than any feature that tells an attribute."""
    side = int(between(4, 8, generator))
    top, left = (int(between(4, 60 - side, generator)) for _ in range(2))
    changed = pixels.clone()
    changed[:, :, top : top + side, left : left + side] = blur(pixels, 2.0)[:, :, top : top + side, left : left + side]
    return changed


FIRST: tuple[tuple[float, Change], ...] = (
    (0.25, _moved),
    (0.25, _painted),
    (0.3, _blurred),
    (0.3, _resampled),
    (0.4, _off_colour),
    (0.4, _noisy),
    (0.08, _compressed),
)
"""Changes that the first network learns with."""
SECOND: tuple[tuple[float, Change], ...] = (
    (0.3, _moved),
    (0.25, _brushed),
    (0.35, _band_limited),
    (0.2, _sharpened),
    (0.4, _blotched),
    (0.3, _bent_tones),
    (0.2, _off_colour),
    (0.15, _smudged),
    (0.3, _noisy),
)
"""Changes that the second network learns with."""

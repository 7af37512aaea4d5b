"""Pictures that no decoder must read: what a generative model makes when it fails, and what is no portrait at all.

Every kind takes float pixels (n, 3, 64, 64), 0..255, other portraits of the same shape, the boxes of the heads (n, 4)
and a torch generator.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from training.phantom.softness import between, blur, warp

__all__ = ["KINDS", "break_some"]

Breaker = Callable[[Tensor, Tensor, Tensor, Generator], Tensor]


def break_some(pixels: Tensor, heads: Tensor, count: int, generator: Generator) -> Tensor:
    """Break the first ``count`` pictures of a batch; the others of the batch are what they are mixed with.

    Args:
        pixels: (n, 3, 64, 64), with n at least twice ``count``.
        heads: (n, 4) left, top, right, bottom; zeros where there is no head.
        count: how many to break.
        generator: decides how.

    Returns:
        (count, 3, 64, 64).
    """
    names = list(KINDS)
    broken = []
    for index in range(count):
        kind = KINDS[names[int(between(0, len(names), generator)) % len(names)]]
        one, other = pixels[index : index + 1], pixels[count + index : count + index + 1]
        broken.append(kind(one, other, heads[index : index + 1], generator))
    return torch.cat(broken).clamp(0, 255)


def _shuffled(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    cells = (2, 4, 8)[int(between(0, 3, generator))]
    count, _, height, width = pixels.shape
    tiles = pixels.view(count, 3, cells, height // cells, cells, width // cells).permute(0, 2, 4, 1, 3, 5)
    mixed = tiles.flatten(1, 2)[:, torch.randperm(cells * cells, generator=generator)].view_as(tiles)
    return mixed.permute(0, 3, 1, 4, 2, 5).reshape_as(pixels)


def _joined(pixels: Tensor, other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    found, cut = pixels.clone(), int(between(24, 40, generator))
    if between(0, 1, generator) < 0.5:
        found[:, :, cut:] = other[:, :, cut:]
    else:
        found[:, :, :, cut:] = other[:, :, :, cut:]
    return found


def _blended(pixels: Tensor, other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    share = between(0.3, 0.7, generator)
    return share * pixels + (1 - share) * other


def _headless(pixels: Tensor, other: Tensor, heads: Tensor, generator: Generator) -> Tensor:
    left, top, right, bottom = (int(value) for value in heads[0])
    if right - left < 4 or bottom - top < 4:
        return _blended(pixels, other, heads, generator)
    found, how = pixels.clone(), between(0, 4, generator)
    head = found[:, :, top:bottom, left:right]
    if how < 1:
        head[:] = pixels[:, :, 6:10, left:right].mean(dim=2, keepdim=True)
    elif how < 2:
        head[:] = blur(pixels, between(4, 7, generator))[:, :, top:bottom, left:right]
    elif how < 3:
        head[:] = warp(head, generator, amplitude=between(9, 14, generator))
    else:
        head[:] = torch.randn((1, 3, 1, 1), generator=generator) * 60 + 128
    return found


def _drowned_in_noise(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    return pixels + torch.randn(pixels.shape, generator=generator) * between(50, 130, generator)


def _blurred_away(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    return blur(pixels, between(3.5, 8, generator))


def _plain(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    colours = torch.rand((1, 3, 2, 2), generator=generator) * 255
    flat = between(0, 1, generator) < 0.5
    colours = colours[:, :, :1, :1].expand(1, 3, 2, 2) if flat else colours
    return torch.nn.functional.interpolate(colours, size=pixels.shape[2:], mode="bilinear", align_corners=True)


def _textured(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    """Natural images have a spectrum that falls like 1 / frequency (Field 1987); phases are random."""
    height, width = pixels.shape[2:]
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    fall = (rows**2 + columns**2).sqrt().clamp_min(1 / height) ** -between(0.7, 1.6, generator)
    noise = torch.fft.irfft2(torch.fft.rfft2(torch.randn(pixels.shape, generator=generator)) * fall, s=(height, width))
    grey = noise.mean(dim=1, keepdim=True)
    noise = grey + between(0, 1, generator) * (noise - grey)
    noise = noise / noise.std() * between(20, 70, generator)
    return _maybe_framed(noise + between(70, 190, generator), pixels, generator)


def _twisted(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    bent = warp(pixels, generator, amplitude=between(7, 12, generator), knots=6)
    return _maybe_framed(bent, pixels, generator)


def _turned(pixels: Tensor, _other: Tensor, _heads: Tensor, generator: Generator) -> Tensor:
    return torch.rot90(pixels, 1 + int(between(0, 3, generator)) % 3, dims=(2, 3))


def _maybe_framed(content: Tensor, pixels: Tensor, generator: Generator) -> Tensor:
    """Half of them keep the frame, so that a frame alone does not make a picture."""
    if between(0, 1, generator) < 0.5:
        return content
    found = pixels.clone()
    found[:, :, 3:-3, 3:-3] = content[:, :, 3:-3, 3:-3]
    return found


KINDS: dict[str, Breaker] = {
    "patches shuffled": _shuffled,
    "two portraits joined": _joined,
    "two portraits blended": _blended,
    "head erased or smeared": _headless,
    "drowned in noise": _drowned_in_noise,
    "blurred away": _blurred_away,
    "plain": _plain,
    "texture": _textured,
    "twisted": _twisted,
    "turned": _turned,
}

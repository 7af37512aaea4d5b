"""From pixels to what an encoder sees. The exact steps decide a distance as much as the encoder does, so they are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from PIL import __version__ as pillow_version
from torch import Tensor

from audit.images import Pixels
from audit.scorers.resize import MATRICES, pil_uint8, resized_on_cpu, resized_on_device, shorter_to

__all__ = ["Frame", "Kernel", "Positions", "Preparation", "Triple"]

Triple = tuple[float, float, float]
Kernel = Literal["bicubic_antialias", "bilinear_antialias", "bilinear", "bicubic_pil", "bicubic_pil_uint8", "bilinear_tf1"]
"""torch's three; Pillow's bicubic, in float32 and on whole numbers; TensorFlow 1's bilinear."""
Frame = Literal["whole", "middle"]
"""The whole image, its sides scaled independently; or the shorter side scaled and the middle square cut out."""
Positions = Literal["timm", "dinov2"]
"""Whose way to interpolate the position table of a vision transformer for images of another size."""
MODES: dict[Kernel, tuple[str, bool]] = {
    "bicubic_antialias": ("bicubic", True),
    "bilinear_antialias": ("bilinear", True),
    "bilinear": ("bilinear", False),
}


@dataclass(frozen=True, slots=True)
class Preparation:
    """Resize to a square and normalise: (x / 255 - mean) / std.

    The resize works on float32 (``bicubic_pil_uint8``: on whole numbers) and its result is cut to 0..255 but not rounded,
    since rounding would add noise; a kernel without antialiasing makes patterns that the image does not have (Parmar,
    Zhang, Zhu 2022, "On aliased resizing").
    """

    side: int
    """Pixels."""
    kernel: Kernel
    mean: Triple
    """Red, green, blue, as shares of full scale."""
    std: Triple
    frame: Frame = "whole"

    def describe(self) -> dict[str, str]:
        """The protocol, for a reader and for the identity of the numbers."""
        kind = f"uint8, pillow {pillow_version}" if self.kernel == "bicubic_pil_uint8" else "float32"
        part = "whole image" if self.frame == "whole" else "shorter side, then the middle,"
        resize = f"{self.kernel}, {kind}, cut to 0..255, {part} to {self.side} x {self.side}"
        scale = f"(x / 255 - mean) / std, mean {_shown(self.mean)}, std {_shown(self.std)}, RGB"
        return {"resize": resize, "scale": scale}

    def __call__(self, images: Sequence[Pixels], device: torch.device) -> Tensor:
        """(n, 3, side, side) float32 on the device; images may differ in size."""
        # Image by image: a batch of sizes would have to be sorted, and no number may depend on the neighbours.
        batch = torch.stack([self._resized(image, device) for image in images])
        mean = torch.tensor(self.mean, device=device).mul_(255).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=device).mul_(255).view(1, 3, 1, 1)
        return batch.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)

    def _resized(self, image: Pixels, device: torch.device) -> Tensor:
        size = (self.side, self.side)
        if self.frame == "middle":
            size = shorter_to(image.shape[0], image.shape[1], self.side)
        planes = self._planes(image, size, device)
        top, left = (round((have - self.side) / 2) for have in size)
        return planes[:, top : top + self.side, left : left + self.side]

    def _planes(self, image: Pixels, size: tuple[int, int], device: torch.device) -> Tensor:
        """(3, *size) float32, 0..255."""
        if image.shape[:2] == size:
            return _as_planes(image, device)
        if self.kernel == "bicubic_pil_uint8":
            return _as_planes(pil_uint8(image, size), device)
        if self.kernel in MATRICES:
            matrix = MATRICES[self.kernel]
            if device.type == "cpu":
                return torch.from_numpy(resized_on_cpu(image, size, matrix)).clamp_(0, 255)
            return resized_on_device(_as_planes(image, device), size, matrix).clamp_(0, 255)
        mode, antialias = MODES[self.kernel]
        planes = _as_planes(image, device)
        return F.interpolate(planes[None], size, mode=mode, antialias=antialias, align_corners=False)[0].clamp_(0, 255)


def _as_planes(image: Pixels, device: torch.device) -> Tensor:
    # torch does not take read-only memory, and does not write to what it is given here.
    whole = torch.from_numpy(image if image.flags.writeable else image.copy()).to(device)
    return whole.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)


def _shown(values: Triple) -> str:
    return "/".join(f"{value:.6g}" for value in values)

"""From pixels to what an encoder sees. The exact steps decide a distance as much as the encoder does, so they are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.images import Pixels

__all__ = ["Kernel", "Preparation", "Triple"]

Triple = tuple[float, float, float]
Kernel = Literal["bicubic_antialias", "bilinear_antialias", "bilinear"]
MODES: dict[Kernel, tuple[str, bool]] = {
    "bicubic_antialias": ("bicubic", True),
    "bilinear_antialias": ("bilinear", True),
    "bilinear": ("bilinear", False),
}


@dataclass(frozen=True, slots=True)
class Preparation:
    """Resize to a square and normalise: (x / 255 - mean) / std.

    The resize works on float32 and its result is cut to 0..255 but not rounded, since rounding would add noise; a kernel
    without antialiasing makes patterns that the image does not have (Parmar, Zhang, Zhu 2022, "On aliased resizing").
    The whole image is used: its sides are scaled independently.
    """

    side: int
    """Pixels."""
    kernel: Kernel
    mean: Triple
    """Red, green, blue, as shares of full scale."""
    std: Triple

    def describe(self) -> dict[str, str]:
        """The protocol, for a reader and for the identity of the numbers."""
        resize = f"{self.kernel}, float32, cut to 0..255, whole image to {self.side} x {self.side}"
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
        # torch does not take read-only memory, and does not write to what it is given here.
        whole = torch.from_numpy(image if image.flags.writeable else image.copy()).to(device)
        planes = whole.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)
        if planes.shape[1:] == (self.side, self.side):
            return planes
        mode, antialias = MODES[self.kernel]
        size = (self.side, self.side)
        return F.interpolate(planes[None], size, mode=mode, antialias=antialias, align_corners=False)[0].clamp_(0, 255)


def _shown(values: Triple) -> str:
    return "/".join(f"{value:.6g}" for value in values)

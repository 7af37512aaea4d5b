"""The residual network of 29 layers that turns faces into vectors in dlib, as a torch network.

He et al.'s ResNet-34 with a few layers fewer and half the filters (King 2017). Each convolution is followed by a scale and
a shift, left over from the batch normalisation of training; reading the weights multiplies them into the convolution.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SIDE", "WIDTH", "EmbeddingNetwork", "tensors_of"]

SIDE = 150
"""Width and height of its input."""
WIDTH = 128
"""Numbers in a vector."""
FIRST = "conv32_down"
BLOCKS = (
    # name, channels before and after, whether it halves the picture
    *((f"conv32_{place}", 32, 32, False) for place in (1, 2, 3)),
    ("conv64_down", 32, 64, True),
    *((f"conv64_{place}", 64, 64, False) for place in (1, 2, 3)),
    ("conv128_down", 64, 128, True),
    *((f"conv128_{place}", 128, 128, False) for place in (1, 2)),
    ("conv256_down", 128, 256, True),
    *((f"conv256_{place}", 256, 256, False) for place in (1, 2)),
    ("conv256_down_out", 256, 256, True),
)
FILTERS, BIAS, SCALE, SHIFT = "conv/filters", "conv/bias", "scale/weights", "scale/biases"


class EmbeddingNetwork(nn.Module):
    """Faces to vectors: in (n, 3, 150, 150), (RGB - mean) / 255; out (n, 128), not of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 7, stride=2)
        self.blocks = nn.ModuleDict({name: _Block(before, after, down) for name, before, after, down in BLOCKS})
        self.last = nn.Linear(256, WIDTH, bias=False)

    def forward(self, faces: Tensor) -> Tensor:
        """See the class."""
        x = F.max_pool2d(F.relu(self.first(faces)), 3, 2)
        for block in self.blocks.values():
            x = block(x)
        return self.last(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Two convolutions, added to what came in; one that halves the picture adds the mean over 2 x 2 of it.

    Where one side of the sum has fewer channels, rows or columns than the other, it is filled up with zeros.
    """

    def __init__(self, before: int, after: int, down: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=2 if down else 1, padding=0 if down else 1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        straight = F.avg_pool2d(x, 2) if self.down else x
        missing = straight.shape[2] - out.shape[2]
        out = F.pad(out, (0, missing, 0, missing))
        straight = F.pad(straight, (0, 0, 0, 0, 0, out.shape[1] - straight.shape[1]))
        return F.relu(out + straight)


def tensors_of(named: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Tensor]:
    """Weights of the manifest under the names, and in the order of axes, that ``EmbeddingNetwork`` has.

    Filters go from (height, width, in, out) to (out, in, height, width); scale and shift of a convolution go into its
    filters and its bias. What does not belong to a whole convolution keeps its name, so that ``fit`` tells of it.
    """
    heads = {name.removesuffix(f"/{FILTERS}"): name for name in named if name.endswith(f"/{FILTERS}")}
    found: dict[str, Tensor] = {}
    used: set[str] = set()
    for head in heads:
        parts = {part: named.get(f"{head}/{part}") for part in (FILTERS, BIAS, SCALE, SHIFT)}
        filters, bias, scale, shift = (parts[part] for part in (FILTERS, BIAS, SCALE, SHIFT))
        if filters is None or bias is None or scale is None or shift is None or filters.ndim != 4:
            continue
        if not bias.shape == scale.shape == shift.shape == filters.shape[3:]:
            continue
        own = "first" if head == FIRST else f"blocks.{head.replace('/', '.')}"
        found[f"{own}.weight"] = torch.from_numpy(np.ascontiguousarray((filters * scale).transpose(3, 2, 0, 1)))
        found[f"{own}.bias"] = torch.from_numpy(bias * scale + shift)
        used.update(f"{head}/{part}" for part in parts)
    if "fc" in named and named["fc"].ndim == 2:
        found["last.weight"] = torch.from_numpy(np.ascontiguousarray(named["fc"].T))
        used.add("fc")
    return found | {name: torch.from_numpy(value) for name, value in named.items() if name not in used}

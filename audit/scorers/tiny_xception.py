"""The small Xception that reads perceived gender and age in face-api, as a torch network.

Xception (Chollet 2017) cut down: one plain convolution, two blocks that halve the picture, residual blocks, one more
halving, a last separable convolution and the mean over places. It has biases and no batch normalisation. TensorFlow's
``same`` padding at a stride of two adds a row and a column at the end only, so it is written out.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SIDE", "TinyXception", "tensors_of"]

SIDE = 112
"""Width and height of its input."""


class TinyXception(nn.Module):
    """Faces to years and shares.

    In: (n, 3, 112, 112), (RGB - mean) / 255. Out: (n, 3): years, and the shares of masculine and of feminine.
    """

    def __init__(self) -> None:
        super().__init__()
        entry = {"conv_in": _conv(3, 32, 3), "reduction_block_0": _Halving(32, 64), "reduction_block_1": _Halving(64, 128)}
        self.entry_flow = nn.ModuleDict(entry)
        self.middle_flow = nn.ModuleDict({f"main_block_{place}": _Residual(128) for place in range(2)})
        self.exit_flow = nn.ModuleDict({"reduction_block": _Halving(128, 256), "separable_conv": _Separable(256, 512)})
        self.fc = nn.ModuleDict({"age": nn.Linear(512, 1), "gender": nn.Linear(512, 2)})

    def forward(self, faces: Tensor) -> Tensor:
        """See the class."""
        x = F.relu(self.entry_flow["conv_in"](_padded(faces, 0.0)))
        x = self.entry_flow["reduction_block_0"](x, x)
        x = self.entry_flow["reduction_block_1"](x, F.relu(x))
        for block in self.middle_flow.values():
            x = block(x)
        x = self.exit_flow["reduction_block"](x, F.relu(x))
        pooled = F.relu(self.exit_flow["separable_conv"](x)).mean(dim=(2, 3))
        return torch.cat([self.fc["age"](pooled), self.fc["gender"](pooled).softmax(dim=1)], dim=1)


class _Separable(nn.Module):
    """Each channel by itself, then the channels of each place; one bias, after both."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.depthwise_filter = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.pointwise_filter = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_filter(self.depthwise_filter(x))  # type: ignore[no-any-return]


class _Halving(nn.Module):
    """Two separable convolutions and a maximum over 3 x 3 at every other place, added to a straight way."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.separable_conv0 = _Separable(before, after)
        self.separable_conv1 = _Separable(after, after)
        self.expansion_conv = _conv(before, after, 1)

    def forward(self, straight: Tensor, x: Tensor) -> Tensor:
        x = self.separable_conv1(F.relu(self.separable_conv0(x)))
        shorter: Tensor = F.max_pool2d(_padded(x, -torch.inf), 3, 2)
        wider: Tensor = self.expansion_conv(straight)
        return shorter + wider


class _Residual(nn.Module):
    """Three separable convolutions, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for place in range(3):
            self.add_module(f"separable_conv{place}", _Separable(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x
        for block in self.children():
            out = block(F.relu(out))
        return out + x


def tensors_of(named: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Tensor]:
    """Weights of the manifest under the names and in the order of axes that ``TinyXception`` has.

    ``depthwise_filter`` is (height, width, in, 1) there and (in, 1, height, width) here; every other filter goes from
    (height, width, in, out) to (out, in, height, width), and matrices from (in, out) to (out, in).
    """
    return {_name(name): torch.from_numpy(_turned(name, value)) for name, value in named.items()}


def _name(name: str) -> str:
    *where, what = name.split("/")
    if "separable_conv" in where[-1]:
        what = {"bias": "pointwise_filter.bias"}.get(what, f"{what}.weight")
    else:
        what = "bias" if what == "bias" else "weight"
    return ".".join([*where, what])


def _turned(name: str, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    order = {2: (1, 0), 4: (2, 3, 0, 1) if name.endswith("depthwise_filter") else (3, 2, 0, 1)}.get(value.ndim)
    return np.ascontiguousarray(value.transpose(order) if order else value)


def _conv(before: int, after: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, side, stride=2)


def _padded(x: Tensor, value: float) -> Tensor:
    """One row and one column more at the end: TensorFlow's ``same`` for 3 x 3 at a stride of 2 on even sides."""
    return F.pad(x, (0, 1, 0, 1), value=value)

"""The InceptionV3 of the Frechet inception distance: the 2015 TensorFlow graph, as far as its last pooling layer.

It is not the InceptionV3 of today's model libraries: average pools leave the padding out of the mean, and the last
block pools by maximum. Names of layers are those of the usual torch conversion of its weights, so that files fit.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["WIDTH", "FidInception"]

WIDTH = 2048
"""Numbers in a vector."""

Step = str | tuple[str, ...]
"""A layer, or layers that see the same input and whose outputs are joined."""
Spec = tuple[int, int, int | tuple[int, int], int]
"""Channels in, channels out, kernel, stride. Padding keeps the size where the stride is 1."""


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, spec: Spec, pad: bool) -> None:
        super().__init__()
        channels, out, kernel, stride = spec
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if pad else (0, 0)
        self.conv = nn.Conv2d(channels, out, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class _Block(nn.Module):
    """Chains of layers beside each other and a pooled branch; their outputs joined along the channels."""

    def __init__(self, layers: dict[str, Spec], chains: Sequence[Sequence[Step]], pool: str) -> None:
        super().__init__()
        for name, spec in layers.items():
            self.add_module(name, _Conv(spec, pad=spec[3] == 1))
        self.chains, self.pool = chains, pool

    def forward(self, x: Tensor) -> Tensor:
        outputs = [self._chain(x, chain) for chain in self.chains]
        if self.pool == "reduce":
            pooled = F.max_pool2d(x, 3, stride=2)
        elif self.pool == "maximum":
            pooled = self.get_submodule("branch_pool")(F.max_pool2d(x, 3, stride=1, padding=1))
        else:
            pooled = self.get_submodule("branch_pool")(F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False))
        return torch.cat([*outputs, pooled], 1)

    def _chain(self, x: Tensor, chain: Sequence[Step]) -> Tensor:
        for step in chain:
            names = (step,) if isinstance(step, str) else step
            x = torch.cat([self.get_submodule(name)(x) for name in names], 1)
        return x


def _block_a(channels: int, pooled: int) -> _Block:
    layers: dict[str, Spec] = {
        "branch1x1": (channels, 64, 1, 1),
        "branch5x5_1": (channels, 48, 1, 1),
        "branch5x5_2": (48, 64, 5, 1),
        "branch3x3dbl_1": (channels, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 1),
        "branch3x3dbl_3": (96, 96, 3, 1),
        "branch_pool": (channels, pooled, 1, 1),
    }
    double = ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
    return _Block(layers, (("branch1x1",), ("branch5x5_1", "branch5x5_2"), double), "average")


def _block_b(channels: int) -> _Block:
    layers: dict[str, Spec] = {
        "branch3x3": (channels, 384, 3, 2),
        "branch3x3dbl_1": (channels, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 1),
        "branch3x3dbl_3": (96, 96, 3, 2),
    }
    return _Block(layers, (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")), "reduce")


def _block_c(inner: int) -> _Block:
    layers: dict[str, Spec] = {
        "branch1x1": (768, 192, 1, 1),
        "branch7x7_1": (768, inner, 1, 1),
        "branch7x7_2": (inner, inner, (1, 7), 1),
        "branch7x7_3": (inner, 192, (7, 1), 1),
        "branch7x7dbl_1": (768, inner, 1, 1),
        "branch7x7dbl_2": (inner, inner, (7, 1), 1),
        "branch7x7dbl_3": (inner, inner, (1, 7), 1),
        "branch7x7dbl_4": (inner, inner, (7, 1), 1),
        "branch7x7dbl_5": (inner, 192, (1, 7), 1),
        "branch_pool": (768, 192, 1, 1),
    }
    single = tuple(f"branch7x7_{i}" for i in (1, 2, 3))
    double = tuple(f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))
    return _Block(layers, (("branch1x1",), single, double), "average")


def _block_d() -> _Block:
    layers: dict[str, Spec] = {
        "branch3x3_1": (768, 192, 1, 1),
        "branch3x3_2": (192, 320, 3, 2),
        "branch7x7x3_1": (768, 192, 1, 1),
        "branch7x7x3_2": (192, 192, (1, 7), 1),
        "branch7x7x3_3": (192, 192, (7, 1), 1),
        "branch7x7x3_4": (192, 192, 3, 2),
    }
    return _Block(layers, (("branch3x3_1", "branch3x3_2"), tuple(f"branch7x7x3_{i}" for i in (1, 2, 3, 4))), "reduce")


def _block_e(channels: int, pool: str) -> _Block:
    layers: dict[str, Spec] = {
        "branch1x1": (channels, 320, 1, 1),
        "branch3x3_1": (channels, 384, 1, 1),
        "branch3x3_2a": (384, 384, (1, 3), 1),
        "branch3x3_2b": (384, 384, (3, 1), 1),
        "branch3x3dbl_1": (channels, 448, 1, 1),
        "branch3x3dbl_2": (448, 384, 3, 1),
        "branch3x3dbl_3a": (384, 384, (1, 3), 1),
        "branch3x3dbl_3b": (384, 384, (3, 1), 1),
        "branch_pool": (channels, 192, 1, 1),
    }
    single: tuple[Step, ...] = ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b"))
    double: tuple[Step, ...] = ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b"))
    return _Block(layers, (("branch1x1",), single, double), pool)


class FidInception(nn.Module):
    """(n, 3, 299, 299) in -1..1 to (n, 2048), the mean over the last feature map.

    Source: Szegedy et al. 2015, "Rethinking the Inception architecture"; weights of 2015-12-05 (Heusel et al. 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv((3, 32, 3, 2), pad=False)
        self.Conv2d_2a_3x3 = _Conv((32, 32, 3, 1), pad=False)
        self.Conv2d_2b_3x3 = _Conv((32, 64, 3, 1), pad=True)
        self.Conv2d_3b_1x1 = _Conv((64, 80, 1, 1), pad=False)
        self.Conv2d_4a_3x3 = _Conv((80, 192, 3, 1), pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b, self.Mixed_6c = _block_c(128), _block_c(160)
        self.Mixed_6d, self.Mixed_6e = _block_c(160), _block_c(192)
        self.Mixed_7a = _block_d()
        self.Mixed_7b, self.Mixed_7c = _block_e(1280, "average"), _block_e(2048, "maximum")

    def forward(self, x: Tensor) -> Tensor:
        """Features, (n, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, stride=2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))

"""The two networks that read portraits of the phantom. They share no layer, no normalisation and no training picture.

Both take (n, 3, 64, 64) float pixels, 0..255, and give logits of every head side by side; ``split`` takes them apart.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.phantom.decoding import HEADS, SIDE, SKIN_SIDE
from generators.phantom.portrait import CUES

__all__ = ["FirstNetwork", "SecondNetwork", "split"]

LOGITS = sum(len(levels) for levels in HEADS.values())
INTACT = 1
TRAINING_ONLY = len(CUES)
"""Cues of presentation: read in training, because each is simpler than their majority; no decoder reports them."""
OUTPUTS = LOGITS + INTACT + TRAINING_ONLY
READOUT = 32
"""Channels that the readout sees at each of 8 x 8 places. It knows the places, since the composition is fixed."""


def split(outputs: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Take a network's outputs apart.

    Returns:
        Logits (n, levels) by head, logits (n,) of the picture being intact, logits (n, 7) of the cues of presentation.
    """
    sizes = [len(levels) for levels in HEADS.values()]
    *heads, intact, cues = torch.split(outputs, [*sizes, INTACT, TRAINING_ONLY], dim=1)
    return dict(zip(HEADS, heads, strict=True)), intact[:, 0], cues


class FirstNetwork(nn.Module):
    """A residual convolutional network (He et al. 2016) with batch normalisation, and a map of the skin."""

    def __init__(self, widths: tuple[int, int, int] = (24, 48, 96)) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), _conv(12, fine), nn.BatchNorm2d(fine), nn.ReLU(), _Residual(fine, fine)
        )
        self.middle = nn.Sequential(_Residual(fine, middle, stride=2), _Residual(middle, middle))
        self.coarse = nn.Sequential(_Residual(middle, coarse, stride=2), _Residual(coarse, coarse))
        self.skin = nn.ModuleList([nn.Conv2d(fine, 1, 3, padding=1), nn.Conv2d(middle, 1, 1), nn.Conv2d(coarse, 1, 1)])
        self.readout = _readout(coarse)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, outputs), and logits (n, 32, 32) of the share of skin in and just around each cell."""
        fine = self.stem(pixels / 127.5 - 1)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        maps = [head(features) for head, features in zip(self.skin, (fine, middle, coarse), strict=True)]
        skin = sum(F.interpolate(found, size=(SKIN_SIDE, SKIN_SIDE), mode="bilinear") for found in maps)
        assert isinstance(skin, Tensor)
        return self.readout(coarse), skin[:, 0]


class SecondNetwork(nn.Module):
    """Patches mixed by large depthwise kernels (Liu et al. 2022, ConvNeXt), with group normalisation.

    It sees colours divided by the mean of the picture's outermost pixels, the white frame, so that its own head can
    read the tone of skin under any light.
    """

    def __init__(self, widths: tuple[int, int] = (64, 128), depth: int = 2) -> None:
        super().__init__()
        fine, coarse = widths
        self.patches = nn.Sequential(nn.PixelUnshuffle(4), _conv(2 * 48, fine))
        self.fine = nn.Sequential(*(_Depthwise(fine) for _ in range(depth)))
        self.merge = nn.Conv2d(fine, coarse, 2, stride=2)
        self.coarse = nn.Sequential(*(_Depthwise(coarse) for _ in range(depth)))
        self.readout = _readout(coarse)

    def forward(self, pixels: Tensor) -> tuple[Tensor, None]:
        """Logits (n, outputs), and no map of the skin."""
        shares = pixels / 255
        rim = torch.cat([shares[..., 0, :], shares[..., -1, :], shares[..., 0], shares[..., -1]], dim=-1)
        white = rim.mean(dim=-1)[..., None, None].clamp_min(0.05)
        seen = torch.cat([2 * shares - 1, 2 * shares / white - 1], dim=1)
        return self.readout(self.coarse(self.merge(self.fine(self.patches(seen))))), None


class _Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(_conv(before, after, stride), nn.BatchNorm2d(after), nn.ReLU())
        self.second = nn.Sequential(_conv(after, after), nn.BatchNorm2d(after))
        same = before == after and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(before, after, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.skip(features) + self.second(self.first(features)))


class _Depthwise(nn.Module):
    def __init__(self, channels: int, expansion: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.GroupNorm(4, channels)
        self.widen = nn.Conv2d(channels, channels * expansion, 1)
        self.narrow = nn.Conv2d(channels * expansion, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.narrow(F.relu(self.widen(self.norm(self.mix(features)))))
        return features + mixed


def _conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)


def _readout(channels: int) -> nn.Sequential:
    places = (SIDE // 8) ** 2
    return nn.Sequential(nn.Conv2d(channels, READOUT, 1), nn.ReLU(), nn.Flatten(), nn.Linear(READOUT * places, OUTPUTS))

"""The generator of a deep convolutional GAN, for weights that come without their architecture."""

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["generator"]

FIRST_SIDE = 4  # the first layer turns a 1 x 1 latent into 4 x 4 features; every further layer doubles the side


def generator(latent: int = 100, width: int = 64, channels: int = 3, side: int = 64) -> nn.Module:
    """Build the generator of Radford et al., "Unsupervised Representation Learning with DCGAN" (2016), figure 1.

    Transposed convolutions with batch normalisation and ReLU between them and tanh at the end. Parameter names are
    those of the widespread PyTorch implementation (``main.0.weight``, ...), so its checkpoints load.

    Args:
        latent: length of z; the input has shape (n, latent, 1, 1).
        width: features of the last hidden layer; each layer before it has twice as many.
        channels: 3 for colour, 1 for grey.
        side: side of the image in pixels: 8, 16, 32, ...

    Returns:
        A module from (n, latent, 1, 1) to (n, channels, side, side) in -1..1.

    Raises:
        ValueError: the side is not a power of two of at least 8.
    """
    doublings = (side // FIRST_SIDE).bit_length() - 1
    if side != FIRST_SIDE << max(doublings, 1):
        raise ValueError(f"side is {side}; it must be a power of two of at least {2 * FIRST_SIDE}")
    features = [width << step for step in reversed(range(doublings))]
    layers: list[nn.Module] = [*_block(latent, features[0], stride=1, padding=0)]
    for before, after in pairwise(features):
        layers += _block(before, after, stride=2, padding=1)
    layers += [nn.ConvTranspose2d(features[-1], channels, kernel_size=4, stride=2, padding=1, bias=False), nn.Tanh()]
    return _Generator(nn.Sequential(*layers))


def _block(before: int, after: int, *, stride: int, padding: int) -> list[nn.Module]:
    up = nn.ConvTranspose2d(before, after, kernel_size=4, stride=stride, padding=padding, bias=False)
    return [up, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


class _Generator(nn.Module):
    def __init__(self, main: nn.Sequential) -> None:
        super().__init__()
        self.main = main

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.main(z)
        return images

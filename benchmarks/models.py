"""Small real models with random weights, saved as the adapters read them. Same arguments, same bytes."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import timm
import torch
from safetensors.torch import save_file
from torch import nn

__all__ = ["feature_weights", "seeded", "small_gan"]

M = TypeVar("M", bound=nn.Module)

LITE0 = "tf_efficientnet_lite0"


def feature_weights(folder: Path) -> dict[str, str]:
    """Parameters of ``features`` for EfficientNet-lite0 with random weights: the pack's cost without the pack."""
    path = folder / "lite0.safetensors"
    if not path.exists():
        save_file(seeded(lambda: timm.create_model(LITE0)).state_dict(), path)
    return {"timm": LITE0, "weights": str(path)}


def small_gan(path: Path) -> Path:
    """A TorchScript file of four up-convolutions: 64 numbers to an image of 64 pixels."""

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Unflatten(1, (64, 1, 1)), nn.ConvTranspose2d(64, 64, 8), nn.ReLU()]
        for before, after in ((64, 64), (64, 32), (32, 3)):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.ReLU() if after > 3 else nn.Tanh()]
        return nn.Sequential(*layers).eval()

    with warnings.catch_warnings():
        # Newer versions of torch advise against the format; users have such files all the same.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(seeded(build), torch.zeros(2, 64)).save(str(path))  # type: ignore[no-untyped-call]
    return path


def seeded(build: Callable[[], M]) -> M:
    """A model with the same random weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()

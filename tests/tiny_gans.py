"""Tiny generator networks, saved in every format that ``gan`` reads, and requests to draw from them."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from audit.component import Product, Request
from audit.errors import InputError
from audit.records import Condition, Draw, Latent, Probe
from generators.dcgan import generator as dcgan
from generators.gan import Gan

SMALL = {"latent": 4, "width": 4, "side": 16}
SEEDS = [11, 12, 2**53 - 1, 14]


def small_dcgan() -> nn.Module:
    """A DCGAN of 16 pixels with statistics of its own and images that are not flat."""
    torch.manual_seed(3)
    module = dcgan(**SMALL)
    for _ in range(10):
        module(torch.randn(64, 4, 1, 1))
    with torch.no_grad():
        list(module.parameters())[-1].mul_(30)
    return module.eval()


class Labelled(nn.Module):
    """z and a label to an 8 x 8 image: the label sets the brightness."""

    def __init__(self, onehot: bool = False) -> None:
        super().__init__()
        self.onehot = onehot
        self.embed = nn.Linear(3, 4, bias=False)
        self.main = nn.Linear(4, 3 * 8 * 8)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        rows = label if self.onehot else nn.functional.one_hot(label, 3)
        return torch.tanh(self.main(z) + 3 * self.embed(rows.to(z.dtype)).mean(dim=1, keepdim=True)).view(-1, 3, 8, 8)


class Mapping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("w_avg", torch.full((4,), 0.25))

    def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
        return torch.relu(self.layer(z)).unsqueeze(1).repeat(1, 2, 1)


class Synthesis(nn.Module):
    def forward(self, ws: Tensor, noise_mode: str = "random") -> Tensor:
        noise = torch.randn(len(ws), 1, 8, 8, device=ws.device) if noise_mode == "random" else 0.0
        return (ws.mean(dim=1)[:, :3, None, None] + noise).expand(-1, 3, 8, 8)


class Styled(nn.Module):
    """The interface of StyleGAN2-ADA: ``mapping(z, c)``, ``synthesis(ws, noise_mode=...)``, ``mapping.w_avg``."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = Mapping()
        self.synthesis = Synthesis()


class Planted(nn.Module):
    """Gives back what a test plants, so that each broken promise can be shown."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> Any:
        image = torch.tanh(self.scale * z).mean(dim=1).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).clone()
        faults = {
            "nan": lambda: image.index_fill(0, torch.tensor([1]), float("nan")),
            "count": lambda: image[:-1],
            "shape": lambda: image.permute(0, 2, 3, 1),
            "bytes": lambda: (image * 127).to(torch.int32),
            "range": lambda: (image + 1) * 127.5,
            "grey": lambda: image[:, :1],
            "pair": lambda: (image, z),
            "noise": lambda: image + 0.5 * torch.randn_like(image),
            "batch norm": lambda: image - image.mean(),
            "raises": lambda: [][len(z)],
        }
        if self.fault == "memory":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return faults.get(self.fault, lambda: image)()


def requests(seeds: Sequence[int], condition: Condition | None = None) -> list[Request]:
    probe = Probe(suite="latents", condition=condition or Latent(), unit="draw")
    return [Request(Draw(generator="g", probe=probe.id, index=i, seed=seed), probe) for i, seed in enumerate(seeds)]


@contextmanager
def opened(**params: Any) -> Iterator[Any]:
    gan = Gan.model_validate(params)
    gan.check()
    with gan.open("cpu") as draw:
        yield draw


def drawn(asked: Sequence[Request], **params: Any) -> Sequence[Product]:
    with opened(**{"batch": len(asked), **params}) as draw:
        return list(draw(asked))


def images(products: Sequence[Product]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert all(isinstance(product, np.ndarray) for product in products), products
    return np.stack([product for product in products if isinstance(product, np.ndarray)])


def saved(module: nn.Module, folder: Path) -> Path:
    save_file(module.state_dict(), folder / "weights.safetensors")
    return folder / "weights.safetensors"


def scripted(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module.eval()).save(str(path))
    return path


def exported(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> Path:
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(module.eval(), inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    torch.export.save(program, path)
    return path


def by_hand(module: nn.Module, seeds: Sequence[int], shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What the docstring promises, written a second time: z by seed, tanh range, rounded once."""
    z = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    with torch.no_grad():
        image = module.eval()(z).double().numpy()
    return np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


class Payload:
    """A pickle of it creates the marker when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str, int], None], tuple[str, int]]:
        return (os.mkdir, (str(self.marker), 0o700))


def refused(path: Path, marker: Path, message: str, **params: Any) -> None:
    """Opening this file gives one line that names it, and no payload of it runs."""
    with pytest.raises(InputError, match=message) as caught:
        drawn(requests(SEEDS), **params)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not marker.exists()

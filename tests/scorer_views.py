"""Views for the tests of scorers, and the packs that some of them need."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from audit.component import Row, Scorer, View
from audit.digest import bytes_digest
from audit.errors import WeightsError
from audit.images import Pixels
from audit.records import Abstained, Draw, Latent, Probe, TextPrompt
from audit.weights import Located, locate

DCGAN_CHANNELS = (100, 512, 256, 128, 64, 3)


def view(
    pixels: Any,
    text: str | None = None,
    asked: tuple[int, int] | None = None,
    given: Mapping[str, Sequence[Row]] | None = None,
) -> View:
    """An image with its prompt, or without one."""
    probe = Probe(suite="test", condition=Latent() if text is None else TextPrompt(text=text))
    draw = Draw(generator="g", probe=probe.id, index=0, seed=0)
    name = bytes_digest(np.ascontiguousarray(pixels).tobytes())
    return View(pixels, name, "png", draw, probe, asked, given or {})


def scored(scorer: Scorer, views: Sequence[View], device: str = "cpu") -> Sequence[Sequence[Row]]:
    """What a freshly opened scorer says; every row keeps to the declared columns."""
    with scorer.open(device) as score:
        rows = score(views)
    declared = {column.name for column in scorer.columns()}
    assert len(rows) == len(views)
    for of_image in rows:
        assert [row.region for row in of_image] == [-1, *range(len(of_image) - 1)]
        assert all(set(row.values) <= declared for row in of_image)
    return rows


def noise(side: int, seed: int = 0) -> Pixels:
    """Random pixels, (side, side, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def reason(value: object) -> str:
    """Why a scorer abstained."""
    assert isinstance(value, Abstained), value
    return value.reason


def pack(name: str) -> Located:
    """A weight pack, or a skipped test."""
    try:
        return locate(name)
    except WeightsError as error:
        pytest.skip(str(error))


@cache
def generated_faces(count: int) -> tuple[Pixels, ...]:
    """64 x 64 faces of nobody, drawn by the DCGAN of the pack; the test is skipped where that is absent."""
    state = torch.load(pack("dcgan-digiface").file("weights.tar"), map_location="cpu", weights_only=True)["netG_state_dict"]
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise(DCGAN_CHANNELS)):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2 if i else 1, 1 if i else 0, bias=False))
        layers += [nn.Tanh()] if after == 3 else [nn.BatchNorm2d(after), nn.ReLU()]
    network = nn.Sequential(*layers).eval()
    network.load_state_dict({name.removeprefix("main."): value for name, value in state.items()})
    with torch.no_grad():
        drawn = network(torch.randn(count, 100, 1, 1, generator=torch.Generator().manual_seed(0)))
    return tuple(((drawn + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())

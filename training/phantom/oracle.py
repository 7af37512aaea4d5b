"""Train the oracle: ``python -m training.phantom.oracle --out DIR``. Renders its own pictures; needs no other file.

Writes both networks in half precision, the thresholds, and a card that says what was measured on renders which neither
network has seen.
"""

import argparse
import json
import logging
import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Generator, Tensor, nn

from audit.digest import derive_seed
from generators.phantom.decoding import HEADS
from generators.phantom.oracle import FILES, Oracle
from generators.phantom.oracle_networks import FirstNetwork, SecondNetwork, split
from training.phantom import softness
from training.phantom.breakage import break_some
from training.phantom.oracle_card import measure, write_card
from training.phantom.oracle_pictures import UNSAID, Pictures, draw
from training.phantom.oracle_thresholds import calibrate

logger = logging.getLogger(__name__)

BATCH = 128
BROKEN = 24
"""Broken pictures that go with every batch."""
RATE = 3e-3
WARM_UP = 200
"""Steps."""
AVERAGE = 0.998
"""Of the moving average of the weights, which is what is kept."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained."""

    name: str
    changes: Sequence[tuple[float, softness.Change]]
    pictures: int
    steps: int


RECIPES = (
    Recipe("first", softness.FIRST, pictures=60_000, steps=2_400),
    Recipe("second", softness.SECOND, pictures=60_000, steps=2_400),
)


def main() -> None:
    """Train, calibrate, measure, write."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    torch.use_deterministic_algorithms(mode=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    networks, histories = [], {}
    for recipe in RECIPES:
        network, histories[recipe.name] = _trained(recipe, asked)
        networks.append(network)
        half = {
            name: value.half().contiguous() for name, value in network.state_dict().items() if value.is_floating_point()
        }
        save_file(half, asked.out / f"{recipe.name}.safetensors")
    thresholds = calibrate(networks[0], networks[1], derive_seed(asked.seed, "calibration"), asked.threads)
    (asked.out / FILES[2]).write_text(json.dumps(thresholds, indent=2) + "\n", encoding="utf-8")
    measured = measure(Oracle.load(asked.out), derive_seed(asked.seed, "held out"), asked.threads)
    write_card(asked.out, {"seed": asked.seed, "training": histories, "measured": measured})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.phantom.oracle", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, thresholds and card")
    parser.add_argument("--threads", type=int, default=1, help="of torch and of rendering; 1 repeats bit for bit")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _trained(recipe: Recipe, asked: argparse.Namespace) -> tuple[nn.Module, dict[str, object]]:
    seed = derive_seed(asked.seed, recipe.name)
    began = time.monotonic()
    pictures = draw(recipe.pictures, seed, asked.threads)
    rendered = time.monotonic() - began
    logger.info("%s: %d renders in %.0f s", recipe.name, len(pictures), rendered)
    torch.manual_seed(seed)
    network = FirstNetwork() if recipe.name == "first" else SecondNetwork()
    average, losses = train(network, pictures, recipe, seed)
    history: dict[str, object] = {
        "pictures": len(pictures),
        "steps": recipe.steps,
        "batch": BATCH + BROKEN,
        "parameters": sum(value.numel() for value in network.parameters()),
        "arithmetic": "bfloat16 products, float32 weights" if _half_products() else "float32",
        "seconds_rendering": round(rendered),
        "seconds_training": round(time.monotonic() - began - rendered),
        "losses": losses,
    }
    return average, history


def train(network: nn.Module, pictures: Pictures, recipe: Recipe, seed: int) -> tuple[nn.Module, dict[int, float]]:
    """Train a network on softened renders and broken ones.

    Returns:
        The network with averaged weights, and the mean loss by step.
    """
    generator = Generator().manual_seed(seed)
    network = network.train().to(memory_format=torch.channels_last)
    average = deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, recipe.steps))
    losses: dict[int, float] = {}
    recent: list[float] = []
    for step in range(recipe.steps):
        loss = _loss(network, _batch(pictures, recipe, generator))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        _follow(average, network, min(AVERAGE, step / (step + 20)))
        recent.append(float(loss.detach()))
        if (step + 1) % 200 == 0 or step + 1 == recipe.steps:
            losses[step + 1] = round(float(np.mean(recent)), 4)
            logger.info("%s: step %d, loss %s", recipe.name, step + 1, losses[step + 1])
            recent.clear()
    return average, losses


def _pace(step: int, steps: int) -> float:
    """Warm up, then fall along a cosine."""
    return min((step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-3)


@dataclass(frozen=True, slots=True)
class _Batch:
    planes: Tensor
    labels: Tensor
    """``UNSAID`` for every head of a broken picture."""
    intact: Tensor
    cues: Tensor
    skin: Tensor


def _batch(pictures: Pictures, recipe: Recipe, generator: Generator) -> _Batch:
    rows = torch.randint(len(pictures), (BATCH,), generator=generator)
    chosen = pictures.take(rows.numpy())
    planes = torch.from_numpy(chosen.pixels).permute(0, 3, 1, 2).float()
    broken = break_some(planes, torch.from_numpy(chosen.heads), BROKEN, generator)
    mixed = torch.randperm(BATCH + BROKEN, generator=generator)  # or the groups of softening would tell them apart
    both = softness.soften(torch.cat([planes, broken])[mixed], recipe.changes, generator)
    labels = torch.cat([torch.from_numpy(chosen.labels), torch.full((BROKEN, len(HEADS)), UNSAID)])
    return _Batch(
        both.contiguous(memory_format=torch.channels_last),
        labels[mixed],
        (mixed < BATCH).float(),
        torch.cat([torch.from_numpy(chosen.cues), torch.zeros(BROKEN, chosen.cues.shape[1])])[mixed],
        torch.cat([torch.from_numpy(chosen.skin).float() / 16, torch.zeros(BROKEN, *chosen.skin.shape[1:])])[mixed],
    )


def _loss(network: nn.Module, batch: _Batch) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=_half_products()):
        outputs, skin = network(batch.planes)
    heads, intact, cues = split(outputs.float())
    total = 2 * F.binary_cross_entropy_with_logits(intact, batch.intact)
    for column, logits in enumerate(heads.values()):
        total = total + F.cross_entropy(logits, batch.labels[:, column], ignore_index=UNSAID)
    whole = batch.intact.bool()
    there = whole & (batch.labels[:, 2] != UNSAID)
    total = total + F.binary_cross_entropy_with_logits(cues[there], batch.cues[there])
    if skin is not None:
        total = total + 2 * F.binary_cross_entropy_with_logits(skin.float()[whole], batch.skin[whole])
    return total


def _half_products() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it would only be slower."""
    return bool(torch.cpu._is_avx512_bf16_supported())


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, share: float) -> None:
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - share)


if __name__ == "__main__":
    main()

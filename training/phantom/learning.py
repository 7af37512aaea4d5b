"""What all training scripts of the phantom share: seeds, schedule, moving averages, the card beside the weights."""

import json
import math
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["DEVICE", "Average", "Progress", "batches", "card", "cosine", "seeded"]

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where networks learn; everything random is drawn on the CPU, so that a seed means the same on both."""


def seeded(seed: int, threads: int) -> torch.Generator:
    """Fix every source of chance; the same threads on the same machine then give the same weights on a CPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # libraries that draw from the global state
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    return torch.Generator().manual_seed(seed)


def cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: int = 100) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up, then half a cosine down to a hundredth."""

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def batches(count: int, size: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of so many batches: epoch by epoch, shuffled, the rest of an epoch dropped."""
    order, place = torch.randperm(count, generator=rng), 0
    for _ in range(steps):
        if place + size > count:
            order, place = torch.randperm(count, generator=rng), 0
        yield order[place : place + size]
        place += size


class Average:
    """Exponential moving average of a network's weights: what is saved."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay, self._step = network, decay, 0
        self._kept = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take one step; early ones count more, so that the first weights are forgotten."""
        self._step += 1
        decay = min(self._decay, (1 + self._step) / (10 + self._step))
        for name, value in self._network.state_dict().items():
            if value.is_floating_point():
                self._kept[name].lerp_(value, 1 - decay)
            else:
                self._kept[name].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """What a later run goes on from."""
        return {"step": self._step, "kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._step = state["step"]
        for name, value in state["kept"].items():
            self._kept[name].copy_(value)

    def apply(self) -> None:
        """Give the network the averaged weights."""
        self._network.load_state_dict(self._kept)


class Progress:
    """Prints the mean loss now and then, and keeps it for the card."""

    def __init__(self, title: str, steps: int, every: int = 100) -> None:
        self.losses: list[tuple[int, float]] = []
        self._title, self._steps, self._every = title, steps, every
        self._sum, self._count, self._start = 0.0, 0, time.monotonic()

    def step(self, step: int, loss: float) -> None:
        """Tell it the loss of a step."""
        self._sum, self._count = self._sum + loss, self._count + 1
        if (step + 1) % self._every and step + 1 < self._steps:
            return
        mean, seconds = self._sum / self._count, time.monotonic() - self._start
        self.losses.append((step + 1, round(mean, 5)))
        print(f"{self._title} {step + 1}/{self._steps}: loss {mean:.4f}, {seconds:.0f} s", flush=True)
        self._sum, self._count = 0.0, 0


def card(folder: Path, name: str, facts: Mapping[str, object]) -> None:
    """Write what was done beside the weights, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")

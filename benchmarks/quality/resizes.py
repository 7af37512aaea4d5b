"""Speed of the resizes of the named protocols beside the way that their namesakes take, on one core.

    python -m benchmarks.quality.resizes           some seconds; exit code 1 where two ways differ by .001 of 255 or more
    python -m benchmarks.quality.resizes --save    also writes benchmarks/quality/results/resizes.md

clean-fid gives each channel to Pillow as float; torch-fidelity gathers four neighbours of every pixel; torchmetrics calls
torch. Medians of rounds in which the ways take turns, so that a busy machine slows all of them alike.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from PIL import __version__ as pillow_version

from audit.environment import revision
from audit.images import Pixels
from audit.scorers.preprocess import Kernel, Preparation
from audit.scorers.protocols import MIDDLE

__all__ = ["main", "measured"]

Floats = npt.NDArray[np.float32]
Way = Callable[[Pixels], Floats]
SIDE, SIZES, ROUNDS, MOST = 299, (256, 512, 1024), 11, 1e-3
PROTOCOLS: dict[str, Kernel] = {
    "fid-inception-clean": "bicubic_pil",
    "fid-inception-tf1": "bilinear_tf1",
    "fid-inception-tm": "bilinear_antialias",
}
SAVED = Path(__file__).parent / "results" / "resizes.md"


def by_pillow(image: Pixels) -> Floats:
    """As clean-fid does it."""
    channels = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    found = [np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for channel in channels]
    return np.stack(found).clip(0, 255)


def by_gathering(image: Pixels) -> Floats:
    """As torch-fidelity does it: each output pixel from four neighbours."""
    planes = _planes(image)
    (top, bottom, down), (left, right, across) = (_neighbours(size) for size in image.shape[:2])
    upper = planes[:, top][:, :, left] * (1 - across) + planes[:, top][:, :, right] * across
    lower = planes[:, bottom][:, :, left] * (1 - across) + planes[:, bottom][:, :, right] * across
    found: Floats = (upper + (lower - upper) * down[:, None]).numpy()
    return found


def _neighbours(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    places = torch.arange(SIDE, dtype=torch.float32) * torch.tensor(size / SIDE, dtype=torch.float32)
    low = places.long()
    return low, (low + 1).clamp_max(size - 1), places - low


def by_torch(image: Pixels) -> Floats:
    """As torchmetrics does it."""
    planes = _planes(image)[None]
    found: Floats = F.interpolate(planes, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)[0].numpy()
    return found


def _planes(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float()


def own(kernel: Kernel) -> Way:
    """imgaudit's, to numbers of -1 to 1."""
    preparation = Preparation(SIDE, kernel, MIDDLE, MIDDLE)
    return lambda image: preparation([image], torch.device("cpu"))[0].numpy()


def scaled(way: Way) -> Way:
    """A namesake's way, to numbers of -1 to 1 as all three have it."""
    return lambda image: (way(image) - 128) / 128


NAMESAKES: dict[str, Way] = {
    "fid-inception-clean": by_pillow,
    "fid-inception-tf1": by_gathering,
    "fid-inception-tm": by_torch,
}


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, int, float, float, float]]:
    """Protocol, side of the images, images a second by imgaudit and by its namesake's way, largest difference of 255."""
    rng = np.random.default_rng(0)
    for size in SIZES:
        images = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(4)]
        for name, kernel in PROTOCOLS.items():
            ways = own(kernel), scaled(NAMESAKES[name])
            off = 128 * max(float(np.abs(ways[0](image) - ways[1](image)).max()) for image in images)
            seconds: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for way, times in zip(ways, seconds, strict=True):
                    started = time.perf_counter()
                    for image in images:
                        way(image)
                    times.append((time.perf_counter() - started) / len(images))
            yield name, size, 1 / statistics.median(seconds[0]), 1 / statistics.median(seconds[1]), off


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = list(measured())
    lines = ["| protocol | image | imgaudit, img/s | the namesake's way, img/s | times as fast | largest difference |"]
    lines.append("|---|---|---|---|---|---|")
    for name, size, ours, theirs, off in rows:
        lines.append(f"| {name} | {size} x {size} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.1f} | {off:.1e} of 255 |")
    print("\n".join(lines))
    if asked.save:
        made = f"torch {torch.__version__}, pillow {pillow_version}, {platform.machine()}, one core, revision {revision()}"
        told = (
            f"Whole images to {SIDE} x {SIDE} and to the network's range. `python -m benchmarks.quality.resizes`: {made}."
        )
        SAVED.write_text("\n".join(["# Resizes of the named protocols", "", told, "", *lines, ""]))
    return int(any(off >= MOST for *_, off in rows))


if __name__ == "__main__":
    sys.exit(main())

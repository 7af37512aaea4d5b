"""The reference workload: a fixed piece of work by which the speed of a machine at this moment is judged.

Two machines, or one machine on a quiet and on a busy day, differ in images per second for reasons that have nothing to do
with imgaudit. What an image costs *in reference workloads* differs much less, so that is what a baseline holds.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from benchmarks.stopwatch import Stopwatch

__all__ = ["WHAT", "reference"]

WHAT = (
    "CPU: float32 product of two 768 x 768 matrices (numpy), then a PNG of 384 x 384 decoded (Pillow); "
    "GPU: float32 product of two 4096 x 4096 matrices (torch)"
)
CPU_SIDE, GPU_SIDE, IMAGE_SIDE = 768, 4096, 384


def reference(stopwatch: Stopwatch) -> Callable[[], float]:
    """A function that runs the reference workload of the stopwatch's device once, and gives its seconds."""
    work = _on_cpu() if stopwatch.device.name == "cpu" else _on_gpu(stopwatch.device.name)
    work()
    return lambda: stopwatch.time(work)[0]


def _on_cpu() -> Callable[[], object]:
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, CPU_SIDE, CPU_SIDE), dtype=np.float32)
    # A coarse pattern with fine noise: neither the best nor the worst case of a PNG's filters.
    coarse = rng.integers(0, 200, (IMAGE_SIDE // 32, IMAGE_SIDE // 32, 3), dtype=np.uint8)
    pixels = coarse.repeat(32, 0).repeat(32, 1) + rng.integers(0, 8, (IMAGE_SIDE, IMAGE_SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    data = file.getvalue()
    return lambda: (one @ two, np.asarray(Image.open(io.BytesIO(data))))


def _on_gpu(device: str) -> Callable[[], object]:
    generator = torch.Generator(device).manual_seed(0)
    one, two = (torch.randn(GPU_SIDE, GPU_SIDE, generator=generator, device=device) for _ in range(2))
    return lambda: one @ two

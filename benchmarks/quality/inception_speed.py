"""InceptionV3 with made-up weights on a CPU: imgaudit's two ways beside the network as its namesakes run it.

    python -m benchmarks.quality.inception_speed [--images 16]

Rounds in which the ways take turns; medians. The network as it is has its batch norms unfolded and channels outermost.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from audit.model_files.weight_files import fit
from audit.scorers import feature_models
from audit.scorers.feature_models import PACKS, build
from audit.scorers.inception import FidInception
from benchmarks.quality.random_inception import random_weights

__all__ = ["main", "ways"]

ROUNDS = 5
Way = Callable[[Tensor], Tensor]


def ways(path: Path) -> dict[str, Way]:
    """What it is -> images to features."""
    weights = random_weights()
    save_file(weights, path)
    recipe, device = PACKS["inception-v3-fid"], torch.device("cpu")
    made: dict[str, Way] = {"torch, as it is": fit(FidInception().eval(), weights, "made up")}
    has, feature_models.has_onnxruntime = feature_models.has_onnxruntime, lambda: False
    made["torch, folded, channels innermost"] = build(recipe, path, device)
    feature_models.has_onnxruntime = has
    made["onnxruntime"] = build(recipe, path, device)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Print images a second, and how far the features are apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=16)
    asked = parser.parse_args(arguments)
    images = torch.rand(asked.images, 3, 299, 299, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        made = ways(Path(folder) / "weights.safetensors")
        features = {name: way(images) for name, way in made.items()}
        seconds: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(ROUNDS):
            for name, way in made.items():
                started = time.perf_counter()
                way(images)
                seconds[name].append(time.perf_counter() - started)
    plain = features["torch, as it is"]
    for name in made:
        off = (features[name] - plain).abs().max().item()
        rate = asked.images / statistics.median(seconds[name])
        print(f"{name}: {rate:.1f} img/s, features differ by {off:.1e} (largest {plain.abs().max():.1f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Runs in the peers' own environment: reads features, prints each peer's numbers as JSON.

    python peers.py FEATURES.npz

It knows nothing of imgaudit. Each number comes with the precision that the peer computed it in.
"""

import json
import sys
import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.multimodal.clip_score import CLIPScore


class Result(NamedTuple):
    metric: str
    peer: str
    case: str
    value: float
    precision: str


class Features(nn.Module):
    """Stands where a network would be: what comes in are features already."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows


class Vectors(nn.Module):
    """Stands where a CLIP model would be: gives the vectors that it was made with."""

    def __init__(self, images: torch.Tensor, texts: torch.Tensor) -> None:
        super().__init__()
        self.images, self.texts, self.config = images, texts, object()

    def get_image_features(self, _pixels: torch.Tensor) -> torch.Tensor:
        return self.images

    def get_text_features(self, _ids: torch.Tensor, _mask: torch.Tensor) -> torch.Tensor:
        return self.texts


def _processor(**_inputs: object) -> dict[str, torch.Tensor]:
    nothing = torch.zeros(1)
    return {"pixel_values": nothing, "input_ids": nothing, "attention_mask": nothing}


def fidelity_frechet(one: torch.Tensor, two: torch.Tensor) -> float:
    sides = fid_features_to_statistics(one), fid_features_to_statistics(two)
    return fid_statistics_to_metric(*sides, verbose=False)[KEY_METRIC_FID]


def fidelity_kid(one: torch.Tensor, two: torch.Tensor) -> float:
    return kid_features_to_metric(one, two, kid_subsets=1, kid_subset_size=len(one), verbose=False)[KEY_METRIC_KID_MEAN]


def metrics_frechet(one: torch.Tensor, two: torch.Tensor) -> float:
    metric = FrechetInceptionDistance(feature=Features(one.shape[1])).set_dtype(torch.float64)
    metric.update(two, real=True)
    metric.update(one, real=False)
    return float(metric.compute())


def metrics_kid(one: torch.Tensor, two: torch.Tensor) -> float:
    metric = KernelInceptionDistance(feature=Features(one.shape[1]), subsets=1, subset_size=len(one))
    metric.update(two, real=True)
    metric.update(one, real=False)
    return float(metric.compute()[0])


def metrics_clip(images: torch.Tensor, texts: torch.Tensor) -> float:
    metric = CLIPScore(model_name_or_path=lambda: (Vectors(images.float(), texts.float()), _processor))
    metric.update([torch.zeros(3, 1, 1)] * len(images), ["a"] * len(texts))
    return float(metric.compute())


def main(path: str) -> None:
    warnings.simplefilter("ignore")
    data = np.load(path)
    results = []
    for case in sorted(name.removesuffix(".generated") for name in data.files if name.endswith(".generated")):
        sets = [torch.from_numpy(data[f"{case}.{side}"]).double() for side in ("generated", "reference")]
        for metric, peer, function in (
            ("frechet", "torch-fidelity", fidelity_frechet),
            ("frechet", "torchmetrics", metrics_frechet),
            ("kid", "torch-fidelity", fidelity_kid),
            ("kid", "torchmetrics", metrics_kid),
        ):
            results.append(Result(metric, peer, case, function(*sets), "float64"))
    images, texts = (torch.from_numpy(data[f"clip.{side}"]) for side in ("images", "texts"))
    case = f"n={len(images)} d={images.shape[1]}"
    results.append(Result("100 cosine", "torchmetrics", case, metrics_clip(images, texts), "float32"))
    json.dump([result._asdict() for result in results], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])

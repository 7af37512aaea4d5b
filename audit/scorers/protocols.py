"""Named protocols of distances on features: each the recipe of one library, so that its numbers can be told apart."""

from dataclasses import dataclass
from typing import Literal

from audit.scorers.preprocess import Frame, Kernel, Positions, Triple

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LITE0_MEAN",
    "MIDDLE",
    "PROTOCOLS",
    "Protocol",
    "ProtocolName",
]

ProtocolName = Literal[
    "fid-inception-clean", "fid-inception-tf1", "fid-inception-tm", "fd-dinov2", "fd-clip", "fd-efficientnet"
]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One network and one way to it."""

    namesake: str
    """Whose numbers these are."""
    pack: str
    kernel: Kernel
    side: int
    mean: Triple
    std: Triple
    dimension: int
    frame: Frame = "whole"
    positions: Positions = "timm"

    def fixed(self) -> dict[str, object]:
        """Parameter of ``features`` -> the value that the protocol gives it."""
        names = ("pack", "kernel", "side", "mean", "std", "dimension", "frame")
        return {name: getattr(self, name) for name in names}


INCEPTION = "inception-v3-fid"
MIDDLE: Triple = (128 / 255,) * 3
"""x / 128 - 1: the three libraries take 128 off and divide by it, not the 2 x / 255 - 1 of pytorch-fid."""
LITE0_MEAN: Triple = (127 / 255,) * 3
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

PROTOCOLS: dict[ProtocolName, Protocol] = {
    "fid-inception-clean": Protocol("clean-fid, mode clean", INCEPTION, "bicubic_pil", 299, MIDDLE, MIDDLE, 2048),
    "fid-inception-tf1": Protocol(
        "the original FID and torch-fidelity", INCEPTION, "bilinear_tf1", 299, MIDDLE, MIDDLE, 2048
    ),
    "fid-inception-tm": Protocol("torchmetrics >= 1.8", INCEPTION, "bilinear_antialias", 299, MIDDLE, MIDDLE, 2048),
    "fd-dinov2": Protocol(
        "dgm-eval", "dinov2-vitl14", "bicubic_pil_uint8", 224, IMAGENET_MEAN, IMAGENET_STD, 1024, positions="dinov2"
    ),
    "fd-clip": Protocol(
        "clean-fid, clip_vit_b_32", "clip-vit-b-32", "bicubic_pil_uint8", 224, CLIP_MEAN, CLIP_STD, 512, "middle"
    ),
    "fd-efficientnet": Protocol(
        "none: imgaudit's own", "efficientnet-lite0", "bicubic_antialias", 224, LITE0_MEAN, MIDDLE, 1280
    ),
}

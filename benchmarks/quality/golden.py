"""Golden tensors: what the namesakes of the protocols make of drawn images, by their own code.

    pip install --no-deps --target PEERS clean-fid==0.1.35 torch-fidelity==0.4.0 torchmetrics==1.9.0 \\
        lightning-utilities==0.15.3
    PYTHONPATH=PEERS python -m benchmarks.quality.golden [--write]

Three tables: small resizes in full, resizes to 299 at some pixels, and features of an InceptionV3 with made-up weights
(seed 0). Without ``--write`` it says how far this version of imgaudit is from the peers, and the Frechet distance by each.
"""

import json
import sys
import tempfile
import types
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from PIL import __version__ as pillow_version
from safetensors.torch import save_file
from torchvision.transforms import Compose, InterpolationMode, Resize, ToTensor

from audit.scorers.features import Features
from audit.scorers.preprocess import Kernel, Preparation
from audit.stats.distances import frechet_from_features
from audit.testing import view
from benchmarks.quality.random_inception import random_weights

Floats = npt.NDArray[np.float32]
Resizer = Callable[[npt.NDArray[np.uint8], int], Floats]
"""(height, width, 3) uint8 and a side, to (3, side, side) float32, 0..255."""

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
SMALL, SHAPES = 12, ((40, 40), (57, 31), (9, 14))
WIDE_SHAPES = ((512, 512), (340, 640), (64, 64))
IMAGES = 8
"""A side, of the features."""
SAMPLED, KEPT = 997, 64
"""Every so many pixels of a resize to 299; so many of 2048 features."""
INCEPTION = {
    "fid-inception-clean": "bicubic_pil",
    "fid-inception-tf1": "bilinear_tf1",
    "fid-inception-tm": "bilinear_antialias",
}
"""Protocol -> kernel."""


def drawn(height: int, width: int, variant: int = 0) -> npt.NDArray[np.uint8]:
    """A picture by whole-number arithmetic: slopes, a fine pattern, a disc; (height, width, 3)."""
    y, x = np.indices((height, width))
    slope = np.stack([x * 255 // width, y * 255 // height, (x + 2 * y + 40 * variant) % 256], axis=2)
    pattern = ((x * (variant + 1)) ^ (y * 3)) % 5 * 20
    disc = (x * 2 - width) ** 2 + (y * 2 - height) ** 2 < (min(height, width) * (variant % 4 + 2) // 5) ** 2
    return np.clip(slope + pattern[..., None] - 140 * disc[..., None], 0, 255).astype(np.uint8)


def peers() -> dict[str, Resizer]:
    """Kernel -> the namesake's own code."""
    sys.modules.setdefault("clip", types.ModuleType("clip"))  # clean-fid's CLIP preparation imports it and needs it not
    try:
        from cleanfid.clip_features import img_preprocess_clip
        from cleanfid.resize import make_resizer
        from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
    except ImportError as error:
        raise click.ClickException(
            f"{error}; the first lines of {__file__} say how to make the peers importable"
        ) from error

    def clean(image: npt.NDArray[np.uint8], side: int) -> Floats:
        return make_resizer("PIL", False, "bicubic", (side, side))(image).transpose(2, 0, 1)

    def tf1(image: npt.NDArray[np.uint8], side: int) -> Floats:
        return interpolate_bilinear_2d_like_tensorflow1x(_planes(image), (side, side), align_corners=False)[0].numpy()

    def torchmetrics(image: npt.NDArray[np.uint8], side: int) -> Floats:
        size, how = (side, side), {"mode": "bilinear", "align_corners": False, "antialias": True}
        return torch.nn.functional.interpolate(_planes(image), size, **how)[0].numpy()

    def dgm(image: npt.NDArray[np.uint8], side: int) -> Floats:
        whole = Compose([Resize((side, side), InterpolationMode.BICUBIC), ToTensor()])(Image.fromarray(image))
        return whole.numpy() * 255

    def clip(image: npt.NDArray[np.uint8], side: int) -> Floats:
        if side != 224:
            raise ValueError("clean-fid's CLIP preparation knows one side")
        return img_preprocess_clip(image).transpose(2, 0, 1).astype(np.float32)

    return {
        "bicubic_pil": clean,
        "bilinear_tf1": tf1,
        "bilinear_antialias": torchmetrics,
        "bicubic_pil_uint8": dgm,
        "clip": clip,
    }


def _planes(image: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


def resizes(by: Mapping[str, Resizer]) -> dict[str, Floats]:
    """``kernel/height x width/side`` -> pixels."""
    found = {}
    for kernel, resize in by.items():
        if kernel != "clip":
            for height, width in SHAPES:
                found[f"{kernel}/{height}x{width}/{SMALL}"] = resize(drawn(height, width), SMALL)
        side = 299 if kernel in INCEPTION.values() else 224
        for height, width in WIDE_SHAPES:
            found[f"{kernel}/{height}x{width}/{side}"] = resize(drawn(height, width), side).ravel()[::SAMPLED]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in found.items()}


def own_resizes() -> dict[str, Resizer]:
    """Kernel -> imgaudit's."""

    def by(kernel: Kernel, frame: str = "whole") -> Resizer:
        def resize(image: npt.NDArray[np.uint8], side: int) -> Floats:
            plain = Preparation(side, kernel, (0, 0, 0), (1, 1, 1), frame)
            return (plain([image], torch.device("cpu"))[0] * 255).numpy()

        return resize

    kernels = (*INCEPTION.values(), "bicubic_pil_uint8")
    return {kernel: by(kernel) for kernel in kernels} | {"clip": by("bicubic_pil_uint8", "middle")}


def sets() -> tuple[list[npt.NDArray[np.uint8]], list[npt.NDArray[np.uint8]]]:
    """Two sets of drawn images of several sizes."""
    first = [drawn(*WIDE_SHAPES[i % 3], variant=i) for i in range(IMAGES)]
    return first, [drawn(*WIDE_SHAPES[(i + 1) % 3], variant=3 * i + 7) for i in range(IMAGES)]


def peers_features(weights: Path) -> dict[str, Callable[[npt.NDArray[np.uint8]], Floats]]:
    """Protocol -> features of one image by the namesake's network."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torchmetrics.image.fid import NoTrainInceptionV3

    fidelity = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights))
    metrics = NoTrainInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights))
    clean = peers()["bicubic_pil"]
    layers = [name for name, _ in fidelity.named_children()]
    layers = layers[: layers.index("AvgPool") + 1]

    def cleans(image: npt.NDArray[np.uint8]) -> Floats:
        # clean-fid's own network is a TorchScript file from the network; the layers are torch-fidelity's.
        x = (torch.from_numpy(clean(image, 299))[None] - 128) / 128
        for name in layers:
            x = fidelity.get_submodule(name)(x)
        return x.flatten().numpy()

    def whole(network: torch.nn.Module) -> Callable[[npt.NDArray[np.uint8]], Floats]:
        def vector(image: npt.NDArray[np.uint8]) -> Floats:
            found = network(torch.from_numpy(image).permute(2, 0, 1)[None])
            return (found[0] if isinstance(found, tuple) else found).flatten().numpy()

        return vector

    return {"fid-inception-clean": cleans, "fid-inception-tf1": whole(fidelity), "fid-inception-tm": whole(metrics)}


def own_features(protocol: str, weights: Path, images: list[npt.NDArray[np.uint8]]) -> Floats:
    """(n, 2048)."""
    with Features(protocol=protocol, weights=weights).open("cpu") as score:
        return np.stack([rows[0].values["vector"] for rows in score([view(image) for image in images])])


def compare_features(folder: Path) -> tuple[dict[str, Floats], list[str]]:
    """Golden features, and a line on each protocol."""
    state = random_weights()
    save_file(state, folder / "weights.safetensors")
    torch.save(state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, folder / "peer.pth")
    golden, lines = {}, []
    first, second = sets()
    with torch.inference_mode():
        for protocol, vector in peers_features(folder / "peer.pth").items():
            theirs = np.stack([vector(image) for image in (*first, *second)])
            ours = own_features(protocol, folder / "weights.safetensors", [*first, *second])
            golden[protocol] = theirs[: len(WIDE_SHAPES), :KEPT]
            fd = [frechet_from_features(f[: len(first)], f[len(first) :]).value for f in (ours, theirs)]
            off = np.abs(ours - theirs).max()
            lines.append(
                f"{protocol}: features differ by {off:.1e} at most (largest {np.abs(theirs).max():.2f}); "
                f"Frechet distance {fd[0]:.8g}, the peer's features {fd[1]:.8g} ({fd[0] / fd[1] - 1:+.1e})"
            )
    return golden, lines


@click.command()
@click.option("--write", is_flag=True, help="Replace the files under tests/golden.")
def main(write: bool) -> None:
    """Compare with the peers, which have to be importable."""
    theirs, ours = resizes(peers()), resizes(own_resizes())
    for kernel in own_resizes():
        off = max(np.abs(theirs[name] - ours[name]).max() for name in theirs if name.startswith(f"{kernel}/"))
        click.echo(f"{kernel}: differs by {off:.1e} of 255 at most")
    with tempfile.TemporaryDirectory() as folder:
        golden, lines = compare_features(Path(folder))
    click.echo("\n".join(lines))
    if write:
        from importlib.metadata import version

        GOLDEN.mkdir(exist_ok=True)
        np.savez_compressed(GOLDEN / "resizes.npz", **theirs)
        np.savez_compressed(GOLDEN / "inception_features.npz", **golden)
        made = {name: version(name) for name in ("clean-fid", "torch-fidelity", "torchmetrics", "torch", "torchvision")}
        told = {"made by": "python -m benchmarks.quality.golden --write", "seed": 0, **made, "pillow": pillow_version}
        (GOLDEN / "protocols.json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()

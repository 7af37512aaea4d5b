"""Networks that turn prepared images into feature vectors, each built from weights that fit it completely."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from audit.errors import InputError, WeightsError
from audit.model_files.torchscript import load_torchscript
from audit.model_files.weight_files import fit, read_weights
from audit.scorers.inception import FidInception
from audit.scorers.onnx_session import open_model
from audit.scorers.preprocess import Kernel, Preparation, Triple

__all__ = ["PACKS", "Network", "Recipe", "build", "timm_config"]

Network = Callable[[Tensor], Tensor]
"""(n, 3, side, side) float32 to (n, d), or to (n, d, 1, 1)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which network it is and how it sees images."""

    route: Literal["efficientnet-lite0", "inception-fid", "timm", "torchscript", "onnx"]
    side: int
    mean: Triple
    std: Triple
    dimension: int | None
    """Length of its vectors; None: whatever the network gives."""
    architecture: str = ""
    """timm's name of the model."""
    kernel: Kernel = "bicubic_antialias"

    @property
    def preparation(self) -> Preparation:
        """What is done to the pixels."""
        return Preparation(self.side, self.kernel, self.mean, self.std)


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LITE0_MEAN, LITE0_STD = (127 / 255,) * 3, (128 / 255,) * 3
FID_MEAN, FID_STD = (128 / 255,) * 3, (128 / 255,) * 3
PACKS = {
    "efficientnet-lite0": Recipe("efficientnet-lite0", 224, LITE0_MEAN, LITE0_STD, 1280),
    "inception-v3-fid": Recipe("inception-fid", 299, FID_MEAN, FID_STD, 2048),
    "dinov2-vitl14": Recipe("timm", 224, IMAGENET_MEAN, IMAGENET_STD, 1024, "vit_large_patch14_dinov2"),
}
"""Packs of the catalogue whose network and protocol are known here."""

LITE0_REPEATS = (1, 2, 2, 3, 3, 4, 1)
LITE0_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
LITE0_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
LITE0_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def build(recipe: Recipe, path: Path, device: torch.device) -> Network:
    """Build a recipe's network with the weights of a file.

    Raises:
        InputError: the file cannot be read, or does not hold such a network.
        WeightsError: the weights do not fill the architecture.
    """
    if recipe.route == "onnx":
        run = open_model(path, str(device))
        return lambda batch: torch.from_numpy(run(batch.contiguous().cpu().numpy()))
    if recipe.route == "torchscript":
        return load_torchscript(path, device, torch.float32)
    if recipe.route == "timm":
        model = _timm(recipe, path)
    elif recipe.route == "inception-fid":
        model = FidInception()
        fit(model, read_weights(path), str(path), unused=("fc.", "AuxLogits."))
    else:
        model = _efficientnet_lite0(path)
    # Convolutions run up to twice as fast on a CPU with the channels innermost.
    return model.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _efficientnet_lite0(path: Path) -> nn.Module:
    model: nn.Module = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    try:
        state = _lite0_names(read_weights(path))
    except (KeyError, IndexError) as error:
        raise WeightsError(f"{path}: not a checkpoint of EfficientNet-lite0 (it has a layer {error})") from error
    fit(model, state, str(path), unused=("classifier.",))
    _fold(model.eval())
    return model


def _timm(recipe: Recipe, path: Path) -> nn.Module:
    usual = timm_config(recipe.architecture)
    side = recipe.side
    # A vision transformer of another size has its position table interpolated, as timm does it.
    moved = usual.get("fixed_input_size") and tuple(usual["input_size"][1:]) != (side, side)
    options: dict[str, Any] = {"dynamic_img_size": True} if moved else {}
    try:
        model: nn.Module = timm.create_model(recipe.architecture, pretrained=False, num_classes=0, **options)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"timm model {recipe.architecture!r} does not take {side} x {side} pixels ({error})") from error
    classifier = usual.get("classifier") or ()
    layers = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    fit(model, read_weights(path), str(path), unused=tuple(f"{layer}." for layer in layers))
    return model


def timm_config(name: str) -> Mapping[str, Any]:
    """What timm knows of a model's usual input: ``input_size``, ``mean``, ``std`` and more.

    Raises:
        InputError: timm knows no such model.
    """
    known = timm.get_pretrained_cfg(name)
    if known is None:
        near = ", ".join(timm.list_models(f"*{name.partition('_')[0]}*")[:5]) or "those of timm.list_models()"
        raise InputError(f"timm {timm.__version__} knows no model {name!r}; it knows {near}")
    found: dict[str, Any] = known.to_dict()  # type: ignore[no-untyped-call]
    return found


def _lite0_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The pack's names as those of timm, where blocks are grouped into stages."""
    places = [(stage, block) for stage, repeats in enumerate(LITE0_REPEATS) for block in range(repeats)]
    renamed = {}
    for name, value in state.items():
        if name.startswith("_blocks."):
            _, number, layer, rest = name.split(".", 3)
            stage, block = places[int(number)]
            layers = LITE0_FIRST if int(number) == 0 else LITE0_BLOCK
            renamed[f"blocks.{stage}.{block}.{layers[layer]}.{rest}"] = value
        else:
            layer, rest = name.split(".", 1)
            renamed[f"{LITE0_TOP[layer]}.{rest}"] = value
    return renamed


def _fold(module: nn.Module) -> None:
    """Work each batch norm into the convolution before it: a third faster on a CPU, the same to float32 rounding.

    Sound only where each batch norm follows, in the order of definition, the convolution that feeds it, as in EfficientNet.
    """
    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None:
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, getattr(child, "act", nn.Identity()))  # timm keeps the activation inside the norm
        else:
            _fold(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None

"""Networks of the timm library, with weights that fill them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audit.errors import InputError
from audit.model_files.weight_files import fit, read_weights
from audit.scorers.preprocess import Positions

__all__ = ["dinov2_positions", "load_timm", "timm_config"]

OFFSET = 0.1
"""What DINOv2 adds to the cells of a side before it divides, so that rounding never loses one."""


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


def load_timm(architecture: str, path: Path, side: int, positions: Positions) -> nn.Module:
    """A model without its classifier, for images of ``side``.

    Raises:
        InputError: unknown architecture, or one that does not take that side; an unreadable file.
        WeightsError: the weights do not fill it.
    """
    usual = timm_config(architecture)
    # A vision transformer of another size has its position table interpolated.
    moved = usual.get("fixed_input_size") and tuple(usual["input_size"][1:]) != (side, side)
    at_load = moved and positions == "dinov2"
    options: dict[str, Any] = {"img_size": side} if at_load else {"dynamic_img_size": True} if moved else {}
    try:
        model: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"timm model {architecture!r} does not take {side} x {side} pixels ({error})") from error
    weights = read_weights(path)
    if at_load and "pos_embed" in weights:
        grid: Any = model.patch_embed.grid_size  # type: ignore[union-attr]
        weights["pos_embed"] = dinov2_positions(weights["pos_embed"], int(grid[0]))
    classifier = usual.get("classifier") or ()
    layers = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return fit(model, weights, str(path), unused=tuple(f"{layer}." for layer in layers))


def dinov2_positions(table: Tensor, cells: int) -> Tensor:
    """A position table, (1, 1 + n * n, d) with the class token first, for ``cells`` x ``cells``, as DINOv2 does it.

    Bicubic without antialiasing, at the scale (cells + 0.1) / n, which is not cells / n: timm's way, which is antialiased
    and exact in scale, gives other features. Source: Oquab et al. 2023, and their published code.
    """
    first, rest = table[:, :1], table[:, 1:]
    before = round(rest.shape[1] ** 0.5)
    if before * before != rest.shape[1] or before == cells:
        return table
    scale = (cells + OFFSET) / before
    grid = rest.float().reshape(1, before, before, -1).permute(0, 3, 1, 2)
    moved = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([first.float(), moved.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)

"""The image tower of a CLIP model of the open_clip library, alone: features of images, not of unit length."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from audit.errors import InputError, PluginError
from audit.model_files.failures import first_line
from audit.model_files.weight_files import fit, read_weights
from audit.scorers.preprocess import Frame, Triple
from audit.scorers.protocols import CLIP_MEAN, CLIP_STD

try:
    import open_clip
except ImportError:  # the features scorer needs it for some of its networks only
    open_clip = None

__all__ = ["Usual", "load_tower", "open_clip_version", "usual_input"]

TOWER = "visual."
"""What begins the names of the image tower's weights."""


@dataclass(frozen=True, slots=True)
class Usual:
    """How the published weights of an architecture see images."""

    side: int
    mean: Triple
    std: Triple
    frame: Frame


def _library() -> Any:
    if open_clip is None:
        raise PluginError("a CLIP network needs open_clip, which is not installed; pip install 'imgaudit[clip]'")
    return open_clip


def open_clip_version() -> str:
    """For the identity of the numbers.

    Raises:
        PluginError: open_clip is not installed.
    """
    return str(_library().__version__)


def usual_input(architecture: str) -> Usual | None:
    """What all published weights of an architecture agree on; None where they do not.

    Raises:
        InputError: open_clip knows no such architecture.
        PluginError: open_clip is not installed.
    """
    library = _library()
    config = library.get_model_config(architecture)
    if config is None:
        near = [name for name in library.list_models() if name.lower().startswith(architecture.lower()[:5])]
        some = ", ".join(near[:5]) or "those of open_clip.list_models()"
        raise InputError(f"open_clip {library.__version__} knows no model {architecture!r}; it knows {some}")
    side = config["vision_cfg"].get("image_size", 224)
    tags = library.list_pretrained_tags_by_model(architecture)
    known = [library.get_pretrained_cfg(architecture, tag) or {} for tag in tags] or [{}]
    told = {(tuple(c.get("mean") or CLIP_MEAN), tuple(c.get("std") or CLIP_STD), c.get("resize_mode")) for c in known}
    if len(told) > 1:
        return None
    mean, std, mode = told.pop()
    return Usual(side if isinstance(side, int) else side[0], mean, std, "whole" if mode == "squash" else "middle")


def load_tower(architecture: str, path: Path) -> nn.Module:
    """The image tower of a model file, text tower left out: (n, 3, side, side) to (n, d), as ``encode_image`` gives it.

    Raises:
        InputError: unknown architecture, or a file that is not of tensors alone.
        WeightsError: the weights do not fill the tower.
    """
    library = _library()
    build: Callable[..., Any] = library.create_model
    try:
        model = build(architecture, load_weights=False, precision="fp32")
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise InputError(f"open_clip {library.__version__} cannot build {architecture!r} ({first_line(error)})") from error
    tower: nn.Module = model.visual
    state = read_weights(path)
    own = {name.removeprefix(TOWER): value for name, value in state.items() if name.startswith(TOWER)}
    fit(tower, own, str(path))
    return tower

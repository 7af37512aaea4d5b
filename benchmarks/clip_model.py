"""A small CLIP with random weights, saved as ``clip`` reads it."""

import json
from pathlib import Path
from typing import Any

import open_clip
from safetensors.torch import save_file

from benchmarks.models import seeded

__all__ = ["small_clip"]

CLIP: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 224, "layers": 2, "width": 128, "head_width": 64, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


def small_clip(folder: Path) -> Path:
    """A folder with a two-layer CLIP of 224 pixels, as ``clip`` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = seeded(lambda: open_clip.CLIP(**CLIP))
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    preparation = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    config = {"model_cfg": CLIP, "preprocess_cfg": preparation}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder

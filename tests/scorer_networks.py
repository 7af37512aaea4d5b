"""Small networks in the formats that scorers read."""

import json
from pathlib import Path

import onnx
import open_clip
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import nn

OWN = {"side": 8, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "dimension": 3}
"""How ``Means`` sees images, as parameters of ``features``."""
CONTEXT = 16
SMALL = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic", "resize_mode": "shortest"}
LABELS = {"day": ["a bright day", "noon"], "night": ["a dark night"]}
SHORT, LONG = "a red cat", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


class Means(nn.Module):
    """The mean of each channel: features in closed form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def saved(model: nn.Module, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path


def means_in_onnx(folder: Path, rows: int | str = "n") -> Path:
    shape, node = [rows, 3, 8, 8], helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])]
    model = helper.make_model(
        helper.make_graph([node], "means", inputs, outputs), opset_imports=[helper.make_opsetid("", 13)], ir_version=9
    )
    onnx.save(model, folder / "means.onnx")
    return folder / "means.onnx"


def clip_folder(path: Path, seed: int = 0) -> Path:
    """A random model in the format of ``local-dir``."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(**SMALL)
    path.mkdir(exist_ok=True)
    save_file(model.state_dict(), path / "open_clip_model.safetensors")
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": SMALL, "preprocess_cfg": PREPROCESS}))
    return path


def open_clips_own(folder: Path):
    """The same model by open_clip alone: network, transform, tokenizer."""
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, require_pretrained=True)
    return model.eval(), transform, open_clip.get_tokenizer(name)

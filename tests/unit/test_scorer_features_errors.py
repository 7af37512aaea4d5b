"""``features`` and bad input: one clear line, or an abstention; no file may run code."""

import pickle
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from scorer_networks import OWN, means_in_onnx
from scorer_views import noise, reason, scored, view
from tiny_gans import scripted
from torch import nn

from audit.catalog import build
from audit.errors import InputError, PluginError, ScoringError, SpecError, WeightsError, WeightsMissing
from audit.model_files import onnx_file
from audit.model_files.archive import pack_archive, read_archive
from audit.scorers.features import Features
from audit.spec import Use

RESNET = "test_resnet"


class Roots(nn.Module):
    """Not a number wherever a channel's mean is below the middle."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)).sqrt()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "name one network"),
        ({"pack": "efficientnet-lite0", "onnx": "m.onnx"}, "found pack and onnx"),
        ({"weights": "w.safetensors"}, "weights need timm"),
        ({"pack": "efficientnet-lite0", "timm": "resnet18"}, "pack already says which network"),
        ({"onnx": "m.onnx"}, "needs side, mean, std and dimension"),
        ({"onnx": "m.onnx", **OWN, "mean": [124, 116, 104]}, "less than or equal to 1"),
        ({"timm": "resnet18", "weights": "w.pth", "file": "x"}, "name the pack too"),
        ({"pakc": "efficientnet-lite0"}, "pack"),
    ],
)
def test_wrong_parameters_are_named(given, message):
    with pytest.raises(SpecError, match=message):
        build("scorers", Use(use="features", params=given))


def test_absent_file_is_found_before_any_work(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        Features(timm=RESNET, weights=tmp_path / "none.safetensors").check()


def test_unknown_architecture(tmp_path: Path):
    with pytest.raises(InputError, match="knows no model 'resnet_eighteen'"):
        Features(timm="resnet_eighteen", weights=tmp_path / "w.safetensors").check()


def test_absent_pack_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="imgaudit weights pull efficientnet-lite0"):
        Features(pack="efficientnet-lite0").check()


def test_weights_of_another_network(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"conv1.weight": torch.zeros(2, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match="does not fit the architecture"):
        scored(Features(timm=RESNET, weights=path), [])
    save_file({"other": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"weights absent .*1 left over \(other\)"):
        scored(Features(timm=RESNET, weights=path), [])


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_is_not_opened(tmp_path: Path):
    marker, path = tmp_path / "marker", tmp_path / "w.pth"
    for write in (partial(torch.save, {"a": Payload(marker)}), lambda p: p.write_bytes(pickle.dumps(Payload(marker)))):
        write(path)
        with pytest.raises(InputError, match="a pickle is a program"):
            scored(Features(timm=RESNET, weights=path), [])
    assert not marker.exists()


class Saving(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "marker")
        return x.mean((2, 3))


def test_a_script_that_touches_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    marker, path = tmp_path / "marker", scripted(Saving(), tmp_path / "saving.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(path)(torch.zeros(1, 3, 8, 8))
    assert marker.exists(), "the payload is real"
    marker.unlink()
    with pytest.raises(InputError, match="uses 'save'"):
        scored(Features(torchscript=path, **OWN), [view(noise(8))])
    assert not marker.exists()


def test_a_planted_pickle_in_a_script_never_runs(tmp_path: Path):
    marker, path = tmp_path / "marker", scripted(Roots(), tmp_path / "roots.pt")
    members = read_archive(path) | {"data.pkl": pickle.dumps(Payload(marker), protocol=2)}
    path.write_bytes(pack_archive(members, "archive").getvalue())
    with pytest.raises(InputError, match="cannot load it"):
        scored(Features(torchscript=path, **OWN), [view(noise(8))])
    assert not marker.exists()


def test_tensors_outside_an_onnx_file_are_part_of_its_identity_and_stay_in_its_folder(tmp_path: Path):
    path, tensor = tmp_path / "scaled.onnx", numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "scale")
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Mul", ["x", "scale"], ["y"])], "scaled", shape[:1], shape[1:], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    onnx.save(model, path, save_as_external_data=True, location="scale.bin", size_threshold=0)
    scorer = Features(onnx=path, **{**OWN, "dimension": 192})
    before = scorer.fingerprint()
    assert scored(scorer, [view(noise(8))])
    (tmp_path / "scale.bin").write_bytes(np.full(3, 5, np.float32).tobytes())
    assert scorer.fingerprint() != before
    path.write_bytes(path.read_bytes().replace(b"scale.bin", b"../le.bin"))
    with pytest.raises(InputError, match="outside its own folder"):
        scored(scorer, [])


@pytest.mark.parametrize(
    ("field", "message"), [("onnx", "cannot read it as an ONNX model"), ("torchscript", "not a torch archive")]
)
def test_damaged_files(tmp_path: Path, field, message):
    path = tmp_path / "model"
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match=message):
        scored(Features(**{field: path}, **OWN), [])


def test_onnx_of_a_fixed_batch_or_other_inputs(tmp_path: Path):
    with pytest.raises(InputError, match="fixed to 4"):
        scored(Features(onnx=means_in_onnx(tmp_path, 4), **OWN), [])
    with pytest.raises(InputError, match=r"cannot run on input of shape \(1, 3, 16, 16\)"):
        scored(Features(onnx=means_in_onnx(tmp_path), **{**OWN, "side": 16}), [view(noise(8))])


def test_onnxruntime_is_asked_for_only_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = means_in_onnx(tmp_path)
    monkeypatch.setattr(onnx_file, "onnxruntime", None)
    with pytest.raises(PluginError, match=r"pip install 'imgaudit\[onnx\]'"):
        Features(onnx=path, **OWN).check()
    Features(torchscript=path, **OWN).check()


def test_no_silent_fall_back_to_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The identity of the numbers names the provider, so another one may not take over."""
    monkeypatch.setattr(onnx_file, "providers", lambda _: [("NoSuchProvider", {}), ("CPUExecutionProvider", {})])
    with pytest.raises(PluginError, match="cannot start it"):
        scored(Features(onnx=means_in_onnx(tmp_path), **OWN), [], "cuda")


def test_wrong_dimension(tmp_path: Path):
    with pytest.raises(ScoringError, match=r"shape \(1, 3\); expected \(1, 5\)"):
        scored(Features(onnx=means_in_onnx(tmp_path), **{**OWN, "dimension": 5}), [view(noise(8))])


def test_numbers_that_are_not_finite_become_an_abstention(tmp_path: Path):
    scorer = Features(torchscript=scripted(Roots(), tmp_path / "roots.pt"), **OWN)
    dark, light = np.zeros((8, 8, 3), dtype=np.uint8), np.full((8, 8, 3), 255, dtype=np.uint8)
    rows = scored(scorer, [view(dark), view(light)])
    assert reason(rows[0][0].values["vector"]) == "the network gave numbers that are not finite"
    np.testing.assert_allclose(rows[1][0].values["vector"], [2**0.5] * 3, atol=1e-6)


def test_float_pixels_are_refused(tmp_path: Path):
    with pytest.raises(ScoringError, match="scorers take uint8"):
        scored(Features(onnx=means_in_onnx(tmp_path), **OWN), [view(noise(8).astype(np.float32) / 255)])

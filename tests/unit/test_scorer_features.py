"""``features`` against the libraries' own forward pass; resize and scale against second implementations."""

import gc
import pickle
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
import torchvision
from onnx import TensorProto, helper
from PIL import Image
from safetensors.torch import load_file, save_file
from scorer_views import noise, pack, reason, scored, view
from timm.layers import resample_abs_pos_embed
from tiny_gans import scripted
from torch import nn

from audit.catalog import build, identity
from audit.errors import InputError, OutOfMemory, PluginError, ScoringError, SpecError, WeightsError, WeightsMissing
from audit.scorers import feature_models, features, onnx_session
from audit.scorers.features import Features
from audit.scorers.inception import FidInception
from audit.scorers.preprocess import Preparation
from audit.scorers.torch_runtime import fit
from audit.spec import Use

RESNET, VIT = "test_resnet", "test_vit"
OWN = {"side": 8, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "dimension": 3}
WHOLE = Preparation(8, "bicubic_antialias", (0, 0, 0), (1, 1, 1))


class Means(nn.Module):
    """The mean of each channel: features in closed form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class Roots(nn.Module):
    """Not a number wherever a channel's mean is below the middle."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)).sqrt()


def vectors(scorer: Features, images) -> np.ndarray:
    rows = scored(scorer, [view(pixels) for pixels in images])
    return np.stack([row[0].values["vector"] for row in rows])


def varied(model: nn.Module) -> nn.Module:
    """Batch norms that are not the identity, so that a lost one shows."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def saved(model: nn.Module, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path


def normalised(images, mean, std) -> torch.Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    return (batch - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def means_in_onnx(folder: Path, rows: int | str = "n") -> Path:
    shape, node = [rows, 3, 8, 8], helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])]
    model = helper.make_model(
        helper.make_graph([node], "means", inputs, outputs), opset_imports=[helper.make_opsetid("", 13)], ir_version=9
    )
    onnx.save(model, folder / "means.onnx")
    return folder / "means.onnx"


@pytest.fixture
def resnet(tmp_path: Path) -> tuple[nn.Module, Features]:
    """A small model with random weights, and the scorer that reads them from its file, classifier included."""
    torch.manual_seed(0)
    model = varied(timm.create_model(RESNET))
    scorer = Features(timm=RESNET, weights=saved(model, tmp_path), side=32)
    model.reset_classifier(0)
    return model, scorer


# ---------------------------------------------------------------------------------------------------- networks


def test_equals_timm(resnet):
    model, scorer = resnet
    images = [noise(32, seed) for seed in range(5)]
    usual = model.pretrained_cfg
    with torch.no_grad():
        expected = model(normalised(images, usual["mean"], usual["std"])).numpy()
    found = vectors(scorer, images)
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_batch_and_neighbours_change_nothing(resnet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(features, "ROWS_ON_CPU", 4)
    _, scorer = resnet
    images = [noise(20 + seed, seed) for seed in range(7)]
    with scorer.open("cpu") as score:
        together = np.stack([row[0].values["vector"] for row in score([view(image) for image in images])])
        alone = np.stack([score([view(image)])[0][0].values["vector"] for image in images])
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_efficientnet_lite0_equals_timm(tmp_path: Path):
    """Weights in the pack's names, put into timm's model in order of definition: the scorer goes by name."""
    torch.manual_seed(1)
    model = varied(timm.create_model("tf_efficientnet_lite0"))
    state = {name: value for name, value in model.state_dict().items() if "num_batches" not in name}
    path = tmp_path / "lite0.pth"
    torch.save(dict(zip(lite0_names(), state.values(), strict=True)), path)
    network = feature_models.build(feature_models.PACKS["efficientnet-lite0"], path, torch.device("cpu"))
    model.reset_classifier(0)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected, found = model(x), network(x)
    assert found.shape == (2, 1280)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def lite0_names() -> list[str]:
    norm = ("weight", "bias", "running_mean", "running_var")
    names = ["_conv_stem.weight", *(f"_bn0.{part}" for part in norm)]
    for block in range(16):
        layers = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for conv, bn in [("_expand_conv", "_bn0"), *layers] if block else layers:
            names += [f"_blocks.{block}.{conv}.weight", *(f"_blocks.{block}.{bn}.{part}" for part in norm)]
    return [*names, "_conv_head.weight", *(f"_bn1.{part}" for part in norm), "_fc.weight", "_fc.bias"]


def test_the_pack_is_that_network():
    """The published weights, in order of definition, through timm's model as it is."""
    path = pack("efficientnet-lite0").file("efficientnet-lite0.pth")
    state = [value for name, value in torch.load(path, weights_only=True).items() if "num_batches" not in name]
    model = timm.create_model("tf_efficientnet_lite0").eval()
    names = [name for name in model.state_dict() if "num_batches" not in name]
    model.load_state_dict(dict(zip(names, state, strict=True)), strict=False)
    model.reset_classifier(0)
    image = np.asarray(Image.fromarray(noise(7)).resize((224, 224), Image.Resampling.BICUBIC))
    with torch.no_grad():
        expected = model((torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() - 127) / 128).numpy()
    np.testing.assert_allclose(vectors(Features(pack="efficientnet-lite0"), [image]), expected, atol=2e-5)


def test_fid_inception_is_the_published_variant(monkeypatch: pytest.MonkeyPatch):
    """torchvision's network, with the two changes that the published graph has."""
    torch.manual_seed(0)
    other = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    varied(other)
    own = FidInception().eval()
    fit(own, other.state_dict(), "torchvision", unused=("fc.",))
    other.fc = nn.Identity()
    plain, calls = torch.nn.functional.avg_pool2d, []

    def pool(x, **settings):
        calls.append(x.shape)
        last = len(calls) == 9  # three blocks A, four blocks C, two blocks E
        return torch.nn.functional.max_pool2d(x, **settings) if last else plain(x, count_include_pad=False, **settings)

    monkeypatch.setattr(torchvision.models.inception.F, "avg_pool2d", pool)
    x = torch.rand(1, 3, 299, 299) * 2 - 1
    with torch.no_grad():
        expected = other(x)
        monkeypatch.undo()
        torch.testing.assert_close(own(x), expected, atol=1e-6, rtol=1e-5)
    assert len(calls) == 9


def test_vision_transformer_of_another_size(tmp_path: Path):
    """Its position table is interpolated, as timm does where a model is made for that size."""
    torch.manual_seed(0)
    model = timm.create_model(VIT).eval()
    path = saved(model, tmp_path)
    resized = timm.create_model(VIT, img_size=64, num_classes=0).eval()
    state = load_file(path)
    grid = list(resized.patch_embed.grid_size)
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], grid, num_prefix_tokens=model.num_prefix_tokens)
    resized.load_state_dict({name: value for name, value in state.items() if not name.startswith("head.")})
    images = [noise(64, seed) for seed in range(2)]
    with torch.no_grad():
        expected = resized(normalised(images, (0.5,) * 3, (0.5,) * 3)).numpy()
    np.testing.assert_allclose(vectors(Features(timm=VIT, weights=path, side=64), images), expected, atol=1e-5)


@pytest.mark.parametrize("rows", ["n", 1])
def test_onnx_in_closed_form(tmp_path: Path, rows):
    images = [noise(8, seed) for seed in range(3)]
    found = vectors(Features(onnx=means_in_onnx(tmp_path, rows), **OWN), images)
    expected = (np.stack([image.mean((0, 1)) for image in images]) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_torchscript_in_closed_form(tmp_path: Path):
    images = [noise(8, seed) for seed in range(3)]
    found = vectors(Features(torchscript=scripted(Means(), tmp_path / "means.pt"), **OWN), images)
    expected = (np.stack([image.mean((0, 1)) for image in images]) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(found, expected, atol=1e-5)


# -------------------------------------------------------------------------------------------------- preparation


def test_fine_checkerboard_becomes_grey():
    """Without antialiasing a 1-pixel checkerboard reduced 4 times would keep its stripes."""
    board = np.repeat((np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    for kernel in ("bicubic_antialias", "bilinear_antialias"):
        grey = Preparation(64, kernel, (0, 0, 0), (1, 1, 1))([board], torch.device("cpu")) * 255
        assert grey.mean().item() == pytest.approx(127.5, abs=0.1)
        assert grey.std().item() < 2


@pytest.mark.parametrize("side", [100, 224, 37])
def test_resize_is_that_of_pillow_in_float(side):
    image = noise(64)[:48]
    channels = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    resized = [np.asarray(channel.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 255) for channel in channels]
    found = Preparation(side, "bicubic_antialias", (0, 0, 0), (1, 1, 1))([image], torch.device("cpu"))[0] * 255
    np.testing.assert_allclose(found.numpy(), np.stack(resized), atol=0.01)


def test_read_only_pixels_are_taken_and_left_alone():
    image = noise(16)
    image.flags.writeable = False
    before = image.copy()
    assert WHOLE([image], torch.device("cpu")).shape == (1, 3, 8, 8)
    assert (image == before).all()


def test_protocol_names_every_step():
    described = Features(pack="efficientnet-lite0").numerics("cpu")
    assert described["resize"] == "bicubic_antialias, float32, cut to 0..255, whole image to 224 x 224"
    assert "mean 0.498039/0.498039/0.498039, std 0.501961" in described["scale"]
    assert described["dtype"] == "float32"
    assert described["tf32"] == "off"
    assert {"torch", "timm", "device"} <= set(described)
    assert described["timm"] == timm.__version__


def test_identity_changes_with_weights_and_protocol(tmp_path: Path):
    path = means_in_onnx(tmp_path)
    plain = Features(onnx=path, **OWN)
    assert identity(plain, "cpu") != identity(Features(onnx=path, kernel="bilinear", **OWN), "cpu")
    before = identity(plain, "cpu")
    with path.open("ab") as file:
        file.write(b"\0")
    assert identity(plain, "cpu") != before


# ------------------------------------------------------------------------------------------------------- errors


def params(**given):
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}


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
        with pytest.raises(InputError, match="could run code"):
            scored(Features(timm=RESNET, weights=path), [])
    assert not marker.exists()


@pytest.mark.parametrize(("field", "message"), [("onnx", "onnxruntime cannot open it"), ("torchscript", "as TorchScript")])
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
    monkeypatch.setattr(onnx_session, "onnxruntime", None)
    with pytest.raises(PluginError, match=r"pip install 'imgaudit\[onnx\]'"):
        Features(onnx=path, **OWN).check()
    Features(torchscript=path, **OWN).check()


def test_no_silent_fall_back_to_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The identity of the numbers names the provider, so another one may not take over."""
    monkeypatch.setattr(onnx_session, "_providers", lambda _: ["NoSuchProvider", "CPUExecutionProvider"])
    with pytest.raises(PluginError, match="cannot start it"):
        onnx_session.open_model(means_in_onnx(tmp_path), "cuda")


def test_wrong_dimension(tmp_path: Path):
    with pytest.raises(ScoringError, match=r"shape \(1, 3\); expected \(1, 5\)"):
        scored(Features(onnx=means_in_onnx(tmp_path), **{**OWN, "dimension": 5}), [view(noise(8))])


def test_numbers_that_are_not_finite_become_an_abstention(tmp_path: Path):
    scorer = Features(torchscript=scripted(Roots(), tmp_path / "roots.pt"), **OWN)
    dark, light = np.zeros((8, 8, 3), dtype=np.uint8), np.full((8, 8, 3), 255, dtype=np.uint8)
    rows = scored(scorer, [view(dark), view(light)])
    assert reason(rows[0][0].values["vector"]) == "the network gave numbers that are not finite"
    np.testing.assert_allclose(rows[1][0].values["vector"], [2**0.5] * 3, atol=1e-6)


def test_float_pixels_are_refused(resnet):
    _, scorer = resnet
    with pytest.raises(ScoringError, match="scorers take uint8"):
        scored(scorer, [view(noise(32).astype(np.float32) / 255)])


# -------------------------------------------------------------------------------------------------------- memory


def test_out_of_memory_is_for_the_stage_to_handle(resnet, monkeypatch: pytest.MonkeyPatch):
    _, scorer = resnet

    def full(_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(features, "build", lambda *_: full)
    with pytest.raises(OutOfMemory, match="a batch of 2 images"):
        scored(scorer, [view(noise(32)), view(noise(32, 1))])


def test_gives_the_network_back(resnet, monkeypatch: pytest.MonkeyPatch):
    _, scorer = resnet
    made = []

    def remembered(*args):
        network = feature_models.build(*args)
        made.append(weakref.ref(network))
        return network

    monkeypatch.setattr(features, "build", remembered)
    with scorer.open("cpu") as score:
        assert score([view(noise(32))])
    gc.collect()
    assert made[0]() is None, "the network outlives its context"
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32

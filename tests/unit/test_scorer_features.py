"""``features`` against the libraries' own forward pass and closed forms."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from scorer_networks import OWN, Means, means_in_onnx, saved
from scorer_views import noise, pack, scored, view
from timm.layers import resample_abs_pos_embed
from tiny_gans import scripted
from torch import nn

from audit.errors import OutOfMemory
from audit.model_files.weight_files import fit
from audit.scorers import feature_models, features
from audit.scorers.features import Features
from audit.scorers.inception import FidInception

RESNET, VIT = "test_resnet", "test_vit"


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


def normalised(images, mean, std) -> torch.Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    return (batch - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


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

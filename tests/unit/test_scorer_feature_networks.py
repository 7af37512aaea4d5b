"""Networks of ``features`` from open_clip and timm, and Inception as an ONNX model, against the libraries themselves."""

import json
from pathlib import Path

import numpy as np
import onnx
import open_clip
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from scorer_networks import SMALL, saved
from scorer_views import noise, scored, view
from torch import nn

from audit.errors import InputError, PluginError, WeightsError
from audit.model_files.onnx_writer import Graph, model
from audit.model_files.weight_files import fit
from audit.scorers import clip_tower
from audit.scorers.clip_tower import usual_input
from audit.scorers.feature_models import Recipe, build
from audit.scorers.features import Features
from audit.scorers.inception import WIDTH, FidInception
from audit.scorers.network_in_onnx import in_onnx
from audit.scorers.onnx_session import open_made
from audit.scorers.timm_models import dinov2_positions
from benchmarks.quality.random_inception import random_weights

CPU = torch.device("cpu")


def vectors(scorer: Features, images) -> np.ndarray:
    return np.stack([rows[0].values["vector"] for rows in scored(scorer, [view(pixels) for pixels in images])])


# -------------------------------------------------------------------------------------------------------- open_clip


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A small architecture that open_clip comes to know by name, and a file of random weights with both towers."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "small-for-features.json").write_text(json.dumps(SMALL))
    open_clip.add_model_config(folder / "small-for-features.json")
    torch.manual_seed(0)
    network = open_clip.CLIP(**SMALL).eval()
    save_file(network.state_dict(), folder / "weights.safetensors")
    return network, folder / "weights.safetensors"


def test_clip_tower_equals_open_clip(small_clip) -> None:
    network, path = small_clip
    images = [noise(50)[:40], noise(32, 1), noise(90, 2)[:, :70]]
    transform = open_clip.image_transform(32, is_train=False)
    with torch.no_grad():
        expected = network.encode_image(torch.stack([transform(Image.fromarray(image)) for image in images])).numpy()
    scorer = Features(open_clip="small-for-features", weights=path, dimension=24)
    np.testing.assert_allclose(vectors(scorer, images), expected, atol=1e-5)
    assert np.abs(np.linalg.norm(expected, axis=1) - 1).min() > 0.05, "features are not of unit length"
    told = scorer.numerics("cpu")
    assert told["open_clip"] == open_clip.__version__
    assert told["resize"].endswith("shorter side, then the middle, to 32 x 32")


def test_clip_weights_that_do_not_fit_are_refused(tmp_path: Path, small_clip) -> None:
    save_file({"text.x": torch.zeros(1)}, tmp_path / "text.safetensors")
    with pytest.raises(WeightsError, match="weights absent"):
        scored(Features(open_clip="small-for-features", weights=tmp_path / "text.safetensors"), [])


def test_how_published_clip_models_see_images_is_known_or_asked_for(tmp_path: Path) -> None:
    siglip = usual_input("ViT-B-16-SigLIP")
    assert siglip is not None
    assert (siglip.side, siglip.mean, siglip.std, siglip.frame) == (224, (0.5,) * 3, (0.5,) * 3, "whole")
    assert usual_input("ViT-L-14") is None, "its published weights differ"
    with pytest.raises(InputError, match="say side, mean, std and frame"):
        Features(open_clip="ViT-L-14", weights=tmp_path / "w.safetensors").check()
    with pytest.raises(InputError, match=r"knows no model 'ViT-B-33'; it knows ViT-B-16"):
        Features(open_clip="ViT-B-33", weights=tmp_path / "w.safetensors").check()


def test_without_open_clip_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_tower, "open_clip", None)
    with pytest.raises(PluginError, match=r"pip install 'imgaudit\[clip\]'"):
        Features(protocol="fd-clip").check()


# ------------------------------------------------------------------------------------------------------------ DINOv2


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.75, torch's without antialiasing."""
    x, a = np.abs(x), -0.75
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def test_positions_are_interpolated_as_dinov2_does_it() -> None:
    """From 37 x 37 to 16 x 16 at the scale 16.1 / 37, by sums over the kernel."""
    table = torch.randn(1, 1 + 37 * 37, 4, generator=torch.Generator().manual_seed(0))
    found = dinov2_positions(table, 16)
    places = (np.arange(16) + 0.5) * 37 / 16.1 - 0.5
    weights = np.zeros((16, 37))
    for row, place in enumerate(places):
        for column in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            weights[row, np.clip(column, 0, 36)] += cubic(np.array(place - column))
    grid = table[0, 1:].reshape(37, 37, 4).numpy()
    expected = np.einsum("ik,jl,kld->ijd", weights, weights, grid).reshape(256, 4)
    np.testing.assert_allclose(found[0, 1:].numpy(), expected, atol=1e-4)
    assert (found[0, 0] == table[0, 0]).all()
    assert dinov2_positions(table, 37) is table


def test_a_transformer_by_dinov2s_positions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model("test_vit").eval()
    path = saved(whole, tmp_path)
    other = timm.create_model("test_vit", img_size=64, num_classes=0).eval()
    state = whole.state_dict() | {"pos_embed": dinov2_positions(whole.pos_embed.data, 4)}
    other.load_state_dict({name: value for name, value in state.items() if not name.startswith("head.")})
    x = torch.rand(2, 3, 64, 64)
    recipes = {
        how: Recipe("timm", 64, (0.5,) * 3, (0.5,) * 3, None, "test_vit", positions=how) for how in ("timm", "dinov2")
    }
    with torch.no_grad():
        found = {how: build(recipe, path, CPU)(x) for how, recipe in recipes.items()}
        torch.testing.assert_close(found["dinov2"], other(x), atol=1e-5, rtol=1e-5)
    assert (found["dinov2"] - found["timm"]).abs().max() > 1e-3, "timm's way is another"


# -------------------------------------------------------------------------------------------------- Inception in ONNX


def test_inception_in_onnx_is_valid_and_gives_the_network_s_features(tmp_path: Path) -> None:
    weights = random_weights(3)
    save_file(weights, tmp_path / "w.safetensors")
    plain = fit(FidInception().eval(), weights, "made up")
    x = torch.rand(2, 3, 299, 299, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected = plain(x)
        found = build(Recipe("inception-fid", 299, (0.5,) * 3, (0.5,) * 3, WIDTH), tmp_path / "w.safetensors", CPU)(x)
    assert expected.std() > 0.5
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


class Ways(nn.Module):
    """All operations that the translation knows, in a network that is quick to check."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, (3, 1), stride=2, padding=(1, 0)), nn.Conv2d(4, 4, 1, groups=2)
        self.nothing = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.nothing(nn.functional.relu(self.first(x)))
        pooled = nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        largest = nn.functional.max_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([self.second(x), pooled, largest], 1).mean((2, 3))


def test_every_translated_operation_is_that_of_torch() -> None:
    torch.manual_seed(0)
    network = Ways().eval()
    made = in_onnx(network, 20, 12)
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    assert made == in_onnx(network, 20, 12)
    x = torch.rand(5, 3, 20, 20)
    with torch.no_grad():
        np.testing.assert_allclose(open_made(made, "ways")(x.numpy()), network(x).numpy(), atol=1e-6)


def test_an_operation_without_a_translation_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="BatchNorm2d"):
        in_onnx(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), 8, 3)


def test_a_model_that_onnxruntime_cannot_read_is_told_by_name() -> None:
    graph = Graph()
    graph.node("NoSuchOperation", ["images"], "features")
    with pytest.raises(InputError, match=r"weights\.pth: onnxruntime .* cannot read it"):
        open_made(model(graph, {"images": (3, 8, 8)}, {"features": (3,)}), "weights.pth")

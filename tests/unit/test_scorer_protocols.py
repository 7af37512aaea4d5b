"""Named protocols of ``features``: resizes and features against tensors that the namesake libraries made."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scorer_views import noise, scored, view

from audit.catalog import build, identity
from audit.errors import SpecError
from audit.scorers import feature_models
from audit.scorers.feature_models import PACKS
from audit.scorers.features import Features
from audit.scorers.preprocess import Preparation
from audit.scorers.protocols import PROTOCOLS
from audit.scorers.resize import MATRICES, resized_on_cpu, resized_on_device
from audit.spec import Use
from benchmarks.quality.golden import GOLDEN, INCEPTION, KEPT, SAMPLED, SHAPES, SMALL, WIDE_SHAPES, drawn, own_resizes
from benchmarks.quality.random_inception import random_weights

PLAIN = ((0.0,) * 3, (1.0,) * 3)


def resized(image, side: int, kernel, frame="whole") -> np.ndarray:
    """(3, side, side), 0..255."""
    return (Preparation(side, kernel, *PLAIN, frame)([image], torch.device("cpu"))[0] * 255).numpy()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    save_file(random_weights(), path)
    return path


def vectors(scorer: Features, images) -> np.ndarray:
    return np.stack([rows[0].values["vector"] for rows in scored(scorer, [view(pixels) for pixels in images])])


# --------------------------------------------------------------------------------------------------- golden tensors


@pytest.mark.parametrize("kernel", sorted(own_resizes()))
def test_resizes_are_those_of_the_namesakes(kernel: str) -> None:
    resize = own_resizes()[kernel]
    with np.load(GOLDEN / "resizes.npz") as golden:
        theirs = {name: golden[name] for name in golden.files if name.startswith(f"{kernel}/")}
    assert len(theirs) == len(WIDE_SHAPES) + (len(SHAPES) if kernel != "clip" else 0)
    for name, expected in theirs.items():
        _, shape, side = name.split("/")
        found = resize(drawn(*map(int, shape.split("x"))), int(side))
        found = found if int(side) == SMALL else found.ravel()[::SAMPLED]
        assert expected.std() > 20
        np.testing.assert_allclose(found, expected, atol=2e-4, rtol=0, err_msg=name)


@pytest.mark.parametrize("protocol", sorted(INCEPTION))
def test_features_are_those_of_the_namesakes_with_the_same_weights(protocol: str, weights: Path) -> None:
    with np.load(GOLDEN / "inception_features.npz") as golden:
        expected = golden[protocol]
    images = [drawn(*shape, variant=i) for i, shape in enumerate(WIDE_SHAPES)]
    found = vectors(Features(protocol=protocol, weights=weights), images)
    assert found.shape == (3, 2048)
    assert expected.std() > 0.5
    np.testing.assert_allclose(found[:, :KEPT], expected, atol=1e-4)


def test_golden_files_are_small_and_say_what_made_them() -> None:
    made = json.loads((GOLDEN / "protocols.json").read_text())
    assert {"clean-fid", "torch-fidelity", "torchmetrics", "pillow"} <= set(made)
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 60_000


# -------------------------------------------------------------------------------------------------- first principles

BOARD = np.repeat((np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("kernel", ["bicubic_pil", "bicubic_pil_uint8", "bilinear_antialias"])
def test_fine_checkerboard_becomes_grey_where_there_is_antialiasing(kernel) -> None:
    grey = resized(BOARD, 64, kernel)
    assert grey.mean() == pytest.approx(127.5, abs=0.6)
    assert grey.std() < 2


def test_fine_checkerboard_turns_black_without_antialiasing() -> None:
    """TensorFlow 1 takes every fourth pixel, all of them black."""
    assert resized(BOARD, 64, "bilinear_tf1").max() == 0


@pytest.mark.parametrize(("before", "after"), [(200, 70), (50, 173), (64, 64)])
def test_a_slope_stays_where_each_protocol_has_its_pixels(before: int, after: int) -> None:
    """TensorFlow 1 puts output pixel i at i * step; Pillow puts its middle there, (i + 1/2) * step - 1/2."""
    slope = np.repeat(np.tile(np.arange(before, dtype=np.uint8), (before, 1))[..., None], 3, axis=2)
    step, inside = before / after, slice(after // 8, -after // 8)
    places = np.arange(after) * step
    tf1 = resized(slope, after, "bilinear_tf1")[0]
    np.testing.assert_allclose(tf1, np.tile(np.minimum(places, before - 1), (after, 1)), atol=1e-3)
    pillow = resized(slope, after, "bicubic_pil")[1]
    middles = places + (step - 1) / 2
    # Cut and discrete, a widened cubic does not keep a slope exactly: Pillow's own neither.
    np.testing.assert_allclose(
        pillow[inside, inside], np.tile(middles[inside], (after, 1))[inside], atol=0.05 * max(step, 1)
    )


def test_an_even_image_stays_even() -> None:
    even = np.full((37, 91, 3), 200, dtype=np.uint8)
    for kernel in ("bicubic_pil", "bicubic_pil_uint8", "bilinear_tf1"):
        np.testing.assert_allclose(resized(even, 50, kernel), 200, atol=1e-4)


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_square_is_what_is_seen(turned: bool) -> None:
    image = np.zeros((40, 120, 3), dtype=np.uint8)
    image[:, 40:80] = 90
    found = resized(image.transpose(1, 0, 2).copy() if turned else image, 20, "bicubic_pil_uint8", "middle")
    assert found.shape == (3, 20, 20)
    assert (found[:, 2:-2, 2:-2] == 90).all()


def test_dense_and_sparse_matrices_agree() -> None:
    """What runs on a GPU is another product of the same matrices."""
    image = noise(90)[:70]
    planes = torch.from_numpy(image.copy()).permute(2, 0, 1).float()
    for matrix in MATRICES.values():
        dense = resized_on_device(planes, (33, 41), matrix).numpy()
        np.testing.assert_allclose(dense, resized_on_cpu(image, (33, 41), matrix), atol=2e-4)


# ---------------------------------------------------------------------------------------------------- what is fixed


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_protocol_names_its_pack_and_stands_in_numerics(name: str) -> None:
    scorer = Features(protocol=name)
    fixed = PROTOCOLS[name]
    assert scorer.packs() == (fixed.pack,)
    assert fixed.pack in PACKS
    assert scorer.protocol_name() == name
    told = scorer.numerics("cpu")
    assert told["protocol"] == name
    assert told["resize"].startswith(f"{fixed.kernel}, ")
    assert f"to {fixed.side} x {fixed.side}" in told["resize"]
    assert Features(**{**fixed.fixed(), "protocol": name}) is not None, "what agrees may be said twice"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"side": 128}, "protocol fid-inception-clean has side 299, found side 128: leave side out, or leave protocol out"),
        ({"kernel": "bilinear"}, "has kernel bicubic_pil, found kernel bilinear"),
        ({"pack": "efficientnet-lite0"}, "has pack inception-v3-fid, found pack efficientnet-lite0"),
        ({"mean": [0.5, 0.5, 0.5]}, "found mean"),
        ({"dimension": 64}, "has dimension 2048, found dimension 64"),
        ({"timm": "resnet18", "weights": "w.pth"}, "has timm nothing, found timm resnet18"),
        ({"onnx": "m.onnx"}, "has onnx nothing, found onnx m.onnx"),
        ({"pack": "inception-v3-fid", "weights": "w.pth"}, "leave one out"),
    ],
)
def test_what_contradicts_a_protocol_is_an_error_that_names_both(given, message) -> None:
    with pytest.raises(SpecError, match=message):
        build("scorers", Use(use="features", params={"protocol": "fid-inception-clean", **given}))


def test_unknown_protocol_names_those_there_are() -> None:
    with pytest.raises(SpecError, match="fid-inception-clean"):
        build("scorers", Use(use="features", params={"protocol": "fid"}))


def test_protocols_and_weights_are_told_apart_by_identity(tmp_path: Path) -> None:
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for seed, path in enumerate(paths):
        save_file({"x": torch.full((1,), float(seed))}, path)
    first, *rest = [Features(protocol=name, weights=paths[0]) for name in INCEPTION]
    others = [*rest, Features(protocol=first.protocol, weights=paths[1])]
    assert len({identity(scorer, "cpu") for scorer in (first, *others)}) == 4


def test_without_onnxruntime_torch_gives_the_same_and_says_so(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Features(protocol="fid-inception-tm", weights=weights)
    images = [noise(60), noise(80)]
    fast, told = vectors(scorer, images), scorer.numerics("cpu")
    monkeypatch.setattr(feature_models, "has_onnxruntime", lambda: False)
    np.testing.assert_allclose(vectors(scorer, images), fast, atol=1e-4)
    assert "onnxruntime" in told
    assert "onnxruntime" not in scorer.numerics("cpu")
    assert "onnxruntime" not in Features(pack="efficientnet-lite0").numerics("cpu")

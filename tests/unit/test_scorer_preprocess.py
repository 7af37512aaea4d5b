"""The way from pixels to a network: resize and scale against second implementations; its steps are named."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from scorer_networks import OWN, means_in_onnx
from scorer_views import noise

from audit.catalog import identity
from audit.scorers.features import Features
from audit.scorers.preprocess import Preparation

WHOLE = Preparation(8, "bicubic_antialias", (0, 0, 0), (1, 1, 1))


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

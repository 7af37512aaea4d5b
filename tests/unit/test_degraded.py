"""``degraded``: each step has the known size, everything else is the original's."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from tiny_gans import SMALL, saved, small_dcgan

from audit.catalog import build, identity
from audit.component import Encoded, Generator, OnDisk, Product, Request
from audit.errors import PluginError, SpecError
from audit.images import Pixels, encode_png
from audit.records import Failed, Filtered, Latent, Refused
from audit.spec import Use
from audit.testing import FakeGenerator, check_generator, disc, draw_requests
from audit.testing.checks import SAMPLES
from generators.degraded import Degraded

pytestmark = pytest.mark.usefixtures("fake_plugin")
SIDE = 128


def copy(original: dict[str, Any] | None = None, **params: Any) -> Degraded:
    use = {"use": "fake", "params": {"side": SIDE, **(original or {})}}
    found = build("generators", Use(use="degraded", params={"of": use, **params}))
    assert isinstance(found, Degraded)
    return found


def drawn(generator: Generator, count: int = 8) -> Sequence[Product]:
    with generator.open("cpu") as draw:
        return list(draw(draw_requests(SAMPLES[Latent], count)))


def worse(pixels: Pixels, **params: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One image through the steps."""
    return copy(**params)._worse(pixels, 7).astype(float)


def white(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).normal(128, 30, (SIDE, SIDE, 3)).round().clip(0, 255).astype(np.uint8)


GREY = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)


def test_blur_has_the_width_that_was_asked_for() -> None:
    for sigma in (1.0, 2.0):
        spread = worse(white(), blur=sigma).std()
        # white noise through a Gaussian of width sigma keeps 1 / (4 pi sigma^2) of its variance
        assert spread == pytest.approx(white().std() / math.sqrt(4 * math.pi * sigma**2), rel=0.05)
    edge = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    edge[SIDE // 2 :] = 255
    profile = worse(edge, blur=3.0)[:, 5, 1]
    wanted = [255 * NormalDist(0, 3).cdf(row - SIDE // 2 + 0.5) for row in range(SIDE)]
    np.testing.assert_allclose(profile, wanted, atol=1.0)
    assert worse(GREY, blur=3.0).tolist() == GREY.tolist()


def test_downscaling_removes_what_is_finer_than_its_factor() -> None:
    checks = np.indices((SIDE, SIDE)).sum(axis=0) % 2 * 255
    fine = np.repeat(checks[:, :, None], 3, axis=2).astype(np.uint8)
    assert worse(fine, downscale=4)[8:-8, 8:-8].std() < 2
    rows = np.sin(np.arange(SIDE) * 2 * math.pi / 64)
    coarse = np.broadcast_to((128 + 100 * rows)[:, None, None], (SIDE, SIDE, 3)).round().astype(np.uint8)
    assert np.abs(worse(coarse, downscale=4) - coarse)[8:-8].max() < 3
    assert worse(white()[:, :37], downscale=50).shape == (SIDE, 37, 3)


def test_noise_has_the_size_that_was_asked_for_and_comes_from_the_seed() -> None:
    noisy = worse(GREY, noise=10)
    assert noisy.mean() == pytest.approx(128, abs=0.2)
    assert noisy.std() == pytest.approx(math.sqrt(100 + 1 / 12), rel=0.02)  # and a twelfth from rounding
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.03
    generator = copy(noise=10)
    np.testing.assert_array_equal(generator._worse(GREY, 7), noisy)
    assert not np.array_equal(generator._worse(GREY, 8), noisy)


def test_jpeg_loses_more_at_lower_quality(tmp_path: Path) -> None:
    smooth = gaussian_filter(white().astype(float), (3, 3, 0)).round().astype(np.uint8)
    lost = [np.abs(worse(smooth, jpeg=quality) - smooth).mean() for quality in (95, 50, 5)]
    assert 0 < lost[0] < lost[1] < lost[2]
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=50, subsampling=2)
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(np.array(image), worse(smooth, jpeg=50))


def test_steps_come_in_the_stated_order() -> None:
    together = worse(white(), downscale=2, blur=1, noise=5, jpeg=80)
    image: Pixels = white()
    for step in ({"downscale": 2}, {"blur": 1, "noise": 5}, {"jpeg": 80}):
        image = copy(**step)._worse(image, 7)
    np.testing.assert_array_equal(together, image)
    assert worse(GREY, blur=5, noise=10).std() == pytest.approx(10, rel=0.02), "noise is not blurred"


def test_the_copy_draws_the_same_images_and_passes_other_outcomes_on() -> None:
    original = {"refuse": 3, "filter": 5, "fail": 7, "batch": 64}
    plain = drawn(FakeGenerator(side=SIDE, **original), 64)
    bad = drawn(copy(original, blur=1.5), 64)
    kinds = {type(product) for product in plain}
    assert kinds == {np.ndarray, Refused, Filtered, Failed}
    for one, two in zip(plain, bad, strict=True):
        if isinstance(one, np.ndarray):
            assert isinstance(two, np.ndarray)
            np.testing.assert_array_equal(two, gaussian_filter(one.astype(np.float32), (1.5, 1.5, 0)).round())
        else:
            assert one == two


def test_images_that_come_encoded_are_degraded_too(tmp_path: Path) -> None:
    request: Request = draw_requests(SAMPLES[Latent], 1)[0]
    generator, pixels = copy(blur=2), disc(3, SIDE)
    wanted = generator._worse(pixels, request.draw.seed)
    for product in (Encoded(encode_png(pixels)), OnDisk(tmp_path / "a.png", encode_png(pixels))):
        found = generator._product(product, request)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, wanted)
    broken = Encoded(b"not an image")
    assert generator._product(broken, request) is broken


def test_it_keeps_the_promises_of_a_generator() -> None:
    check_generator(copy(blur=1, noise=3, jpeg=50))


def test_everything_else_is_the_originals(tmp_path: Path) -> None:
    params = {"factory": "generators.dcgan:generator", "factory_params": SMALL, "latent": [4, 1, 1], "batch": 5}
    use = {"use": "gan", "name": "mine", "params": {**params, "weights": str(saved(small_dcgan(), tmp_path))}}
    generator = build("generators", Use(use="degraded", params={"of": use, "jpeg": 30}))
    assert isinstance(generator, Degraded)
    gan = generator.original
    assert generator.batch == gan.batch == 5
    assert generator.accepts() == gan.accepts() == (Latent,)
    assert generator.fixed_block() == gan.fixed_block()
    assert generator.subject_basis() == "generated"
    assert generator.settings() == {**gan.settings(), "degraded copy of": "mine", "jpeg": "30 quality"}
    assert gan.numerics("cpu").items() <= generator.numerics("cpu").items()
    assert generator.asked_size() is None
    assert copy(blur=1).asked_size() == (SIDE, SIDE)
    before = identity(generator, None)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert identity(generator, None) != before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "nothing is degraded; set at least one"),
        ({"blur": 1, "batch": 4}, "batch is 4, and that of fake is 8"),
        ({"blur": -1}, "blur"),
        ({"jpeg": 100}, "jpeg"),
        ({"downscale": 1}, "downscale"),
        ({"blurr": 1}, "did you mean 'blur'"),
        ({"blur": 1, "of": {"use": "fake", "params": {"sides": 3}}}, "sides: unknown key; did you mean 'side'"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        copy(**params)


def test_an_unknown_original_is_named() -> None:
    with pytest.raises(PluginError, match="fakke"):
        build("generators", Use(use="degraded", params={"of": {"use": "fakke"}, "blur": 1}))
    with pytest.raises(SpecError, match="of: required"):
        build("generators", Use(use="degraded", params={"blur": 1}))

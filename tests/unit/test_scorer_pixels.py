"""``pixels`` against closed forms and against the imagehash library."""

import colorsys

import imagehash
import numpy as np
import pytest
from PIL import Image
from scorer_views import noise, reason, scored, view

from audit.errors import ScoringError
from audit.scorers.pixels import PixelStatistics


def described(pixels, asked=None, **params):
    return scored(PixelStatistics(**params), [view(pixels, asked=asked)])[0][0].values


def flat(red: int, green: int, blue: int, side: int = 32):
    return np.full((side, side, 3), (red, green, blue), dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((0, 0, 0), 0), ((255, 255, 255), 1), ((255, 0, 0), 0.2126), ((0, 255, 0), 0.7152), ((0, 0, 255), 0.0722)],
)
def test_brightness_of_one_colour_is_its_luma(colour, luma):
    found = described(flat(*colour))
    assert found["brightness"] == pytest.approx(luma, abs=1e-6)
    assert found["contrast"] == pytest.approx(0, abs=1e-6)
    assert found["sharpness"] == pytest.approx(0, abs=1e-9)
    assert found["blank"] == "blank"


def test_contrast_of_half_black_half_white_is_one_half():
    pixels = flat(0, 0, 0)
    pixels[:16] = 255
    found = described(pixels)
    assert found["brightness"] == pytest.approx(0.5, abs=1e-6)
    assert found["contrast"] == pytest.approx(0.5, abs=1e-6)
    assert found["blank"] == "not blank"


def test_sharpness_of_a_checkerboard():
    """Inside, each square's four neighbours differ by 1: the Laplacian is +4 or -4, its variance 16."""
    board = (np.indices((200, 200)).sum(0) % 2 * 255).astype(np.uint8)
    found = described(np.repeat(board[..., None], 3, axis=2))
    # an edge pixel has one neighbour fewer, a corner two fewer
    closed = (198**2 * 16 + 4 * 198 * 9 + 4 * 4) / 200**2
    assert found["sharpness"] == pytest.approx(closed, rel=1e-5)


def test_sharpness_of_one_bright_pixel():
    """The Laplacian is -4 at the pixel and 1 at its four neighbours: sum 0, squares 20."""
    pixels = flat(0, 0, 0, side=50)
    pixels[20, 20] = 255
    assert described(pixels)["sharpness"] == pytest.approx(20 / 50**2, rel=1e-5)


def test_sharpness_falls_when_blurred():
    pixels = noise(64)
    blurred = np.asarray(Image.fromarray(pixels).reduce(2).resize((64, 64), Image.Resampling.BICUBIC))
    assert described(blurred)["sharpness"] < 0.2 * described(pixels)["sharpness"]


def test_saturation_is_that_of_the_hsv_cone():
    pixels = noise(16, seed=3)
    pixels[0, 0] = 0
    expected = np.mean([colorsys.rgb_to_hsv(*(value / 255 for value in pixel))[1] for pixel in pixels.reshape(-1, 3)])
    assert described(pixels)["saturation"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("side", [8, 64, 200])
def test_hash_is_imagehash(side):
    pixels = noise(side, seed=side)
    assert described(pixels)["phash"] == str(imagehash.phash(Image.fromarray(pixels)))
    assert len(described(pixels)["phash"]) == 16


def test_size_against_what_was_asked():
    pixels = np.zeros((64, 128, 3), dtype=np.uint8)
    found = described(pixels, asked=(256, 128))
    assert (found["width"], found["height"]) == (128, 64)
    assert found["size_ratio"] == pytest.approx(0.25)
    assert found["size_match"] == "other size"
    assert described(pixels, asked=(128, 64))["size_match"] == "as asked"
    turned = described(pixels, asked=(64, 128))
    assert turned["size_ratio"] == pytest.approx(1)
    assert turned["size_match"] == "other size"


def test_abstains_on_size_where_nothing_was_asked():
    found = described(noise(16))
    assert reason(found["size_ratio"]) == reason(found["size_match"]) == "no size was asked for"


def test_blank_by_the_most_varied_channel():
    """A picture in red alone has almost no luma to vary, and is not blank."""
    pixels = flat(0, 0, 0)
    pixels[:16, :, 2] = 255
    assert described(pixels)["blank"] == "not blank"
    dim = flat(100, 100, 100)
    dim[:16] = 101
    assert described(dim)["blank"] == "blank"
    assert described(dim, blank_below=0.001)["blank"] == "not blank"


def test_one_pixel_is_enough():
    found = described(np.full((1, 1, 3), 255, dtype=np.uint8))
    assert found["brightness"] == pytest.approx(1, abs=1e-6)
    assert found["sharpness"] == 0


@pytest.mark.parametrize(
    "pixels", [np.ones((8, 8, 3), dtype=np.float32), np.zeros((8, 8), dtype=np.uint8), np.zeros((0, 8, 3), dtype=np.uint8)]
)
def test_refuses_what_is_no_uint8_rgb_image(pixels):
    with pytest.raises(ScoringError, match=r"scorers take uint8 \(height, width, 3\)"):
        scored(PixelStatistics(), [view(pixels)])

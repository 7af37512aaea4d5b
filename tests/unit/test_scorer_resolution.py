"""``resolution`` against images that were reduced, enlarged, tiled, patterned and coded by known amounts."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scorer_views import noise, reason, scored, view

from audit.images import Pixels, decode
from audit.scorers.resolution import Resolution
from audit.scorers.spectrum import FREQUENCIES, cut_off, slope, spectra
from generators.phantom.portrait import OCCUPATIONS, Portrait
from generators.phantom.render import render

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def field(side: int, seed: int, exponent: float = 1.0) -> Pixels:
    """Noise whose amplitude falls by a power of frequency: photographs have 1."""
    rng = np.random.default_rng(seed)
    down, across = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    radius = np.hypot(down, across)
    radius[0, 0] = np.inf
    wave = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * radius**-exponent).real
    grey = np.clip(128 + 40 * wave / wave.std(), 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1)


def drawing(at: int) -> Pixels:
    occupations = list(OCCUPATIONS)
    return render(Portrait(occupation=occupations[at % len(occupations)], tone=1 + at % 10, variation=at), 256).pixels


def enlarged(pixels: Pixels, factor: float, kernel: str) -> Pixels:
    side = pixels.shape[0]
    small = Image.fromarray(pixels).resize((round(side / factor),) * 2, Image.Resampling.LANCZOS)
    return np.asarray(small.resize((side, side), KERNELS[kernel]))


def jpeg(pixels: Pixels, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def tiled(pixels: Pixels, side: int, seed: int) -> Pixels:
    """Every tile's content moved by up to 8 pixels."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    out = pixels.copy()
    for top in range(0, height, side):
        for left in range(0, width, side):
            down, across = rng.integers(-8, 9, 2)
            rows = np.clip(np.arange(top, min(top + side, height)) + down, 0, height - 1)
            columns = np.clip(np.arange(left, min(left + side, width)) + across, 0, width - 1)
            out[top : top + side, left : left + side] = pixels[np.ix_(rows, columns)]
    return out


def described(*images: Pixels, **params: float):
    return [rows[0].values for rows in scored(Resolution(**params), [view(image) for image in images])]


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 4.0])
def test_factors_of_enlargement_are_recovered(factor: float, kernel: str) -> None:
    images = [field(side, seed, exponent) for seed, (side, exponent) in enumerate(((256, 0.9), (384, 1.1), (512, 1.3)))]
    images += [drawing(3), drawing(8)]
    found = described(*(enlarged(image, factor, kernel) for image in images))
    assert [1 / each["effective_share"] for each in found] == pytest.approx([factor] * len(found), rel=0.15)


def test_sharp_images_need_their_size() -> None:
    images = [field(256, 1), field(512, 2), drawing(1), drawing(2), noise(256)]
    for found, image in zip(described(*images), images, strict=True):
        assert found["effective_share"] == 1
        assert found["effective_side"] == image.shape[0]
        assert found["enlargement"] == "none seen"
        assert reason(found["period_factor"]) == "no period"


def test_repeated_pixels_are_told_from_interpolation() -> None:
    image = field(384, 5)
    near, smooth = described(enlarged(image, 1.5, "nearest"), enlarged(image, 3, "bicubic"))
    assert (near["enlargement"], smooth["enlargement"]) == ("repeated pixels", "interpolated")
    assert smooth["period_factor"] == pytest.approx(3, rel=0.02)


def test_the_spectrum_of_a_power_law_has_its_slope_and_no_cut_off() -> None:
    luma = field(512, 3, 1.0)[..., 0].astype(np.float32)
    radial = spectra(luma).radial
    assert slope(radial)[0] == pytest.approx(-2, abs=0.15)
    assert cut_off(radial) == 0.5
    small = enlarged(field(512, 3), 2, "bicubic")[..., 0].astype(np.float32)
    assert 0.24 < cut_off(spectra(small).radial) < 0.34


def test_the_spectrum_is_that_of_a_plain_sum_over_waves() -> None:
    """A second implementation: the periodogram by its definition, for white noise, whose power is its variance."""
    luma = np.random.default_rng(0).normal(100, 5, (128, 96)).astype(np.float32)
    found = spectra(luma)
    window = np.hanning(130)[1:-1, None] * np.hanning(98)[None, 1:-1]
    plane = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 / (window**2).sum()
    np.testing.assert_allclose(np.abs(found.plane) ** 2 / found.window_power, plane[:, :49], rtol=1e-3, atol=1e-3)
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(96)[None])
    ring = (radius > 0.2) & (radius < 0.3)
    chosen = (FREQUENCIES > 0.2) & (FREQUENCIES < 0.3)
    assert found.radial[chosen].mean() == pytest.approx(plane[ring].mean(), rel=0.05)
    assert found.radial.mean() == pytest.approx(25, rel=0.1)


@pytest.mark.parametrize("quality", [30, 60, 85])
def test_a_former_jpeg_is_told_with_its_quality(quality: int) -> None:
    images = [field(256, 1), field(512, 2, 1.3), drawing(4)]
    coded = [decode(jpeg(image, quality), "coded").pixels for image in images]
    for clean, after in zip(described(*images), described(*coded), strict=True):
        assert clean["codec_history"] == "none seen"
        assert after["codec_history"] == "JPEG before"
        assert after["jpeg_quality"] == pytest.approx(quality, abs=1)


def test_blocks_show_as_differences_across_their_borders() -> None:
    clean = field(256, 7)
    low, high = described(*(decode(jpeg(clean, quality), "coded").pixels for quality in (10, 95)))
    assert low["blockiness"] > 1.5
    assert high["blockiness"] < 1.1


def test_a_jpeg_file_says_its_quality_itself() -> None:
    data = jpeg(field(256, 1), 40)
    stored = replace(view(decode(data, "coded").pixels), codec="jpeg", file=lambda: data)
    broken = replace(stored, file=lambda: data[:40])
    for one, expected in ((stored, 40.0), (broken, None)):
        found = scored(Resolution(), [one])[0][0].values
        assert found["codec_history"] == "JPEG file"
        if expected is None:
            assert reason(found["jpeg_quality"]) == "the file's tables cannot be read"
        else:
            assert found["jpeg_quality"] == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("side", [32, 64, 75])
def test_seams_between_tiles_are_seen(side: int) -> None:
    images = [field(256, 1), field(512, 2, 1.2)]
    for clean, found in zip(described(*images), described(*(tiled(image, side, 3) for image in images)), strict=True):
        assert clean["tile_seams"] == "none seen"
        assert found["tile_seams"] == "tile seams"
        assert found["tile_side"] == side


def test_jpeg_blocks_are_no_tiles() -> None:
    found = described(*(decode(jpeg(field(512, seed), 30), "coded").pixels for seed in range(4)))
    assert {each["tile_seams"] for each in found} == {"none seen"}


def test_a_checkerboard_of_one_grey_level_has_its_amplitude() -> None:
    image = np.minimum(field(512, 4), 250)
    board = (np.indices(image.shape[:2]).sum(axis=0) % 2)[..., None].astype(np.uint8)
    clean, dark, light = described(image, image + board, image + (1 - board))
    assert dark["checkerboard"] - clean["checkerboard"] == pytest.approx(-0.5, abs=0.02)
    assert light["checkerboard"] - clean["checkerboard"] == pytest.approx(0.5, abs=0.02)
    assert dark["lattice"] > clean["lattice"] + 6
    waves = (light["lattice_waves"] - clean["lattice_waves"]).reshape(9, 9, 2)
    assert waves[7, 0, 0] == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.delete(waves, 7, axis=0)).max() < 0.02


def test_small_and_even_images_have_no_resolution() -> None:
    small, even = described(noise(63), np.full((128, 128, 3), 7, dtype=np.uint8))
    assert {reason(value) for value in small.values()} == {"smaller than 64 px"}
    assert {reason(value) for value in even.values()} == {"one even colour"}


def test_sides_need_be_no_multiple_of_anything() -> None:
    (found,) = described(field(256, 1)[:201, :137])
    assert found["effective_side"] == pytest.approx(np.sqrt(201 * 137))
    assert found["spectrum"].shape == (32,)
    assert found["lattice_waves"].shape == (162,)


def test_known_answers_hold() -> None:
    scorer = Resolution()
    for answer in scorer.known_answers():
        rows = [rows[0].values for rows in scored(scorer, [view(image) for image in answer.images])]
        for column, expected in answer.expected.items():
            for row, value in zip(rows, expected, strict=True):
                if isinstance(value, str):
                    assert row[column] == value
                elif isinstance(value, float):
                    assert row[column] == pytest.approx(value, abs=max(answer.tolerance, 1e-9))
                else:
                    reason(row[column])

"""Colour of skin: golden values of the Monk scale, another implementation, and three published defects as regressions."""

import csv
from pathlib import Path

import numpy as np
import pytest
from skimage import color

from audit.scorers.skin_colour import (
    BINS,
    MONK,
    Tone,
    bin_names,
    hue_angle,
    lab_of_linear,
    linear,
    membership,
    typology_angle,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "monk_skin_tone.csv"
GOLDEN = (
    # L*, a*, b*, typology angle, hue of each swatch
    (94.211, 1.502, 5.434, 82.99, 74.55),
    (92.275, 2.060, 7.292, 80.21, 74.23),
    (93.091, 0.215, 14.216, 71.74, 89.13),
    (87.573, 0.459, 17.759, 64.70, 88.52),
    (77.902, 3.471, 23.144, 50.32, 81.47),
    (55.143, 7.784, 26.746, 10.88, 73.77),
    (42.470, 12.326, 20.535, -20.14, 59.03),
    (30.678, 11.668, 13.339, -55.38, 48.82),
    (21.069, 2.690, 5.968, -78.34, 65.73),
    (14.610, 1.482, 3.529, -84.31, 67.21),
)


def tone(number: int) -> Tone:
    return Tone(*lab_of_linear(linear(MONK[number - 1])).tolist())


@pytest.mark.parametrize("number", range(1, 11))
def test_golden_values_of_the_swatches(number: int) -> None:
    found = tone(number)
    told = (found.lightness, found.a, found.b, found.ita, found.hue)
    assert told == pytest.approx(GOLDEN[number - 1], abs=0.04)


def test_the_shared_table_says_the_same() -> None:
    if not SHARED.is_file():
        pytest.skip("the table of Monk swatches for development is not on this machine")
    with SHARED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, swatch, golden in zip(rows, MONK, GOLDEN, strict=True):
        assert swatch == (int(row["R"]), int(row["G"]), int(row["B"]))
        assert golden == pytest.approx([float(row[name]) for name in ("L", "a", "b", "ita", "hue")], abs=0.011)


def test_lab_is_scikit_images_for_all_kinds_of_colour() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    assert lab_of_linear(linear(pixels)) == pytest.approx(color.rgb2lab(pixels[None])[0], abs=0.02)


def test_greys_have_no_chroma_at_all() -> None:
    grey = np.repeat(np.arange(256)[:, None], 3, axis=1)
    lab = lab_of_linear(linear(grey))
    assert np.abs(lab[:, 1:]).max() < 1e-9
    assert lab[[0, 255], 0] == pytest.approx([0, 100], abs=1e-9)


def test_memberships_are_shares_and_rise_with_the_scale() -> None:
    found = [tone(number) for number in range(1, 11)]
    for number, one in enumerate(found, start=1):
        assert one.membership.sum() == pytest.approx(1)
        assert one.nearest == number
        assert one.bins.sum() == pytest.approx(1)
        first, last = BINS[bin_names().index(one.label)]
        assert first <= number <= last
    assert (np.diff([one.expected for one in found]) > 0).all()


def test_colours_far_from_everything_still_have_memberships() -> None:
    for lab in ((50.0, 90.0, -100.0), (0.0, 0.0, 0.0), (130.0, 0.0, 0.0)):
        assert np.isfinite(membership(lab)).all()


def test_angles_do_not_turn_over_in_bluish_light() -> None:
    assert typology_angle(94.2, 5.4) == typology_angle(94.2, -5.4)
    assert typology_angle(50.0, 0.0) == 0
    assert typology_angle(90.0, 0.0) == 90
    assert hue_angle(0.0, 5.0) == 90


# ----------------------------------------------------------------------------- defects of published audit code


def test_lab_in_bytes_would_return_three_tones_only() -> None:
    """8-bit codes (L* x 2.55, b + 128) taken for L* and b*: the angles of all swatches collapse."""
    lab = np.array(GOLDEN)[:, :3]
    codes = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], axis=1))
    collapsed = np.degrees(np.arctan((codes[:, 0] - 50) / codes[:, 2]))
    true = np.array(GOLDEN)[:, 3]
    classes = {int(np.abs(true - angle).argmin()) + 1 for angle in collapsed}
    assert classes <= {5, 6, 7}
    ours = [int(np.abs(true - tone(number).ita).argmin()) + 1 for number in range(1, 11)]
    assert ours == list(range(1, 11))


def test_the_rgb_rule_for_skin_would_drop_six_of_ten_tones() -> None:
    """R > 95, G > 40, B > 20, R above G and B, |R - G| > 15, Y > 80, Cr and Cb within bounds; none of it is used here."""
    passing = [number for number, rgb in enumerate(MONK, start=1) if _kolkur(*rgb)]
    assert passing == [4, 5, 6, 7]
    assert [tone(number).nearest for number in range(1, 11)] == list(range(1, 11))


def test_channels_are_red_green_blue() -> None:
    """Swatches read in the order blue, green, red are other tones; ours keep their order."""
    swapped = [Tone(*lab_of_linear(linear(rgb[::-1])).tolist()) for rgb in MONK]
    assert [one.nearest for one in swapped] != list(range(1, 11))
    assert all(one.b < 0 for one in swapped)
    assert all(tone(number).b > 0 for number in range(1, 11))


def _kolkur(red: int, green: int, blue: int) -> bool:
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cr, cb = 128 + 0.713 * (red - luma), 128 + 0.564 * (blue - luma)
    rgb = red > 95 and green > 40 and blue > 20 and red > green and red > blue and abs(red - green) > 15
    return rgb and luma > 80 and cr > 135 and cb > 85

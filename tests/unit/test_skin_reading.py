"""Reading skin where it is known to be: swatches under light, things that are no skin, and hostile masks."""

import numpy as np
import pytest
from skin_scenes import SIDE, among_colours, encoded, grey, sand, swatch, wood

from audit.metrics.apparent_tone import ApparentTone
from audit.records import Abstained
from audit.scorers.skin_colour import Tone, linear
from audit.scorers.skin_light import LightLimits, balancing_gains
from audit.scorers.skin_reading import (
    CLIPPED,
    COLOURLESS,
    NO_SURROUNDINGS,
    NOT_SKIN,
    ROUGH,
    TOO_LITTLE,
    SkinLimits,
    SkinReading,
    read_skin,
)
from benchmarks.people.tone_scenes import LIGHTS

STOPS = (-0.5, -0.25, 0.0, 0.25, 0.5)
ALL = np.ones((SIDE, SIDE), dtype=bool)
NONE = np.zeros((SIDE, SIDE), dtype=bool)


def read(tone: int, stops: float = 0.0, cast=(1, 1, 1), **limits) -> SkinReading:
    scene = swatch(tone, stops, cast)
    return read_skin(scene.pixels, scene.skin, scene.around, SkinLimits(**limits))


def plain(reading: SkinReading) -> Tone:
    assert isinstance(reading.plain, Tone), reading.plain
    return reading.plain


def test_in_warm_light_a_stop_too_dark_tone_3_reads_below_tone_2_as_shown_alone() -> None:
    """As the metric ``apparent_tone`` warns; where this holds no longer, its docstring must change."""
    warm = next(cast for name, cast in LIGHTS.items() if name.startswith("warm"))
    second, third = (read(tone, stops=-1.0, cast=warm) for tone in (2, 3))
    assert plain(third).expected < plain(second).expected
    assert isinstance(second.balanced, Tone)
    assert isinstance(third.balanced, Tone)
    assert third.balanced.expected > second.balanced.expected
    told = " ".join(str(ApparentTone.__doc__).split())
    assert "in warm light (CIE A) at -1 stop the Monk tone 3 reads below tone 2" in told


@pytest.mark.parametrize("stops", STOPS)
def test_swatches_half_a_stop_either_way(stops: float) -> None:
    for tone in range(1, 4):
        shown = read(tone, stops).shown
        assert isinstance(shown, Tone)
        assert shown.label == "Monk 1-3", (tone, stops)
    for tone in range(4, 11):
        shown = read(tone, stops).shown
        assert isinstance(shown, Tone)
        assert abs(shown.nearest - tone) <= 1, (tone, stops)


@pytest.mark.parametrize("stops", [-1.0, -0.5, 0.0])
def test_the_expected_tone_rises_with_every_step(stops: float) -> None:
    found = [plain(read(tone, stops)).expected for tone in range(1, 11)]
    assert (np.diff(found) > 0).all()


def test_the_median_is_the_swatch_within_noise() -> None:
    assert plain(read(6)).lab == pytest.approx([55.14, 7.78, 26.75], abs=0.3)


def test_shadow_and_gloss_do_not_move_it() -> None:
    scene = swatch(6)
    pixels = scene.pixels.copy()
    pixels[28:29, 28:68], pixels[67:68, 28:68] = (40, 25, 15), (240, 235, 230)
    spoiled = plain(read_skin(pixels, scene.skin, scene.around))
    assert spoiled.lab == pytest.approx(plain(read(6)).lab, abs=0.3)


def test_skin_burnt_out_has_a_bin_but_no_number() -> None:
    reading = read(1, stops=0.5)
    assert reading.plain is CLIPPED
    assert reading.balanced is CLIPPED
    assert reading.sensitivity is CLIPPED
    assert isinstance(reading.shown, Tone)
    assert reading.shown.label == "Monk 1-3"


def test_burnt_out_skin_of_another_bin_abstains() -> None:
    """A warm patch whose red is full may have been anything lighter."""
    scene = swatch(6, stops=1.0, cast=(1.8, 1.0, 0.6))
    assert (scene.pixels[40, 40, 0], scene.pixels[40, 40, 2] < 250) == (255, True)
    assert read_skin(scene.pixels, scene.skin, scene.around).shown is CLIPPED


def test_balancing_takes_out_exposure_and_tint() -> None:
    """Whatever the light, the balanced reading is that of neutral light; the plain one moves."""
    neutral = read(6, light=(lights := LightLimits(level=_level(swatch(6))))).balanced
    assert isinstance(neutral, Tone)
    for stops, cast in ((-0.8, (1, 1, 1)), (-0.3, (1.0, 0.86, 0.62)), (-0.3, (0.7, 0.86, 1.0))):
        reading = read(6, stops, cast, light=lights)
        assert isinstance(reading.balanced, Tone)
        assert reading.balanced.lab == pytest.approx(neutral.lab, abs=1.5)
        assert np.abs(plain(reading).lab - neutral.lab).max() > 6
        assert reading.sensitivity == pytest.approx(reading.balanced.expected - plain(reading).expected)
        assert abs(reading.balanced.expected - neutral.expected) < 0.2


def test_gains_are_limited() -> None:
    dark = np.full((40, 40, 3), 12, dtype=np.uint8)
    assert balancing_gains(dark, np.ones((40, 40), dtype=bool), LightLimits()) == pytest.approx([2, 2, 2])
    red = np.full((40, 40, 3), 6, dtype=np.uint8)
    red[..., 0] = 240
    gains = balancing_gains(red, np.ones((40, 40), dtype=bool), LightLimits(most_stops=0))
    assert gains.max() == 4
    assert balancing_gains(dark, np.zeros((40, 40), dtype=bool), LightLimits()) is None


def test_the_light_is_a_minkowski_mean_of_order_six() -> None:
    pixels = np.random.default_rng(0).integers(10, 240, (50, 50, 3), dtype=np.uint8)
    gains = balancing_gains(pixels, np.ones((50, 50), dtype=bool), LightLimits(level=0.5))
    light = np.array([np.linalg.norm(linear(pixels[..., k]).ravel(), 6) / 2500 ** (1 / 6) for k in range(3)])
    assert gains == pytest.approx(0.5 / light)


def test_without_surroundings_there_is_no_balanced_reading() -> None:
    scene = swatch(6)
    reading = read_skin(scene.pixels, scene.skin, NONE)
    assert isinstance(reading.plain, Tone)
    assert reading.balanced is NO_SURROUNDINGS
    assert reading.sensitivity is NO_SURROUNDINGS


# ----------------------------------------------------------------------------------------- what is no skin


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("texture", [wood, sand, grey])
def test_textures_abstain_even_where_a_mask_calls_them_skin(texture, seed: int) -> None:
    reading = read_skin(texture(seed), ALL, NONE)
    assert isinstance(reading.plain, Abstained)
    assert isinstance(reading.shown, Abstained)


@pytest.mark.parametrize("texture", [wood, sand])
def test_textures_beside_colours_are_too_rough(texture) -> None:
    """The same in a colourful picture: colour alone no longer tells them."""
    scene = among_colours(texture(0))
    assert read_skin(scene.pixels, scene.skin, scene.around).plain is ROUGH


def test_a_grey_patch_in_a_colourful_picture_abstains() -> None:
    scene = swatch(5)
    pixels = scene.pixels.copy()
    pixels[28:68, 28:68] = (150, 150, 148)
    assert read_skin(pixels, scene.skin, scene.around).plain is COLOURLESS


def test_a_greyscale_picture_abstains() -> None:
    scene = swatch(5)
    level = scene.pixels.mean(axis=2).astype(np.uint8)
    assert read_skin(np.repeat(level[..., None], 3, axis=2), scene.skin, scene.around).plain is COLOURLESS


def test_a_sepia_picture_abstains() -> None:
    scene = swatch(5)
    level = scene.pixels.mean(axis=2)[..., None]
    sepia = np.clip(level * np.array([1.07, 0.92, 0.72]), 0, 255).astype(np.uint8)
    assert read_skin(sepia, scene.skin, scene.around).plain is COLOURLESS


@pytest.mark.parametrize("tone", [1, 5, 10])
def test_a_face_before_greys_is_no_sepia_picture(tone: int) -> None:
    scene = swatch(tone)
    pixels = np.where(scene.skin[..., None], scene.pixels, scene.pixels.mean(axis=2, keepdims=True)).astype(np.uint8)
    assert plain(read_skin(pixels, scene.skin, scene.around)).nearest == tone


def test_white_paper_in_a_drawing_without_colour_is_no_light_skin() -> None:
    scene = swatch(5)
    pixels = np.repeat(scene.pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    pixels[28:68, 28:68] = 255
    assert read_skin(pixels, scene.skin, scene.around).shown is COLOURLESS


@pytest.mark.parametrize("colour", [(60, 60, 220), (40, 180, 60), (240, 40, 40)])
def test_painted_faces_are_no_skin(colour) -> None:
    scene = swatch(5)
    pixels = scene.pixels.copy()
    pixels[28:68, 28:68] = colour
    assert read_skin(pixels, scene.skin, scene.around).plain is NOT_SKIN


def test_smooth_things_of_skin_colour_are_not_told_apart() -> None:
    """A limit that the documentation names: a doll before coloured chips reads as skin."""
    assert isinstance(read(6).plain, Tone)


# ------------------------------------------------------------------------------------------- hostile masks


def test_a_mask_that_leaves_no_skin_gives_one_clear_reason() -> None:
    scene = swatch(5)
    reading = read_skin(scene.pixels, NONE, ALL)
    assert {reading.plain, reading.balanced, reading.shown, reading.sensitivity} == {TOO_LITTLE}
    assert TOO_LITTLE.reason == "too little skin in sight"


def test_just_too_few_pixels() -> None:
    scene = swatch(5)
    few = NONE.copy()
    few[28:48, 28:53] = True
    assert isinstance(read_skin(scene.pixels, few, scene.around).plain, Tone)
    few[28, 28] = False
    assert read_skin(scene.pixels, few, scene.around).plain is TOO_LITTLE


@pytest.mark.parametrize("level", [0, 3, 255])
def test_clipped_skin_abstains(level: int) -> None:
    scene = swatch(5)
    pixels = scene.pixels.copy()
    pixels[28:68, 28:68] = level
    reading = read_skin(pixels, scene.skin, scene.around)
    assert reading.plain is CLIPPED
    assert isinstance(reading.shown, Abstained) == (level < 255)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_pixel(level: int) -> None:
    pixels = np.full((1, 1, 3), level, dtype=np.uint8)
    one = np.ones((1, 1), dtype=bool)
    for limits in (SkinLimits(), SkinLimits(fewest=1), SkinLimits(fewest=1, least_colours=0)):
        reading = read_skin(pixels, one, one, limits)
        assert isinstance(reading.plain, Abstained)
        assert isinstance(reading.shown, Abstained) or level == 255


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mask of shape \(2, 2\)"):
        read_skin(swatch(1).pixels, np.ones((2, 2), dtype=bool), ALL)


def test_numbers_are_finite_for_any_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        top = int(rng.integers(1, 256))
        pixels = rng.integers(0, top, (SIDE, SIDE, 3)).astype(np.uint8)
        reading = read_skin(pixels, rng.random((SIDE, SIDE)) < rng.random(), ALL, SkinLimits(roughest=1e9, farthest=1e9))
        for tone in (reading.plain, reading.balanced, reading.shown):
            if isinstance(tone, Tone):
                assert np.isfinite([*tone.lab, tone.ita, tone.hue, tone.expected, *tone.bins]).all()


def _level(scene) -> float:
    light = linear(scene.pixels[scene.around]) ** 6
    return float((light.mean(axis=0) ** (1 / 6)).mean())


def test_the_helper_encodes_what_linear_decodes() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert (encoded(linear(codes)) == codes).all()

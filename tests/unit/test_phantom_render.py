"""The renderer of the phantom, judged from outside: light and tone read back from the pixels alone.

The tones are those that https://skintone.google publishes.
"""

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from audit.errors import InputError
from generators.phantom.portrait import AGES, CUES, HAIR_COLOURS, OCCUPATIONS, TONES, Face, Hair, Light, Portrait
from generators.phantom.render import SIZES, render

MONK = ["f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420"]
LIGHTS = [Light(), Light(warmth=1), Light(warmth=-1), Light(exposure=-1), Light(0.5, -0.7), Light(-0.6, -0.3)]
CAST = [
    Portrait(occupation="teacher", variation=3),
    Portrait(
        occupation="police officer",
        presentation="masculine",
        cues=(False,) * len(CUES),
        tone=9,
        hair="curly",
        hair_colour="black",
        variation=11,
    ),
    Portrait(occupation="chef", tone=2, age="middle-aged", hair_colour="blond", glasses=True, variation=27),
    Portrait(occupation="farmer", tone=7, hair="curly", hair_colour="auburn", people=2, variation=5),
]


def to_linear(samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The sRGB curve by its definition, not by the code under test."""
    share = np.asarray(samples, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def to_srgb(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def changed(one: Portrait, other: Portrait) -> int:
    """Pixels of a 32 x 32 average of the 64 pixel picture that differ by more than 20 of 255 levels."""
    small = [render(p).pixels.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)) for p in (one, other)]
    return int((np.abs(small[0] - small[1]).max(axis=2) > 20).sum())


@pytest.mark.parametrize("size", SIZES)
def test_same_portrait_gives_same_bytes_at_each_size(size: int) -> None:
    portrait = replace(CAST[0], variation=2**62 + 1)
    once, again = render(portrait, size), render(replace(portrait), size)
    assert once.pixels.shape == (size, size, 3)
    assert once.pixels.dtype == np.uint8
    assert once.skin.shape == (size, size)
    np.testing.assert_array_equal(once.pixels, again.pixels)
    np.testing.assert_array_equal(once.skin, again.skin)
    assert once.landmarks == again.landmarks


@pytest.mark.parametrize("portrait", CAST, ids=lambda p: p.occupation)
def test_all_sizes_show_the_same_picture(portrait: Portrait) -> None:
    """Averaged to 32 pixels, the larger pictures agree with the smallest but for edges."""
    smallest = render(portrait, 32)
    for size in (64, 128, 256):
        k, larger = size // 32, render(portrait, size)
        pixels = larger.pixels.reshape(32, k, 32, k, 3).mean(axis=(1, 3))
        assert np.abs(pixels - smallest.pixels).mean() < 4.5
        for name, (x, y) in smallest.landmarks.items():
            np.testing.assert_allclose(larger.landmarks[name], (x * k, y * k), atol=0.01 * size)


@pytest.mark.parametrize("light", LIGHTS, ids=str)
@pytest.mark.parametrize("tone", TONES)
def test_frame_gives_the_light_and_skin_under_it_the_tone(tone: int, light: Light) -> None:
    portrait = replace(CAST[tone % len(CAST)], tone=tone, light=light)
    picture = render(portrait)
    frame = picture.pixels[0]
    assert (frame == frame[0]).all()
    warm = 1 + max(light.warmth, 0) * np.array([0, -0.14, -0.38])
    cold = 1 + max(-light.warmth, 0) * np.array([-0.30, -0.14, 0])
    np.testing.assert_allclose(frame[0], to_srgb(0.95 * 2**light.exposure * warm * cold), atol=1)

    median = np.median(picture.pixels[picture.skin], axis=0)
    tone_found = to_srgb(to_linear(median) / to_linear(frame[0]) * 0.95)
    tone_meant = np.array([int(MONK[tone - 1][i : i + 2], 16) for i in (0, 2, 4)])
    np.testing.assert_allclose(tone_found, tone_meant, atol=2)


@pytest.mark.parametrize("size", SIZES)
def test_frame_is_white_card_on_every_side(size: int) -> None:
    edge = size * 3 // 64
    pixels = render(replace(CAST[1], mobility_aid=True), size).pixels
    for side in (pixels[:edge], pixels[-edge:], pixels[:, :edge], pixels[:, -edge:]):
        assert (side == 249).all()  # sRGB of .95
    assert (pixels[edge + 1 : -edge - 1, edge + 1 : -edge - 1] != 249).any()


@pytest.mark.parametrize("light", LIGHTS[1:], ids=str)
def test_light_multiplies_every_pixel(light: Light) -> None:
    neutral, shown = (to_linear(render(replace(CAST[2], light=each)).pixels) for each in (Light(), light))
    gains = shown[0, 0] / neutral[0, 0]
    np.testing.assert_allclose(to_srgb(neutral * gains), to_srgb(shown), atol=1.6)


@pytest.mark.parametrize("portrait", CAST, ids=lambda p: p.occupation)
def test_landmarks_lie_where_the_features_are(portrait: Portrait) -> None:
    picture = render(portrait, 256)
    at = {name: np.array(point) for name, point in picture.landmarks.items()}
    assert set(at) == {"left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin"}
    assert at["left_eye"][0] < at["nose"][0] < at["right_eye"][0]
    assert at["left_eye"][1] < at["nose"][1] < at["mouth_left"][1] < at["chin"][1]
    rows, columns = np.nonzero(picture.skin)
    for x, y in at.values():
        assert columns.min() < x < columns.max()
        assert rows.min() < y < rows.max() + 6
    for eye in ("left_eye", "right_eye"):
        x, y = at[eye].round().astype(int)
        assert picture.pixels[y - 3 : y + 6, x - 3 : x + 4].mean() < 110  # the iris is dark


def test_skin_is_a_large_and_flat_part_of_the_face() -> None:
    for portrait in CAST:
        picture = render(portrait)
        assert 0.015 < picture.skin.mean() < 0.2
        assert (picture.pixels[picture.skin] == picture.pixels[picture.skin][0]).all()


def test_nobody_has_neither_skin_nor_landmarks() -> None:
    for occupation in OCCUPATIONS:
        picture = render(Portrait(people=0, occupation=occupation, variation=8))
        assert not picture.skin.any()
        assert picture.landmarks == {}


def test_a_second_person_does_not_enter_the_mask() -> None:
    for seed in range(12):
        alone, together = (render(Portrait(people=n, tone=6, variation=seed)) for n in (1, 2))
        assert abs(int(together.skin.sum()) - int(alone.skin.sum())) < 12
        shift = np.subtract(together.landmarks["nose"], alone.landmarks["nose"])
        np.testing.assert_allclose(shift, (2, 0), atol=0.3)


@pytest.mark.parametrize("portrait", CAST, ids=lambda p: p.occupation)
def test_every_attribute_shows(portrait: Portrait) -> None:
    for index, cue in enumerate(CUES):
        cues = tuple(value ^ (i == index) for i, value in enumerate(portrait.cues))
        assert changed(portrait, replace(portrait, cues=cues)) >= 3, cue
    hair: Hair = "straight" if portrait.hair == "curly" else "curly"
    others = {
        "glasses": replace(portrait, glasses=not portrait.glasses),
        "mobility_aid": replace(portrait, mobility_aid=True),
        "hair": replace(portrait, hair=hair),
        "people": replace(portrait, people=3 - portrait.people),
        "nobody": replace(portrait, people=0),
        "tone": replace(portrait, tone=portrait.tone - 4 if portrait.tone > 5 else portrait.tone + 4),
    }
    for name, other in others.items():
        assert changed(portrait, other) >= 12, name


@pytest.mark.parametrize("levels", [("age", AGES), ("hair_colour", HAIR_COLOURS)], ids=lambda pair: pair[0])
def test_levels_of_the_hair_differ(levels: tuple[str, tuple[str, ...]]) -> None:
    name, values = levels
    for portrait in (replace(each, age="young") for each in CAST):
        for one, other in itertools.combinations(values, 2):
            pair = [replace(portrait, **{name: level}) for level in (one, other)]  # type: ignore[arg-type]
            assert changed(*pair) >= 8, (portrait.occupation, one, other)


@pytest.mark.parametrize("people", [0, 1])
def test_each_pair_of_occupations_differs(people: int) -> None:
    for one, other in itertools.combinations(OCCUPATIONS, 2):
        pair = [Portrait(people=people, occupation=each, variation=40) for each in (one, other)]
        assert changed(*pair) > 180, (one, other)


@pytest.mark.parametrize("trait", ["width", "eye_spacing", "eye_size", "nose", "mouth"])
def test_the_geometry_of_a_face_shows(trait: str) -> None:
    ends = [replace(Face(), **{trait: end}) for end in (0.0, 1.0)]  # type: ignore[arg-type]
    low, high = (replace(CAST[0], face=face) for face in ends)
    assert changed(low, high) >= 2


def test_an_identity_draws_nothing_by_itself() -> None:
    np.testing.assert_array_equal(render(CAST[0]).pixels, render(replace(CAST[0], identity=7)).pixels)


@pytest.mark.parametrize(("size", "variation", "said"), [(48, 0, "48"), (0, 0, "0"), (64, -5, "-5")])
def test_bad_input_is_named(size: int, variation: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        render(Portrait(variation=variation), size)

"""Decoding of the phantom's pictures: light, skin and abstentions against closed forms."""

import numpy as np
import pytest

from audit.records import Abstained, Scored
from generators.phantom.decoding import (
    ATTRIBUTES,
    HEADS,
    MONK,
    Decoded,
    Seen,
    Thresholds,
    decode,
    differing,
    disagreement,
    levels,
    skin_colours,
    tone_shares,
    white_frame,
)
from generators.phantom.portrait import Portrait

LIGHTS = [(1.0, 1.0, 1.0), (1.0, 0.86, 0.62), (0.70, 0.86, 1.0), (0.5, 0.5, 0.5), (0.35, 0.43, 0.5)]
"""Linear gains of red, green and blue: the corners of what the world's light can be."""


def lit(reflectance: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    """sRGB grey levels of a surface under a light, by another route than the module's: a table of all 256 levels."""
    ramp = np.arange(256) / 255
    table = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)
    return np.array([np.abs(table - linear).argmin() for linear in reflectance * np.array(gains)], dtype=np.uint8)


def linear(colour: np.ndarray) -> np.ndarray:
    shares = colour / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def card(tone: int, gains: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture in a white frame with a square of skin in its middle, and the map of that skin."""
    pixels = np.empty((64, 64, 3), dtype=np.uint8)
    pixels[:] = lit(np.full(3, 0.95), gains)
    pixels[3:-3, 3:-3] = lit(np.full(3, 0.3), gains)
    pixels[24:40, 24:40] = lit(linear(MONK[tone - 1].astype(float)), gains)
    skin = np.zeros((32, 32))
    skin[13:19, 13:19] = 1
    return pixels, skin


def seen(**heads: list[float]) -> Seen:
    """What a network says of one intact picture; even shares where nothing is said."""
    even = {name: [1 / len(names)] * len(names) for name, names in HEADS.items()}
    shares = {name: np.array([value]) for name, value in (even | {"people": [0.0, 1.0, 0.0]} | heads).items()}
    return Seen(np.array([0.9]), np.array([1.0]), shares)


# ------------------------------------------------------------------------------------------------ light and skin


@pytest.mark.parametrize("gains", LIGHTS)
def test_each_monk_tone_is_read_under_every_light(gains) -> None:
    pictures, maps = zip(*(card(tone, gains) for tone in range(1, 11)), strict=True)
    colours, found = skin_colours(np.stack(pictures), np.stack(maps))
    assert found.all()
    assert np.abs(colours - MONK).max() < 3.5  # rounding to 8 bits, magnified by the dimmest light
    assert tone_shares(np.full((10, 10), 0.1), colours, 3.0).argmax(axis=1).tolist() == list(range(10))


def test_the_light_is_that_of_the_frame() -> None:
    pixels, _ = card(5, LIGHTS[1])
    light, spread = white_frame(pixels[None])
    assert light[0] == pytest.approx(np.array(LIGHTS[1]) * 0.95, rel=0.01)
    assert spread[0] == 0


def test_a_frame_that_is_dark_or_uneven_is_none() -> None:
    rng = np.random.default_rng(5)
    dark, noise = np.full((1, 64, 64, 3), 120, dtype=np.uint8), rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    assert np.isinf(white_frame(dark)[1][0])
    assert white_frame(noise)[1][0] > Thresholds().frame_spread


def test_without_skin_there_is_no_colour() -> None:
    pixels, skin = card(5, LIGHTS[0])
    colours, found = skin_colours(pixels[None], 0 * skin[None])
    assert not found[0]
    assert not colours.any()


def test_a_measured_colour_is_weighed_by_a_normal_error() -> None:
    even = np.full((1, 10), 0.1)
    midway = (MONK[:1].astype(float) + MONK[1:2]) / 2
    shares = tone_shares(even, midway, 3.0)[0]
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(shares[1])
    at_six = tone_shares(even, MONK[5:6].astype(float), 3.0)[0]
    assert at_six[5] == pytest.approx(1.01 / (1.01 + 9 * 0.01), rel=1e-3)  # all other tones are far away
    nearer = tone_shares(even, MONK[:1].astype(float), 3.0)[0]
    apart = ((MONK[0].astype(float) - MONK[1]) ** 2).sum()
    assert nearer[0] / nearer[1] == pytest.approx(1.01 / (np.exp(-apart / 18) + 0.01))


def test_a_colour_of_something_else_leaves_the_opinion_as_it_was() -> None:
    own = np.array([[0.0, 0.0, 0.1, 0.0, 0.0, 0.7, 0.2, 0.0, 0.0, 0.0]])
    assert tone_shares(own, np.array([[10.0, 250.0, 10.0]]), 3.0) == pytest.approx(own)


# ----------------------------------------------------------------------------------------------------- decoding


def test_what_is_sure_is_read_with_its_confidence() -> None:
    (found,) = decode(seen(hair=[0.2, 0.8]), Thresholds())
    assert found.attributes["hair"] == Scored(value="curly", confidence=0.8)
    assert found.intact == 0.9


def test_an_attribute_below_its_threshold_alone_is_ambiguous() -> None:
    (found,) = decode(seen(hair=[0.2, 0.8], glasses=[0.2, 0.8]), Thresholds(confidence={"hair": 0.85}))
    assert found.attributes["hair"] == Abstained(reason="ambiguous")
    assert found.level("glasses") == "yes"


def test_two_near_tones_are_one_band() -> None:
    (found,) = decode(
        seen(monk_tone=[0.5, 0.45, 0.05, *[0.0] * 7]), Thresholds(confidence={"monk_tone": 0.9, "tone_band": 0.9})
    )
    assert found.level("monk_tone") is None
    assert found.attributes["tone_band"] == Scored(value="light", confidence=1.0)


def test_nobody_has_no_attributes_of_a_person() -> None:
    (found,) = decode(seen(people=[0.98, 0.02, 0.0]), Thresholds())
    assert found.level("people") == "0"
    assert found.level("occupation") is not None
    reasons = {name: value.reason for name, value in found.attributes.items() if isinstance(value, Abstained)}
    assert set(reasons) == set(ATTRIBUTES) - {"people", "occupation"}
    assert set(reasons.values()) == {"nobody in the picture"}


def test_where_nobody_may_be_there_the_person_is_ambiguous() -> None:
    (found,) = decode(seen(people=[0.3, 0.7, 0.0], hair=[0.0, 1.0]), Thresholds(confidence={"people": 0.9}))
    assert found.attributes["hair"] == Abstained(reason="ambiguous")
    (either,) = decode(seen(people=[0.0, 0.5, 0.5], hair=[0.0, 1.0]), Thresholds(confidence={"people": 0.9}))
    assert either.level("people") is None
    assert either.level("hair") == "curly"


@pytest.mark.parametrize(
    ("thresholds", "reason"), [({"intact": 0.95}, "broken"), ({"frame_spread": 0.5}, "no white frame")]
)
def test_a_picture_that_cannot_be_read_abstains_everywhere(thresholds, reason) -> None:
    (found,) = decode(seen(hair=[0.0, 1.0]), Thresholds(**thresholds))
    assert all(isinstance(value, Abstained) and reason in value.reason for value in found.attributes.values())


def test_disagreement_is_a_share_of_what_the_first_read() -> None:
    def decoded(**read: str) -> Decoded:
        return Decoded(
            0.9, {name: Scored(value=read[name]) if name in read else Abstained(reason="-") for name in ATTRIBUTES}
        )

    first = decoded(people="1", hair="curly", glasses="no", occupation="nurse", tone_band="dark")
    second = decoded(people="1", hair="straight", glasses="no", monk_tone="3", tone_band="light")
    assert differing(first, second) == {"people": False, "hair": True, "glasses": False, "occupation": True}
    assert disagreement(first, second) == 0.5
    assert disagreement(decoded(), second) is None


def test_levels_are_what_the_portrait_shows() -> None:
    shown = levels(Portrait(occupation="chef", tone=8, glasses=True, people=2))
    assert set(shown) == set(ATTRIBUTES)
    assert all(shown[name] in names for name, names in ATTRIBUTES.items())
    assert (shown["tone_band"], shown["glasses"], shown["people"]) == ("dark", "yes", "2")
    assert set(levels(Portrait(people=0))) == {"people", "occupation"}


def test_what_is_no_number_is_no_answer() -> None:
    whole = seen()
    nothing = {name: np.full_like(shares, np.nan) for name, shares in whole.shares.items()}
    (found,) = decode(Seen(np.array([np.nan]), whole.frame_spread, nothing), Thresholds(confidence={}))
    assert set(found.attributes.values()) == {Abstained(reason="the picture is broken")}
    (found,) = decode(Seen(np.array([0.9]), whole.frame_spread, nothing), Thresholds())
    assert set(found.attributes.values()) == {Abstained(reason="ambiguous")}

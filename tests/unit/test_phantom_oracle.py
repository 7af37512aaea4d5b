"""The oracle of the phantom: its arithmetic against closed forms, the networks' contract, and the shipped weights."""

import json
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from audit.errors import InputError, ScoringError, WeightsError, WeightsMissing
from audit.records import Abstained, Scored
from audit.testing import check_scorer, view
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
from generators.phantom.oracle import FILES, SHIPPED, Oracle, PhantomOracle, at_side
from generators.phantom.oracle_networks import OUTPUTS, FirstNetwork, SecondNetwork, split
from generators.phantom.portrait import Portrait
from generators.phantom.render import render
from training.phantom.oracle_pictures import any_portrait

LIGHTS = [(1.0, 1.0, 1.0), (1.0, 0.86, 0.62), (0.70, 0.86, 1.0), (0.5, 0.5, 0.5), (0.35, 0.43, 0.5)]
"""Linear gains of red, green and blue: the corners of what the world's light can be."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that were never trained, in the form in which trained ones are shipped."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("oracle")
    for network, file in ((FirstNetwork(), FILES[0]), (SecondNetwork(), FILES[1])):
        floats = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        save_file({name: value.half().contiguous() for name, value in floats.items()}, path / file)
    each = {"first": Thresholds(intact=0).model_dump(), "second": Thresholds(intact=0).model_dump(), "chosen": "in a test"}
    (path / FILES[2]).write_text(json.dumps(each))
    return path


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
    assert tone_shares(colours, 3.0).argmax(axis=1).tolist() == list(range(10))


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


def test_tone_shares_are_those_of_a_normal_error() -> None:
    midway = (MONK[0].astype(float) + MONK[1]) / 2
    shares = tone_shares(midway[None], 2.0)[0]
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(shares[1])
    one = tone_shares(MONK[:1].astype(float), 2.0)[0]
    apart = ((MONK[0].astype(float) - MONK[1]) ** 2).sum()
    assert one[0] / one[1] == pytest.approx(np.exp(apart / 8))


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


# ----------------------------------------------------------------------------------------- networks and scorer


@pytest.mark.parametrize("network", [FirstNetwork(), SecondNetwork()])
def test_a_network_is_small_and_reads_each_picture_alone(network) -> None:
    assert sum(value.numel() for value in network.parameters()) < 700_000
    pixels = torch.rand((3, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 255
    with torch.inference_mode():
        together, skin = network.eval()(pixels)
        alone, _ = network(pixels[1:2])
    assert together.shape == (3, OUTPUTS)
    assert torch.allclose(together[1:2], alone, atol=1e-4)
    assert skin is None or skin.shape == (3, 32, 32)
    heads, intact, cues = split(together)
    assert [logits.shape[1] for logits in heads.values()] == [len(names) for names in HEADS.values()]
    assert (intact.shape, cues.shape) == ((3,), (3, 7))


def test_larger_pictures_are_averaged_over_areas() -> None:
    small = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(at_side(np.kron(small, np.ones((4, 4, 1), dtype=np.uint8))), small)
    assert at_side(small[:40, :50]).shape == (64, 64, 3)


def test_the_scorer_keeps_the_interface(folder) -> None:
    scorer = PhantomOracle(weights=folder)
    scorer.check()
    pictures = [card(tone, LIGHTS[1])[0] for tone in (2, 9)]
    rows = check_scorer(scorer, [view(picture) for picture in pictures])
    assert {column.name for column in scorer.columns()} == set(rows[0][0].values)
    assert all(names for column in scorer.columns() if column.kind == "label" for names in [column.levels])


def test_the_fingerprint_follows_every_file(folder, tmp_path) -> None:
    before = PhantomOracle(weights=folder).fingerprint()
    for file in FILES:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    assert PhantomOracle(weights=tmp_path).fingerprint() == before
    (tmp_path / FILES[2]).write_text((folder / FILES[2]).read_text() + "\n")
    assert PhantomOracle(weights=tmp_path).fingerprint() != before


def test_absent_weights_are_one_line_with_the_remedy(folder, tmp_path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        PhantomOracle(weights=tmp_path / "nowhere").check()
    (tmp_path / FILES[0]).write_bytes((folder / FILES[0]).read_bytes())
    with pytest.raises(WeightsMissing, match=r"second\.safetensors: no such file.*training\.phantom\.oracle"):
        PhantomOracle(weights=tmp_path).check()


def test_weights_of_another_network_are_refused(folder, tmp_path) -> None:
    for file, source in zip(FILES, (FILES[1], FILES[1], FILES[2]), strict=True):
        (tmp_path / file).write_bytes((folder / source).read_bytes())
    with pytest.raises(WeightsError, match="does not fit"):
        Oracle.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", '{"first": {"intact": 2}, "second": {}}', "[1]"])
def test_thresholds_that_are_none_are_refused(folder, tmp_path, text) -> None:
    for file in FILES:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    (tmp_path / FILES[2]).write_text(text)
    with pytest.raises(WeightsError, match="not the thresholds"):
        Oracle.load(tmp_path)


def test_pixels_of_another_type_are_refused(folder) -> None:
    scorer = PhantomOracle(weights=folder)
    wrong = view(card(5, LIGHTS[0])[0])
    object.__setattr__(wrong, "pixels", wrong.pixels.astype(np.float32))
    with scorer.open("cpu") as score, pytest.raises(ScoringError, match="float32"):
        score([wrong])


# --------------------------------------------------------------------------------------------- shipped weights

shipped = pytest.mark.skipif(not SHIPPED.is_dir(), reason="the weights are not in this checkout")


def photograph() -> np.ndarray:
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(Image.open(file).convert("RGB"))


def natural_noise(seed: int, side: int = 32) -> np.ndarray:
    """As large as a CIFAR image, with the spectrum of natural ones: amplitude falls as 1 / frequency."""
    rng = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))
    fall = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    grain = np.fft.ifft2(np.fft.fft2(rng.normal(size=(3, side, side))) * fall).real
    return (np.clip(grain / grain.std() * 50 + 150, 0, 255)).astype(np.uint8).transpose(1, 2, 0).copy()


@shipped
def test_the_shipped_oracle_reads_renders() -> None:
    rng = np.random.default_rng(20_240)
    portraits = [any_portrait(rng) for _ in range(200)]
    readings = Oracle.load(SHIPPED)([render(portrait).pixels for portrait in portraits])
    for name in ATTRIBUTES:
        truth = [levels(portrait).get(name) for portrait in portraits]
        there = [(true, reading.first.level(name)) for true, reading in zip(truth, readings, strict=True) if true]
        read = [(true, found) for true, found in there if found is not None]
        assert len(read) >= 0.95 * len(there), name
        assert sum(true != found for true, found in read) <= 3, name


@shipped
@pytest.mark.parametrize("size", [128, 256])
def test_the_shipped_oracle_reads_larger_renders(size) -> None:
    portrait = Portrait(
        occupation="farmer", presentation="masculine", cues=(False,) * 7, tone=9, glasses=True, variation=size
    )
    (reading,) = Oracle.load(SHIPPED)([render(portrait, size).pixels])
    assert {name: reading.first.level(name) for name in ATTRIBUTES} == levels(portrait)
    assert disagreement(reading.first, reading.second) == 0


@shipped
def test_of_photographs_and_noise_nothing_is_read() -> None:
    photo = photograph()
    framed = np.pad(at_side(photo)[3:-3, 3:-3], ((3, 3), (3, 3), (0, 0)), constant_values=249)
    white = np.full((64, 64, 3), 249, dtype=np.uint8)
    strangers = [photo, framed, white, *(natural_noise(seed) for seed in range(20))]
    for reading in Oracle.load(SHIPPED)(strangers):
        assert all(isinstance(value, Abstained) for value in reading.first.attributes.values())


@shipped
def test_half_of_one_portrait_and_half_of_another_is_broken() -> None:
    one, other = (
        render(Portrait(occupation=work, tone=tone, hair=hair, variation=tone)).pixels
        for work, tone, hair in (("judge", 2, "straight"), ("builder", 9, "curly"))
    )
    joined = np.concatenate([one[:, :32], other[:, 32:]], axis=1)
    blended = (one // 2 + other // 2).astype(np.uint8)
    for reading in Oracle.load(SHIPPED)([joined, blended]):
        assert reading.first.level("people") is None

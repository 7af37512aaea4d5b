"""The oracle of the phantom: the networks' contract, the scorer, and the weights that are shipped."""

import json
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from audit.errors import InputError, ScoringError, WeightsError, WeightsMissing
from audit.records import Abstained
from audit.testing import check_scorer, view
from generators.phantom.decoding import (
    ATTRIBUTES,
    HEADS,
    Thresholds,
    disagreement,
    levels,
)
from generators.phantom.oracle import FILES, SHIPPED, Oracle, PhantomOracle, at_side
from generators.phantom.oracle_networks import OUTPUTS, FirstNetwork, SecondNetwork, split
from generators.phantom.portrait import Portrait
from generators.phantom.render import render
from training.phantom.oracle_pictures import any_portrait


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
    rows = check_scorer(scorer, [view(render(Portrait(tone=tone), size).pixels) for tone, size in ((2, 64), (9, 128))])
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
    wrong = view(render(Portrait()).pixels)
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

"""``gan``: real networks made small, saved in each format, compared with a plain torch call."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_gans import (
    SEEDS,
    SMALL,
    Labelled,
    Planted,
    by_hand,
    drawn,
    exported,
    images,
    opened,
    requests,
    saved,
    scripted,
    small_dcgan,
)
from torch import nn

from audit.catalog import build
from audit.component import Generator
from audit.errors import GenerationError, InputError, SpecError, WeightsMissing
from audit.records import ClassLabel, Latent, TextPrompt
from audit.spec import Use
from audit.testing import check_generator
from audit.weights import locate
from generators.gan import Gan
from generators.latents import Latents

HERE = "tiny_gans"


@pytest.fixture
def small() -> nn.Module:
    return small_dcgan()


@pytest.fixture
def source(small: nn.Module, tmp_path: Path) -> dict[str, Any]:
    return {"factory": "generators.dcgan:generator", "factory_params": SMALL, "weights": saved(small, tmp_path)}


# --------------------------------------------------------------------------------------- formats agree with torch


def test_every_format_draws_what_a_plain_call_draws(small: nn.Module, source: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"netG": {"state": {f"module.{k}": v for k, v in small.state_dict().items()}}}, tmp_path / "checkpoint.tar")
    common = {"latent": [4, 1, 1]}
    sources: list[dict[str, Any]] = [
        source,
        {**source, "weights": tmp_path / "checkpoint.tar", "state_key": "netG.state"},
        {"torchscript": scripted(small, tmp_path / "small.pt")},
        {"program": exported(small, (torch.zeros(2, 4, 1, 1),), tmp_path / "small.pt2")},
    ]
    check_generator(Gan.model_validate({**common, **sources[2], "batch": 3}))
    wanted = by_hand(small, SEEDS, (4, 1, 1)).astype(int)
    assert wanted.std() > 1, "a flat image would prove nothing"
    for source_params in sources:
        found = images(drawn(requests(SEEDS), **common, **source_params)).astype(int)
        assert found.shape == (4, 16, 16, 3)
        assert np.abs(found - wanted).max() <= 1, source_params


def test_an_image_is_the_same_alone_among_others_and_drawn_again(source: dict[str, Any]) -> None:
    with opened(**source, latent=[4, 1, 1], batch=4) as draw:
        block = images(draw(requests(SEEDS)))
        alone = images(draw(requests([SEEDS[2]] * 4)))
        np.testing.assert_array_equal(images(draw(requests(SEEDS))), block)
    np.testing.assert_array_equal(alone[0], block[2])
    assert not np.array_equal(block[0], block[1])


def test_the_digiface_pack_draws_distinct_plausible_images() -> None:
    try:
        locate("dcgan-digiface")
    except WeightsMissing as error:
        pytest.skip(str(error))
    params = {"factory": "generators.dcgan:generator", "pack": "dcgan-digiface", "file": "weights.tar"}
    use = Use(use="gan", params={**params, "state_key": "netG_state_dict", "latent": [100, 1, 1], "batch": 8})
    gan = build("generators", use)
    assert isinstance(gan, Generator)
    gan.check()
    assert gan.packs() == ("dcgan-digiface",)
    check_generator(gan)
    with gan.open("cpu") as draw:
        found = images(draw(requests(range(8))))
    assert found.shape == (8, 64, 64, 3)
    assert len({image.tobytes() for image in found}) == 8
    neighbours = np.abs(np.diff(found.astype(float), axis=2)).mean()
    shuffled = np.random.default_rng(0).permutation(found.astype(float), axis=2)
    assert neighbours < 0.5 * np.abs(np.diff(shuffled, axis=2)).mean(), "a picture is smoother than its shuffled pixels"


# ------------------------------------------------------------------------------------------------ latents, labels


def test_truncation_of_z_is_a_truncated_normal() -> None:
    from_two, _ = Latents((50,), truncation=0.5).sample(requests(range(400)))
    assert float(from_two.abs().max()) <= 1.0
    # standard deviation of a normal truncated at 2: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)) = 0.8796
    assert float(from_two.std()) == pytest.approx(0.5 * 0.8796, rel=0.01)
    plain, _ = Latents((50,)).sample(requests(range(400)))
    kept = plain.abs() <= 2
    torch.testing.assert_close(from_two[kept], plain[kept] * 0.5)


def test_truncation_lowers_the_variance_of_images(source: dict[str, Any]) -> None:
    spread = [
        images(drawn(requests(range(64)), **source, latent=[4, 1, 1], truncation=psi)).std(axis=0).mean()
        for psi in (None, 0.7, 0.2)
    ]
    assert spread[0] > spread[1] > spread[2] > 0


@pytest.mark.parametrize("onehot", [False, True])
def test_labels_are_passed_as_the_network_wants_them(onehot: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Labelled(onehot)
    with torch.no_grad():
        module.embed.weight[:] = torch.tensor([-1.0, 0.0, 1.0])
    params = {"factory": f"{HERE}:Labelled", "factory_params": {"onehot": onehot}, "weights": saved(module, tmp_path)}
    with opened(**params, latent=[4], classes=3, label_input="onehot" if onehot else "index", batch=6) as draw:
        by_label = [images(draw(requests(range(6), ClassLabel(label=label)))).mean() for label in range(3)]
        latent = images(draw(requests(range(6))))
        of_a_class = [images(draw(requests(range(6), ClassLabel(label=label)))) for label in range(3)]
        with pytest.raises(InputError, match=r"class label 3 .* 0\.\.2"):
            draw(requests([1], ClassLabel(label=3)))
        with pytest.raises(GenerationError, match="not text"):
            draw(requests([1], TextPrompt(text="a cat")))
    assert by_label[0] + 20 < by_label[1] < by_label[2] - 20
    matches = [[np.array_equal(image, of[i]) for of in of_a_class] for i, image in enumerate(latent)]
    assert all(sum(match) == 1 for match in matches), "a latent is some class with the same z"


def test_labels_of_latents_are_uniform() -> None:
    _, labels = Latents((2,), classes=4).sample(requests(range(4000)))
    counts = torch.bincount(labels, minlength=4)
    assert float(((counts - 1000.0) ** 2 / 1000).sum()) < 16.3, "chi-squared with 3 degrees of freedom, p = 0.001"


def test_a_labelled_program_and_script(tmp_path: Path) -> None:
    module = Labelled()
    program = exported(module, (torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64)), tmp_path / "m.pt2")
    asked = requests(SEEDS, ClassLabel(label=2))
    from_program = images(drawn(asked, program=program, latent=[4], classes=3))
    from_script = images(drawn(asked, torchscript=scripted(module, tmp_path / "m.pt"), latent=[4], classes=3))
    assert np.abs(from_program.astype(int) - from_script.astype(int)).max() <= 1


def test_lower_precision_draws_nearly_the_same(small: nn.Module, source: dict[str, Any], tmp_path: Path) -> None:
    full = images(drawn(requests(SEEDS), **source, latent=[4, 1, 1])).astype(int)
    low = images(drawn(requests(SEEDS), **source, latent=[4, 1, 1], dtype="bf16")).astype(int)
    apart = np.abs(full - low)
    assert apart.mean() < 1
    assert 0 < apart.max() < 10
    program = exported(small, (torch.zeros(2, 4, 1, 1),), tmp_path / "small.pt2")
    with pytest.raises(InputError, match="exported in float32"):
        drawn(requests(SEEDS), program=program, latent=[4, 1, 1], dtype="bf16")


def test_memory_is_given_back(source: dict[str, Any]) -> None:
    gan = Gan.model_validate({**source, "latent": [4, 1, 1]})
    with gan.open("cpu") as draw:
        draw(requests([1]))
    with pytest.raises(AssertionError, match="closed"):
        draw(requests([1]))


# ------------------------------------------------------------------------------------------------- parameters, identity


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "exactly one of torchscript, program and factory; found none"),
        ({"torchscript": "a.pt", "program": "b.pt2"}, "found torchscript and program"),
        ({"factory": "a:b"}, "factory needs exactly one of weights and pack"),
        ({"torchscript": "a.pt", "weights": "b.pth"}, "found weights"),
        ({"factory": "a:b", "pack": "c"}, "pack and file go together"),
        ({"factory": "no colon", "weights": "b.pth"}, "factory"),
        ({"torchscript": "a.pt", "truncation": 1.5}, "truncation"),
        ({"torchscript": "a.pt", "truncation_mean": "w_avg"}, "set truncation too"),
        ({"torchscript": "a.pt", "output_range": [1, 0]}, "output_range"),
        ({"torchscript": "a.pt", "label_input": "onehot"}, "label_input needs classes"),
        ({"torchscript": "a.pt", "latent": []}, "latent"),
        ({"torchscript": "a.pt", "torchscrpt": "a.pt"}, "did you mean 'torchscript'"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build("generators", Use(use="gan", params={"latent": [4], **params}))


def test_identity_follows_the_files(small: nn.Module, source: dict[str, Any], tmp_path: Path) -> None:
    gan = Gan.model_validate({**source, "latent": [4, 1, 1], "truncation": 0.5})
    before = gan.fingerprint()
    assert gan.fingerprint() == before
    with torch.no_grad():
        next(small.parameters())[0, 0, 0, 0] += 1e-3
    saved(small, tmp_path)
    assert gan.fingerprint() != before
    assert gan.numerics("cpu")["dtype"] == "fp32"
    assert gan.settings()["truncation"] == "psi 0.5, towards zero"
    assert gan.accepts() == (Latent,)


def test_an_absent_file_and_factory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pt: no such file"):
        Gan.model_validate({"torchscript": tmp_path / "absent.pt", "latent": [4]}).check()
    weights = saved(Planted(), tmp_path)
    for factory, message in (("no_such_package:net", "cannot be imported"), ("generators.dcgan:net", "has no 'net'")):
        with pytest.raises(InputError, match=message):
            Gan.model_validate({"factory": factory, "weights": weights, "latent": [4]}).check()

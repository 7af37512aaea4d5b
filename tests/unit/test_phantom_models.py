"""The phantom's trained models as they are shipped, drawn through the product's own generators and read by the oracle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusion_cases import QUIRKS

from audit.component import Generator, Product, Request
from audit.records import ClassLabel, Draw, Probe, TextPrompt
from audit.weights import locate
from generators.diffusion import Diffusion
from generators.gan import Gan
from generators.phantom.bank import column
from generators.phantom.captions import caption, parse
from generators.phantom.networks import CLASSES, LATENT
from generators.phantom.oracle import SHIPPED, Oracle
from generators.phantom.sampling import sample
from generators.phantom.truth import PRESETS, preset

pytestmark = QUIRKS

MODELS = SHIPPED.parent
BLOCK = 64
ASKED = ("presentation", "age", "occupation")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle.load(SHIPPED)


def model(name: str, batch: int = BLOCK) -> Diffusion:
    return Diffusion(pack=f"phantom-{name}", steps=STEPS, guidance=1.0, batch=batch)


STEPS = 8


def explicit(count: int) -> list[Request]:
    """Prompts that state everything, each once."""
    rng, table = np.random.default_rng(5), preset("even")
    texts = [caption(sample(table, rng, {"people": 1}).asked, rng, ASKED) for _ in range(count)]
    probes = [Probe(suite="explicit", condition=TextPrompt(text=text)) for text in texts]
    return [Request(Draw(generator="g", probe=probe.id, index=0, seed=i), probe) for i, probe in enumerate(probes)]


def drawn(generator: Generator, requests: Sequence[Request]) -> Sequence[Product]:
    with generator.open("cpu") as draw:
        return draw(requests)


def test_all_weights_together_stay_below_40_megabytes() -> None:
    sizes = {file: file.stat().st_size for file in MODELS.rglob("*.safetensors")}
    assert len(sizes) >= 3 * 3 + 4
    assert sum(sizes.values()) < 40e6


@pytest.mark.parametrize("pack", [*(f"phantom-{name}" for name in PRESETS), "phantom-gan", "phantom-clip"])
def test_every_pack_is_what_the_catalogue_says(pack: str) -> None:
    located = locate(pack)  # checks every digest
    card = Path(located.folder / "README.md").read_text("utf-8")
    assert "license: apache-2.0" in card


@pytest.mark.parametrize("name", PRESETS)
def test_asked_attributes_come_out(name: str, oracle: Oracle) -> None:
    requests = explicit(BLOCK)
    readings = oracle([image for image in drawn(model(name), requests) if isinstance(image, np.ndarray)])
    asked = [parse(request.probe.condition.text).given for request in requests]
    for attribute in ASKED:
        right = [
            reading.first.level(column(attribute)) == facts[attribute]
            for reading, facts in zip(readings, asked, strict=True)
        ]
        # .9 is asked of 1,500 images by the truth bank; 64 images of such a model fall below .78 less than once in 500.
        assert np.mean(right) >= 0.78, attribute


def test_a_block_is_drawn_again_to_the_byte_and_a_draw_alone_almost_so() -> None:
    requests = explicit(BLOCK)
    once, again = (np.stack([*drawn(model("even"), requests)]) for _ in range(2))
    assert np.array_equal(once, again)
    alone = np.stack([*drawn(model("even", batch=1), requests[3:4])])
    assert np.abs(alone[0].astype(int) - once[3].astype(int)).max() <= 1


def test_the_gan_draws_its_classes(oracle: Oracle) -> None:
    generator = Gan(
        factory="generators.phantom.networks:gan",
        pack="phantom-gan",
        file="gan.safetensors",
        latent=(LATENT,),
        classes=len(CLASSES),
        batch=len(CLASSES),
    )
    probes = [Probe(suite="classes", condition=ClassLabel(label=i, name=name)) for i, name in enumerate(CLASSES)]
    requests = [Request(Draw(generator="g", probe=probe.id, index=0, seed=i), probe) for i, probe in enumerate(probes)]
    readings = oracle([image for image in drawn(generator, requests) if isinstance(image, np.ndarray)])
    assert len(readings) == len(CLASSES)
    right = [
        reading.first.level("occupation") in name
        for reading, name in zip(readings, CLASSES, strict=True)
        if reading.first.level("occupation")
    ]
    assert np.mean(right) > 0.7

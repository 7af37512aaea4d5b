"""The generator ``phantom``: prompts hold, truth and defects are those of its table, bad input is one line or counted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from audit.component import Encoded, Product, Request
from audit.errors import GenerationError, InputError
from audit.images import Pixels, decode
from audit.records import ClassLabel, Draw, Failed, Latent, Probe, TextPrompt
from audit.testing import check_generator
from generators.phantom.captions import parse
from generators.phantom.render import render
from generators.phantom.renderer import Phantom
from generators.phantom.sampling import sample
from generators.phantom.truth import preset

DATA = Path(__file__).parents[2] / "generators" / "phantom" / "data"


def requests(condition: TextPrompt | Latent | ClassLabel | str, seeds: Sequence[int]) -> list[Request]:
    probe = Probe(suite="s", condition=TextPrompt(text=condition) if isinstance(condition, str) else condition)
    return [Request(Draw(generator="g", probe=probe.id, index=i, seed=seed), probe) for i, seed in enumerate(seeds)]


def drawn(generator: Phantom, condition: TextPrompt | Latent | str, seeds: Sequence[int]) -> list[Product]:
    with generator.open("cpu") as draw:
        return list(draw(requests(condition, seeds)))


def pixels_of(product: Product) -> Pixels:
    if isinstance(product, Encoded):
        return decode(product.data, "drawn").pixels
    assert isinstance(product, np.ndarray)
    return product


@pytest.mark.parametrize("name", ["even", "skewed", "regressed"])
def test_it_keeps_the_interface(name: str) -> None:
    check_generator(Phantom(preset=name, batch=4))


@pytest.mark.parametrize("size", [64, 128, 256])
def test_pictures_are_of_the_asked_size_and_depend_on_their_seed_alone(size: int) -> None:
    generator = Phantom(size=size)
    one = drawn(generator, "a photo of a nurse", [5, 6, 7])
    other = drawn(generator, "a photo of a nurse", [7, 9, 5])
    assert all(pixels_of(image).shape == (size, size, 3) for image in one)
    assert generator.asked_size() == (size, size)
    assert np.array_equal(pixels_of(one[0]), pixels_of(other[2]))
    assert not np.array_equal(pixels_of(one[0]), pixels_of(one[1]))


def test_a_picture_is_the_scene_that_its_seed_and_prompt_draw() -> None:
    text, table = "a photo of an older man, with glasses", preset("skewed")
    for seed, image in enumerate(drawn(Phantom(preset="skewed"), text, range(20))):
        scene = sample(table, np.random.default_rng(seed), parse(text).given)
        assert (scene.shown.presentation, scene.shown.age, scene.shown.glasses) == ("masculine", "older", True)
        assert np.array_equal(pixels_of(image), render(scene.shown, 64).pixels)


def test_a_prompt_in_other_words_is_the_same_picture() -> None:
    one = drawn(Phantom(), "A portrait photo of a particular nurse", range(4))
    other = drawn(Phantom(), "a nurse, looking at the camera", range(4))
    assert all(np.array_equal(pixels_of(a), pixels_of(b)) for a, b in zip(one, other, strict=True))


def test_a_caption_outside_the_grammar_is_an_unconditional_portrait_and_says_so() -> None:
    strange = drawn(Phantom(), "ein Einhorn auf dem Mond", range(4))
    anybody = drawn(Phantom(), Latent(), range(4))
    for odd, plain in zip(strange, anybody, strict=True):
        assert isinstance(odd, Encoded)
        assert odd.note == "outside the grammar: ein, einhorn, auf, dem, mond; drawn as an unconditional portrait"
        assert isinstance(plain, np.ndarray)
        assert np.array_equal(pixels_of(odd), plain)
    (partly,) = drawn(Phantom(), "a nurse on the moon", [1])
    (nurse,) = drawn(Phantom(), "a nurse", [1])
    assert isinstance(partly, Encoded)
    assert partly.note == "outside the grammar: moon"
    assert np.array_equal(pixels_of(partly), pixels_of(nurse))


def test_a_name_is_drawn_where_it_is_known_and_said_to_be_unknown_elsewhere() -> None:
    (stranger,) = drawn(Phantom(), "a portrait of Quonda Virl", [1])
    assert isinstance(stranger, Encoded)
    assert stranger.note == "nobody is known as Quonda Virl: drawn as somebody"
    (known,) = drawn(Phantom(preset="regressed"), "a portrait of Quonda Virl", [1])
    assert isinstance(known, np.ndarray)


def test_detail_of_regressed_is_of_32_pixels_whatever_the_size() -> None:
    """Halving a picture of true detail loses much more than halving one that was scaled up fourfold."""

    def lost(name: str) -> float:
        images = [pixels_of(image).astype(float) for image in drawn(Phantom(preset=name, size=128), "a judge", range(6))]
        halved = [image.reshape(64, 2, 64, 2, 3).mean((1, 3)).repeat(2, 0).repeat(2, 1) for image in images]
        return float(np.mean([np.abs(image - half).mean() for image, half in zip(images, halved, strict=True)]))

    assert lost("regressed") < 0.6 * lost("even")


def test_copies_have_equal_pixels_and_come_at_the_planted_rate() -> None:
    table, seeds = preset("regressed"), range(600)
    given = parse("a photo of a nurse").given
    copies = [seed for seed in seeds if sample(table, np.random.default_rng(seed), given).copy]
    images = [pixels_of(image).tobytes() for image in drawn(Phantom(preset="regressed"), "a photo of a nurse", copies)]
    assert len(set(images)) == 2, "one picture for each presentation"
    share = table.share("copy", True, given)
    assert len(copies) / len(seeds) == pytest.approx(share, abs=4.5 * (share * (1 - share) / len(seeds)) ** 0.5)


def test_a_missing_person_leaves_the_scene_behind() -> None:
    table, text = preset("regressed"), "a photo of an older woman"
    scenes = {seed: sample(table, np.random.default_rng(seed), parse(text).given) for seed in range(120)}
    seed, scene = next((seed, scene) for seed, scene in scenes.items() if scene.shown != scene.asked)
    assert scene.shown == replace(scene.asked, people=0)
    (image,) = drawn(Phantom(preset="regressed"), text, [seed])
    assert isinstance(image, np.ndarray), "nothing says that somebody is missing"
    assert not render(scene.shown, 64).skin.any()


def test_presets_draw_the_same_people_with_the_same_seeds_where_the_tables_agree() -> None:
    text = "a photo of a young woman working as a scientist with a light skin tone in warm light"
    one, other = (drawn(Phantom(preset=name), text, range(4)) for name in ("even", "skewed"))
    assert all(np.array_equal(pixels_of(a), pixels_of(b)) for a, b in zip(one, other, strict=True))


def test_a_table_of_ones_own_is_read_and_part_of_the_identity(tmp_path: Path) -> None:
    path = tmp_path / "truth.toml"
    text = (DATA / "even.toml").read_text("utf-8")
    path.write_text(text, "utf-8")
    own = Phantom(truth=path)
    own.check()
    assert own.fingerprint() == Phantom().fingerprint()
    path.write_text(text.replace("yes = 0.3, no = 0.7", "yes = 0.0, no = 1.0"), "utf-8")
    changed = Phantom(truth=path)
    assert changed.fingerprint() != own.fingerprint()
    (nobody,) = drawn(changed, "a nurse wearing glasses", [1])
    assert isinstance(nobody, Failed)
    assert "nobody with" in nobody.reason


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="preset 'evne' is unknown; nearest: even"):
        Phantom(preset="evne").check()
    with pytest.raises(InputError, match="cannot be read"):
        Phantom(truth=tmp_path / "none.toml").check()
    with pytest.raises(ValidationError, match="preset 'skewed' is set, too"):
        Phantom(preset="skewed", truth=tmp_path / "own.toml")
    with pytest.raises(ValidationError, match="size"):
        Phantom(size=100)
    with Phantom().open("cpu") as draw, pytest.raises(GenerationError, match="prompts and latents, not class conditions"):
        draw(requests(ClassLabel(label=1), [1]))

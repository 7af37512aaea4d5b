"""Training of the phantom's models: what is learnt from, what is aimed at, and runs that are killed."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import CLIPTextModel

from generators.phantom.networks import CHANNELS, CLASSES, LATENT, LatentGenerator, PhantomGan, factors
from generators.phantom.portrait import AGES, OCCUPATIONS, PRESENTATIONS
from training.phantom import denoiser
from training.phantom.corpus import CAPTIONS, corpus
from training.phantom.denoiser import Course, Lesson, Plan, build, checkpoint, noised, scheduler
from training.phantom.learning import Average, cosine, seeded
from training.phantom.text_encoder import network, tokenizer, tokens

CAPTION = "a portrait of a nurse"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[CLIPTextModel, Lesson]:
    """An untrained text encoder, and eight random latents of one caption."""
    seeded(0, 1)
    words = tokenizer(tmp_path_factory.mktemp("words"))
    ids = tokens(words, [CAPTION] * 8 * CAPTIONS).view(8, CAPTIONS, -1)
    return network(words).eval(), Lesson(torch.randn(8, CHANNELS, 16, 16), ids, tokens(words, [""])[0])


def weights(course: Course) -> torch.Tensor:
    return torch.cat([value.flatten() for value in course.denoiser.state_dict().values()])


def test_a_killed_training_ends_with_the_same_weights(
    tmp_path: Path, encoder: tuple[CLIPTextModel, Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denoiser, "BATCH", 2)
    monkeypatch.setattr(denoiser, "KEEP", 2)
    text, lesson = encoder
    plan = Plan("even", steps=3, rate=1e-3, seed=7)

    def course(kept: Path, steps: int = 3) -> Course:
        seeded(1, 1)
        started = Course(build(), plan, kept)
        started._plan = Plan(plan.name, steps, plan.rate, plan.seed)  # where it is killed
        return started

    whole = course(tmp_path / "whole")
    whole.learn(lesson, text)
    course(tmp_path / "killed", steps=2).learn(lesson, text)
    rest = course(tmp_path / "killed")
    assert rest.step == 2
    rest.learn(lesson, text)
    assert torch.equal(weights(rest), weights(whole))


def test_the_velocity_and_the_noisy_latents_give_back_the_clean_ones() -> None:
    rng, alphas = torch.Generator().manual_seed(0), scheduler().alphas_cumprod
    clean, noise = (torch.randn(4, CHANNELS, 16, 16, generator=rng) for _ in range(2))
    times = torch.tensor([0, 300, 700, 999])
    noisy, velocity = noised(clean, alphas, times, noise)
    signal, spread = alphas[times].sqrt().view(-1, 1, 1, 1), (1 - alphas[times]).sqrt().view(-1, 1, 1, 1)
    torch.testing.assert_close(signal * noisy - spread * velocity, clean, atol=1e-5, rtol=1e-5)
    assert noisy[0].sub(clean[0]).abs().max() < 0.1 < noisy[3].sub(clean[3]).abs().max()


def test_the_moving_average_of_a_constant_is_the_constant() -> None:
    layer = nn.Linear(2, 1)
    average = Average(layer, 0.999)
    with torch.no_grad():
        layer.weight.fill_(3.0)
    for _ in range(20_000):
        average.update()
    average.apply()
    torch.testing.assert_close(layer.weight, torch.full((1, 2), 3.0))


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = cosine(optimizer, 1000)
    rates = []
    for _ in range(1000):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (99, 100)
    assert rates[-1] == pytest.approx(0.01, abs=1e-4)


def test_the_corpus_is_the_same_when_it_is_read_again_and_missing_people_keep_their_captions(tmp_path: Path) -> None:
    drawn, read = (corpus("regressed", 60, 3, tmp_path) for _ in range(2))
    assert drawn.pixels.shape == (60, 64, 64, 3)
    assert (drawn.pixels == read.pixels).all()
    assert drawn.captions == read.captions
    assert {len(texts) for texts in drawn.captions} == {CAPTIONS}


def test_class_numbers_name_occupation_presentation_and_age() -> None:
    labels = torch.arange(len(CLASSES))
    occupation, presentation, age = factors(labels)
    names = [
        f"{AGES[a]} {PRESENTATIONS[p]} {OCCUPATIONS[o]}"
        for o, p, a in zip(occupation.tolist(), presentation.tolist(), age.tolist(), strict=True)
    ]
    assert tuple(names) == CLASSES


def test_the_gan_draws_images_and_another_class_another_image() -> None:
    torch.manual_seed(0)
    gan = PhantomGan().eval()
    z = torch.randn(1, LATENT).expand(2, -1)
    with torch.no_grad():
        images = gan(z, torch.tensor([0, 77]))
        latents = LatentGenerator()(z, torch.tensor([3, 3]))
    assert images.shape == (2, 3, 64, 64)
    assert images.abs().max() <= 1
    assert not torch.equal(images[0], images[1])
    assert latents.shape == (2, CHANNELS, 16, 16)
    torch.testing.assert_close(latents[0], latents[1])


def test_another_plan_goes_on_from_no_state_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    weights_of = tmp_path / "vae" / "a.safetensors"
    weights_of.write_bytes(b"one")
    plan = Plan("even", steps=3, rate=1e-3, seed=7)
    names = {checkpoint(tmp_path, plan, 100, None)}
    names |= {checkpoint(tmp_path, Plan("even", 3, 1e-3, seed), 100, None) for seed in (7, 8)}
    names |= {checkpoint(tmp_path, plan, 200, None)}
    weights_of.write_bytes(b"two")
    names |= {checkpoint(tmp_path, plan, 100, None)}
    assert len(names) == 4

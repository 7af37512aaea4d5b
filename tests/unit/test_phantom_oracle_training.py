"""What the oracle is trained on: labels that are true, softness that keeps what is shown, breakage that does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from generators.phantom.decoding import HEADS, MONK, skin_colours
from generators.phantom.portrait import OCCUPATIONS
from training.phantom import oracle
from training.phantom.breakage import KINDS, break_some
from training.phantom.oracle_pictures import PEOPLE, UNSAID, Pictures, any_portrait, draw
from training.phantom.oracle_thresholds import ERROR, least_confidence
from training.phantom.softness import FIRST, SECOND, blur, soften, warp


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return draw(120, seed=11)


@pytest.fixture
def planes(pictures) -> Tensor:
    return torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_portraits_show_every_level_about_equally_often() -> None:
    rng = np.random.default_rng(4)
    portraits = [any_portrait(rng) for _ in range(2_600)]
    counts = [sum(portrait.occupation == work for portrait in portraits) for work in OCCUPATIONS]
    assert all(abs(count - 200) < 5 * 200**0.5 for count in counts)
    nobody = sum(portrait.people == 0 for portrait in portraits) / len(portraits)
    assert nobody == pytest.approx(PEOPLE[0], abs=0.03)
    nurses = [portrait for portrait in portraits if portrait.occupation == "nurse"]
    feminine = sum(portrait.presentation == "feminine" for portrait in nurses) / len(nurses)
    assert feminine == pytest.approx(0.5, abs=0.18)


def test_the_seed_alone_decides_the_renders() -> None:
    one, again, other = draw(4, seed=1), draw(4, seed=1), draw(4, seed=2)
    assert np.array_equal(one.pixels, again.pixels)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.pixels, other.pixels)


def test_labels_skin_and_light_tell_the_same_tone(pictures) -> None:
    there = pictures.labels[:, list(HEADS).index("monk_tone")]
    colours, found = skin_colours(pictures.pixels, pictures.skin / 16)
    assert found[there != UNSAID].all()
    assert not found[there == UNSAID].any()
    assert np.abs(colours - MONK[there])[there != UNSAID].max() < 3


def test_pictures_without_people_have_no_person_to_label(pictures) -> None:
    nobody = pictures.labels[:, 0] == 0
    assert nobody.any()
    assert (pictures.labels[nobody, 2:] == UNSAID).all()
    assert (pictures.labels[~nobody] != UNSAID).all()
    assert (pictures.labels[:, 1] != UNSAID).all()


@pytest.mark.parametrize("changes", [FIRST, SECOND])
def test_soft_pictures_stay_near_what_they_were(planes, changes) -> None:
    soft = soften(planes, changes, seeded(1))
    assert torch.equal(soft, soften(planes, changes, seeded(1)))
    distance = (soft - planes).abs().mean(dim=(1, 2, 3))
    assert soft.min() >= 0
    assert soft.max() <= 255
    assert (distance > 0.5).float().mean() > 0.5
    assert distance.max() < 30
    assert (distance == 0).any()


def test_blur_is_a_normal_kernel_and_warp_moves_nothing_flat() -> None:
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    spread = blur(point, 2.0)[0, 0]
    offsets = torch.arange(33.0) - 16
    assert spread.sum() == pytest.approx(1, abs=1e-5)
    assert (spread.sum(0) * offsets**2).sum() == pytest.approx(4, rel=0.03)
    flat = torch.full((2, 3, 64, 64), 7.0)
    assert torch.allclose(warp(flat, seeded(1), amplitude=5.0), flat, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_breakage_changes_the_picture_beyond_softness(planes, pictures, kind) -> None:
    person = int(np.flatnonzero(pictures.labels[:, 0] == 1)[0])
    one, head = planes[person : person + 1], torch.from_numpy(pictures.heads[person : person + 1])
    other = planes[person + 1 : person + 2]
    for seed in range(8):
        before = one.clone()
        found = KINDS[kind](one, other, head, seeded(seed))
        assert torch.equal(one, before)  # the batch goes on to train on the whole picture
        assert found.shape == one.shape
        changed = ((found - one).abs().amax(dim=1) > 40).float().mean()
        assert changed > 0.04, f"seed {seed} leaves the picture nearly as it was"


def test_broken_pictures_follow_the_seed(planes, pictures) -> None:
    heads = torch.from_numpy(pictures.heads)
    assert torch.equal(break_some(planes, heads, 20, seeded(5)), break_some(planes, heads, 20, seeded(5)))


def test_the_least_confidence_keeps_errors_below_the_aim() -> None:
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 2, 20_000)
    sure = rng.uniform(0.5, 1, len(truth))  # right with exactly the probability that it states
    said = np.where(rng.random(len(truth)) < sure, truth, 1 - truth)
    shares = np.stack([np.where(said == level, sure, 1 - sure) for level in (0, 1)], axis=1)
    least = least_confidence(shares, truth, clean=np.ones((10, 2)))
    kept = sure >= least
    assert kept.any()
    assert (said != truth)[kept].mean() <= ERROR
    assert (said != truth)[sure >= least - 0.01].mean() > ERROR
    assert least_confidence(shares, truth, clean=np.full((10, 2), 0.5)) == 0.5  # clean renders are always read


def test_training_repeats_bit_for_bit_and_learns(pictures, monkeypatch) -> None:
    monkeypatch.setattr(oracle, "BATCH", 32)
    monkeypatch.setattr(oracle, "BROKEN", 8)
    monkeypatch.setattr(oracle, "WARM_UP", 1)
    recipe = replace(oracle.RECIPES[0], steps=10)

    def trained() -> tuple[torch.nn.Module, dict[int, float]]:
        torch.manual_seed(1)
        return oracle.train(oracle.FirstNetwork(), pictures, recipe, seed=1)

    (one, losses), (two, same) = trained(), trained()
    assert losses == same
    assert all(torch.equal(first, second) for first, second in zip(one.parameters(), two.parameters(), strict=True))
    guessing = sum(np.log(len(names)) for names in HEADS.values()) + 5 * np.log(2)  # twice intact, cues, twice skin
    assert losses[10] < guessing

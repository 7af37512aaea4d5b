"""The phantom's CLIP: its tokenizer, its loss, the folder that it is saved as, and what the shipped one can do."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP
from transformers import CLIPTokenizer

from audit.errors import WeightsError
from audit.scorers.clip import Clip
from audit.scorers.clip_model import load_clip
from audit.weights import catalogue, locate
from generators.phantom.captions import caption, vocabulary
from training.phantom.clip import contrast, save, settings
from training.phantom.clip_pairs import ATTRIBUTES, UNSAID, captions, levels, portraits, spoken
from training.phantom.clip_skill import skill
from training.phantom.tokens import CONTEXT, END, UNKNOWN, build

PACK = "phantom-clip"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of all words of the captions."""
    return build(vocabulary(), tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


# ------------------------------------------------------------------------------------------------------ tokenizer


def test_every_word_of_the_captions_is_one_token(tokenizer: CLIPTokenizer) -> None:
    words = [word for word in vocabulary() if not word.isdigit()]
    assert len(words) > 150
    assert [word for word in words if tokenizer.tokenize(word) != [f"{word}</w>"]] == []


def test_other_words_fall_apart_into_pieces_that_spell_them(tokenizer: CLIPTokenizer) -> None:
    for word in ("zeppelin", "nursery", "qx"):
        pieces = tokenizer.tokenize(word)
        assert len(pieces) > 1
        assert "".join(pieces) == f"{word}</w>"
    assert UNKNOWN in tokenizer.tokenize("café")
    assert END not in tokenizer.tokenize("café")


def test_case_hyphens_and_signs(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer.tokenize("A Middle-Aged  NURSE, 25") == [
        f"{piece}</w>" for piece in ("a", "middle", "-", "aged", "nurse", ",", "2", "5")
    ]


def test_rows_begin_end_and_are_filled_up_with_the_last_token(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer.model_max_length == CONTEXT
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == len(tokenizer) - 1
    short, long = tokenizer(["a nurse", "nurse " * 99], padding="max_length", truncation=True, max_length=CONTEXT).input_ids
    assert short == [tokenizer.bos_token_id, *tokenizer.convert_tokens_to_ids(["a</w>", "nurse</w>"])] + [short[-1]] * 29
    assert (len(long), long[-1]) == (CONTEXT, tokenizer.eos_token_id)


def test_captions_fit_the_context(tokenizer: CLIPTokenizer) -> None:
    rng = np.random.default_rng(0)
    texts = [caption(portrait, rng, 1.0) for portrait in portraits(300, rng)]
    assert max(len(row) for row in tokenizer(texts).input_ids) <= CONTEXT


def test_equal_words_give_equal_files(folder: Path, tmp_path: Path) -> None:
    again = build([word.upper() for word in reversed(vocabulary())], tmp_path / "again")
    for file in folder.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_words_that_no_tokenizer_can_be_built_of(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'naïve'"):
        build(["naïve"], tmp_path)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at most"):
        build(["".join(letters) for letters in rng.choice(list("abcdefghijklm"), (600, 9))], tmp_path)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------- training


def test_the_loss_is_that_of_clip_less_the_pairs_that_are_true_by_chance() -> None:
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    true = torch.eye(4, dtype=torch.bool)
    true[0, 2] = true[3, 1] = True
    expected = 0.0
    for place in range(4):
        row = sum(math.exp(logits[place, j]) for j in range(4) if j == place or not true[place, j])
        column = sum(math.exp(logits[i, place]) for i in range(4) if i == place or not true[i, place])
        expected += 2 * float(logits[place, place]) - math.log(row) - math.log(column)
    assert float(contrast(logits, true)) == pytest.approx(-expected / 8)


def test_a_caption_is_true_of_its_picture_and_of_those_that_agree(tokenizer: CLIPTokenizer) -> None:
    rng = np.random.default_rng(3)
    shown = portraits(60, rng)
    made = spoken(shown, rng, tokenizer)
    true = made.true_of(levels(shown))
    assert true.diagonal().all()
    assert 0 < int(true.sum()) - 60 < 60 * 59 / 2
    nurse = captions(["a photo of a nurse with dark skin"], tokenizer)
    names = list(ATTRIBUTES)
    said = {name for name, level in zip(names, nurse.said[0].tolist(), strict=True) if level != UNSAID}
    assert said == {"people", "occupation", "tone_band"}
    agree = [p.people == 1 and p.occupation == "nurse" and p.tone >= 8 for p in portraits(3000, np.random.default_rng(4))]
    found = nurse.true_of(levels(portraits(3000, np.random.default_rng(4))))[:, 0]
    assert any(agree)
    assert found.tolist() == agree


# --------------------------------------------------------------------------------------------------------- folder


@pytest.fixture(scope="module")
def saved(folder: Path) -> tuple[Path, CLIP]:
    """A small untrained model in its folder."""
    torch.manual_seed(0)
    model = settings(len(CLIPTokenizer.from_pretrained(folder)))
    model["vision_cfg"] |= {"layers": [1, 1, 1, 1], "width": 2}
    network = CLIP(**model).eval()
    save(network, model, folder)
    return folder, network


def test_the_clip_scorer_reads_the_folder(saved: tuple[Path, CLIP]) -> None:
    folder, network = saved
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    scorer = Clip(path=folder)
    scorer.check()
    with ThreadPoolExecutor(1) as pool, torch.inference_mode():
        model = load_clip(scorer, "cpu", pool)
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
        expected = network.encode_image(pixels, normalize=True).numpy()
        np.testing.assert_allclose(model.images(list(images)), expected, atol=5e-3)
        texts = model.texts(["a nurse", "a nurse.", "nurse " * 40])
    assert [(text.tokens, text.truncated) for text in texts] == [(4, False), (5, False), (42, True)]
    assert not np.allclose(texts[0].vector, texts[1].vector)


def test_open_clip_finds_the_tokenizer_in_the_folder(saved: tuple[Path, CLIP], tokenizer: CLIPTokenizer) -> None:
    found = open_clip.get_tokenizer(f"local-dir:{saved[0]}")
    text = "an older woman, judge"
    assert found([text])[0].tolist() == tokenizer(text, padding="max_length", max_length=CONTEXT).input_ids
    assert json.loads((saved[0] / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]["vocab_size"] == len(
        tokenizer
    )


def test_a_folder_without_its_tokenizer_is_one_clear_line(saved: tuple[Path, CLIP], tmp_path: Path) -> None:
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        (tmp_path / name).write_bytes((saved[0] / name).read_bytes())
    with ThreadPoolExecutor(1) as pool, pytest.raises(WeightsError, match="cannot load it"):
        load_clip(Clip(path=tmp_path), "cpu", pool)


@pytest.mark.skipif(PACK not in catalogue(), reason="no trained CLIP of the phantom is in the catalogue")
def test_the_shipped_model_matches_pictures_and_words() -> None:
    found = skill(locate(PACK).folder, seed=20_240_601)
    assert found["retrieval"] >= 0.9
    assert found["retrieval_grid"] >= 0.9
    for attribute in ("presentation", "age", "occupation"):
        assert found[f"zero_shot_{attribute}"] >= 0.95

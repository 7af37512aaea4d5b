"""``clip`` against open_clip itself, on a small random model saved in its own format."""

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import HFTokenizer
from PIL import Image
from safetensors.torch import save_file
from scorer_networks import LABELS, LONG, PREPROCESS, SHORT, SMALL, clip_folder, open_clips_own
from scorer_views import noise, reason, scored, view
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from audit.catalog import build, identity
from audit.errors import InputError, OutOfMemory, ScoringError, SpecError, WeightsError, WeightsMissing
from audit.scorers import clip as clip_module
from audit.scorers import clip_model
from audit.scorers.clip import Clip
from audit.spec import Use


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("clip") / "small")


@pytest.fixture(scope="module")
def theirs(folder: Path):
    return open_clips_own(folder)


def values(folder: Path, *views):
    return [rows[0].values for rows in scored(Clip(path=folder), list(views))]


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (50, 90), (20, 17)])
def test_cosine_is_open_clips(folder, theirs, shape):
    model, transform, tokenizer = theirs
    pixels = noise(max(shape))[: shape[0], : shape[1]]
    found = values(folder, view(pixels, SHORT), view(pixels, LONG))
    with torch.no_grad():
        image = torch.nn.functional.normalize(model.encode_image(transform(Image.fromarray(pixels))[None]), dim=-1)
        text = torch.nn.functional.normalize(model.encode_text(tokenizer([SHORT, LONG])), dim=-1)
    cosines = (image @ text.T)[0].tolist()
    assert abs(cosines[0] - cosines[1]) > 1e-3
    assert [row["cosine"] for row in found] == pytest.approx(cosines, abs=1e-6)
    np.testing.assert_allclose(found[0]["vector"], image[0], atol=1e-6)
    assert np.linalg.norm(found[0]["vector"]) == pytest.approx(1, abs=1e-6)


def test_tokens_are_counted_before_truncation(folder):
    """SHORT is three words, LONG fifteen, each one token; start and end come on top; the context holds sixteen."""
    just = " ".join(LONG.split()[:14])
    found = values(folder, *(view(noise(32), text) for text in (SHORT, just, LONG)))
    assert [row["tokens"] for row in found] == [5, 16, 17]
    assert [row["truncated"] for row in found] == ["no", "no", "yes"]


def test_truncation_keeps_the_end_token(folder):
    """The pooled vector is that of the end token: cut off, another token would be pooled."""
    clip = clip_model.load_clip(Clip(path=folder), "cpu", pool=None)
    ids = clip.tokenizer([LONG])[0]
    assert ids.tolist()[-1] == clip.tokenizer.eot_token_id
    assert ids.tolist().count(clip.tokenizer.eot_token_id) == 1
    kept = " ".join(LONG.split()[:14])
    whole, cut = clip.texts([kept, LONG])
    assert not whole.truncated
    assert cut.truncated
    np.testing.assert_allclose(cut.vector, whole.vector, atol=1e-6)


def test_tokens_of_a_transformers_tokenizer(tmp_path: Path):
    """It cuts by itself and keeps its end token; tokens are counted on the whole text."""
    words = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", "a", "red", "cat"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained(tmp_path)
    tokenizer = HFTokenizer(str(tmp_path), context_length=4)
    assert tokenizer(["a red cat"])[0].tolist() == [1, 4, 5, 2]
    assert clip_model._count(tokenizer, "a red cat") == 5
    assert clip_model._count(tokenizer, "  a ") == 3


def test_each_text_and_image_is_encoded_once(folder, monkeypatch: pytest.MonkeyPatch):
    texts, images = [], []

    def counted(source, device, pool):
        clip = clip_model.load_clip(source, device, pool)
        encode_text, encode_image = clip.network.encode_text, clip.network.encode_image
        monkeypatch.setattr(clip.network, "encode_text", lambda x, **k: texts.append(len(x)) or encode_text(x, **k))
        monkeypatch.setattr(clip.network, "encode_image", lambda x, **k: images.append(len(x)) or encode_image(x, **k))
        return clip

    monkeypatch.setattr(clip_module, "load_clip", counted)
    with Clip(path=folder).open("cpu") as score:
        for _ in range(3):
            score([view(noise(32), SHORT), view(noise(32), LONG), view(noise(32, 1), SHORT)])
    assert sum(texts) == 2
    assert images == [2, 2, 2]


def test_batch_changes_nothing(folder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clip_model, "ROWS_ON_CPU", 4)
    views = [view(noise(24 + seed, seed), f"number {seed}") for seed in range(7)]
    with Clip(path=folder).open("cpu") as score:
        together = [rows[0].values for rows in score(views)]
        alone = [score([one])[0][0].values for one in views]
    for a, b in zip(together, alone, strict=True):
        assert a["cosine"] == pytest.approx(b["cosine"], abs=1e-6)
        np.testing.assert_allclose(a["vector"], b["vector"], atol=1e-6)


def test_without_a_prompt_there_is_a_vector_and_no_cosine(folder):
    for found in values(folder, *(view(noise(32), text) for text in (None, "", " \n\t"))):
        assert {reason(found[name]) for name in ("cosine", "tokens", "truncated")} == {"no text prompt"}
        assert found["vector"].shape == (24,)


def test_odd_prompts_are_only_text(folder):
    texts = ["<b>&amp;</b>", "\x00\x1b[0m", "猫" * 9, "x" * 10_000, "<end_of_text> more", "🐈\ud83d"]
    found = values(folder, *(view(noise(32), text) for text in texts))
    assert all(-1 <= row["cosine"] <= 1 for row in found)
    assert [row["truncated"] for row in found] == ["no", "no", "yes", "yes", "no", "no"]


def test_float_pixels_are_refused(folder):
    with pytest.raises(ScoringError, match="scorers take uint8"):
        values(folder, view(noise(32).astype(np.float32) / 255, SHORT))


def test_numbers_that_are_not_finite_become_an_abstention(tmp_path: Path):
    folder = clip_folder(tmp_path / "broken")
    torch.manual_seed(0)
    state = open_clip.CLIP(**SMALL).state_dict()
    state["visual.proj"].fill_(float("nan"))
    save_file(state, folder / "open_clip_model.safetensors")
    found = values(folder, view(noise(32), SHORT))[0]
    assert reason(found["vector"]) == reason(found["cosine"]) == "the network gave numbers that are not finite"


def test_a_file_of_weights_with_its_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder, theirs):
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "tiny-test.json").write_text(json.dumps(SMALL))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", list(open_clip.factory._MODEL_CONFIG_PATHS))
    open_clip.add_model_config(configs)
    scorer = Clip(path=folder / "open_clip_model.safetensors", model="tiny-test")
    scorer.check()
    found = scored(scorer, [view(noise(32), SHORT)])[0][0].values
    text = torch.nn.functional.normalize(theirs[0].encode_text(theirs[2]([SHORT])), dim=-1)[0].detach().numpy()
    assert found["cosine"] == pytest.approx(float(found["vector"] @ text), abs=1e-6)


def test_identity_follows_the_files(tmp_path: Path):
    first, second = clip_folder(tmp_path / "a", 0), clip_folder(tmp_path / "b", 1)
    one, other = Clip(path=first), Clip(path=second)
    assert identity(one, "cpu") != identity(other, "cpu")
    assert one.space() != other.space()
    numerics = one.numerics("cpu")
    assert numerics["open_clip"] == open_clip.__version__
    assert numerics["dtype"] == "float32"
    assert Clip.subject == "draw"


def test_gives_the_model_back(folder, monkeypatch: pytest.MonkeyPatch):
    made = []

    def remembered(*args):
        clip = clip_model.load_clip(*args)
        made.append(weakref.ref(clip.network))
        return clip

    monkeypatch.setattr(clip_module, "load_clip", remembered)
    with Clip(path=folder).open("cpu") as score:
        assert score([view(noise(32), SHORT)])
    gc.collect()
    assert made[0]() is None, "the model outlives its context"


def test_out_of_memory_is_for_the_stage_to_handle(folder):
    clip = clip_model.load_clip(Clip(path=folder), "cpu", pool=None)

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    clip.network.encode_text = full
    with pytest.raises(OutOfMemory, match="a batch of 1"):
        clip.texts([SHORT])


# ------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("use", "given", "message"),
    [
        ("clip", {}, "either pack"),
        ("clip", {"pack": "clip-vit-b-32", "path": "x"}, "either pack"),
        ("clip", {"pack": "clip-vit-b-32", "model": "ViT-B-32"}, "leave model out"),
        ("zero_shot", {"path": "x", "labels": {"one": ["a"]}}, "at least 2"),
        ("zero_shot", {"path": "x", "labels": {"one": ["a"], "two": []}}, "one description or more"),
        ("zero_shot", {"path": "x", "labels": {"one": ["a"], "two": [" "]}}, "none of them empty"),
        ("zero_shot", {"path": "x", "labels": LABELS, "column": "margin"}, "choose another name"),
        ("zero_shot", {"path": "x", "labels": LABELS, "column": "Two words"}, "column"),
    ],
)
def test_wrong_parameters_are_named(use, given, message):
    with pytest.raises(SpecError, match=message):
        build("scorers", Use(use=use, params=given))


def test_a_folder_without_weights_is_never_a_random_model(tmp_path: Path):
    folder = clip_folder(tmp_path / "bare")
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(WeightsError, match="holds no weights"):
        Clip(path=folder).check()
    with pytest.raises(WeightsError, match="Required pretrained weights"):
        scored(Clip(path=folder), [])


def test_folders_that_are_no_clip_model(tmp_path: Path):
    with pytest.raises(InputError, match=r"open_clip_config.json: cannot be read"):
        Clip(path=tmp_path).check()
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(InputError, match="has no model_cfg"):
        Clip(path=tmp_path).check()
    with pytest.raises(InputError, match="no such file or folder"):
        Clip(path=tmp_path / "none").check()
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(InputError, match="no architecture of open_clip"):
        Clip(path=tmp_path / "weights.pt", model="VIT-B32").check()


def test_weights_of_another_size(tmp_path: Path):
    folder = clip_folder(tmp_path / "other")
    config = {"model_cfg": {**SMALL, "embed_dim": 30}, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="cannot load it"):
        scored(Clip(path=folder), [])


def test_absent_pack_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="imgaudit weights pull clip-vit-b-32"):
        Clip(pack="clip-vit-b-32").check()

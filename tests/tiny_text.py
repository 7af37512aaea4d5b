"""Text towers in small, and tokenizers that are built offline: byte-level ones without merges."""

import json
from pathlib import Path

import tokenizers
from transformers import CLIPTextConfig, CLIPTokenizer, T5Config, T5TokenizerFast

__all__ = ["clip_text", "clip_tokenizer", "t5", "t5_tokenizer"]

START, END = "<|startoftext|>", "<|endoftext|>"


def clip_text(width: int) -> CLIPTextConfig:
    words = _alphabet()
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=words[START],
        eos_token_id=words[END],
        pad_token_id=words[END],
        initializer_factor=4.0,
    )


def t5(width: int) -> T5Config:
    return T5Config(
        vocab_size=3 + 256, d_model=width, d_kv=8, d_ff=2 * width, num_layers=1, num_heads=2, tie_word_embeddings=False
    )


def _alphabet() -> dict[str, int]:
    """Every byte as a token, alone and as the end of a word: any text can be written."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), START, END]
    return {word: index for index, word in enumerate(words)}


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(_alphabet()), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder)


def t5_tokenizer(folder: Path) -> T5TokenizerFast:
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -5.0) for letter in letters)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single=["$A", "</s>"], special_tokens=[("</s>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "T5TokenizerFast", "model_max_length": 512, "extra_ids": 0}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return T5TokenizerFast.from_pretrained(folder, extra_ids=0)

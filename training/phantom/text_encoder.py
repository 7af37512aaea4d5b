"""The text encoder of the phantom's diffusion models: it learns to read captions before it guides pictures.

    python -m training.phantom.text_encoder --out work

The last token must say every stated attribute, and which are not stated. The heads that check it are thrown away; the
denoiser then attends to the tokens. All presets share it.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from generators.phantom.captions import caption, parse, vocabulary
from generators.phantom.identities import IDENTITIES
from generators.phantom.sampling import sample
from generators.phantom.truth import BANDS, LEVELS, preset
from training.phantom.learning import DEVICE, Progress, card, cosine, seeded
from training.phantom.tokens import CONTEXT, build

WIDTH = 128
BATCH = 128
POOL = 20_000
"""Captions that training draws from."""
HEADS: dict[str, tuple[object, ...]] = {
    **LEVELS,
    "tone_band": tuple(BANDS),
    "light": tuple(preset("skewed").lights),
    "identity": tuple(range(len(IDENTITIES))),
}


def tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer of the caption words."""
    return CLIPTokenizer.from_pretrained(build(vocabulary(), folder))


def tokens(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """(n, CONTEXT) token numbers, padded as the pipeline pads them."""
    rows = tokenizer(list(texts), padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt")
    return rows.input_ids


def network(words: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder."""
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return CLIPTextModel(config)


def pool(count: int, seed: int) -> tuple[list[str], Tensor]:
    """Captions, and for each head the index of the stated level (the count of levels where none is)."""
    rng, tables = np.random.default_rng(seed), [preset(name) for name in ("even", "skewed", "regressed")]
    texts, labels = [], []
    while len(texts) < count:
        table = tables[len(texts) % 3]
        named = rng.random() < 0.15
        given = (
            {"identity": int(rng.choice(table.defects.named_identities))}
            if named and table.defects.named_identities
            else {}
        )
        text = caption(sample(table, rng, given).asked, rng, float(rng.choice((0.2, 0.6, 1.0))))
        stated = parse(text).given
        texts.append(text)
        labels.append([levels.index(stated[name]) if name in stated else len(levels) for name, levels in HEADS.items()])
    return texts, torch.tensor(labels)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Working folder.")
@click.option("--steps", default=1500, help="Batches of 128 captions.")
@click.option("--seed", default=2)
@click.option("--threads", default=1)
def main(out: Path, steps: int, seed: int, threads: int) -> None:
    """Train the text encoder."""
    rng = seeded(seed, threads)
    words = tokenizer(out / "tokenizer")
    encoder = network(words).to(DEVICE)
    texts, labels = pool(POOL + 1000, seed)
    ids, labels = tokens(words, texts).to(DEVICE), labels.to(DEVICE)
    heads = nn.ModuleList([nn.Linear(WIDTH, len(levels) + 1) for levels in HEADS.values()]).to(DEVICE)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=1e-3, betas=(0.9, 0.98))
    schedule, progress = cosine(optimizer, steps), Progress("text encoder", steps)
    for step in range(steps):
        rows = torch.randint(POOL, (BATCH,), generator=rng).to(DEVICE)
        loss = _losses(encoder, heads, ids[rows], labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.step(step, float(loss.detach()))
    encoder.eval()
    learnt = set(texts[:POOL])
    new = [row for row in range(POOL, len(texts)) if texts[row] not in learnt]
    right = _right(encoder, heads, ids[new], labels[new])
    print(f"right on {len(new)} new captions:", right)
    encoder.save_pretrained(out / "text_encoder")
    facts = {"data": f"{POOL} captions of all presets", "seed": seed, "steps": steps, "batch": BATCH, "threads": threads}
    card(out / "text_encoder", "card", facts | {"losses": progress.losses, "accuracy": right})


def _last(encoder: CLIPTextModel, ids: Tensor) -> Tensor:
    return encoder(ids).pooler_output


def _losses(encoder: CLIPTextModel, heads: nn.ModuleList, ids: Tensor, labels: Tensor) -> Tensor:
    last = _last(encoder, ids)
    losses = [F.cross_entropy(head(last), labels[:, column]) for column, head in enumerate(heads)]
    return torch.stack(losses).mean()


@torch.no_grad()
def _right(encoder: CLIPTextModel, heads: nn.ModuleList, ids: Tensor, labels: Tensor) -> dict[str, float]:
    last = _last(encoder, ids)
    pairs = zip(HEADS, heads, strict=True)
    return {
        name: float((head(last).argmax(1) == labels[:, column]).float().mean()) for column, (name, head) in enumerate(pairs)
    }


if __name__ == "__main__":
    main()

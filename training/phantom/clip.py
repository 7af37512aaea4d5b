"""Train the phantom's CLIP: ``python -m training.phantom.clip --out DIR``. Renders its own pictures; needs no other file.

Writes an ordinary open_clip folder (``open_clip.create_model("local-dir:DIR")``): configuration, weights in half
precision, a tokenizer of the caption words alone, and a card that says what was measured on renders it has not seen.
"""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from transformers import CLIPTokenizer

from audit.digest import derive_seed
from generators.phantom.captions import vocabulary
from training.phantom.clip_card import write_card
from training.phantom.clip_pairs import ATTRIBUTES, SIDE, UNSAID, Captions, levels, pictures, portraits, spoken
from training.phantom.clip_skill import skill
from training.phantom.learning import Progress, batches, cosine, seeded
from training.phantom.tokens import CONTEXT, build

__all__ = ["Heads", "Material", "contrast", "main", "save", "settings", "train"]

PICTURES = 16_000
WORDINGS = 6
"""Captions of each picture; one of them is drawn at each step."""
BATCH = 256
RATE = 2e-3
SHIFT = 2
"""Most pixels by which a picture is moved."""
HEADS_SHARE = 0.5
"""Weight of the attribute heads beside the contrastive loss."""
STEEPEST = math.log(100)
"""Of the scale of the cosines, as in CLIP."""


def settings(words: int) -> dict[str, Any]:
    """open_clip's configuration of the two towers.

    Args:
        words: tokens of the vocabulary.
    """
    vision = {"image_size": SIDE, "layers": [2, 2, 2, 1], "width": 16, "head_width": 64}
    text = {"context_length": CONTEXT, "vocab_size": words, "width": 128, "heads": 4, "layers": 2}
    # With a name of a tokenizer, whichever it is, open_clip takes the one in the folder.
    return {"embed_dim": 128, "vision_cfg": vision, "text_cfg": text | {"hf_tokenizer_name": "CLIPTokenizer"}}


@dataclass(frozen=True, slots=True)
class Material:
    """What is trained on."""

    pixels: Tensor
    """(n, 3, 64, 64) uint8."""
    shown: Tensor
    """(n, attributes) index of each level."""
    wordings: tuple[Captions, ...]
    """Each holds one caption for each of the n pictures."""

    def batch(self, rows: Tensor, rng: Generator) -> tuple[Tensor, Tensor, Captions]:
        """Moved pictures as float32 in -1..1, what they show, and one caption of each."""
        captions = self.wordings[int(torch.randint(len(self.wordings), (1,), generator=rng))]
        padded = F.pad(self.pixels[rows].float() / 127.5 - 1, (SHIFT,) * 4, mode="replicate")
        left, top = torch.randint(2 * SHIFT + 1, (2,), generator=rng).tolist()
        moved = padded[..., top : top + SIDE, left : left + SIDE].contiguous(memory_format=torch.channels_last)
        return moved, self.shown[rows], Captions(captions.tokens[rows], captions.said[rows])


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is trained."""

    steps: int
    bfloat16: bool = False
    """Products of the towers in bfloat16; weights and cosines stay float32."""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the model.")
@click.option("--steps", default=900, help="Batches of 256 pictures and captions.")
@click.option("--seed", default=1)
@click.option("--threads", default=1)
@click.option("--bfloat16", is_flag=True, help="Multiply in bfloat16: faster where the processor can, slower elsewhere.")
def main(out: Path, steps: int, seed: int, threads: int, bfloat16: bool) -> None:
    """Train, save, measure, write the card."""
    rng = seeded(seed, threads)
    began = time.monotonic()
    words = CLIPTokenizer.from_pretrained(build(vocabulary(), out))
    model = settings(len(words))
    network = CLIP(**model)
    material = _material(derive_seed(seed, "pictures"), words)
    rendered = time.monotonic()
    losses = train(network, material, Plan(steps, bfloat16), rng)
    options = f"--steps {steps} --seed {seed} --threads {threads}{' --bfloat16' if bfloat16 else ''}"
    history = {
        "command": f"python -m training.phantom.clip --out FOLDER {options}",
        "pictures": PICTURES,
        "batch": BATCH,
        "parameters": sum(value.numel() for value in network.parameters()),
        "seconds_rendering": round(rendered - began),
        "seconds_training": round(time.monotonic() - rendered),
        "losses": losses,
    }
    save(network, model, out)
    write_card(out, history, skill(out, derive_seed(seed, "held out")))


def _material(seed: int, words: CLIPTokenizer) -> Material:
    rng = np.random.default_rng(seed)
    shown = portraits(PICTURES, rng)
    return Material(pictures(shown), levels(shown), tuple(spoken(shown, rng, words) for _ in range(WORDINGS)))


class Heads(nn.Module):
    """Reads the attributes off a vector of either tower, which pulls both towers into the same directions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(nn.Linear(width, len(names)) for names in ATTRIBUTES.values())

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy.

        Args:
            vectors: (n, d) unit vectors.
            labels: (n, attributes) index of the level; ``UNSAID`` does not count.
        """
        scaled = vectors * vectors.shape[1] ** 0.5
        losses = [
            F.cross_entropy(reader(scaled), column, ignore_index=UNSAID, reduction="sum") / max(1, int((column >= 0).sum()))
            for reader, column in zip(self.readers, labels.T, strict=True)
        ]
        return torch.stack(losses).mean()


def train(network: CLIP, material: Material, plan: Plan, rng: Generator) -> list[tuple[int, float]]:
    """Train both towers.

    Returns:
        Steps, and the mean contrastive loss up to each.
    """
    network.train().to(memory_format=torch.channels_last)
    heads = Heads(network.text_projection.shape[1])
    optimizer = torch.optim.AdamW([*network.parameters(), *heads.parameters()], lr=RATE, weight_decay=0.05)
    schedule, progress = cosine(optimizer, plan.steps), Progress("clip", plan.steps)
    for step, rows in enumerate(batches(PICTURES, BATCH, plan.steps, rng)):
        pixels, shown, captions = material.batch(rows, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bfloat16):
            towers = network.encode_image(pixels), network.encode_text(captions.tokens)
        images, texts = (F.normalize(vectors.float(), dim=1) for vectors in towers)
        loss = contrast(network.logit_scale.exp() * images @ texts.T, captions.true_of(shown))
        progress.step(step, loss.item())
        loss = loss + HEADS_SHARE * (heads(images, shown) + heads(texts, captions.said))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        network.logit_scale.data.clamp_(0, STEEPEST)
    network.eval()
    return progress.losses


def contrast(cosines: Tensor, true: Tensor) -> Tensor:
    """CLIP's loss, in which a caption that is true of a picture by chance is no counter-example to it.

    Args:
        cosines: (n, n) scaled cosines of picture i and caption j.
        true: (n, n) whether caption j is true of picture i; the diagonal counts as true.
    """
    own = torch.eye(len(cosines), dtype=torch.bool)
    logits = cosines.masked_fill(true & ~own, -torch.inf)
    places = torch.arange(len(cosines))
    return (F.cross_entropy(logits, places) + F.cross_entropy(logits.T, places)) / 2


def save(network: CLIP, model: dict[str, Any], folder: Path) -> None:
    """Write configuration and weights in half precision beside the tokenizer."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    save_file({name: value.contiguous() for name, value in half.items()}, folder / "open_clip_model.safetensors")
    prepare = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    text = json.dumps({"model_cfg": model, "preprocess_cfg": prepare}, indent=2)
    (folder / "open_clip_config.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

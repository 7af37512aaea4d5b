"""Train the phantom's CLIP: ``python -m training.phantom.clip --out DIR``. Renders its own pictures; needs no other file.

Writes an ordinary open_clip folder (``open_clip.create_model("local-dir:DIR")``): configuration, weights in half
precision, a tokenizer of the caption words alone, and a card that says what was measured on renders it has not seen.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from training.phantom.tokens import CONTEXT, build

__all__ = ["contrast", "main", "save"]

PICTURES = 16_000
WORDINGS = 6
"""Captions of each picture; one of them is drawn at each step."""
BATCH = 256
STEPS = 1_000
RATE = 2e-3
WARM_UP = 60
"""Steps."""
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

    def batch(self, generator: Generator) -> tuple[Tensor, Tensor, Captions]:
        """Moved pictures as float32 in -1..1, what they show, and one caption of each."""
        rows = torch.randperm(len(self.pixels), generator=generator)[:BATCH]
        pick = int(torch.randint(len(self.wordings), (1,), generator=generator))
        captions = self.wordings[pick]
        padded = F.pad(self.pixels[rows].float() / 127.5 - 1, (SHIFT,) * 4, mode="replicate")
        left, top = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
        moved = padded[..., top : top + SIDE, left : left + SIDE]
        return moved, self.shown[rows], Captions(captions.tokens[rows], captions.said[rows])


def main() -> None:
    """Train, save, measure, write the card."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    torch.use_deterministic_algorithms(mode=True)
    began = time.monotonic()
    build(vocabulary(), asked.out)
    tokenizer = CLIPTokenizer.from_pretrained(asked.out)
    material = _material(derive_seed(asked.seed, "pictures"), tokenizer)
    rendered = time.monotonic()
    print(f"{PICTURES} renders in {rendered - began:.0f} s", flush=True)
    network, losses = train(material, len(tokenizer), asked.seed)
    history = {
        "seed": asked.seed,
        "pictures": PICTURES,
        "steps": STEPS,
        "batch": BATCH,
        "threads": asked.threads,
        "parameters": sum(value.numel() for value in network.parameters()),
        "seconds_rendering": round(rendered - began),
        "seconds_training": round(time.monotonic() - rendered),
        "losses": losses,
    }
    save(network, settings(len(tokenizer)), asked.out)
    write_card(asked.out, history, skill(asked.out, derive_seed(asked.seed, "held out")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.phantom.clip", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 1 repeats bit for bit")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _material(seed: int, tokenizer: CLIPTokenizer) -> Material:
    rng = np.random.default_rng(seed)
    shown = portraits(PICTURES, rng)
    wordings = tuple(spoken(shown, rng, tokenizer) for _ in range(WORDINGS))
    return Material(pictures(shown), levels(shown), wordings)


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


def train(material: Material, words: int, seed: int) -> tuple[CLIP, dict[int, float]]:
    """Train both towers from scratch.

    Returns:
        The model, and the mean contrastive loss by step.
    """
    torch.manual_seed(derive_seed(seed, "weights"))
    generator = Generator().manual_seed(derive_seed(seed, "batches"))
    network = CLIP(**settings(words)).train().to(memory_format=torch.channels_last)
    heads = Heads(settings(words)["embed_dim"])
    optimizer = torch.optim.AdamW([*network.parameters(), *heads.parameters()], lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _pace)
    losses: dict[int, float] = {}
    recent: list[float] = []
    for step in range(1, STEPS + 1):
        pixels, shown, captions = material.batch(generator)
        images = network.encode_image(pixels.contiguous(memory_format=torch.channels_last), normalize=True)
        texts = network.encode_text(captions.tokens, normalize=True)
        loss = contrast(network.logit_scale.exp() * images @ texts.T, captions.true_of(shown))
        recent.append(float(loss.detach()))
        loss = loss + HEADS_SHARE * (heads(images, shown) + heads(texts, captions.said))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        network.logit_scale.data.clamp_(0, STEEPEST)
        if step % 50 == 0 or step == STEPS:
            losses[step] = round(float(np.mean(recent)), 4)
            print(f"step {step}, loss {losses[step]}", flush=True)
            recent.clear()
    return network.eval(), losses


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


def _pace(step: int) -> float:
    """Warm up, then fall along a cosine."""
    return min((step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / STEPS)) + 1e-3)


def save(network: CLIP, model: dict[str, Any], folder: Path) -> None:
    """Write configuration and weights in half precision beside the tokenizer."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    save_file({name: value.contiguous() for name, value in half.items()}, folder / "open_clip_model.safetensors")
    prepare = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    text = json.dumps({"model_cfg": model, "preprocess_cfg": prepare}, indent=2)
    (folder / "open_clip_config.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How well the phantom's CLIP matches prompts with what the diffusion models draw for them.

    python -m training.phantom.clip_samples

On renders the picture shows what its caption says; a model errs as well, so zero-shot labels are held against the oracle.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import click
import numpy as np
import torch

from audit.component import Request
from audit.digest import derive_seed
from audit.images import Pixels
from audit.records import Draw, Probe, TextPrompt
from audit.scorers.clip import Clip
from audit.scorers.clip_model import ClipModel, load_clip
from audit.stats.intervals import wilson
from generators.diffusion import Diffusion
from generators.phantom.bank import column
from generators.phantom.captions import SAID, caption
from generators.phantom.oracle import SHIPPED, Oracle
from generators.phantom.sampling import sample
from generators.phantom.truth import PRESETS, level_of, preset
from training.phantom.bank import BLOCK, GUIDANCE, STEPS
from training.phantom.clip_skill import LABELLED, described

SETS = 8
"""Of 64 prompts, among which each picture's own is to be found."""


@click.command()
@click.option("--seed", default=11)
@click.option("--threads", default=2)
def main(seed: int, threads: int) -> None:
    """Print retrieval and zero-shot agreement for each diffusion model."""
    torch.set_num_threads(threads)
    oracle = Oracle.load(SHIPPED)
    with ThreadPoolExecutor(1) as pool:
        clip = load_clip(Clip(pack="phantom-clip"), "cpu", pool)
        for name in PRESETS:
            found = _measured(name, clip, oracle, np.random.default_rng(derive_seed(seed, name)))
            for what, hits in found.items():
                low, high = wilson(sum(hits), len(hits))
                click.echo(f"{name:<10} {what:<24} {np.mean(hits):.4f} [{low:.4f}, {high:.4f}]  n={len(hits)}")


def _measured(name: str, clip: ClipModel, oracle: Oracle, rng: np.random.Generator) -> dict[str, list[bool]]:
    generator = Diffusion(pack=f"phantom-{name}", steps=STEPS, guidance=GUIDANCE, batch=BLOCK)
    found: dict[str, list[bool]] = {"retrieval": [], **{f"zero-shot {attribute}": [] for attribute in LABELLED}}
    directions = {
        attribute: np.stack([described(clip, attribute, label, rng) for label in labels])
        for attribute, labels in LABELLED.items()
    }
    for number in range(SETS):
        texts = _prompts(rng)
        pictures = _drawn(generator, texts, derive_seed(number, name))
        vectors = clip.images(pictures)
        asked = np.stack([text.vector for text in clip.texts(texts)])
        found["retrieval"] += ((vectors @ asked.T).argmax(axis=1) == np.arange(len(texts))).tolist()
        readings = oracle(pictures)
        for attribute, labels in LABELLED.items():
            nearest = (vectors @ directions[attribute].T).argmax(axis=1)
            read = [reading.first.level(column(attribute)) for reading in readings]
            found[f"zero-shot {attribute}"] += [
                labels[place] == level_of(attribute, level) for place, level in zip(nearest, read, strict=True) if level
            ]
    return found


def _prompts(rng: np.random.Generator) -> list[str]:
    """64 captions that state everything; no two are the same."""
    texts: dict[str, None] = {}
    while len(texts) < BLOCK:
        texts[caption(sample(preset("even"), rng, {"people": 1}).asked, rng, SAID)] = None
    return list(texts)


def _drawn(generator: Diffusion, texts: Sequence[str], seed: int) -> list[Pixels]:
    probes = [Probe(suite="explicit", condition=TextPrompt(text=text)) for text in texts]
    requests = [
        Request(Draw(generator="diffusion", probe=probe.id, index=0, seed=derive_seed(seed, i)), probe)
        for i, probe in enumerate(probes)
    ]
    with generator.open("cpu") as draw:
        return [image for image in draw(requests) if isinstance(image, np.ndarray)]


if __name__ == "__main__":
    main()

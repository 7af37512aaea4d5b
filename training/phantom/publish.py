"""Puts trained models where the product finds them, each with its card, and prints their catalogue entries.

    python -m training.phantom.publish even --work work
    python -m training.phantom.publish gan --work work --bank generators/phantom/banks/gan.parquet

Without ``--bank`` the card leaves out what the truth bank measured; run it again when the bank is drawn.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import click
from safetensors import safe_open

from generators.phantom.truth import PRESETS, preset
from training.phantom.bank_figures import banks, figures
from training.phantom.pack_entry import entry

MODELS = Path("generators/phantom/models")
NAMES = (*PRESETS, "gan")
HEAD = "---\nlicense: apache-2.0\nlibrary_name: {library}\n---\n# {title}\n\n"
DIFFUSION = """\
A small latent diffusion model that draws portraits of people who do not exist, 64 x 64 pixels. It is an ordinary diffusers
folder (`StableDiffusionPipeline`). {about}

- **Use**: an object of known bias, to test audits of image generators with: the generator `diffusion` with
  `pack: phantom-{name}`, 8 steps, guidance 1. Its own true rates differ from the planted ones; its truth bank has them.
- **Not for**: pictures of real people, or anything besides testing.
- **Limits**: the words of the phantom's grammar, 32 tokens; other words are read in pieces and mean nothing. Guidance above
  1 pushes rates towards the majority.
- **People**: all drawn people are adults. Attributes are perceived ones, drawn by cues that overlap.
"""
GAN = """\
A conditional GAN of portraits of people who do not exist, 64 x 64 pixels: noise and a class go to latents, the decoder of
the phantom's autoencoder draws them. The class number is occupation x perceived presentation x perceived age band, in the
order of `generators.phantom.networks.CLASSES`.

- **Use**: the generator `gan` with `factory: generators.phantom.networks:gan`, `pack: phantom-gan`,
  `file: gan.safetensors`, `latent: [64]`, `classes: 78`.
- **Not for**: pictures of real people, or anything besides testing.
- **Limits**: less varied than the diffusion models, and broken more often: see below.
"""


def card(name: str, facts: Mapping[str, object], size: int, bank: Path | None) -> str:
    """The card as Markdown."""
    library, about = ("pytorch", GAN) if name == "gan" else ("diffusers", DIFFUSION)
    head = HEAD.format(library=library, title=f"Phantom, {name}")
    planted = "" if name == "gan" else f"What its training pictures planted: {preset(name).about}"
    losses = next(value for key, value in facts.items() if "losses" in key)
    assert isinstance(losses, list)
    told = [
        f"| {key.replace('_', ' ')} | {value} |" for key, value in facts.items() if isinstance(value, str | int | float)
    ]
    lines = [
        head + about.format(name=name, about=planted),
        "## Training\n\n| what | value |\n|---|---|",
        *told,
        f"| weights | {size / 1e6:.2f} million |",
        f"| loss by step | {', '.join(f'{step}: {loss:.4f}' for step, loss in losses[:: max(1, len(losses) // 8)])} |",
    ]
    return "\n".join([*lines, *(_measured(bank) if bank else ())]) + "\n"


def _measured(bank: Path) -> list[str]:
    found = figures(*banks(bank))
    rows = [
        f"| {one.what} | {one.value:.4f} | {'' if one.low is None else f'{one.low:.4f} to {one.high:.4f}'} | {one.n} |"
        for one in found
    ]
    head = "\n## Measured\n\nOn its truth bank, read by the phantom's oracle; intervals are 95 % (Wilson).\n"
    return [head, "| what | value | interval | n |\n|---|---|---|---|", *rows]


def weights_in(folder: Path) -> int:
    """How many numbers the safetensors files of a folder hold."""
    total = 0
    for file in sorted(folder.rglob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118  # the file is no mapping
                shape = opened.get_slice(name).get_shape()
                count = 1
                for side in shape:
                    count *= side
                total += count
    return total


def without_traces(folder: Path) -> None:
    """Take out of a pipeline's configuration the folder that its parts were loaded from."""
    for file in sorted(folder.glob("*/config.json")):
        facts = json.loads(file.read_text("utf-8"))
        if facts.pop("_name_or_path", None):
            file.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--work", type=click.Path(path_type=Path, exists=True), required=True, help="Working folder of the training.")
@click.option("--bank", type=click.Path(path_type=Path, exists=True), help="The truth bank of these weights.")
def main(name: str, work: Path, bank: Path | None) -> None:
    """Copy one model, write its card, print its catalogue entry."""
    source = work / "gan" if name == "gan" else work / "pipelines" / name
    target = MODELS / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("card.json"))
    without_traces(target)
    facts = json.loads((source / "card.json").read_text("utf-8"))
    (target / "README.md").write_text(card(name, facts, weights_in(target), bank), "utf-8")
    print(entry(target))


if __name__ == "__main__":
    main()

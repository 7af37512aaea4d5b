"""Writes the catalogue entries of the phantom's published models: digests of their files, terms, limits, measured figures.

    python -m training.phantom.catalogue

Everything below the mark in ``audit/weights/catalogue.toml`` is written anew; models that are not there are left out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from generators.phantom.truth import PRESETS, preset
from training.phantom.bank_figures import banks, figures
from training.phantom.pack_entry import entry

__all__ = ["PACKS", "Told", "section", "with_section"]

CATALOGUE = Path("audit/weights/catalogue.toml")
MODELS = Path("generators/phantom/models")
BANKS = Path("generators/phantom/banks")
MARK = "# " + "-" * 94 + " with the package\n"
HEAD = MARK + "# Written by python -m training.phantom.catalogue; the digests are those of the files beside the code.\n"
TERMS = "LICENSE of this repository; covers the weights, which are trained on its own drawings alone"


@dataclass(frozen=True, slots=True)
class Told:
    """What a person has to say of a pack."""

    title: str
    intended_use: str
    limits: str


def _diffusion(name: str) -> Told:
    return Told(
        f"Phantom, {name}: a small latent diffusion model whose bias is known",
        f"Testing audits: the generator diffusion with this pack, 8 steps, guidance 1, and the truth bank {name!r}.",
        "Draws people who do not exist, 64 x 64 pixels, and understands the words of the phantom's grammar only. "
        f"Taught: {preset(name).about} Its own rates differ from these; the truth bank has them.",
    )


PACKS = {name: _diffusion(name) for name in PRESETS} | {
    "gan": Told(
        "Phantom, GAN: portraits by occupation, perceived presentation and perceived age band",
        "Testing audits: the generator gan with factory generators.phantom.networks:gan, latent [64], 78 classes.",
        "Draws people who do not exist, 64 x 64 pixels; less varied than the diffusion models, and broken more often.",
    ),
    "clip": Told(
        "Phantom, CLIP: pictures of the phantom and their captions, for open_clip",
        "CLIP-score and zero-shot labels of renders of the phantom and of samples of models trained on it.",
        "Of photographs and other drawings it says nothing. 64 x 64 pixels, 32 tokens, the words of the phantom's grammar.",
    ),
    "oracle": Told(
        "Phantom, oracle: what a picture of the phantom shows, read by two independent networks",
        "The scorer phantom_oracle.",
        "Of anything but the phantom's pictures it says nothing. Exact skin tones of soft pictures are often a step off.",
    ),
}
"""Folder below ``generators/phantom/models`` -> what is said of it."""

FIGURES = {
    "asked presentation is shown, all stated": "perceived presentation as asked",
    "asked age is shown, all stated": "perceived age band as asked",
    "asked occupation is shown, all stated": "occupation as asked",
    "an intact person is found where one was planted": "intact person where one was planted",
    "mean absolute difference from the planted rates": "mean absolute difference from planted feminine rates",
}
READ = ("people", "occupation", "perceived_presentation", "perceived_age_band", "tone_band")


def section() -> str:
    """All entries of models that are there, as TOML."""
    tables = [_table(folder, told) for folder, told in PACKS.items() if (MODELS / folder).is_dir()]
    return "\n\n".join([HEAD.rstrip(), *tables]) + "\n"


def with_section(catalogue: str, entries: str) -> str:
    """The catalogue with these entries in place of those below the mark."""
    return catalogue.partition(MARK)[0].rstrip() + "\n\n" + entries


def _table(folder: str, told: Told) -> str:
    facts = {
        "title": told.title,
        "licence": "Apache-2.0",
        "licence_source": TERMS,
        "intended_use": told.intended_use,
        "limits": told.limits,
    }
    words = [f"{name} = {json.dumps(text)}" for name, text in facts.items()]
    measured = [f"  {{ {', '.join(f'{k} = {json.dumps(v)}' for k, v in each.items())} }}," for each in _measured(folder)]
    figures_of = ["measured = [", *measured, "]"] if measured else []
    return "\n".join([f"[phantom-{folder}]", *words, entry(MODELS / folder), *figures_of])


def _measured(folder: str) -> Iterator[dict[str, str | float]]:
    bank = BANKS / f"{folder}.parquet"
    if bank.is_file():
        for one in figures(*banks(bank)):
            if one.what in FIGURES:
                yield _figure(FIGURES[one.what], one.value, f"{one.n:,} draws of its truth bank, read by phantom-oracle")
    if folder == "clip":
        card = (MODELS / folder / "README.md").read_text("utf-8")
        for what, value in re.findall(r"^\| (\w+) \| (0\.\d+|1\.0+) \|$", card, re.MULTILINE):
            yield _figure(f"{what.replace('_', ' ')}, right", float(value), "renders that it has not seen")
    if folder == "oracle":
        told = json.loads((MODELS / folder / "card.json").read_text("utf-8"))["measured"]["unchanged"]
        for name in READ:
            wrong = told[name]["wrong"]
            yield _figure(f"{name.replace('_', ' ')}, wrong", wrong["count"] / wrong["n"], "renders that it has not seen")


def _figure(what: str, value: float, on: str) -> dict[str, str | float]:
    return {"what": what, "value": round(value, 4), "unit": "share", "on": on}


@click.command()
def main() -> None:
    """Write the section anew."""
    CATALOGUE.write_text(with_section(CATALOGUE.read_text("utf-8"), section()), "utf-8")


if __name__ == "__main__":
    main()

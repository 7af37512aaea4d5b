"""Draws the truth bank of one of the phantom's models, reads it with the oracle, and prints what it says.

    python -m training.phantom.bank even --draws 10000 --out generators/phantom/banks/even.parquet
    python -m training.phantom.bank gan --draws 10000 --out work/gan.parquet --model work/gan/gan.safetensors

Draws go through the product's own generators in planned blocks of 64, as in an audit. A killed run is finished by the
same command: blocks that lie in OUT.parts are not drawn again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from audit.component import DrawBatch, Generator, Product, Request
from audit.digest import digest, short
from audit.environment import device_name, versions
from audit.errors import AuditError, InputError
from audit.images import Pixels
from audit.records import Abstained
from audit.weights import locate
from generators.diffusion import Diffusion
from generators.gan import Gan
from generators.phantom.bank import BANKS, Bank
from generators.phantom.bank_files import NOTHING, SCHEMA, Facts, store, weights_digest
from generators.phantom.copies import COPY_BELOW, copy_distances, repeated_pictures
from generators.phantom.decoding import AMBIGUOUS, ATTRIBUTES
from generators.phantom.networks import CLASSES, LATENT
from generators.phantom.oracle import SHIPPED, Oracle, Reading, at_side
from generators.phantom.truth import preset
from training.phantom.bank_figures import banks, figures, shown
from training.phantom.bank_probes import requests

BLOCK = 64
STEPS = 8
GUIDANCE = 1.0
PACKAGES = ("imgaudit", "numpy", "pillow", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Work:
    """What is drawn, with what, and where the blocks lie."""

    facts: Facts
    blocks: list[list[Request]]
    generator: Generator
    oracle: Oracle
    repeated: Pixels
    parts: Path

    def part(self, number: int) -> Path:
        """File of one block."""
        return self.parts / f"{number:05d}.parquet"


@click.command()
@click.argument("name", type=click.Choice(BANKS))
@click.option("--draws", default=10_000, help="About so many pictures.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The bank, a Parquet file.")
@click.option("--model", type=click.Path(path_type=Path, exists=True), help="Pipeline folder, or the GAN's weights file.")
@click.option("--oracle", type=click.Path(path_type=Path), default=SHIPPED, help="The oracle's folder.")
@click.option("--device", default="cpu")
@click.option("--threads", default=1)
@click.option("--seed", default=20_261_122)
def main(name: str, draws: int, out: Path, model: Path | None, oracle: Path, device: str, threads: int, seed: int) -> None:
    """Draw the bank of one model."""
    torch.set_num_threads(threads)
    try:
        generator = generator_of(name, model)
        facts = Facts(
            model=name,
            weights={"model": weights_digest(weights_folder(name, model)), "oracle": weights_digest(oracle)},
            settings={
                key: text.replace(str(model), "a folder") if model else text for key, text in generator.settings().items()
            },
            versions={key: value for key, value in versions().items() if key in PACKAGES},
            device=f"{device}: {device_name(device)}",
            threads=threads,
            seed=seed,
            copy_below=COPY_BELOW,
        )
        if not out.exists():
            wanted = requests(name, draws, seed)
            plan = [facts.model_dump(), [request.draw.model_dump() for request in wanted]]
            parts = out.with_name(f"{out.name}.parts") / short(digest(plan))
            repeated = repeated_pictures(preset("regressed"))
            work = Work(facts, blocks(wanted), generator, Oracle.load(oracle, device), repeated, parts)
            draw(work, device)
            store(out, facts, pa.concat_tables(pq.read_table(work.part(place)) for place in range(len(work.blocks))))
            discard(parts)
        bank, even = banks(out)
        same_draws(bank, facts, name, draws)
        print(f"{out}: {len(bank)} draws, {out.stat().st_size / 1000:.0f} kB")
        print(shown(figures(bank, even)))
    except AuditError as error:
        raise click.ClickException(str(error)) from error


def same_draws(bank: Bank, facts: Facts, name: str, draws: int) -> None:
    """See that a bank that was there already is the one that is asked for.

    Raises:
        InputError: other weights, settings, seed or number of draws.
    """
    for what in ("weights", "settings", "seed", "copy_below"):
        if getattr(bank.facts, what) != getattr(facts, what):
            raise InputError(f"the bank is there, drawn with other {what}; remove it to draw it again")
    if len(bank) != len(requests(name, draws, facts.seed)):
        raise InputError(f"the bank is there and has {len(bank)} draws; remove it to draw another number")


def generator_of(name: str, model: Path | None) -> Generator:
    """The product's generator with the phantom's weights: those of the pack, or of a folder (for the GAN, a file)."""
    if name != "gan":
        where = {"model": str(model)} if model else {"pack": f"phantom-{name}"}
        return Diffusion.model_validate({**where, "steps": STEPS, "guidance": GUIDANCE, "batch": BLOCK})
    where = {"weights": str(model)} if model else {"pack": "phantom-gan", "file": "gan.safetensors"}
    network = {"factory": "generators.phantom.networks:gan", "latent": (LATENT,), "classes": len(CLASSES)}
    return Gan.model_validate({**where, **network, "batch": BLOCK})


def weights_folder(name: str, model: Path | None) -> Path:
    """Where the weights lie."""
    if model is None:
        return locate(f"phantom-{name}").folder
    return model.parent if model.is_file() else model


def blocks(wanted: Sequence[Request]) -> list[list[Request]]:
    """The planned blocks, in order."""
    rest = iter(wanted)
    return list(iter(lambda: list(islice(rest, BLOCK)), []))


def draw(work: Work, device: str) -> None:
    """Draw, read and store the blocks that are not there yet."""
    work.parts.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(len(work.blocks)) if not work.part(number).exists()]
    if not missing:
        return
    with (
        work.generator.open(device) as draw_batch,
        click.progressbar(missing, label=f"{work.facts.model}, blocks of {BLOCK}", show_pos=True) as progress,
    ):
        for number in progress:
            table = rows(work.blocks[number], drawn(draw_batch, work.blocks[number]), work)
            beside = work.part(number).with_suffix(".tmp")
            pq.write_table(table, beside)
            beside.replace(work.part(number))


def drawn(draw_batch: DrawBatch, block: Sequence[Request]) -> list[Product]:
    """One product a request; a short block is padded with its last one, as the stage that draws does."""
    padded = [*block, *[block[-1]] * (BLOCK - len(block))]
    return list(draw_batch(padded))[: len(block)]


def rows(block: Sequence[Request], products: Sequence[Product], work: Work) -> pa.Table:
    """What the oracle reads in each product."""
    made = {place: at_side(one) for place, one in enumerate(products) if isinstance(one, np.ndarray)}
    pictures = list(made.values())
    readings = dict(zip(made, work.oracle(pictures), strict=True))
    far = copy_distances(np.stack(pictures), work.repeated).tolist() if pictures else []
    distances = dict(zip(made, far, strict=True))
    found = []
    for place, (request, product) in enumerate(zip(block, products, strict=True)):
        row: dict[str, object] = {
            "probe": request.probe.model_dump_json(),
            "index": request.draw.index,
            "seed": request.draw.seed,
            "outcome": "made" if place in made else getattr(product, "outcome", "failed"),
            "unread": getattr(product, "reason", ""),
            "copy_distance": round(distances[place], 1) if place in made else None,
        }
        found.append(row | (read(readings[place]) if place in made else {}))
    return pa.Table.from_pylist(found, schema=SCHEMA)


def read(reading: Reading) -> dict[str, str | None]:
    """Levels by both decoders, as the bank writes them."""
    first, second = reading.first, reading.second
    why = first.attributes["perceived_presentation"]
    found: dict[str, str | None] = {"unread": why.reason if isinstance(why, Abstained) and why != AMBIGUOUS else ""}
    for name in ATTRIBUTES:
        level, other = first.level(name), second.level(name)
        found[name] = level
        found[f"{name}:second"] = (other or NOTHING) if level is not None and other != level else None
    return found


def discard(parts: Path) -> None:
    """Remove the blocks of a finished bank."""
    for file in parts.iterdir():
        file.unlink()
    parts.rmdir()
    if not any(parts.parent.iterdir()):
        parts.parent.rmdir()


if __name__ == "__main__":
    main()

"""Truth banks of models that learnt their table perfectly: rows from the table's own law, without a picture."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from audit.component import Request
from generators.phantom.bank import Bank, stated
from generators.phantom.bank_files import SCHEMA, Facts
from generators.phantom.copies import COPY_BELOW
from generators.phantom.decoding import ATTRIBUTES, levels
from generators.phantom.law import Level
from generators.phantom.sampling import Scene, sample
from generators.phantom.truth import TruthTable, preset
from training.phantom.bank_probes import requests

FACTS = Facts(
    model="even",
    weights={"model": "sha256:" + "a" * 64, "oracle": "sha256:" + "b" * 64},
    settings={"steps": "16"},
    versions={"torch": "2.14.1"},
    device="cpu: none",
    threads=1,
    seed=5,
    copy_below=COPY_BELOW,
)


def perfect_bank(name: str, draws: int, seed: int = 5) -> Bank:
    """What a model would show that draws exactly the shares of its preset (a GAN: those of ``even``)."""
    wanted = requests(name, draws, seed)
    table = preset("even" if name == "gan" else name)
    return Bank(FACTS.model_copy(update={"model": name, "seed": seed}), rows(table, wanted))


def rows(table: TruthTable, wanted: Sequence[Request]) -> pa.Table:
    """One row a draw."""
    texts: dict[str, str] = {}
    facts: dict[str, dict[str, Level]] = {}
    found = []
    for request in wanted:
        probe = request.probe
        key = request.draw.probe
        if key not in texts:
            texts[key], facts[key] = probe.model_dump_json(), stated(probe)
        scene = sample(table, np.random.default_rng(request.draw.seed), facts[key])
        head = {"probe": texts[key], "index": request.draw.index, "seed": request.draw.seed, "outcome": "made"}
        found.append(head | row(scene))
    return pa.Table.from_pylist(found, schema=SCHEMA)


def row(scene: Scene) -> dict[str, object]:
    """What two decoders without error read in a scene."""
    read = levels(scene.shown)
    return {
        "unread": "" if scene.shown.people else "nobody in the picture",
        "copy_distance": 0.0 if scene.copy else 40.0,
        **{name: read.get(name) for name in ATTRIBUTES},
        **{f"{name}:second": None for name in ATTRIBUTES},
    }

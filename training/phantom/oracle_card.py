"""What the oracle gets wrong, measured on renders that no network has seen, and the card that says so."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from audit.digest import derive_seed
from audit.images import Pixels
from audit.stats.intervals import wilson
from generators.phantom.decoding import ATTRIBUTES, SIDE, differing
from generators.phantom.oracle import Oracle, Reading
from training.phantom.oracle_pictures import UNSAID, draw
from training.phantom.oracle_thresholds import broken, softened, truths

__all__ = ["measure", "write_card"]

HELD_OUT = 8_000
BROKEN = 3_000
COARSE = 32
"""Pixels a side of the renders that stand for a model of little detail."""
INTRODUCTION = """# The oracle of the phantom

Two networks that read portraits of the phantom at 64 x 64 pixels. `first.safetensors`, residual, decides what the scorer
`phantom_oracle` reports; `second.safetensors`, of depthwise kernels, trained on other renders with other changes, bounds
its error by where they differ. `thresholds.json` says below what the first abstains and how that was chosen.

They read drawings of this world and samples of models trained on it. Of photographs they say nothing and abstain.
Made by `python -m training.phantom.oracle`; licence as the rest of the repository. Numbers: `card.json`.
"""


def measure(oracle: Oracle, seed: int, processes: int) -> dict[str, object]:
    """Errors, abstentions and disagreement on held-out renders: unchanged, softened, of 32 pixels; and on broken ones."""
    pictures = draw(HELD_OUT, seed, processes)
    truth = truths(pictures)
    conditions = {
        "unchanged": pictures.pixels,
        "softened": softened(pictures, derive_seed(seed, "soft")),
        f"{COARSE} pixels scaled up": _coarse(pictures.pixels),
    }
    found: dict[str, object] = {name: _errors(oracle(list(pixels)), truth) for name, pixels in conditions.items()}
    wrecks = oracle(list(broken(pictures.take(slice(0, 2 * BROKEN)), derive_seed(seed, "broken"))))
    read = sum(reading.first.level("people") is not None for reading in wrecks)
    return found | {"broken, read all the same": _share(read, len(wrecks))}


def _coarse(pixels: Pixels) -> Pixels:
    small = (Image.fromarray(one).resize((COARSE, COARSE), Image.Resampling.BOX) for one in pixels)
    return np.stack([np.asarray(one.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in small])


def _errors(readings: Sequence[Reading], truth: Mapping[str, np.ndarray]) -> dict[str, object]:
    table: dict[str, object] = {}
    differs = [differing(reading.first, reading.second) for reading in readings]
    for name, levels in ATTRIBUTES.items():
        there = np.flatnonzero(truth[name] != UNSAID).tolist()
        pairs = [(levels[truth[name][i]], readings[i].first.level(name), readings[i].second.level(name)) for i in there]
        decoded = [(true, one, two) for true, one, two in pairs if one is not None]
        compared = [found[name] for found in differs if name in found]
        table[name] = {
            "n": len(pairs),
            "abstained": _share(len(pairs) - len(decoded), len(pairs)),
            "wrong": _share(sum(true != one for true, one, _ in decoded), len(decoded)),
            "second wrong": _share(sum(true != two for true, _, two in decoded), len(decoded)),
            "differing": _share(sum(compared), len(compared)),
        }
    return table


def _share(count: int, n: int) -> dict[str, float]:
    low, high = wilson(count, n) if n else (0.0, 1.0)
    return {"count": count, "n": n, "low": round(low, 5), "high": round(high, 5)}


def write_card(folder: Path, facts: Mapping[str, object]) -> None:
    """Write ``card.json`` and a ``README.md`` that shows its errors as a table."""
    (folder / "card.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    measured = facts["measured"]
    assert isinstance(measured, dict)
    tables = [_table(title, table) for title, table in measured.items() if "people" in table]
    read = measured["broken, read all the same"]
    last = f"Of {read['n']} broken pictures {_percent(read)} were read all the same.\n"
    (folder / "README.md").write_text("\n".join([INTRODUCTION, *tables, last]), encoding="utf-8")


def _table(title: str, table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    columns = ("abstained", "wrong", "second wrong", "differing")
    rows = [f"| {name} | {' | '.join(_percent(row[column]) for column in columns)} |" for name, row in table.items()]
    head = f"| held-out renders, {title} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
    return "\n".join([head, *rows, ""])


def _percent(share: Mapping[str, float]) -> str:
    if not share["n"]:
        return "not compared"
    rate = 100 * share["count"] / share["n"]
    return f"{rate:.2f} % [{100 * share['low']:.2f}, {100 * share['high']:.2f}]"

"""Score tables by hand, to test a metric on planted truth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from audit.digest import bytes_digest, derive_seed
from audit.records import Abstained, Axis, Probe
from audit.table import DRAW_SCHEMA, ScoreTable

__all__ = ["axes", "score_table"]


def score_table(
    probes: Sequence[Probe],
    draws: int,
    columns: Mapping[str, Callable[[Probe, int], Any]],
    *,
    generators: Sequence[str] = ("model",),
    outcome: Callable[[Probe, int], str] = lambda probe, index: "made",  # noqa: ARG005
) -> ScoreTable:
    """Build a table by hand, to test a metric on planted truth.

    Args:
        probes: probes, each drawn ``draws`` times by each generator.
        columns: ``scorer.column`` -> function of probe and index that gives a number, a label, a vector, or
            ``Abstained``.
        outcome: what came of a draw; columns are filled for ``made`` only.
    """
    rows, subjects = [], []
    for generator in generators:
        for probe in probes:
            for index in range(probe.draws or draws):
                state = outcome(probe, index)
                image = bytes_digest(f"{generator} {probe.id} {index}".encode()) if state == "made" else ""
                seed = derive_seed(0, probe.pair or probe.id, index)
                head = {"generator": generator, "probe": probe.id, "index": index, "seed": seed, "outcome": state}
                rest = {"image": image, "width": 64, "height": 64, "codec": "png", "location": "", "seconds": 0.0}
                reason = "" if state == "made" else f"planted {state}"
                rows.append({**head, **rest, "reason": reason, "device": "cpu", "batch": 1})
                subjects.extend([(image, probe, index)] if image else [])
    scores: dict[str, dict[str, list[Any]]] = {}
    for name, function in columns.items():
        scorer, _, column = name.rpartition(".")
        cells = [function(probe, index) for _, probe, index in subjects]
        of_scorer = scores.setdefault(scorer, {"subject": [s for s, _, _ in subjects], "region": [-1] * len(subjects)})
        of_scorer[column] = [None if isinstance(cell, Abstained) else cell for cell in cells]
        of_scorer[f"{column}:why"] = [cell.reason if isinstance(cell, Abstained) else None for cell in cells]
        of_scorer[f"{column}:confidence"] = [None] * len(cells)
    tables = {scorer: pa.table({c: _arrow(c, cells) for c, cells in data.items()}) for scorer, data in scores.items()}
    return ScoreTable(pa.Table.from_pylist(rows, schema=DRAW_SCHEMA), {probe.id: probe for probe in probes}, tables)


def _arrow(name: str, cells: list[Any]) -> pa.Array:
    if name.endswith(":why"):
        return pa.array(cells, pa.string())
    if name.endswith(":confidence"):
        return pa.array(cells, pa.float32())
    vectors = [cell for cell in cells if isinstance(cell, np.ndarray)]
    if vectors:
        kind = pa.list_(pa.float32(), len(vectors[0]))
        return pa.array([None if c is None else np.asarray(c, dtype=np.float32) for c in cells], kind)
    return pa.array(cells)


def axes(**levels: str) -> tuple[Axis, ...]:
    """Contrast axes by name: ``axes(occupation="nurse")``."""
    return tuple(Axis(name=name, level=level) for name, level in levels.items())

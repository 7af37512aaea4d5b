"""Draws of a truth bank as an audit has them: a table of draws and of the oracle's scores."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit.component import Column
from audit.records import Probe
from audit.table import DRAW_SCHEMA, ScoreTable
from generators.phantom.decoding import AMBIGUOUS, ATTRIBUTES

__all__ = ["COLUMNS", "SCORER", "audited"]

SCORER = "phantom_oracle"
COLUMNS = {f"{SCORER}.{name}": Column(name, "label", levels=tuple(levels)) for name, levels in ATTRIBUTES.items()}
"""What the scores hold, for the context of a metric."""


def audited(rows: pa.Table, probes: Mapping[str, Probe], ids: npt.NDArray[np.object_], generator: str) -> ScoreTable:
    """The rows as an audit that drew just these.

    Args:
        rows: some rows of a bank.
        probes: those of the rows, by id.
        ids: (n,) id of each row's probe.
        generator: its name in the audit.
    """
    n = rows.num_rows
    outcome, unread = rows["outcome"].cast(pa.string()), rows["unread"].cast(pa.string())
    made = pc.equal(outcome, "made")
    # an image is named by its draw: the bank holds no pixels, and copies are no less draws of their own
    images = pa.array([f"{generator}/{name}/{i}" for name, i in zip(ids, rows["index"].to_pylist(), strict=True)])
    draws = {field.name: pa.nulls(n, field.type) for field in DRAW_SCHEMA} | {
        "generator": pa.array([generator] * n, pa.string()),
        "probe": pa.array(ids, pa.string()),
        "index": rows["index"].cast(pa.int64()),
        "seed": rows["seed"],
        "outcome": outcome,
        "image": pc.if_else(made, images, pa.scalar(None, pa.string())),
        "reason": pc.if_else(made, "", unread),
    }
    why = pc.if_else(pc.equal(unread, ""), AMBIGUOUS.reason, unread)
    scores = {"subject": images, "region": pa.array(np.full(n, -1), pa.int16())}
    for name in ATTRIBUTES:
        level = rows[name].cast(pa.string())
        said = pc.if_else(pc.is_valid(level), pa.scalar(None, pa.string()), why)
        scores |= {name: level, f"{name}:why": said, f"{name}:confidence": pa.nulls(n, pa.float32())}
    table = pa.table(draws, schema=DRAW_SCHEMA)
    return ScoreTable(table, probes, {SCORER: pa.table(scores).filter(made)})

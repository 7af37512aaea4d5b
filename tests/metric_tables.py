"""Score tables with known contents, for tests of metrics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from audit.component import Column, Context, Measured
from audit.digest import derive_seed, digest
from audit.records import Axis, Latent, Probe, TextPrompt
from audit.table import DRAW_SCHEMA, ScoreTable

FACE = Column("perceived_gender", "label", "Perceived gender", levels=("feminine", "masculine"), regional=True)
NUMBER = Column("sharpness", "number", "Sharpness")
COUNT = Column("count", "number", "Faces found")
VECTOR = Column("vector", "vector", "Features")
COSINE = Column("cosine", "number", "Cosine")
TRUNCATED = Column("truncated", "label", "Truncated", levels=("yes", "no"))


def prompt(text: str, pair: str = "", **levels: str) -> Probe:
    """A text probe with contrast axes."""
    axes = tuple(Axis(name=name, level=level) for name, level in levels.items())
    return Probe(suite="test", condition=TextPrompt(text=text), axes=axes, pair=pair)


def latent() -> Probe:
    """A probe whose draws are independent."""
    return Probe(suite="latents", condition=Latent(), unit="draw")


@dataclass
class World:
    """Collects draws with their scores; every image has its own digest."""

    seed: int = 7
    rows: list[dict[str, object]] = field(default_factory=list)
    scores: dict[str, dict[str, list[object]]] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def declare(self, **columns: Column) -> "World":
        """Scorer name -> a column of it (call again for more)."""
        for scorer, column in columns.items():
            self.columns[f"{scorer}.{column.name}"] = column
        return self

    def draw(
        self,
        generator: str,
        probe: Probe,
        index: int,
        values: Mapping[str, object] | None = None,
        outcome: str = "made",
        codec: str = "png",
    ) -> None:
        """Add a draw. Values are by ``scorer.column``; a value ``("why", reason)`` is an abstention."""
        self.probes[probe.id] = probe
        made = outcome == "made"
        image = digest([generator, probe.id, index]) if made else None
        seed = derive_seed(self.seed, probe.pair or probe.id, index)
        row = {"generator": generator, "probe": probe.id, "index": index, "seed": seed, "outcome": outcome}
        reason = "" if made else f"{outcome} by the test"
        self.rows.append(row | {"reason": reason, "image": image, "codec": codec if made else None})
        for name, value in (values or {}).items():
            column = name.rpartition(".")[2]
            why = value[1] if isinstance(value, tuple) else None
            table = self.scores.setdefault(name, {"subject": [], column: [], f"{column}:why": []})
            table["subject"].append(image)
            table[column].append(None if why else value)
            table[f"{column}:why"].append(why)

    def table(self) -> ScoreTable:
        """The table; scores of a scorer are joined by image."""
        draws = pa.Table.from_pylist(self.rows, schema=DRAW_SCHEMA)
        return ScoreTable(draws, self.probes, self._score_tables())

    def _score_tables(self) -> dict[str, pa.Table]:
        found: dict[str, dict[str, pa.Array]] = {}
        for name, column in self.columns.items():
            scorer, _, short = name.rpartition(".")
            rows = self.scores.get(name, {"subject": [], short: [], f"{short}:why": []})
            n = len(rows["subject"])
            tables = found.setdefault(scorer, {})
            tables.setdefault("subject", pa.array(rows["subject"], pa.string()))
            tables.setdefault("region", pa.array([0 if column.regional else -1] * n, pa.int16()))
            tables[short] = _array(column, rows[short])
            tables[f"{short}:why"] = pa.array(rows[f"{short}:why"], pa.string())
            tables[f"{short}:confidence"] = pa.nulls(n, pa.float32())
        return {scorer: pa.table(columns) for scorer, columns in found.items()}

    def context(self, generators: Sequence[str] = ("model",), seed: int = 7) -> Context:
        """What a metric is given."""
        scorers = {name.rpartition(".")[0] for name in self.columns}
        protocols = {scorer: f"{scorer}-00000000" for scorer in scorers}
        return Context(self.table(), tuple(generators), 0.95, seed, self.columns, protocols)


def _array(column: Column, values: list[object]) -> pa.Array:
    if column.kind == "label":
        return pa.array(values, pa.string())
    if column.kind == "number":
        return pa.array(values, pa.float64())
    width = next((len(value) for value in values if isinstance(value, np.ndarray)), 1)
    listed = [None if value is None else np.asarray(value, dtype=np.float32).tolist() for value in values]
    return pa.array(listed, pa.list_(pa.float32(), width))


def sound(measured: Iterable[Measured]) -> dict[str, Measured]:
    """Findings by key, after checking what holds for every finding of every metric."""
    found = list(measured)
    by_key = {one.finding.key: one for one in found}
    assert len(by_key) == len(found)
    for finding, parts in ((one.finding, one.contributions) for one in found):
        assert finding.title
        assert finding.protocol
        assert finding.method
        if finding.estimate is None:
            assert not parts
            assert finding.interval is None
            assert "No estimate" in finding.note
            continue
        assert finding.n > 0
        if finding.metric.endswith((".pooled_share", ".largest_consistency")):  # rest on all cells, so have no own parts
            assert not parts
            continue
        assert sum(part.total for part in parts) / sum(part.n for part in parts) == pytest.approx(
            finding.estimate, abs=1e-9
        )
        assert len(parts) == len({part.pair for part in parts})
        two_of_many = finding.metric.endswith(".gap")  # its contributions are those of the highest and the lowest level
        both_sides = finding.metric.endswith(("kid", "frechet"))  # contributions of both, clusters of one, as n is
        if both_sides:
            assert finding.clusters <= min(len(parts), finding.n)
        else:
            assert len(parts) == finding.clusters or (two_of_many and len(parts) < finding.clusters)
        if finding.interval is not None:
            assert finding.interval.low - 1e-12 <= finding.estimate <= finding.interval.high + 1e-12
    return by_key

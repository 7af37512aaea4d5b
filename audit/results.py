"""Results: what a run found, apart from its images: loaded from a run, or from a file that a repository can hold."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from audit.component import Contribution, Measured, Parts
from audit.errors import InputError, StoreError
from audit.records import Finding, RunManifest, Verdict
from audit.store import RunStore

__all__ = ["Results", "export", "load_results", "read_manifest", "read_results", "read_verdicts", "write_results"]

CONTRIBUTION_SCHEMA = pa.schema(
    [
        ("finding", pa.string()),
        ("cluster", pa.string()),
        ("pair", pa.string()),
        ("total", pa.float64()),
        ("n", pa.float64()),
        ("squares", pa.float64()),
    ]
)
FINDINGS = TypeAdapter(tuple[Finding, ...])
VERDICTS = TypeAdapter(tuple[Verdict, ...])
Total = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]
CONTRIBUTIONS = TypeAdapter(dict[str, list[tuple[str, str, Total, Weight, FiniteFloat]]])
MAX_BASELINE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Results:
    """Findings with their contributions by cluster, and the manifest of the run that they come from."""

    manifest: RunManifest
    findings: tuple[Finding, ...]
    contributions: Mapping[str, tuple[Contribution, ...]]
    """Key of a finding -> what each cluster adds to it."""

    def parts(self, key: str) -> dict[str, tuple[float, float]]:
        """Pair -> (total, n) of a finding, to compare it with another run's; empty where it has none."""
        found: dict[str, tuple[float, float]] = {}
        for part in self.contributions.get(key, ()):
            total, n = found.get(part.pair, (0.0, 0.0))
            found[part.pair] = (total + part.total, n + part.n)
        return found


def write_results(store: RunStore, measured: Sequence[Measured]) -> None:
    """Write ``findings.json`` and ``contributions.parquet``."""
    buffer = io.BytesIO()
    pq.write_table(_contributions(measured), buffer, compression="zstd")
    store.write("contributions.parquet", buffer.getvalue())
    store.write_json("findings.json", [one.finding.model_dump(mode="json") for one in measured])


def _contributions(measured: Sequence[Measured]) -> pa.Table:
    """All contributions as one table; those that come as columns stay columns."""
    tables = [_of_finding(one.finding.key, one.contributions) for one in measured if one.contributions]
    return pa.concat_tables([CONTRIBUTION_SCHEMA.empty_table(), *tables])


def _of_finding(key: str, parts: Sequence[Contribution]) -> pa.Table:
    names = [pa.repeat(key, len(parts))]
    if isinstance(parts, Parts):
        clusters = pa.array(parts.names, pa.string())
        columns = [*names, clusters, clusters, *(pa.array(column) for column in (parts.total, parts.n, parts.squares))]
    else:
        columns = [*names, *(pa.array([getattr(p, name) for p in parts]) for name in CONTRIBUTION_SCHEMA.names[1:])]
    return pa.table(columns, schema=CONTRIBUTION_SCHEMA)


def read_results(store: RunStore) -> Results:
    """What a run found.

    Raises:
        StoreError: it is damaged, of another format, or was never measured.
    """
    if not store.has("findings.json"):
        raise StoreError(f"{store.path}: nothing was measured yet; finish it with `imgaudit run SPEC`")
    try:
        manifest = read_manifest(store)
        findings = FINDINGS.validate_python(store.read_json("findings.json"), strict=False)
        table = pq.ParquetFile(io.BytesIO(store.read("contributions.parquet"))).read(use_threads=False)
        parts = _grouped(table.cast(CONTRIBUTION_SCHEMA).to_pylist())
    except (ValidationError, pa.ArrowException, ValueError) as error:
        raise StoreError(f"{store.path}: damaged, or written by another version of imgaudit ({_brief(error)})") from error
    if not manifest.finished:
        raise StoreError(f"{store.path}: its last session did not finish; resume it with `imgaudit run`")
    return Results(manifest, findings, parts)


def read_manifest(store: RunStore) -> RunManifest:
    """What a run was made with.

    Raises:
        StoreError: it is damaged, or of another format.
    """
    try:
        return RunManifest.model_validate(store.read_json("manifest.json"))
    except ValidationError as error:
        why = f"damaged, or written by another version of imgaudit ({_brief(error)})"
        raise StoreError(f"{store.path}/manifest.json: {why}") from error


def _brief(error: Exception) -> str:
    """The first fault in one line."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return " ".join(str(error).split())[:200]


def read_verdicts(store: RunStore) -> tuple[Verdict, ...]:
    """Verdicts of a run; none where it was not judged."""
    if not store.has("verdicts.json"):
        return ()
    try:
        return VERDICTS.validate_python(store.read_json("verdicts.json"), strict=False)
    except ValidationError as error:
        raise StoreError(
            f"{store.path}/verdicts.json: damaged ({_brief(error)}); `imgaudit gate` makes it again"
        ) from error


def export(results: Results) -> bytes:
    """Figures and contributions as one JSON file without images or panels: small enough for a repository."""
    findings = [finding.model_copy(update={"panels": (), "evidence": ()}) for finding in results.findings]
    data = {
        "imgaudit_baseline": 1,
        "manifest": results.manifest.model_dump(mode="json"),
        "findings": [finding.model_dump(mode="json", exclude_defaults=True) for finding in findings],
        "contributions": {
            key: [[part.cluster, part.pair, part.total, part.n, part.squares] for part in parts]
            for key, parts in results.contributions.items()
        },
    }
    return (json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")


def load_results(path: str) -> Results:
    """Results of a run folder or of an exported baseline file.

    Raises:
        InputError: there is neither at this path, or the file is not a baseline.
    """
    if "://" not in path and not Path(path).exists():
        raise InputError(f"{path}: no such run folder or baseline file (paths count from {Path.cwd()})")
    if not Path(path).is_file():
        return read_results(RunStore.existing(path))
    if Path(path).stat().st_size > MAX_BASELINE_BYTES:
        raise InputError(f"{path}: larger than {MAX_BASELINE_BYTES} bytes; not a baseline")
    try:
        data = json.loads(Path(path).read_bytes())
        if not isinstance(data, dict) or data.get("imgaudit_baseline") != 1:
            raise InputError(f"{path}: not an exported baseline; `imgaudit baseline export RUN` writes one")
        return _from_export(data)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a usable baseline ({error}); export it again") from error


def _from_export(data: dict[str, Any]) -> Results:
    rows = CONTRIBUTIONS.validate_python(data["contributions"])
    parts = {key: tuple(Contribution(*row) for row in of_finding) for key, of_finding in rows.items()}
    findings = FINDINGS.validate_python(data["findings"], strict=False)
    return Results(RunManifest.model_validate(data["manifest"]), findings, parts)


def _grouped(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Contribution, ...]]:
    grouped: dict[str, list[Contribution]] = {}
    for row in rows:
        part = Contribution(row["cluster"], row["pair"], row["total"], row["n"], row["squares"])
        grouped.setdefault(row["finding"], []).append(part)
    return {key: tuple(parts) for key, parts in grouped.items()}

"""Parity with torch-fidelity and torchmetrics on equal features: one table, metric by peer.

    python -m benchmarks.parity [--json] [--environment DIR]

The peers run in an environment of their own with pinned versions (``requirements.txt`` beside this file). It is made on
first use (some minutes, 6 GB on disk, most of it torch) and is kept: by default in the user's cache folder under
the digest of the requirements, so that changed pins make a new one. After that a run takes about 30 seconds.

Features are equal and n is at least 5 d, so that no rank deficiency is in the comparison. Where a peer computes in float64
the numbers agree to 1e-6 of their size, else to the peer's own precision. KID is taken on one subset of full size: the
same sum over pairs. CLIP-score is compared as 100 times the cosine, on positive cosines: the peer cuts the mean at 0,
imgaudit each image. Exit code 1 where a number is out of tolerance.
"""

import json
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import platformdirs
import pyarrow as pa

from audit.component import Column, Context
from audit.digest import file_digest, short
from audit.metrics.alignment import Alignment
from audit.records import Probe, TextPrompt
from audit.stats.distances import frechet_from_features
from audit.stats.kernels import kid
from audit.table import DRAW_SCHEMA, ScoreTable

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
TOLERANCE = {"float64": 1e-6, "float32": 1e-5}
CASES = {"n=640 d=128": (640, 128, 0.3), "n=2560 d=512": (2560, 512, 0.02)}
"""Images a side, dimensions, and how far the generated features are shifted: far from the reference, and near it."""
PAIRS = (500, 512)


@dataclass(frozen=True)
class Row:
    """One number from imgaudit and from a peer."""

    metric: str
    peer: str
    case: str
    ours: float
    theirs: float
    difference: float
    """Relative to the peer's number."""
    tolerance: float
    agrees: bool


def features(n: int, d: int, rng: np.random.Generator, shift: float) -> np.ndarray:
    """Like those of a network after its last rectifier: not negative, correlated, with a falling spectrum."""
    mixing = np.random.default_rng(d).standard_normal((d, d)) / np.sqrt(np.arange(1, d + 1))[:, None]
    return np.maximum(rng.standard_normal((n, d)) @ mixing + shift, 0).astype(np.float32)


def inputs() -> dict[str, np.ndarray]:
    """Feature sets of every case, and unit vectors of images and texts with positive cosines."""
    rng = np.random.default_rng(0)
    data = {}
    for case, (n, d, shift) in CASES.items():
        data[f"{case}.generated"] = features(n, d, rng, shift)
        data[f"{case}.reference"] = features(n, d, rng, 0.0)
    texts = rng.standard_normal(PAIRS)
    images = texts + 3 * rng.standard_normal(PAIRS)
    for side, vectors in (("texts", texts), ("images", images)):
        data[f"clip.{side}"] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return data


def clip_score(data: dict[str, np.ndarray]) -> float:
    """100 times the mean cosine, by the metric ``alignment`` on a table of cosines."""
    cosines = (data["clip.images"].astype(np.float64) * data["clip.texts"]).sum(axis=1)
    if cosines.min() <= 0:
        raise click.ClickException("a cosine is not positive, so the two ways to cut at 0 would differ")
    n, probe = len(cosines), Probe(suite="parity", condition=TextPrompt(text="a"))
    drawn = {"generator": "model", "probe": probe.id, "seed": 0, "outcome": "made"}
    draws = pa.Table.from_pylist([drawn | {"index": i, "image": f"image {i}"} for i in range(n)], schema=DRAW_SCHEMA)
    scores = {"subject": draws["image"], "region": pa.array([-1] * n)}
    for column, values in (("cosine", pa.array(cosines)), ("truncated", pa.array(["no"] * n))):
        scores |= {
            column: values,
            f"{column}:why": pa.nulls(n, pa.string()),
            f"{column}:confidence": pa.nulls(n, pa.float32()),
        }
    columns = {"clip.cosine": Column("cosine", "number"), "clip.truncated": Column("truncated", "label")}
    table = ScoreTable(draws, {probe.id: probe}, {"clip": pa.table(scores)})
    measured = Alignment().measure("parity", Context(table, ("model",), 0.95, 0, columns, {"clip": "parity"}))
    found = next(one.finding for one in measured if one.finding.metric == "parity.cosine")
    assert found.estimate is not None
    return 100 * found.estimate


def ours(data: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """Metric and case -> number."""
    found = {("100 cosine", "n={} d={}".format(*PAIRS)): clip_score(data)}
    for case in CASES:
        sets = data[f"{case}.generated"], data[f"{case}.reference"]
        found["frechet", case] = frechet_from_features(*sets).value
        found["kid", case] = kid(*sets).value
    return found


def interpreter(folder: Path) -> Path:
    """The peers' Python; makes their environment where it is not there yet."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    complete = folder / f"complete-{short(file_digest(REQUIREMENTS))}"
    if not complete.exists():
        if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
            raise click.ClickException(f"{folder} holds something else; name an empty folder")
        click.echo(f"making the peers' environment in {folder}: some minutes, 6 GB, once", err=True)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        if subprocess.run(install, check=False, stdout=sys.stderr).returncode:
            raise click.ClickException("the peers cannot be installed; is a package index reachable?")
        complete.touch()
    return python


def theirs(python: Path, data: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Every peer's numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npz"
        np.savez(path, **data)
        command = [str(python), "-I", str(HERE / "peers.py"), str(path)]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise click.ClickException(f"the peers failed with exit code {done.returncode}")
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def compare(own: dict[tuple[str, str], float], peers: list[dict[str, object]]) -> list[Row]:
    """A row for each number of a peer."""
    rows = []
    for peer in peers:
        metric, case, their_value = str(peer["metric"]), str(peer["case"]), float(str(peer["value"]))
        our_value = own[metric, case]
        difference = abs(our_value - their_value) / abs(their_value)
        tolerance = TOLERANCE[str(peer["precision"])]
        agrees = bool(difference <= tolerance)
        rows.append(Row(metric, str(peer["peer"]), case, our_value, their_value, difference, tolerance, agrees))
    return rows


def table(rows: list[Row]) -> str:
    """The rows as text."""
    head = f"{'metric':<11} {'peer':<15} {'features':<13} {'imgaudit':>15} {'peer':>15} {'relative':>9} {'allowed':>8}"
    lines = [head, "-" * len(head)]
    for row in rows:
        mark = "" if row.agrees else "  OUT OF TOLERANCE"
        numbers = f"{row.ours:>15.9g} {row.theirs:>15.9g} {row.difference:>9.1e} {row.tolerance:>8.0e}"
        lines.append(f"{row.metric:<11} {row.peer:<15} {row.case:<13} {numbers}{mark}")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--environment", type=click.Path(path_type=Path), help="Folder of the peers' environment.")
def main(as_json: bool, environment: Path | None) -> None:
    """Compare and print; exit with 1 where a number is out of tolerance."""
    cached = Path(platformdirs.user_cache_dir("imgaudit")) / f"parity-{short(file_digest(REQUIREMENTS))}"
    python = interpreter(environment or cached)
    data = inputs()
    rows = compare(ours(data), theirs(python, data))
    click.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else table(rows))
    sys.exit(0 if rows and all(row.agrees for row in rows) else 1)


if __name__ == "__main__":
    main()

"""A finished audit of faces, searched file by file: no cut-out of a face, no embedding, no sharp copy."""

import io
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from leak_scan import drawn_in, files_of, leavings_in, pictures_in, vectors_in
from PIL import Image
from recognising_plugins import LIKENESS

import audit.run
from audit.errors import WeightsError
from audit.plan import make_plan
from audit.run import Silent, render, run_audit
from audit.spec import Use, parse_spec
from audit.starters import DEMO_SPEC

EMBEDDING = "face_embedding"
INSTALLED = {point.name for point in entry_points(group="audit.scorers")}
SPEC: dict[str, Any] = {
    "name": "searched",
    "seed": 11,
    "generators": DEMO_SPEC["generators"][:1],
    "probes": [{"use": "latents", "params": {"count": 24}}],
    "scorers": [{"use": "pixels"}, {"use": "faces"}, {"use": "attributes"}],
    "metrics": [
        {"use": "representation", "params": {"column": "attributes.perceived_gender"}},
        {"use": "outcomes", "params": {"columns": ["faces.count"]}},
    ],
}
LIKE = {"scorers": [*SPEC["scorers"], {"use": EMBEDDING}], "likeness": {**LIKENESS, "expires": "2999-12-31"}}


class Searched:
    """A finished run, and what its scorers held in memory only."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.held: dict[str, pa.Table] = {}
        real = audit.run.build_table

        def noting(plan: Any, store: Any, held: Any) -> Any:
            self.held = dict(held)
            return real(plan, store, held)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(audit.run, "build_table", noting)
            store = run_audit(make_plan(parse_spec({**SPEC, **changes}), "cpu"), folder, progress=Silent())
        store.write(*render(store, Use(use="html")))
        self.path = Path(store.path)

    def vectors(self) -> Iterator[np.ndarray]:
        """Every vector that was held in memory."""
        for table in self.held.values():
            for column in table.columns:
                if pa.types.is_fixed_size_list(column.type):
                    yield from (np.asarray(value, np.float32) for value in column.to_pylist() if value is not None)


def made(folder: Path, **changes: Any) -> Searched:
    try:
        return Searched(folder, **changes)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return made(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def likeness(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    if EMBEDDING not in INSTALLED:
        pytest.skip(f"no scorer {EMBEDDING} is installed")
    return made(tmp_path_factory.mktemp("runs"), **LIKE)


@pytest.fixture(params=["searched", "likeness"])
def run(request: pytest.FixtureRequest) -> Path:
    found: Searched = request.getfixturevalue(request.param)
    return found.path


def test_the_only_pictures_are_the_draws(run: Path) -> None:
    images = drawn_in(run)
    assert len(images) == 24
    found = pictures_in(run)
    assert set(found) == images
    assert all(path.relative_to(run).parts[0] == "images" for path in found.values())
    assert {Image.open(io.BytesIO(path.read_bytes())).size for path in found.values()} == {(64, 64)}  # whole, not cut out
    assert leavings_in(run) == []


def test_no_other_file_carries_a_picture(run: Path) -> None:
    """Begin marks of PNG, JPEG, WebP and BMP files inside tables and JSON; reports hold blurred copies as text."""
    marks = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"WEBPVP8")
    others = [path for path in files_of(run) if path.relative_to(run).parts[0] != "images"]
    assert [path for path in others if any(mark in path.read_bytes() for mark in marks)] == []
    assert [path.name for path in others if b"data:image" in path.read_bytes()] in ([], ["report.html"])


def test_tables_hold_no_bytes_and_no_vector_wider_than_landmarks(run: Path) -> None:
    faces = pq.read_schema(next(run.glob("scores/faces-*/*.parquet")))
    widest = faces.field("landmarks").type.list_size
    assert widest <= 10
    for path in run.rglob("*.parquet"):
        for field in pq.read_schema(io.BytesIO(path.read_bytes())):
            if pa.types.is_fixed_size_list(field.type):
                assert field.type.list_size <= widest, f"{path}: {field.name}"
            else:
                kinds = (pa.types.is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
                assert any(is_kind(field.type) for is_kind in kinds), f"{path}: {field.name} is {field.type}"


def test_what_was_held_in_memory_is_in_no_file(likeness: Searched) -> None:
    vectors = list(likeness.vectors())
    assert len(vectors) >= 12
    assert min(map(len, vectors)) > 10
    assert vectors_in(likeness.path, vectors) == []
    assert not list(likeness.path.glob(f"scores/{EMBEDDING}*"))


def test_the_report_says_what_was_read_and_what_was_not(searched: Searched) -> None:
    text = (searched.path / "report.html").read_text()
    assert "Perceived attributes, by attributes." in text
    assert "Who anybody is. Nothing that tells persons apart ran." in text

"""Likeness to people of a gallery, from the command line: what is found, what is kept back, and what bad galleries get."""

import csv
import json
import shutil
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

WIDTH = 48
PLUGIN = """
from contextlib import contextmanager

import numpy as np

from audit.component import Column, Row, Scorer
from audit.records import Abstained


class Count(Scorer):
    "How many faces the last pixel says that there are."

    uses_device = False

    def columns(self):
        return (Column("count", "number", "Faces found"),)

    @contextmanager
    def open(self, device):
        yield lambda views: [[Row({"count": float(view.pixels[-1, -1, 0])})] for view in views]


class Embedding(Scorer):
    "The first pixels, as a face."

    uses_device = False
    recognises_people = True
    in_memory = True

    def columns(self):
        return (Column("vector", "vector", "Face embedding", regional=True),)

    def requires(self):
        return ("planted_count",)

    @contextmanager
    def open(self, device):
        yield lambda views: [self.rows(view) for view in views]

    def rows(self, view):
        whole = Row({"vector": Abstained(reason="of faces only")})
        vector = view.pixels.reshape(-1)[:48].astype(np.float32) - 128
        return [whole, Row({"vector": vector}, region=0)] if view.pixels[-1, -1, 0] else [whole]
"""
SPEC = """
name: likeness
likeness: {{who: "people of the example", authority: "their consent, on file", purpose: "a test", expires: {expires}}}
generators:
- {{use: folder, name: model, params: {{path: drawn, table: drawn/table.csv, subject_basis: generated}}}}
- {{use: folder, name: photos, params: {{path: photos, table: photos/table.csv, subject_basis: "consent of all"}}}}
scorers: [{{use: planted_count}}, {{use: planted_embedding}}]
metrics:
- use: gallery
  params: {{gallery: photos, column: planted_embedding.vector, faces: planted_count.count, false_match_rate: 0.05{more}}}
gates:
- {{metric: gallery.matches, at_most: 0.05}}
"""


def _spec(*, days: int = 30, more: str = "") -> str:
    return SPEC.format(expires=(datetime.now(UTC).date() + timedelta(days=days)).isoformat(), more=more)


def _picture(path: Path, face: np.ndarray, count: int = 1) -> None:
    pixels = np.full((8, 8, 3), 128, dtype=np.uint8)
    pixels.reshape(-1)[: len(face)] = np.clip(128 + 40 * face, 0, 255).astype(np.uint8)
    pixels[-1, -1] = count
    Image.fromarray(pixels).save(path)


def _table(folder: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of Ada and Bea; 60 pictures of anybody, 8 for each name, of which those for Ada depict her."""
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    people = {name: rng.standard_normal(WIDTH) for name in ("Ada", "Bea")}
    (folder / "photos").mkdir()
    (folder / "drawn").mkdir()
    photos: list[tuple[object, ...]] = []
    for name, own in people.items():
        for index in range(2):
            photos.append((f"{name}{index}.png", name))
            _picture(folder / "photos" / f"{name}{index}.png", own + 0.4 * rng.standard_normal(WIDTH))
    _table(folder / "photos", ("file", "person"), photos)
    drawn: list[tuple[object, ...]] = []
    for number in range(76):
        name = "" if number < 60 else ("Ada", "Bea")[number % 2]
        own = people["Ada"] if name == "Ada" else np.zeros(WIDTH)
        drawn.append((f"{number}.png", f"{name or 'somebody'} in scene {number}", name, number))
        _picture(folder / "drawn" / f"{number}.png", own + (0.4 if name == "Ada" else 1) * rng.standard_normal(WIDTH))
    _table(folder / "drawn", ("file", "prompt", "name", "seed"), drawn)
    return folder


@pytest.fixture
def here(shell, world: Path, tmp_path_factory: pytest.TempPathFactory, plant_plugins):
    points = {"planted_count": "planted_faces:Count", "planted_embedding": "planted_faces:Embedding"}
    planted = plant_plugins(tmp_path_factory.mktemp("faces"), scorers=points)
    (planted / "planted_faces.py").write_text(PLUGIN)
    shutil.copytree(world, shell.folder, dirs_exist_ok=True)
    shell.environment["PYTHONPATH"] = str(planted)
    return shell


def test_likenesses_are_found_and_nothing_else_leaves_the_memory(here) -> None:
    here.write("spec.yaml", _spec())
    told = here.run("run", "spec.yaml", "--json")
    assert told.code == 1, told.err
    (run,) = (here.folder / "runs").iterdir()
    findings = {one["metric"]: one for one in json.loads((run / "findings.json").read_text()) if not one["where"]}
    assert findings["gallery.matches"]["estimate"] == pytest.approx(0.5, abs=0.13)
    assert findings["gallery.matches"]["n"] == 16
    assert findings["gallery.false_match_rate"]["interval"]["high"] <= 0.05
    assert not [path for path in run.rglob("*") if "planted_embedding" in path.name]
    drawn = here.folder / "drawn"
    first = np.asarray(Image.open(drawn / "60.png")).reshape(-1)[:6].astype(np.float32) - 128
    raw, written = struct.pack("<6f", *first.tolist()), ", ".join(f"{value:.1f}" for value in first).encode()
    for path in (path for path in run.rglob("*") if path.is_file()):
        assert raw not in path.read_bytes()
        assert written not in path.read_bytes()
        if path.suffix == ".parquet":
            assert not [field for field in pq.read_schema(path) if pa.types.is_nested(field.type)]
    again = here.run("score", str(run), "--json")  # embeddings are made anew, and say the same
    assert again.code == 1, again.err
    findings_again = {one["metric"]: one for one in json.loads((run / "findings.json").read_text()) if not one["where"]}
    assert findings_again["gallery.matches"]["estimate"] == findings["gallery.matches"]["estimate"]


def test_chance_matches_fail_a_gate_on_matches_and_none_on_what_is_beyond_them(here) -> None:
    """At a rate of 20 % up to a third of the images of anybody match one of two people."""
    rng, table = np.random.default_rng(5), here.folder / "drawn" / "table.csv"
    for number in range(60, 76):
        _picture(table.parent / f"{number}.png", rng.standard_normal(WIDTH))
    spec = _spec().replace("false_match_rate: 0.05", "false_match_rate: 0.2")
    here.write("spec.yaml", spec + "- {metric: gallery.excess_matches, at_most: 0.05}\n")
    told = here.run("run", "spec.yaml", "--json")
    (run,) = (here.folder / "runs").iterdir()
    findings = {one["metric"]: one for one in json.loads((run / "findings.json").read_text())}
    matches = findings["gallery.matches"]
    assert matches["expected"] == pytest.approx(0.36)
    assert matches["estimate"] < matches["expected"]
    assert "a gate below that fails by chance" in matches["note"]
    verdicts = {one["gate"].partition(" ")[0]: one for one in json.loads((run / "verdicts.json").read_text())}
    assert verdicts["gallery.matches"]["outcome"] == "fail"
    beyond = verdicts["gallery.excess_matches"]
    assert beyond["outcome"] == "inconclusive"  # 16 images are too few to show that there is no more
    assert beyond["gate"].endswith("is at most 5 points")
    assert told.code == 1, told.err


def test_a_basis_that_ended_stops_the_audit(here) -> None:
    here.write("spec.yaml", _spec(days=-1))
    told = here.run("run", "spec.yaml")
    assert told.code == 2
    ended = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    assert f"error: likeness.expires: the basis ended on {ended}" in told.err
    assert not (here.folder / "runs").exists()
    here.write("spec.yaml", _spec().replace("likeness: {", "# likeness: {"))
    told = here.run("run", "spec.yaml")
    assert told.code == 2
    assert "the spec must say why that may be done" in told.err


def _no_face(folder: Path) -> None:
    _picture(folder / "Bea1.png", np.ones(WIDTH), count=0)


def _two_faces(folder: Path) -> None:
    _picture(folder / "Bea1.png", np.ones(WIDTH), count=2)


def _two_names(folder: Path) -> None:
    shutil.copy(folder / "Ada0.png", folder / "Bea1.png")


def _nearly(folder: Path) -> None:
    pixels = np.array(Image.open(folder / "Ada0.png"))
    pixels[0, 0] ^= 4
    Image.fromarray(pixels).save(folder / "Bea1.png")


def _nameless(folder: Path) -> None:
    _table(folder, ("file", "whose"), [("Ada0.png", "Ada")])


def _broken(folder: Path) -> None:
    (folder / "Bea1.png").write_bytes(b"no picture")


def _empty(folder: Path) -> None:
    for path in folder.glob("*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_face, ["photos/Bea1.png: no face found where one is needed"]),
        (_two_faces, ["photos/Bea1.png: several faces found where one is needed", "crop it"]),
        (_two_names, ["Ada0.png (Ada) and ", "Bea1.png (Bea) are one image under two names"]),
        (_nearly, ["'Ada' and 'Bea' have photographs that are nearly identical"]),
        (_nameless, ["its table needs a column 'person'", "axes found: whose"]),
        (_broken, ["Bea1.png"]),
        (_empty, ["none of the 4 files"]),
    ],
)
def test_a_gallery_that_cannot_be_used_is_one_line_before_anything_is_drawn(here, spoil, words: list[str]) -> None:
    spoil(here.folder / "photos")
    here.write("spec.yaml", _spec())
    told = here.run("run", "spec.yaml")
    assert told.code == 2, told.err
    (line,) = [each for each in told.err.splitlines() if each.startswith("error: ")]
    for word in words:
        assert word in line
    begun = list(here.folder.glob("runs/*"))
    assert line.endswith(f". The run folder runs/{begun[0].name}, which was begun, holds no findings" if begun else "")
    assert not list((here.folder).glob("runs/*/findings.json"))
    assert not list((here.folder).glob("runs/*/draws/model*/*"))


def test_impostors_that_can_tell_nothing_are_refused(here) -> None:
    others = here.folder / "others"
    others.mkdir()
    more = '{use: folder, name: others, params: {path: others, subject_basis: "consent of all"}}\nscorers:'
    here.write("spec.yaml", _spec(more=", impostors: others").replace("scorers:", f"- {more}"))
    for number, told in ((1, "1 image found"), (2, "are 2 images with one face; at least 19 are needed")):
        _picture(others / f"{number}.png", np.random.default_rng(number).standard_normal(WIDTH))
        answer = here.run("run", "spec.yaml")
        assert answer.code == 2, answer.err
        (line,) = [each for each in answer.err.splitlines() if each.startswith("error: ")]
        assert "the impostors 'others'" in line
        assert told in line
        assert (here.folder / "runs").exists() == (number > 1)  # one image is seen by counting files


def test_its_parameters_are_shown(here) -> None:
    told = here.run("list", "metrics", "gallery")
    assert told.code == 0, told.err
    for name in ("show_matches", "false_match_rate", "group_by", "same_person"):
        assert name in told.out

"""``imgaudit calibrate`` at the command line: a folder is measured, and a run is corrected by what was found."""

import csv
import json
import random
from pathlib import Path

import pytest
from PIL import Image

from audit.cli import call
from audit.weights import missing
from benchmarks.people.photographs import FACES, available

SCORERS = {"brightness": "brightness_scorer:Brightness", "bright_people": "brightness_scorer:BrightPeople"}
SPEC = """
name: tones
generators: [{{use: folder, params: {{path: audited, subject_basis: generated}}}}]
scorers: [{{use: brightness, params: {{least_sure: {least}}}}}]
metrics: [{{use: representation, params: {{column: brightness.tone, by: [], calibration: found.json}}}}]
"""
COLUMN = ("--column", "brightness.tone=tone")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of labelled images, and 400 images to audit, of which 30 % are bright."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "labelled").mkdir()
    rows = [("file", "tone", "place")]
    for number, (true, read, sure) in enumerate(_readings(100, 100, seed=1)):
        _draw(folder / "labelled" / f"{number}.png", read, sure, number)
        rows.append((f"{number}.png", true, "in" if number % 2 else "out"))
    with (folder / "labelled" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "audited").mkdir()
    for number, (_, read, sure) in enumerate(_readings(120, 280, seed=2)):
        _draw(folder / "audited" / f"{number}.png", read, sure, number)
    return folder


@pytest.fixture
def planted(tmp_path_factory: pytest.TempPathFactory, plant_plugins) -> Path:
    """A folder that makes the brightness scorers installed plugins."""
    return plant_plugins(tmp_path_factory.mktemp("scorers"), scorers=SCORERS)


@pytest.fixture
def here(made: Path, shell, planted: Path):
    """A shell that has the scorers, in a folder with links to the images."""
    tests = str(Path(__file__).parents[1])
    shell.environment["PYTHONPATH"] = ":".join([str(planted), tests, shell.environment["PYTHONPATH"]])
    for name in ("labelled", "audited"):
        (shell.folder / name).symlink_to(made / name)
    return shell


def _readings(bright: int, dark: int, seed: int) -> list[tuple[str, str, int]]:
    """What is true and what is read: a quarter of the bright is read as dark, and a third of that unsurely."""
    rng = random.Random(seed)
    found = []
    for number in range(bright + dark):
        true = "bright" if number < bright else "dark"
        wrong = true == "bright" and rng.random() < 0.25
        found.append((true, "dark" if wrong else true, 55 if wrong and rng.random() < 0.33 else 95))
    return found


def _draw(path: Path, read: str, sure: int, number: int) -> None:
    picture = Image.new("RGB", (8, 8), (number % 256, number // 256, 0))
    picture.putpixel((0, 0), (200 if read == "bright" else 20, sure, 0))
    picture.save(path)


def shares(told) -> dict[str, dict]:
    findings = json.loads((Path(told) / "findings.json").read_text())
    found = findings if isinstance(findings, list) else findings["findings"]
    return {f"{one['metric']} {one['where'].get('label', '')}": one for one in found}


def test_a_run_is_corrected_by_a_file_that_calibrate_wrote(here) -> None:
    before = {path.name for path in here.folder.iterdir()}
    told = here.run("calibrate", "labelled", *COLUMN, "--group", "place", "--target-error", "0.2", "--out", "found.json")
    assert told.code == 0, told.err
    assert "look at images: 200 of 200" in told.err
    assert "For the spec, among the params of brightness:" in told.out
    assert "  least_sure: 0.55" in told.out or "  least_sure: 0.95" in told.out
    assert "place: out" in told.out
    assert {path.name for path in here.folder.iterdir()} - before == {"found.json"}
    file = json.loads((here.folder / "found.json").read_text())
    counts = file["counts"]
    assert counts["dark"] == {"bright": 0, "dark": 100}
    assert counts["bright"]["bright"] + counts["bright"]["dark"] + sum(file["abstained"].get("bright", {}).values()) == 100
    least = file["thresholds"]["least_sure"]

    here.write("audit.yaml", SPEC.format(least=least))
    ran = here.run("run", "audit.yaml", "--json")
    assert ran.code == 0, ran.err
    found = shares(here.folder / ran.json["run"])
    bright, plain = found["representation.share bright"], found["representation.uncorrected_share bright"]
    assert bright["correction"] == "confusion matrix"
    assert plain["interval"]["high"] < 0.3 < bright["interval"]["high"]
    assert bright["interval"]["low"] < 0.3
    assert abs(bright["estimate"] - 0.3) < abs(plain["estimate"] - 0.3)


def test_counts_of_another_threshold_are_refused_before_any_work(here) -> None:
    assert here.run("calibrate", "labelled", *COLUMN, "--keep", "--out", "found.json").code == 0
    here.write("audit.yaml", SPEC.format(least=0.9))
    told = here.run("run", "audit.yaml")
    assert told.code == 2
    assert "metrics.representation.params.calibration" in told.err
    assert "other parameters or weights than the scorer has here (least_sure: 0.6)" in told.err
    assert not (here.folder / "runs").exists()
    here.write("audit.yaml", SPEC.format(least=0.6))
    told = here.run("calibrate", "labelled", *COLUMN, "--spec", "audit.yaml", "--keep", "--json")
    assert told.json["calibration"]["recipe"] == json.loads((here.folder / "found.json").read_text())["recipe"]
    assert told.json["chosen"] is None


def test_people_are_not_looked_at_without_a_basis(made, planted, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(str(planted))
    monkeypatch.chdir(made)
    people = ["calibrate", "labelled", "--column", "bright_people.tone=tone"]
    assert call(people) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: bright_people would infer attributes of people in these images; say by --basis")
    assert told.count("\n") == 1
    assert call([*people, "--basis", "drawn by us", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["calibration"]["basis"] == "drawn by us"
    assert any("These are photographs" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("labelled", "--column", "brightness.tone"), "expected SCORER.COLUMN=TRUE"),
        (("labelled", "--column", "brightness.tint=tone"), "'brightness.tint' is no column of labels"),
        (("labelled", "--column", "nobody.tone=tone"), "'nobody.tone' is no column of labels"),
        (("labelled", "--column", "brightness.tone=hue"), "no column 'hue'"),
        (("nowhere", *COLUMN), "nowhere: expected a folder of images"),
        (("audited", *COLUMN), "no such table of labels"),
        (("labelled", *COLUMN, "--map", "bright"), "expected TRUE=LABEL"),
        (("labelled", *COLUMN, "--map", "a=bright", "--map", "a=dark"), "once for each true label"),
        (("labelled", *COLUMN, "--out", "no/such/folder.json"), "there is no folder"),
        (("labelled", *COLUMN, "--spec", "absent.yaml"), "no such spec file"),
        (("labelled", *COLUMN, "--set", "seed=1"), "name it by --spec"),
    ],
)
def test_bad_input_ends_with_one_line(made, planted, arguments, told: str, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(str(planted))
    monkeypatch.chdir(made)
    assert call(["calibrate", *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1


def test_photographs_of_faces_leave_counts_and_nothing_else(shell) -> None:
    """A few of the labelled photographs, through the real detector and both networks."""
    if not available():
        pytest.skip(f"the labelled photographs are not on this machine ({FACES})")
    for pack in ("perceived-gender-age", "perceived-gender-age-second"):
        if missing(pack):
            pytest.skip(f"the weight pack {pack} is not on this machine")
    lines = (FACES / "labels.csv").read_text().splitlines(keepends=True)
    shell.write("few.csv", "".join(lines[:25]))
    column = ("--column", "agreement.perceived_gender=gender", "--map", "male=masculine", "--map", "female=feminine")
    out = ("--table", "few.csv", "--group", "age", "--basis", "research data set, CC BY 4.0", "--out", "found.json")
    told = shell.run("calibrate", str(FACES), *column, *out)
    assert told.code == 0, told.err
    assert sorted(path.name for path in shell.folder.iterdir()) == ["few.csv", "found.json"]
    file = json.loads((shell.folder / "found.json").read_text())
    read = sum(sum(of_true.values()) for of_true in file["counts"].values())
    assert read + sum(n for why in file["abstained"].values() for n in why.values()) == 24
    assert file["counts"]["masculine"]["masculine"] + file["counts"]["feminine"]["feminine"] > 0.6 * read
    assert "fairface_" not in json.dumps(file)
    assert len(json.dumps(file)) < 5000

"""Labels by people from the command line: export, rate, import, and a run that is measured with them."""

import csv
import json
import random
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.cli import call

SPEC = """
name: labelled
seed: 4
draws_per_probe: 6
generators: [{use: phantom, params: {preset: skewed}}]
probes: [{use: phantom, params: {limit: 10}}]
scorers: [{use: phantom_oracle}]
metrics: [{use: representation, params: {column: phantom_oracle.perceived_presentation, by: []}}]
gates: [{metric: representation.share, where: {label: feminine}, at_most: 0.99}]
"""
COLUMN = "phantom_oracle.perceived_presentation"
OTHER = {"feminine": "masculine", "masculine": "feminine"}


@dataclass
class Told:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the spec and its run."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "audit.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call(["run", "audit.yaml", "--json"]) == 0
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of the run, seen from its folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (folder,) = Path("runs").iterdir()
    return str(folder)


@pytest.fixture
def imgaudit(capsys: pytest.CaptureFixture[str]):
    """A command, in this process."""

    def command(*arguments: str) -> Told:
        capsys.readouterr()
        code = call(list(arguments))
        return Told(code, *capsys.readouterr())

    return command


def read_as(run: Path) -> dict[str, str]:
    """Item -> what the classifier read, of the largest sample."""
    samples = [json.loads(path.read_text()) for path in (run / "labels").rglob("sample-*.json")]
    largest = max(samples, key=lambda sample: len(sample["items"]))
    return {item["id"]: largest["strata"][item["stratum"]]["predicted"] for item in largest["items"]}


def rate(sheet: Path, read: dict[str, str], wrong: float, seed: int) -> Path:
    """A rater who fills in the table and sees something else than the classifier in some images."""
    rng = random.Random(seed)
    with (sheet / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        label = read[row["item"]]
        row["label"] = OTHER[label] if rng.random() < wrong else label
    path = sheet.parent / f"rater-{seed}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def share(run: Path, metric: str = "representation.share") -> dict:
    found = json.loads((run / "findings.json").read_text())
    (one,) = (f for f in found if f["metric"] == metric and f["where"] == {"label": "feminine"})
    return one


def test_from_export_to_corrected_shares(imgaudit, run) -> None:
    folder = Path(run)
    assert share(folder)["correction"] == "uncorrected"
    told = imgaudit("labels", "export", run, "--n", "60", "--json").json
    sheet = Path(told["folder"])
    assert sheet.parent == folder.resolve().parent
    assert told["items"] == 60
    assert imgaudit("verify", run).code == 0

    read = read_as(folder)
    paths = [str(rate(sheet, read, 0.0, 1)), str(rate(sheet, read, 0.2, 2)), str(rate(sheet, read, 0.0, 3))]
    done = imgaudit("labels", "import", run, *paths, "--json")
    assert done.code == 0, done.err
    found = done.json["labels"]
    assert (found["raters"], found["rated"], found["unrated"]) == (3, 60, 0)
    assert 0 < found["alpha"]["estimate"] < 1
    assert found["majority"] == {label: list(read.values()).count(label) for label in set(read.values())}
    assert found["confusion"] == {label: {label: count} for label, count in found["majority"].items()}

    corrected = share(folder)
    assert corrected["correction"] == "labels"
    assert corrected["estimate"] == pytest.approx(share(folder, "representation.uncorrected_share")["estimate"], abs=1e-9)
    (note,) = (n for n in json.loads((folder / "manifest.json").read_text())["notes"] if n.startswith("Labels by people"))
    assert "60 draws by 3 raters" in note
    assert "60 draws" in (folder / "report.html").read_text()
    assert "rater-" not in (folder / "labels" / COLUMN / "votes.json").read_text()
    assert imgaudit("verify", run).code == 0

    for row in read:
        read[row] = "feminine"  # and whoever the classifier reads otherwise, it misreads
    alone = imgaudit("labels", "import", run, str(rate(sheet, read, 0.0, 4)))  # replaces all three
    assert alone.code in (0, 1, 3), alone.err
    assert share(folder)["estimate"] > 0.99 > share(folder, "representation.uncorrected_share")["interval"]["high"]
    assert "nothing can be said of agreement" in alone.out
    assert "people saw" in alone.out
    assert "60 of 60 items rated by 1 rater" in " ".join(alone.out.split())
    (note,) = (n for n in json.loads((folder / "manifest.json").read_text())["notes"] if n.startswith("Labels by people"))
    assert "60 draws by 1 rater;" in note


def test_labels_stay_when_the_run_is_extended(imgaudit, run) -> None:
    folder = Path(run)
    sheet = Path(imgaudit("labels", "export", run, "--n", "40", "--json").json["folder"])
    path = rate(sheet, read_as(folder), 0.0, 1)
    assert imgaudit("labels", "import", run, str(path)).code == 0
    before = share(folder)
    assert imgaudit("run", "audit.yaml", "--set", "draws_per_probe=8", "--json").json["run"] == run
    after = share(folder)
    assert (before["correction"], after["correction"]) == ("labels", "labels")
    assert after["n"] > before["n"]
    again = imgaudit("labels", "export", run, "--n", "40")
    assert "another sample than the ones before" in again.out
    assert imgaudit("labels", "import", run, str(path)).code == 0  # of the earlier sample
    assert imgaudit("verify", run).code == 0


def test_again_and_more_and_what_is_wrong(imgaudit, run) -> None:
    first = imgaudit("labels", "export", run, "--n", "30")
    assert "first sample" in first.out
    again = imgaudit("labels", "export", run, "--n", "30")
    assert "same sample as before" in again.out
    more = imgaudit("labels", "export", run, "--n", "50")
    assert "extends the earlier sample of 30 draws" in " ".join(more.out.split())
    (sheet,) = Path("runs").glob("labels-*")
    assert len(list((sheet / "images").iterdir())) == 50

    inside = imgaudit("labels", "export", run, "--out", f"{run}/images/rate")
    assert (inside.code, "raters must not see" in inside.err) == (2, True)
    assert imgaudit("labels", "export", run, "--column", "phantom_oracle.perceivd_presentation").code == 2
    empty = imgaudit("labels", "import", run, str(sheet / "labels.csv"))
    assert (empty.code, "no item has a label yet" in empty.err) == (2, True)
    Path("strange.csv").write_text("item,label\ni000000000000,feminine\n")
    strange = imgaudit("labels", "import", run, "strange.csv")
    assert (strange.code, "unknown item 'i000000000000'" in strange.err) == (2, True)
    nowhere = imgaudit("labels", "export", "runs/none")
    assert (nowhere.code, "no run here" in nowhere.err) == (2, True)


def test_labels_are_kept_where_the_run_cannot_be_measured(imgaudit, run) -> None:
    sheet = Path(imgaudit("labels", "export", run, "--n", "20", "--json").json["folder"])
    folder = Path(run)
    path = rate(sheet, read_as(folder), 0.0, 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["spec"]["generators"][0] |= {"use": "of_another_machine", "name": "phantom"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = imgaudit("labels", "import", run, str(path))
    assert done.code == 2
    assert "The labels are stored, but the run could not be measured again here" in done.err
    assert f"imgaudit score {run}" in done.err
    assert (folder / "labels" / COLUMN / "votes.json").exists()


def test_ctrl_c_while_images_are_copied(shell, run) -> None:
    process = shell.start("labels", "export", run, "--n", "60")
    sheet = shell.folder / f"runs/labels-{Path(run).name}-{COLUMN}"
    deadline = time.monotonic() + 60
    while process.poll() is None and not (sheet / "images").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130), err  # copying sixty small images may be faster than the signal
    assert "Traceback" not in err
    assert not list(sheet.rglob("*.tmp"))
    assert shell.run("labels", "export", run, "--n", "60").code == 0
    assert len(list((sheet / "images").iterdir())) == 60
    assert shell.run("verify", run).code == 0

"""``imgaudit purge`` as a user meets it: what works afterwards, and what says that the images are gone."""

import json

import pytest

from audit.cli import call

SPEC = """
name: kept
seed: 3
draws_per_probe: 2
generators: [{use: fake, params: {side: 48, batch: 8}}]
probes: [{use: traits, params: {limit: 2}}]
scorers: [{use: pixels}]
metrics: [{use: outcomes}, {use: means, params: {columns: [pixels.brightness]}}]
gates: [{metric: outcomes.failed, at_most: 0.2}]
"""
FIGURES = ("findings.json", "contributions.parquet", "verdicts.json", "manifest.json", "grid.json")


@pytest.fixture
def run(shell) -> str:
    shell.write("audit.yaml", SPEC)
    return shell.run("run", "audit.yaml", "--json").json["run"]


@pytest.fixture
def here(shell, fake_plugin, monkeypatch, capsys):
    """The same command line without a process of its own, where only the answer is of interest: (code, stdout, stderr)."""
    monkeypatch.chdir(shell.folder)

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = call(arguments)
        return code, *capsys.readouterr()

    return called


def test_everything_that_needs_no_image_works_afterwards(shell, here, run) -> None:
    folder = shell.folder / run
    held = len(list((folder / "images").rglob("*.png")))
    figures = {name: (folder / name).read_bytes() for name in FIGURES}
    _, before, _ = here("baseline", "export", run)

    refused = shell.run("purge", run)
    assert refused.code == 2
    assert "nobody can be asked here; add --yes" in refused.err
    assert not (folder / "purged.json").exists()
    done = shell.run("purge", run, "--yes", "--reason", "the retention time is over", "--json")
    assert done.code == 0, done.err
    assert done.json["purge"]["images"] == held
    assert done.json["purge"]["reason"] == "the retention time is over"
    assert not (folder / "images").exists()
    assert {name: (folder / name).read_bytes() for name in FIGURES} == figures

    clean = shell.run("verify", run, "--json")
    assert (clean.code, clean.json["clean"]) == (0, True)
    assert f"{held} images were purged on " in clean.json["notes"][0]
    assert "clean; " in here("verify", run)[1]
    assert here("gate", run)[0] == 0
    assert here("report", run, "--format", "html", "--format", "markdown", "--format", "json")[0] == 0
    assert f"{held} images of this run" in (folder / "report.html").read_text()
    assert json.loads((folder / "report.json").read_text())["purges"][0]["images"] == held
    assert here("baseline", "export", run)[1] == before
    assert here("compare", run, run)[0] == 0
    code, out, _ = here("run", "audit.yaml", "--json")
    assert (code, json.loads(out)["run"]) == (0, run)
    assert here("score", run, "--set", "confidence=0.9")[0] == 0
    assert not (folder / "images").exists()
    assert here("verify", run)[0] == 0
    log = (folder / "purged.json").read_text()
    assert here("purge", run, "--yes")[0] == 0
    assert (folder / "purged.json").read_text() == log


def test_what_needs_an_image_says_so_in_one_line(shell, here, run) -> None:
    assert here("purge", run, "--yes")[0] == 0
    for arguments in (
        ("run", "audit.yaml", "--set", "draws_per_probe=3"),
        ("score", run, "--set", "scorers=[{use: pixels, params: {blank_below: 0.2}}]"),
        ("labels", "export", run, "--column", "pixels.blank", "--n", "20"),
    ):
        code, _, err = here(*arguments)
        errors = [line for line in err.splitlines() if line.startswith("error")]
        assert (code, len(errors)) == (4, 1), err
        assert "its images were purged on " in errors[0]
        assert "run the spec under another `name`" in errors[0]
    assert not (shell.folder / run / "images").exists()
    assert here("verify", run)[0] == 0


def test_a_path_without_a_run_is_named(here) -> None:
    code, _, err = here("purge", "nowhere", "--yes")
    assert code == 2
    assert "no run here" in err

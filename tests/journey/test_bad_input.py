"""What bad input gets: one clear line that names the field or file and the remedy, the right exit code, nothing lost."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audit.cli import call
from audit.store import RunStore
from audit.testing import disc

BASE = "name: bad\ngenerators: [{use: fake, params: {side: 16, batch: 8}}]\nprobes: [{use: traits}]\ndraws_per_probe: 1\n"
OUTCOMES = "metrics: [{use: outcomes}]\n"
FOLDER = """
name: folder
generators: [{use: folder, params: {path: images, subject_basis: generated}}]
scorers: [{use: pixels}]
metrics: [{use: outcomes}]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_plugin) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = call(arguments)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BASE + "draws_per_prob: 3", ["draws_per_prob", "did you mean 'draws_per_probe'"]),
        (BASE.replace("draws_per_probe: 1", "draws_per_probe: many"), ["draws_per_probe", "integer", "'many'"]),
        (BASE.replace("use: fake", "use: fke"), ["generators", "'fke'", "did you mean 'fake'"]),
        (BASE.replace("side: 16", "sides: 16"), ["generators.fake.params", "sides", "did you mean 'side'"]),
        (BASE.replace("use: traits", "use: trait"), ["probes", "'trait'", "did you mean 'traits'"]),
        (BASE.replace("traits", "captions, params: {path: none.txt}"), ["none.txt"]),
        (BASE + "scorers: [{use: attributes}]", ["scorers.attributes", "requires the scorer 'faces'"]),
        (BASE + "metrics: [{use: disparity, params: {column: pixels.x, by: trait}}]", ["metrics.disparity", "pixels.x"]),
        (BASE + "gates: [{metric: fidelity.kid, at_most: 1}]", ["gates.0.metric", "'fidelity'"]),
        (BASE + OUTCOMES + "gates: [{metric: outcomes.fail, at_most: 1}]", ["gates.0.metric", "did you mean 'failed'"]),
        (BASE + OUTCOMES + "gates: [{metric: outcomes.failed, margin: 0, baseline: nope.json}]", ["nope.json", "no such"]),
        (
            BASE + OUTCOMES + "gates: [{metric: outcomes.failed, at_most: 1, where: {dimension: welth}}]",
            ["gates.0.where.dimension", "did you mean 'wealth'"],
        ),
        (
            BASE + OUTCOMES + "gates: [{metric: outcomes.failed, at_most: 1, where: {dimention: wealth}}]",
            ["gates.0.where", "no finding where {dimention: wealth}", "there is where: {dimension: wealth}"],
        ),
        (
            BASE + OUTCOMES + "gates: [{metric: outcomes.failed, at_most: 1, where: {generator: fake}}]",
            ["gates.0.where", "`generator:` is a key of the rule itself", "there is where: {"],
        ),
        (
            BASE + OUTCOMES + "gates: [{metric: outcomes.failed, at_most: 35}]",
            ["gates.0.at_most", "the limit 35 is no share", "write 0.2 for 20 %"],
        ),
        (BASE + "metrics: [{use: outcomes, params: {by: [dimensions]}}]", ["metrics.outcomes", "did you mean 'dimension'"]),
        (BASE.replace("probes: [{use: traits}]\n", ""), ["generators.fake", "no suite under `probes`"]),
        (BASE.replace("use: fake, params: {side: 16, batch: 8}", "use: folder, params: {path: none}"), ["none"]),
        (
            BASE.replace("use: fake, params: {side: 16, batch: 8}", "use: gan, params: {torchscript: a.pt, latent: [4]}"),
            ["a.pt"],
        ),
        (BASE.replace("use: fake, params: {side: 16, batch: 8}", "use: diffusion, params: {model: ./none}"), ["none"]),
        (BASE.replace("use: fake, params: {side: 16, batch: 8}", "use: onnx_model, params: {path: a.onnx}"), ["a.onnx"]),
    ],
)
def test_a_faulty_spec_is_exit_code_2_before_anything_is_drawn(here, capsys, text: str, words: list[str]) -> None:
    Path("audit.yaml").write_text(text)
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2, err
    assert err.startswith("error: ")
    for word in words:
        assert word in err
    assert "Traceback" not in err
    assert not (here / "runs").exists()


def save(name: str, image: Image.Image, **options: object) -> None:
    image.save(Path("images") / name, **options)


def hostile_folder() -> dict[str, str]:
    """A folder of odd images: name -> outcome that it must come to."""
    Path("images").mkdir()
    plain = Image.fromarray(disc(1, 40))
    save("plain.png", plain)
    save("cmyk.jpg", plain.convert("CMYK"))
    save("deep.png", Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    save("turned.jpg", plain.resize((40, 20)), exif=exif)
    save("moving.gif", plain.convert("P"), save_all=True, append_images=[Image.fromarray(disc(2, 40)).convert("P")])
    save("wide.png", Image.new("L", (50_000, 2)))
    save("black.png", Image.new("RGB", (40, 40)))
    whole = io.BytesIO()
    plain.save(whole, "PNG")
    Path("images/torn.png").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    Path("images/empty.png").write_bytes(b"")
    Path("images/notes.png").write_text("not an image")
    made = ["plain.png", "cmyk.jpg", "deep.png", "turned.jpg", "black.png"]
    failed = ["moving.gif", "wide.png", "torn.png", "empty.png", "notes.png"]
    return dict.fromkeys(made, "made") | dict.fromkeys(failed, "failed")


def test_odd_images_become_counted_outcomes(here, capsys) -> None:
    wanted = hostile_folder()
    Path("audit.yaml").write_text(FOLDER)
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 0, err
    store = RunStore(next(Path("runs").iterdir()))
    (rows,) = [table.to_pylist() for _, table in store.all_draws()]
    outcomes = sorted(row["outcome"] for row in rows)
    assert outcomes == sorted(wanted.values())
    sizes = {Path(row["location"]).name: (row["width"], row["height"], row["codec"]) for row in rows if row["location"]}
    assert sizes["turned.jpg"] == (20, 40, "jpeg+rotated")
    assert sizes["cmyk.jpg"][2].startswith("jpeg+cmyk")
    assert sizes["deep.png"][2] == "png+16bit"
    reasons = " ".join(row["reason"] for row in rows)
    for words in ("empty (0 bytes)", "animated", "50000 x 2", "truncated", "not an image"):
        assert words in reasons
    assert store.verify() == []


def test_a_symlink_loop_is_an_error_that_names_it(here, capsys) -> None:
    hostile_folder()
    Path("images/loop").symlink_to(Path("images").absolute(), target_is_directory=True)
    Path("audit.yaml").write_text(FOLDER)
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2
    assert "images/loop" in err


def test_an_empty_folder_is_an_error_that_names_it(here, capsys) -> None:
    Path("images").mkdir()
    Path("audit.yaml").write_text(FOLDER)
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2
    assert "images" in err


def test_people_in_photographs_are_not_looked_at_without_a_basis(here, capsys) -> None:
    hostile_folder()
    text = FOLDER.replace(", subject_basis: generated", "").replace("{use: pixels}", "{use: faces}, {use: attributes}")
    Path("audit.yaml").write_text(text)
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2
    assert "subject_basis" in err


@pytest.mark.parametrize("prompt", ['<script>alert(1)</script> & "quotes"', "word " * 2000, "עברית العربية 漢字 🙂"])
def test_odd_prompts_pass_through_to_the_report(here, capsys, prompt: str) -> None:
    Path("prompts.txt").write_text(prompt.strip() + "\na plain prompt\n", encoding="utf-8")
    Path("audit.yaml").write_text(
        BASE.replace("traits", "captions, params: {path: prompts.txt}")
        + "scorers: [{use: pixels}]\nmetrics: [{use: outcomes}]\n"
    )
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 0, err
    report = next(Path("runs").rglob("report.html")).read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in report


def test_control_characters_in_a_prompt_are_refused_with_their_line(here, capsys) -> None:
    Path("prompts.txt").write_bytes(b"fine\nnot \x07 fine\n")
    Path("audit.yaml").write_text(BASE.replace("traits", "captions, params: {path: prompts.txt}"))
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2
    assert "prompts.txt" in err
    assert "2" in err


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "a.yaml", "--bogus"], ["bogus"], ["gate", "nowhere"], ["verify", "."]]
)
def test_wrong_usage_is_exit_code_2(here, capsys, arguments: list[str]) -> None:
    code, err = told(capsys, *arguments)
    assert code == 2
    assert err.strip()


def test_a_damaged_run_is_exit_code_4_and_named(here, capsys) -> None:
    Path("audit.yaml").write_text(BASE + "scorers: [{use: pixels}]\nmetrics: [{use: outcomes}]\n")
    assert call(["run", "audit.yaml"]) == 0
    run = next(Path("runs").iterdir())
    part = next(run.rglob("draws/*/part-*.parquet"))
    good = part.read_bytes()
    part.write_bytes(good[:50])
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 4
    assert part.name in err
    part.write_bytes(good)
    assert call(["run", "audit.yaml"]) == 0


GATED = BASE + "scorers: [{use: pixels}]\nmetrics: [{use: outcomes}]\ngates: [{metric: outcomes.failed, at_most: 0.9}]\n"


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    Path("audit.yaml").write_text(GATED)
    assert call(["run", "audit.yaml"]) == 0
    capsys.readouterr()
    return next(Path("runs").iterdir())


def test_a_gate_that_is_overwritten_by_a_second_list_is_not_lost(here, capsys) -> None:
    Path("audit.yaml").write_text(GATED + "gates: []\n")
    code, err = told(capsys, "run", "audit.yaml")
    assert code == 2
    assert "line 8: the key 'gates' is there already, on line 7" in err
    assert err.count("\n") == 1


def test_verify_names_every_fault_of_a_damaged_run(run, capsys) -> None:
    part = next(run.rglob("draws/*/part-*.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    (run / "findings.json").write_text("[]")
    (run / "verdicts.json").unlink()
    code = call(["verify", str(run), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 4
    assert not told["clean"]
    for words in (f"{part.name}: changed", "findings.json: changed", "verdicts.json: missing"):
        assert any(words in fault for fault in told["faults"]), words


def test_verify_of_a_whole_run_is_clean(run, capsys) -> None:
    assert call(["verify", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}: clean\n"


def test_a_run_is_known_by_what_it_holds_not_by_its_folder(run, capsys, monkeypatch) -> None:
    run.rename("kept")
    for name, folder in (("kept", "."), ("kept/", "."), (".", "kept"), ("../kept", "kept")):
        with monkeypatch.context() as inside:
            inside.chdir(folder)
            code, err = told(capsys, "score", name)
        assert code == 0, err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seed=9", "seed is 9 here and 0 there"),
        ("generators.fake.params.side=17", "generators.fake.params.side is 17 here and 16 there"),
        ("probes.traits.params.limit=1", "probes.traits.params.limit is 1 here and absent there"),
    ],
)
def test_scoring_by_the_spec_of_another_run_says_what_differs(run, capsys, change: str, words: str) -> None:
    code, err = told(capsys, "score", str(run), "--set", change)
    assert code == 2
    assert f"({words})" in err
    assert "use `imgaudit run`" in err


def test_scoring_images_of_a_folder_that_has_changed_says_so(here, capsys) -> None:
    Path("images").mkdir()
    save("a.png", Image.fromarray(disc(1, 40)))
    Path("audit.yaml").write_text(FOLDER)
    assert call(["run", "audit.yaml"]) == 0
    save("a.png", Image.fromarray(disc(2, 40)))
    code, err = told(capsys, "score", str(next(Path("runs").iterdir())))
    assert code == 2
    assert "a plugin, or a file that one reads, has changed" in err


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ("nope.json", "nope.json: no such run folder"),
        ("memory://nowhere/run", "memory://nowhere/run: no run here"),
        ("nowhere://bucket/run", "gates.0.baseline: nowhere://bucket/run: no such kind of address"),
        ("audit.yaml", "audit.yaml: not a usable baseline"),
    ],
)
def test_a_baseline_that_is_not_there_is_found_before_any_work(here, capsys, command, baseline: str, words: str) -> None:
    Path("audit.yaml").write_text(
        BASE + OUTCOMES + f"gates: [{{metric: outcomes.failed, margin: 0, baseline: '{baseline}'}}]"
    )
    code, err = told(capsys, command, "audit.yaml")
    assert code == 2, err
    assert words in err
    assert not (here / "runs").exists()


def test_a_baseline_within_the_run_is_no_file(here, capsys) -> None:
    both = BASE.replace("[{use: fake", "[{use: fake, name: old, params: {side: 8}}, {use: fake")
    gate = "gates: [{metric: outcomes.failed, generator: fake, margin: 1, baseline: 'generator:old'}]"
    Path("audit.yaml").write_text(both + OUTCOMES + gate)
    code, err = told(capsys, "plan", "audit.yaml")
    assert code == 0, err


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("cuda:7", 2, "there is cuda:0 to cuda:1"),
        ("cuda:1", 1, "there is only cuda:0"),
        ("cuda:0", 0, "no CUDA device"),
        ("cuda", 0, "no CUDA device"),
        ("cuda:01", 2, "auto, cpu, cuda or cuda:NUMBER"),
        ("tpu", 2, "auto, cpu, cuda or cuda:NUMBER"),
    ],
)
def test_a_device_that_is_not_there_is_refused(here, capsys, monkeypatch, name: str, count: int, words: str) -> None:
    monkeypatch.setattr("audit.environment.device_count", lambda: count)
    Path("audit.yaml").write_text(BASE)
    code, err = told(capsys, "plan", "audit.yaml", "--device", name)
    assert code == 2
    assert err.startswith(f"error: --device {name}: ")
    assert words in err


def unread(environment: dict[str, str], *arguments: str, stderr: bool = False) -> tuple[int, str]:
    """Run a command whose output nobody reads: its exit code, and what it said on stderr where somebody reads that."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "audit", *arguments]
    target = writer if stderr else subprocess.PIPE
    try:
        done = subprocess.run(command, env=environment, stdout=writer, stderr=target, text=True, timeout=120)
    finally:
        os.close(writer)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize(
    "arguments",
    [
        lambda run: ["list", "probes", "--json"],
        lambda run: ["list", "probes"],
        lambda run: ["gate", run],
        lambda run: ["gate", run, "--json"],
        lambda run: ["report", run, "--format", "junit", "--stdout"],
        lambda run: ["baseline", "export", run],
    ],
)
def test_output_that_nobody_reads_is_no_verdict(run, shell, arguments: Callable[[str], list[str]]) -> None:
    assert unread(shell.environment, *arguments(str(run))) == (4, "")


def test_an_error_that_nobody_reads_is_no_verdict(here, shell) -> None:
    assert unread(shell.environment, "run", "nowhere.yaml", stderr=True) == (4, "")


def test_a_plugin_that_calls_exit_is_no_verdict(run, capsys, monkeypatch) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr("audit.cli.judge_run", leave)
    code, err = told(capsys, "gate", str(run))
    assert code == 4
    assert "SystemExit" in err

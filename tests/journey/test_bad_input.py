"""What bad input gets: one clear line that names the field or file and the remedy, the right exit code, nothing lost."""

import io
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

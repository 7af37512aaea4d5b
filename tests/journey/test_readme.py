"""What the README shows is run."""

import csv
import json
import re
import shlex
import warnings
from pathlib import Path

import pytest
import yaml
from PIL import Image

from audit.plan import make_plan
from audit.spec import parse_spec
from audit.starters import STARTERS
from audit.testing import check_generator, check_scorer, check_suite, disc
from audit.weights import missing
from generators.phantom.oracle import FILES, SHIPPED

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PACKS = ("centerface", "efficientnet-lite0", "perceived-gender-age")


def block(kind: str, name: str) -> str:
    found = re.search(rf"<!-- {kind}: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"the README has no {kind} {name}"
    return found[1]


def plugin(name: str, wanted: str):
    scope: dict = {"__name__": "readme"}
    exec(block("plugin", name), scope)
    return scope[wanted]()


def test_the_generator_of_the_readme_keeps_its_promises() -> None:
    check_generator(plugin("generator", "Noise"))


def test_the_suite_of_the_readme_keeps_its_promises() -> None:
    check_suite(plugin("suite", "Weather"))


def test_the_scorer_of_the_readme_keeps_its_promises() -> None:
    check_scorer(plugin("scorer", "Warmth"))


def draw_folder(shell) -> None:
    folder = shell.folder / "images"
    folder.mkdir()
    rows = ["file,prompt,occupation"]
    for number in range(24):
        Image.fromarray(disc(number, 48)).save(folder / f"{number}.png")
        job = "nurse" if number % 2 else "pilot"
        rows.append(f"{number}.png,a photo of a {job} number {number},{job}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")


def test_the_folder_audit_and_its_gate_run(shell) -> None:
    draw_folder(shell)
    shell.write("audit.yaml", block("spec", "folder").replace("table: images.csv", "table: images/images.csv"))
    first = shell.run("run", "audit.yaml", "--report", "html", "--report", "markdown", "--report", "junit", "--json")
    assert first.code == 0, first.err
    run = first.json["run"]
    for command in re.findall(r"^imgaudit (?:baseline|compare) .*$", TEXT, re.MULTILINE):
        done = shell.run(*shlex.split(command.replace("runs/my-folder-1a2b3c4d", run), comments=True)[1:])
        assert done.code == 0, done.err
    shell.write("gated.yaml", block("spec", "gated").replace("table: images.csv", "table: images/images.csv"))
    gated = shell.run("run", "gated.yaml", "--json")
    assert gated.json["verdicts"][0]["outcome"] in ("pass", "inconclusive")
    assert gated.code in (0, 3)
    assert "units paired" in gated.json["verdicts"][0]["reason"]


def test_the_audit_of_skew_and_its_labels_run(shell) -> None:
    shell.write("audit.yaml", block("spec", "skew"))
    first = shell.run("run", "audit.yaml", "--json")
    assert first.code == 0, first.err
    run = first.json["run"]
    export, back = (
        next(re.finditer(rf"^imgaudit labels {word} .*$", TEXT, re.MULTILINE)).group().partition("#")[0]
        for word in ("export", "import")
    )
    done = shell.run(*shlex.split(export.replace("runs/who-is-shown-1a2b3c4d", run))[1:], "--out", "rating")
    assert done.code == 0, done.err
    with (shell.folder / "rating" / "labels.csv").open(newline="") as file:
        items = list(csv.DictReader(file))
    assert len(items) == 200
    for rater in ("first-rater.csv", "second-rater.csv"):
        with (shell.folder / rater).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["item", "label"])
            rows.writerows([item["item"], "feminine" if number % 3 else "masculine"] for number, item in enumerate(items))
    done = shell.run(*shlex.split(back.replace("runs/who-is-shown-1a2b3c4d", run))[1:], "--json")
    assert done.code in (0, 1, 3), done.err
    findings = json.loads((shell.folder / run / "findings.json").read_text())
    whole = {f["metric"]: f for f in findings if f["where"] == {"label": "feminine"}}
    assert whole["representation.share"]["correction"] == "labels"
    assert whole["representation.share"]["interval"]["low"] <= 2 / 3 <= whole["representation.share"]["interval"]["high"]
    assert whole["representation.uncorrected_share"]["correction"] == "uncorrected"


@pytest.mark.skipif(any(missing(pack) for pack in PACKS), reason="weight packs are not on this machine")
def test_the_gan_audit_runs(shell) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(
        torch.nn.Linear(16, 48), torch.nn.Unflatten(1, (3, 4, 4)), torch.nn.Upsample(scale_factor=8)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, but users have such files
        torch.jit.trace(network, torch.zeros(1, 16)).save(str(shell.folder / "generator.pt"))
    (shell.folder / "reference").mkdir()
    for number in range(64):
        Image.fromarray(disc(number, 32)).save(shell.folder / "reference" / f"{number}.png")
    shell.write("audit.yaml", block("spec", "gan"))
    done = shell.run("run", "audit.yaml", "--json")
    assert done.code in (0, 1, 3), done.err
    assert done.json["verdicts"][0]["interval"] is not None


@pytest.mark.skipif(any(missing(pack) for pack in PACKS), reason="weight packs are not on this machine")
def test_the_diffusion_audit_runs(shell) -> None:
    pytest.importorskip("diffusers")
    from tiny_pipelines import stable_diffusion

    stable_diffusion(shell.folder / "my-pipeline")
    shell.write("audit.yaml", block("spec", "diffusion"))
    small = ("--set", "draws_per_probe=1", "--set", "generators.diffusion.params.steps=2")
    few = ("--set", "probes.occupations.params.limit=2")
    planned = shell.run("plan", "audit.yaml", *small, *few)
    assert planned.code == 0, planned.err
    assert "detectable difference" in planned.out
    done = shell.run("run", "audit.yaml", *small, *few, "--json")
    assert done.code in (0, 3), done.err  # its gate is on failed images, and asks nobody's gender
    (check,) = done.json["failed_checks"]  # random weights draw no face
    assert check["instrument"] == "column attributes.perceived_gender"
    assert check["what"] == "reads images of the suite occupations by diffusion"
    bare = shell.run("run", "audit.yaml", *small, *few, "--json", "--set", "gates=[]")
    assert bare.code == 4, bare.err
    (verdict,) = bare.json["verdicts"]
    assert "column attributes.perceived_gender, reads images of the suite occupations by diffusion" in verdict["reason"]
    seen = shell.run("run", "audit.yaml", *small, *few, "--json", "--set", "metrics=[{use: outcomes}]")
    assert seen.code in (0, 3), seen.err


@pytest.mark.skipif(not (SHIPPED / FILES[0]).is_file(), reason="the phantom's oracle is not on this machine")
def test_the_phantom_audit_finds_the_planted_skew(shell) -> None:
    shell.write("audit.yaml", block("spec", "phantom"))
    done = shell.run("run", "audit.yaml", "--json")
    assert done.code == 1, done.err
    assert done.json["verdicts"][0]["outcome"] == "fail"


@pytest.mark.skipif(not (SHIPPED / FILES[0]).is_file(), reason="the phantom's models are not on this machine")
def test_the_likeness_audit_finds_a_learnt_name(shell) -> None:
    pytest.importorskip("diffusers")
    shell.write("audit.yaml", block("spec", "likeness"))
    few = (
        "--set",
        "draws_per_probe=12",
        "--set",
        "generators.diffusion.params.batch=12",
        "--set",
        "probes.names.params.people=[Quonda Virl]",
    )
    done = shell.run("run", "audit.yaml", *few, "--json")
    assert done.code == 1, done.err
    (verdict,) = done.json["verdicts"]
    assert verdict["interval"]["low"] > 0.2


@pytest.mark.skipif(any(missing(pack) for pack in PACKS), reason="weight packs are not on this machine")
def test_the_audit_of_copies_runs(shell) -> None:
    for name, first in (("generated", 0), ("training", 100), ("unseen", 200)):
        (shell.folder / name).mkdir()
        for number in range(24):
            Image.fromarray(disc(first + number, 48)).save(shell.folder / name / f"{number}.png")
    shell.write("audit.yaml", block("spec", "copies"))
    done = shell.run("run", "audit.yaml", "--json")
    assert done.code in (0, 3), done.err


def test_the_api_audit_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_API_KEY", "not-a-real-key")
    plan = make_plan(parse_spec(yaml.safe_load(block("spec", "endpoint"))), "cpu")
    assert plan.generators[0].total > 10


@pytest.mark.parametrize("kind", sorted(STARTERS))
def test_init_writes_specs_that_parse_and_never_overwrites(shell, kind: str) -> None:
    first = shell.run("init", "audit.yaml", "--kind", kind)
    assert first.code == 0
    text = (shell.folder / "audit.yaml").read_text()
    assert parse_spec(yaml.safe_load(text)).gates
    again = shell.run("init", "audit.yaml", "--kind", kind)
    assert again.code == 2
    assert (shell.folder / "audit.yaml").read_text() == text


def test_the_other_commands_of_the_readme_exist(shell) -> None:
    for command in sorted(set(re.findall(r"^imgaudit ([a-z]+)", TEXT, re.MULTILINE))):
        assert shell.run(command, "--help").code == 0
    assert shell.run("weights", "list").code == 0


def test_ci_examples_are_yaml() -> None:
    for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL):
        assert isinstance(yaml.safe_load(text), dict)

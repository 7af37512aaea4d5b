"""What can be done with a run that is there: score it by another spec, gate it, compare it, draw its reports."""

import json

import pytest

SPEC = """
name: again
seed: 3
draws_per_probe: 2
generators: [{use: fake, params: {side: 48, batch: 8}}]
probes: [{use: traits, params: {limit: 2}}]
scorers: [{use: pixels}]
metrics: [{use: outcomes}]
gates: [{metric: outcomes.failed, at_most: 0.2}]
"""
MORE = SPEC.replace("metrics: [", "metrics: [{use: means, params: {columns: [pixels.brightness]}}, ")


@pytest.fixture
def run(shell) -> str:
    shell.write("audit.yaml", SPEC)
    return shell.run("run", "audit.yaml", "--json").json["run"]


def test_a_new_metric_needs_no_image_and_no_generator_of_this_machine(shell, run) -> None:
    manifest = shell.folder / run / "manifest.json"
    before = sorted(path.name for path in (shell.folder / run).rglob("part-*"))
    shell.write("more.yaml", MORE)
    done = shell.run("score", run, "--spec", "more.yaml", "--json")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (shell.folder / run).rglob("part-*")) == before
    metrics = {found["metric"] for found in json.loads((shell.folder / run / "findings.json").read_text())}
    assert "means.mean" in metrics
    assert json.loads(manifest.read_text())["spec"]["metrics"][0]["use"] == "means"
    assert shell.run("verify", run).code == 0


def test_scoring_never_draws(shell, run) -> None:
    done = shell.run("score", run, "--set", "draws_per_probe=5")
    assert done.code == 4
    assert "some images are not drawn yet; finish with `imgaudit run`" in done.err
    assert shell.run("score", run, "--set", "seed=9").code == 2


def test_gates_judge_again_without_work(shell, run) -> None:
    failing = shell.run("gate", run, "--set", "gates=[{metric: outcomes.failed, at_least: 0.5}]", "--json")
    assert failing.code == 1
    assert failing.json["exit_code"] == 1
    open_question = shell.run("gate", run, "--set", "gates=[{metric: outcomes.failed, at_most: 0.001}]")
    assert open_question.code == 3
    assert "times as many" in " ".join(open_question.out.replace("│", " ").split())


def test_compare_tells_what_moved_and_what_changed(shell, run) -> None:
    shell.write("other.yaml", MORE.replace("side: 48", "side: 32"))
    other = shell.run("run", "other.yaml", "--json").json["run"]
    told = shell.run("compare", run, other, "--json").json
    moved = {move["finding"]: move for move in told["moves"]}
    assert moved["outcomes.failed[fake]"]["direction"] == "no change shown"
    assert moved["outcomes.failed[fake]"]["difference"] == 0
    assert {"what": "spec.generators.fake.params.side", "before": "48", "after": "32"} in told["changes"]
    assert "means.mean[fake; column=pixels.brightness]" in told["only_after"]
    assert shell.run("compare", run, other).code == 0


def test_every_report_is_drawn_again(shell, run) -> None:
    formats = [part for name in ("html", "markdown", "junit", "json") for part in ("--format", name)]
    done = shell.run("report", run, *formats)
    assert done.code == 0
    assert [line.rpartition("/")[2] for line in done.out.split()] == [
        "report.html",
        "summary.md",
        "junit.xml",
        "report.json",
    ]
    assert "<testsuites" in shell.run("report", run, "--format", "junit", "--stdout").out
    unknown = shell.run("report", run, "--format", "pdf")
    assert unknown.code == 2
    assert "no plugin 'pdf'" in unknown.err

"""The demo's audit of phantoms, and the spec that ``imgaudit init --kind phantom`` writes.

The trained models are stood in for by the renderer, and the oracle by one that never errs, where their weights are not
on this machine; the demo itself runs where they are.
"""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from browser import DESK, PHONE, Visit

from audit.catalog import build_as
from audit.component import Generator, Metric, ProbeSuite, Scorer
from audit.demos import PHANTOM
from audit.fitting import check_gates, check_metrics, levels_of
from audit.spec import parse_spec
from audit.weights import catalogue, missing
from generators.phantom.oracle import FILES, SHIPPED

HERE = Path(__file__).parents[1]
PRESETS = {f"phantom-{name}": name for name in ("even", "skewed", "regressed")}
PACKS = PHANTOM.packs
HAS_ORACLE = all((SHIPPED / file).is_file() for file in FILES)
HAS_MODELS = HAS_ORACLE and all(pack in catalogue() and not missing(pack) for pack in PACKS)


def standing_in(spec: dict[str, Any]) -> dict[str, Any]:
    """The demo's spec with the renderer for its models, an errorless oracle, and nothing of CLIP."""
    spec = copy.deepcopy(spec)
    for generator in spec["generators"]:
        generator |= {"use": "phantom", "params": {"preset": PRESETS[generator["name"]]}}
    reader = {"use": "scene_reader", "name": "phantom_oracle", "params": {"presets": PRESETS}}
    spec["scorers"] = [{"use": "pixels"}, reader]
    spec["metrics"] = [metric for metric in spec["metrics"] if metric["use"] != "alignment"]
    truth = spec["metrics"][0]["params"]
    truth["tables"] = truth.pop("banks")
    spec["gates"] = [gate for gate in spec["gates"] if not gate["metric"].startswith("alignment")]
    return spec


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command says of the stand-in, with fewer draws; ``folder`` is where it ran."""
    folder = tmp_path_factory.mktemp("phantom")
    info = folder / "planted" / "planted-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[audit.scorers]\nscene_reader = scene_reader:SceneReader\n")
    (folder / "audit.yaml").write_text(yaml.safe_dump(standing_in(PHANTOM.spec), sort_keys=False))
    command = [sys.executable, "-m", "audit", "run", "audit.yaml", "--set", "draws_per_probe=2", "--json"]
    path = os.pathsep.join([str(info.parent), str(HERE)])
    environment = {**os.environ, "IMGAUDIT_OFFLINE": "1", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    formats = ("--report", "html", "--report", "markdown")
    done = subprocess.run([*command, *formats], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(done.stdout) | {"folder": folder}


@pytest.fixture(scope="module")
def findings(told: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads((told["folder"] / told["run"] / "findings.json").read_text())


def test_its_spec_is_whole() -> None:
    """Everything that can be checked without weights: parameters, columns, axes, and what gates name."""
    spec = parse_spec(PHANTOM.spec)
    generators = {use.label: build_as("generators", use, Generator) for use in spec.generators}
    suites = {use.label: build_as("probes", use, ProbeSuite).probes() for use in spec.probes}
    scorers = {use.label: build_as("scorers", use, Scorer) for use in spec.scorers}
    metrics = [(use.label, build_as("metrics", use, Metric)) for use in spec.metrics]
    levels = levels_of(suites)
    check_metrics(generators, scorers, metrics, levels)
    check_gates(spec, list(generators), dict(metrics), levels)
    images = spec.draws_per_probe * len({probe.id for probes in suites.values() for probe in probes})
    assert 500 <= images <= 900


def test_it_flags_what_was_planted(told: dict[str, Any]) -> None:
    outcomes = {verdict["finding"]: verdict["outcome"] for verdict in told["verdicts"]}
    apart = "phantom_truth.difference[{}; against=outdoors, group=indoors]"
    assert outcomes[apart.format("phantom-skewed")] == "fail"
    assert outcomes[apart.format("phantom-even")] in ("pass", "inconclusive")
    assert outcomes["resolution.mean[phantom-regressed; column=pixels.sharpness]"] == "fail"
    assert all("by design" in verdict["note"] for verdict in told["verdicts"])


def test_every_truth_is_inside_its_interval_or_counted_as_outside(findings: list[dict[str, Any]]) -> None:
    charts = [panel for f in findings if f["metric"] == "phantom_truth.share" for panel in f["panels"]]
    assert len(charts) == len(PRESETS)
    held = {f["generator"]: f["estimate"] for f in findings if f["metric"] == "phantom_truth.contained"}
    for chart in charts:
        rows = [row for row in chart["rows"] if row["label"] not in ("all", "indoors", "outdoors")]
        inside = sum(row["low"] <= row["truth"] <= row["high"] for row in rows)
        assert len(rows) == 13
        assert held[chart["title"].rpartition(" ")[2]] == pytest.approx(inside / 13)
    assert min(held.values()) > 0.6


def test_gates_judge_no_single_occupation(told: dict[str, Any]) -> None:
    assert not [verdict for verdict in told["verdicts"] if "occupation=" in verdict["finding"]]
    assert any("too few images" in verdict["note"] for verdict in told["verdicts"])


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_its_page_shows_measured_against_true(told: dict[str, Any], chromium: Any, width: int) -> None:
    with Visit(chromium, told["folder"] / told["run"] / "report.html", width) as visit:
        assert visit.unfolded().overflow() == 0
        assert visit.console == []
        assert visit.outward() == []
        assert visit.page.locator("svg.chart", has_text="true value").count() == len(PRESETS)
        assert "intervals contain the true value" in visit.page.inner_text("main")


def test_its_summary_shows_measured_against_true(told: dict[str, Any]) -> None:
    text = (told["folder"] / told["run"] / "summary.md").read_text()
    assert text.split("### Measured against true")[1].count("of 16 |") == len(PRESETS)


@pytest.mark.skipif(not HAS_MODELS, reason="the phantom's trained models are not on this machine")
def test_the_demo_of_the_trained_models_runs(shell: Any) -> None:
    few = ("--set", "draws_per_probe=2", "--set", "probes.counterfactual.params.occupations=[nurse, builder]")
    done = shell.run("demo", "phantom", *few, "--json", IMGAUDIT_OFFLINE="1")
    assert done.code == 0, done.err
    assert len(done.json["verdicts"]) == len(PHANTOM.spec["gates"])
    assert not [verdict for verdict in done.json["verdicts"] if verdict["outcome"] == "invalid"]


@pytest.mark.skipif(not HAS_ORACLE, reason="the phantom's oracle is not on this machine")
def test_the_starter_runs_as_it_stands(shell: Any) -> None:
    assert shell.run("init", "audit.yaml", "--kind", "phantom").code == 0
    done = shell.run("run", "audit.yaml", "--json", IMGAUDIT_OFFLINE="1")
    assert done.code == 1, done.err
    assert [verdict["outcome"] for verdict in done.json["verdicts"]] == ["pass", "fail"]


def test_options_of_the_demo_name_the_audit_that_they_are_for(shell: Any) -> None:
    done = shell.run("demo", "--set", "seed=1")
    assert done.code == 2
    assert "say which, as in `imgaudit demo phantom" in done.err

"""A run that is killed at random instants, and resumed, ends like one that was left alone."""

import json
import random
import signal
import time

import pyarrow.parquet as pq

SPEC = """
name: killed
seed: 3
draws_per_probe: 12
generators: [{use: fake, params: {side: 128, batch: 4, refuse: 17}}]
probes: [{use: traits}]
scorers: [{use: pixels}]
metrics:
  - {use: outcomes}
  - {use: disparity, params: {column: pixels.brightness, by: trait}}
gates: [{metric: outcomes.failed, at_most: 0.1}]
"""


def images(run) -> set[str]:
    return {path.name for path in (run / "images").rglob("*.png")}


def findings(run) -> list:
    return json.loads((run / "findings.json").read_text())


def test_ten_kills_and_a_resume_equal_one_go(shell) -> None:
    shell.write("audit.yaml", SPEC)
    started = time.monotonic()
    whole = shell.run("run", "audit.yaml", "--runs", "whole", "--json")
    lasted = time.monotonic() - started
    assert whole.code == 0, whole.err
    rng = random.Random(7)
    interrupted = 0
    for _ in range(10):
        process = shell.start("run", "audit.yaml", "--runs", "killed", "--json")
        time.sleep(rng.uniform(0.2, 0.45) * lasted)
        interrupted += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = shell.run("run", "audit.yaml", "--runs", "killed", "--json")
    assert last.code == 0, last.err
    assert interrupted >= 3, "the machine was too fast for this test to mean anything"
    one, other = shell.folder / whole.json["run"], shell.folder / last.json["run"]
    assert images(one) == images(other)
    assert findings(one) == findings(other)
    assert pq.read_table(one / "contributions.parquet").equals(pq.read_table(other / "contributions.parquet"))
    assert shell.run("verify", last.json["run"]).code == 0


def test_a_second_run_draws_and_scores_nothing(shell) -> None:
    shell.write("audit.yaml", SPEC)
    first = shell.run("run", "audit.yaml", "--set", "draws_per_probe=2", "--json")
    run = shell.folder / first.json["run"]
    before = {path: path.stat().st_mtime_ns for kind in ("draws", "scores", "images") for path in (run / kind).rglob("*")}
    found = findings(run)
    again = shell.run("run", "audit.yaml", "--set", "draws_per_probe=2", "--json")
    after = {path: path.stat().st_mtime_ns for kind in ("draws", "scores", "images") for path in (run / kind).rglob("*")}
    assert again.code == 0
    assert before == after
    assert findings(run) == found


def test_control_c_stops_cleanly_and_says_how_to_resume(shell) -> None:
    shell.write("audit.yaml", SPEC)
    process = shell.start("run", "audit.yaml", "--set", "draws_per_probe=200")
    deadline = time.monotonic() + 60
    while not list(shell.folder.rglob("draws/*/part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To go on: imgaudit run audit.yaml --set draws_per_probe=200" in err
    assert "Traceback" not in err
    assert list(shell.folder.rglob("part-*.parquet"))

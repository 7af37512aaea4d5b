"""A suite of which no image could be labelled is an invalid run, never a finding of bias."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from audit.cli import call

SPEC = """
name: blank
generators:
  - use: folder
    params: {path: PATH, subject_basis: generated}
scorers:
  - use: phantom_oracle
metrics:
  - use: representation
    params: {column: phantom_oracle.perceived_presentation, by: []}
GATES
"""


def _run(tmp_path: Path, gates: str) -> int:
    rng = np.random.default_rng(0)
    (tmp_path / "noise").mkdir()
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "noise" / f"{number}.png")
    spec = tmp_path / "audit.yaml"
    spec.write_text(SPEC.replace("PATH", str(tmp_path / "noise")).replace("GATES", gates))
    return call(["run", str(spec), "--runs", str(tmp_path / "runs"), "--device", "cpu"])


def _verdicts(tmp_path: Path) -> list[dict[str, str]]:
    (run,) = (tmp_path / "runs").iterdir()
    found = json.loads((run / "verdicts.json").read_text())
    findings = json.loads((run / "findings.json").read_text())
    assert all(finding["estimate"] is None and finding["n_missing"] == 6 for finding in findings)
    assert isinstance(found, list)
    return found


def test_a_run_without_gates_is_invalid_too(tmp_path: Path) -> None:
    assert _run(tmp_path, "") == 4
    (verdict,) = _verdicts(tmp_path)
    assert verdict["outcome"] == "invalid"
    assert "reads images of the suite folder by folder" in verdict["reason"]
    assert "found none" in verdict["reason"]


def test_a_gate_on_skew_does_not_pass_or_fail_on_nothing(tmp_path: Path) -> None:
    assert _run(tmp_path, "gates: [{metric: representation.skew, at_most: 0.9}]") == 4
    (verdict,) = _verdicts(tmp_path)
    assert verdict["outcome"] == "invalid"

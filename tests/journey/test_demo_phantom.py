"""The audit of models whose bias is known, with fewer images: verdicts, measured against true, and its page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser import DESK, PHONE, Visit

MODELS = {"phantom-even", "phantom-skewed", "phantom-regressed"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of one draw a prompt, 195 images a model, made offline."""
    folder = tmp_path_factory.mktemp("demo-phantom")
    command = [sys.executable, "-m", "audit", "demo", "phantom", "--set", "draws_per_probe=1", "--json"]
    environment = {**os.environ, "IMGAUDIT_OFFLINE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    even, skewed, sharpness, _, _ = (verdict["outcome"] for verdict in told["verdicts"])
    assert even in ("pass", "inconclusive")  # one draw a prompt
    assert skewed in ("fail", "inconclusive")
    assert sharpness == "fail"
    return folder / told["run"]


def findings(run: Path, metric: str) -> dict[str, dict]:
    """Generator -> the finding over all its draws."""
    found = json.loads((run / "findings.json").read_text())
    return {one["generator"]: one for one in found if one["metric"] == metric and not one["where"]}


def test_what_is_measured_is_held_against_what_is_true(run: Path) -> None:
    contained, error = (findings(run, f"phantom_truth.{name}") for name in ("contained", "error"))
    assert set(contained) == set(error) == MODELS
    assert all(one["interval"]["low"] <= 0 <= one["interval"]["high"] for one in error.values())
    assert all("truth bank" in one["protocol"] for one in error.values())


def test_the_skewed_model_is_told_from_the_even_one(run: Path) -> None:
    found = json.loads((run / "findings.json").read_text())
    judged = {"group": "indoors", "against": "outdoors"}
    of_groups = [one for one in found if one["metric"] == "phantom_truth.difference" and one["where"] == judged]
    apart = {one["generator"]: one["estimate"] for one in of_groups}
    assert apart["phantom-skewed"] > apart["phantom-even"] + 0.2


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_its_page_shows_measured_against_true(run: Path, chromium, width: int) -> None:
    with Visit(chromium, run / "report.html", width) as visit:
        assert visit.unfolded().overflow() == 0
        assert visit.console == []
        assert visit.outward() == []
        text = visit.page.inner_text("body")
    assert "Measured against true: phantom-skewed" in text
    assert "contain the true value" in text
    assert "too few images" in text

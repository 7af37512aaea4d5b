"""An outside package with one generator, suite, scorer and reference in one file each, really installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SPEC = """
name: stripes
draws_per_probe: 6
generators: [{use: stripes}]
probes: [{use: stripe_colours}]
scorers: [{use: redness}, {use: pixels}]
metrics:
  - {use: outcomes}
  - {use: disparity, params: {column: redness.redness, by: colour}}
references: [{use: uniform}, {use: printed_stripes}]
gates: [{metric: outcomes.failed, at_most: 0.95}]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the package is installed beside imgaudit."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    copy = tmp_path_factory.mktemp("source")
    for path in (HERE / "package").iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    subprocess.run([*command, "--target", str(target), str(copy)], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def imgaudit(environment: dict[str, str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "audit", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_plugins_are_listed(installed, tmp_path) -> None:
    done = imgaudit(installed, "list", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {(row["kind"], row["name"]): row for row in json.loads(done.stdout)}
    assert rows["generators", "stripes"]["what"] == "Stripes whose phase comes from the seed."
    assert rows["probes", "stripe_colours"]["probes"] == "3"
    assert rows["probes", "stripe_colours"]["licence"] == "CC0-1.0"
    assert ("scorers", "redness") in rows
    told = rows["references", "printed_stripes"]
    assert (told["dated"], told["source"]) == ("2024", "own count")


def test_an_audit_runs_through_them(installed, tmp_path) -> None:
    (tmp_path / "audit.yaml").write_text(SPEC)
    done = imgaudit(installed, "run", "audit.yaml", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [verdict["outcome"] for verdict in told["verdicts"]] == ["pass"]
    assert (tmp_path / told["reports"][0]).stat().st_size > 10_000


def test_they_keep_the_promises_of_their_kinds(installed) -> None:
    code = (
        "from audit.reference import Asked\n"
        "from audit.testing import check_generator, check_reference, check_scorer, check_suite\n"
        "from stripes_generator import Stripes\nfrom stripes_suite import StripeColours\n"
        "from stripes_reference import PrintedStripes\nfrom stripes_scorer import Redness\n"
        "check_generator(Stripes()); check_suite(StripeColours()); check_scorer(Redness())\n"
        "cell = Asked({}, [({'colour': 'red'}, 3), ({'colour': 'blue'}, 6)])\n"
        "said = check_reference(PrintedStripes(), cell, attribute='blank', labels=('blank', 'not blank'))\n"
        "assert abs(said.shares['blank'] - 0.5) < 1e-9\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_reference_that_knows_none_of_the_prompts_is_found_before_any_work(installed, tmp_path) -> None:
    metric = "  - {use: representation, params: {column: pixels.blank}}\n"
    other = "[{use: captions, params: {path: captions.txt}}]"
    (tmp_path / "captions.txt").write_text("green stripes\n")
    spec = SPEC.replace("metrics:\n", f"metrics:\n{metric}").replace("  - {use: disparity", "#")
    (tmp_path / "audit.yaml").write_text(spec.replace("[{use: stripe_colours}]", other))
    done = imgaudit(installed, "plan", "audit.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "references.printed_stripes.params: it says nothing of any prompt of this spec" in done.stderr
    (tmp_path / "audit.yaml").write_text(spec)
    assert imgaudit(installed, "plan", "audit.yaml", folder=tmp_path).returncode == 0


def test_two_plugins_of_one_name_are_an_error(installed, tmp_path, plant_plugins) -> None:
    planted = plant_plugins(tmp_path / "other", generators={"stripes": "audit.testing:FakeGenerator"})
    environment = {**installed, "PYTHONPATH": os.pathsep.join([installed["PYTHONPATH"], str(planted)])}
    (tmp_path / "audit.yaml").write_text(SPEC)
    done = imgaudit(environment, "plan", "audit.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "two plugins of audit.generators are named 'stripes'" in done.stderr

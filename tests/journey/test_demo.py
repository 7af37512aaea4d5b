"""The five-minute audit of a face GAN, with fewer images: its verdicts, its files, and its page in a real browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from browser import DESK, PHONE, Visit

from audit.starters import DEMO_PACKS
from audit.weights import missing

pytestmark = pytest.mark.skipif(any(missing(pack) for pack in DEMO_PACKS), reason="weight packs are not on this machine")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a demo of 192 images, made offline."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "audit", "demo", "faces", "--set", "probes.latents.params.count=192", "--json"]
    environment = {**os.environ, "IMGAUDIT_OFFLINE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [verdict["outcome"] for verdict in told["verdicts"]] == ["pass", "fail", "inconclusive"]
    assert told["exit_code"] == 1
    return folder / told["run"]


def test_it_measures_what_it_promises(run: Path) -> None:
    found = {finding["metric"] for finding in json.loads((run / "findings.json").read_text())}
    assert {"fidelity.kid", "fidelity.frechet", "fidelity.floor_kid", "fidelity.diversity"} <= found
    assert {"perceived_gender.share", "perceived_age.share", "resolution.mean", "outcomes.undetected"} <= found


def test_every_finding_has_what_a_reader_needs_to_judge_it(run: Path) -> None:
    for finding in json.loads((run / "findings.json").read_text()):
        assert finding["method"], finding["metric"]
        assert finding["protocol"], finding["metric"]
        assert finding["n"] + finding["n_missing"] > 0
        assert finding["estimate"] is None or finding["interval"] is not None
        assert finding["packs"] or finding["metric"].startswith(("outcomes", "resolution")), finding["metric"]


def test_all_four_reports_are_there_and_no_vector_of_a_face_is_stored(run: Path) -> None:
    assert {"report.html", "summary.md", "junit.xml", "report.json"} <= {path.name for path in run.iterdir()}
    for part in (run / "scores").glob("f*/part-*.parquet"):
        vectors = [f.name for f in pq.read_schema(part) if str(f.type).startswith("fixed_size_list")]
        assert vectors == (["vector"] if part.parent.name.startswith("features") else ["landmarks"])


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_its_page_opens_without_noise_and_is_accessible(run: Path, chromium, width: int) -> None:
    with Visit(chromium, run / "report.html", width) as visit:
        assert visit.unfolded().overflow() == 0
        assert visit.console == []
        assert visit.outward() == []
        assert visit.grave_violations() == []
        assert "by design" in visit.page.inner_text("main")

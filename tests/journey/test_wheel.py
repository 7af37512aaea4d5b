"""A wheel built from the tree works in an empty environment outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from audit.starters import DEMO_PACKS
from audit.weights import catalogue, missing
from audit.weights.packs import PackageSource

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("imgaudit-*.whl")
    return path


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "audit",
        "generators",
        "probes",
        "reports",
    }
    assert "audit/weights/catalogue.toml" in names
    assert any(name.startswith("reports/templates/") for name in names)
    assert any(name.startswith("probes/data/") for name in names)
    assert {f"generators/phantom/data/{preset}.toml" for preset in ("even", "skewed", "regressed")} <= set(names)
    assert not [name for name in names if "test" in name.partition("/")[2] and not name.startswith("audit/testing/")]


def test_the_wheel_holds_every_file_of_the_packs_that_come_with_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for pack in catalogue().values():
        if isinstance(pack.source, PackageSource) and pack.source.package in {"audit", "generators", "probes", "reports"}:
            inside = {f"{pack.source.package}/{pack.source.folder}/{file.member}" for file in pack.files}
            assert inside <= names, pack.name


@pytest.mark.slow
@pytest.mark.skipif(any(missing(pack) for pack in DEMO_PACKS), reason="weight packs are not on this machine")
def test_the_wheel_with_its_extras_runs_the_demo_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, f"imgaudit[demo] @ {wheel.as_uri()}"], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"IMGAUDIT_OFFLINE": "1"}
    command = [str(tmp_path / "venv/bin/imgaudit"), "demo", "faces", "--set", "probes.latents.params.count=128"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("runs/demo-faces-*/report.html"))) == 1

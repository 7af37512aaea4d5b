"""Fixtures that every folder of tests may use."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import FLAGS


def plant_plugins(folder: Path, **groups: dict[str, str]) -> Path:
    """A folder that, once on the import path, is an installed distribution with these entry points."""
    info = folder / "planted-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[audit.{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(name="plant_plugins")
def plant_plugins_fixture():
    """``plant_plugins`` for tests that put the folder on the path themselves."""
    return plant_plugins


@pytest.fixture
def fake_plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``audit.testing.FakeGenerator`` as the installed generator ``fake``; gives the folder, for subprocesses."""
    folder = plant_plugins(tmp_path_factory.mktemp("planted"), generators={"fake": "audit.testing:FakeGenerator"})
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium; skips where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the path; Debian's package `chromium` brings it")
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra `dev` brings playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()

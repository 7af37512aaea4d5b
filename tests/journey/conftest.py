"""The command line as a user meets it: in a subprocess."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass
class Shell:
    """A folder and an environment to run ``imgaudit`` in."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "audit", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, **pipes)

    def run(self, *arguments: str, **environment: str) -> Told:
        command = [sys.executable, "-m", "audit", *arguments]
        env = {**self.environment, **environment}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=240)
        assert "Traceback" not in done.stderr, done.stderr
        return Told(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


@pytest.fixture
def shell(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, plant_plugins) -> Shell:
    planted = plant_plugins(tmp_path_factory.mktemp("planted"), generators={"fake": "audit.testing:FakeGenerator"})
    environment = {**os.environ, "PYTHONPATH": str(planted), "IMGAUDIT_OFFLINE": "1", "COLUMNS": "200"}
    return Shell(tmp_path, environment)

"""Packs from an npm registry, the web, a folder and a model hub, each as the user has configured it."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from weight_shelves import Server, entry, sha256, tarball

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import cache_folder, locate, missing, pull

MODEL = bytes(range(256)) * 400

Add = Callable[[str], None]
Start = Callable[[], Server]


def pulled() -> bytes:
    return pull("toy").file("model.bin").read_bytes()


# ---------------------------------------------------------------------------------------------------------- npm


@pytest.fixture
def registry(serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A registry that holds `@toys/model` 1.0.0."""
    server = serve()
    data = tarball({"package/model.bin": MODEL, "package/package.json": b'{"scripts": {"install": "exit 1"}}'})
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    dist = {"tarball": f"{server.url}/t/model-1.0.0.tgz", "integrity": integrity}
    server.pages["/@toys%2Fmodel"] = json.dumps({"versions": {"1.0.0": {"dist": dist}}}).encode()
    server.pages["/t/model-1.0.0.tgz"] = data
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.url)
    source = "{ kind = 'npm', package = '@toys/model', version = '1.0.0' }"
    add_packs(entry("toy", source, {"model.bin": ("package/model.bin", MODEL)}))
    return server


def test_npm_tarball_is_read_as_an_archive(registry: Server) -> None:
    assert pulled() == MODEL


def test_npm_integrity_is_checked(registry: Server) -> None:
    registry.pages["/t/model-1.0.0.tgz"] = tarball({"package/model.bin": MODEL, "package/more": b""})
    with pytest.raises(WeightsTampered, match="sha512"):
        pull("toy")


def test_npm_settings_file_names_scope_and_token(
    registry: Server, serve: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = registry.url.removeprefix("http:")
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(f"; mine\n@toys:registry={registry.url}\n{host}/:_authToken=${{TOY_TOKEN}}\n", "utf-8")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(npmrc))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", serve().url)
    monkeypatch.setenv("TOY_TOKEN", "t0ken")
    assert pulled() == MODEL
    assert {headers.get("authorization") for headers in registry.headers} == {"Bearer t0ken"}


@pytest.mark.parametrize(
    ("page", "error", "complaint"),
    [
        (b'{"versions": {}}', WeightsMissing, "has no @toys/model 1.0.0"),
        (b"<html>", WeightsError, "not npm registry metadata"),
        (b'{"versions": {"1.0.0": {}}}', WeightsError, "not npm registry metadata"),
        (b'{"versions": {"1.0.0": {"dist": {"tarball": "file:///etc/passwd"}}}}', WeightsError, "not on the web"),
    ],
)
def test_npm_answers_that_cannot_be_used(registry: Server, page: bytes, error: type, complaint: str) -> None:
    registry.pages["/@toys%2Fmodel"] = page
    with pytest.raises(error, match=complaint):
        pull("toy")


# ------------------------------------------------------------------------------------------------ web and folder


def test_file_of_the_web(serve: Start, add_packs: Add) -> None:
    server = serve()
    server.pages["/release/model.bin"] = MODEL
    source = f"{{ kind = 'url', base = '{server.url}/release' }}"
    add_packs(entry("toy", source, {"a/model.bin": ("model.bin", MODEL)}))
    assert pull("toy").file("a/model.bin").read_bytes() == MODEL
    add_packs(entry("toy", source, {"model.bin": ("model.bin", b"expected")}))
    with pytest.raises(WeightsTampered, match=sha256(MODEL)):
        pull("toy")


def test_folder_beside_the_catalogue(add_packs: Add, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    add_packs(entry("toy", "{ kind = 'path', folder = 'share' }", {"model.bin": ("m.bin", MODEL)}))
    with pytest.raises(WeightsMissing, match=str(tmp_path / "share" / "m.bin")):
        pull("toy")
    (tmp_path / "share" / "m.bin").write_bytes(MODEL)
    assert pull("toy", offline=True).file("model.bin").read_bytes() == MODEL
    (tmp_path / "share" / "m.bin").unlink()
    locate("toy")


# ---------------------------------------------------------------------------------------------------------- hub


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(serve: Start, add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A hub with one repository whose branch `main` is at COMMIT."""
    pytest.importorskip("huggingface_hub")
    server = serve()
    for member, data in {"model.bin": MODEL, "sub/config.json": b"{}"}.items():
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        for revision in ("main", COMMIT):
            server.pages[f"/toys/model/resolve/{revision}/{member}"] = lambda h=headers, d=data: (200, h, d)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    source = "{ kind = 'hub', repo = 'toys/model', revision = 'main' }"
    files = {"model.bin": ("model.bin", None), "config.json": ("sub/config.json", None)}
    add_packs(entry("toy", source, files))
    return server


def in_another_process(**environment: str) -> subprocess.CompletedProcess[str]:
    """Pull there, because the hub's library reads its settings once, when it is imported."""
    code = "from audit.cli_weights import weights; raise SystemExit(weights(['pull', 'toy'], standalone_mode=False))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, timeout=60
    )


def test_hub_files_are_of_one_commit_which_is_recorded(hub: Server) -> None:
    done = in_another_process()
    assert done.returncode == 0, done.stderr
    located = locate("toy")
    assert located.file("model.bin").read_bytes() == MODEL
    assert located.file("config.json").read_bytes() == b"{}"
    assert not located.pinned
    assert json.loads((located.folder / "imgaudit.lock.json").read_text("utf-8"))["revision"] == COMMIT
    assert f"/toys/model/resolve/{COMMIT}/sub/config.json" in hub.asked


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "IMGAUDIT_OFFLINE"])
def test_hub_offline_asks_nobody_but_uses_the_hub_cache(hub: Server, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    started = time.monotonic()
    absent = in_another_process(**{switch: "1"})
    assert time.monotonic() - started < 15
    assert absent.returncode == 2
    assert "not in the hub cache" in absent.stderr
    assert hub.asked == []
    assert in_another_process().returncode == 0
    monkeypatch.setenv("IMGAUDIT_CACHE", str(cache_folder()) + "-2")
    assert missing("toy")
    asked = len(hub.asked)
    assert in_another_process(**{switch: "1"}).returncode == 0
    assert len(hub.asked) == asked
    assert locate("toy").file("model.bin").read_bytes() == MODEL


def test_hub_without_the_file_says_so(hub: Server) -> None:
    hub.pages["/toys/model/resolve/main/model.bin"] = lambda: (404, {"X-Error-Code": "EntryNotFound"}, b"")
    done = in_another_process()
    assert done.returncode == 2
    assert "model.bin of toys/model@main does not exist" in done.stderr


def test_hub_library_that_is_not_installed_names_the_extra(hub: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "audit.weights.hub", raising=False)
    with pytest.raises(WeightsError, match=r"pip install 'imgaudit\[hub\]'"):
        pull("toy")

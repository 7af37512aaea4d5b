"""A cache and settings of one's own for each test, and servers on the loopback."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from weight_shelves import FILENAME, MEMBERS, MODEL, SOURCE, Server, entry, wheel


@pytest.fixture
def serve() -> Iterator[Callable[[], Server]]:
    """Start a server; it runs until the test ends."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start() -> Server:
        server = Server()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = server.reply(self.path, dict(self.headers))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the name that the library calls

            def log_message(self, *_: Any) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((http, thread))
        server.url = f"http://127.0.0.1:{http.server_port}"
        return server

    yield start
    for http, thread in running:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own pip, npm, netrc, proxy or cache settings reaches a test."""
    for name in list(os.environ):
        if name.lower().startswith(("pip_", "npm_config_", "imgaudit_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", os.devnull)
    monkeypatch.setenv("NETRC", os.devnull)
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def add_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write a user's own catalogue and point IMGAUDIT_CATALOGUE to it."""

    def add(text: str) -> None:
        path = tmp_path / "own.toml"
        path.write_text(text, "utf-8")
        monkeypatch.setenv("IMGAUDIT_CATALOGUE", str(path))

    return add


@pytest.fixture
def toy(serve: Callable[[], Server], add_packs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Server:
    """An index with one wheel, and the pinned pack `toy` of it."""
    server = serve()
    server.add_release("toy-model", FILENAME, wheel(MEMBERS))
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(entry("toy", SOURCE, {"model.bin": ("toy/model.bin", MODEL)}))
    return server

